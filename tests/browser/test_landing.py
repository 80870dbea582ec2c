"""`/`: where people arrive."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Hub, glass
from tests.browser.test_wall import assert_accessible, lasting_misfits

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("size", [(1920, 1080), (390, 844)])
@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_the_landing_page_leads_to_screens_docs_and_health(
    browser: Browser, lively_hub: Hub, size: tuple[int, int], theme: str
) -> None:
    async with glass(browser, size) as shown:
        await shown.page.goto(f"{lively_hub.url}/?theme={theme}")
        screens = shown.page.locator(".screens a")
        await expect(screens).to_have_count(7)
        await expect(shown.page.locator(".health")).to_have_text("Hoạt động bình thường")

        assert await lasting_misfits(shown) == []
        await assert_accessible(shown)
        await shown.picture(f"landing-{theme}-{size[0]}")
        assert await shown.page.locator("a[href='/docs']").count() == 1

        await screens.filter(has_text="Ngân sách").click()
        await shown.live()
        assert shown.complaints == []


async def test_the_landing_page_begins_with_the_overview_and_leads_to_the_walls_of_wards(
    browser: Browser, lively_hub: Hub
) -> None:
    async with glass(browser) as shown:
        await shown.page.goto(f"{lively_hub.url}/?lang=en")
        overview = shown.page.locator(".screens a").first
        await expect(overview).to_have_attribute("href", "/screens/tong-quan?lang=en")

        await shown.page.get_by_label("Of the unit").select_option("25840")
        await overview.click()

        await shown.live()
        await expect(shown.page).to_have_url(f"{lively_hub.url}/screens/tong-quan?unit=25840&lang=en")
        await expect(shown.page.locator(".place")).to_contain_text("Long Nguyen")
        assert shown.complaints == []


async def test_a_citizen_finds_the_way_to_reports(browser: Browser, lively_hub: Hub) -> None:
    async with glass(browser, (390, 844)) as shown:
        await shown.page.goto(f"{lively_hub.url}/?lang=en")

        await shown.page.get_by_role("link", name="Citizens' reports").first.click()

        await expect(shown.page.locator("h1")).to_have_text("Citizens' reports")
