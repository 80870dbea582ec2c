"""How fast readings come in: in batches beside U, one by one beside S."""

from bench.bound import encoded, run_bound, stored_rows, upsert_batch, upsert_one
from bench.client import Load
from bench.hub import Bench, Watched, peak_memory
from bench.measured import Run, median
from bench.report import RATE_COLUMNS, Findings, Sheet, rate_row, say
from bench.workload import BATCH, body, in_batches, new_readings

CONNECTIONS, SINGLE_CONNECTIONS = 4, 64


def measure_batches(bench: Bench, found: Findings, rounds: int, rows: int) -> None:
    readings = new_readings(rows)
    copied = encoded(bench.conninfo, stored_rows(bench.conninfo, readings), BATCH)
    requests, corrections = ([bench.post(body(one, more=more)) for one in in_batches(readings)] for more in (0, 1))
    hub, bound, behind, server, apart, worker = [], [], [], [], [], []
    for number in range(1, rounds + 1):
        bench.clear()
        with bench.hub() as running:
            load = Load(running.port, requests, CONNECTIONS, keep=True)
            with Watched(running.servers) as watched:
                new = bench.ingest(load, rows)
            behind.append(running.rolled_up() - new.end)
            hub.append(new.run(rows))
            server.append(watched.peak)
            apart.append(sum(map(peak_memory, running.servers)))
            worker.append(peak_memory(running.process.pid))
            if number == rounds:
                again = bench.ingest(load, rows, "unchanged").run(rows)
                load = Load(running.port, corrections, CONNECTIONS, keep=True)
                corrected = bench.ingest(load, rows, "corrected").run(rows)
        bound.append(run_bound(bench.conninfo, upsert_batch, copied, rows, CONNECTIONS))
        say(f"batches, round {number}: hub {hub[-1].rate:,.0f} rows/s, U {bound[-1].rate:,.0f}")
    found.at_least("batches of 1,000, beside U", ratio(hub, bound), 0.5)
    found.below("batches of 1,000, p99", 1000 * median(hub, lambda run: run.p99), 80, " ms")
    found.below("peak memory of the server", max(server), 300, " MiB")
    lines = [
        rate_row("hub: new", hub),
        rate_row("U: the same, bare psycopg", bound),
        rate_row("hub: sent again, unchanged", [again]),
        rate_row("hub: corrected", [corrected]),
    ]
    found.sheets.append(Sheet(f"{rows:,} readings in batches of 1,000, {CONNECTIONS} connections", RATE_COLUMNS, lines))
    facts = [
        ("seconds from the last answer until everything was rolled up", " ".join(f"{one:.2f}" for one in behind)),
        ("peak memory of the processes that answer, MiB", " ".join(f"{one:.0f}" for one in server)),
        ("the sum of their largest resident sets, MiB", " ".join(f"{one:.0f}" for one in apart)),
        ("largest resident set of the process that rolls up, MiB", " ".join(f"{one:.0f}" for one in worker)),
    ]
    found.sheets.append(Sheet("Rolling up and memory meanwhile", ("", "rounds"), facts))


def measure_singles(bench: Bench, found: Findings, rounds: int, rows: int) -> None:
    readings = new_readings(rows)
    stored = stored_rows(bench.conninfo, readings)
    copied = encoded(bench.conninfo, stored, 1)
    requests = [bench.post(body([reading])) for reading in readings]
    hub, bound, plain = [], [], []
    for number in range(1, rounds + 1):
        bench.clear()
        with bench.hub() as running:
            hub.append(bench.ingest(Load(running.port, requests, SINGLE_CONNECTIONS, keep=True), rows).run())
            running.rolled_up()
        bound.append(run_bound(bench.conninfo, upsert_batch, copied, rows, CONNECTIONS))
        plain.append(run_bound(bench.conninfo, upsert_one, stored, rows, CONNECTIONS))
        say(f"singles, round {number}: hub {hub[-1].rate:,.0f} a second, S {bound[-1].rate:,.0f}")
    found.at_least("one reading a request, beside S", ratio(hub, bound), 2.5)
    lines = [
        rate_row(f"hub: one a request, {SINGLE_CONNECTIONS} connections", hub),
        rate_row(f"S: the upsert of U with one row, {CONNECTIONS} connections", bound),
        rate_row("one prepared INSERT … ON CONFLICT, no staging", plain),
    ]
    found.sheets.append(Sheet(f"{rows:,} readings one by one", RATE_COLUMNS, lines))


def ratio(runs: list[Run], bound: list[Run]) -> float:
    return median(runs, lambda run: run.rate) / median(bound, lambda run: run.rate)
