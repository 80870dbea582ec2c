"""Rollups as they are stored: how rows are written, and figures out of them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text
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


class Stored:
    """What a question needs of `rollup` and `reading`."""

    def __init__(self) -> None:
        self.rollups: dict[Key, Derived] = {}
        self.readings: dict[Key, Observation] = {}


# The key of a row is known in full, so both tables are looked up, never searched, however much they hold.
_STORED = """
WITH asked AS (
    SELECT b.indicator_id, u.unit_id, b.grain, b.period_start
      FROM unnest(CAST(:indicators AS int[]), CAST(:grains AS int[]), CAST(:starts AS timestamp[])) AS b(indicator_id, grain, period_start),
           unnest(CAST(:units AS int[])) AS u(unit_id)
)
SELECT true AS derived, r.indicator_id, r.unit_id, r.grain, r.period_start, r.value, r.status, r.source_ids, r.until, NULL AS note,
       r.units_present, r.units_expected, r.periods_present, r.periods_expected
  FROM asked a
  JOIN rollup r ON r.indicator_id = a.indicator_id AND r.unit_id = a.unit_id AND r.grain = a.grain
               AND r.period_start = a.period_start
UNION ALL
SELECT false, r.indicator_id, r.unit_id, r.grain, r.period_start, r.value, r.status, ARRAY[r.source_id], NULL, r.note,
       NULL, NULL, NULL, NULL
  FROM asked a
  JOIN reading r ON r.indicator_id = a.indicator_id AND r.unit_id = a.unit_id AND r.grain = a.grain
                AND r.period_start = a.period_start
 WHERE r.value IS NOT NULL
"""


async def fetch_stored(
    session: AsyncSession, buckets: Iterable[tuple[Indicator, Period]], units: Iterable[Unit]
) -> Stored:
    """The rollups and the readings of exactly these buckets, of each of the units: one statement."""
    asked = list(dict.fromkeys((indicator.id, bucket.grain.value, bucket.start) for indicator, bucket in buckets))
    rows = await session.execute(
        text(_STORED),
        {
            "indicators": [indicator_id for indicator_id, _, _ in asked],
            "grains": [grain for _, grain, _ in asked],
            "starts": [start for _, _, start in asked],
            "units": [unit.id for unit in units],
        },
    )
    stored = Stored()
    for row in rows:
        key = (row.indicator_id, row.unit_id, row.grain, row.period_start)
        if row.derived:
            stored.rollups[key] = _derived(row)
        else:
            grain = Grain(row.grain)
            stored.readings[key] = Observation(
                anchor_of(grain, row.period_start), next_start(grain, row.period_start), row.value, row.status,
                frozenset(row.source_ids), row.note,
            )  # fmt: skip
    return stored


def _derived(row: Any) -> Derived:
    coverage = Coverage((row.units_present, row.units_expected), (row.periods_present, row.periods_expected))
    if row.value is None:
        return Derived(None, coverage, refused=True)
    return Derived(Part(row.value, row.status, frozenset(row.source_ids), row.until), coverage)
