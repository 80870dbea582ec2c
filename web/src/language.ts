// The words of the page. Vietnamese unless the address says otherwise: the computer behind a wall is often set to English.

export type Language = "vi" | "en";

export const language: Language =
  typeof location !== "undefined" && new URLSearchParams(location.search).get("lang") === "en" ? "en" : "vi";

// Two syllables of one word, and a number with what it counts, do not part at the end of a line where lines are short.
const WORDS = {
  "age.due": ["đến kỳ cập nhật", "an update is due"],
  "age.late": ["chưa cập nhật từ\u00a0{when}", "no update since\u00a0{when}"],
  "ago.days": ["{n} ngày trước", "{n} days ago"],
  "ago.hours": ["{n} giờ trước", "{n} h ago"],
  "ago.minutes": ["{n} phút trước", "{n} min ago"],
  "ago.now": ["vừa xong", "just now"],
  "as-of": ["Như tại thời điểm {when}", "As it stood at {when}"],
  "change.none": ["không\u00a0đổi", "no change"],
  "change.points": ["điểm\u00a0%", "points"],
  "compare.ceiling": ["{pct}\u00a0mức\u00a0trần", "{pct} of the\u00a0ceiling"],
  "compare.elapsed": ["{pct}\u00a0thời\u00a0gian", "{pct} of the\u00a0time"],
  "compare.goal": ["mục\u00a0tiêu\u00a0{value}", "target\u00a0{value}"],
  "compare.previous": ["so với {period}", "vs {period}"],
  "compare.unlike": ["khi đó {coverage}", "then {coverage}"],
  "compare.wordless": [
    "so với kỳ liền trước; ngày và giờ: với cùng thứ tuần trước",
    "compared with the period before; days and hours: with the same weekday a week ago",
  ],
  "compare.target": ["{pct}\u00a0kế\u00a0hoạch", "{pct} of\u00a0plan"],
  "compare.year_ago": ["so cùng kỳ", "on last year"],
  "coverage": ["{have}/{all}\u00a0đơn\u00a0vị có\u00a0số", "{have}\u00a0of\u00a0{all}\u00a0units"],
  "dialog.close": ["Đóng", "Close"],
  "domains.title": ["Các lĩnh vực", "Fields"],
  "domains.empty": ["Chưa có số liệu", "No figures yet"],
  "domains.withheld": ["Không công khai", "Not public"],
  "feed.empty": ["Chưa có phản ánh, sự cố nào.", "No reports or incidents."],
  "live": ["Trực tiếp", "Live"],
  "live.connecting": ["Đang kết nối…", "Connecting…"],
  "live.lost": [
    "Mất kết nối từ {since} – đang hiển thị số liệu lúc {shown}",
    "No connection since {since} – showing the figures of {shown}",
  ],
  "live.unreachable": ["Chưa kết nối được máy chủ; đang thử lại…", "The server cannot be reached yet; trying again…"],
  "map.elsewhere": ["{n}\u00a0đơn\u00a0vị chưa có tọa\u00a0độ", "{n}\u00a0units without coordinates"],
  "map.size": ["càng to, số càng lớn", "the larger, the more"],
  "menu": ["Tùy chọn", "Options"],
  "menu.dark": ["Nền tối", "Dark"],
  "menu.full": ["Toàn màn hình", "Full screen"],
  "menu.home": ["Trang chủ", "Home"],
  "menu.language": ["English", "Tiếng Việt"],
  "menu.light": ["Nền sáng", "Light"],
  "menu.pair": ["Ghép nối màn hình", "Pair this display"],
  "menu.pause": ["Dừng chuyển trang (phím cách)", "Stop turning pages (space bar)"],
  "menu.resume": ["Tiếp tục chuyển trang (phím cách)", "Go on turning pages (space bar)"],
  "menu.turn": [
    "Phím ← → hoặc Page Up, Page Down: chuyển trang; Home, End: trang đầu, trang cuối; 1–9: chọn trang",
    "Keys ← → or Page Up, Page Down: turn pages; Home, End: first, last page; 1–9: choose a page",
  ],
  "origin.source": ["nguồn: {source}", "source: {source}"],
  "outcome.done": ["hoàn thành", "done"],
  "outcome.expected": ["dự kiến đạt", "expected"],
  "outcome.missed": ["không đạt", "missed"],
  "outcome.not_started": ["chưa thực hiện", "not started"],
  "outcome.ongoing": ["đang thực hiện", "under way"],
  "outcome.unmeasured": ["chưa thống kê được", "not measurable"],
  "page": ["Trang {n}", "Page {n}"],
  "pages": ["Các trang", "Pages"],
  "pages.stopped": ["Đã dừng chuyển trang", "Pages do not turn"],
  "pairing.ask": [
    "Đọc mã này cho người vận hành; màn hình sẽ tự tiếp tục.",
    "Read this code to the operator; the display goes on by itself.",
  ],
  "pairing.done": ["Đã ghép nối.", "Paired."],
  "pairing.name": ["Màn hình này là “{name}”.", "This display is “{name}”."],
  "pairing.failed": ["Chưa lấy được mã. Hãy thử lại sau.", "No code could be had. Try again later."],
  "partial": ["chưa đủ kỳ", "not complete"],
  "period.up-to": ["{period} đến\u00a0{when}", "{period} to\u00a0{when}"],
  "progress.of": ["trên {total}", "of {total}"],
  "ranking.equal": ["{n} cùng hạng\u00a0{rank}", "{n} of them rank\u00a0{rank} as well"],
  "ranking.fewest": ["ít nhất trước", "fewest first"],
  "ranking.lowest": ["thấp nhất trước", "lowest first"],
  "ranking.more": ["còn {n}\u00a0đơn\u00a0vị nữa", "{n} more units"],
  "ranking.without": ["{n}/{all}\u00a0đơn\u00a0vị chưa\u00a0có\u00a0số", "{n}\u00a0of\u00a0{all}\u00a0units without a figure"],
  "reason.gap": ["thiếu số liệu", "figures are missing"],
  "reason.no-counterpart": ["không có kỳ để so", "nothing to compare with"],
  "reason.no-data": ["chưa có số liệu", "no figure yet"],
  "reason.no-such-unit": ["không có đơn vị này", "no such unit"],
  "reason.no-units": ["không có đơn vị trực thuộc", "no units below this one"],
  "reason.not-additive": ["không cộng gộp được", "does not add up"],
  "reason.not-applicable": ["không áp dụng", "not applicable"],
  "reason.not-public": ["không công khai", "not public"],
  "rest": ["Phần còn lại", "The rest"],
  "screen.problem": ["Không mở được màn hình", "The screen cannot be shown"],
  "screen.others": ["Xem các màn hình khác", "See the other screens"],
  "sources.late": ["Chậm", "Late"],
  "sources.due": ["Đến hạn", "Due"],
  "sources.fresh": ["Đúng hạn", "On time"],
  "sources.last": ["Gửi gần nhất", "Last sent"],
  "sources.name": ["Nguồn số liệu", "Source"],
  "sources.never": ["chưa gửi", "never"],
  "sources.series": ["Chuỗi số liệu", "Series"],
  "state.at_risk": ["Có nguy cơ", "At risk"],
  "state.off_track": ["Không đạt", "Off track"],
  "state.on_track": ["Đạt tiến độ", "On track"],
  "status.estimated": ["ước", "estimate"],
  "status.final": ["chính\u00a0thức", "final"],
  "status.provisional": ["sơ\u00a0bộ", "preliminary"],
  "synthetic": ["mô phỏng", "synthetic"],
  "synthetic.some": ["mô phỏng {n}/{all}", "{n} of {all} synthetic"],
  "synthetic.long": ["Số liệu mô phỏng để trình diễn, không phải số thật", "Made up for the demo, not a measurement"],
  "table.unit": ["Đơn vị", "Unit"],
  "trend.last": ["cùng kỳ năm trước", "the year before"],
  "trend.periods": ["thiếu số\u00a0liệu ở\u00a0{n}/{all}\u00a0kỳ", "figures missing in {n}\u00a0of\u00a0{all}\u00a0periods"],
  "trend.units": ["thiếu đơn\u00a0vị ở\u00a0{n}/{all}\u00a0kỳ", "units missing in {n}\u00a0of\u00a0{all}\u00a0periods"],
  "trend.zero": ["tất cả bằng 0", "all zero"],
  "landing.lead": [
    "Nơi tập hợp số liệu của các ngành và các xã, phường, giữ nguồn gốc và lịch sử của từng con số, cho thấy tình hình của địa phương đúng và kịp thời.",
    "Here the figures of all sectors, communes and wards come together, each with its source and its history, to show where the city stands, right and in time.",
  ],
  "landing.title": ["Trung tâm Giám sát, Điều hành thông minh", "Intelligent Operations Centre"],
  "landing.screens": ["Màn hình", "Screens"],
  "landing.screens.none": ["Chưa có màn hình nào.", "There are no screens yet."],
  "landing.screens.failed": ["Chưa tải được danh sách màn hình.", "The list of screens could not be loaded."],
  "landing.unit": ["Xem của đơn vị", "Of the unit"],
  "landing.unit.own": ["Mặc định của màn hình", "The screen's own"],
  "landing.pages": ["{n} trang", "{n} pages"],
  "landing.page": ["1 trang", "1 page"],
  "landing.more": ["Dành cho người vận hành", "For operators and developers"],
  "landing.docs": ["Tài liệu API", "API documentation"],
  "landing.docs.text": ["Gửi số liệu, lấy số liệu, tự làm màn hình", "Send figures, ask for figures, build a screen"],
  "landing.health": ["Tình trạng hệ thống", "System health"],
  "landing.health.ok": ["Hoạt động bình thường", "Working"],
  "landing.health.bad": ["Đang có trục trặc", "Something is wrong"],
  "landing.health.unknown": ["Chưa kết nối được", "Cannot be reached"],
  "landing.health.asking": ["Đang hỏi…", "Asking…"],
} as const satisfies Record<string, readonly [vi: string, en: string]>;

export type Word = keyof typeof WORDS;

/** The word in the page's language, its `{gaps}` filled. */
export function say(word: Word, gaps: Record<string, string | number> = {}): string {
  const text: string = WORDS[word][language === "vi" ? 0 : 1];
  return text.replace(/\{(\w+)\}/g, (gap, name: string) => String(gaps[name] ?? gap));
}

/** Why there is no number. Reasons that only the hub's engineers tell apart are one for viewers. */
export function sayWhyNot(reason: string | null | undefined): string {
  const word = `reason.${reason ?? "no-data"}`;
  return say(word in WORDS ? (word as Word) : "reason.gap");
}
