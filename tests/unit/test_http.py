"""An answer is one write; a head whose body is still to come does not wait for it."""

import asyncio
from collections.abc import Iterable

from app.http import Gathering

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


async def test_everything_else_is_the_transports() -> None:
    gathering, writes = connection()
    assert gathering.is_closing.__self__ is writes
