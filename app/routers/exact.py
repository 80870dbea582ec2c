"""JSON bodies with exact decimals for the routes whose body FastAPI reads itself."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from app import exact_json
from app.errors import MalformedBody


class ExactRequest(Request):
    """Starlette's `json()` goes through a binary double, and lets half a character of UTF-16 pass."""

    async def json(self) -> Any:
        try:
            return exact_json.loads(await self.body())
        except exact_json.MalformedJson as error:
            raise MalformedBody(why=error.why) from error


class ExactRoute(APIRoute):
    """A route that reads its body so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_exactly(request: Request) -> Response:
            return await handle(ExactRequest(request.scope, request.receive))

        return handle_exactly
