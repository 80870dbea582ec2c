"""The clock of both sides of every comparison."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Run:
    """What so many rows or requests took; `latencies` of the single requests. All in seconds."""

    count: int
    seconds: float
    latencies: Sequence[float]
    client: float = 0.0  # of the processor's time, in the client

    @classmethod
    def of_turns(cls, turns: Sequence["Run"]) -> "Run":
        """One after the other, as if nothing had been between them."""
        latencies = [latency for turn in turns for latency in turn.latencies]
        client = sum(turn.client for turn in turns)
        return cls(sum(turn.count for turn in turns), sum(turn.seconds for turn in turns), latencies, client)

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    @property
    def p50(self) -> float:
        return percentile(self.latencies, 50)

    @property
    def p99(self) -> float:
        return percentile(self.latencies, 99)


def percentile(latencies: Iterable[float], percent: int) -> float:
    """By nearest rank."""
    ordered = sorted(latencies)
    return ordered[-(-len(ordered) * percent // 100) - 1]


def median(runs: Iterable[T], figure: Callable[[T], float]) -> float:
    return statistics.median(figure(run) for run in runs)


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.1f}"


def timed(items: Sequence[T], workers: Sequence[Callable[[T], None]], count: int) -> Run:
    """Give each worker a thread, and the next item when it has done its last; `count` is what the items stand for."""
    waiting = iter(items)  # shared: the next() of a list or a range is atomic

    def work(worker: Callable[[T], None]) -> list[float]:
        latencies = []
        for item in waiting:
            started = time.perf_counter()
            worker(item)
            latencies.append(time.perf_counter() - started)
        return latencies

    with ThreadPoolExecutor(len(workers)) as threads:
        begin = time.perf_counter()
        latencies = [latency for part in threads.map(work, workers) for latency in part]
        seconds = time.perf_counter() - begin
    return Run(count, seconds, latencies)
