"""Take a batch of readings: judge each row, store the good ones in one transaction, say what became of each.

A reading is identified by (indicator, unit, grain, period start). Sending it again changes nothing; another value, status or
note is a correction and the earlier one moves to `reading_history`; a null value withdraws it. So a sender may
repeat a whole batch whenever it is unsure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import Caller
from app.catalogue.catalogue import Catalogue, Source
from app.changes import announce
from app.errors import RowError, RowsRejected, Text
from app.readings.batch import Rows, rejected_rows
from app.readings.judge import Judged, judge, shown
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch; `received = created + unchanged + corrected + rejected`."""

    batch: int
    received: int
    created: int
    unchanged: int
    corrected: int
    rejected: int
    errors: Sequence[RowError]
    warnings: Sequence[RowError]


async def record_readings(
    session: AsyncSession,
    caller: Caller,
    catalogue: Catalogue,
    rows: Rows,
    *,
    partial: bool,
    reinstate: bool = False,
    now: datetime,
    settings: Settings,
) -> Receipt:
    """Store the rows of one batch. `now` is local time.

    With `partial`, rows that are wrong are left out and listed; otherwise one of them refuses the batch. Two batches that touch
    the same readings at once are put in an order by the database: each value is either the present one or in the history.

    Raises:
        RowsRejected: not `partial`, and a row is wrong; with every mistake of every row. Nothing is stored.
    """
    judged = judge(rows, caller, catalogue, now=now, settings=settings)
    # Also when rows are wrong already: what only the stored readings can refuse belongs into the same list.
    stored = await _store(session, caller, judged, reinstate=reinstate)
    by_number = {row.number: row for row in judged}
    for number, verdict, fact in stored.refusals:
        row = by_number[number]
        rows.errors.extend(_refusal(catalogue, rows, row, one, verdict, fact) for one in (number, *row.repeats))
    if rows.errors and not partial:
        raise _rejected(rows)
    rejected = rejected_rows(rows.errors)
    counts = {
        "received": rows.received,
        "created": stored.created,
        "corrected": stored.corrected,
        "unchanged": rows.received - stored.created - stored.corrected - rejected,
        "rejected": rejected,
    }
    await session.execute(
        text(
            "INSERT INTO batch (id, source_id, key_prefix, received_at, received, created, unchanged, corrected, rejected) "
            "VALUES (:id, :source_id, :key_prefix, :received_at, :received, :created, :unchanged, :corrected, :rejected)"
        ),
        {
            "id": stored.batch,
            "source_id": caller.source_id,
            "key_prefix": caller.key_prefix,
            "received_at": stored.received_at,
            **counts,
        },
    )
    warnings = await _warn_of_computed_ratios(session, catalogue, rows, judged)
    if stored.created or stored.corrected:
        await announce(session, "readings")
    errors = sorted(rows.errors, key=lambda error: error.row or 0)
    return Receipt(batch=stored.batch, errors=errors, warnings=warnings, **counts)


def _rejected(rows: Rows) -> RowsRejected:
    errors = sorted(rows.errors, key=lambda error: error.row or 0)
    return RowsRejected(errors=errors, rejected=rejected_rows(errors), received=rows.received)


# --- storing ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Stored:
    batch: int
    received_at: datetime
    created: int = 0
    corrected: int = 0
    refusals: list[tuple[int, str, Any]] = field(default_factory=list)


_STAGING = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming (
    number integer, indicator_id integer, unit_id integer, grain smallint, period_start timestamp,
    value numeric, status smallint, note text
) ON COMMIT DELETE ROWS
"""

# Two sources that bring the first readings of an (indicator, unit) at once would both become its owner, as neither sees the
# other's: they queue. By groups of units, as fifty thousand locks are more than Postgres has.
_QUEUE_FOR_FIRST_READINGS = """
SELECT pg_advisory_xact_lock(720724, units)
  FROM (SELECT DISTINCT unit_id %% 64 AS units
          FROM (SELECT DISTINCT indicator_id, unit_id FROM incoming) i
         WHERE NOT EXISTS (SELECT FROM reading r WHERE (r.indicator_id, r.unit_id) = (i.indicator_id, i.unit_id))
         ORDER BY units) groups
"""

# Rows go in by the order of their keys: two batches that bring the same new readings then wait for each other in one
# direction only. Every reading of an (indicator, unit) has the same source, so its first one tells the owner.
_CREATE = """
INSERT INTO reading (indicator_id, unit_id, grain, period_start, value, status, note, source_id, batch_id, received_at)
SELECT indicator_id, unit_id, grain, period_start, value, status, note, %(source)s, %(batch)s, %(received_at)s
  FROM incoming i
 WHERE value IS NOT NULL
   AND coalesce((SELECT r.source_id FROM reading r WHERE (r.indicator_id, r.unit_id) = (i.indicator_id, i.unit_id) LIMIT 1),
                %(source)s) = %(source)s
 ORDER BY indicator_id, unit_id, grain, period_start
    ON CONFLICT DO NOTHING
"""

# A statement of its own, so that it sees what other batches committed while `_CREATE` waited for them.
# `present` locks in the order of the keys; whoever comes second compares with what the first one wrote. What this batch has
# just created is among them, and unchanged.
# A clock that was set back must not make a correction older than what it corrects.
_CORRECT = """
WITH present AS MATERIALIZED (
    SELECT i.number, i.value AS new_value, i.status AS new_status, i.note AS new_note, r.*
      FROM incoming i JOIN reading r USING (indicator_id, unit_id, grain, period_start)
     ORDER BY indicator_id, unit_id, grain, period_start
       FOR UPDATE OF r
), judged AS (
    SELECT *, greatest(%(received_at)s, received_at + interval '1 microsecond') AS corrected_at,
           CASE WHEN source_id <> %(source)s THEN 'other-source'
                WHEN (value, status, note) IS NOT DISTINCT FROM (new_value, new_status, new_note)
                  OR value IS NULL AND new_value IS NULL THEN 'unchanged'
                WHEN value IS NULL AND NOT %(reinstate)s THEN 'withdrawn'
                ELSE 'corrected' END AS verdict
      FROM present
), kept AS (
    INSERT INTO reading_history (indicator_id, unit_id, grain, period_start, value, status, note, source_id, batch_id,
                                 received_at, superseded_at)
    SELECT indicator_id, unit_id, grain, period_start, value, status, note, source_id, batch_id, received_at, corrected_at
      FROM judged WHERE verdict = 'corrected'
), corrected AS (
    UPDATE reading r
       SET value = j.new_value, status = j.new_status, note = j.new_note, batch_id = %(batch)s, received_at = j.corrected_at
      FROM judged j
     WHERE verdict = 'corrected'
       AND (r.indicator_id, r.unit_id, r.grain, r.period_start) = (j.indicator_id, j.unit_id, j.grain, j.period_start)
)
SELECT number, verdict, received_at, source_id FROM judged WHERE verdict <> 'unchanged'
UNION ALL
SELECT number, CASE WHEN owner <> %(source)s THEN 'other-source' ELSE 'nothing-to-withdraw' END, NULL, owner
  FROM incoming i
  LEFT JOIN LATERAL (SELECT r.source_id AS owner FROM reading r
                      WHERE (r.indicator_id, r.unit_id) = (i.indicator_id, i.unit_id) LIMIT 1) first ON true
 WHERE NOT EXISTS (SELECT FROM present p WHERE p.number = i.number)
"""


async def _store(session: AsyncSession, caller: Caller, judged: Sequence[Judged], *, reinstate: bool) -> _Stored:
    """COPY the rows into a staging table, then create and correct in two statements."""
    connection = await session.connection()
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, psycopg.AsyncConnection)
    async with driver.cursor() as cursor:
        await cursor.execute("SELECT nextval(pg_get_serial_sequence('batch', 'id')), clock_timestamp()")
        batch, received_at = await cursor.fetchone() or (0, datetime.max)
        stored = _Stored(batch=batch, received_at=received_at)
        if not judged:
            return stored
        await cursor.execute("SET LOCAL client_min_messages = warning")
        await cursor.execute(_STAGING)
        await cursor.execute("DELETE FROM incoming")  # another batch of the same transaction may have left its rows
        async with cursor.copy("COPY incoming FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "int4", "int4", "int2", "timestamp", "numeric", "int2", "text"])
            for row in judged:
                await copy.write_row((row.number, *row.key, row.value, row.status, row.note))
        facts = {"source": caller.source_id, "batch": batch, "received_at": received_at, "reinstate": reinstate}
        await cursor.execute(_QUEUE_FOR_FIRST_READINGS, facts)
        await cursor.execute(_CREATE, facts)
        stored.created = cursor.rowcount
        if stored.created == len(judged):
            return stored
        await cursor.execute(_CORRECT, facts)
        async for number, verdict, earlier_at, owner in cursor:
            match verdict:
                case "corrected":
                    stored.corrected += 1
                case "withdrawn":
                    stored.refusals.append((number, verdict, earlier_at))
                case "other-source" | "nothing-to-withdraw":
                    stored.refusals.append((number, verdict, owner))
        return stored


def _advice(owner: Source | None) -> Text:
    if owner is not None and owner.synthetic:
        return Text(
            "đó là dữ liệu trình diễn; quản trị viên gỡ bằng ioc-hub load demo --remove",
            "it is the demo; the administrator takes it away with ioc-hub load demo --remove",
        )
    return Text("cần khóa của chính nguồn đó", "a key of that source may write it")


def _refusal(catalogue: Catalogue, rows: Rows, row: Judged, number: int, verdict: str, fact: Any) -> RowError:
    match verdict:
        case "withdrawn":
            facts, name = {"at": fact.isoformat(timespec="seconds")}, "value"
        case "other-source":
            owner = catalogue.sources.get(fact)
            facts, name = {"owner": owner.code if owner else fact, "advice": _advice(owner)}, "indicator"
        case _:
            facts, name = {}, "value"
    return RowError(verdict, number, rows.pointer(number, name), shown(row.value), facts)


async def _warn_of_computed_ratios(
    session: AsyncSession, catalogue: Catalogue, rows: Rows, judged: Sequence[Judged]
) -> list[RowError]:
    """A ratio whose parts the same unit has reported too is taken as sent, and its sender is told."""
    ratios = [row for row in judged if row.indicator.numerator_id is not None and row.value is not None]
    if not ratios:
        return []
    computed = await session.execute(
        text(
            """
            SELECT s.number
              FROM unnest(CAST(:numbers AS int[]), CAST(:numerators AS int[]), CAST(:denominators AS int[]), CAST(:units AS int[]),
                          CAST(:starts AS timestamp[]), CAST(:ends AS timestamp[]))
                   AS s(number, numerator, denominator, unit_id, starts, ends)
             WHERE EXISTS (SELECT FROM reading r WHERE r.indicator_id = s.numerator AND r.unit_id = s.unit_id
                              AND r.period_start >= s.starts AND r.period_start < s.ends AND r.value IS NOT NULL)
               AND EXISTS (SELECT FROM reading r WHERE r.indicator_id = s.denominator AND r.unit_id = s.unit_id
                              AND r.period_start >= date_trunc('year', s.starts) AND r.period_start < s.ends
                              AND r.value IS NOT NULL)
             ORDER BY s.number
            """
        ),
        {
            "numbers": [row.number for row in ratios],
            "numerators": [row.indicator.numerator_id for row in ratios],
            "denominators": [row.indicator.denominator_id for row in ratios],
            "units": [row.unit.id for row in ratios],
            "starts": [row.period.start for row in ratios],
            "ends": [max(row.period.end, row.period.start + timedelta(hours=1)) for row in ratios],
        },
    )
    by_number = {row.number: row for row in ratios}
    return [_ratio_warning(catalogue, rows, by_number[number]) for number in computed.scalars()]


def _ratio_warning(catalogue: Catalogue, rows: Rows, row: Judged) -> RowError:
    assert row.indicator.numerator_id is not None
    assert row.indicator.denominator_id is not None
    facts = {
        "numerator": catalogue.indicators_by_id[row.indicator.numerator_id].code,
        "denominator": catalogue.indicators_by_id[row.indicator.denominator_id].code,
    }
    return RowError("ratio-computed", row.number, rows.pointer(row.number, "value"), shown(row.value), facts)
