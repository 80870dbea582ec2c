"""The page as files: how browsers may keep it, and what stands there where it could not be built."""

import re
from pathlib import Path

import pytest

from app.page import Page
from app.routers import pages
from tests.conftest import HubUnderTest


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small page instead of the real one, which need not be there."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>landing</title>")
    (folder / "screen.html").write_text("<title>wall</title>")
    (folder / "assets/wall-1a2b.js").write_text("export {};" * 100)
    (folder / "built").write_text("fingerprint")
    monkeypatch.setattr(pages, "_page", Page(folder))
    return folder


@pytest.mark.parametrize(("path", "title"), [("/", "landing"), ("/screens/tong-quan", "wall")])
async def test_a_page_is_asked_for_again_each_time_and_answered_304(
    hub: HubUnderTest, built: Path, path: str, title: str
) -> None:
    first = await hub.client.get(path)
    again = await hub.client.get(path, headers={"if-none-match": first.headers["etag"]})

    assert title in first.text
    assert first.headers["cache-control"] == "no-cache"
    assert "default-src 'self'" in first.headers["content-security-policy"]
    assert again.status_code == 304


async def test_what_has_its_content_in_its_name_is_kept_for_ever_and_sent_small(hub: HubUnderTest, built: Path) -> None:
    answer = await hub.client.get("/static/assets/wall-1a2b.js", headers={"accept-encoding": "gzip"})

    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.text == "export {};" * 100
    assert re.match("(text|application)/javascript", answer.headers["content-type"])


@pytest.mark.parametrize("name", ["assets/none.js", "..%2f..%2fmain.py", "%2fetc%2fpasswd"])
async def test_there_is_nothing_but_the_page(hub: HubUnderTest, built: Path, name: str) -> None:
    answer = await hub.client.get(f"/static/{name}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


async def test_without_the_build_the_page_says_so_and_the_rest_works(hub: HubUnderTest, built: Path) -> None:
    (built / "built").unlink()

    wall, docs = await hub.client.get("/screens/tong-quan"), await hub.client.get("/docs")

    assert wall.status_code == 503
    assert "make page" in wall.text
    assert docs.status_code == 200
