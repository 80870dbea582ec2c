"""`/reports`: a citizen looks, sends with a photo, and follows; on a phone, on a line that breaks."""

import io
import re

import httpx
import pytest
from PIL import Image
from playwright.async_api import Browser, Route, expect

from tests.browser.conftest import Glass, Hub, glass
from tests.browser.test_wall import MISFITS, assert_accessible

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = (390, 844)
HERE = {"latitude": 11.1893, "longitude": 106.6061}  # in Bến Cát ward


def a_photo() -> dict[str, object]:
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
    await phone.page.get_by_label("Lĩnh vực").select_option("trees-lighting")
    await phone.page.get_by_label("Sự việc thế nào").fill(words)
    await phone.page.get_by_role("button", name="Vị trí của tôi").click()
    await expect(phone.page.get_by_text("Đã chọn vị trí 11.18930")).to_be_visible()


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
    there = {"geolocation": HERE, "permissions": ["geolocation"], "has_touch": True}
    async with glass(browser, PHONE, **there) as phone:
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
        await phone.page.get_by_label("Chụp hoặc chọn ảnh").set_input_files(a_photo())  # type: ignore[arg-type]
        await phone.page.locator("form button[type=submit]").click()

        await expect(phone.page.locator("h1")).to_have_text("Đã nhận phản ánh")
        await phone.page.get_by_role("link", name="Theo dõi phản ánh này").click()
        await expect(phone.page.locator(".photos img")).to_have_count(1)
        await expect(phone.page.locator(".note")).to_contain_text("Chỉ bạn và trung tâm thấy")
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


async def test_what_was_not_sent_before_the_page_was_closed_is_sent_later_and_once(
    browser: Browser, lively_hub: Hub
) -> None:
    there = {"geolocation": HERE, "permissions": ["geolocation"]}
    async with glass(browser, PHONE, **there) as phone:
        await phone.page.route(
            "**/v1/reports", lambda route: route.abort() if route.request.method == "POST" else route.continue_()
        )
        await phone.page.goto(f"{lively_hub.url}/reports")
        await filled(phone, "Cây đổ chắn đường.")
        await phone.page.locator("form button[type=submit]").click()
        await expect(phone.page.get_by_text("Đường truyền kém")).to_be_visible()
        await phone.page.unroute_all()

        await phone.page.goto(f"{lively_hub.url}/reports?again")

        await expect(phone.page.locator(".own b")).to_have_text(["Cây đổ chắn đường."])


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
