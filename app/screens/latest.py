"""Which period is the latest with a figure, and when what stands behind a figure arrived.

A wall does not ask for a period: it shows the newest there is. Each function is one statement, however many figures are asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.catalogue import Catalogue, Indicator, Unit
from app.periods import Grain, Period, anchor_of, bucket_start
from app.rollups.observations import AS_OF


@dataclass(frozen=True, slots=True)
class Sought:
    """The newest bucket of a grain in which an indicator of a unit has a figure."""

    indicator: Indicator
    unit: Unit
    grain: Grain


# Of one key the newest row is a step down an index; only who reports is looked for among the readings.
_LATEST = """
SELECT k.place, k.grain, greatest(
         (SELECT r.period_start FROM rollup r
           WHERE r.indicator_id = k.indicator_id AND r.unit_id = k.unit_id AND r.grain = k.grain AND r.value IS NOT NULL
             AND r.period_start <= :now
           ORDER BY r.period_start DESC LIMIT 1),
         CASE WHEN EXISTS (SELECT FROM ownership o WHERE o.indicator_id = k.indicator_id AND o.unit_id = k.unit_id) THEN
         (SELECT r.period_start FROM reading r
           WHERE r.indicator_id = k.indicator_id AND r.unit_id = k.unit_id AND r.grain = k.grain AND r.value IS NOT NULL
             AND r.period_start <= :now
           ORDER BY r.period_start DESC LIMIT 1) END) AS newest
  FROM unnest(CAST(:places AS int[]), CAST(:indicators AS int[]), CAST(:units AS int[]), CAST(:grains AS int[]))
       AS k(place, indicator_id, unit_id, grain)
"""
# What was known then is not stored: it is looked up among the readings of all below.
_LATEST_AS_OF = f"""
SELECT k.place, v.grain, max(v.period_start) AS newest
  FROM unnest(CAST(:places AS int[]), CAST(:indicators AS int[]), CAST(:units AS text[]), CAST(:grains AS int[]))
       AS k(place, indicator_id, unit_ids, grain)
  JOIN ({AS_OF}) v ON v.indicator_id = k.indicator_id AND v.unit_id = ANY (k.unit_ids::int[]) AND v.grain <= k.grain
 WHERE v.value IS NOT NULL AND v.period_start <= :now
 GROUP BY k.place, v.grain
"""


async def find_latest(
    session: AsyncSession, catalogue: Catalogue, sought: Sequence[Sought], *, as_of: datetime | None, now: datetime
) -> dict[Sought, Period]:
    """The newest period of each; those without any figure are left out. What begins after `now`, such as an estimate of
    next month, does not count yet.
    """
    places, indicators, units, grains = [], [], [], []
    for place, one in enumerate(sought):
        for indicator in _behind(catalogue, one.indicator):
            for grain in _grains(indicator, one.grain) if as_of is None else (one.grain,):
                places.append(place)
                indicators.append(indicator.id)
                units.append(one.unit.id)
                grains.append(grain.value)
    facts: dict[str, object] = {"places": places, "indicators": indicators, "grains": grains, "now": now}
    if as_of is None:
        rows = await session.execute(text(_LATEST), facts | {"units": units})
    else:
        tree = catalogue.tree_as_of(as_of)
        below = {
            unit.id: "{" + ",".join(map(str, tree.subtree([unit], datetime.min, datetime.max))) + "}"
            for unit in {one.unit for one in sought}
        }
        rows = await session.execute(
            text(_LATEST_AS_OF), facts | {"units": [below[unit] for unit in units], "as_of": as_of}
        )
    newest: dict[Sought, Period] = {}
    for place, number, start in rows:
        if start is not None:
            one = sought[place]
            bucket = Period(one.grain, bucket_start(one.grain, anchor_of(Grain(number), start)))
            if bucket.start <= now and (one not in newest or bucket.start > newest[one].start):
                newest[one] = bucket
    return newest


def _behind(catalogue: Catalogue, indicator: Indicator) -> Iterator[Indicator]:
    """Where there is a numerator there may be a ratio; what it is divided by may be that of a longer period."""
    yield indicator
    yield from catalogue.parts_of(indicator)[:1]


def _grains(indicator: Indicator, grain: Grain) -> Iterator[Grain]:
    """The bucket itself, and those out of which it is made when it is asked for."""
    yield grain
    yield from (one for one in Grain if indicator.finest <= one < grain and one is not Grain.week)
    if indicator.base is Grain.week and grain is not Grain.week:
        yield Grain.week


# What is made when it is asked for has no row of its own: of that the newest reading counts.
_RECEIVED = """
SELECT place, max(received_at) FROM (
    SELECT k.place, r.received_at FROM key k
      JOIN reading r ON r.indicator_id = k.indicator_id AND r.unit_id = k.unit_id AND r.grain = k.grain
                    AND r.period_start = k.starts
    UNION ALL
    SELECT k.place, r.computed_at FROM key k
      JOIN rollup r ON r.indicator_id = k.indicator_id AND r.unit_id = k.unit_id AND r.grain = k.grain
                   AND r.period_start = k.starts
    UNION ALL
    SELECT k.place, (SELECT max(r.received_at) FROM reading r
                      WHERE r.indicator_id = k.indicator_id AND r.unit_id = k.unit_id AND r.grain < k.grain
                        AND r.period_start >= k.starts AND r.period_start < k.ends)
      FROM key k JOIN ownership o ON o.indicator_id = k.indicator_id AND o.unit_id = k.unit_id
     WHERE NOT EXISTS (SELECT FROM rollup r WHERE r.indicator_id = k.indicator_id AND r.unit_id = k.unit_id
                          AND r.grain = k.grain AND r.period_start = k.starts)
) AS found GROUP BY place
"""
_RECEIVED_AS_OF = f"""
SELECT k.place, max(v.received_at) FROM key k
  JOIN ({AS_OF}) v ON v.indicator_id = k.indicator_id AND v.unit_id = ANY (k.unit_ids::int[])
   AND v.period_start >= k.starts AND v.period_start < k.ends
 GROUP BY k.place
"""
_KEYS = """
WITH key AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:places AS int[]), CAST(:indicators AS int[]), CAST(:units AS int[]), CAST(:below AS text[]),
                         CAST(:grains AS int[]), CAST(:starts AS timestamp[]), CAST(:ends AS timestamp[]))
           AS k(place, indicator_id, unit_id, unit_ids, grain, starts, ends)
)
"""
Cell = tuple[Indicator, Unit, Period]


async def find_received(
    session: AsyncSession, catalogue: Catalogue, cells: Sequence[Cell], *, as_of: datetime | None
) -> Mapping[Cell, datetime]:
    """When the newest of what stands behind each figure reached the hub (of sums: when it was in the sum)."""
    tree = catalogue.tree_as_of(as_of)
    rows = [
        (place, part.id, unit, bucket)
        for place, (indicator, unit, bucket) in enumerate(cells)
        for part in (indicator, *catalogue.parts_of(indicator))
    ]
    below = {
        unit.id: "{" + ",".join(map(str, tree.subtree([unit], datetime.min, datetime.max))) + "}" if as_of else "{}"
        for unit in {unit for _, unit, _ in cells}
    }
    facts = {
        "places": [place for place, _, _, _ in rows],
        "indicators": [key for _, key, _, _ in rows],
        "units": [unit.id for _, _, unit, _ in rows],
        "below": [below[unit.id] for _, _, unit, _ in rows],
        "grains": [bucket.grain.value for _, _, _, bucket in rows],
        "starts": [bucket.start for _, _, _, bucket in rows],
        "ends": [bucket.end for _, _, _, bucket in rows],
    }
    query = _KEYS + (_RECEIVED if as_of is None else _RECEIVED_AS_OF)
    found = await session.execute(text(query), facts if as_of is None else facts | {"as_of": as_of})
    return {cells[place]: moment for place, moment in found if moment is not None}
