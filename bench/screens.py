"""How fast a wall is given out, how soon those who watch are told, and what each of them costs."""

import asyncio
import re
import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from app import exact_json
from app.hub import hub_of
from app.readings.demo import load_demo
from app.readings.seed import load_seed_figures
from app.reports.indicators import prepare_counting
from app.schemas.screens import ScreenIn
from app.screens.definitions import load_presets, save_screen
from app.settings import Settings
from bench.client import Answer, Load, get, post
from bench.hub import BARE, Bench, memory, serving
from bench.lag import LATE
from bench.measured import Run, median, milliseconds, percentile
from bench.report import RATE_COLUMNS, Findings, Sheet, rate_row, say
from bench.viewers import Event, Viewers
from bench.workload import body, new_readings

OVERVIEW, SMALL = "/v1/screens/tong-quan", "/v1/screens/bench"
CONNECTIONS = 32
STREAMS, GLASS_STREAMS, GLASS_PACE, GLASS_CONNECTIONS = 5_000, 200, 1_000, 64
GLASS_CHANGES = 4  # of the readings of a second, those that the screen shows
ONE_PROCESS = {"IOC_PROCESSES": "1"}  # as many as the bounds have
DEMO_DAYS = 3

# The changing figure: of an indicator that both screens show, the overview as a sum with the demo's small figures of other communes.
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
INDICATOR, COMMUNE = "health.disease.dengue", "25840"
_STEP = 1_000_000
_values = count(7_000_000_000_000_000, _STEP)  # each change has its own, larger than all before it
_MARKED = re.compile(rb'"value":(7\d{15})[,}]')
_SCREEN: Mapping[str, Any] = {
    "title": {"vi": "Đo tốc độ", "en": "Benchmark"},
    "parameters": {"unit": COMMUNE},
    "pages": [
        {
            "rows": 2,
            "widgets": [
                {"id": "one", "kind": "figure", "x": 0, "y": 0, "w": 3, "h": 2, "indicator": INDICATOR},
                {"id": "two", "kind": "figure", "x": 3, "y": 0, "w": 3, "h": 2, "indicator": "tthc.dossier.received"},
            ],
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a change a second; in seconds."""

    events: Sequence[Event]
    after_first: Sequence[float]  # the last stream after the first one; one for each event
    after_accepted: Sequence[float]  # the last stream after the 200; one for each change
    together: int  # changes that had no event of their own: they were drawn with the next one
    missed: int  # events that a stream did not get
    kib: float  # of the server's memory, for each stream
    viewers: float  # of the client's processor time, for each event of each stream


def measure_screens(bench: Bench, found: Findings, rounds: int, requests: int, seconds: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # inherited by all that is started here
    bench.clear()
    with bench.hub() as running:  # before the demo, which takes what is nobody's
        bench.client.send(Load(running.port, [bench.post(_change(next(_values)))], 1))
    asyncio.run(_furnish(bench))
    with bench.hub():
        pass  # what the demo adds up to is rolled up
    _measure_snapshot(bench, found, rounds, 20 * requests)
    _measure_streams(bench, found, rounds, seconds)
    _measure_glass(bench, found, rounds, seconds)


async def _furnish(bench: Bench) -> None:
    """What a hub has that was started for the first time, and the small screen."""
    settings = Settings(data_dir=bench.folder)
    async with hub_of(settings, bench.url) as hub, hub.database.write_session() as session:
        await load_seed_figures(session, settings, hub.now())
        await prepare_counting(session)
        catalogue = await hub.catalogues.current(session)
        await load_presets(session, catalogue, settings)
        await save_screen(session, catalogue, settings, "bench", ScreenIn.model_validate(_SCREEN), read_version=None)
        await load_demo(session, settings, hub.now(), lambda *_: None, days=DEMO_DAYS)


def _bare(bench: Bench) -> tuple[Sequence[str], str, Path, Mapping[str, str]]:
    return BARE, "/", bench.folder / "bare.log", bench.environment


# --- the snapshot ---


def _measure_snapshot(bench: Bench, found: Findings, rounds: int, requests: int) -> None:
    runs: dict[str, list[Run]] = {"hub: 200": [], "hub: 304": [], "F2: the same bytes": []}
    for number in range(1, rounds + 1):
        with bench.hub(ONE_PROCESS) as hub, serving(*_bare(bench)) as (bare, _):
            shown = httpx.get(f"http://127.0.0.1:{hub.port}{OVERVIEW}/data", headers={"accept-encoding": "identity"})
            tag = shown.raise_for_status().headers["etag"]
            bench.client.send(Load(bare, [post("/", "", shown.content)], 1))
            loads = (
                Load(hub.port, [get(f"{OVERVIEW}/data")] * requests, CONNECTIONS),
                Load(hub.port, [get(f"{OVERVIEW}/data", tag)] * requests, CONNECTIONS, status=304),
                Load(bare, [get("/")] * requests, CONNECTIONS),
            )
            for load in loads:  # a server that has just been started still has other things to do
                bench.client.send(load)
            for taken, run in zip(runs.values(), bench.client.take_turns(loads), strict=True):
                taken.append(run)
        rates = ", ".join(f"{what} {taken[-1].rate:,.0f}" for what, taken in runs.items())
        say(f"snapshot, round {number}: {rates} a second")
    full, unchanged, bound = (median(taken, lambda run: run.rate) for taken in runs.values())
    found.at_least("snapshot of tong-quan, beside F2", full / bound, 0.7)
    found.at_least("its 304s, beside its 200s", unchanged / full, 1)
    tiles = [tile for widget in shown.json()["data"].values() for tile in widget.get("tiles", [widget])]
    title = f"Snapshot of tong-quan: {len(tiles)} tiles, {len(shown.content):,} bytes; {CONNECTIONS} connections, one process"
    found.sheets.append(Sheet(title, RATE_COLUMNS, [rate_row(what, taken) for what, taken in runs.items()]))


# --- the streams ---


def _measure_streams(bench: Bench, found: Findings, rounds: int, seconds: int) -> None:
    hub, bound = [], []
    for number in range(1, rounds + 1):
        with bench.hub(ONE_PROCESS) as running:
            changes = {b'"value":%d' % value: bench.post(_change(value)) for value in islice(_values, seconds)}
            hub.append(_tell(bench, running.port, running.process.pid, f"{SMALL}/events", changes))
        with serving(*_bare(bench)) as (port, process):
            changes = {event.data: post("/events", "", event.data) for event in hub[-1].events}
            bound.append(_tell(bench, port, process.pid, "/events", changes))
        last, kib = milliseconds(max(hub[-1].after_first)), hub[-1].kib
        say(f"streams, round {number}: the last at most {last} ms after the first, {kib:.0f} KiB each")
    p99 = median(hub, lambda told: percentile(told.after_first, 99))
    found.at_most(f"events that one of {STREAMS:,} streams missed", sum(told.missed for told in hub), 0)
    found.at_most(f"the last of {STREAMS:,} streams after the first, p99", 1000 * p99, 250, " ms")
    found.below("memory of a stream", median(hub, lambda told: told.kib), 48, " KiB")
    size = len(hub[-1].events[-1].data)
    title = (
        f"A change a second for {seconds} s, told to {STREAMS:,} streams by one process; an event has {size:,} bytes"
    )
    lines = [_told_row("hub", hub), _told_row("E: bare ASGI", bound)]
    found.sheets.append(Sheet(title, _TOLD_COLUMNS, lines))


def _tell(bench: Bench, port: int, server: int, path: str, changes: Mapping[bytes, bytes]) -> Told:
    """Send the requests that make changes, each under a mark that its event has."""
    with Viewers(port, path, 1):  # so that what the first one costs is not counted
        before = memory(server)
    with Viewers(port, path, STREAMS) as viewers:
        answers = bench.client.send(Load(port, list(changes.values()), 1, per_second=1)).answers
        time.sleep(1)  # for the last event
        kib = (memory(server) - before) / STREAMS
        seen = viewers.leave()
    own = [next((event for event in seen.events if mark in event.data), None) for mark in changes]
    if own[-1] is None:
        raise RuntimeError("The last change was never told.")
    told = [next(event for event in own[place:] if event) for place in range(len(own))]  # perhaps that of a newer one
    events = [event for event in own if event]
    return Told(
        events,
        [max(event.moments.values()) - min(event.moments.values()) for event in events],
        [max(event.moments.values()) - answer.answered for event, answer in zip(told, answers, strict=True)],
        len(own) - len(events),
        sum(STREAMS - len(event.moments) for event in events),
        kib,
        seen.processor / len(events) / STREAMS,
    )


_TOLD_COLUMNS = (
    "the last stream gets it", "after the first, p50 ms", "p99 ms", "after the 200, p50 ms", "p99 ms",
    "drawn with the next", "missed by a stream", "KiB a stream", "client's µs each",
)  # fmt: skip


def _told_row(what: str, rounds: Sequence[Told]) -> list[str]:
    """Medians of the rounds."""
    moments = [
        median(rounds, lambda told: percentile(told.after_first, 50)),
        median(rounds, lambda told: percentile(told.after_first, 99)),
        median(rounds, lambda told: percentile(told.after_accepted, 50)),
        median(rounds, lambda told: percentile(told.after_accepted, 99)),
    ]
    return [
        what,
        *map(milliseconds, moments),
        f"{sum(told.together for told in rounds)}",
        f"{sum(told.missed for told in rounds)}",
        f"{median(rounds, lambda told: told.kib):.1f}",
        f"{1e6 * median(rounds, lambda told: told.viewers):.0f}",
    ]


# --- from accepted to the glass ---


def _measure_glass(bench: Bench, found: Findings, rounds: int, seconds: int) -> None:
    """One reading a request; some of them stand on the screen that the streams show."""
    step, size = GLASS_PACE // GLASS_CHANGES, seconds * GLASS_PACE
    readings = new_readings(rounds * size)
    delays, late = [], 0.0
    for number in range(1, rounds + 1):
        requests = [bench.post(body([reading])) for reading in readings[(number - 1) * size : number * size]]
        values = list(islice(_values, size // step))
        requests[::step] = [bench.post(_change(value)) for value in values]
        with bench.hub() as running, Viewers(running.port, f"{OVERVIEW}/events", GLASS_STREAMS) as viewers:
            answers = bench.client.send(Load(running.port, requests, GLASS_CONNECTIONS, GLASS_PACE)).answers
            time.sleep(2)  # for the last event
            delays.append(_delays(dict(zip(values, answers[::step], strict=True)), viewers.leave().events))
        late = max(late, *(answer.sent - answer.due for answer in answers))
        say(f"glass, round {number}: p99 {percentile(delays[-1], 99):.2f} s, sent at most {late:.2f} s late")
    p50 = median(delays, lambda delay: percentile(delay, 50))
    p99 = median(delays, lambda delay: percentile(delay, 99))
    what = f"a reading is on the glass, {GLASS_PACE:,} readings a second, {GLASS_STREAMS} streams, p99"
    found.below(what, p99, 1, " s", valid=late < LATE)
    line = [f"{GLASS_CHANGES} of them shown", *(f"{figure:.2f}" for figure in (p50, p99, max(map(max, delays)), late))]
    title = f"From accepted to the glass: {GLASS_PACE:,} readings a second, each a request, for {seconds} s; {GLASS_STREAMS} streams of tong-quan"
    found.sheets.append(Sheet(title, ("", "p50 s", "p99 s", "largest s", "sent late by at most s"), [line]))


def _delays(answers: Mapping[int, Answer], events: Sequence[Event]) -> list[float]:
    """For each change, by its value, and each stream: from the answer to the first event with the value, or a newer one."""
    delays = []
    for stream in range(GLASS_STREAMS):
        shown = [(event.moments[stream], _value(event)) for event in events if stream in event.moments]
        for value, answer in answers.items():
            moment = min((moment for moment, newest in shown if newest >= value), default=None)
            if moment is None:
                raise RuntimeError(f"Stream {stream} was never told of {value}.")
            delays.append(max(0.0, moment - answer.answered))
    return delays


def _change(value: int) -> bytes:
    """The body of the request that makes the figure another one."""
    row = {"indicator": INDICATOR, "unit": COMMUNE, "period": _yesterday(), "value": value}
    return exact_json.dumps({"readings": [row]})


def _yesterday() -> str:
    return str(datetime.now(ZONE).date() - timedelta(days=1))


def _value(event: Event) -> int:
    """Of the last change that is in an event."""
    newest = max(map(int, _MARKED.findall(event.data)), default=0)
    return newest - newest % _STEP
