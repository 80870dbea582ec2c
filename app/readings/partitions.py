"""The partitions of `reading`: one a month, made before its first reading comes.

A small index of the months that are being written to stays in memory, however many years lie behind. What has no month of its
own (long ago, far ahead, loaded before the worker ran) lives in `reading_default`.
"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.periods import Grain, add_months, bucket_start

MONTHS_AHEAD = 3
_PARTITION_LOCK = 720_726


async def make_partitions(session: AsyncSession, now: datetime) -> list[str]:
    """Make those that are missing from this month on; returns their names. `now` is local time."""
    # Workers that start together make them one after the other; the second finds them made.
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _PARTITION_LOCK})
    first = bucket_start(Grain.month, now)
    months = [add_months(first, number) for number in range(MONTHS_AHEAD + 1)]
    known = set(
        (
            await session.scalars(
                text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'reading'::regclass")
            )
        ).all()
    )
    missing = [month for month in months if _name(month) not in known]
    for month in missing:
        await _make(session, month)
    return [_name(month) for month in missing]


def _name(month: datetime) -> str:
    return f"reading_{month:%Y_%m}"


async def _make(session: AsyncSession, month: datetime) -> None:
    """What has come for the month already moves in from `reading_default`, which nobody may look at in between."""
    name, bounds = _name(month), {"start": month, "end": add_months(month, 1)}
    # Rather later than with every sender waiting behind a lock that is not to be had.
    await session.execute(text("SET LOCAL lock_timeout = '2s'"))
    # All of `reading`: a statement that knows of the parts already, but not of the new one, and waits for a part only, would look
    # after the rows have moved and find them nowhere.
    await session.execute(text("LOCK TABLE reading IN ACCESS EXCLUSIVE MODE"))
    await session.execute(text(f"CREATE TABLE IF NOT EXISTS {name} (LIKE reading INCLUDING ALL)"))
    await session.execute(
        text(
            f"WITH moved AS (DELETE FROM reading_default WHERE period_start >= :start AND period_start < :end RETURNING *) "
            f"INSERT INTO {name} SELECT * FROM moved"
        ),
        bounds,
    )
    await session.execute(
        text(f"ALTER TABLE reading ATTACH PARTITION {name} FOR VALUES FROM ('{month}') TO ('{bounds['end']}')")
    )
