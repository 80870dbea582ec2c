"""The roller: keep `rollup` equal to what the readings say, a pass at a time.

A pass claims stale marks, coalesces them into buckets, and computes each bucket anew as a whole, so that late, repeated and
corrected readings are all the same easy case. It does so in sets of SQL, in three steps:

1. **own**: for the marked units, what their own base readings say of a bucket, by the time law; finer buckets first, so
   that a year is made of its months and not of its days;
2. **above**: for the units over them, what their children's cells of the same bucket say, by the unit law; level by level,
   lowest first;
3. **by the laws**: the few buckets for which a step up the tree is more than that (a unit that changes its parent inside the
   bucket, a flow that a unit and its children both reported) go through `app.rollups.laws`, reading by reading.

The rules are those of docs/aggregation.md. Everything happens in one transaction: the marks go with the work, and the
announcement comes with the figures. Several rollers may run; they never compute the same indicator at the same time.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.cache import CatalogueCache
from app.catalogue.catalogue import Catalogue, Indicator, Unit
from app.changes import announce
from app.periods import Grain, Period, anchor_of, bucket_start, count_base_periods
from app.rollups.by_laws import store_by_laws
from app.rollups.stored import WRITE_COMPUTED

# Of one pass, which should end in a fraction of a second: what comes meanwhile waits for the next one.
MOST_MARKS, MOST_CELLS = 1_000, 30_000
_ROLLER_LOCK = 720_725


@dataclass(frozen=True, slots=True)
class Rolled:
    """What a pass did. `marks` of zero: there was nothing to do."""

    marks: int
    buckets: int = 0
    oldest: datetime | None = None
    change: int | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket of one indicator."""

    indicator: Indicator
    period: Period

    @property
    def key(self) -> "Key":
        return (self.indicator.id, self.period.grain.value, self.period.start)


Key = tuple[int, int, datetime]  # of a bucket; numbers are hashed faster than things
Touched = dict[Key, set[int]]


async def roll(session: AsyncSession, catalogues: CatalogueCache, *, most: int = MOST_MARKS) -> Rolled:
    """One pass, in the transaction of the session."""
    marks = (await session.execute(text(_CLAIM), {"most": most, "cells": MOST_CELLS})).all()
    if not marks:
        return Rolled(0)
    ids = sorted({mark.indicator_id for mark in marks})
    await session.execute(text(_LOCK), {"lock": _ROLLER_LOCK, "indicators": ids})
    # Only now: whoever had these indicators before has committed, and a tree that changes from here on leaves marks of its own.
    catalogue = await catalogues.current(session)
    frozen = (await session.execute(text(_SETTINGS))).one().frozen
    touched = await _touched(session, catalogue, marks)
    if touched:
        await _compute(session, _Plan.of(catalogue, touched), frozen)
    change = await announce(session, "readings", ids)
    return Rolled(len(marks), len(touched), min(mark.marked_at for mark in marks), change)


_CLAIM = """
WITH free AS MATERIALIZED (
    SELECT indicator_id, id, cardinality(unit_ids) AS cells FROM stale_mark ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
), claimed AS (
    SELECT indicator_id, id FROM (SELECT *, sum(cells) OVER (ORDER BY id) - cells AS before FROM free) AS queue
     WHERE before < :cells
)
DELETE FROM stale_mark m USING claimed c WHERE (m.indicator_id, m.id) = (c.indicator_id, c.id)
RETURNING m.indicator_id, m.grain, m.period_start, m.unit_ids, m.marked_at
"""
_LOCK = """
SELECT pg_advisory_xact_lock(:lock, id) FROM (SELECT unnest(CAST(:indicators AS int[])) AS id ORDER BY id) AS sorted
"""
# `reading` and `rollup` are looked up by their keys; without statistics of this minute the planner might rather scan them.
_SETTINGS = """
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('work_mem', '64MB', true), set_config('client_min_messages', 'warning', true),
       coalesce((SELECT before FROM forgotten WHERE what = 'instants'), '-infinity'::timestamp)::text AS frozen
"""


# --- which buckets ------------------------------------------------------------------------------------------------


@lru_cache(maxsize=65_536)
def buckets_around(base: Grain, start: datetime) -> tuple[tuple[int, datetime], ...]:
    """The buckets to which a base period belongs, its own first."""
    anchor = anchor_of(base, start)
    coarser = ((grain.value, bucket_start(grain, anchor)) for grain in Grain if grain > base)
    return ((base.value, start), *coarser)


async def _touched(session: AsyncSession, catalogue: Catalogue, marks: Sequence[Any]) -> Touched:
    """The buckets around the marked periods, each with the marked units.

    A reading of a coarser grain than the base stands behind no rollup; its mark is only there to be announced.
    """
    periods: dict[tuple[int, datetime], set[int]] = {}
    for mark in marks:
        indicator = catalogue.indicators_by_id[mark.indicator_id]
        if indicator.over_time != "ratio" and mark.grain <= indicator.base:
            start = bucket_start(indicator.base, mark.period_start) if mark.grain == 0 else mark.period_start
            periods.setdefault((indicator.id, start), set()).update(mark.unit_ids)
    for indicator_id, unit_id, start in await _following(session, catalogue, periods):
        periods.setdefault((indicator_id, start), set()).add(unit_id)
    touched: Touched = {}
    for (indicator_id, start), units in periods.items():
        for grain, bucket in buckets_around(catalogue.indicators_by_id[indicator_id].base, start):
            touched.setdefault((indicator_id, grain, bucket), set()).update(units)
    return touched


async def _following(
    session: AsyncSession, catalogue: Catalogue, periods: Mapping[tuple[int, datetime], Collection[int]]
) -> list[tuple[int, int, datetime]]:
    """A year-to-date figure is also what the next one of the year is subtracted from."""
    marked = [
        (indicator, unit_id, Period(indicator.base, start))
        for (indicator_id, start), units in periods.items()
        for indicator in [catalogue.indicators_by_id[indicator_id]]
        if indicator.over_time == "cumulative"
        for unit_id in units
    ]
    if not marked:
        return []
    rows = await session.execute(
        text(
            """
            SELECT m.indicator_id, m.unit_id, next.period_start
              FROM unnest(CAST(:indicators AS int[]), CAST(:units AS int[]), CAST(:finest AS int[]), CAST(:bases AS int[]),
                          CAST(:ends AS timestamp[]), CAST(:year_ends AS timestamp[]))
                   AS m(indicator_id, unit_id, finest, base, ends, year_ends)
             CROSS JOIN LATERAL (
                SELECT r.period_start FROM reading r
                 WHERE r.indicator_id = m.indicator_id AND r.unit_id = m.unit_id AND r.grain BETWEEN m.finest AND m.base
                   AND r.period_start >= m.ends AND r.period_start < m.year_ends AND r.value IS NOT NULL
                 ORDER BY r.period_start LIMIT 1) AS next
            """
        ),
        {
            "indicators": [indicator.id for indicator, _, _ in marked],
            "units": [unit_id for _, unit_id, _ in marked],
            "finest": [indicator.finest.value for indicator, _, _ in marked],
            "bases": [indicator.base.value for indicator, _, _ in marked],
            "ends": [period.end for _, _, period in marked],
            "year_ends": [
                datetime(period.anchor.year + 1, 1, 1) - (period.anchor - period.start) for _, _, period in marked
            ],
        },
    )
    by_id = catalogue.indicators_by_id
    return [
        (row.indicator_id, row.unit_id, bucket_start(by_id[row.indicator_id].base, row.period_start)) for row in rows
    ]


# --- how each bucket is computed ----------------------------------------------------------------------------------


def finer_of(base: Grain, grain: Grain) -> Grain:
    """The cells that the own part of a bucket is made of."""
    match grain:
        case Grain.day:
            return Grain.hour
        case Grain.week:
            return Grain.day
        case Grain.month:
            return Grain.week if base is Grain.week else Grain.day
        case Grain.quarter:
            return Grain.month
        case Grain.year:
            return Grain.quarter if base is Grain.quarter else Grain.month
    raise ValueError(grain)


_STEP = {
    Grain.hour: "1 hour", Grain.day: "1 day", Grain.week: "7 days", Grain.month: "1 month", Grain.quarter: "3 months",
    Grain.year: "1 year",
}  # fmt: skip
_TO_THURSDAY = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Lines:
    """The children of a unit that count in a bucket, each with how many reporters are expected when it is silent."""

    number: int
    silent: Mapping[int, int]
    cut: bool  # one of them is a child for a part only of its life in the bucket

    @property
    def all_silent(self) -> int:
        return sum(self.silent.values())


@dataclass(slots=True)
class _Plan:
    """What a pass computes: cells of marked units, cells of the units above, and buckets that take the long way."""

    catalogue: Catalogue
    own: list[tuple[Any, ...]] = field(default_factory=list)
    above: list[tuple[Any, ...]] = field(default_factory=list)
    by_laws: dict[Key, set[int]] = field(default_factory=dict)
    higher: dict[Key, Collection[int]] = field(default_factory=dict)
    _lines: dict[tuple[Any, ...], Lines] = field(default_factory=dict)

    @classmethod
    def of(cls, catalogue: Catalogue, touched: Touched) -> "_Plan":
        plan, tree = cls(catalogue), catalogue.tree
        above = {unit_id: tree.above(unit_id) for units in touched.values() for unit_id in units}
        for key, units in touched.items():
            parents = units & catalogue.parent_ids
            plan.add(bucket_of(catalogue, key), units, parents, parents.union(*(above[unit_id] for unit_id in units)))
        return plan

    @property
    def lines(self) -> list[Lines]:
        return [lines for lines in self._lines.values() if lines.silent]

    def add(self, bucket: Bucket, units: Collection[int], parents: Collection[int], higher: Collection[int]) -> None:
        """`parents`: those of the marked units that have children or had; `higher`: they, and all above."""
        if _takes_own_by_laws(bucket):
            self.by_laws[bucket.key] = {*units, *higher}
            return
        # A base reading is shown as it is. Only instants and year-to-date figures make rollups out of one; and it takes the
        # place of what the children said.
        as_it_is = bucket.period.grain is bucket.indicator.base and not _makes_base_cells(bucket.indicator)
        self._add_own(bucket, parents if as_it_is else units)
        self.higher[bucket.key] = higher
        cells = [self._above_cell(bucket, self.catalogue.units[unit_id]) for unit_id in higher]
        if _goes_up_by_periods(bucket) or any(lines.cut for _, lines in cells):
            self.by_laws[bucket.key] = set(higher)
        else:
            self.above.extend(cell for cell, _ in cells)

    def _add_own(self, bucket: Bucket, units: Collection[int]) -> None:
        """One row for all units that live through the bucket, one for each that begins or ends inside."""
        start, end = bucket.period.start, bucket.period.end
        whole = []
        for unit_id in units:
            unit = self.catalogue.units[unit_id]
            if unit.start <= start and end <= unit.end:
                whole.append(unit_id)
            else:
                self.own.append(_own_cell(bucket, [unit_id], max(start, unit.start), min(end, unit.end)))
        if whole:
            self.own.append(_own_cell(bucket, whole, start, end))

    def _above_cell(self, bucket: Bucket, unit: Unit) -> tuple[tuple[Any, ...], Lines]:
        indicator, period = bucket.indicator, bucket.period
        start, end = max(period.start, unit.start), min(period.end, unit.end)
        lines = self._lines_of(bucket, unit, start, end)
        cell = (
            indicator.id, unit.id, period.grain.value, period.start, period.end, indicator.base.value,
            indicator.over_time, indicator.over_units, count_base_periods(indicator.base, start, end),
            self.catalogue.tree.height(unit.id), lines.number, lines.all_silent,
        )  # fmt: skip
        return cell, lines

    def _lines_of(self, bucket: Bucket, unit: Unit, start: datetime, end: datetime) -> Lines:
        tree, base, at_end = self.catalogue.tree, bucket.indicator.base, bucket.indicator.over_time == "last"
        whole = (start, end) == (bucket.period.start, bucket.period.end)
        # Between two turns of the tree all buckets have the same lines.
        epoch = tree.epoch(start, end) if whole else None
        key: tuple[Any, ...] = (unit.id, epoch) if epoch is not None else (unit.id, bucket.period, base, at_end)
        if (found := self._lines.get(key)) is None:
            silent, cut = {}, False
            for edge, since, until in tree.edges_in(unit, start, end, at_end=at_end):
                if count_base_periods(base, since, until):
                    silent[edge.child.id] = tree.silent(base, edge.child, since, until, at_end=at_end)
                    lives = (max(bucket.period.start, edge.child.start), min(bucket.period.end, edge.child.end))
                    cut = cut or (since, until) != lives
            found = self._lines[key] = Lines(len(self._lines) + 1, silent, cut)
        return found


def bucket_of(catalogue: Catalogue, key: Key) -> Bucket:
    indicator_id, grain, start = key
    return Bucket(catalogue.indicators_by_id[indicator_id], Period(Grain(grain), start))


def _own_cell(bucket: Bucket, units: Sequence[int], start: datetime, end: datetime) -> tuple[Any, ...]:
    indicator, period = bucket.indicator, bucket.period
    base = indicator.base
    finer = base if period.grain is base else finer_of(base, period.grain)
    to_anchor = _TO_THURSDAY if base is Grain.week else timedelta()
    to_finer = _TO_THURSDAY if finer is Grain.week and period.grain is not base else timedelta()
    new_year = datetime(period.anchor.year if period.grain is base else period.start.year, 1, 1)
    return (
        indicator.id, "{" + ",".join(map(str, units)) + "}", period.grain.value, period.start, base.value, finer.value,
        indicator.over_time, indicator.periodicity == "realtime", _STEP[base], start - to_anchor, end - to_anchor,
        period.start - to_finer, period.end - to_finer, new_year - to_anchor, count_base_periods(base, start, end),
    )  # fmt: skip


def _takes_own_by_laws(bucket: Bucket) -> bool:
    """Where a unit's own bucket is more than its finer ones."""
    indicator = bucket.indicator
    if indicator.periodicity == "realtime" and indicator.over_time in {"none", "cumulative"}:
        return True
    # A week across the turn of the year takes year-to-date figures of two years.
    week = bucket.period.grain is Grain.week and indicator.base is not Grain.week
    across = bucket.period.start.year != (bucket.period.end - timedelta(days=1)).year
    return indicator.over_time == "cumulative" and week and across


def _makes_base_cells(indicator: Indicator) -> bool:
    return indicator.periodicity == "realtime" or indicator.over_time == "cumulative"


def _goes_up_by_periods(bucket: Bucket) -> bool:
    """A flow whose unit law is no sum goes up the tree period by period, and only then along time (rule 3)."""
    indicator = bucket.indicator
    return (
        indicator.over_time == "sum"
        and indicator.over_units in {"mean", "min", "max"}
        and bucket.period.grain is not indicator.base
    )


# --- the computing ------------------------------------------------------------------------------------------------

_STAGES = ((Grain.day,), (Grain.week, Grain.month), (Grain.quarter, Grain.year))


async def _compute(session: AsyncSession, plan: _Plan, frozen: str) -> None:
    """`frozen`: the hours before it have lost their instants and stay as they are."""
    await _hand_over(session, plan)
    grains = {cell[2] for cell in plan.own}
    if any(cell[2] == cell[4] for cell in plan.own):
        await session.execute(text(_OWN_BASE), {"frozen": frozen})
    for stage in _STAGES:
        if grains.intersection(stage):
            await session.execute(text(_OWN_COARSER), {"grains": [grain.value for grain in stage]})
    for height in sorted({cell[9] for cell in plan.above}):
        mixed = await session.execute(text(_ABOVE), {"height": height})
        for row in mixed:
            key = (row.indicator_id, row.grain, row.period_start)
            plan.by_laws[key] = set(plan.higher[key])
    if plan.by_laws:
        cells = {}
        for key, units in plan.by_laws.items():
            bucket = bucket_of(plan.catalogue, key)
            cells[bucket.indicator, bucket.period] = [plan.catalogue.units[unit_id] for unit_id in units]
        await store_by_laws(session, plan.catalogue, cells)


_TABLES = (
    """
    CREATE TEMPORARY TABLE IF NOT EXISTS own_cell (
        place integer, indicator_id integer, unit_id integer, grain smallint, period_start timestamp, base smallint, finer smallint,
        over_time text, realtime boolean, step interval, base_from timestamp, base_to timestamp,
        finer_from timestamp, finer_to timestamp, year_from timestamp, expected integer
    ) ON COMMIT DELETE ROWS
    """,
    """
    CREATE TEMPORARY TABLE IF NOT EXISTS above_cell (
        place integer, indicator_id integer, unit_id integer, grain smallint, period_start timestamp, period_end timestamp,
        base smallint, over_time text, over_units text, expected integer, height integer, lines integer, all_silent integer
    ) ON COMMIT DELETE ROWS
    """,
    "CREATE TEMPORARY TABLE IF NOT EXISTS line (lines integer, child_id integer, silent integer) ON COMMIT DELETE ROWS",
    "DELETE FROM own_cell",
    "DELETE FROM above_cell",
    "DELETE FROM line",
)


def _columns(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> dict[str, list[Any]]:
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


async def _hand_over(session: AsyncSession, plan: _Plan) -> None:
    """Hand the plan over to Postgres."""
    for statement in _TABLES:
        await session.execute(text(statement))
    if plan.own:
        await session.execute(text(_PUT_OWN), _columns(plan.own, _OWN_COLUMNS))
    if plan.above:
        await session.execute(text(_PUT_ABOVE), _columns(plan.above, _ABOVE_COLUMNS))
        lines = [
            (
                one.number,
                "{" + ",".join(map(str, one.silent)) + "}",
                "{" + ",".join(map(str, one.silent.values())) + "}",
            )
            for one in plan.lines
        ]
        await session.execute(text(_PUT_LINES), _columns(lines, ("lines", "children", "silent")))


_OWN_COLUMNS = (
    "indicators", "units", "grains", "starts", "bases", "finer", "laws", "realtime", "steps", "base_from", "base_to", "finer_from",
    "finer_to", "year_from", "expected",
)  # fmt: skip
_PUT_OWN = """
INSERT INTO own_cell
SELECT row_number() OVER (), c.indicator_id, u.unit_id, c.grain, c.period_start, c.base, c.finer, c.over_time, c.realtime, c.step::interval,
       c.base_from, c.base_to, c.finer_from, c.finer_to, c.year_from, c.expected
  FROM unnest(CAST(:indicators AS int[]), CAST(:units AS text[]), CAST(:grains AS int[]), CAST(:starts AS timestamp[]),
              CAST(:bases AS int[]), CAST(:finer AS int[]), CAST(:laws AS text[]), CAST(:realtime AS boolean[]),
              CAST(:steps AS text[]), CAST(:base_from AS timestamp[]), CAST(:base_to AS timestamp[]),
              CAST(:finer_from AS timestamp[]), CAST(:finer_to AS timestamp[]), CAST(:year_from AS timestamp[]),
              CAST(:expected AS int[]))
       AS c(indicator_id, unit_ids, grain, period_start, base, finer, over_time, realtime, step, base_from, base_to,
            finer_from, finer_to, year_from, expected),
       unnest(c.unit_ids::int[]) AS u(unit_id)
"""
_ABOVE_COLUMNS = (
    "indicators", "units", "grains", "starts", "ends", "bases", "laws", "unit_laws", "expected", "heights", "lines", "all_silent",
)  # fmt: skip
_PUT_ABOVE = """
INSERT INTO above_cell
SELECT row_number() OVER (), c.*
  FROM unnest(CAST(:indicators AS int[]), CAST(:units AS int[]), CAST(:grains AS int[]), CAST(:starts AS timestamp[]),
              CAST(:ends AS timestamp[]), CAST(:bases AS int[]), CAST(:laws AS text[]), CAST(:unit_laws AS text[]),
              CAST(:expected AS int[]), CAST(:heights AS int[]), CAST(:lines AS int[]), CAST(:all_silent AS int[])) AS c
"""
_PUT_LINES = """
INSERT INTO line
SELECT l.lines, c.child_id, c.silent
  FROM unnest(CAST(:lines AS int[]), CAST(:children AS text[]), CAST(:silent AS text[])) AS l(lines, children, silent),
       unnest(l.children::int[], l.silent::int[]) AS c(child_id, silent)
"""

# The base grain. A base reading is shown as it is and needs no rollup, but for two kinds: instants make an hour (unless the hour
# was reported), and a year-to-date figure makes the difference to the one before it in the year.
_OWN_BASE = f"""
WITH hours AS (
    SELECT c.place, c.over_time, min(i.source_id) AS source_id,
           CASE c.over_time WHEN 'sum' THEN sum(i.value)
                            WHEN 'mean' THEN trim_scale(round(sum(i.value), 100) / count(*))
                            WHEN 'min' THEN min(i.value)
                            WHEN 'max' THEN max(i.value)
                            WHEN 'last' THEN (array_agg(i.value ORDER BY i.period_start DESC))[1] END AS value,
           CASE c.over_time WHEN 'last' THEN (array_agg(i.status ORDER BY i.period_start DESC))[1]
                            ELSE min(i.status) END AS status
      FROM own_cell c
      JOIN reading i ON i.indicator_id = c.indicator_id AND i.unit_id = c.unit_id AND i.grain = 0
                    AND i.period_start >= c.base_from AND i.period_start < c.base_to
     WHERE c.grain = c.base AND c.realtime AND i.value IS NOT NULL AND c.period_start >= CAST(:frozen AS timestamp)
       AND NOT EXISTS (SELECT FROM reading h WHERE h.indicator_id = c.indicator_id AND h.unit_id = c.unit_id
                          AND h.grain = c.base AND h.period_start = c.period_start AND h.value IS NOT NULL)
     GROUP BY c.place, c.over_time
), flows AS (
    SELECT c.place, c.over_time, now.source_id, now.value - coalesce(earlier.value, 0) AS value,
           least(now.status, earlier.status) AS status
      FROM own_cell c
      JOIN reading now ON now.indicator_id = c.indicator_id AND now.unit_id = c.unit_id AND now.grain = c.base
                      AND now.period_start = c.period_start
      LEFT JOIN LATERAL (
           SELECT e.value, e.status FROM reading e
            WHERE e.indicator_id = c.indicator_id AND e.unit_id = c.unit_id AND e.grain = c.base
              AND e.period_start >= c.year_from AND e.period_start < c.period_start AND e.value IS NOT NULL
            ORDER BY e.period_start DESC LIMIT 1) AS earlier ON true
     WHERE c.grain = c.base AND c.over_time = 'cumulative' AND NOT c.realtime AND now.value IS NOT NULL AND c.expected > 0
), computed AS (
    SELECT c.indicator_id, c.unit_id, c.grain, c.period_start, s.value,
           CASE s.over_time WHEN 'mean' THEN s.value END AS total, s.status, ARRAY[s.source_id] AS source_ids,
           c.period_start + c.step AS until, 1 AS units_present, 1 AS units_expected, 1 AS periods_present,
           c.expected AS periods_expected, true AS own, c.place
      FROM (SELECT place, over_time, source_id, value, status FROM hours
             UNION ALL SELECT place, over_time, source_id, value, status FROM flows) AS s
      JOIN own_cell c USING (place)
), written AS ({WRITE_COMPUTED})
DELETE FROM rollup r
 USING own_cell c
 WHERE c.grain = c.base AND NOT EXISTS (SELECT FROM computed d WHERE d.place = c.place)
   AND NOT (c.realtime AND r.own AND c.period_start < CAST(:frozen AS timestamp)
            AND NOT EXISTS (SELECT FROM reading h WHERE h.indicator_id = c.indicator_id AND h.unit_id = c.unit_id
                               AND h.grain = c.base AND h.period_start = c.period_start AND h.value IS NOT NULL))
   AND (r.indicator_id, r.unit_id, r.grain, r.period_start) = (c.indicator_id, c.unit_id, c.grain, c.period_start)
"""

# Coarser grains, out of base readings or out of the own cells of the grain below. What is the last one measured is looked up; the
# weakest status of a year-to-date bucket is that of the figures of its subtraction: the last one inside and the last one before.
_OWN_COARSER = f"""
WITH parts AS (
    SELECT c.place, r.period_start AS at, r.value, r.value AS total, 1 AS periods, r.status, r.source_id,
           r.period_start + c.step AS until
      FROM own_cell c
      JOIN reading r ON r.indicator_id = c.indicator_id AND r.unit_id = c.unit_id AND r.grain = c.base
                    AND r.period_start >= c.base_from AND r.period_start < c.base_to
     WHERE c.grain = ANY (CAST(:grains AS int[])) AND c.grain > c.base AND c.finer = c.base AND c.over_time <> 'cumulative'
       AND r.value IS NOT NULL
    UNION ALL
    SELECT c.place, f.period_start, f.value, coalesce(f.total, f.value), f.periods_present, f.status, f.source_ids[1], f.until
      FROM own_cell c
      JOIN rollup f ON f.indicator_id = c.indicator_id AND f.unit_id = c.unit_id AND f.grain = c.finer
                   AND f.period_start >= c.finer_from AND f.period_start < c.finer_to
     WHERE c.grain = ANY (CAST(:grains AS int[])) AND c.grain > c.base
       AND (c.finer > c.base OR c.realtime OR c.over_time = 'cumulative') AND f.own
), summed AS (
    SELECT c.place, sum(p.periods)::integer AS periods, min(p.source_id) AS source_id, max(p.until) AS until,
           CASE c.over_time WHEN 'mean' THEN sum(p.total) END AS total,
           CASE c.over_time WHEN 'sum' THEN sum(p.value)
                            WHEN 'cumulative' THEN sum(p.value)
                            WHEN 'mean' THEN trim_scale(round(sum(p.total), 100) / sum(p.periods))
                            WHEN 'min' THEN min(p.value)
                            WHEN 'max' THEN max(p.value) END AS value,
           CASE WHEN c.over_time <> 'none' THEN min(p.status) END AS status
      FROM parts p JOIN own_cell c USING (place)
     GROUP BY c.place, c.over_time
), computed AS (
    SELECT c.indicator_id, c.unit_id, c.grain, c.period_start, s.total,
           CASE c.over_time WHEN 'last' THEN latest.value ELSE s.value END AS value,
           CASE c.over_time WHEN 'last' THEN latest.status
                            WHEN 'cumulative' THEN least(latest.status, earlier.status)
                            ELSE s.status END AS status,
           CASE c.over_time WHEN 'none' THEN '{{}}'::int[] ELSE ARRAY[s.source_id] END AS source_ids,
           CASE c.over_time WHEN 'none' THEN NULL ELSE s.until END AS until,
           1 AS units_present, 1 AS units_expected, s.periods AS periods_present, c.expected AS periods_expected,
           true AS own, c.place
      FROM summed s
      JOIN own_cell c USING (place)
      LEFT JOIN LATERAL (
           (SELECT l.period_start, l.value, l.status FROM reading l
             WHERE c.over_time IN ('last', 'cumulative') AND (c.finer = c.base OR NOT c.realtime)
               AND l.indicator_id = c.indicator_id AND l.unit_id = c.unit_id AND l.grain = c.base
               AND l.period_start >= c.base_from AND l.period_start < c.base_to AND l.value IS NOT NULL
             ORDER BY l.period_start DESC LIMIT 1)
           UNION ALL
           (SELECT f.period_start, f.value, f.status FROM rollup f
             WHERE c.over_time = 'last' AND c.realtime
               AND f.indicator_id = c.indicator_id AND f.unit_id = c.unit_id AND f.grain = c.finer
               AND f.period_start >= c.finer_from AND f.period_start < c.finer_to AND f.own
             ORDER BY f.period_start DESC LIMIT 1)
           ORDER BY period_start DESC LIMIT 1) AS latest ON true
      LEFT JOIN LATERAL (
           SELECT e.status FROM reading e
            WHERE c.over_time = 'cumulative' AND e.indicator_id = c.indicator_id AND e.unit_id = c.unit_id AND e.grain = c.base
              AND e.period_start >= c.year_from AND e.period_start < c.base_from AND e.value IS NOT NULL
            ORDER BY e.period_start DESC LIMIT 1) AS earlier ON true
), written AS ({WRITE_COMPUTED})
DELETE FROM rollup r
 USING own_cell c
 WHERE c.grain = ANY (CAST(:grains AS int[])) AND c.grain > c.base AND r.own
   AND NOT EXISTS (SELECT FROM computed d WHERE d.place = c.place)
   AND (r.indicator_id, r.unit_id, r.grain, r.period_start) = (c.indicator_id, c.unit_id, c.grain, c.period_start)
"""

# One level up: the children's cells of the same bucket, which at the base grain may be readings. A unit with readings of its own
# keeps them; where its children reported the same flow too, the bucket is handed back to be computed by the laws.
_ABOVE = f"""
WITH parts AS (
    SELECT c.place, l.silent, p.*
      FROM above_cell c
      JOIN line l USING (lines)
     CROSS JOIN LATERAL (
           SELECT r.value, r.status, r.source_ids, r.until, r.units_present AS present, r.units_expected AS expected,
                  r.periods_expected - r.periods_present AS missing
             FROM rollup r
            WHERE r.indicator_id = c.indicator_id AND r.unit_id = l.child_id AND r.grain = c.grain
              AND r.period_start = c.period_start
           UNION ALL
           SELECT r.value, r.status, ARRAY[r.source_id], c.period_end, 1, 1, 0
             FROM reading r
            WHERE c.grain = c.base AND c.over_time <> 'cumulative'
              AND r.indicator_id = c.indicator_id AND r.unit_id = l.child_id AND r.grain = c.grain
              AND r.period_start = c.period_start AND r.value IS NOT NULL) AS p
     WHERE c.height = :height
), summed AS (
    SELECT c.place,
           CASE c.over_units WHEN 'sum' THEN sum(p.value)
                             WHEN 'mean' THEN trim_scale(round(sum(p.value), 100) / nullif(count(p.value), 0))
                             WHEN 'min' THEN min(p.value)
                             WHEN 'max' THEN max(p.value) END AS value,
           min(p.status) AS status, union_of(p.source_ids) AS source_ids, max(p.until) AS until,
           coalesce(sum(p.present), 0)::integer AS present,
           coalesce(sum(p.expected) FILTER (WHERE p.present > 0), 0)::integer AS expected,
           coalesce(sum(p.silent) FILTER (WHERE p.present > 0), 0)::integer AS not_silent,
           max(p.missing) FILTER (WHERE p.present > 0) AS missing
      FROM parts p JOIN above_cell c USING (place)
     GROUP BY c.place, c.over_units
), owned AS MATERIALIZED (
    SELECT c.place
      FROM above_cell c
     WHERE c.height = :height
       AND (EXISTS (SELECT FROM rollup r WHERE r.own AND r.indicator_id = c.indicator_id AND r.unit_id = c.unit_id
                       AND r.grain = c.grain AND r.period_start = c.period_start)
         OR c.grain = c.base AND c.over_time <> 'cumulative'
            AND EXISTS (SELECT FROM reading r WHERE r.value IS NOT NULL AND r.indicator_id = c.indicator_id
                           AND r.unit_id = c.unit_id AND r.grain = c.grain AND r.period_start = c.period_start
                           AND c.expected > 0))
), computed AS (
    SELECT c.indicator_id, c.unit_id, c.grain, c.period_start, s.value, NULL::numeric AS total,
           CASE WHEN s.value IS NOT NULL THEN s.status END AS status,
           CASE WHEN s.value IS NOT NULL THEN s.source_ids ELSE '{{}}' END AS source_ids,
           CASE WHEN s.value IS NOT NULL THEN s.until END AS until,
           CASE c.over_units WHEN 'none' THEN 0 ELSE s.present END AS units_present,
           CASE c.over_units WHEN 'none' THEN 1 ELSE s.expected + c.all_silent - s.not_silent END AS units_expected,
           CASE WHEN c.over_units = 'none' OR s.present = 0 THEN 0 ELSE c.expected - s.missing END AS periods_present,
           c.expected AS periods_expected, false AS own, c.place
      FROM summed s JOIN above_cell c USING (place)
     WHERE NOT EXISTS (SELECT FROM owned o WHERE o.place = c.place)
), written AS ({WRITE_COMPUTED}), gone AS (
    DELETE FROM rollup r
     USING above_cell c
     WHERE c.height = :height AND NOT r.own AND NOT EXISTS (SELECT FROM computed d WHERE d.place = c.place)
       AND (r.indicator_id, r.unit_id, r.grain, r.period_start) = (c.indicator_id, c.unit_id, c.grain, c.period_start)
)
SELECT c.indicator_id, c.grain, c.period_start
  FROM owned o JOIN above_cell c USING (place) JOIN summed s USING (place)
 WHERE c.over_time = 'sum' AND c.over_units <> 'none' AND c.grain > c.base AND s.present > 0
"""
