"""`python -m bench`: rounds of taking in, in turn with the bound, then reads; every process is started and ended here."""

import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import httpx
import psycopg
import typer
from rich.console import Console

from app.embedded import EmbeddedPostgres
from bench.bound import binary_batches, run_bound
from bench.hub import CONSTANT, SERVE, SETTINGS, clear, load, peak_memory, send, serving
from bench.measured import Run, percentile, timed
from bench.report import Sheet, machine, write_results
from bench.workload import PROVINCE, SHOWN, body, communes, new_batches

ROUNDS, CONNECTIONS, READS = 3, 4, 500
console = Console()


def main(
    readings: Annotated[int, typer.Option(min=1, help="How many new readings each round takes in.")] = 300_000,
    write: Annotated[bool, typer.Option("--write", help="Keep the figures in bench/RESULTS.md.")] = False,
) -> None:
    """Measure how fast readings come in and figures go out, beside what the same Postgres does without the hub."""
    with tempfile.TemporaryDirectory(prefix="ioc-bench-") as temporary:
        folder = Path(temporary)
        with EmbeddedPostgres(folder) as database:
            conninfo = database.replace("postgresql+psycopg:", "postgresql:")
            facts = machine(_ask(conninfo, "SHOW server_version"))
            key = asyncio.run(load(database, folder))
            settings = {**SETTINGS, "IOC_DATABASE_URL": database, "IOC_DATA_DIR": temporary}
            with (
                serving(SERVE, "/readyz", folder / "hub.log", settings) as (url, pid),
                serving(CONSTANT, "/", folder / "constant.log", {}) as (constant, _),
            ):
                sheets = _measure(conninfo, url, key, constant, readings)
                facts.append(("peak memory of the hub's process", peak_memory(pid)))
    sheets.append(Sheet("Where", ("machine", ""), facts))
    for sheet in sheets:
        sheet.show(console)
    if write:
        command = "make bench" if readings == 300_000 else f"python -m bench --readings {readings}"
        path = Path(__file__).with_name("RESULTS.md")
        write_results(path, command, f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", sheets)


def _measure(conninfo: str, url: str, key: str, constant: str, rows: int) -> list[Sheet]:
    batches = new_batches(rows)
    encoded = binary_batches(conninfo, batches)
    bodies = [body(batch) for batch in batches]
    httpx.get(f"{url}/v1/indicators", timeout=60).raise_for_status()  # the first request reads the catalogue
    new, bound = [], []
    for number in range(1, ROUNDS + 1):
        clear(conninfo)
        new.append(send(url, key, conninfo, bodies, rows, "created", CONNECTIONS))
        bound.append(run_bound(conninfo, encoded, rows, CONNECTIONS))
        console.print(f"round {number}: hub {new[-1].rate:,.0f} rows/s, bound {bound[-1].rate:,.0f} rows/s")
    sizes = _sizes(conninfo)
    reads = _read(url, constant)
    again = send(url, key, conninfo, bodies, rows, "unchanged", CONNECTIONS)
    bodies = [body(batch, more=1) for batch in batches]
    corrected = send(url, key, conninfo, bodies, rows, "corrected", CONNECTIONS)
    limit = statistics.median(run.rate for run in bound)
    rates = [
        _rate("hub: all new", new, limit),
        _rate("bound: the same, bare psycopg", bound, limit),
        _rate("hub: sent again, unchanged", [again], limit),
        _rate("hub: all corrected", [corrected], limit),
    ]
    return [
        Sheet(f"Taking in {rows:,} readings", ("", "rows/s", "of the bound", "p50 ms", "p99 ms", "rounds"), rates),
        Sheet(f"Reading beside {rows:,} readings", ("", "requests/s", "p50 ms", "p99 ms"), reads),
        Sheet(f"On disk with {rows:,} readings", ("", "MB"), sizes),
    ]


def _rate(what: str, runs: Sequence[Run], limit: float) -> list[str]:
    rate = statistics.median(run.rate for run in runs)
    latencies = [latency for run in runs for latency in run.latencies]
    rounds = " ".join(f"{run.rate:,.0f}" for run in runs)
    return [what, f"{rate:,.0f}", f"{rate / limit:.1%}", percentile(latencies, 50), percentile(latencies, 99), rounds]


def _read(url: str, constant: str) -> list[list[str]]:
    question = f"{url}/v1/aggregates?indicator={SHOWN}"
    month = f"{question}&unit={communes()[0]}&grain=month&from=2026-01&to=2026-12"
    day = f"{question}&children_of={PROVINCE}&grain=day&from=2026-01-01&to=2026-01-04"
    with httpx.Client(timeout=60) as client:
        tag = {"if-none-match": client.get(month).headers["etag"]}
        asked: list[tuple[str, str, dict[str, str], int]] = [
            ("bound: a constant route", constant, {}, 200),
            ("twelve months of one commune", month, {}, 200),
            ("the same, If-None-Match", month, tag, 304),
            ("four days of the 92 communes of a province", day, {}, 200),
        ]
        shown = []
        for what, target, headers, status in asked:
            ask = partial(client.get, headers=headers)
            timed(20, [target] * 20, [ask])  # prepares the statements
            run, answers = timed(READS, [target] * READS, [ask])
            assert {answer.status_code for answer in answers} == {status}, what
            shown.append([what, f"{run.rate:,.0f}", percentile(run.latencies, 50), percentile(run.latencies, 99)])
        return shown


def _sizes(conninfo: str) -> list[list[str]]:
    """Without the bound's table, and with the statistics that autovacuum would soon make."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("DROP TABLE bound")
        connection.execute("VACUUM (ANALYZE) reading")
    sizes = {
        "table reading": "pg_table_size('reading')",
        "its primary key": "pg_indexes_size('reading')",
        "the database, catalogue and all": "pg_database_size(current_database())",
    }
    return [[what, f"{int(_ask(conninfo, f'SELECT {size}')) / 2**20:.1f}"] for what, size in sizes.items()]


def _ask(conninfo: str, question: str) -> str:
    with psycopg.connect(conninfo) as connection:
        return str((connection.execute(question.encode()).fetchone() or [""])[0])


if __name__ == "__main__":
    typer.run(main)
