"""Who waits for whom when photos are prepared."""

import asyncio

import pytest

from app.errors import TooManyPhotos
from app.reports.uploads import MOST_WAITING, Turns


async def test_one_sender_fills_half_of_the_queue_and_all_together_the_whole() -> None:
    turns, go_on = Turns(), asyncio.Event()
    done: list[str] = []

    async def prepare(sender: str) -> None:
        async with turns.next(sender):
            await go_on.wait()
            done.append(sender)

    async def waiting(*senders: str) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(prepare(sender)) for sender in senders]
        await asyncio.sleep(0)  # each has come as far as it can
        return tasks

    half = MOST_WAITING // 2
    first = await waiting(*["greedy"] * half)
    with pytest.raises(TooManyPhotos):
        await prepare("greedy")
    others = await waiting(*(f"other-{number}" for number in range(half)))
    with pytest.raises(TooManyPhotos) as refused:
        await prepare("one more")
    go_on.set()
    await asyncio.gather(*first, *others)
    await prepare("greedy")

    assert refused.value.facts["count"] == MOST_WAITING
    assert int(refused.value.headers["retry-after"]) > 0
    assert done[half:] == [*(f"other-{number}" for number in range(half)), "greedy"]


async def test_who_does_not_wait_any_longer_leaves_room() -> None:
    turns = Turns()
    for _ in range(2 * MOST_WAITING):
        with pytest.raises(ValueError, match="broken"):
            async with turns.next("one"):
                raise ValueError("broken")
