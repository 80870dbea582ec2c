"""The figures as tables: on the terminal and, with `--write`, in `bench/RESULTS.md`."""

import os
import platform
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.measured import Run, median, milliseconds

console = Console(width=None if sys.stdout.isatty() else 160)


def say(line: str) -> None:
    """What has been measured so far, for whoever is waiting."""
    console.print(line, highlight=False)


@dataclass(frozen=True, slots=True)
class Sheet:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def show(self) -> None:
        table = Table(title=self.title, title_justify="left")
        for place, column in enumerate(self.columns):
            table.add_column(column, justify="right" if place else "left")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)

    def markdown(self) -> str:
        lines = [self.columns, ["---", *["---:"] * (len(self.columns) - 1)], *self.rows]
        return f"## {self.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


@dataclass(slots=True)
class Findings:
    """What the parts of the benchmark hand in."""

    goals: list[Sequence[str]] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)

    def at_least(self, what: str, measured: float, limit: float, unit: str = "") -> None:
        self._goal(what, measured, f"≥ {limit:,g}{unit}", unit, measured >= limit)

    def at_most(self, what: str, measured: float, limit: float, unit: str = "") -> None:
        self._goal(what, measured, f"≤ {limit:,g}{unit}", unit, measured <= limit)

    def below(self, what: str, measured: float, limit: float, unit: str = "", *, valid: bool = True) -> None:
        self._goal(what, measured, f"< {limit:,g}{unit}", unit, measured < limit and valid)

    def _goal(self, what: str, measured: float, limit: str, unit: str, held: bool) -> None:
        shown = f"{measured:,.2f}" if measured < 10 else f"{measured:,.0f}"
        self.goals.append((what, shown + unit, limit, "yes" if held else "NO"))

    def all_sheets(self) -> list[Sheet]:
        return [Sheet("Goals", ("", "measured", "goal", "held"), self.goals), *self.sheets]


RATE_COLUMNS = ("", "a second", "p50 ms", "p99 ms", "client's µs each", "rounds, a second")


def rate_row(what: str, runs: Sequence[Run]) -> list[str]:
    """Medians of the rounds."""
    return [
        what,
        f"{median(runs, lambda run: run.rate):,.0f}",
        milliseconds(median(runs, lambda run: run.p50)),
        milliseconds(median(runs, lambda run: run.p99)),
        f"{1e6 * median(runs, lambda run: run.client / len(run.latencies)):.0f}" if runs[0].client else "–",
        " ".join(f"{run.rate:,.0f}" for run in runs),
    ]


def machine(postgres: str) -> list[tuple[str, str]]:
    processor = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        ("processor", processor[1] if processor else platform.machine()),
        ("cores", str(len(os.sched_getaffinity(0)))),
        ("load before the run, 1 minute", f"{os.getloadavg()[0]:.2f}"),
        ("memory", f"{memory:.0f} GB"),
        ("system", platform.platform(terse=True)),
        ("Python", platform.python_version()),
        ("PostgreSQL", postgres),
    ]


HOW_TO_READ = """
- **hub**: with the default settings: a process for each core that answers, and one that rolls up at the same time; fsync is on, as in
  production. Requests were serialised before the clock started, every answer is awaited, and each acknowledged row is counted in the
  table afterwards. Memory of the server: what the processes that answer take together at most, looked at ten times a second; a page
  that processes share, as they do their libraries, is divided among them (proportional set size). In the sum of the resident sets it
  counts every time.
- **U**, the bound of batches: the same rows, already in COPY's binary form, by bare psycopg on 4 connections into a table with the
  same columns and primary key: COPY to a staging table, `INSERT … SELECT … ON CONFLICT DO UPDATE`, a commit for each 1,000 rows.
  It parses and checks nothing, keeps no history and rolls nothing up. **S** is the same with one row a transaction; the line
  below it does without the staging table, as nobody would who also takes batches.
- **F**, the bound of reads: a FastAPI route that returns a constant, under uvicorn in one process, asked by the same client.
- Hub and bound take turns, on empty tables where they write. Rates, p50 and p99 are medians of the rounds.
- **Rollup lag**: batches are due at a steady pace whether or not earlier ones were answered. It is counted from the answer's arrival
  to that of the notification of the last change in which an indicator of the batch was computed; 0 when that came first. The
  pace is lost when a batch is sent more than a second late.
- **Reads**: indicators, communes and days are drawn anew for each question, so that no screen is asked for twice. With 16 connections
  the latency is that of a server that is always busy. More readings are a longer history of the same indicators and communes, in a
  database of its own on the same Postgres; the hubs of both take turns, ten in a round, with every question. Both are asked the
  same, about the latest days, which both have: what differs is how much lies behind. Of the longer history any day is asked for too
  (*any of so many*), which no wall does: that is more than Postgres has in memory, so it measures how fast the machine reads files.
- **F2**, the bound of snapshots: a Starlette route that returns the same bytes, under uvicorn in one process; the hub has one
  process too, which also rolls up. They take turns, ten in a round. **E**, the bound of streams: a bare ASGI application that sends the same events to as many open
  responses, one after the other, before it answers the request that brought them.
- **Streams**: a reading of a figure on a screen of two tiles is sent each second. A change that was drawn together with the next
  one has no event of its own; it counts as told when the next one was. Memory is the resident set of the process with all streams
  after all changes, less that before.
- **The glass**: one reading a request, due at a steady pace; it counts for each stream from the arrival of the 200 to that of the
  first event with its value or a newer one.
- **Reports**: with the person's name and telephone, each an id of its own; afterwards each has its event, and each photo its row.
  **R** inserts the rows of `report` as the hub has stored them, one a transaction, by bare psycopg into a table with the same indexes:
  no event, no person to encrypt, no number in the feed, for which all that write wait in turn. **P** does with the same photos only
  what makes them safe to keep (`app.reports.photos.prepare`), in a process for each core.
- Client, hub and Postgres share the machine, so a bound has the cores that the others take. On a machine that
  does other work too, rates differ by half from run to run: only figures of one run can be compared.
"""


def write_results(path: Path, command: str, date: str, sheets: Iterable[Sheet]) -> None:
    head = f"# Results of the benchmark\n\n`{command}`, {date}. Written by the program; run it again rather than edit it.\n"
    path.write_text(
        "\n".join([head, *(sheet.markdown() for sheet in sheets), "## How to read it\n" + HOW_TO_READ]),
        encoding="utf-8",
    )
