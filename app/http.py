"""HTTP on the wire: an answer is one write, and who sends a request must not fall silent.

uvicorn writes the head of an answer and its body apart. Each write is a call into the system and a packet that wakes who waits for
it, which together take as long as the rest of a small answer.

Nor does it mind how long the head of a request is, or how long it takes: one connection could fill the memory with a header, and
ten thousand that say nothing keep all files of the process. Nor how long it takes until more of a body comes, or what comes
between the chunks of a body and after the last of them, which is kept like a head.
"""

import asyncio
import re
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 64 * 1024  # bytes, and what came in the same packet as its first; browsers and proxies stay below 16 kB
PATIENCE = 30.0  # seconds until a head is here
SILENCE = 60.0  # seconds in the middle of a body after which its sender is gone, whatever the connection says
_OFFER = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
_NO_OFFER = b"\r\nX-Offer:"  # as long: whoever counts the bytes of requests on their way here still counts right


class Http(HttpToolsProtocol):
    _begun = False  # a head, which is not here completely
    _kept = 0  # bytes since a head was complete, or something of a body came: as much as the parser may keep
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, Gathering(transport, asyncio.get_running_loop())))
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_longer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._begun and not self._awaits_body and b"pgrade" in data:
            data = _without_offer(data)
        self._kept += len(data)
        super().data_received(data)
        if self._begun:
            if self._kept > LONGEST_HEAD:
                self._refuse("The head of the request is too long.")
            elif self._waiting is None:
                self._wait()
        elif self._awaits_body:
            if self._kept > LONGEST_HEAD:
                self._refuse_body("There is too much around the body of the request.")
            else:
                self._wait_for_body()
        else:
            self._wait_no_longer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun, self._kept = True, 0

    def on_headers_complete(self) -> None:
        self._begun, self._kept = False, 0
        self._wait_no_longer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._kept = 0
        super().on_body(body)

    @property
    def _awaits_body(self) -> bool:
        return self.cycle is not None and self.cycle.more_body

    def _wait_for_body(self) -> None:
        self._wait_no_longer()
        self._waiting = asyncio.get_running_loop().call_later(SILENCE, self._miss_body)

    def _miss_body(self) -> None:
        if self.flow.read_paused:  # it is we who do not listen
            self._wait_for_body()
        else:
            self._refuse_body("The body of the request takes too long.")

    def _refuse_body(self, why: str) -> None:
        if self.cycle.response_started:
            self.transport.close()
        else:
            self._refuse(why)

    def _wait(self) -> None:
        self._waiting = asyncio.get_running_loop().call_later(
            PATIENCE, self._refuse, "The head of the request takes too long."
        )

    def _wait_no_longer(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _refuse(self, why: str) -> None:
        self._wait_no_longer()
        if not self.transport.is_closing():
            self.send_400_response(why)


def _without_offer(data: bytes) -> bytes:
    """A request whose head offers to go on in another protocol, as Java does each time with HTTP/2, offers it no longer.

    The hub passes over such an offer (RFC 9110, 7.8). The parser would take the body for the beginning of the other protocol.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    return _OFFER.sub(_NO_OFFER, head) + end + rest


class Gathering:
    """A transport that keeps the head of an answer for what follows, but not beyond this turn of the event loop."""

    __slots__ = ("_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        elif data.startswith(b"HTTP/"):
            self._head = data
            self._loop.call_soon(self._send)
        else:
            self._transport.write(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)
