"""`python -m bench.plans`: how Postgres goes about the hot statements, with ten million readings, as text for docs/plans.md.

Postgres writes the plan of every statement that it runs into its log (auto_explain); of each deed of the hub the longest plans
are kept. Parts of `reading` that were not touched are left out.
"""

import re
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import typer

from app.embedded import EmbeddedPostgres
from bench import history
from bench.client import Client, Load, get
from bench.hub import Bench, Running
from bench.reads import QUESTIONS
from bench.workload import batches_of, body

EXPLAIN = {
    "session_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "0", "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on", "auto_explain.log_nested_statements": "off", "log_min_messages": "log",
    "log_line_prefix": "%m [%p] ",
}  # fmt: skip
_PLAN = re.compile(r"duration: ([\d.]+) ms  plan:\n((?:\t.*\n?)+)")
_KEPT = {"writes": 6, "reads": 1}  # plans of a deed; what the background loops do meanwhile is shorter
_LONGEST = 70  # lines of a plan
_RARE = ("pg_advisory", "pg_notify", "FROM pg_", "alembic")


def main(readings: int = 10_000_000, path: Path = Path("docs/plans.md")) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="ioc-plans-") as folder,
        EmbeddedPostgres(Path(folder), EXPLAIN) as url,
        Client() as client,
    ):
        bench = Bench.load(url, Path(folder), client)
        bench.clear()
        with bench.hub() as running:
            with bench.connect() as connection:
                days = history.days_of(readings)
                history.load(connection, days)
                history.vacuum(connection)
                history.mark_stale(connection, days)
                running.rolled_up()
                history.vacuum(connection)
            count, rollups = (int(bench.ask(f"SELECT count(*) FROM {table}")) for table in ("reading", "rollup"))
            deeds = _deeds(bench, running, days)
            log = Path(folder, "postgres.log")
            sections = [_section(what, log, deed, _KEPT[kind]) for what, kind, deed in deeds]
    head = (
        f"# Plans of the hot statements\n\n`python -m bench.plans`: {count:,} readings and {rollups:,} rollups in Postgres, one "
        "indexed look-up for each thing asked, whatever the history. Times include what it costs to measure each step.\n"
    )
    path.write_text("\n".join([head, *sections]), encoding="utf-8")


def _deeds(bench: Bench, running: Running, days: Sequence[object]) -> list[tuple[str, str, Callable[[], object]]]:
    chance = Random(7)

    def ask(place: int) -> Callable[[], object]:
        paths = [QUESTIONS[place].path(chance, days) for _ in range(12)]  # type: ignore[arg-type]
        return lambda: bench.client.send(Load(running.port, [get(path) for path in paths], 1))

    batches = [bench.post(body(batch)) for batch in batches_of(11, 12)]

    def ingest() -> None:
        bench.client.send(Load(running.port, batches, 1))
        running.rolled_up()

    return [
        ("A batch of readings, and what it adds up to", "writes", ingest),
        *((QUESTIONS[place].what[0].upper() + QUESTIONS[place].what[1:], "reads", ask(place)) for place in (0, 1, 4)),
    ]


def _section(what: str, log: Path, deed: Callable[[], object], most: int) -> str:
    at = log.stat().st_size
    deed()
    time.sleep(1)  # for the log
    with log.open("rb") as file:
        file.seek(at)
        written = file.read().decode()
    longest: dict[str, tuple[float, str]] = {}
    for duration, plan in _PLAN.findall(written):
        lines = [line[1:] for line in plan.splitlines()]
        start = next(place for place, line in enumerate(lines) if "(cost=" in line)
        statement = " ".join(" ".join(lines[:start]).removeprefix("Query Text: ").split())[:110]
        if not any(word in statement for word in _RARE) and float(duration) > longest.get(statement, (0.0, ""))[0]:
            longest[statement] = (float(duration), _shortened(lines[start:]))
    kept = sorted(longest.items(), key=lambda one: -one[1][0])[:most]
    parts = [f"### `{statement} …`, {took:.1f} ms\n\n```\n{plan}\n```\n" for statement, (took, plan) in kept]
    return "\n".join([f"## {what}\n", *parts])


def _shortened(lines: Sequence[str]) -> str:
    """Without the parts that were never run, and cut at some length."""
    kept, hidden, skip = [], 0, None
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if skip is not None and depth > skip:
            continue
        skip = None
        if "(never executed)" in line:
            hidden, skip = hidden + 1, depth
            continue
        kept.append(line[:200])
    more = len(kept) - _LONGEST
    shown = kept[:_LONGEST] + ([f"… {more} more lines"] if more > 0 else [])
    return "\n".join(shown + ([f"({hidden} nodes never executed)"] if hidden else []))


if __name__ == "__main__":
    typer.run(main)
