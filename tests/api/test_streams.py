"""What changes on a wall is told at once, and nobody who comes back has missed anything."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import time_machine

from app.auth import revoke_key
from app.screens.live import Walls
from app.screens.snapshot import View
from tests.api.test_screens import RECEIVED, VISITS, change, day, figure, made, screen
from tests.conftest import HubUnderTest


class Viewer:
    """A browser at the other end of a stream: speaks ASGI, reads server-sent events."""

    def __init__(self, hub: HubUnderTest, path: str, query: str, headers: dict[str, str]) -> None:
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self._scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "headers": raw,
            "client": ("127.0.0.1", 1), "server": ("hub", 80), "root_path": "",
        }  # fmt: skip
        self._app = hub.app
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._asked = False
        self._text = ""
        self.ended = False
        self.reading = asyncio.Event()
        self.reading.set()

    async def open(self) -> int:
        self.request = asyncio.create_task(self._app(self._scope, self._receive, self._send))
        return int((await self._sent.get())["status"])

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self.reading.wait()
        self._sent.put_nowait(message)

    async def close(self) -> None:
        self._gone.set()
        self.reading.set()
        await self.request

    async def event(self) -> dict[str, Any]:
        """The next event; comments are not events."""
        while True:
            block, found, rest = self._text.partition("\n\n")
            if found:
                self._text = rest
                lines = [line.partition(": ") for line in block.split("\n")]
                fields = {name: value for name, _, value in lines if name}
                if "event" in fields:
                    return {**fields, "data": orjson.loads(fields["data"])}
                continue
            message = await asyncio.wait_for(self._sent.get(), 10)
            self._text += message["body"].decode()
            self.ended |= not message["more_body"]


@contextlib.asynccontextmanager
async def watching(hub: HubUnderTest, slug: str = "thu", query: str = "", **headers: str) -> AsyncIterator[Viewer]:
    sent = {"accept-language": "en", **{name.replace("_", "-"): value for name, value in headers.items()}}
    viewer = Viewer(hub, f"/v1/screens/{slug}/events", query, sent)
    assert await viewer.open() == 200
    try:
        yield viewer
    finally:
        await viewer.close()


def walls(hub: HubUnderTest) -> Walls:
    found = hub.app.state.walls
    assert isinstance(found, Walls)
    return found


async def two_tiles(hub: HubUnderTest) -> None:
    await made(hub, screen(figure("kham", VISITS), figure("ho-so", RECEIVED)))
    await hub.sent((VISITS, "25813", day(1), 7), (RECEIVED, "25813", day(1), 5))


async def test_the_whole_comes_first_and_then_what_has_changed(hub: HubUnderTest) -> None:
    await two_tiles(hub)
    async with watching(hub) as viewer:
        first = await viewer.event()
        await hub.sent((VISITS, "25813", day(1), 8))
        second = await viewer.event()

    snapshot = (await hub.client.get("/v1/screens/thu/data")).json()
    assert first["event"] == "snapshot"
    assert first["data"]["data"]["kham"]["figure"]["value"] == 7
    assert (second["event"], second["data"]["id"]) == ("widget", "kham")
    assert second["data"]["data"] == snapshot["data"]["kham"]
    assert second["data"]["change"] == snapshot["change"] > first["data"]["change"]


async def test_what_concerns_no_tile_is_not_told(hub: HubUnderTest) -> None:
    await two_tiles(hub)
    async with watching(hub) as viewer:
        await viewer.event()
        await hub.sent(("health.emergency", "25813", day(1), 3))
        await hub.sent((RECEIVED, "25813", day(1), 6))

        assert (await viewer.event())["data"]["id"] == "ho-so"


async def test_who_comes_back_is_told_what_was_missed_and_nothing_else(hub: HubUnderTest) -> None:
    await two_tiles(hub)
    async with watching(hub) as viewer:
        seen = (await viewer.event())["id"]
        await hub.sent((VISITS, "25813", day(1), 8))
        await viewer.event()
        async with watching(hub, last_event_id=seen) as back:
            missed = await back.event()
            await hub.sent((RECEIVED, "25813", day(1), 6))
            following = await back.event()

    assert (missed["event"], missed["data"]["id"], missed["data"]["data"]["figure"]["value"]) == ("widget", "kham", 8)
    assert following["data"]["id"] == "ho-so"
    assert following["id"] > missed["id"] > seen


@pytest.mark.parametrize("seen", ["1-0-{mark}", "999999999-0-{mark}", "999999999-0-00000000"])
async def test_who_was_away_for_too_long_gets_the_whole(hub: HubUnderTest, seen: str) -> None:
    await two_tiles(hub)
    async with watching(hub) as viewer:
        mark = (await viewer.event())["id"].rpartition("-")[2]
    async with watching(hub, last_event_id=seen.format(mark=mark)) as viewer:
        assert (await viewer.event())["event"] == "snapshot"


@pytest.mark.parametrize(
    "seen", ["abc", "1", "1-1", "-1-1-00000000", "1-1-1", "1-1-0000000G", "١-١-00000000", "1" * 50]
)
async def test_a_last_event_id_that_the_hub_never_gave_is_a_clear_problem(hub: HubUnderTest, seen: str) -> None:
    response = await hub.client.get("/v1/screens/tong-quan/events", headers=[(b"last-event-id", seen.encode())])

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/header/Last-Event-ID"


async def test_viewers_of_the_same_wall_share_its_drawing(hub: HubUnderTest) -> None:
    await two_tiles(hub)
    async with contextlib.AsyncExitStack() as stack:
        viewers = [await stack.enter_async_context(watching(hub)) for _ in range(20)]
        for viewer in viewers:
            await viewer.event()
        await hub.sent((VISITS, "25813", day(1), 8))
        events = [await viewer.event() for viewer in viewers]

        assert len({event["id"] for event in events}) == 1
        assert len(walls(hub)._followers) == 1
    assert not walls(hub)._followers


async def test_streams_hold_no_connection_to_the_database(hub: HubUnderTest) -> None:
    await two_tiles(hub)
    async with contextlib.AsyncExitStack() as stack:
        viewers = [await stack.enter_async_context(watching(hub)) for _ in range(4 * hub.hub.settings.pool_size)]
        for viewer in viewers:
            await viewer.event()

        assert hub.hub.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        assert (await hub.point(VISITS, "25813", day(1), "day"))["value"] == 7


async def test_a_slow_viewer_gets_the_newest_state_and_not_what_was_in_between(hub: HubUnderTest) -> None:
    await two_tiles(hub)
    async with watching(hub) as fast, watching(hub) as slow:
        await fast.event()
        await slow.event()
        slow.reading.clear()
        for value in (8, 9, 10, 11):
            await hub.sent((VISITS, "25813", day(1), value))
            await fast.event()
        slow.reading.set()

        values = [(await slow.event())["data"]["data"]["figure"]["value"]]
        while values[-1] != 11:
            values.append((await slow.event())["data"]["data"]["figure"]["value"])
        assert len(values) <= 2  # what was on its way when it stopped reading, and the newest


async def test_a_changed_definition_is_shown_whole(hub: HubUnderTest) -> None:
    await two_tiles(hub)
    async with watching(hub) as viewer:
        await viewer.event()
        assert (await change(hub, "PUT", body=screen(figure("ho-so", RECEIVED)), If_Match='"1"')).status_code == 200
        event = await viewer.event()

    assert (event["event"], event["data"]["version"], list(event["data"]["data"])) == ("snapshot", 2, ["ho-so"])


async def test_a_reading_that_one_process_showed_before_it_was_told_is_not_missed(hub: HubUnderTest) -> None:
    """A viewer leaves a process that has not shown it, and comes to one that drew it first, before anything was told."""
    view = View("thu", "25813", None, "en", frozenset())
    await two_tiles(hub)
    left, met = Walls(hub.hub), Walls(hub.hub)
    await left.wall(view).picture()
    seen = left.wall(view).state
    await hub.send((VISITS, "25813", day(1), 8), settled=False)

    await met.wall(view).picture()
    missed = met.wall(view).since(seen)
    await hub.settle()
    await met.wall(view).picture()
    missed += met.wall(view).since(seen)

    assert b'"value":8' in missed


async def test_the_stream_of_a_key_that_is_revoked_ends_though_nothing_changes(hub: HubUnderTest) -> None:
    await two_tiles(hub)
    key = await hub.key("reader", scopes=["readings:read"])
    async with watching(hub, x_api_key=key) as viewer:
        await viewer.event()
        async with hub.session() as session:
            await revoke_key(session, key.split("_")[1])

        assert (await viewer.event())[
            "event"
        ] == "reconnect"  # within ten seconds; the next beat would come after fifteen


async def test_a_renamed_unit_is_shown_to_all_by_its_new_name(hub: HubUnderTest) -> None:
    key = await hub.key("units", scopes=["catalogue:write"])

    async def name(words: str) -> None:
        unit = {"code": "brk", "kind": "region", "name_vi": words, "name_en": words, "valid_from": "2025-07-01"}
        response = await hub.client.post("/v1/units", json={"units": [unit]}, headers={"X-API-Key": key})
        assert response.status_code == 200, response.text
        await hub.settle()

    await name("Before")
    await made(hub, screen(figure("kham", VISITS), unit="brk"))
    async with watching(hub) as viewer:
        assert (await viewer.event())["data"]["unit"]["name"] == "Before"
        await name("After")
        event = await viewer.event()

    assert (event["event"], event["data"]["unit"]["name"]) == ("snapshot", "After")


async def test_who_watches_a_screen_that_is_taken_away_is_sent_to_find_out(hub: HubUnderTest) -> None:
    await two_tiles(hub)
    async with watching(hub) as viewer:
        await viewer.event()
        assert (await change(hub, "DELETE", If_Match='"1"')).status_code == 204

        assert (await viewer.event())["event"] == "reconnect"
    assert (await hub.client.get("/v1/screens/thu/events")).status_code == 404


async def test_a_figure_that_ages_is_told_without_anybody_writing(hub: HubUnderTest) -> None:
    await two_tiles(hub)
    due = hub.hub.now().replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=1)
    with time_machine.travel(due.replace(tzinfo=hub.hub.settings.tz) - timedelta(milliseconds=300)):
        async with watching(hub) as viewer:
            first = await viewer.event()
            second = await viewer.event()

    assert first["data"]["data"]["kham"]["figure"]["age"] == "fresh"
    assert (second["event"], second["data"]["data"]["figure"]["age"]) == ("widget", "due")
    assert second["data"]["change"] == first["data"]["change"]


async def test_a_wall_says_since_when_what_comes_is_not_rolled_up(hub: HubUnderTest) -> None:
    await two_tiles(hub)
    async with watching(hub) as viewer:
        first = await viewer.event()
        await hub.fall_behind(VISITS, "25813")
        behind = await viewer.event()
        await hub.sent((RECEIVED, "25813", day(1), 6))  # and a worker has come
        again = await viewer.event()

    assert [event["event"] for event in (first, behind, again)] == ["snapshot"] * 3
    assert first["data"]["waiting_since"] is again["data"]["waiting_since"] is None
    waiting = datetime.now(UTC) - datetime.fromisoformat(behind["data"]["waiting_since"])
    assert timedelta(minutes=2) <= waiting < timedelta(minutes=3)
    assert behind["data"]["data"] == first["data"]["data"]


async def test_who_watches_when_the_hub_goes_away_is_told_to_come_back(hub: HubUnderTest) -> None:
    await two_tiles(hub)
    async with watching(hub) as viewer:
        await viewer.event()
        walls(hub).close()
        last = await viewer.event()

        assert (last["event"], viewer.ended) == ("reconnect", True)
        assert 500 <= int(last["retry"]) < 3000
