"""Rollups as they are stored: how rows are written, and figures out of them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.catalogue import Indicator, Tree, Unit
from app.periods import Grain, Period, anchor_of, count_base_periods, next_start
from app.rollups.laws import Coverage, Derived, Laws, Observation, Observations, Part

# What is the same as before is not written again.
WRITE_COMPUTED = """
INSERT INTO rollup AS r (indicator_id, unit_id, grain, period_start, value, total, status, source_ids, until,
                         units_present, units_expected, periods_present, periods_expected, own)
SELECT indicator_id, unit_id, grain, period_start, value, total, status, source_ids, until,
       units_present, units_expected, periods_present, periods_expected, own
  FROM computed
    ON CONFLICT (indicator_id, unit_id, grain, period_start) DO UPDATE
   SET (value, total, status, source_ids, until, units_present, units_expected, periods_present, periods_expected, own, computed_at)
     = (excluded.value, excluded.total, excluded.status, excluded.source_ids, excluded.until, excluded.units_present,
        excluded.units_expected, excluded.periods_present, excluded.periods_expected, excluded.own, excluded.computed_at)
 WHERE (r.value, r.total, r.status, r.source_ids, r.until, r.units_present, r.units_expected, r.periods_present,
        r.periods_expected, r.own)
       IS DISTINCT FROM
       (excluded.value, excluded.total, excluded.status, excluded.source_ids, excluded.until, excluded.units_present,
        excluded.units_expected, excluded.periods_present, excluded.periods_expected, excluded.own)
"""

Key = tuple[int, int, int, datetime]  # indicator, unit, grain, start


class StoredLaws(Laws):
    """The laws with every whole bucket looked up. Only a part of a bucket is still added up from `observations`."""

    def __init__(
        self,
        indicators: Mapping[int, Indicator],
        tree: Tree,
        stored: "Stored",
        observations: Observations,
        *,
        now: datetime,
    ) -> None:
        super().__init__(indicators, tree, observations, now=now)
        self._stored = stored

    def reported(self, indicator: Indicator, unit: Unit, bucket: Period) -> Observation | None:
        if indicator.over_time == "cumulative" and bucket.grain is not Grain.year:
            return None
        return self._stored.readings.get((indicator.id, unit.id, bucket.grain.value, bucket.start))

    def derive(self, indicator: Indicator, unit: Unit, bucket: Period) -> Derived:
        found = self._stored.rollups.get((indicator.id, unit.id, bucket.grain.value, bucket.start))
        return self._nobody(indicator, unit, bucket) if found is None else found

    def _nobody(self, indicator: Indicator, unit: Unit, bucket: Period) -> Derived:
        start, end = max(bucket.start, unit.start), min(bucket.end, unit.end)
        alone = indicator.over_units == "none"
        units = 1 if alone else self._silent(indicator, unit, start, end)
        return Derived(None, Coverage((0, units), (0, count_base_periods(indicator.base, start, end))))


@dataclass(slots=True)
class Stored:
    """What a question needs of `rollup` and `reading`, and the version of the catalogue at that instant."""

    catalogue: int = 0
    rollups: dict[Key, Derived] = field(default_factory=dict)
    readings: dict[Key, Observation] = field(default_factory=dict)


# The key of a row is known in full, so both tables are looked up, never searched, however much they hold.
_STORED = """
WITH asked AS (
    SELECT b.indicator_id, u.unit_id, b.grain, b.period_start
      FROM unnest(%(indicators)s::int[], %(grains)s::int[], %(starts)s::timestamp[]) AS b(indicator_id, grain, period_start),
           unnest(%(units)s::int[]) AS u(unit_id)
), found AS (
    SELECT r.indicator_id, r.unit_id, r.grain, r.period_start, r.value, r.status, r.source_ids, r.until, NULL AS note,
           r.units_present, r.units_expected, r.periods_present, r.periods_expected
      FROM asked a
      JOIN rollup r ON r.indicator_id = a.indicator_id AND r.unit_id = a.unit_id AND r.grain = a.grain
                   AND r.period_start = a.period_start
    UNION ALL
    SELECT r.indicator_id, r.unit_id, r.grain, r.period_start, r.value, r.status, ARRAY[r.source_id], NULL, r.note,
           NULL, NULL, NULL, NULL
      FROM asked a
      JOIN reading r ON r.indicator_id = a.indicator_id AND r.unit_id = a.unit_id AND r.grain = a.grain
                    AND r.period_start = a.period_start
     WHERE r.value IS NOT NULL
)
SELECT version.id, found.*
  FROM (SELECT coalesce(max(id), 0) AS id FROM change WHERE topic = 'catalogue') AS version LEFT JOIN found ON true
"""

Ask = Callable[[LiteralString, Mapping[str, Any]], Awaitable[list[tuple[Any, ...]]]]


async def fetch_stored(ask: Ask, buckets: Iterable[tuple[Indicator, Period]], units: Iterable[Unit]) -> Stored:
    """The rollups and the readings of exactly these buckets, of each of the units: one statement."""
    asked = list(dict.fromkeys((indicator.id, bucket.grain.value, bucket.start) for indicator, bucket in buckets))
    facts = {
        "indicators": [indicator_id for indicator_id, _, _ in asked],
        "grains": [grain for _, grain, _ in asked],
        "starts": [start for _, _, start in asked],
        "units": [unit.id for unit in units],
    }
    stored = Stored()
    for version, indicator_id, unit_id, number, start, value, status, source_ids, until, note, *counts in await ask(
        _STORED, facts
    ):
        stored.catalogue = version
        if indicator_id is None:
            break  # nothing was found
        key, sources = (indicator_id, unit_id, number, start), frozenset(source_ids)
        if counts[0] is None:
            grain = Grain(number)
            end = next_start(grain, start)
            stored.readings[key] = Observation(anchor_of(grain, start), end, value, status, sources, note)
        else:
            coverage = Coverage((counts[0], counts[1]), (counts[2], counts[3]))
            part = None if value is None else Part(value, status, sources, until)
            stored.rollups[key] = Derived(part, coverage, refused=part is None)
    return stored


async def ask_session(
    session: AsyncSession, question: LiteralString, facts: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """The rows of a statement in the transaction of a session."""
    connection = (await (await session.connection()).get_raw_connection()).driver_connection
    assert isinstance(connection, psycopg.AsyncConnection)
    return await (await connection.execute(question, facts, prepare=True)).fetchall()
