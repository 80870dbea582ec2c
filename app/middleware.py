"""What surrounds every request: an id, a log line, metrics; bodies within bounds, gunzipped."""

import re
import time
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from random import getrandbits

import structlog
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLarge, HubError, MalformedBody, Text, UnsupportedMediaType
from app.metrics import REQUESTS, SECONDS
from app.problems import problem_response

log = structlog.get_logger("app.request")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_OF_BODIES = {b"content-length", b"transfer-encoding", b"content-encoding"}
_QUIET = {"/healthz", "/readyz", "/metrics"}


class RequestContext:
    """Give each request an id (the caller's `X-Request-Id` when it is a plain one), log it, count it; `HEAD` is answered like `GET`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # As GET; the server itself leaves out the body (RFC 9110, 9.3.2). A stream would have no end.
        if scope["method"] == "HEAD" and not scope["path"].endswith("/events"):
            scope = {**scope, "method": "GET"}
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else f"{getrandbits(64):016x}"
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.perf_counter(), 500
        structlog.contextvars.bind_contextvars(request_id=request_id)

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [header for header in message.get("headers", ()) if header[0] != b"x-request-id"]
                message["headers"] = [*headers, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - started
            found = scope.get("route")
            route = getattr(found, "path", "unmatched")
            _requests(scope["method"], route, status).inc()
            _seconds(scope["method"], route).observe(seconds)
            # Asked all day long by machines, and counted in the metrics: a line in the log only when it fails.
            if status >= 400 or not (route in _QUIET or getattr(found, "busy", False)):
                path = route if "{secret}" in route else scope["path"]  # who reads logs must not become somebody else
                log.info("request", method=scope["method"], path=path, status=status, ms=round(seconds * 1000, 1))


# To find the counter of some labels takes longer than to count.
_requests = lru_cache(maxsize=4096)(REQUESTS.labels)
_seconds = lru_cache(maxsize=4096)(SECONDS.labels)


class BoundedBody:
    """Stop a body that is too large before it is in memory, and undo gzip on the way."""

    def __init__(self, app: ASGIApp, limit_of: Callable[[str, str], int]) -> None:
        self.app = app
        self.limit_of = limit_of  # by the path and the media type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        if scope["method"] == "GET" and headers.keys().isdisjoint(_OF_BODIES):
            await self.app(scope, receive, send)
            return
        media_type = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        limit = self.limit_of(scope["path"], media_type)
        encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower() or "identity"
        try:
            if encoding not in {"identity", "gzip"}:
                raise UnsupportedMediaType(value=encoding, offered="gzip, identity")
            length = headers.get(b"content-length", b"")
            if length.isdigit() and int(length) > limit:
                raise BodyTooLarge(limit=limit)
        except HubError as error:
            await problem_response(Request(scope), error)(scope, receive, send)
            return
        await self.app(scope, _Bounded(receive, limit, gzip=encoding == "gzip"), send)


class _Bounded:
    """A `receive` that counts, and gunzips no further than the limit: a small bomb must not become a large body."""

    def __init__(self, receive: Receive, limit: int, *, gzip: bool) -> None:
        self._receive = receive
        self._limit = limit
        self._left = limit
        self._gunzip = zlib.decompressobj(wbits=31) if gzip else None
        self._ended = False

    async def __call__(self) -> Message:
        if self._ended:  # now the framework waits for the caller to go away
            return await self._receive()
        message = await self._receive()
        if message["type"] != "http.request":
            return message
        self._ended = not message.get("more_body", False)
        body: bytes = message.get("body", b"")
        if self._gunzip is not None:
            try:
                body = self._gunzip.decompress(body, self._left + 1)
            except zlib.error as error:
                raise MalformedBody(why=Text("gzip hỏng", "the gzip data is damaged")) from error
            if self._gunzip.unused_data:
                raise MalformedBody(
                    why=Text("có dữ liệu sau phần gzip", "there is more after the end of the gzip data")
                )
            if self._ended and not self._gunzip.eof:
                if len(body) > self._left:
                    raise BodyTooLarge(limit=self._limit)
                raise MalformedBody(why=Text("gzip bị cắt ngang", "the gzip data is cut short"))
        self._left -= len(body)
        if self._left < 0:
            raise BodyTooLarge(limit=self._limit)
        return {**message, "body": body}
