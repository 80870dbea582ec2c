"""`python -m bench`: every process is started and ended here, on a Postgres of its own in a temporary folder."""

import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.embedded import EmbeddedPostgres
from bench.client import TURNS, Client
from bench.hub import Bench
from bench.ingest import measure_batches, measure_singles
from bench.lag import measure_lag
from bench.reads import measure_history
from bench.report import Findings, Sheet, machine, write_results
from bench.reports import measure_reports
from bench.screens import measure_screens

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
PARTS = ("ingest", "single", "lag", "reads", "verify", "screens", "reports")


def _parts(text: str) -> str:
    if wrong := set(text.split(",")) - set(PARTS):
        raise typer.BadParameter(f"{', '.join(wrong)}: the parts are {', '.join(PARTS)}")
    return text


@app.command()
def main(
    only: Annotated[str, typer.Option(callback=_parts, help="Parts to run, with commas between.")] = ",".join(PARTS),
    rounds: Annotated[int, typer.Option(min=1, help="Times that each part is measured; medians count.")] = 3,
    readings: Annotated[int, typer.Option(min=1000, help="New readings of a round of `ingest`.")] = 300_000,
    singles: Annotated[int, typer.Option(min=64, help="New readings of a round of `single`.")] = 20_000,
    pace: Annotated[int, typer.Option(min=1000, help="Readings a second of `lag`.")] = 20_000,
    seconds: Annotated[int, typer.Option(min=1, help="Length of a round of `lag` and of `screens`.")] = 60,
    history: Annotated[int, typer.Option(min=1, help="Readings behind `reads` and `verify`.")] = 3_000_000,
    many: Annotated[bool, typer.Option("--many", help="Ask `reads` beside ten times the history too: long.")] = False,
    requests: Annotated[
        int, typer.Option(min=TURNS, help="Requests of each kind in a round of `reads`; twenty times for `screens`.")
    ] = 2_000,
    reports: Annotated[int, typer.Option(min=64, help="Citizens' reports of a round of `reports`.")] = 1_000,
    photos: Annotated[int, typer.Option(min=16, max=64, help="How many of them have a photo.")] = 48,
    write: Annotated[bool, typer.Option("--write", help="Keep the figures in bench/RESULTS.md.")] = False,
) -> None:
    """Measure how fast readings come in, are rolled up and go out, beside what the same Postgres does without the hub."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as Ctrl-C does: nothing stays behind
    parts = only.split(",")
    found = Findings()
    with (
        tempfile.TemporaryDirectory(prefix="ioc-bench-") as temporary,
        EmbeddedPostgres(Path(temporary)) as database,
        Client() as client,
    ):
        bench = Bench.load(database, Path(temporary), client)
        facts = machine(bench.ask("SHOW server_version"))
        if "ingest" in parts:
            measure_batches(bench, found, rounds, readings)
        if "single" in parts:
            measure_singles(bench, found, rounds, singles)
        if "lag" in parts:
            measure_lag(bench, found, rounds, pace, seconds)
        if {"reads", "verify"} & set(parts):
            sizes = [history, 10 * history] if many else [history]
            measure_history(bench, found, rounds, sizes, requests, parts)
        if "screens" in parts:
            measure_screens(bench, found, rounds, requests, seconds)
        if "reports" in parts:
            measure_reports(bench, found, rounds, reports, photos)
    sheets = [*found.all_sheets(), Sheet("Where", ("machine", ""), facts)]
    for sheet in sheets:
        sheet.show()
    if write:
        command = " ".join(["python -m bench", *(argument for argument in sys.argv[1:] if argument != "--write")])
        date = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        write_results(Path(__file__).with_name("RESULTS.md"), command, date, sheets)


if __name__ == "__main__":
    app()
