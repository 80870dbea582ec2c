"""How fast figures go out when millions of readings stand behind them, and how long it takes to prove them."""

import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from app import exact_json
from app.periods import Grain, bucket_start, label
from bench import history
from bench.client import Load, get
from bench.hub import CONSTANT, IOC_HUB, Bench, serving
from bench.measured import Run, median
from bench.report import RATE_COLUMNS, Findings, Sheet, rate_row, say
from bench.workload import COMMUNES, PROVINCE, communes

CONNECTIONS, BUSY = (1, 16), 16
CITY, EACH, SOME = [f"unit={PROVINCE}"], [f"children_of={PROVINCE}"], [f"unit={code}" for code in communes()]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, each time of other indicators and another day, and how many values that gives."""

    what: str
    units: Sequence[str]  # one of them each time
    grain: Grain
    indicators: int
    values: int

    def path(self, chance: Random, days: Sequence[datetime]) -> str:
        codes = ",".join(chance.sample(history.codes_of("daily", "hourly"), self.indicators))
        period = label(self.grain, bucket_start(self.grain, chance.choice(days)))
        asked = f"indicator={codes}&{chance.choice(self.units)}&grain={self.grain.name}&from={period}&to={period}"
        return f"/v1/aggregates?{asked}"


CITY_SCREEN = Question("24 indicators of the city for a day", CITY, Grain.day, 24, 24)
QUESTIONS = [
    Question("a month, each commune", EACH, Grain.month, 1, COMMUNES),
    Question("a day, each commune", EACH, Grain.day, 1, COMMUNES),
    Question("a day of the city", CITY, Grain.day, 1, 1),
    Question("24 indicators of a commune for a day", SOME, Grain.day, 24, 24),
    CITY_SCREEN,
]
CONSTANT_ROUTE = "F: a constant route"

Asked = Mapping[tuple[str, int], list[Run]]  # by what was asked, and over how many connections

_SIZES = {
    "readings": "SELECT count(*) FROM reading",
    "rollups": "SELECT count(*) FROM rollup",
    "readings, MB": "SELECT sum(pg_total_relation_size(relid)) / 1e6 FROM pg_partition_tree('reading')",
    "rollups, MB": "SELECT pg_total_relation_size('rollup') / 1e6",
}


def measure_history(
    bench: Bench, found: Findings, rounds: int, sizes: Sequence[int], requests: int, parts: Collection[str]
) -> None:
    """At each number of readings ask the same (`reads`); at the first of them `verify`."""
    bench.clear()
    days: list[datetime] = []
    asked: dict[str, Asked] = {}
    histories: list[list[str]] = []
    found.sheets.append(Sheet("Histories", (*_SIZES, "loaded, s", "rolled up, s"), histories))
    with bench.hub() as running, bench.connect() as connection:
        for size in sizes:
            more = history.days_of(size)[len(days) :]
            days += more
            begin = time.monotonic()
            history.load(connection, more)
            history.vacuum(connection)
            loaded = time.monotonic()
            history.mark_stale(connection, more)
            rolled_up = running.rolled_up()
            history.vacuum(connection)
            facts = [f"{float(bench.ask(question)):,.0f}" for question in _SIZES.values()]
            histories.append([*facts, f"{loaded - begin:.0f}", f"{rolled_up - loaded:.0f}"])
            say(f"{facts[0]} readings loaded in {loaded - begin:.0f} s, rolled up in {rolled_up - loaded:.0f} s")
            if "reads" in parts:
                runs = asked[facts[0]] = _ask(bench, running.port, days, rounds, requests)
                lines = [rate_row(f"{what}, {connections} conn.", one) for (what, connections), one in runs.items()]
                found.sheets.append(Sheet(f"Reading beside {facts[0]} readings", RATE_COLUMNS, lines))
            if "verify" in parts and size == sizes[0]:
                found.below(f"verify {facts[0]} readings", _verify(bench), 60, " s")
    if asked:
        _judge(found, asked)


def _ask(bench: Bench, port: int, days: Sequence[datetime], rounds: int, requests: int) -> Asked:
    runs: dict[tuple[str, int], list[Run]] = {}
    chance = Random(20261121)
    with serving(CONSTANT, "/", bench.folder / "constant.log", bench.environment) as (constant, _):
        for number in range(1, rounds + 1):
            for connections in CONNECTIONS:
                for question in QUESTIONS:
                    paths = [question.path(chance, days) for _ in range(requests)]
                    _check(bench, port, paths[0], question.values)
                    load = Load(port, [get(path) for path in paths], connections)
                    runs.setdefault((question.what, connections), []).append(bench.client.send(load).run())
                load = Load(constant, [get("/")] * requests, connections)
                runs.setdefault((CONSTANT_ROUTE, connections), []).append(bench.client.send(load).run())
            say(f"reads, round {number}: city screens {runs[CITY_SCREEN.what, BUSY][-1].rate:,.0f} a second")
    return runs


def _check(bench: Bench, port: int, path: str, values: int) -> None:
    [answer] = bench.client.send(Load(port, [get(path)], 1, keep=True)).answers
    points = [point for series in exact_json.loads(answer.body)["series"] for point in series["points"]]
    if (counted := sum(point["value"] is not None for point in points)) != values:
        raise RuntimeError(f"{path} has {counted} values where {values} are expected.")


def _verify(bench: Bench) -> float:
    begin = time.monotonic()
    done = subprocess.run([IOC_HUB, "verify"], env=bench.environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - begin
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    say(done.stderr.splitlines()[-1])
    return seconds


def _judge(found: Findings, asked: Mapping[str, Asked]) -> None:
    """`asked` by the number of readings that stood behind the answers, the smallest first."""
    for readings, runs in asked.items():
        rate, limit = (median(runs[what, BUSY], lambda run: run.rate) for what in (CITY_SCREEN.what, CONSTANT_ROUTE))
        what = f"{CITY_SCREEN.what}, {BUSY} conn., {readings} readings; {rate / limit:.0%} of F"
        found.at_least(what, rate, 1500, " a second")
    first, *later = (
        {key: median(taken, lambda run: run.p50) for key, taken in runs.items()} for runs in asked.values()
    )
    for many in later:
        # The two histories are asked a quarter of an hour apart, in which the machine becomes another one: F was asked with both.
        slower = many[CONSTANT_ROUTE, CONNECTIONS[0]] / first[CONSTANT_ROUTE, CONNECTIONS[0]]
        for question in QUESTIONS:
            key = question.what, CONNECTIONS[0]
            what = f"p50 with ten times the readings, beside F: {question.what}"
            found.at_most(what, many[key] / first[key] / slower, 1.2, " times")
