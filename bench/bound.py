"""The bounds of taking in: the same rows into the same Postgres with nothing but psycopg.

The table has the columns and the primary key of `reading`, but it is not partitioned, has no history, no owner to check, no
rollups to mark and no change to announce. The rows are in COPY's binary form before the clock starts, as the bodies of the
requests are. What is left is what transactions of so many rows cost at least.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TypeVar

import psycopg

from bench.measured import Run, timed
from bench.workload import NewReading

T = TypeVar("T")
StoredRow = tuple[int, int, int, datetime, Decimal]

_STAGING = """
CREATE TEMPORARY TABLE staging (
    indicator_id integer, unit_id integer, grain smallint, period_start timestamp, value numeric
) ON COMMIT DELETE ROWS
"""
_COPY = "COPY staging FROM STDIN (FORMAT binary)"
_INSERT = (
    "INSERT INTO bound (indicator_id, unit_id, grain, period_start, value, status, source_id, batch_id, received_at)"
)
_ON_CONFLICT = """
    ON CONFLICT (indicator_id, unit_id, grain, period_start) DO UPDATE
   SET value = excluded.value, status = excluded.status, batch_id = excluded.batch_id, received_at = excluded.received_at
"""
_UPSERT = f"{_INSERT} SELECT *, 2, 1, 1, clock_timestamp() FROM staging {_ON_CONFLICT}".encode()
_UPSERT_ONE = f"{_INSERT} VALUES (%b, %b, %b, %b, %b, 2, 1, 1, clock_timestamp()) {_ON_CONFLICT}".encode()


def stored_rows(conninfo: str, readings: Sequence[NewReading]) -> list[StoredRow]:
    """Readings as the table has them."""
    with psycopg.connect(conninfo) as connection:
        ids: dict[tuple[str, str], int] = {
            (table, code): key
            for table, of_today in (("indicator", "true"), ("unit", "valid_to IS NULL"))
            for code, key in connection.execute(f"SELECT code, id FROM {table} WHERE {of_today}".encode())
        }
    return [
        (ids["indicator", indicator], ids["unit", unit], period.grain.value, period.start, value)
        for indicator, unit, period, value in readings
    ]


def encoded(conninfo: str, rows: Sequence[StoredRow], size: int) -> list[bytes]:
    """Batches of a size as COPY reads them; Postgres writes them itself, from the temporary table."""
    batches = []
    with psycopg.connect(conninfo, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(_STAGING)
        for start in range(0, len(rows), size):
            with connection.transaction():
                with cursor.copy(_COPY) as copy:
                    copy.set_types(["int4", "int4", "int2", "timestamp", "numeric"])
                    for row in rows[start : start + size]:
                        copy.write_row(row)
                with cursor.copy("COPY staging TO STDOUT (FORMAT binary)") as copy:
                    batches.append(b"".join(copy))
    return batches


def upsert_batch(connection: psycopg.Connection, batch: bytes) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy(_COPY) as copy:
            copy.write(batch)
        cursor.execute(_UPSERT)


def upsert_one(connection: psycopg.Connection, row: StoredRow) -> None:
    connection.execute(_UPSERT_ONE, row, prepare=True)


def run_bound(
    conninfo: str, upsert: Callable[[psycopg.Connection, T], None], items: Sequence[T], rows: int, connections: int
) -> Run:
    """All items as new, each in a transaction, into a fresh table."""
    with ExitStack() as stack:
        first, *writers = [
            stack.enter_context(psycopg.connect(conninfo, autocommit=True)) for _ in range(1 + connections)
        ]
        first.execute("CREATE TABLE bound (LIKE reading INCLUDING ALL)")
        for writer in writers:
            writer.execute(_STAGING)
        run = timed(items, [partial(upsert, writer) for writer in writers], rows)
        assert first.execute("SELECT count(*) FROM bound").fetchone() == (rows,)
        first.execute("DROP TABLE bound")
    return run
