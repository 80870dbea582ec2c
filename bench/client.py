"""The client of everything that is measured over HTTP: small, so that it does not measure itself.

It runs in a process of its own. Requests are bytes before the clock starts, a connection has one of them under way, and of an
answer only its status and its length are read. What it takes of the processor stands beside every result.
"""

import asyncio
import gc
import re
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from types import TracebackType
from typing import cast

import uvloop

from bench.measured import Run

TURNS = 10

# A 304 has no length.
_HEAD = re.compile(rb"HTTP/1\.1 (\d+)(?:.*?\r\ncontent-length: (\d+))?.*?\r\n\r\n", re.IGNORECASE | re.DOTALL)


def get(path: str, tag: str | None = None) -> bytes:
    """With a tag: only if there is something newer."""
    condition = "" if tag is None else f"if-none-match: {tag}\r\n"
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\n{condition}\r\n".encode()


def post(path: str, key: str, body: bytes) -> bytes:
    return _with_body("POST", path, key, "application/json", body)


def put(path: str, key: str, body: bytes) -> bytes:
    return _with_body("PUT", path, key, "application/octet-stream", body)


def _with_body(method: str, path: str, key: str, kind: str, body: bytes) -> bytes:
    head = f"host: bench\r\nx-api-key: {key}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}"
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n\r\n".encode() + body


@dataclass(frozen=True, slots=True)
class Load:
    """Requests to a port of this machine: so many a second, or each as soon as a connection is free."""

    port: int
    requests: Sequence[bytes]
    connections: int
    per_second: float | None = None
    keep: bool = False  # the bodies of the answers
    status: int = 200  # that every answer must have


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request. Times are those of `time.monotonic`, the same in every process of a machine.

    `due` is when it should have been sent; without a pace it is `sent`.
    """

    due: float
    sent: float
    answered: float
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """`answers` in the order of the requests; `processor` is what the client itself used, in seconds."""

    answers: Sequence[Answer]
    processor: float

    @property
    def end(self) -> float:
        return max(answer.answered for answer in self.answers)

    def run(self, count: int | None = None) -> Run:
        """`count` is what the requests stand for, else their number. A request that had to wait for its turn took longer."""
        seconds = self.end - min(answer.due for answer in self.answers)
        latencies = [answer.answered - answer.due for answer in self.answers]
        return Run(count or len(self.answers), seconds, latencies, self.processor)


class Client:
    """`with Client() as client:` the process lives as long."""

    def __init__(self) -> None:
        self._process = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=gc.disable)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.shutdown()

    def send(self, load: Load) -> Outcome:
        """Raises: RuntimeError, with the first answer that has another status."""
        return self._process.submit(_send, load).result()

    def take_turns(self, loads: Sequence[Load], turns: int = TURNS) -> Sequence[Run]:
        """A part of each load after the other, again and again: what else the machine does meanwhile meets all of them alike."""
        parts: list[list[Run]] = [[] for _ in loads]
        for turn in range(turns):
            for load, taken in zip(loads, parts, strict=True):
                taken.append(self.send(replace(load, requests=load.requests[turn::turns])).run())
        return [Run.of_turns(taken) for taken in parts]


def _send(load: Load) -> Outcome:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Sender(load).run())


class _Sender:
    """Gives the requests that are due to the connections that are free."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.free: deque[_Connection] = deque()
        self._due: deque[int] = deque()
        self._answers: dict[int, Answer] = {}
        self._all: asyncio.Future[None]
        self._begin = 0.0

    async def run(self) -> Outcome:
        loop = asyncio.get_running_loop()
        self._all = loop.create_future()
        for _ in range(self.load.connections):
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self.load.port)
        processor, self._begin = time.process_time(), time.monotonic()
        if self.load.per_second is None:
            self._due.extend(range(len(self.load.requests)))
            self._give()
        else:
            for number in range(len(self.load.requests)):
                await asyncio.sleep(self._due_at(number) - time.monotonic())
                self._due.append(number)
                self._give()
        await self._all
        processor = time.process_time() - processor
        return Outcome([self._answers[number] for number in range(len(self.load.requests))], processor)

    def _due_at(self, number: int) -> float:
        return self._begin + number / (self.load.per_second or 1)

    def _give(self) -> None:
        while self._due and self.free:
            self.free.popleft().send(self._due.popleft())  # in turn: the server closes a connection that rests too long

    def answered(self, connection: "_Connection", body: bytes) -> None:
        now, number, sent = time.monotonic(), connection.number, connection.sent
        due = sent if self.load.per_second is None else self._due_at(number)
        self._answers[number] = Answer(due, sent, now, body if self.load.keep else b"")
        self.free.append(connection)
        self._give()
        if len(self._answers) == len(self.load.requests):
            self._all.set_result(None)

    def fail(self, why: str) -> None:
        if not self._all.done():
            self._all.set_exception(RuntimeError(why))


class _Connection(asyncio.Protocol):
    number: int
    sent: float
    _received: bytes
    _head: re.Match[bytes] | None

    def __init__(self, sender: _Sender) -> None:
        self._sender = sender

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._sender.free.append(self)

    def send(self, number: int) -> None:
        self.number, self._received, self._head, self.sent = number, b"", None, time.monotonic()
        self._transport.write(self._sender.load.requests[number])

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._head = head = self._head or _HEAD.match(self._received)
        if head and len(self._received) == head.end() + int(head[2] or 0):
            if int(head[1]) == self._sender.load.status:
                self._sender.answered(self, self._received[head.end() :])
            else:
                self._sender.fail(self._received.decode())

    def connection_lost(self, error: Exception | None) -> None:
        self._sender.fail(f"The server closed a connection: {error}")
