"""Fetch the readings that a question may touch: one statement, however many indicators, units and buckets it has."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.catalogue import Indicator, Unit
from app.periods import Grain, Period, anchor_of, bucket_start, next_start
from app.rollups.laws import Observation, Observations, hour_of_instants
from app.rollups.own import FOLDED


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of local time `[start, end)`."""

    start: datetime
    end: datetime


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same stretches without overlap, in order."""
    whole: list[Span] = []
    for span in sorted(spans, key=lambda one: one.start):
        if whole and span.start <= whole[-1].end:
            whole[-1] = Span(whole[-1].start, max(whole[-1].end, span.end))
        else:
            whole.append(span)
    return whole


def reach(part: Indicator, bucket: Period, *, from_new_year: bool) -> Span:
    """Where readings of an indicator may matter for a bucket: of one that is asked for, or of a part of it."""
    start, end = bucket.start, bucket.end
    if part.base > bucket.grain:  # a denominator in force
        start = bucket_start(part.base, bucket.anchor)
        end = max(end, next_start(part.base, start))
    if from_new_year or part.over_time == "cumulative":
        # Year-to-date figures are told apart by the last one before the bucket, which may be that of any earlier month.
        start = min(start, datetime(min(bucket.anchor, bucket.start).year, 1, 1))
    return Span(start, end)


# Every value with the time in which it was the answer; `asOf` then is one condition.
PRESENT = """
    SELECT indicator_id, unit_id, grain, period_start, value, status, note, source_id, batch_id, received_at
      FROM reading
"""
AS_OF = """
    SELECT indicator_id, unit_id, grain, period_start, value, status, note, source_id, batch_id, received_at
      FROM reading WHERE received_at <= :as_of
    UNION ALL
    SELECT indicator_id, unit_id, grain, period_start, value, status, note, source_id, batch_id, received_at
      FROM reading_history WHERE received_at <= :as_of AND superseded_at > :as_of
"""

# `asked` are the spans an indicator is needed for. Coarser readings matter for the asked units only (rule 4);
# what came in instants leaves the database as one row an hour. Where instants were forgotten, their hours stand for them.
_OBSERVED = """
WITH asked AS (
    SELECT * FROM unnest(CAST(:indicators AS int[]), CAST(:bases AS int[]), CAST(:starts AS timestamp[]), CAST(:ends AS timestamp[]),
                          CAST(:last_counts AS boolean[]), CAST(:folded AS boolean[]))
             AS a(indicator_id, base, starts, ends, last_counts, folded)
), seen AS (
    SELECT v.*, a.base, a.last_counts
      FROM asked a
      JOIN ({values}) v
        ON v.indicator_id = a.indicator_id AND v.period_start >= a.starts AND v.period_start < a.ends
     WHERE v.unit_id = ANY (CAST(:units AS int[])) AND v.value IS NOT NULL
       AND (v.grain <= a.base OR v.unit_id = ANY (CAST(:asked_units AS int[])))
)
SELECT indicator_id, unit_id, grain, period_start, value, status, note, ARRAY[source_id] AS sources,
       NULL::bigint AS instants, NULL::numeric AS lowest, NULL::numeric AS highest, NULL::numeric AS last
  FROM seen WHERE grain > 0
UNION ALL
SELECT indicator_id, unit_id, 0, date_trunc('hour', period_start), sum(value),
       CASE WHEN last_counts THEN (array_agg(status ORDER BY period_start DESC))[1] ELSE min(status) END,
       NULL, array_agg(DISTINCT source_id),
       count(*), min(value), max(value), (array_agg(value ORDER BY period_start DESC))[1]
  FROM seen WHERE grain = 0
 GROUP BY indicator_id, unit_id, date_trunc('hour', period_start), last_counts
UNION ALL
SELECT r.indicator_id, r.unit_id, 0, r.period_start, r.value, r.status, NULL, r.source_ids, 1, r.value, r.value, r.value
  FROM forgotten f
  JOIN asked a ON f.what = 'instants' AND a.folded
  JOIN rollup r ON r.indicator_id = a.indicator_id AND r.grain = a.base AND r.own
   AND r.period_start >= a.starts AND r.period_start < a.ends AND r.period_start < f.before
 WHERE r.unit_id = ANY (CAST(:units AS int[]))
"""


_COUNT = """
SELECT count(*)
  FROM (SELECT FROM unnest(CAST(:indicators AS int[]), CAST(:starts AS timestamp[]), CAST(:ends AS timestamp[]))
                    AS a(indicator_id, starts, ends)
          JOIN reading r ON r.indicator_id = a.indicator_id AND r.period_start >= a.starts AND r.period_start < a.ends
         WHERE r.unit_id = ANY (CAST(:units AS int[]))
         LIMIT :most) AS seen
"""


async def count_observed(
    session: AsyncSession, needs: Mapping[Indicator, Sequence[Span]], units: Iterable[Unit], most: int
) -> int:
    """How many readings of `units` there are for each indicator in its spans, counted up to `most`."""
    asked = [(indicator, span) for indicator, spans in needs.items() for span in merged(spans)]
    count = await session.execute(
        text(_COUNT),
        {
            "indicators": [indicator.id for indicator, _ in asked],
            "starts": [span.start for _, span in asked],
            "ends": [span.end for _, span in asked],
            "units": [unit.id for unit in units],
            "most": most,
        },
    )
    return int(count.scalar_one())


async def fetch_observations(
    session: AsyncSession,
    needs: Mapping[Indicator, Sequence[Span]],
    units: Iterable[Unit],
    asked_units: Iterable[Unit],
    as_of: datetime | None,
) -> Observations:
    """The base readings of `units` for each indicator in its spans, and the coarser ones of `asked_units`.

    Weeks are found by their Thursday, so spans are widened by a week; the laws look at anchors again.
    """
    week = timedelta(days=7)
    asked = [(indicator, span) for indicator, spans in needs.items() for span in merged(spans)]
    indicators = {indicator.id: indicator for indicator in needs}
    answer = await session.execute(
        text(_OBSERVED.format(values=PRESENT if as_of is None else AS_OF)),
        {
            "indicators": [indicator.id for indicator, _ in asked],
            "bases": [indicator.base.value for indicator, _ in asked],
            "starts": [span.start - week if indicator.base is Grain.week else span.start for indicator, span in asked],
            "ends": [span.end + week if indicator.base is Grain.week else span.end for indicator, span in asked],
            "last_counts": [indicator.over_time in {"last", "cumulative"} for indicator, _ in asked],
            "folded": [indicator.periodicity == "realtime" and indicator.over_time in FOLDED for indicator, _ in asked],
            "units": [unit.id for unit in units],
            "asked_units": [unit.id for unit in asked_units],
        }
        | ({} if as_of is None else {"as_of": as_of}),
    )
    rows = answer.all()
    if len(rows) <= _QUICK:
        return _found(indicators, rows)
    # In a thread of its own, so that a large question does not keep the small ones waiting.
    return await asyncio.to_thread(_found, indicators, rows)


_QUICK = 1_000  # rows that are read sooner than a thread would begin


def _found(indicators: Mapping[int, Indicator], rows: Iterable[Any]) -> Observations:
    observations = Observations()
    sources: dict[tuple[int, ...], frozenset[int]] = {}
    for row in rows:
        indicator = indicators[row.indicator_id]
        behind = sources.setdefault(tuple(row.sources), frozenset(row.sources))
        if row.grain:
            grain = Grain(row.grain)
            end = next_start(grain, row.period_start)
            seen = Observation(anchor_of(grain, row.period_start), end, row.value, row.status, behind, row.note)
            observations.add_reported(indicator, row.unit_id, grain, row.period_start, seen)
        else:
            value = hour_of_instants(
                indicator.over_time,
                total=row.value, count=row.instants, lowest=row.lowest, highest=row.highest, last=row.last,
            )  # fmt: skip
            if value is None:
                observations.add_mute_hour(indicator, row.unit_id, row.period_start)
            else:
                end = row.period_start + timedelta(hours=1)
                seen = Observation(row.period_start, end, value, row.status, behind)
                observations.add_hour(indicator, row.unit_id, seen)
    return observations.freeze()
