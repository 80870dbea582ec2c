"""`/`, `/screens/{slug}` and `/reports`: what people see in a browser. The page asks the API for everything that it shows."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from app.errors import NotFound
from app.page import Page, PageFile

router = APIRouter(include_in_schema=False)

_page = Page()

# The browser holds the page to its word: nothing from outside. Charts set styles; pictures may stand in a style sheet, or be a
# citizen's own that is not sent yet.
_GUARD = {
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "service-worker-allowed": "/",  # of keeper.js, for the walls
}
_NOT_BUILT = """<!doctype html><html lang="vi"><meta charset="utf-8"><title>IOC Hub</title>
<meta name="viewport" content="width=device-width"><body style="font:18px/1.6 sans-serif;max-width:42em;margin:3em auto;padding:0 1em">
<h1>IOC Hub</h1><p>Giao diện chưa được dựng trên máy này. Dữ liệu vẫn phục vụ bình thường: <a href="/docs">tài liệu API</a>,
<a href="/readyz">tình trạng</a>. Để dựng giao diện, chạy <code>make page</code> rồi khởi động lại.</p>
<p lang="en">The page has not been built on this machine. Everything else works: <a href="/docs">the API</a>,
<a href="/readyz">its health</a>. To build the page run <code>make page</code>, then start the hub again.</p>"""


@router.api_route("/", methods=["GET", "HEAD"])
async def landing(request: Request) -> Response:
    return _shell(request, "index.html")


@router.api_route("/screens/{slug}", methods=["GET", "HEAD"])
async def screen(request: Request) -> Response:
    """The same for every screen, also for one that does not exist: the page says so."""
    return _shell(request, "screen.html")


@router.api_route("/reports", methods=["GET", "HEAD"])
async def reports(request: Request) -> Response:
    return _shell(request, "reports.html")


@router.api_route("/static/{name:path}", methods=["GET", "HEAD"])
async def static(request: Request, name: Annotated[str, Path(max_length=200)]) -> Response:
    file = _page.file(name)
    if file is None:
        raise NotFound(path=request.url.path)
    return _sent(request, file)


def _shell(request: Request, name: str) -> Response:
    file = _page.file(name)
    if file is None:
        return Response(_NOT_BUILT, 503, {"cache-control": "no-store"}, media_type="text/html")
    return _sent(request, file)


def _sent(request: Request, file: PageFile) -> Response:
    headers = _GUARD | {
        "etag": file.etag,
        "cache-control": "public, max-age=31536000, immutable" if file.unchanging else "no-cache",
        "vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    if file.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.gzipped, headers=headers | {"content-encoding": "gzip"}, media_type=file.media_type)
    return Response(file.body, headers=headers, media_type=file.media_type)
