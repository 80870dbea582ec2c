"""Straight to its work: for the few requests that come thousands of times a minute.

To find the route and to resolve parameters and dependencies costs the framework more than it costs to store a reading or to look
up the figures of a screen.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from re import Pattern
from typing import ClassVar

from fastapi import Request, Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from app.problems import answer_to

Handler = Callable[[Request], Awaitable[Response | None]]


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A way to what is asked plainly. The handler returns None, before it reads the body, for what needs the framework after all."""

    method: str
    path: str
    handler: Handler
    pattern: Pattern[str]
    busy: ClassVar = True  # too much for the log

    @classmethod
    def to(cls, method: str, path: str, handler: Handler) -> "Shortcut":
        return cls(method, path, handler, compile_path(path)[0])


class Shortcuts:
    """Around the framework, for who need not go through it."""

    def __init__(self, app: ASGIApp, shortcuts: Iterable[Shortcut]) -> None:
        self.app = app
        self._by_method: dict[str, list[Shortcut]] = {}
        for one in shortcuts:
            self._by_method.setdefault(one.method, []).append(one)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for shortcut in self._by_method.get(scope.get("method", ""), ()):
            if (found := shortcut.pattern.match(scope["path"])) is None:
                continue
            own = {**scope, "path_params": found.groupdict()}
            request = Request(own, receive, send)
            try:
                response = await shortcut.handler(request)
            except Exception as error:
                response = await answer_to(request, error)
            if response is None:
                break
            scope["route"] = shortcut
            await response(own, receive, send)
            return
        await self.app(scope, receive, send)
