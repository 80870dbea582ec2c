"""Rollups of the few buckets that SQL leaves to the laws: computed reading by reading, stored like all others."""

from collections.abc import Mapping, Sequence
from decimal import localcontext
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.catalogue import Catalogue, Indicator, Unit
from app.periods import Period
from app.rollups.laws import EXACT, Laws, Observations
from app.rollups.observations import Span, fetch_observations, reach
from app.rollups.own import is_folded
from app.rollups.stored import WRITE_COMPUTED

Cells = Mapping[tuple[Indicator, Period], Sequence[Unit]]


async def store_by_laws(session: AsyncSession, catalogue: Catalogue, cells: Cells) -> None:
    """Compute these units in these buckets and bring `rollup` in line: rows that should not be there go."""
    rows: list[tuple[Any, ...]] = []
    by_indicator: dict[Indicator, list[tuple[Period, Sequence[Unit]]]] = {}
    for (indicator, bucket), units in cells.items():
        by_indicator.setdefault(indicator, []).append((bucket, units))
    for indicator, wanted in by_indicator.items():
        # One bucket at a time where they are many: memory is that of the largest, not of all.
        for bucket, units in wanted:
            span = reach(indicator, bucket, from_new_year=False)
            rows += await _computed(session, catalogue, indicator, bucket, units, span)
    await session.execute(
        text(_STORE),
        {
            "indicators": [indicator.id for (indicator, _), units in cells.items() for _ in units],
            "units": [unit.id for units in cells.values() for unit in units],
            "grains": [bucket.grain.value for (_, bucket), units in cells.items() for _ in units],
            "starts": [bucket.start for (_, bucket), units in cells.items() for _ in units],
            **{name: [row[place] for row in rows] for place, name in enumerate(_COLUMNS)},
        },
    )


async def _computed(
    session: AsyncSession, catalogue: Catalogue, indicator: Indicator, bucket: Period, units: Sequence[Unit], span: Span
) -> list[tuple[Any, ...]]:
    below = catalogue.tree.subtree(units, span.start, span.end)
    observations = await fetch_observations(session, {indicator: [span]}, below.values(), units, None)
    laws = Laws(catalogue.indicators_by_id, catalogue.tree, observations, now=bucket.end)
    with localcontext(EXACT):
        found = (_row(laws, observations, indicator, unit, bucket) for unit in units)
        return [row for row in found if row is not None]


def _row(
    laws: Laws, observations: Observations, indicator: Indicator, unit: Unit, bucket: Period
) -> tuple[Any, ...] | None:
    start, end = max(bucket.start, unit.start), min(bucket.end, unit.end)
    if start >= end:
        return None
    own = observations.own(indicator, unit, start, end)
    in_base = bucket.grain is indicator.base and indicator.over_time != "cumulative"
    if own and in_base and observations.reported(indicator, unit, bucket) is not None:
        return None  # the reading itself is shown
    if own and is_folded(indicator, bucket.grain):
        behind = laws.contributions(indicator, unit, start, end)
        if all(one.unit is unit for one in behind):
            return None  # nothing but its own cells, which say it already
    derived = laws.derive(indicator, unit, bucket)
    part, coverage = derived.part, derived.coverage
    if part is None and not derived.refused:
        return None
    total = sum(one.value for one in own) if own and indicator.over_time == "mean" else None
    return (
        indicator.id, unit.id, bucket.grain.value, bucket.start,
        part and part.value, total, part and part.status,
        "{" + ",".join(map(str, sorted(part.sources))) + "}" if part else "{}", part and part.until,
        *coverage.units, *coverage.periods, coverage.behind, bool(own),
    )  # fmt: skip


_COLUMNS = (
    "row_indicators", "row_units", "row_grains", "row_starts", "values", "totals", "statuses", "sources", "untils",
    "units_present", "units_expected", "periods_present", "periods_expected", "units_behind", "own",
)  # fmt: skip
_STORE = f"""
WITH computed AS (
    SELECT indicator_id, unit_id, grain, period_start, value, total, status, source_ids::int[] AS source_ids, until,
           units_present, units_expected, periods_present, periods_expected, units_behind, own
      FROM unnest(CAST(:row_indicators AS int[]), CAST(:row_units AS int[]), CAST(:row_grains AS int[]),
                  CAST(:row_starts AS timestamp[]), CAST(:values AS numeric[]), CAST(:totals AS numeric[]),
                  CAST(:statuses AS int[]), CAST(:sources AS text[]), CAST(:untils AS timestamp[]),
                  CAST(:units_present AS int[]), CAST(:units_expected AS int[]), CAST(:periods_present AS int[]),
                  CAST(:periods_expected AS int[]), CAST(:units_behind AS bigint[]), CAST(:own AS boolean[]))
           AS c(indicator_id, unit_id, grain, period_start, value, total, status, source_ids, until,
                units_present, units_expected, periods_present, periods_expected, units_behind, own)
), written AS ({WRITE_COMPUTED})
DELETE FROM rollup r
 USING unnest(CAST(:indicators AS int[]), CAST(:units AS int[]), CAST(:grains AS int[]), CAST(:starts AS timestamp[]))
       AS c(indicator_id, unit_id, grain, period_start)
 WHERE (r.indicator_id, r.unit_id, r.grain, r.period_start) = (c.indicator_id, c.unit_id, c.grain, c.period_start)
   AND NOT EXISTS (SELECT FROM computed d WHERE (d.indicator_id, d.unit_id, d.grain, d.period_start)
                                              = (c.indicator_id, c.unit_id, c.grain, c.period_start))
"""
