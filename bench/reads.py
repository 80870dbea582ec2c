"""How fast figures go out when millions of readings stand behind them, and how long it takes to prove them."""

import contextlib
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
    """What is asked, each time of other indicators and another day of some, and how many values that gives."""

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


@dataclass(frozen=True, slots=True)
class Stock:
    """A database with so many readings, which are of these days."""

    bench: Bench
    readings: str
    days: Sequence[datetime]


def measure_history(
    bench: Bench, found: Findings, rounds: int, sizes: Sequence[int], requests: int, parts: Collection[str]
) -> None:
    """Beside each number of readings ask the same in turns (`reads`); at the first of them `verify`."""
    bench.clear()
    histories: list[list[str]] = []
    found.sheets.append(Sheet("Histories", (*_SIZES, "loaded, s", "rolled up, s"), histories))
    stocks: list[Stock] = []
    for size in sizes:
        before = stocks[-1].days if stocks else []
        stocks.append(_stock(bench.copy(f"beside_{size}") if stocks else bench, before, size, histories))
        if "verify" in parts and size == sizes[0]:
            found.below(f"verify {stocks[0].readings} readings", _verify(bench), 60, " s")
    if "reads" in parts:
        asked = _ask(stocks, rounds, requests)
        for stock, runs in zip(stocks, asked, strict=True):
            lines = [rate_row(f"{what}, {connections} conn.", one) for (what, connections), one in runs.items()]
            found.sheets.append(Sheet(f"Reading beside {stock.readings} readings", RATE_COLUMNS, lines))
        _judge(found, stocks, asked)


def _stock(bench: Bench, before: Sequence[datetime], size: int, histories: list[list[str]]) -> Stock:
    """Fill a database that has the readings of the days `before` with those that it has not."""
    days = history.days_of(size)
    more = days[len(before) :]
    with bench.hub() as running, bench.connect() as connection:
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
    return Stock(bench, facts[0], days)


def _ask(stocks: Sequence[Stock], rounds: int, requests: int) -> Sequence[Asked]:
    """A hub for each stock; they and the constant route take turns with every question.

    All are asked the same, about the days of the first, which are the latest of each; and those that have more days also about any
    of them, which are more than stay in memory.
    """
    bench = stocks[0].bench
    asked: list[dict[tuple[str, int], list[Run]]] = [{} for _ in stocks]
    chance = Random(20261121)
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(stock.bench.hub()).port for stock in stocks]
        constant, _ = stack.enter_context(serving(CONSTANT, "/", bench.folder / "constant.log", bench.environment))
        for number in range(1, rounds + 1):
            for connections in CONNECTIONS:
                for question in QUESTIONS:
                    paths = [question.path(chance, stocks[0].days) for _ in range(requests)]
                    loads = [_load(question, paths, *one, connections) for one in zip(stocks, ports, strict=True)]
                    for runs, run in zip(asked, bench.client.take_turns(loads), strict=True):
                        runs.setdefault((question.what, connections), []).append(run)
                    for runs, stock, port in list(zip(asked, stocks, ports, strict=True))[1:]:
                        paths = [question.path(chance, stock.days) for _ in range(requests)]
                        run = bench.client.send(_load(question, paths, stock, port, connections)).run()
                        runs.setdefault((f"{question.what}, any of {len(stock.days)}", connections), []).append(run)
                run = bench.client.send(Load(constant, [get("/")] * requests, connections)).run()
                for runs in asked:
                    runs.setdefault((CONSTANT_ROUTE, connections), []).append(run)
            rates = ", ".join(f"{runs[CITY_SCREEN.what, BUSY][-1].rate:,.0f}" for runs in asked)
            say(f"reads, round {number}: city screens {rates} a second")
    return asked


def _load(question: Question, paths: Sequence[str], stock: Stock, port: int, connections: int) -> Load:
    _check(stock.bench, port, paths[0], question.values)
    return Load(port, [get(path) for path in paths], connections)


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


def _judge(found: Findings, stocks: Sequence[Stock], asked: Sequence[Asked]) -> None:
    for stock, runs in zip(stocks, asked, strict=True):
        rate, limit = (median(runs[what, BUSY], lambda run: run.rate) for what in (CITY_SCREEN.what, CONSTANT_ROUTE))
        what = f"{CITY_SCREEN.what}, {BUSY} conn., {stock.readings} readings; {rate / limit:.0%} of F"
        found.at_least(what, rate, 1500, " a second")
    for many in asked[1:]:
        for question in QUESTIONS:
            few_p50, many_p50 = (
                median(runs[question.what, CONNECTIONS[0]], lambda run: run.p50) for runs in (asked[0], many)
            )
            found.at_most(f"p50 with ten times the readings: {question.what}", many_p50 / few_p50, 1.2, " times")
