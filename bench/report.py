"""The figures as tables: on the terminal and, with `--write`, in `bench/RESULTS.md`."""

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Sheet:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def show(self, console: Console) -> None:
        table = Table(title=self.title, title_justify="left")
        for place, column in enumerate(self.columns):
            table.add_column(column, justify="right" if place else "left")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)

    def markdown(self) -> str:
        lines = [self.columns, ["---", *["---:"] * (len(self.columns) - 1)], *self.rows]
        return f"## {self.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


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
- **hub**: one server process with the default settings, 4 keep-alive connections, JSON batches of 1,000 rows that were
  serialised before the clock started; every answer is awaited and each acknowledged row is counted in the table afterwards.
- **bound**: the same rows, already in COPY's binary form, by bare psycopg on 4 connections into a table with the same columns and
  primary key: COPY to a staging table, `INSERT … SELECT … ON CONFLICT DO UPDATE`, a commit for each 1,000 rows. It has no
  foreign keys, parses and checks nothing and keeps no history: no hub on this Postgres can be faster.
- Both in turn on empty tables; rates are medians of the rounds, latencies are of all rounds together.
- fsync is on, as in production. Sent again and corrected come once each, after a VACUUM (ANALYZE).
- Client, server and Postgres share the machine, so the bound has the core that the hub's client and server take. On a
  machine that does other work too the rates differ by half from run to run: only figures of one run can be compared, and the
  load of the minute before stands above.
- **reads** are asked one after another on one connection, after the rows are in; the constant route is what FastAPI,
  uvicorn and the client cost before anything is done.
"""


def write_results(path: Path, command: str, date: str, sheets: Sequence[Sheet]) -> None:
    head = f"# Results of the benchmark\n\n`{command}`, {date}. Written by the program; run it again rather than edit it.\n"
    path.write_text(
        "\n".join([head, *(sheet.markdown() for sheet in sheets), "## How to read it\n" + HOW_TO_READ]),
        encoding="utf-8",
    )
