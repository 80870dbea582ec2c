// What is counted, in words. The catalogue names measures by codes (UCUM where one exists, else an English plural).

import { language } from "./language.ts";

// Code: Vietnamese word after a number. What is missing reads the same in Vietnamese (kWh, ha, km) or is shown as it is.
const VIETNAMESE: Record<string, string> = {
  "1": "", "boys/100girls": "bé trai/100 bé gái", "children/woman": "con/phụ nữ", "kg/person": "kg/người",
  "m2/person": "m²/người", "passenger-km": "lượt khách.km", "persons/class": "học sinh/lớp", "persons/ha": "người/ha",
  "t-km": "tấn.km", "t/ha": "tấn/ha", "VND/L": "đồng/lít", "VND/ha": "đồng/ha", "VND/person": "đồng/người",
  "VND/person/month": "đồng/người/tháng", "VND/visitor": "đồng/khách", "VND/worker": "đồng/lao động",
  accounts: "tài khoản", admissions: "lượt nhập viện", agencies: "cơ quan", alerts: "cảnh báo", articles: "bài",
  attacks: "cuộc tấn công", beds: "giường", boards: "bảng", calls: "cuộc gọi", cameras: "camera", cards: "thẻ",
  cases: "vụ", certificates: "giấy", class: "hạng", classes: "lớp", clusters: "cụm", codes: "mã", communes: "xã, phường",
  cooperatives: "hợp tác xã", criteria: "tiêu chí", customers: "khách hàng", datasets: "bộ dữ liệu", days: "ngày",
  documents: "văn bản", doses: "liều", dossiers: "hồ sơ", drills: "lần diễn tập", enterprises: "doanh nghiệp",
  establishments: "cơ sở", events: "sự kiện", facilities: "cơ sở", farms: "trang trại", fields: "lĩnh vực",
  files: "hồ sơ", groups: "nhóm", h: "giờ", hamlets: "khu, ấp", heads: "con", hospitals: "bệnh viện", households: "hộ",
  houses: "nhà", hydrants: "trụ nước", incidents: "sự cố", indicators: "chỉ tiêu", inspections: "cuộc kiểm tra",
  installs: "lượt cài", intersections: "nút giao", invoices: "hóa đơn", items: "mục", jobs: "việc làm",
  libraries: "thư viện", licences: "giấy phép", lights: "đèn", machines: "máy", markets: "chợ", masts: "cột",
  medals: "huy chương", meetings: "cuộc họp", mentions: "lượt nhắc", min: "phút", modules: "phân hệ", nights: "đêm",
  outbreaks: "ổ dịch", packages: "gói", parcels: "thửa", parks: "khu", passengers: "lượt khách", patrols: "lượt tuần tra",
  per_1000_births: "‰ ca sinh", per_1000_persons: "trên 1.000 dân", per_100k_persons: "trên 100.000 dân",
  per_10k_persons: "trên 10.000 dân", permits: "giấy phép", persons: "người", petitions: "đơn", points: "điểm",
  procedures: "thủ tục", products: "sản phẩm", profiles: "hồ sơ", projects: "dự án", rank: "", records: "bản ghi",
  reports: "phản ánh", rooms: "phòng", schools: "trường", sellers: "người bán", sessions: "phiên", signals: "tín hiệu",
  signatures: "chữ ký số", sites: "điểm", spaces: "chỗ", stations: "trạm", subscribers: "thuê bao", systems: "hệ thống",
  t: "tấn", targets: "chỉ tiêu", tasks: "nhiệm vụ", teams: "tổ", tickets: "lượt", titles: "danh hiệu",
  transactions: "giao dịch", trees: "cây", units: "đơn vị", vehicles: "lượt xe", visitors: "lượt khách", visits: "lượt",
  votes: "lượt đánh giá", vulnerabilities: "lỗ hổng", works: "công trình", years: "năm",
};
const ENGLISH: Record<string, string> = {
  "1": "", "m2/person": "m²/person", h: "hours", min: "minutes", per_1000_births: "per 1,000 births",
  per_1000_persons: "per 1,000 people", per_100k_persons: "per 100,000 people", per_10k_persons: "per 10,000 people",
  rank: "", t: "tonnes", vehicles: "vehicles",
};
const SIGNS: Record<string, string> = { Cel: "°C", m2: "m²", m3: "m³", "m3/h": "m³/h", "ug/m3": "µg/m³" };

/** The word that stands after a number of this measure; money is named by what the number was scaled to. */
export function measureWord(measure: string): string {
  const words = language === "vi" ? VIETNAMESE : ENGLISH;
  return words[measure] ?? SIGNS[measure] ?? measure;
}

/** Money of which thousands, millions and billions are written out; `per` is what follows, such as /người. */
export function moneyWord(measure: string): string | null {
  const [currency, ...per] = measure.split("/");
  if (currency === "USD") return "USD";
  if (currency !== "VND") return null;
  return per.length === 0 ? (language === "vi" ? "đồng" : "VND") : measureWord(measure);
}

/** What is said once of many numbers of this measure; nothing of shares, which carry their sign. */
export function sharedWord(measure: string): string {
  return measure === "%" ? "" : (moneyWord(measure) ?? measureWord(measure));
}
