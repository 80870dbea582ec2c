"""Those who watch a screen: thousands of event streams in a process of its own, which notes when each of them got what."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import cast

import uvloop

from bench.client import get

_AT_ONCE = 100  # connections that are opened together: the queue of a server that listens is short


@dataclass(frozen=True, slots=True)
class Event:
    """What came in one piece, and when (`time.monotonic`) which stream got it."""

    data: bytes
    moments: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Seen:
    """What came after the first piece of every stream, in order; `processor` is what watching took, in seconds."""

    events: Sequence[Event]
    processor: float


class Viewers:
    """`with Viewers(port, path, streams) as viewers:` all of them have got something, the snapshot, when it begins."""

    def __init__(self, port: int, path: str, streams: int) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_watch, args=(theirs, port, path, streams))
        self._process.start()
        theirs.close()

    def __enter__(self) -> "Viewers":
        self._pipe.recv()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.join()

    def leave(self) -> Seen:
        """Close all streams."""
        self._pipe.send(None)
        seen: Seen = self._pipe.recv()
        return seen


def _watch(pipe: Connection, port: int, path: str, streams: int) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Watch().run(pipe, port, path, streams))


class _Watch:
    def __init__(self) -> None:
        self.moments: dict[bytes, dict[int, float]] = {}
        self.lost: asyncio.Future[None]

    async def run(self, pipe: Connection, port: int, path: str, streams: int) -> None:
        loop = asyncio.get_running_loop()
        self.lost = loop.create_future()
        for start in range(0, streams, _AT_ONCE):
            opened = []
            for number in range(start, min(start + _AT_ONCE, streams)):
                _, stream = await loop.create_connection(partial(_Stream, self, number, path), "127.0.0.1", port)
                opened.append(stream.opened)
            await asyncio.gather(*opened)
        processor = time.process_time()
        pipe.send(None)
        told = loop.run_in_executor(None, pipe.recv)
        await asyncio.wait([told, self.lost], return_when=asyncio.FIRST_COMPLETED)
        if self.lost.done():
            raise RuntimeError("The server closed a stream.")
        events = [Event(data, moments) for data, moments in self.moments.items()]
        pipe.send(Seen(events, time.process_time() - processor))


class _Stream(asyncio.Protocol):
    def __init__(self, watch: _Watch, number: int, path: str) -> None:
        self._watch, self._number, self._path = watch, number, path
        self._received = b""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(get(self._path))

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._received += data
        if not self._received.endswith(b"\n\n\r\n"):  # the end of an event, and of the chunk that it came in
            return
        received, self._received = self._received, b""
        if self.opened.done():
            for event in received.split(b"\r\n")[1::2]:  # every other line is the length of a chunk
                self._watch.moments.setdefault(event, {})[self._number] = now
        elif received.startswith(b"HTTP/1.1 200 "):
            self.opened.set_result(None)
        else:
            self.opened.set_exception(RuntimeError(received.decode()))

    def connection_lost(self, error: Exception | None) -> None:
        if not self._watch.lost.done():
            self._watch.lost.set_result(None)
