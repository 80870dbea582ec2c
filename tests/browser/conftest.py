"""A real browser before a real hub: what people see.

The hub is a process of its own on a copy of the reference database, with the demo; the browser is the system's Chromium. Both
live as long as the test worker. A test looks at the glass as a person would, and waits for what it expects instead of sleeping.
"""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from app.page import Page as BuiltPage
from tests.conftest import fresh_database
from tests.journeys.conftest import hub_process, verb

SCREENSHOTS = Path(__file__).parent / "screenshots"
PATIENCE = 30_000  # milliseconds; the machine may have other things to do
_KEPT = """async (page) => {
  const files = () => performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => /assets.*(js|css|woff2)$/.test(name));
  const isKept = async () => (await Promise.all([page, ...files()].map((one) => caches.match(one)))).every(Boolean);
  while (!(await isKept())) await new Promise((soon) => setTimeout(soon, 20));
}"""
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=PATIENCE)


@dataclass
class Hub:
    """Where it serves, and a source that may write everywhere."""

    url: str
    key: str

    def send(self, indicator: str, unit: str, period: str, value: int) -> None:
        reading = {"indicator": indicator, "unit": unit, "period": period, "value": value}
        answer = httpx.post(f"{self.url}/v1/readings", json={"readings": [reading]}, headers={"X-API-Key": self.key})
        assert answer.json()["created"] + answer.json()["corrected"] == 1, answer.text

    def define(self, slug: str, page: dict[str, Any], unit: str = "bencat") -> None:
        definition = {"title": {"vi": "Thử"}, "parameters": {"unit": unit}, "pages": [page]}
        answer = httpx.put(f"{self.url}/v1/screens/{slug}", json=definition, headers={"X-API-Key": self.key})
        assert answer.status_code == 201, answer.text


def settings_on(database: str) -> dict[str, str]:
    return {"IOC_DATABASE_URL": database.replace("postgresql+psycopg://", "postgresql://"), "IOC_PROCESSES": "1"}


def make_key(data: Path, database: str) -> str:
    scopes = ("readings:write", "readings:read", "screens:write", "reports:moderate", "reports:handle")
    words = ("key", "create", "--source", "browser-test", *(word for scope in scopes for word in ("--scope", scope)))
    return verb(data, *words, settings=settings_on(database)).stdout.strip()


@pytest.fixture(scope="session")
def lively_hub(cluster: str, reference_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """With the demo, for whoever only looks, or sends what nobody else looks at."""
    data = tmp_path_factory.mktemp("lively-hub")
    with (
        fresh_database(cluster, reference_template) as database,
        hub_process(data, settings=settings_on(database)) as hub,
    ):
        yield Hub(hub.url, make_key(data, database))


@pytest.fixture
def free_port() -> int:
    """A hub that is started again must be where it was."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None or not BuiltPage().is_built:
        missing = (
            "Chromium is missing (apt-get install chromium)."
            if chromium is None
            else "The page is not built (make page)."
        )
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield launched
        await launched.close()


@dataclass
class Glass:
    """A page in a browser, and what went wrong on it."""

    page: Page
    complaints: list[str]

    async def live(self) -> None:
        await self.page.wait_for_selector(".connection[data-state=live]", timeout=PATIENCE)
        await self.page.wait_for_selector(".panel", timeout=PATIENCE)

    async def number(self, widget: str, text: str) -> None:
        """Wait until a widget shows this number."""
        await self.page.locator(f"[data-widget={widget}] .number", has_text=text).wait_for(timeout=PATIENCE)

    async def kept(self, path: str) -> None:
        """Wait until the browser can show this page without the hub."""
        await asyncio.wait_for(self.page.evaluate(_KEPT, path), PATIENCE / 1000)

    async def picture(self, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


@asynccontextmanager
async def glass(browser: Browser, size: tuple[int, int] = (1920, 1080), **more: Any) -> AsyncIterator[Glass]:
    """A display of this size in Vietnam. It fails the test for what a browser complains of, and for calls to elsewhere."""
    there: dict[str, Any] = {"locale": "vi-VN", "timezone_id": "Asia/Ho_Chi_Minh"}
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, **there | more)
    page = await context.new_page()
    shown = Glass(page, [])

    def called(url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "data:", "blob:http://127.0.0.1:")):
            shown.complaints.append(f"asked for {url}")

    page.on("console", lambda said: shown.complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: shown.complaints.append(str(error)))
    page.on("request", lambda request: called(request.url))
    try:
        yield shown
    finally:
        await context.close()
