"""How a wall becomes a display that its operator knows."""

from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Locator, expect

from tests.browser.conftest import PATIENCE, Glass, Hub, glass

pytestmark = pytest.mark.asyncio(loop_scope="session")


def displays(hub: Hub) -> list[dict[str, object]]:
    answer = httpx.get(f"{hub.url}/v1/displays", headers={"X-API-Key": hub.key})
    items: list[dict[str, object]] = answer.json()["items"]
    return items


def add(hub: Hub, name: str, **more: Any) -> str | None:
    answer = httpx.post(f"{hub.url}/v1/displays", json={"name": name, **more}, headers={"X-API-Key": hub.key})
    assert answer.status_code == 201, answer.text
    token: str | None = answer.json().get("token")
    return token


async def asked_for_a_code(wall: Glass) -> Locator:
    await wall.page.get_by_role("button", name="Tùy chọn").click()
    await wall.page.get_by_role("button", name="Ghép nối màn hình").click()
    code = wall.page.locator("dialog .code")
    await expect(code).to_contain_text("-")
    return code


async def test_a_code_on_the_wall_is_confirmed_by_an_operator(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/tong-quan?page=2")
        await wall.live()
        code = await asked_for_a_code(wall)

        async with wall.page.expect_response("**/v1/displays/me", timeout=PATIENCE) as told:
            add(lively_hub, "Sảnh tầng 1", code=await code.inner_text())
            await expect(code).to_have_text("Đã ghép nối.")
            await expect(wall.page.get_by_role("dialog")).to_contain_text("Sảnh tầng 1")

        assert (await told.value).status == 204
        [display] = [one for one in displays(lively_hub) if one["name"] == "Sảnh tầng 1"]
        assert (display["paired"], display["screen"], display["page"]) == (True, "tong-quan", 2)
        assert wall.complaints == []


async def test_a_display_of_a_ward_that_is_paired_at_the_wall_of_the_city_goes_to_its_own(
    browser: Browser, lively_hub: Hub
) -> None:
    async with glass(browser) as wall:
        await wall.page.goto(f"{lively_hub.url}/screens/tong-quan?page=2")
        await wall.live()
        code = await asked_for_a_code(wall)

        add(lively_hub, "Phường Bến Cát", code=await code.inner_text(), units=["25813"], screens=["giao-thong"])

        await wall.page.wait_for_url("**/screens/giao-thong?page=2&unit=25813**", timeout=PATIENCE)
        await expect(wall.page.locator(".place")).to_contain_text("Phường Bến Cát")
        await wall.live()
        assert wall.complaints == []


async def test_the_token_of_an_address_becomes_a_cookie_and_leaves_the_address(
    browser: Browser, lively_hub: Hub
) -> None:
    token = add(lively_hub, "Phòng họp")
    async with glass(browser) as wall:
        async with wall.page.expect_response("**/v1/displays/me", timeout=PATIENCE):
            await wall.page.goto(f"{lively_hub.url}/screens/ngan-sach?page=1#token={token}")
        await wall.live()

        assert "token" not in wall.page.url
        [cookie] = await wall.page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"] != "None") == (True, True)
        assert wall.complaints == []
