"""An answer is one write; a head whose body is still to come does not wait for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from app import http
from app.http import LONGEST_HEAD, Gathering, Http

HEAD, BODY = b"HTTP/1.1 200 OK\r\n\r\n", b"{}"


class Writes(asyncio.Transport):
    """A connection that notes each write."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.seen.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.seen.append(b"".join(list_of_data))

    def close(self) -> None:
        self.seen.append(b"closed")


def connection() -> tuple[Gathering, Writes]:
    writes = Writes()
    return Gathering(writes, asyncio.get_running_loop()), writes


async def test_head_and_body_go_together() -> None:
    gathering, writes = connection()
    gathering.write(HEAD)
    gathering.write(BODY)
    assert writes.seen == [HEAD + BODY]
    await asyncio.sleep(0)
    assert writes.seen == [HEAD + BODY]


async def test_a_head_waits_no_longer_than_a_turn_of_the_loop() -> None:
    gathering, writes = connection()
    gathering.write(HEAD)
    await asyncio.sleep(0)
    assert writes.seen == [HEAD]
    gathering.write(BODY)
    assert writes.seen == [HEAD, BODY]


async def test_nothing_is_lost_when_the_connection_is_closed() -> None:
    gathering, writes = connection()
    gathering.write(HEAD)
    gathering.close()
    assert writes.seen == [HEAD, b"closed"]


async def _answers(scope: Any, receive: Any, send: Any) -> None:
    """Whatever it is asked."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": BODY})


@contextlib.asynccontextmanager
async def a_server(app: Any = _answers) -> AsyncIterator[int]:
    """On this port."""
    config = uvicorn.Config(app, http=Http, lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: Http(config, state, {}), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_head_without_end_is_not_kept() -> None:
    async with a_server() as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: hub\r\nX-Long: ")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 100 * LONGEST_HEAD and not reader.at_eof():
                writer.write(b"x" * 4096)
                await writer.drain()
                await asyncio.sleep(0)
                sent += 4096
        writer.close()

    assert sent < 20 * LONGEST_HEAD


async def test_what_follows_the_last_chunk_is_not_kept_either() -> None:
    chunked = b"POST / HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n"
    for begun, more in (
        (b"0\r\nX-Long: ", b"x" * 4096),
        (b"0\r\n", b"X-Many: " + b"x" * 4086 + b"\r\n"),
        (b"1; long=", b"x" * 4096),
    ):
        async with a_server() as port, asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(chunked + begun)
            sent = 0
            with contextlib.suppress(ConnectionError):
                while sent < 100 * LONGEST_HEAD and not reader.at_eof():
                    writer.write(more)
                    await writer.drain()
                    await asyncio.sleep(0)
                    sent += len(more)
            writer.close()

        assert sent < 20 * LONGEST_HEAD


async def test_a_long_body_in_chunks_is_no_long_head() -> None:
    taken = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal taken
        more = True
        while more:
            message = await receive()
            taken += len(message["body"])
            more = message["more_body"]
        await _answers(scope, receive, send)

    async with a_server(app) as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(64):
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n" + b"1\r\nx\r\n" * 2000)
            await writer.drain()
        writer.write(b"0\r\nX-Sum: 1\r\n\r\n")
        assert await reader.readuntil(b"{}")
        writer.close()

    assert taken == 64 * (4096 + 2000)


@pytest.mark.parametrize("offer", [b"h2c", b"websocket"])
async def test_who_offers_another_protocol_is_heard_to_the_end_in_this_one(offer: bytes) -> None:
    heard, called = bytearray(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        called.set()
        more = True
        while more:
            message = await receive()
            heard.extend(message["body"])
            more = message["more_body"]
        await _answers(scope, receive, send)

    body = b"a\r\nUpgrade: no header\r\n\r\n"
    head = (
        b"POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: %d\r\nHost: hub\r\n"
        b"HTTP2-Settings: AAEAAEAAAAIAAAAB\r\nUpgrade: %s\r\n\r\n" % (len(body), offer)
    )
    async with a_server(app) as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for first, rest in ((head + body, b""), (head, body)):
            heard.clear()
            called.clear()
            writer.write(first)
            await called.wait()
            writer.write(rest)
            assert (await reader.readuntil(b"{}")).startswith(b"HTTP/1.1 200")
            assert heard == body
        writer.close()


async def test_who_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PATIENCE", 0.05)
    async with a_server() as port, asyncio.timeout(10):
        answers = []
        for said in (b"", b"GET / HTTP/1.1\r\nHost: h"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            answers.append(await reader.read())
            writer.close()

    assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 400 Bad Request"] * 2


async def test_one_connection_asks_often_with_long_heads() -> None:
    async with a_server() as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(5):
            writer.write(b"GET / HTTP/1.1\r\nHost: hub\r\nX-Long: " + b"x" * (LONGEST_HEAD // 2))
            await writer.drain()
            writer.write(b"\r\n\r\n")
            assert await reader.readuntil(b"{}")
        writer.close()


async def test_who_falls_silent_in_the_middle_of_a_body_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            heard.append(message["body"])

    monkeypatch.setattr(http, "SILENCE", 0.05)
    async with a_server(app) as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: 100\r\n\r\nabc")
        answer = await reader.read()
        writer.close()

    assert heard == [b"abc"]
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.endswith(b"The body of the request takes too long.")


async def test_who_was_answered_before_the_end_of_his_body_is_not_waited_for_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "SILENCE", 0.05)
    async with a_server() as port, asyncio.timeout(4):  # less than a connection may rest between two requests
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: 100\r\n\r\nabc")
        first = await reader.readuntil(b"{}")
        writer.write(b"def")
        rest = await reader.read()
        writer.close()

    assert first.startswith(b"HTTP/1.1 200")
    assert rest == b""


async def test_who_is_not_listened_to_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    missed, listen, whole = asyncio.Event(), asyncio.Event(), 10 * 2**20

    miss_body = Http._miss_body

    def watched(self: Http) -> None:
        miss_body(self)
        missed.set()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await listen.wait()
        taken = 0
        while (message := await receive())["type"] == "http.request":
            taken += len(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(taken).encode()})

    monkeypatch.setattr(http, "SILENCE", 0.05)
    monkeypatch.setattr(Http, "_miss_body", watched)
    async with a_server(app) as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: {whole}\r\nConnection: close\r\n\r\n".encode())
        writer.write(b"x" * whole)
        await missed.wait()
        listen.set()
        answer = await reader.read()
        writer.close()

    assert str(whole).encode() in answer


async def test_everything_else_is_the_transports() -> None:
    gathering, writes = connection()
    assert gathering.is_closing.__self__ is writes
