"""The bound of taking in: the same rows into the same Postgres with nothing but psycopg.

The table is `LIKE reading INCLUDING ALL`: the same columns and primary key, but no foreign keys, no history, no owner to
check and no change to announce. The rows are in COPY's binary form before the clock starts, as the bodies of the
requests are. What is left is what transactions of 1,000 rows cost at least.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

import psycopg

from bench.measured import Run, timed
from bench.workload import NewReading

_STAGING = """
CREATE TEMPORARY TABLE staging (
    indicator_id integer, unit_id integer, grain smallint, period_start timestamp, value numeric
) ON COMMIT DELETE ROWS
"""
_COPY = "COPY staging FROM STDIN (FORMAT binary)"
_UPSERT = """
INSERT INTO bound (indicator_id, unit_id, grain, period_start, value, status, source_id, batch_id, received_at)
SELECT indicator_id, unit_id, grain, period_start, value, 2, 1, 1, clock_timestamp() FROM staging
    ON CONFLICT (indicator_id, unit_id, grain, period_start) DO UPDATE
   SET value = excluded.value, status = excluded.status, batch_id = excluded.batch_id, received_at = excluded.received_at
"""


def binary_batches(conninfo: str, batches: Sequence[Sequence[NewReading]]) -> list[bytes]:
    """Each batch as COPY reads it; Postgres writes it itself, from the temporary table."""
    with psycopg.connect(conninfo) as connection, connection.cursor() as cursor:
        cursor.execute(_STAGING)
        ids: dict[tuple[str, str], int] = {
            (table, code): key
            for table, of_today in (("indicator", "true"), ("unit", "valid_to IS NULL"))
            for code, key in cursor.execute(f"SELECT code, id FROM {table} WHERE {of_today}".encode())
        }
        encoded = []
        for batch in batches:
            cursor.execute("TRUNCATE staging")
            with cursor.copy(_COPY) as copy:
                copy.set_types(["int4", "int4", "int2", "timestamp", "numeric"])
                for indicator, unit, period, value in batch:
                    key = (ids["indicator", indicator], ids["unit", unit], period.grain.value, period.start)
                    copy.write_row((*key, value))
            with cursor.copy("COPY staging TO STDOUT (FORMAT binary)") as copy:
                encoded.append(b"".join(copy))
        return encoded


def run_bound(conninfo: str, encoded: Sequence[bytes], rows: int, connections: int) -> Run:
    """All rows as new, into a fresh table, which is left there."""
    with ExitStack() as stack:
        first, *writers = [
            stack.enter_context(psycopg.connect(conninfo, autocommit=True)) for _ in range(1 + connections)
        ]
        first.execute("DROP TABLE IF EXISTS bound")
        first.execute("CREATE TABLE bound (LIKE reading INCLUDING ALL)")
        for writer in writers:
            writer.execute(_STAGING)
        run, _ = timed(rows, encoded, [partial(_write, writer) for writer in writers])
        assert first.execute("SELECT count(*) FROM bound").fetchone() == (rows,)
    return run


def _write(connection: psycopg.Connection, encoded: bytes) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy(_COPY) as copy:
            copy.write(encoded)
        cursor.execute(_UPSERT)
