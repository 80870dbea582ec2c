"""The wall on real glass: it fits, it lives, it outlives the hub."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Route, expect
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from tests.browser.conftest import PATIENCE, Glass, Hub, glass, make_key, settings_on
from tests.journeys.conftest import RunningHub, hub_process

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCREENS = ("tong-quan", "ngan-sach", "mot-cua", "giao-thong", "chuyen-doi-so", "du-lieu", "phan-anh")
WALLS = {"1080p": (1920, 1080), "2160p": (3840, 2160), "32-9": (5120, 1440)}
PHONE = (390, 844)
COMMUNE = "25780"  # of which the demo makes up nothing

# What does not fit: the page beyond the glass, text beyond its box, a panel whose letters had to become too small.
MISFITS = """() => {
  const found = [];
  const wall = innerWidth > 900 && innerWidth > innerHeight;
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth) found.push(`the page is ${root.scrollWidth} wide`);
  if (wall && root.scrollHeight > innerHeight) found.push(`the page is ${root.scrollHeight} high`);
  for (const one of document.querySelectorAll("header *, main *, footer *")) {
    const style = getComputedStyle(one);
    if (one.closest("svg, canvas, .dots") || style.display === "inline" || style.overflowX === "auto" || style.clipPath !== "none") continue;
    const name = `${one.closest("[data-widget]")?.dataset.widget ?? ""} ${one.tagName}.${one.className}`;
    if (one.scrollWidth > one.clientWidth + 2) found.push(`${name} is cut at its side: ${one.textContent.slice(0, 60)}`);
    if (wall && one.scrollHeight > one.clientHeight + 2 && style.overflowY !== "visible") found.push(`${name} is cut below`);
  }
  if (wall) for (const panel of document.querySelectorAll(".panel"))
    if (Number(panel.style.getPropertyValue("--fit")) < 0.7) found.push(`${panel.dataset.widget} has letters too small to read`);
  return found;
}"""


async def lasting_misfits(shown: Glass) -> list[str]:
    """What stays cut: when new data comes, letters are fitted to it before the glass is painted next."""
    try:
        await shown.page.wait_for_function(f"() => ({MISFITS})().length === 0", timeout=5_000)
    except PlaywrightTimeoutError:
        misfits: list[str] = await shown.page.evaluate(MISFITS)
        return misfits
    return []


@pytest.mark.parametrize("size", WALLS)
@pytest.mark.parametrize("screen", SCREENS)
async def test_every_page_fits_the_wall(browser: Browser, lively_hub: Hub, screen: str, size: str) -> None:
    async with glass(browser, WALLS[size]) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/{screen}")
        await wall.live()
        dots = wall.page.locator(".dots button")
        for number in range(max(1, await dots.count())):
            if number:
                await dots.nth(number).click()
                await expect(dots.nth(number)).to_have_attribute("aria-current", "page")
            assert await lasting_misfits(wall) == [], f"page {number + 1}"
            await wall.picture(f"{screen}-{number + 1}-{size}")
        assert wall.complaints == []


@pytest.mark.parametrize("screen", SCREENS)
async def test_a_phone_shows_all_pages_below_each_other(browser: Browser, lively_hub: Hub, screen: str) -> None:
    async with glass(browser, PHONE, has_touch=True) as phone:
        await phone.page.goto(f"{lively_hub.url}/screens/{screen}")
        await phone.live()

        assert await lasting_misfits(phone) == []
        lefts = "[...document.querySelectorAll('.panel')].map((one) => Math.round(one.getBoundingClientRect().left))"
        assert len(set(await phone.page.evaluate(lefts))) == 1
        assert phone.complaints == []
        await phone.picture(f"{screen}-phone")


async def test_on_a_phone_the_titles_of_the_pages_lead_to_them(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser, PHONE, has_touch=True) as phone:
        await phone.page.goto(f"{lively_hub.url}/screens/tong-quan")
        await phone.live()
        title = phone.page.locator(".page-title", has_text="Đời sống người dân")
        await expect(title).not_to_be_in_viewport()

        await phone.page.get_by_role("button", name="Đời sống người dân").click()

        await expect(title).to_be_in_viewport()
        await assert_accessible(phone)


async def test_on_a_phone_the_page_that_is_asked_for_is_in_view(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser, PHONE, has_touch=True) as phone:
        await phone.page.goto(f"{lively_hub.url}/screens/tong-quan?page=3")
        await phone.live()

        await expect(phone.page.locator(".page-title").nth(2)).to_be_in_viewport()


@pytest.mark.parametrize(
    ("path", "size"),
    [
        *(
            (f"/screens/{screen}?theme={theme}", WALLS["1080p"])
            for screen in SCREENS[:3]
            for theme in ("dark", "light")
        ),
        ("/screens/chuyen-doi-so", PHONE),
        ("/screens/du-lieu", WALLS["1080p"]),
    ],
)
async def test_everybody_can_read_the_wall(browser: Browser, lively_hub: Hub, path: str, size: tuple[int, int]) -> None:
    async with glass(browser, size, reduced_motion="reduce") as wall:
        await wall.page.goto(f"{lively_hub.url}{path}")
        await wall.live()
        dots = wall.page.locator(".dots button")
        for number in range(max(1, await dots.count())):
            if number:
                await dots.nth(number).click()
            await assert_accessible(wall)


# A panel comes out of nothing: halfway its letters are as pale as those that are forbidden.
APPEARED = """() => Promise.allSettled(
    document.getAnimations().filter(one => one.animationName === "appear").map(one => one.finished))"""


async def assert_accessible(shown: Glass) -> None:
    await shown.page.evaluate(APPEARED)
    found = await Axe().run(shown.page)
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found.response["violations"]] == []


async def test_a_reading_that_arrives_is_on_the_glass(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/giao-thong?unit={COMMUNE}&page=1")
        await wall.live()
        lively_hub.send("traffic.congestion.points", COMMUNE, this_minute(), 4321)
        await wall.number("un-tac", "4.321")

        lively_hub.send("traffic.congestion.points", COMMUNE, this_minute(), 4322)

        await wall.number("un-tac", "4.322")
        await expect(wall.page.locator("[data-widget=un-tac] .number")).to_have_class(re.compile("changed"))


async def test_a_wall_outlives_its_hub_and_its_own_reload(
    browser: Browser, reference_database: str, free_port: int, tmp_path: Path
) -> None:
    settings = settings_on(reference_database) | {"IOC_PORT": str(free_port)}
    key = make_key(tmp_path, reference_database)

    def started() -> Any:
        return hub_process(tmp_path, "--no-demo", settings=settings)

    async with glass(browser) as wall:
        panels = wall.page.locator(".panel")
        # Once there are panels the glass is never without them again, whatever happens below.
        await wall.page.add_init_script("""
            let stood = false;
            setInterval(() => {
              if (document.querySelector(".panel")) stood = true;
              else if (stood) sessionStorage.setItem("blank", "yes");
            }, 10)""")
        with started() as hub:
            await wall.page.goto(f"{hub.url}/screens/giao-thong?unit={COMMUNE}&page=1")
            await wall.live()
            Hub(hub.url, key).send("traffic.congestion.points", COMMUNE, this_minute(), 21)
            await wall.number("un-tac", "21")
            await wall.kept("/screens/")
            there = await panels.count()
            await killed(hub)

            await expect(wall.page.locator(".connection")).to_contain_text("Mất kết nối từ")
            assert await panels.count() == there
            await wall.picture("without-hub")

            await wall.page.reload()
            await wall.number("un-tac", "21")
            assert await panels.count() == there

        with started() as hub:
            await wall.live()
            Hub(hub.url, key).send("traffic.congestion.points", COMMUNE, this_minute(), 22)
            await wall.number("un-tac", "22")

        assert await wall.page.evaluate("sessionStorage.getItem('blank')") is None


async def test_a_wall_says_since_when_the_hub_does_not_keep_up(
    browser: Browser, reference_database: str, free_port: int, tmp_path: Path
) -> None:
    settings = settings_on(reference_database) | {"IOC_PORT": str(free_port)}
    key = make_key(tmp_path, reference_database)

    async with glass(browser) as wall:
        with hub_process(tmp_path, "--no-demo", settings=settings | {"IOC_WORKER": "false"}) as hub:
            await wall.page.goto(f"{hub.url}/screens/giao-thong?unit={COMMUNE}&page=1")
            await wall.live()
            Hub(hub.url, key).send("traffic.congestion.points", COMMUNE, this_minute(), 21)
            async with await psycopg.AsyncConnection.connect(settings["IOC_DATABASE_URL"]) as database:
                await database.execute("UPDATE stale_mark SET marked_at = marked_at - interval '2 minutes'")
            make_key(tmp_path, reference_database)  # a change, so that the hub looks now

            behind = wall.page.locator(".connection[data-state=behind]")
            await expect(behind).to_contain_text("chưa được tính hết")
            assert await lasting_misfits(wall) == []
            await assert_accessible(wall)
            await wall.picture("behind")

        with hub_process(tmp_path, "--no-demo", settings=settings):
            await wall.live()
            await wall.number("un-tac", "21")


def this_second() -> str:
    """Later than the hub's first screens, which may have been made in this minute."""
    return datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")).strftime("%Y-%m-%dT%H:%M:%S")


def this_minute(*, hours_ago: int = 0) -> str:
    there = datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")) - timedelta(hours=hours_ago)
    return there.strftime("%Y-%m-%dT%H:%M:00")


async def well_within_an_hour() -> None:
    """Let the hour turn now rather than while the test looks."""
    left = 3600 - datetime.now(UTC).timestamp() % 3600
    if left < PATIENCE / 1000:
        await asyncio.sleep(left)


async def killed(hub: RunningHub) -> None:
    hub.process.kill()
    await asyncio.to_thread(hub.process.wait)


async def test_figures_grow_old_by_the_clock_alone(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser) as wall:
        await wall.page.clock.install()
        await wall.page.goto(f"{lively_hub.url}/screens/mot-cua?page=1")
        await wall.live()
        figure = wall.page.locator("[data-widget=da-nhan]")
        await expect(figure.locator(".age")).to_have_count(0)

        await wall.page.clock.fast_forward(4 * 24 * 3600 * 1000)

        await expect(figure.locator(".age[data-age=late]")).to_contain_text("chưa cập nhật từ")


async def test_pages_take_turns_and_wait_for_whoever_points_at_them(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser) as wall:
        await wall.page.clock.install()
        await wall.page.goto(f"{lively_hub.url}/screens/tong-quan")
        await wall.live()
        heading, first = wall.page.locator("h1"), await wall.page.locator("h1").inner_text()

        await wall.page.clock.run_for("00:46")
        await expect(heading).not_to_have_text(first)

        second = await heading.inner_text()
        await wall.page.clock.run_for("00:25")
        await wall.page.mouse.move(500, 500)
        await wall.page.clock.run_for("00:20")
        await expect(heading).to_have_text(second)

        await wall.page.clock.run_for("00:45")
        await expect(heading).not_to_have_text(second)


async def test_whoever_stands_before_the_wall_turns_its_pages_with_keys(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser) as wall:
        await wall.page.clock.install()
        await wall.page.goto(f"{lively_hub.url}/screens/tong-quan")
        await wall.live()
        heading = wall.page.locator("h1")

        for key, title in (
            ("ArrowRight", "Đang diễn ra"),
            ("PageDown", "Kinh tế"),
            ("PageUp", "Đang"),
            ("ArrowLeft", "Mỗi"),
            ("3", "Kinh tế"),
            ("Home", "Mỗi"),
            ("End", "Bến Cát: chuyển đổi số"),
            ("9", "Bến Cát: chuyển đổi số"),  # there is none
            ("1", "Mỗi"),
        ):
            await wall.page.keyboard.press(key)
            await expect(heading).to_have_text(re.compile(title))
        await wall.page.keyboard.press("ArrowLeft")
        await expect(heading).to_have_text(re.compile("Bến Cát: chuyển đổi số"))  # the last one

        await wall.page.keyboard.press(" ")
        await expect(wall.page.locator(".stopped")).to_have_text("Đã dừng chuyển trang")
        await wall.page.clock.run_for("10:00")
        await expect(heading).to_have_text(re.compile("Bến Cát: chuyển đổi số"))
        await assert_accessible(wall)

        await wall.page.get_by_role("button", name="Tùy chọn").click()
        await expect(wall.page.get_by_role("dialog")).to_contain_text("Home, End: trang đầu, trang cuối; 1–9")
        await wall.page.get_by_role("button", name="Tiếp tục chuyển trang").click()
        await expect(wall.page.locator(".stopped")).to_have_text("")
        await wall.page.clock.run_for("00:35")
        await expect(heading).to_have_text(re.compile("Mỗi"))


async def test_a_trend_says_what_is_missing_and_that_nothing_happened(browser: Browser, lively_hub: Hub) -> None:
    place = {"y": 0, "w": 6, "h": 4, "kind": "trend", "indicator": "health.emergency", "unit": COMMUNE}
    widgets = [
        {**place, "id": "ngay", "x": 0, "grain": "day", "count": 3, "period": "2026-03-12"},
        {**place, "id": "tuan", "x": 6, "grain": "week", "count": 2, "period": "2026-W11"},
    ]
    lively_hub.define("xu-huong", {"rows": 4, "widgets": widgets})
    for day in range(2, 13):
        if day != 4:
            lively_hub.send("health.emergency", COMMUNE, f"2026-03-{day:02}", 0)

    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/xu-huong")
        await wall.live()

        await expect(wall.page.locator("[data-widget=ngay] .zero")).to_have_text("tất cả bằng 0")
        await expect(wall.page.locator("[data-widget=ngay] .missing")).to_have_count(0)
        await expect(wall.page.locator("[data-widget=tuan] .missing")).to_have_text("thiếu số liệu ở 2/2 kỳ")
        assert wall.complaints == []


async def test_a_trend_speaks_of_the_last_hour_that_is_over(browser: Browser, lively_hub: Hub) -> None:
    place = {"x": 0, "y": 0, "w": 6, "h": 4, "kind": "trend", "id": "xe"}
    trend = {**place, "indicator": "traffic.flow.total", "unit": COMMUNE, "grain": "hour", "count": 2}
    lively_hub.define("dong-xe", {"rows": 4, "widgets": [trend]}, unit=COMMUNE)
    await well_within_an_hour()
    lively_hub.send("traffic.flow.total", COMMUNE, this_minute(hours_ago=1), 1234)
    lively_hub.send("traffic.flow.total", COMMUNE, this_minute(), 7)

    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/dong-xe")
        await wall.live()

        shown = wall.page.locator("[data-widget=xe]")
        await expect(shown.locator(".number")).to_have_text("1.234")
        await expect(shown.locator(".origin")).to_have_text(re.compile(r"^\d+\sgiờ, \d+/\d+"))
        await expect(shown.locator(".latest")).to_have_text(
            re.compile(r"^\d+\sgiờ, \d+/\d+ đến\s\d\d:\d\d: 7\slượt xe$")
        )


async def test_of_a_table_of_which_a_part_is_made_up_each_such_cell_says_so(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/tong-quan?page=4")
        await wall.live()
        table = wall.page.locator("[data-widget=cac-phuong]")
        await expect(table.locator(".foot .synthetic")).to_have_text("mô phỏng")
        await expect(table.locator("td .synthetic")).to_have_count(0)

    place = {"x": 0, "y": 0, "w": 12, "h": 8, "kind": "table", "grain": "day"}
    indicators = ["health.disease.dengue", "health.emergency"]
    lively_hub.define("bang", {"rows": 8, "widgets": [{**place, "id": "bang", "indicators": indicators}]})
    lively_hub.send("health.emergency", "25813", "2026-03-20", 3)
    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/bang")
        await wall.live()
        await expect(wall.page.locator("td .synthetic")).to_have_count(7)
        await expect(wall.page.locator(".foot .synthetic")).to_have_text("mô phỏng 7/8")


async def test_a_display_may_be_pinned_to_a_page_and_speak_english(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/tong-quan?page=2&lang=en&theme=light")
        await wall.live()

        await expect(wall.page.locator("html")).to_have_attribute("lang", "en")
        await expect(wall.page.locator("html")).to_have_attribute("data-theme", "light")
        await expect(wall.page.locator(".dots button")).to_have_count(0)
        await expect(wall.page.locator(".connection")).to_have_text("Live")


async def test_a_screen_that_does_not_exist_is_a_sentence(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/khong-co")

        await expect(wall.page.locator(".notice")).to_contain_text("khong-co")
        await expect(wall.page.locator(".notice a")).to_have_attribute("href", "/")


async def test_a_wall_without_figures_does_not_believe_the_zone_of_its_browser(
    browser: Browser, lively_hub: Hub
) -> None:
    async with glass(browser, timezone_id="America/New_York") as wall:
        await wall.page.clock.set_fixed_time("2026-11-22T18:05:00Z")
        await wall.page.goto(f"{lively_hub.url}/screens/khong-co")

        await expect(wall.page.locator(".clock")).to_have_text("01:05")
        await expect(wall.page.locator(".date")).to_have_text("Thứ hai, 23/11/2026")


@pytest.mark.parametrize(
    ("language", "words"), [("vi", "không có đơn vị trực thuộc"), ("en", "no units below this one")]
)
async def test_the_wall_of_a_ward_shows_it_among_the_others_and_says_that_it_has_no_parts(
    browser: Browser, lively_hub: Hub, language: str, words: str
) -> None:
    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/tong-quan?unit=25840&page=3&lang={language}")
        await wall.live()

        others = wall.page.locator("[data-widget=giai-ngan-phuong] .bars li")
        await expect(others).to_have_count(7)
        await expect(wall.page.locator("[data-widget=giai-ngan-phuong] [data-own]")).to_have_count(1)
        parts = wall.page.locator("[data-widget=thu-theo-phuong]")
        await expect(parts).to_contain_text(words)
        await expect(parts.locator(".bars")).to_have_count(0)
        assert await lasting_misfits(wall) == []


async def test_figures_say_what_they_cover_and_what_they_are_compared_with(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/tong-quan?page=3")
        await wall.live()
        so_far = wall.page.locator("[data-widget=thu-nam] .origin")
        await expect(so_far).to_have_text(re.compile(r"^năm\s\d{4} đến\s\d+/\d+"))

        await wall.page.goto(f"{lively_hub.url}/screens/giao-thong?page=1")
        await wall.live()
        change = wall.page.locator("[data-widget=den-hong] .change")
        await expect(change).to_have_text(re.compile(r"so với (chủ\u00a0nhật|thứ\u00a0\w+)\u00a0\d+/\d+"))


async def test_whoever_presses_a_figure_is_told_where_it_comes_from(browser: Browser, lively_hub: Hub) -> None:
    for ward, period, value in (
        ("25813", "2026-02-03", 30),
        ("25813", "2026-02-04", 12),
        ("25840", "2026-02-04", 1500),
    ):
        lively_hub.send("health.visit.outpatient", ward, period, value)
    place = {"x": 0, "y": 0, "w": 6, "h": 4, "kind": "figure", "id": "luot-kham", "grain": "month"}
    lively_hub.define("nguon-goc", {"rows": 8, "widgets": [{**place, "indicator": "health.visit.outpatient"}]})
    async with glass(browser, reduced_motion="reduce") as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/nguon-goc?period=2026-02")
        await wall.live()

        await wall.page.get_by_role("button", name="1.542").click()

        told = wall.page.get_by_role("dialog", name="Số này từ đâu")
        await expect(told.get_by_role("heading")).to_have_text("Số lượt khám bệnh ngoại trú")
        await expect(told).to_contain_text("tháng 2/2026")
        await expect(told).to_contain_text("1.542 lượt")
        await expect(told).to_contain_text("Từng kỳ: cộng các đơn vị; sau đó cộng các kỳ.")
        await expect(told).to_contain_text(
            "2/7\u00a0đơn\u00a0vị có\u00a0số · mỗi đơn\u00a0vị ít\u00a0nhất 1/28\u00a0kỳ"
        )
        parts = told.get_by_role("table", name="Các đơn vị đã báo cáo").locator("tbody tr")
        await expect(parts.nth(0)).to_contain_text("1.500 lượt4/2/2026")
        await expect(parts.nth(1)).to_contain_text("42 lượt2 kỳ, 3/2/2026 đến 4/2/2026")
        readings = told.get_by_role("table", name="Số liệu đã nhận (3)").locator("tbody tr")
        await expect(readings).to_have_count(3)
        await expect(readings.last).to_contain_text(re.compile(r"30 lượt\s*browser-test"))
        await assert_accessible(wall)
        await wall.page.keyboard.press("Escape")
        await expect(told).to_be_hidden()

        # With the keys, while the hub is away.
        await wall.page.route("**/explain?*", lambda route: route.abort())
        await wall.page.get_by_role("button", name="1.542").press("Enter")
        await expect(told.get_by_role("alert")).to_have_text("Chưa kết nối được máy chủ; xin thử lại.")


async def test_a_code_that_was_given_anew_is_explained_as_whose_it_is_on_the_wall(
    browser: Browser, lively_hub: Hub
) -> None:
    """25840 was another ward in the first half of 2025."""
    lively_hub.send("health.referral", "25840", "2025-11-03", 7)
    place = {"x": 0, "y": 0, "w": 6, "h": 4, "kind": "figure", "id": "goi", "grain": "year"}
    lively_hub.define("ma-cu", {"rows": 8, "widgets": [{**place, "indicator": "health.referral"}]}, unit="25840")
    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/ma-cu?period=2025")
        await wall.live()

        await wall.page.get_by_role("button", name="7").click()

        told = wall.page.get_by_role("dialog", name="Số này từ đâu")
        await expect(told).to_contain_text("Phường Long Nguyên · năm 2025")
        await expect(told.locator(".exactly")).to_contain_text("7")


@pytest.mark.parametrize("size", [WALLS["1080p"], PHONE])
async def test_what_a_rate_comes_from_is_told_part_by_part(
    browser: Browser, lively_hub: Hub, size: tuple[int, int]
) -> None:
    async with glass(browser, size) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/mot-cua")
        await wall.live()

        await wall.page.locator("[data-indicator='tthc.dossier.ontime_rate']").first.click()

        told = wall.page.get_by_role("dialog", name="Số này từ đâu")
        await expect(told).to_contain_text("Tổng tử số chia tổng mẫu số")
        await expect(told.locator("ul li")).to_have_count(2)
        await expect(told.get_by_role("table")).to_have_count(3)
        await expect(told.get_by_role("table").last).to_contain_text("Số hồ sơ đã giải quyết")
        await expect(told.locator(".told")).to_be_focused()
        await wall.picture(f"nguon-goc-{size[0]}")
        assert wall.complaints == []


async def test_a_page_about_another_unit_has_the_name_of_that_one_over_it(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/chuyen-doi-so?page=3")
        await wall.live()
        await expect(wall.page.locator(".place")).to_have_text("Huyện Dầu Tiếng (cũ) · Chuyển đổi số")
        await expect(wall.page.locator("h1")).to_have_text(re.compile("^Dầu Tiếng: "))

    async with glass(browser, PHONE, has_touch=True) as phone:
        await phone.page.goto(f"{lively_hub.url}/screens/chuyen-doi-so")
        await phone.live()
        names = ["Thành phố Bến Cát (cũ)", "Huyện Dầu Tiếng (cũ)", "Huyện Dầu Tiếng (cũ)"]
        await expect(phone.page.locator(".page-place")).to_have_text(names)


async def test_a_ranking_in_which_less_is_better_says_so(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/mot-cua?page=2")
        await wall.live()

        await expect(wall.page.locator("[data-widget=xep-qua-han] .foot")).to_contain_text("ít nhất trước")
        await expect(wall.page.locator("[data-widget=xep-dung-han] .foot")).not_to_contain_text("trước")


async def test_a_map_says_what_its_signs_mean(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/tong-quan?page=2")
        await wall.live()

        await expect(wall.page.locator("[data-widget=ban-do] .key")).to_contain_text(
            re.compile("Đạt tiến độ|Có nguy cơ")
        )


async def test_letters_that_come_late_are_fitted_too(browser: Browser, lively_hub: Hub) -> None:
    shown = asyncio.Event()

    async def late(route: Route) -> None:
        await shown.wait()
        await route.continue_()

    async with glass(browser) as wall:
        await wall.page.route("**/*.woff2", late)
        await wall.page.goto(f"{lively_hub.url}/screens/chuyen-doi-so?page=1", wait_until="commit")
        await wall.live()
        assert await wall.page.evaluate("document.fonts.status") == "loading"
        shown.set()
        await wall.page.evaluate("document.fonts.ready.then(() => null)")
        assert await lasting_misfits(wall) == []


async def test_on_a_phone_a_map_says_below_it_what_has_no_room_on_it(browser: Browser, lively_hub: Hub) -> None:
    place = {
        "x": 0,
        "y": 0,
        "w": 12,
        "h": 8,
        "kind": "map",
        "indicator": "health.visit.outpatient",
        "period": "2026-03-20",
    }
    lively_hub.define("ban-do", {"rows": 8, "widgets": [{**place, "id": "ban-do", "unit_kind": "commune"}]}, unit="79")
    shown = "canvas => canvas.closest('.panel').querySelectorAll('.nameless li').length"
    async with glass(browser, PHONE, has_touch=True) as phone:
        await phone.page.goto(f"{lively_hub.url}/screens/ban-do")
        await phone.live()
        below = phone.page.locator("[data-widget=ban-do] .nameless li")
        await expect(below.nth(100)).to_contain_text("chưa có số liệu")  # of the city's 168
        assert await phone.page.locator("[data-widget=ban-do] canvas").first.evaluate(shown) < 168, (
            "some stand on the map"
        )
        assert await lasting_misfits(phone) == []
        await assert_accessible(phone)

    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/ban-do")
        await wall.live()
        await expect(wall.page.locator("[data-widget=ban-do] .nameless")).to_have_text(
            re.compile(r"^\d+\sđơn\svị không đủ chỗ ghi tên$")
        )
        assert await wall.page.evaluate(MISFITS) == []


async def test_a_wall_may_look_back(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/chuyen-doi-so?page=1&asOf={this_second()}")

        await expect(wall.page.locator(".connection")).to_contain_text("Như tại thời điểm")
        await wall.number("chi-tieu", "21")


async def test_what_an_older_page_remembered_does_no_harm(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser) as wall:
        await wall.page.add_init_script(
            """localStorage.setItem("wall du-lieu? vi", '{"at": 1, "snapshot": {"pages": 3}}')"""
        )
        await wall.page.goto(f"{lively_hub.url}/screens/du-lieu")

        await wall.live()
        assert wall.complaints == []
