"""The bounds of screens: what Starlette and uvicorn need to hand out bytes that they were given, and nothing else.

`POST /` leaves an answer that `GET /` gives (F2). `POST /events` tells those who have `GET /events` open (E): whoever can send
without waiting is sent to, one after the other, by the one who tells.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

_kept = b""
_open: set[Send] = set()


async def keep(request: Request) -> Response:
    global _kept  # noqa: PLW0603 (the state of a server of one process)
    _kept = await request.body()
    return Response()


async def kept(_: Request) -> Response:
    return Response(_kept, media_type="application/json")


async def tell(request: Request) -> Response:
    news = await request.body()
    for send in list(_open):
        await send({"type": "http.response.body", "body": news, "more_body": True})
    return Response()


async def events(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b": \n\n", "more_body": True})
    _open.add(send)
    try:
        while (await receive())["type"] != "http.disconnect":
            pass
    finally:
        _open.discard(send)


starlette = Starlette(
    routes=[
        Route("/", kept),
        Route("/", keep, methods=["POST"]),
        Route("/events", tell, methods=["POST"]),
    ]
)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope.get("path") == "/events" and scope["method"] == "GET":
        await events(scope, receive, send)
    else:
        await starlette(scope, receive, send)
