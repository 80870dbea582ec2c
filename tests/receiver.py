"""A receiver of webhooks: a server of HTTP in the test, on the loopback, that answers as it is told to."""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks import Webhook


@dataclass(frozen=True)
class Message:
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> CloudEvent:
        """By the reader of the CloudEvents project."""
        return from_http_event(HTTPMessage(dict(self.headers), self.body), JSONFormat())  # type: ignore[return-value]

    @property
    def data(self) -> Any:
        return orjson.loads(self.body)["data"]

    def verify(self, secret: str) -> None:
        """By the library of Standard Webhooks. Raises: WebhookVerificationError."""
        Webhook(secret).verify(self.body, dict(self.headers))


@dataclass
class Receiver:
    """`answers` are given in turn (status, headers, body), then 204."""

    url: str = ""
    messages: list[Message] = field(default_factory=list)
    answers: deque[tuple[int, dict[str, str], bytes]] = field(default_factory=deque)
    heard: asyncio.Condition = field(default_factory=asyncio.Condition)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, body))

    async def got(self, count: int) -> None:
        """Wait until so many messages have come."""
        async with self.heard:
            await self.heard.wait_for(lambda: len(self.messages) >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            async with self.heard:
                self.messages.append(Message(first.split(" ")[1], headers, body))
                self.heard.notify_all()
            await self.may_answer.wait()
            status, more, said = self.answers.popleft() if self.answers else (204, {}, b"")
            lines = [f"HTTP/1.1 {status} said", *(f"{name}: {value}" for name, value in more.items())]
            if status != 204:
                lines.append(f"content-length: {len(said)}")
            writer.write("\r\n".join([*lines, "", ""]).encode() + said)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def receiving(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    receiver.may_answer.set()
    server = await asyncio.start_server(receiver.serve, host, 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    receiver.url = f"{'https' if tls else 'http'}://{host}:{port}/hook"
    try:
        yield receiver
    finally:
        receiver.may_answer.set()
        server.close()
        await server.wait_closed()
