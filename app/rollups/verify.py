"""Prove that the table `rollup` is what the readings say: `ioc-hub verify`.

Every row is worked out again from `reading` (`app.rollups.recount`), and what differs, is missing or should not be there is named.
The database folds what each unit sent itself, bucket by bucket; a few buckets at a time are in memory here, with the rows that the
hub has for them. The session's transaction must be REPEATABLE READ: readings, rollups and stale marks are of one moment.
"""

import random
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import repeat
from typing import Any

from sqlalchemy import Row as Fetched
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.catalogue import BASE_GRAIN, Catalogue, Indicator
from app.periods import FIRST_YEAR, LAST_YEAR, Grain, Period, anchor_of, bucket_start
from app.rollups.laws import settle
from app.rollups.recount import Forest, Part, Recount, Row, Sent

SHOWN = 50
# What divisions leave over, far beyond the places that are shown: a value on the edge of rounding is not wrong for it.
_TRIFLE = Decimal("1E-30")

_Rows = Mapping[int, Row]  # by unit
_Readings = Mapping[int, Sequence[Sent]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A rollup that is not what the readings say. None: the hub has no row, or the readings give none."""

    indicator: str
    unit: str
    bucket: str
    hub: Row | None
    readings: Row | None


@dataclass(slots=True)
class Report:
    """What was found, in cells: (indicator, unit, bucket)."""

    checked: int = 0
    waiting: int = 0  # left out, because stale marks say that they are to be added up again
    differing: int = 0
    differences: list[Difference] = field(default_factory=list)  # the first `SHOWN` of them


@dataclass(frozen=True, slots=True)
class _Cell:
    """`units`: those whose readings may stand behind it."""

    indicator: Indicator
    unit_id: int
    bucket: Period
    units: Collection[int]


async def verify(
    session: AsyncSession,
    catalogue: Catalogue,
    *,
    sample: int | None = None,
    instants_since: datetime | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Check every cell; or, with a sample, so many of those that the hub has and so many of those that the readings call for.

    Args:
        instants_since: instants from before this local moment were forgotten, so the hours that were made of them are taken
            as they stand in the hub, as readings. None: all instants are there.
        progress: told how many more indicators of the catalogue are done; with a sample how many of its 2N cells.
    """
    await session.execute(text("SET LOCAL work_mem = '64MB'"))
    check = _Check(session, catalogue, await _waiting_years(session), instants_since)
    if sample is None:
        await check.everything(progress)
    else:
        await check.some(sample, progress)
    return check.report


async def _waiting_years(session: AsyncSession) -> set[tuple[int, int]]:
    """(indicator, year) with stale marks: a mark may change any bucket of its year, a year-to-date figure all that follow."""
    marks = await session.execute(text("SELECT DISTINCT indicator_id, grain, period_start FROM stale_mark"))
    return {(mark.indicator_id, anchor_of(Grain(mark.grain), mark.period_start).year) for mark in marks}


class _Check:
    def __init__(
        self,
        session: AsyncSession,
        catalogue: Catalogue,
        waiting: Collection[tuple[int, int]],
        instants_since: datetime | None,
    ) -> None:
        self.report = Report()
        self._session = session
        self._catalogue = catalogue
        self._waiting = waiting
        self._forest = Forest(catalogue)
        self._added_up = {one.id: one for one in catalogue.indicators.values() if one.over_time != "ratio"}
        self._known = {
            "indicators": list(self._added_up),
            "bases": [one.base.value for one in self._added_up.values()],
        }
        # Whole hours: what is left of the instants of an hour does not make the hour.
        self._horizon = None if instants_since is None else -(-(instants_since - _EPOCH) // _HOUR) * _HOUR + _EPOCH

    async def everything(self, progress: Callable[[int], None]) -> None:
        for row in await self._session.execute(text(_OUT_OF_PLACE), self._known):
            self._compare(row.indicator_id, Period(Grain(row.grain), row.period_start), {row.unit_id: _row_of(row)}, {})
        there = (await self._session.scalars(text(_THERE), self._known)).all()
        progress(len(self._catalogue.indicators) - len(there))
        for indicator in (self._added_up[key] for key in there):
            recount = Recount(self._forest, indicator)
            # The base grain first: what children give their parents there is what counts in coarser buckets.
            for grains in ([indicator.base], [grain for grain in Grain if grain > indicator.base]):
                async for bucket, readings, hub in self._buckets(indicator, grains):
                    self._compare(
                        indicator.id, bucket, hub, recount.rows(bucket, readings), self._given(bucket, readings)
                    )
            progress(1)

    async def some(self, number: int, progress: Callable[[int], None]) -> None:
        cells = {(cell.indicator.id, cell.unit_id, cell.bucket): cell for cell in await self._random_cells(number)}
        progress(2 * number - len(cells))
        for cell in cells.values():
            await self._check_cell(cell)
            progress(1)

    async def _check_cell(self, cell: _Cell) -> None:
        base, grain = cell.indicator.base, cell.bucket.grain
        recount = Recount(self._forest, cell.indicator)
        if grain is not base and cell.indicator.over_time == "sum":
            async for bucket, readings, _ in self._buckets(cell.indicator, [base], cell):
                recount.rows(bucket, readings, {cell.unit_id})
        hub: _Rows = {}
        rows: _Rows = {}
        given: Collection[int] = ()
        async for bucket, readings, found in self._buckets(cell.indicator, [grain], cell):
            if bucket == cell.bucket:
                hub, rows = found, recount.rows(bucket, readings, {cell.unit_id})
                given = self._given(bucket, readings)
        self._compare(cell.indicator.id, cell.bucket, hub, rows, given)

    # --- comparing ---

    def _compare(
        self, indicator_id: int, bucket: Period, hub: _Rows, readings: _Rows, given: Collection[int] = ()
    ) -> None:
        cells = (hub.keys() | readings.keys()).difference(given)
        years = {bucket.start.year, bucket.anchor.year, (bucket.end - timedelta(microseconds=1)).year}
        if self._waiting and any((indicator_id, year) in self._waiting for year in years):
            self.report.waiting += len(cells)
            return
        self.report.checked += len(cells)
        for unit_id in cells:
            has, should = hub.get(unit_id), readings.get(unit_id)
            if has is None or should is None or not _same(has, should):
                self.report.differing += 1
                if self.report.differing <= SHOWN:
                    self.report.differences.append(self._named(indicator_id, unit_id, bucket, has, should))

    def _named(
        self, indicator_id: int, unit_id: int, bucket: Period, hub: Row | None, readings: Row | None
    ) -> Difference:
        indicator = self._catalogue.indicators_by_id.get(indicator_id)
        unit = self._catalogue.units.get(unit_id)
        return Difference(
            indicator.code if indicator else f"no indicator {indicator_id}",
            unit.address if unit else f"no unit {unit_id}",
            str(bucket),
            hub,
            readings,
        )

    def _given(self, bucket: Period, readings: _Readings) -> Collection[int]:
        """Units whose hour was made of instants that are forgotten: there is nothing to hold it against."""
        if self._horizon is None or bucket.grain is not Grain.hour or bucket.start >= self._horizon:
            return ()
        return [unit_id for unit_id, of_unit in readings.items() if not any(one.exact for one in of_unit)]

    # --- reading ---

    async def _buckets(
        self, indicator: Indicator, grains: Sequence[Grain], cell: _Cell | None = None
    ) -> AsyncIterator[tuple[Period, _Readings, _Rows]]:
        """Every bucket of these grains with readings or rollups, in no order; around a cell only what may touch it."""
        if not grains:
            return
        turns = self._forest.turns
        if indicator.over_time == "cumulative":  # each year starts from zero
            turns = sorted({*turns, *(datetime(year, 1, 1) for year in range(FIRST_YEAR, LAST_YEAR + 1))})
        statement = _statement(
            indicator.over_time,
            indicator.periodicity,
            tuple(grains),
            around_a_cell=cell is not None,
            horizon=self._horizon is not None,
        )
        parameters: dict[str, Any] = {"indicator": indicator.id, "turns": turns, "horizon": self._horizon}
        if cell is not None:
            start = datetime(cell.bucket.start.year, 1, 1) if indicator.over_time == "cumulative" else cell.bucket.start
            shift = anchor_of(indicator.base, start) - start
            parameters |= {"units": list(cell.units), "since": start - shift, "before": cell.bucket.end - shift}
            parameters |= {"unit": cell.unit_id, "bucket": cell.bucket.start}
        found = await self._session.stream(statement, parameters, execution_options={"yield_per": 50})
        async for row in found:
            bucket = Period(Grain(row.grain), row.bucket)
            yield bucket, _readings_of(row, cumulative=indicator.over_time == "cumulative"), _hub_of(row)

    async def _random_cells(self, number: int) -> list[_Cell]:
        """Cells of the hub, and cells around readings; a rollup where there can be none is found at once."""
        chance = random.SystemRandom()
        cells = []
        share = await self._share("rollup", number)
        for row in await self._session.execute(text(_SOME_ROLLUPS), self._known | {"number": number, "share": share}):
            bucket = Period(Grain(row.grain), row.period_start)
            if row.base is None or row.grain < row.base:
                self._compare(row.indicator_id, bucket, {row.unit_id: _row_of(row)}, {})
            else:
                cells.append(self._cell(self._added_up[row.indicator_id], row.unit_id, bucket))
        share = await self._share("reading", number)
        for row in await self._session.execute(text(_SOME_READINGS), self._known | {"number": number, "share": share}):
            indicator = self._added_up[row.indicator_id]
            anchor = anchor_of(indicator.base, bucket_start(indicator.base, row.period_start))
            above = sorted(self._forest.above(frozenset((row.unit_id,)), anchor, anchor + timedelta(microseconds=1)))
            grain = chance.choice([grain for grain in Grain if grain >= indicator.base])
            cells.append(self._cell(indicator, chance.choice(above), Period(grain, bucket_start(grain, anchor))))
        return cells

    def _cell(self, indicator: Indicator, unit_id: int, bucket: Period) -> _Cell:
        units = [one] if (one := self._catalogue.units.get(unit_id)) else []
        return _Cell(indicator, unit_id, bucket, self._catalogue.tree.subtree(units, bucket.start, bucket.end).keys())

    async def _share(self, table: str, rows: int) -> float:
        """The percentage of a table's pages in which there are rather more than so many rows."""
        pages = (await self._session.execute(text(_PAGES), {"table": table})).scalar_one()
        return min(100.0, 100 * (rows + 100) / max(int(pages), 1))


_EPOCH, _HOUR = datetime(1970, 1, 1), timedelta(hours=1)


def _same(one: Row, other: Row) -> bool:
    if one[1:] != other[1:]:
        return False
    if one.value is None or other.value is None or one.value == other.value:
        return one.value == other.value
    if not one.value.is_finite():
        return False
    return settle(one.value) == settle(other.value) or abs(one.value - other.value) < _TRIFLE


# --- the statements ---------------------------------------------------------------------------------------------------

_THERE = """
SELECT id FROM unnest(CAST(:indicators AS int[]), CAST(:bases AS int[])) AS i(id, base)
 WHERE EXISTS (SELECT FROM reading r WHERE r.indicator_id = i.id AND r.grain <= i.base)
    OR EXISTS (SELECT FROM rollup r WHERE r.indicator_id = i.id)
"""
_OUT_OF_PLACE = """
SELECT r.*
  FROM rollup r
  LEFT JOIN unnest(CAST(:indicators AS int[]), CAST(:bases AS int[])) AS i(id, base) ON i.id = r.indicator_id
 WHERE i.id IS NULL OR r.grain < i.base
"""
_SOME_ROLLUPS = """
SELECT r.*, i.base
  FROM rollup r TABLESAMPLE SYSTEM (:share)
  LEFT JOIN unnest(CAST(:indicators AS int[]), CAST(:bases AS int[])) AS i(id, base) ON i.id = r.indicator_id
 ORDER BY random() LIMIT :number
"""
_SOME_READINGS = """
SELECT r.indicator_id, r.unit_id, r.period_start
  FROM reading r TABLESAMPLE SYSTEM (:share)
  JOIN unnest(CAST(:indicators AS int[]), CAST(:bases AS int[])) AS i(id, base) ON i.id = r.indicator_id
 WHERE r.grain <= i.base AND r.value IS NOT NULL
 ORDER BY random() LIMIT :number
"""
_PAGES = """
SELECT coalesce(sum(pg_relation_size(relid)), pg_relation_size(CAST(:table AS regclass))) / 8192
  FROM pg_partition_tree(CAST(:table AS regclass))
"""

# Base readings: those sent as such; hours of instants, where the hour was not itself sent; such hours as the hub has them, where
# the instants are forgotten. `anchor`: of a week its Thursday.
_SENT = """
    SELECT unit_id, {anchor} AS anchor, value, status, CAST(source_id AS text) AS sources, 1 AS exact
      FROM reading
     WHERE indicator_id = :indicator AND grain = {base} AND value IS NOT NULL {around}
"""
_OF_INSTANTS = """
    UNION ALL
    SELECT unit_id, hour, value, status, sources, 0
      FROM (SELECT unit_id, date_trunc('hour', period_start) AS hour, {folded} AS value, {status} AS status,
                   array_to_string(array_agg(DISTINCT source_id), ',') AS sources
              FROM reading
             WHERE indicator_id = :indicator AND grain = 0 AND value IS NOT NULL {around} {remembered}
             GROUP BY 1, 2) h
     WHERE {not_sent}
"""
_OF_ROLLUPS = """
    UNION ALL
    SELECT unit_id, period_start, value, coalesce(status, 0), array_to_string(source_ids, ','), 0
      FROM (SELECT *, period_start AS hour FROM rollup) h
     WHERE indicator_id = :indicator AND grain = 1 AND own AND period_start < CAST(:horizon AS timestamp) {around} AND {not_sent}
"""
_NOT_SENT = """
    NOT EXISTS (SELECT FROM reading r
                 WHERE r.indicator_id = :indicator AND r.grain = 1 AND r.value IS NOT NULL
                   AND r.unit_id = h.unit_id AND r.period_start = h.hour)
"""
_LAG = """
    SELECT *, lag(value) OVER w AS before_value, lag(status) OVER w AS before_status, lag(sources) OVER w AS before_sources
      FROM base WINDOW w AS (PARTITION BY unit_id, date_trunc('year', anchor) ORDER BY anchor)
"""
_NO_BEFORE = (
    "CAST(NULL AS numeric) AS before_value, CAST(NULL AS int) AS before_status, CAST(NULL AS text) AS before_sources"
)
_NO_LAG = """
    SELECT *, {no_before} FROM base
"""
_AROUND_READINGS = "AND unit_id = ANY (CAST(:units AS int[])) AND period_start >= :since AND period_start < :before"
_AROUND_HUB = "AND unit_id = :unit AND period_start = :bucket"

# What each unit sent, bucket by bucket, split where the tree turns. One set of sources each, so that their union is no work here.
_EACH = """
    SELECT {bucket} AS bucket, unit_id, CASE WHEN value IS NULL THEN 0 ELSE 1 END AS number, coalesce(value, 0) AS value,
           status, sources, anchor AS latest, exact, before_value, before_status, before_sources
      FROM sent
"""
_FOLDED = """
    SELECT {bucket} AS bucket, unit_id, CAST(count(value) AS int) AS number, coalesce({folded}, 0) AS value,
           min(status) AS status, sources, max(anchor) AS latest, 0 AS exact, {no_before}
      FROM sent GROUP BY 1, 2, sources, width_bucket(anchor, CAST(:turns AS timestamp[]))
"""
_LAST = """
    SELECT DISTINCT ON (bucket, unit_id, stretch)
           bucket, unit_id, CAST(count(*) OVER w AS int) AS number, value, status, sources,
           anchor AS latest, 0 AS exact, last_value(before_value) OVER w AS before_value,
           last_value(before_status) OVER w AS before_status, last_value(before_sources) OVER w AS before_sources
      FROM (SELECT *, {bucket} AS bucket, width_bucket(anchor, CAST(:turns AS timestamp[])) AS stretch FROM sent) s
    WINDOW w AS (PARTITION BY bucket, unit_id, stretch ORDER BY anchor DESC
                 ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
     ORDER BY bucket, unit_id, stretch, anchor DESC
"""
_BUCKETS = """
SELECT {grain} AS grain, *
  FROM (SELECT bucket, array_agg(unit_id) AS s_units, array_agg(value) AS s_values, {of_sent}
          FROM ({folded}) s GROUP BY bucket) s
  FULL JOIN
       (SELECT period_start AS bucket, array_agg(unit_id) AS h_units, array_agg(value) AS h_values, {of_hub}
          FROM (SELECT *, array_to_string(source_ids, ',') AS sources, CAST(own AS int) AS whose FROM rollup) r
         WHERE indicator_id = :indicator AND grain = {grain} {around}
         GROUP BY period_start) h
       USING (bucket)
"""


def _packed(prefix: str, *columns: str) -> str:
    """The values of a bucket; one alone where all are equal, which spares most of the work of reading them."""
    return ", ".join(
        f"CASE WHEN min({column}) = max({column}) AND count({column}) = count(*)"
        f" THEN ARRAY[min({column})] ELSE array_agg({column}) END AS {prefix}_{column}"
        for column in columns
    )


_OF_SENT = _packed("s", "status", "sources", "latest", "number", "exact")
_OF_BEFORE = ", " + ", ".join(
    f"array_agg({column}) AS s_{column}" for column in ("before_value", "before_status", "before_sources")
)
_OF_HUB = _packed(
    "h",
    "status",
    "sources",
    "until",
    "units_present",
    "units_expected",
    "periods_present",
    "periods_expected",
    "units_behind",
    "whose",
)


@lru_cache(maxsize=1024)
def _statement(
    law: str, periodicity: str, grains: tuple[Grain, ...], *, around_a_cell: bool, horizon: bool
) -> TextClause:
    around = _AROUND_READINGS if around_a_cell else ""
    base_grain = BASE_GRAIN[periodicity]
    last_counts = law in {"last", "cumulative"}
    # The time law over instants; a quotient has to be as good as one of the laws.
    of_instants = {
        "sum": "sum(value)", "mean": "round(sum(value), 110) / count(*)", "min": "min(value)", "max": "max(value)",
        "none": "CAST(NULL AS numeric)",
    }.get(law, "(array_agg(value ORDER BY period_start DESC))[1]")  # fmt: skip
    anchor = "period_start + interval '3 days'" if base_grain is Grain.week else "period_start"
    base = _SENT.format(anchor=anchor, base=base_grain.value, around=around)
    if periodicity == "realtime":
        base += _OF_INSTANTS.format(
            folded=of_instants,
            status="(array_agg(status ORDER BY period_start DESC))[1]" if last_counts else "min(status)",
            around=around,
            remembered="AND period_start >= CAST(:horizon AS timestamp)" if horizon else "",
            not_sent=_NOT_SENT,
        )
        if horizon:
            base += _OF_ROLLUPS.format(around=around, not_sent=_NOT_SENT)
    folded = {"sum": "sum(value)", "mean": "sum(value)", "max": "max(value)"}.get(law, "min(value)")
    shape = _LAST if last_counts else _FOLDED
    cumulative = law == "cumulative"
    each = [
        _BUCKETS.format(
            grain=grain.value,
            folded=(_EACH if grain is base_grain else shape).format(
                bucket=f"date_trunc('{grain.name}', anchor)", folded=folded, no_before=_NO_BEFORE
            ),
            of_sent=_OF_SENT + (_OF_BEFORE if cumulative else ""),
            of_hub=_OF_HUB,
            around=_AROUND_HUB if around_a_cell else "",
        )
        for grain in grains
    ]
    sent = _LAG if cumulative else _NO_LAG.format(no_before=_NO_BEFORE)
    return text(f"WITH base AS ({base}), sent AS ({sent}) " + " UNION ALL ".join(each))


@lru_cache(maxsize=4096)
def _sources(listed: str) -> frozenset[int]:
    return frozenset(int(one) for one in listed.split(",") if one)


def _spread(packed: Sequence[Any], number: int) -> Iterable[Any]:
    return repeat(packed[0], number) if len(packed) == 1 else packed


def _readings_of(row: Fetched[Any], *, cumulative: bool) -> Mapping[int, Sequence[Sent]]:
    if (units := row.s_units) is None:
        return {}
    number = len(units)
    sources = map(_sources, _spread(row.s_sources, number))
    parts = map(Part, row.s_values, _spread(row.s_status, number), sources, _spread(row.s_latest, number))
    before: Iterable[Part | None] = repeat(None, number)
    if cumulative:
        before = map(_before, row.s_before_value, row.s_before_status, row.s_before_sources)
    sent = map(Sent, parts, _spread(row.s_number, number), _spread(row.s_exact, number), before)
    if len(set(units)) == number:
        return dict(zip(units, zip(sent, strict=True), strict=True))
    several: dict[int, list[Sent]] = {}
    for unit_id, one in zip(units, sent, strict=True):
        several.setdefault(unit_id, []).append(one)
    return several


def _before(value: Decimal | None, status: int, sources: str) -> Part | None:
    return None if value is None else Part(value, status, _sources(sources), datetime.min)


def _hub_of(row: Fetched[Any]) -> dict[int, Row]:
    if (units := row.h_units) is None:
        return {}
    packed = (
        row.h_status,
        row.h_until,
        row.h_units_present,
        row.h_units_expected,
        row.h_periods_present,
        row.h_periods_expected,
        row.h_units_behind,
    )
    status, until, *coverage = (_spread(column, len(units)) for column in packed)
    sources, own = map(_sources, _spread(row.h_sources, len(units))), map(bool, _spread(row.h_whose, len(units)))
    return dict(zip(units, map(Row, row.h_values, status, sources, until, *coverage, own), strict=True))


def _row_of(row: Fetched[Any]) -> Row:
    return Row(
        row.value, row.status, frozenset(row.source_ids), row.until, row.units_present, row.units_expected,
        row.periods_present, row.periods_expected, row.units_behind, row.own,
    )  # fmt: skip
