"""Stale marks for what changes other than by readings: the tree, the laws of an indicator, a rebuild.

Readings bring their own marks (`app.readings.ingest`); `app.rollups.roller` consumes all of them alike.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class Restated:
    """A unit whose children, or whose own days, are no longer what they were in `[start, end)`."""

    unit_id: int
    below: Sequence[int]  # itself, and all that report to it or did so before
    start: datetime
    end: datetime


# The base grain of an indicator, as `app.catalogue.catalogue.BASE_GRAIN` has it, and the base period of a row.
_BASE = """
CASE i.periodicity WHEN 'daily' THEN 2 WHEN 'weekly' THEN 3 WHEN 'monthly' THEN 4 WHEN 'quarterly' THEN 5 WHEN 'yearly' THEN 6
                   ELSE 1 END
"""
_READ = "CASE r.grain WHEN 0 THEN date_trunc('hour', r.period_start) ELSE r.period_start END"
# A bucket stands for its first base period: to the first week of a month belongs its first Thursday.
_ROLLED = "CASE b.base WHEN 3 THEN date_trunc('week', r.period_start + interval '3 days') ELSE r.period_start END"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the roller has still to do."""

    marks: int
    seconds: float  # the age of the oldest


async def waiting(session: AsyncSession) -> Waiting:
    oldest = "coalesce(extract(epoch FROM clock_timestamp() - min(marked_at)), 0)::float"
    found = (await session.execute(text(f"SELECT count(*) AS marks, {oldest} AS seconds FROM stale_mark"))).one()
    return Waiting(found.marks, found.seconds)


async def mark_units(session: AsyncSession, restated: Iterable[Restated]) -> None:
    """Every period in which there is anything below these units, or was."""
    what = list(restated)
    await session.execute(
        text(
            f"""
            INSERT INTO stale_mark (indicator_id, grain, period_start, unit_ids)
            WITH restated AS (
                SELECT unit_id, below::int[] AS below, starts, ends
                  FROM unnest(CAST(:units AS int[]), CAST(:below AS text[]), CAST(:starts AS timestamp[]), CAST(:ends AS timestamp[]))
                       AS u(unit_id, below, starts, ends)
            ), based AS (
                SELECT i.id, {_BASE} AS base FROM indicator i WHERE i.over_time <> 'ratio'
            ), touched AS (
                SELECT b.id AS indicator_id, b.base, u.unit_id, p.period_start
                  FROM restated u
                  JOIN ownership o ON o.unit_id = ANY (u.below)
                  JOIN based b ON b.id = o.indicator_id
                 CROSS JOIN LATERAL (
                       SELECT DISTINCT {_READ} AS period_start FROM reading r
                        WHERE r.indicator_id = o.indicator_id AND r.unit_id = o.unit_id AND r.grain <= b.base
                          AND r.period_start >= u.starts AND r.period_start < u.ends) AS p
                 UNION
                SELECT b.id, b.base, u.unit_id, {_ROLLED}
                  FROM restated u
                 CROSS JOIN based b
                  JOIN rollup r ON r.indicator_id = b.id AND r.unit_id = u.unit_id
                               AND r.period_start >= u.starts AND r.period_start < u.ends
            )
            SELECT indicator_id, base, period_start, array_agg(unit_id) FROM touched GROUP BY indicator_id, base, period_start
            """
        ),
        {
            "units": [one.unit_id for one in what],
            "below": ["{" + ",".join(map(str, one.below)) + "}" for one in what],
            "starts": [one.start for one in what],
            "ends": [one.end for one in what],
        },
    )


async def mark_indicators(session: AsyncSession, indicator_ids: Sequence[int]) -> int:
    """Everything that these indicators have; returns the number of marks. Rows that nothing stands behind will go, too.

    The roller looks for no row where a unit without children never has one (`app.rollups.own`); these go here.
    """
    await session.execute(
        text(
            f"""
            DELETE FROM rollup r
             USING (SELECT i.id, i.over_time, {_BASE} AS base FROM indicator i WHERE i.id = ANY (CAST(:indicators AS int[]))) AS b
             WHERE r.indicator_id = b.id AND r.own AND r.grain IN (3, 5, 6) AND r.grain > b.base
               AND b.over_time NOT IN ('none', 'cumulative')
               AND NOT EXISTS (SELECT FROM unit_parent p WHERE p.parent_id = r.unit_id)
            """
        ),
        {"indicators": list(indicator_ids)},
    )
    marked = await session.execute(
        text(
            f"""
            WITH based AS (
                SELECT i.id, {_BASE} AS base FROM indicator i WHERE i.id = ANY (CAST(:indicators AS int[])) AND i.over_time <> 'ratio'
            ), touched AS (
                SELECT r.indicator_id, b.base, {_READ} AS period_start, r.unit_id
                  FROM based b JOIN reading r ON r.indicator_id = b.id AND r.grain <= b.base
                 UNION
                SELECT r.indicator_id, b.base, {_ROLLED}, r.unit_id
                  FROM based b JOIN rollup r ON r.indicator_id = b.id
            )
            INSERT INTO stale_mark (indicator_id, grain, period_start, unit_ids)
            SELECT indicator_id, base, period_start, array_agg(unit_id)
              FROM touched GROUP BY indicator_id, base, period_start ORDER BY indicator_id, period_start
            RETURNING 1
            """
        ),
        {"indicators": list(indicator_ids)},
    )
    return len(marked.all())


async def start_over(session: AsyncSession, indicator_ids: Sequence[int]) -> None:
    """The laws of these indicators are others now: what was rolled up by the old ones goes, and all is marked."""
    await session.execute(
        text("DELETE FROM rollup WHERE indicator_id = ANY (CAST(:indicators AS int[]))"),
        {"indicators": list(indicator_ids)},
    )
    await mark_indicators(session, indicator_ids)
