"""How long after a batch was accepted its rollups are announced, while batches keep arriving."""

import contextlib
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, repeat

from bench.client import Load
from bench.hub import Bench
from bench.measured import median, percentile
from bench.report import Findings, Sheet, say
from bench.workload import batches_of, body, turns_of

CONNECTIONS = 8  # more than the server needs to keep up, so that a late answer does not hold up the next batch
LATE = 1.0  # seconds: a request that starts later than this has lost the pace
# A batch is many days of one indicator, as when a system catches up, or many indicators of one period, as every day.
SHAPES = {1: "one indicator, eleven periods", 11: "eleven indicators, one period"}


def measure_lag(bench: Bench, found: Findings, rounds: int, per_second: int, seconds: int) -> None:
    lines, p99s, held = [], [], True
    for breadth, shape in SHAPES.items():
        lags, late = [], 0.0
        for number in range(1, rounds + 1):
            lag, latest = _round(bench, breadth, per_second, seconds)
            lags.append(lag)
            late = max(late, latest)
            say(f"lag, {shape}, round {number}: p99 {percentile(lag, 99):.2f} s, sent at most {latest:.2f} s late")
        p99s.append(median(lags, lambda lag: percentile(lag, 99)))
        held = held and late < LATE
        figures = (median(lags, lambda lag: percentile(lag, 50)), p99s[-1], max(map(max, lags)), late)
        lines.append([shape, *(f"{figure:.2f}" for figure in figures)])
    what = f"rollup lag at {per_second:,} readings a second, p99" + ("" if held else "; the pace was not held")
    found.below(what, max(p99s), 1, " s", valid=held)
    columns = ("batches of", "p50 s", "p99 s", "largest s", "sent late by at most s")
    found.sheets.append(Sheet(f"Rollup lag, {per_second:,} readings a second for {seconds} s", columns, lines))


def _round(bench: Bench, breadth: int, per_second: int, seconds: int) -> tuple[list[float], float]:
    """The lag of every batch, and by how much the latest one was sent too late."""
    size = len(batches_of(breadth, 1)[0])
    batches = batches_of(breadth, seconds * per_second // size)
    requests = [bench.post(body(batch)) for batch in batches]
    bench.clear()
    with bench.hub() as running, _listening(bench) as heard:
        load = Load(running.port, requests, CONNECTIONS, per_second / size, keep=True)
        outcome = bench.ingest(load, size * len(batches))
        running.rolled_up()
        time.sleep(0.5)  # for the last notification
    moments = _moments(bench, heard)
    sent_again = chain((answer.sent for answer in outcome.answers[turns_of(breadth) :]), repeat(float("inf")))
    lags = []
    for batch, answer, again in zip(batches, outcome.answers, sent_again, strict=False):
        codes = {reading.indicator for reading in batch}
        computed = max(_announced(moments[code], answer.sent, again) for code in codes)
        lags.append(max(0.0, computed - answer.answered))
    return lags, max(answer.sent - answer.due for answer in outcome.answers)


@contextlib.contextmanager
def _listening(bench: Bench) -> Iterator[Mapping[int, float]]:
    """When the number of each change was heard."""
    heard: dict[int, float] = {}
    done = threading.Event()
    with bench.connect() as connection:
        connection.execute("LISTEN ioc_change")

        def listen() -> None:
            while not done.is_set():
                for notice in connection.notifies(timeout=0.2):
                    heard[int(notice.payload)] = time.monotonic()

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield heard
        finally:
            done.set()
            thread.join()


def _moments(bench: Bench, heard: Mapping[int, float]) -> Mapping[str, Sequence[float]]:
    """For each indicator when it was heard that it had been computed, in order."""
    moments: dict[str, list[float]] = defaultdict(list)
    with bench.connect() as connection:
        changes = connection.execute(
            "SELECT c.id, i.code FROM change c JOIN indicator i ON i.id = ANY (c.indicator_ids)"
            " WHERE c.topic = 'readings' AND c.id = ANY (%s) ORDER BY c.id",
            [list(heard)],
        )
        for number, code in changes:
            moments[code].append(heard[number])
    return moments


def _announced(moments: Sequence[float], sent: float, again: float) -> float:
    """The last time before the indicator was sent again, as one batch may be computed in two passes.

    That may be before the answer arrived, but never before the request was sent; if there is none, the next one counts.
    """
    place = bisect_left(moments, again) - 1
    if place < 0 or moments[place] < sent:
        place += 1
    if place == len(moments):
        raise RuntimeError("A batch was accepted and rolled up, but no change was announced.")
    return moments[place]
