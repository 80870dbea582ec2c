"""JSON bodies with exact decimals for the routes whose body FastAPI reads itself."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from app import exact_json
from app.errors import MalformedBody, UnsupportedMediaType
from app.routers.answers import JSON, problems


class ExactRequest(Request):
    """Starlette's `json()` goes through a binary double, and lets half a character of UTF-16 pass."""

    async def json(self) -> Any:
        try:
            return exact_json.loads(await self.body())
        except exact_json.MalformedJson as error:
            raise MalformedBody(why=error.why) from error


class ExactRoute(APIRoute):
    """A route that reads its body so."""

    offered = JSON

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.body_field is not None:
            self.responses = problems(UnsupportedMediaType) | self.responses

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_exactly(request: Request) -> Response:
            if self.body_field is not None:
                _require_json(request, self.offered)
            return await handle(ExactRequest(request.scope, request.receive))

        return handle_exactly


def _require_json(request: Request, offered: str) -> None:
    """What does not say that it is JSON would be taken for a text, and refused with a riddle. Nothing at all may be nothing."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = media_type == JSON or (media_type.startswith("application/") and media_type.endswith("+json"))
    empty = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
    if not is_json and not empty:
        raise UnsupportedMediaType(value=media_type or "–", offered=offered)
