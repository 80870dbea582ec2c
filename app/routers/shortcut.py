"""Straight to its work: for the few requests that come thousands of times a minute.

To find the route and to resolve parameters and dependencies costs the framework more than it costs to store a reading or to look
up the figures of a screen.
"""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from starlette.routing import BaseRoute, Match, compile_path
from starlette.types import Receive, Scope, Send

Handler = Callable[[Request], Awaitable[Response | None]]


class Shortcut(BaseRoute):
    """A way to what is asked plainly. The handler returns None, before it reads the body, for what needs the framework after all."""

    def __init__(self, method: str, path: str, handler: Handler) -> None:
        self.method, self.path, self.handler = method, path, handler
        self._path, _, _ = compile_path(path)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if (
            scope.get("method") == self.method
            and "declined" not in scope
            and (found := self._path.match(scope["path"]))
        ):
            return Match.FULL, {"route": self, "path_params": found.groupdict()}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.handler(Request(scope, receive, send))
        if response is None:
            await scope["router"]({**scope, "declined": True}, receive, send)
        else:
            await response(scope, receive, send)
