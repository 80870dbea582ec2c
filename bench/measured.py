"""The clock of both sides of every comparison."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Run:
    """What so many rows or requests took; `latencies` of the single requests. All in seconds."""

    count: int
    seconds: float
    latencies: Sequence[float]

    @property
    def rate(self) -> float:
        return self.count / self.seconds


def percentile(latencies: Sequence[float], percent: int) -> str:
    """By nearest rank, in milliseconds."""
    return f"{1000 * sorted(latencies)[-(-len(latencies) * percent // 100) - 1]:.1f}"


def timed(count: int, items: Sequence[T], workers: Sequence[Callable[[T], R]]) -> tuple[Run, list[R]]:
    """Give each worker a thread, and the next item when it has done its last; `count` is what the items stand for."""
    waiting = iter(items)  # shared: the next() of a list or a range is atomic

    def work(worker: Callable[[T], R]) -> list[tuple[float, R]]:
        done = []
        for item in waiting:
            started = time.perf_counter()
            result = worker(item)
            done.append((time.perf_counter() - started, result))
        return done

    with ThreadPoolExecutor(len(workers)) as threads:
        begin = time.perf_counter()
        done = [one for part in threads.map(work, workers) for one in part]
        seconds = time.perf_counter() - begin
    return Run(count, seconds, [latency for latency, _ in done]), [result for _, result in done]
