"""`/reports`: a citizen looks, sends with a photo, and follows; on a phone, on a line that breaks."""

import asyncio
import io
import re
import uuid
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.async_api import Browser, BrowserContext, FilePayload, Route, expect

from tests.browser.conftest import Glass, Hub, glass
from tests.browser.test_wall import MISFITS, assert_accessible

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = (390, 844)
HERE = {"latitude": 11.1893, "longitude": 106.6061}  # in Bến Cát ward
THERE = {"geolocation": HERE, "permissions": ["geolocation"]}


def a_photo() -> FilePayload:
    """A photo that goes in several pieces."""
    picture = Image.effect_noise((1000, 900), 90).convert("RGB")
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=88)
    assert len(content.getvalue()) > 2 * 256 * 1024
    return {"name": "den.jpg", "mimeType": "image/jpeg", "buffer": content.getvalue()}


def handled(hub: Hub, report: str) -> None:
    for order in (
        {"to": "accepted"}, {"to": "processing"}, {"to": "resolved", "outcome": "fixed", "reply": "Đã thay bóng đèn."},
        {"to": "approved"}, {"to": "published"},
    ):  # fmt: skip
        answer = httpx.post(
            f"{hub.url}/v1/reports/{report}/transitions", json=order, headers={"X-API-Key": hub.key}, timeout=30
        )
        assert answer.status_code == 200, answer.text


def visited(hub: Hub, body: dict[str, object]) -> None:
    """Sent as the page sends it."""
    httpx.post(f"{hub.url}/v1/reports", json=body, headers={"X-Visitor-Token": "t" * 40}).raise_for_status()


async def misfits(shown: Glass) -> list[str]:
    """As on a wall, but that this page scrolls."""
    return [one for one in await shown.page.evaluate(MISFITS) if not one.endswith(" high")]


async def filled(phone: Glass, words: str) -> None:
    await phone.page.get_by_role("link", name="Gửi phản ánh").click()
    form = phone.page.locator("form")  # the list that it comes after has a choice of the same name
    await form.get_by_label("Lĩnh vực").select_option("trees-lighting")
    await form.get_by_label("Sự việc thế nào").fill(words)
    await form.get_by_role("button", name="Vị trí của tôi").click()
    await expect(form.get_by_text("Đã chọn vị trí 11.18930")).to_be_visible()


async def addressed(phone: Glass, words: str) -> None:
    """Without a place on the map."""
    await phone.page.get_by_label("Lĩnh vực").select_option("road")
    await phone.page.get_by_label("Sự việc thế nào").fill(words)
    await phone.page.get_by_label("Địa chỉ").fill("Đường tỉnh 744")


@pytest.mark.parametrize("size", [PHONE, (1920, 1080)])
@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_everybody_can_look(browser: Browser, lively_hub: Hub, size: tuple[int, int], theme: str) -> None:
    async with glass(browser, size) as shown:
        await shown.page.goto(f"{lively_hub.url}/reports?theme={theme}")
        await expect(shown.page.locator(".cards li")).to_have_count(20)
        await expect(shown.page.locator(".pin").first).to_be_visible()
        await expect(shown.page.locator(".cards b").first).to_contain_text("[MÔ PHỎNG]")

        assert await misfits(shown) == []
        await assert_accessible(shown)
        await shown.picture(f"reports-{theme}-{size[0]}")

        await shown.page.locator(".cards a").first.click()
        await expect(shown.page.locator(".history li").first).to_contain_text("Mới tiếp nhận")
        await assert_accessible(shown)
        await shown.picture(f"report-{theme}-{size[0]}")

        await shown.page.goto(f"{lively_hub.url}/reports?theme={theme}#send")
        await expect(shown.page.locator("#what option")).to_have_count(23)
        assert await misfits(shown) == []
        await assert_accessible(shown)
        await shown.picture(f"report-form-{theme}-{size[0]}")
        assert shown.complaints == []


async def test_a_citizen_sends_with_a_photo_on_a_bad_line_and_follows(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser, PHONE, has_touch=True, **THERE) as phone:
        sent: list[str] = []

        async def break_some(route: Route) -> None:
            """The first answer to the report, and that to the second piece of the photo, are lost on their way."""
            sent.append(f"{route.request.method} {route.request.headers.get('content-range', '')}")
            if len(sent) in (1, 3):
                await route.fetch()
                await route.abort("connectionreset")
            else:
                await route.continue_()

        await phone.page.route(
            re.compile(r"/v1/reports(/[^/]+/photos/\d+)?$"),
            lambda route: break_some(route) if route.request.method in {"POST", "PUT"} else route.continue_(),
        )
        await phone.page.goto(f"{lively_hub.url}/reports")
        await filled(phone, "Đèn đường trước nhà không sáng.")
        await with_a_photo(phone)
        await phone.page.locator("form button[type=submit]").click()

        await expect(phone.page.locator("h1")).to_have_text("Đã nhận phản ánh")
        await assert_accessible(phone)
        await phone.page.get_by_role("link", name="Theo dõi phản ánh này").click()
        await expect(phone.page.locator(".photos img")).to_have_count(1)
        await expect(phone.page.get_by_text("Chỉ bạn và trung tâm thấy")).to_be_visible()
        assert sent[:2] == ["POST ", "POST "]
        assert any(re.fullmatch(r"PUT bytes \*/\d+", one) for one in sent)
        report = phone.page.url.partition("#")[2]
        await phone.picture("report-sent-390")

        async with glass(browser, PHONE) as stranger:
            await stranger.page.goto(f"{lively_hub.url}/reports#{report}")
            await expect(stranger.page.locator("main")).to_contain_text("Không có phản ánh này")

            handled(lively_hub, report)

            await stranger.page.reload()
            await expect(stranger.page.locator(".reply")).to_contain_text("Đã thay bóng đèn.")
            await expect(stranger.page.locator(".photos img")).to_have_count(1)
            await assert_accessible(stranger)

        await phone.page.goto(f"{lively_hub.url}/reports")
        await expect(phone.page.locator(".own a")).to_have_count(1)
        await expect(phone.page.locator(".own .state")).to_have_text("Đã công khai")


async def cut(context: BrowserContext, method: str) -> None:
    """The line takes no such request any more."""
    await context.route(
        re.compile(r"/v1/reports(/[^/]+/photos/\d+)?$"),
        lambda route: route.abort() if route.request.method == method else route.continue_(),
    )


async def with_a_photo(phone: Glass) -> None:
    await phone.page.get_by_label("Chụp hoặc chọn ảnh").set_input_files(a_photo())
    await expect(phone.page.locator(".chosen-photos li")).to_have_count(1)


async def test_what_was_not_sent_before_the_page_was_closed_is_sent_later_and_once(
    browser: Browser, lively_hub: Hub
) -> None:
    async with glass(browser, PHONE, **THERE) as phone:
        await cut(phone.page.context, "POST")
        await phone.page.goto(f"{lively_hub.url}/reports")
        await filled(phone, "Cây đổ chắn đường.")
        await with_a_photo(phone)
        await phone.page.locator("form button[type=submit]").click()
        await expect(phone.page.get_by_text("có thể đóng trang")).to_be_visible()
        await assert_accessible(phone)
        await phone.picture("report-waiting-390")
        await phone.page.close()
        await phone.page.context.unroute_all()

        later, beside = [await phone.page.context.new_page() for _ in range(2)]
        await asyncio.gather(*(one.goto(f"{lively_hub.url}/reports") for one in (later, beside)))

        for one in (later, beside):
            await expect(one.locator(".own b")).to_have_text(["Cây đổ chắn đường."])
            await expect(one.locator(".waiting")).to_have_count(0)
        await later.locator(".own a").click()
        await expect(later.locator(".photos img")).to_have_count(1)


async def test_a_photo_goes_on_where_the_page_was_closed(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser, PHONE, **THERE) as phone:
        ranges: list[str] = []

        async def cut_after_the_first_piece(route: Route) -> None:
            ranges.append(route.request.headers["content-range"])
            await (route.continue_() if len(ranges) == 1 else route.abort())

        await phone.page.route("**/photos/1", cut_after_the_first_piece)
        await phone.page.goto(f"{lively_hub.url}/reports")
        await filled(phone, "Vỉa hè hỏng.")
        await with_a_photo(phone)
        await phone.page.locator("form button[type=submit]").click()
        await expect(phone.page.locator("h1")).to_have_text("Đã nhận phản ánh")
        await expect(phone.page.get_by_text("còn 1 ảnh chờ gửi")).to_be_visible()
        await expect(phone.page.get_by_text("có thể đóng trang")).to_be_visible()
        await phone.page.close()
        assert ranges[0].startswith("bytes 0-262143/")

        later = await phone.page.context.new_page()
        again: list[str] = []
        later.on("request", lambda one: again.append(one.headers.get("content-range", "")))
        await later.goto(f"{lively_hub.url}/reports")
        await expect(later.locator(".own b")).to_have_text(["Vỉa hè hỏng."])
        await expect(later.locator(".waiting")).to_have_count(0)

        question, piece, *_ = [one for one in again if one]
        assert question.startswith("bytes */")
        assert piece.startswith("bytes 262144-")


async def test_what_is_half_written_survives_and_may_be_discarded(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser, PHONE, **THERE) as phone:
        await phone.page.goto(f"{lively_hub.url}/reports")
        await filled(phone, "Nắp cống vỡ ở")
        await with_a_photo(phone)
        await expect(phone.page.get_by_text("Bản nháp được lưu")).to_be_visible()

        await phone.page.goto(f"{lively_hub.url}/reports?again")
        await expect(phone.page.locator(".waiting")).to_contain_text("Nắp cống vỡ ở")
        await phone.page.get_by_role("link", name="Viết tiếp").click()

        await expect(phone.page.get_by_label("Sự việc thế nào")).to_have_value("Nắp cống vỡ ở")
        await expect(phone.page.get_by_label("Lĩnh vực")).to_have_value("trees-lighting")
        await expect(phone.page.get_by_text("Đã chọn vị trí 11.18930")).to_be_visible()
        await expect(phone.page.locator(".chosen-photos img")).to_have_count(1)
        assert await misfits(phone) == []
        await assert_accessible(phone)
        await phone.picture("report-draft-390")
        phone.page.on("dialog", lambda dialog: dialog.accept())
        await phone.page.get_by_role("button", name="Bỏ bản nháp").click()
        await expect(phone.page.locator("h1")).to_have_text("Phản ánh hiện trường")
        await expect(phone.page.locator(".waiting")).to_have_count(0)
        assert phone.complaints == []


async def test_what_the_hub_does_not_take_is_there_to_be_corrected(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser, PHONE) as phone:
        refusal = {"status": 422, "title": "", "detail": "Nơi này ngoài địa bàn."}
        await phone.page.route(
            "**/v1/reports",
            lambda route: (
                route.fulfill(status=422, json=refusal) if route.request.method == "POST" else route.continue_()
            ),
        )
        await phone.page.goto(f"{lively_hub.url}/reports#send")
        await addressed(phone, "Ổ gà.")
        await phone.page.locator("form button[type=submit]").click()

        await expect(phone.page.locator("form [role=alert]")).to_have_text("Nơi này ngoài địa bàn.")
        await expect(phone.page.get_by_label("Sự việc thế nào")).to_have_value("Ổ gà.")
        await phone.page.unroute_all()
        await phone.page.locator("form button[type=submit]").click()

        await expect(phone.page.locator("h1")).to_have_text("Đã nhận phản ánh")


async def test_what_is_chosen_stands_before_the_choices_have_come(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser, PHONE, **THERE) as phone:
        await phone.page.goto(f"{lively_hub.url}/reports")
        await filled(phone, "Hố ga mất nắp.")
        await expect(phone.page.get_by_text("Bản nháp được lưu")).to_be_visible()
        slow = asyncio.Event()

        async def slowly(route: Route) -> None:
            await slow.wait()
            await route.continue_()

        await phone.page.evaluate("() => localStorage.clear()")  # the choices of before
        await phone.page.route("**/v1/reports/categories", slowly)
        await phone.page.goto(f"{lively_hub.url}/reports?again#send")
        await expect(phone.page.get_by_label("Sự việc thế nào")).to_have_value("Hố ga mất nắp.")
        await expect(phone.page.locator("#what option")).to_have_count(1)

        await phone.page.locator("form button[type=submit]").click()

        await expect(phone.page.locator("h1")).to_have_text("Đã nhận phản ánh")
        slow.set()


async def test_without_a_line_one_writes_and_it_is_sent_when_the_line_is_back(
    browser: Browser, lively_hub: Hub
) -> None:
    async with glass(browser, PHONE, **THERE) as phone:
        await phone.page.goto(f"{lively_hub.url}/reports")
        await expect(phone.page.locator(".cards a").first).to_be_visible()
        await phone.kept("/reports")
        await phone.page.context.set_offline(True)
        await phone.page.goto(f"{lively_hub.url}/reports")
        await expect(phone.page.get_by_text("Chưa kết nối được máy chủ")).to_be_visible()
        await filled(phone, "Cột điện nghiêng.")
        await phone.page.locator("form button[type=submit]").click()
        await expect(phone.page.get_by_text("có thể đóng trang")).to_be_visible()

        await phone.page.context.set_offline(False)

        await expect(phone.page.locator("h1")).to_have_text("Đã nhận phản ánh")


async def test_what_waits_may_be_discarded(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser, PHONE) as phone:
        await cut(phone.page.context, "POST")
        await phone.page.goto(f"{lively_hub.url}/reports#send")
        await addressed(phone, "Viết nhầm.")
        await phone.page.locator("form button[type=submit]").click()
        phone.page.on("dialog", lambda dialog: dialog.accept())
        await phone.page.get_by_role("button", name="Bỏ, không gửi").click()
        await expect(phone.page.locator("h1")).to_have_text("Phản ánh hiện trường")
        await phone.page.context.unroute_all()

        await phone.page.goto(f"{lively_hub.url}/reports?again")

        await expect(phone.page.locator(".columns .cards a").first).to_be_visible()
        await expect(phone.page.locator(".waiting, .own a")).to_have_count(0)


async def test_the_page_says_what_is_missing_and_english_is_one_click_away(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser, PHONE) as phone:
        await phone.page.goto(f"{lively_hub.url}/reports#send")
        await phone.page.locator("form button[type=submit]").click()
        await expect(phone.page.locator("form .said").last).to_have_text("Xin chọn lĩnh vực.")

        await phone.page.get_by_role("link", name="English").click()

        await expect(phone.page.locator("h1")).to_have_text("Send a report")
        box = await phone.page.locator(".places").bounding_box()
        assert box is not None
        await phone.page.mouse.click(box["x"] + 100, box["y"] + 100)
        await expect(phone.page.locator("form .said").first).to_contain_text("Chosen:")
        assert phone.complaints == []


async def test_the_wall_shows_what_has_just_been_published(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/phan-anh?page=1&unit=25813")
        await wall.live()
        waiting = wall.page.locator("[data-widget=nhan-thang] .number")
        before = int(re.sub(r"\D", "", await waiting.inner_text()))
        body: dict[str, object] = {
            "id": "5f0d3f5e-7a53-4f3c-9d5e-2f6d1a9b7c01", "category": "road", "description": "Ổ gà trước cổng trường.",
            "point": HERE,
        }  # fmt: skip
        visited(lively_hub, body)

        await wall.number("nhan-thang", str(before + 1))
        handled(lively_hub, str(body["id"]))
        await expect(wall.page.locator("[data-widget=moi-nhat] li").first).to_contain_text("Ổ gà trước cổng trường.")


# --- one's own ---


def moved(hub: Hub, report: str, **order: str) -> None:
    answer = httpx.post(
        f"{hub.url}/v1/reports/{report}/transitions", json=order, headers={"X-API-Key": hub.key}, timeout=30
    )
    assert answer.status_code == 200, answer.text


def photographed(hub: Hub, report: str) -> None:
    """By the agency, when it was done."""
    answer = httpx.put(
        f"{hub.url}/v1/reports/{report}/photos/1",
        content=a_photo()["buffer"],
        headers={"X-API-Key": hub.key},
        timeout=60,
    )
    assert answer.status_code == 201, answer.text


def known(hub: Hub, path: str) -> dict[str, Any]:
    """To staff."""
    answer: dict[str, Any] = httpx.get(f"{hub.url}/v1/reports/{path}", headers={"X-API-Key": hub.key}).json()
    return answer


def sent_by(token: str, hub: Hub, **body: object) -> str:
    """A report of a browser that has this token."""
    report: str = str(uuid.uuid4())
    whole: dict[str, object] = {"id": report, "category": "road", "point": HERE, "channel": "web"} | body
    httpx.post(f"{hub.url}/v1/reports", json=whole, headers={"X-Visitor-Token": token}).raise_for_status()
    return report


async def known_by(phone: Glass, token: str) -> None:
    await phone.page.add_init_script(f"localStorage.setItem('visitor-token', JSON.stringify('{token}'))")


async def test_a_citizen_judges_the_answer_and_reopens_the_report(browser: Browser, lively_hub: Hub) -> None:
    token = "r" * 40
    report = sent_by(token, lively_hub, description="Ổ gà sâu trước cổng chợ.")
    handled(lively_hub, report)
    photographed(lively_hub, report)
    async with glass(browser, PHONE, color_scheme="dark") as phone:
        await known_by(phone, token)
        await phone.page.goto(f"{lively_hub.url}/reports#{report}")
        await expect(phone.page.locator(".reply")).to_contain_text("đã khắc phục")
        await expect(phone.page.get_by_alt_text("Ảnh 1, sau khi xử lý")).to_be_visible()
        assert await misfits(phone) == []
        await assert_accessible(phone)
        await phone.picture("report-own-390")
        assert await phone.page.evaluate(SMALL) == []

        await phone.page.get_by_role("button", name="Gửi đánh giá").click()
        await expect(phone.page.get_by_text("Xin chọn từ 1 đến 5 sao.")).to_be_visible()
        await phone.page.get_by_text("2 – không hài lòng").click()
        await phone.page.get_by_label("Nhận xét").fill("Vá rồi lại bong.")
        await phone.page.get_by_role("button", name="Gửi đánh giá").click()
        await expect(phone.page.get_by_text("Lần 1: bạn đánh giá 2/5 sao – “Vá rồi lại bong.”")).to_be_visible()

        await phone.page.get_by_label("Vì sao cần mở lại").fill("Mưa xuống lại thành ổ gà.")
        await phone.page.get_by_role("button", name="Mở lại phản ánh").click()
        await expect(phone.page.locator("h1 + .facts .state")).to_have_text("Mở lại")
        await expect(phone.page.locator(".history")).to_contain_text("Mưa xuống lại thành ổ gà.")
        for order in (
            {"to": "processing"}, {"to": "resolved", "outcome": "fixed", "reply": "Đã thảm lại."}, {"to": "approved"},
        ):  # fmt: skip
            moved(lively_hub, report, **order)
        await phone.page.reload()
        await expect(phone.page.locator(".history")).to_contain_text("Đã thay bóng đèn.")
        await phone.page.get_by_text("5 – rất hài lòng").click()
        await phone.page.get_by_role("button", name="Gửi đánh giá").click()
        await expect(phone.page.get_by_text("Lần 2: bạn đánh giá 5/5 sao")).to_be_visible()
        await phone.page.get_by_role("button", name="Đồng ý, đóng phản ánh").click()
        await expect(phone.page.locator("h1 + .facts .state")).to_have_text("Đóng")
        await assert_accessible(phone)
        assert phone.complaints == []


async def test_a_citizen_answers_what_the_centre_asks_and_comments(browser: Browser, lively_hub: Hub) -> None:
    token = "q" * 40
    report = sent_by(token, lively_hub, description="Đèn tín hiệu hỏng.")
    moved(lively_hub, report, to="need_info", reason="Ở ngã tư nào?")
    async with glass(browser, PHONE) as phone:
        await known_by(phone, token)
        await phone.page.goto(f"{lively_hub.url}/reports")
        await phone.page.locator(".own a").click()
        await expect(phone.page.locator(".deed").first).to_contain_text("Ở ngã tư nào?")
        await assert_accessible(phone)
        await phone.picture("report-question-390")

        await phone.page.get_by_label("Bổ sung của bạn").fill("Ngã tư Hùng Vương.")
        await phone.page.get_by_label("Thêm ảnh").set_input_files(a_photo())
        await phone.page.get_by_role("button", name="Gửi bổ sung").click()

        await expect(phone.page.locator("h1 + .facts .state")).to_have_text("Mới tiếp nhận")
        await expect(phone.page.locator(".history")).to_contain_text("Ngã tư Hùng Vương.")
        await expect(phone.page.locator(".photos img")).to_have_count(1)
        await phone.page.get_by_label("Ý kiến của bạn").fill("Giờ tan tầm rất nguy hiểm.")
        await phone.page.get_by_role("button", name="Gửi ý kiến").click()
        await expect(phone.page.locator(".comments")).to_contain_text("Giờ tan tầm rất nguy hiểm.")
        await expect(phone.page.get_by_label("Ý kiến của bạn")).to_have_value("")
        said = known(lively_hub, f"{report}/comments")["items"]
        assert [one["words"] for one in said] == ["Giờ tan tầm rất nguy hiểm."]
        assert phone.complaints == []


async def test_a_citizen_reads_why_a_report_was_not_taken(browser: Browser, lively_hub: Hub) -> None:
    token = "n" * 40
    report = sent_by(token, lively_hub, description="Bãi rác tự phát.")
    moved(lively_hub, report, to="rejected", rejection="out_of_scope", reason="Thuộc tỉnh bên.")
    async with glass(browser, PHONE) as phone:
        await known_by(phone, token)
        await phone.page.goto(f"{lively_hub.url}/reports#{report}")

        await expect(phone.page.locator(".reply")).to_have_text("Không thuộc phạm vi tiếp nhậnThuộc tỉnh bên.")
        await expect(phone.page.get_by_role("button", name="Gửi đánh giá")).to_have_count(0)
        await assert_accessible(phone)


async def test_a_citizen_takes_a_report_back_after_a_second_thought(browser: Browser, lively_hub: Hub) -> None:
    token = "w" * 40
    report = sent_by(token, lively_hub, description="Gửi nhầm.")
    async with glass(browser, PHONE) as phone:
        await known_by(phone, token)
        await phone.page.goto(f"{lively_hub.url}/reports#{report}")
        button = phone.page.get_by_role("button", name="Rút phản ánh")
        await expect(button).to_be_visible()
        await assert_accessible(phone)
        assert await phone.page.evaluate(SMALL) == []

        phone.page.once("dialog", lambda dialog: dialog.dismiss())
        await button.click()
        await expect(phone.page.locator("h1 + .facts .state")).to_have_text("Mới tiếp nhận")
        phone.page.once("dialog", lambda dialog: dialog.accept())
        await button.click()

        await expect(phone.page.locator(".reply")).to_have_text("Người gửi đã rút phản ánh")
        await expect(button).to_have_count(0)
        assert phone.complaints == []


async def test_who_finds_the_same_follows_it_instead_of_sending_it_again(browser: Browser, lively_hub: Hub) -> None:
    place = {"latitude": 11.1520, "longitude": 106.5930}
    report = sent_by("f" * 40, lively_hub, description="Cống nghẹt.", category="water", point=place)
    async with glass(browser, PHONE, geolocation=place, permissions=["geolocation"]) as phone:
        await phone.page.goto(f"{lively_hub.url}/reports#send")
        await phone.page.get_by_label("Lĩnh vực").select_option("water")
        await phone.page.get_by_role("button", name="Vị trí của tôi").click()
        similar = phone.page.locator(".similar")
        await expect(similar).to_contain_text("mới tiếp nhận")
        await expect(similar).not_to_contain_text("Cống nghẹt.")
        assert await misfits(phone) == []
        await assert_accessible(phone)
        await phone.picture("report-similar-390")

        await similar.get_by_role("button", name="Tôi cũng gặp").click()

        await expect(phone.page.locator(".followed")).to_contain_text("Chưa công khai")
        await expect(phone.page.locator(".waiting")).to_have_count(0)
        handled(lively_hub, report)
        await phone.page.reload()
        await phone.page.locator(".followed a").click()
        await expect(phone.page.get_by_text("Bạn đang theo dõi")).to_be_visible()
        await phone.page.get_by_role("button", name="Thôi theo dõi").click()
        await expect(phone.page.get_by_role("button", name="Tôi cũng gặp")).to_be_visible()
        assert known(lively_hub, report)["followers"] == 0
        assert phone.complaints == []


async def test_the_page_says_what_is_not_there(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser, PHONE) as phone:
        await phone.page.goto(f"{lively_hub.url}/reports#{uuid.uuid4()}")
        await expect(phone.page.get_by_text("Không có phản ánh này")).to_be_visible()
        await assert_accessible(phone)

        await phone.page.route("**/v1/reports?*", lambda route: route.fulfill(json={"items": [], "next": None}))
        await phone.page.get_by_role("link", name="Tất cả phản ánh").click()
        await expect(phone.page.get_by_text("Chưa có phản ánh nào")).to_be_visible()
        await assert_accessible(phone)
        await phone.picture("reports-empty-390")
        await phone.page.unroute_all()

        await phone.page.route("**/v1/reports**", lambda route: route.abort())
        await phone.page.goto(f"{lively_hub.url}/reports?lang=en")
        await expect(phone.page.get_by_text("The server cannot be reached")).to_be_visible()
        await assert_accessible(phone)
        await phone.picture("reports-unreachable-390")


SMALL = """() => [...document.querySelectorAll("a, button, select, input, textarea, label:has(input)")].flatMap((one) => {
  const { width, height } = one.getBoundingClientRect();
  const hidden = width === 0 || getComputedStyle(one).clipPath !== "none" || (one.matches("input") && one.closest("label"));
  return hidden || (width >= 44 && height >= 44) ? [] : [`${one.tagName} ${one.textContent}: ${width} x ${height}`];
})"""


@pytest.mark.parametrize("path", ["/", "/reports", "/reports#send", "/screens/tong-quan"])
async def test_a_finger_meets_what_it_aims_at(browser: Browser, lively_hub: Hub, path: str) -> None:
    async with glass(browser, PHONE, has_touch=True) as phone:
        await phone.page.goto(f"{lively_hub.url}{path}")
        await expect(
            phone.page.locator(".cards a, #what option:nth-child(2), .dots button, .screens a").first
        ).to_be_attached()

        assert await phone.page.evaluate(SMALL) == []


async def test_the_form_needs_no_mouse(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser, PHONE) as phone:
        await phone.page.goto(f"{lively_hub.url}/reports?lang=en#send")
        await expect(phone.page.locator("#what option")).to_have_count(23)
        press, write = phone.page.keyboard.press, phone.page.keyboard.type
        await phone.page.get_by_label("What it is about").focus()
        await write("Road")
        await press("Tab")
        await write("A hole in the road.")
        for _ in ("my place", "the map"):
            await press("Tab")
        await press("ArrowUp")
        await press("+")
        await press("Enter")
        await expect(phone.page.get_by_text("Chosen: ")).to_be_visible()
        await assert_accessible(phone)
        submit = phone.page.get_by_role("button", name="Send a report")
        for _ in range(12):
            await press("Tab")
            if await submit.evaluate("one => one === document.activeElement"):
                break
        await press("Enter")

        await expect(phone.page.locator("h1")).to_have_text("The report has arrived")
