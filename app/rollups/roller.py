"""The roller: keep `rollup` equal to what the readings say, a pass at a time.

A pass claims stale marks, coalesces them into buckets, and computes each bucket anew as a whole, so that late, repeated and
corrected readings are all the same easy case. It does so in sets of SQL, in three steps:

1. **own**: for the marked units, what their own base readings say of a bucket, by the time law; finer buckets first, so
   that a month is made of its days and not of its hours;
2. **above**: for the units over them, what their children's cells of the same bucket say, by the unit law; level by level,
   lowest first. What is not stored of a child (`app.rollups.own`) is folded there and then;
3. **by the laws**: the few buckets for which a step up the tree is more than that (a unit with children changes its parent
   inside the bucket, a flow that a unit and its children both reported) go through `app.rollups.laws`, reading by reading.

The rules are those of docs/aggregation.md. Everything happens in one transaction: the marks go with the work, and the
announcement comes with the figures. Several rollers may run; they never compute the same indicator at the same time.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.cache import CatalogueCache
from app.catalogue.catalogue import Catalogue, Indicator, Unit
from app.changes import announce
from app.periods import Grain, Period, anchor_of, bucket_start, count_base_periods
from app.rollups.by_laws import store_by_laws
from app.rollups.own import STEP, Pieces, fold, is_folded, makes_base_cells, pieces_of
from app.rollups.stored import WRITE_COMPUTED

# Of one pass. What comes meanwhile waits for the next one, and those who send feel it: a small pass takes a tenth of a second.
# What waits while nobody sends takes a third less time in large ones, which compute each month and year less often.
MOST_MARKS, SMALL_PASS, LARGE_PASS = 1_000, 10_000, 30_000  # cells: units that are marked, in each period
MOST_RARE, FEW_CELLS = 250, 32  # marks of a small pass, and cells of an indicator of which little comes
_ROLLER_LOCK = 720_725


@dataclass(frozen=True, slots=True)
class Rolled:
    """What a pass did. `marks` of zero: there was nothing to do; `full`: as much as one pass takes, so there may be more;
    `flooded`: more came during the pass than it took."""

    marks: int
    full: bool = False
    flooded: bool = False
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


async def roll(
    session: AsyncSession, catalogues: CatalogueCache, *, most: int = MOST_MARKS, cells: int = LARGE_PASS
) -> Rolled:
    """One pass over what waits, the oldest first, in the transaction of the session."""
    marks = (await session.execute(text(_CLAIM), {"most": most, "cells": cells})).all()
    if not marks:
        return Rolled(0)
    buckets, change = await _consume(session, catalogues, marks)
    full = len(marks) == most or sum(len(mark.unit_ids) for mark in marks) >= cells
    flooded = full and await newest_mark(session) - marks[0].newest > len(marks)
    return Rolled(len(marks), full, flooded, buckets, min(mark.marked_at for mark in marks), change)


class Glance(NamedTuple):
    """What a look for what is rare saw: the newest mark there is, and whether there was more than it could take."""

    newest: int
    more: bool


async def roll_rare(session: AsyncSession, catalogues: CatalogueCache, since: int) -> Glance:
    """A small pass, before their turn, over the indicators of which little has come since a mark: what a sensor sends now and then
    must not wait behind the history that somebody else loads.
    """
    newest = await newest_mark(session)
    await session.execute(text("SET LOCAL enable_seqscan = off"))  # what waits may be a million marks
    marks = (
        await session.execute(
            text(_CLAIM_RARE), {"since": since, "newest": newest, "few": FEW_CELLS, "most": MOST_RARE}
        )
    ).all()
    if marks:
        await _consume(session, catalogues, marks)
    return Glance(newest, len(marks) == MOST_RARE)


async def _consume(session: AsyncSession, catalogues: CatalogueCache, marks: Sequence[Any]) -> tuple[int, int]:
    """Compute what claimed marks ask for, and announce it; how many buckets, and the number of the change."""
    ids = sorted({mark.indicator_id for mark in marks})
    await session.execute(text(_LOCK), {"lock": _ROLLER_LOCK, "indicators": ids})
    # Only now: whoever had these indicators before has committed, and a tree that changes from here on leaves marks of its own.
    catalogue = await catalogues.current(session)
    frozen = (await session.execute(text(_SETTINGS))).one().frozen
    touched = await _touched(session, catalogue, marks)
    if touched:
        await _compute(session, _Plan.of(catalogue, touched), frozen)
    return len(touched), await announce(session, "readings", ids)


async def newest_mark(session: AsyncSession) -> int:
    """The number of the last mark that was made and not yet consumed; it rises."""
    newest: int = (await session.execute(text("SELECT coalesce(max(id), 0) FROM stale_mark"))).scalar_one()
    return newest


# The oldest marks, and with each indicator what else of it waits: the hours of a backlog, which come in turn with those of other
# indicators, share their days, months and years.
_CLAIM = """
WITH oldest AS MATERIALIZED (
    SELECT indicator_id, id FROM stale_mark ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
), queue AS MATERIALIZED (
    SELECT indicator_id, min(id) AS first FROM oldest GROUP BY indicator_id ORDER BY first
), free AS MATERIALIZED (
    SELECT q.first, m.*
      FROM queue q
     CROSS JOIN LATERAL (
           SELECT indicator_id, id, cardinality(unit_ids) AS cells
             FROM stale_mark
            WHERE indicator_id = q.indicator_id
            ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED) AS m
     LIMIT :most
), claimed AS (
    SELECT indicator_id, id
      FROM (SELECT *, sum(cells) OVER (ORDER BY first, id) - cells AS before FROM free) AS counted
     WHERE before < :cells
)
DELETE FROM stale_mark m USING claimed c WHERE (m.indicator_id, m.id) = (c.indicator_id, c.id)
RETURNING m.indicator_id, m.grain, m.period_start, m.unit_ids, m.marked_at, (SELECT max(id) FROM stale_mark) AS newest
"""
# A batch of a city has a commune each of its indicators at least; few cells are those of single readings.
_CLAIM_RARE = """
WITH come AS MATERIALIZED (
    SELECT indicator_id, id, sum(cardinality(unit_ids)) OVER (PARTITION BY indicator_id) AS cells
      FROM stale_mark WHERE id > :since AND id <= :newest
), rare AS MATERIALIZED (
    SELECT indicator_id, id FROM stale_mark JOIN come USING (indicator_id, id)
     WHERE cells <= :few ORDER BY id LIMIT :most FOR UPDATE OF stale_mark SKIP LOCKED
)
DELETE FROM stale_mark m USING rare r WHERE (m.indicator_id, m.id) = (r.indicator_id, r.id)
RETURNING m.indicator_id, m.grain, m.period_start, m.unit_ids
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

_TO_THURSDAY = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Lines:
    """The children of a unit that count in a bucket, each with how many reporters are expected when it is silent."""

    number: int
    silent: Mapping[int, int]
    cut: bool  # one of them counts for a part only of what is stored of it
    # Numbers of crowds: of all; of those that have children or had; and of all by the part of the bucket in which they are
    # children (None: the whole of it).
    children: int
    parents: int
    by_part: Sequence[tuple[tuple[datetime, datetime] | None, int]]

    @property
    def all_silent(self) -> int:
        return sum(self.silent.values())


@dataclass(slots=True)
class _Plan:
    """What a pass computes: cells of marked units, cells of the units above, and buckets that take the long way."""

    catalogue: Catalogue
    own: list[tuple[Any, ...]] = field(default_factory=list)
    above: list[tuple[Any, ...]] = field(default_factory=list)
    pieces: list[tuple[Any, ...]] = field(default_factory=list)
    by_laws: dict[Key, set[int]] = field(default_factory=dict)
    higher: dict[Key, Collection[int]] = field(default_factory=dict)
    crowds: dict[tuple[int, ...], int] = field(default_factory=dict)
    _lines: dict[tuple[Any, ...], Lines] = field(default_factory=dict)

    @classmethod
    def of(cls, catalogue: Catalogue, touched: Touched) -> "_Plan":
        plan, tree = cls(catalogue), catalogue.tree
        above = {unit_id: tree.above(unit_id) for units in touched.values() for unit_id in units}
        for key, units in touched.items():
            parents = units & catalogue.parent_ids
            plan.add(bucket_of(catalogue, key), units, parents.union(*(above[unit_id] for unit_id in units)))
        return plan

    @property
    def lines(self) -> list[Lines]:
        return [lines for lines in self._lines.values() if lines.silent]

    def add(self, bucket: Bucket, units: Collection[int], higher: Collection[int]) -> None:
        """`higher`: those of the marked units that have children or had, and all above."""
        indicator, grain = bucket.indicator, bucket.period.grain
        if _takes_own_by_laws(bucket):
            self.by_laws[bucket.key] = {*units, *higher}
            return
        # A base reading is shown as it is. Only instants and year-to-date figures make rollups out of one.
        if makes_base_cells(indicator) if grain is indicator.base else not is_folded(indicator, grain):
            self._add_own(bucket, units)
            # Where a unit above reported the same flow, what is stored as its own is more than that by now, or was.
            self._add_own(
                bucket, [unit_id for unit_id in higher if unit_id not in units and self._exists(unit_id, bucket)]
            )
        self.higher[bucket.key] = higher
        lines_of = [self._lines_of(bucket, self.catalogue.units[unit_id]) for unit_id in higher]
        if _goes_up_by_periods(bucket) or any(lines.cut for lines in lines_of):
            self.by_laws[bucket.key] = set(higher)
            return
        for unit_id, lines in zip(higher, lines_of, strict=True):
            self._add_above(bucket, self.catalogue.units[unit_id], lines)

    def _exists(self, unit_id: int, bucket: Bucket) -> bool:
        unit = self.catalogue.units[unit_id]
        return unit.start < bucket.period.end and bucket.period.start < unit.end

    def _add_own(self, bucket: Bucket, units: Collection[int]) -> None:
        """One row for all units that live through the bucket, one for each that begins or ends inside."""
        start, end = bucket.period.start, bucket.period.end
        whole = []
        for unit_id in units:
            unit = self.catalogue.units[unit_id]
            if unit.start <= start and end <= unit.end:
                whole.append(unit_id)
            else:
                self._add_own_cell(bucket, [unit_id], max(start, unit.start), min(end, unit.end))
        if whole:
            self._add_own_cell(bucket, whole, start, end)

    def _add_own_cell(self, bucket: Bucket, units: Iterable[int], start: datetime, end: datetime) -> None:
        indicator, period = bucket.indicator, bucket.period
        base, in_base = indicator.base, period.grain is indicator.base
        to_anchor = _TO_THURSDAY if base is Grain.week else timedelta()
        pieces = None if in_base else pieces_of(indicator, period).of(start, end)
        new_year = datetime(period.anchor.year if in_base else period.start.year, 1, 1)
        self.own.append(
            (len(self.own) + 1, indicator.id, self._crowd(units), period.grain.value, period.start, base.value, indicator.over_time,
             indicator.periodicity == "realtime", STEP[base], *(pieces.columns if pieces else (None,) * 5),
             start - to_anchor, end - to_anchor, new_year - to_anchor, count_base_periods(base, start, end))
        )  # fmt: skip

    def _crowd(self, units: Iterable[int]) -> int:
        """The number of a set of units: most buckets are about the same ones."""
        return self.crowds.setdefault(tuple(sorted(units)), len(self.crowds) + 1)

    def _add_above(self, bucket: Bucket, unit: Unit, lines: Lines) -> None:
        indicator, period = bucket.indicator, bucket.period
        base, place, height = indicator.base, len(self.above) + 1, self.catalogue.tree.height(unit.id)
        in_base, folded = period.grain is base, is_folded(indicator, period.grain)
        sent = in_base and indicator.over_time != "cumulative"
        own = Pieces(period.grain, sent, True, period.start, period.end)
        if folded:
            pieces = pieces_of(indicator, period)
            own = pieces.of(unit.start, unit.end)
            for time, crowd in lines.by_part:
                start, end = time or (period.start, period.end)
                part = pieces.of(start, end)
                self.pieces.append(
                    (place, height, indicator.id, crowd, indicator.over_time, *part.columns,
                     STEP[base], count_base_periods(base, start, end))
                )  # fmt: skip
        # A unit without children has no row of what is folded, nor one beside a base reading.
        childless_too = not folded and (not in_base or makes_base_cells(indicator))
        start, end = max(period.start, unit.start), min(period.end, unit.end)
        self.above.append(
            (place, indicator.id, unit.id, period.grain.value, period.start, period.end, indicator.over_time, indicator.over_units,
             count_base_periods(base, start, end), height, lines.number, lines.all_silent,
             lines.children if childless_too else lines.parents, lines.children if sent else None,
             in_base, folded, own.grain.value, own.sent, own.since, own.until)
        )  # fmt: skip

    def _lines_of(self, bucket: Bucket, unit: Unit) -> Lines:
        tree, base, at_end = self.catalogue.tree, bucket.indicator.base, bucket.indicator.over_time == "last"
        whole = (bucket.period.start, bucket.period.end)
        start, end = max(bucket.period.start, unit.start), min(bucket.period.end, unit.end)
        # Between two turns of the tree all buckets have the same lines.
        epoch = tree.epoch(start, end) if (start, end) == whole else None
        folded = is_folded(bucket.indicator, bucket.period.grain)
        key: tuple[Any, ...] = (unit.id, epoch) if epoch is not None else (unit.id, bucket.period, base, at_end, folded)
        if (found := self._lines.get(key)) is None:
            silent, cut = {}, False
            by_part: dict[tuple[datetime, datetime] | None, list[int]] = {}
            for edge, since, until in tree.edges_in(unit, start, end, at_end=at_end):
                if count_base_periods(base, since, until):
                    child = edge.child
                    lives = (max(bucket.period.start, child.start), min(bucket.period.end, child.end))
                    all_its_life = (since, until) == lives
                    cut = (
                        cut
                        or child.id in silent
                        or not (all_its_life or self._is_folded_in_part(bucket, child, since, until))
                    )
                    silent[child.id] = tree.silent(base, child, since, until, at_end=at_end)
                    by_part.setdefault(None if (since, until) == whole else (since, until), []).append(child.id)
            found = self._lines[key] = Lines(
                len(self._lines) + 1, silent, cut,
                self._crowd(silent), self._crowd(self.catalogue.parent_ids.intersection(silent)),
                [(part, self._crowd(children)) for part, children in by_part.items()],
            )  # fmt: skip
        return found

    def _is_folded_in_part(self, bucket: Bucket, child: Unit, start: datetime, end: datetime) -> bool:
        """Whether the own pieces of a unit say what it has in a part of the bucket; what its children have is stored as a whole."""
        if child.id in self.catalogue.parent_ids or not is_folded(bucket.indicator, bucket.period.grain):
            return False
        return not pieces_of(bucket.indicator, bucket.period).are_cut(start, end)


def bucket_of(catalogue: Catalogue, key: Key) -> Bucket:
    indicator_id, grain, start = key
    return Bucket(catalogue.indicators_by_id[indicator_id], Period(Grain(grain), start))


def _takes_own_by_laws(bucket: Bucket) -> bool:
    """Where a unit's own bucket is more than its finer ones."""
    indicator = bucket.indicator
    if indicator.periodicity == "realtime" and indicator.over_time in {"none", "cumulative"}:
        return True
    # A week across the turn of the year takes year-to-date figures of two years.
    week = bucket.period.grain is Grain.week and indicator.base is not Grain.week
    across = bucket.period.start.year != (bucket.period.end - timedelta(days=1)).year
    return indicator.over_time == "cumulative" and week and across


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
    cells = {(cell[3], cell[3] == cell[5], cell[6] == "cumulative") for cell in plan.own}
    if any(in_base for _, in_base, _ in cells):
        await session.execute(text(_OWN_BASE), {"frozen": frozen})
    for stage in _STAGES:
        for statement, of_year in ((_OWN_COARSER, False), (_OWN_OF_YEAR, True)):
            grains = {grain for grain, in_base, cumulative in cells if not in_base and cumulative is of_year}
            if now := grains.intersection(stage):
                await session.execute(text(statement), {"grains": list(now)})
    for height in sorted({cell[9] for cell in plan.above}):
        mixed = await session.execute(text(_ABOVE), {"height": height})
        for row in mixed:
            key = (row.indicator_id, row.grain, row.period_start)
            plan.by_laws[key] = set(plan.higher[key])
    if plan.by_laws:
        by_laws = {}
        for key, units in plan.by_laws.items():
            bucket = bucket_of(plan.catalogue, key)
            by_laws[bucket.indicator, bucket.period] = [plan.catalogue.units[unit_id] for unit_id in units]
        await store_by_laws(session, plan.catalogue, by_laws)


# The plan in the hands of Postgres; columns in the order of the tuples above. Crowds are sets of units.
_TABLES = {
    "crowd": "number integer, unit_ids integer[]",
    "own_cell": (
        "place integer, indicator_id integer, crowd integer, grain smallint, period_start timestamp, base smallint, over_time text,"
        " realtime boolean, step interval, finer smallint, sent boolean, made boolean, since timestamp, until timestamp,"
        " base_from timestamp, base_to timestamp, year_from timestamp, expected integer"
    ),
    "above_cell": (
        "place integer, indicator_id integer, unit_id integer, grain smallint, period_start timestamp, period_end timestamp,"
        " over_time text, over_units text, expected integer, height integer, lines integer, all_silent integer, stored integer,"
        " reported integer, in_base boolean, folded boolean, finer smallint, sent boolean, since timestamp, until timestamp"
    ),
    "piece": (
        "place integer, height integer, indicator_id integer, crowd integer, over_time text, finer smallint, sent boolean,"
        " made boolean, since timestamp, until timestamp, step interval, expected integer"
    ),
    "line": "lines integer, child_id integer, silent integer",
}


async def _hand_over(session: AsyncSession, plan: _Plan) -> None:
    rows: dict[str, Sequence[tuple[Any, ...]]] = {
        "crowd": [(number, _array(units)) for units, number in plan.crowds.items()],
        "own_cell": plan.own,
        "above_cell": plan.above,
        "piece": plan.pieces,
        "line": [(one.number, child_id, silent) for one in plan.lines for child_id, silent in one.silent.items()],
    }
    lists = {  # as text, which is by far the fastest way to write many of them
        f"{table}_{place}": _array(column)
        for table, those in rows.items()
        for place, column in enumerate(zip(*those, strict=True))
    }
    await session.execute(text(_CLEAR))
    if filled := tuple(table for table, those in rows.items() if those):
        await session.execute(text(_fill(filled)), lists)


def _array(values: Iterable[Any]) -> str:
    return (
        "{"
        + ",".join([f'"{one}"' if type(one) is str else "NULL" if one is None else str(one) for one in values])
        + "}"
    )


# Another pass of the same transaction finds nothing of this one.
_CLEAR = "; ".join(
    f"CREATE TEMPORARY TABLE IF NOT EXISTS {table} ({columns}) ON COMMIT DELETE ROWS; DELETE FROM {table}"
    for table, columns in _TABLES.items()
)


@cache
def _fill(tables: tuple[str, ...]) -> str:
    """One statement that fills the tables: the way to the database and back takes longer than most of them."""
    puts = ", ".join(f"{table}_rows AS ({_put(table)})" for table in tables)
    return f"WITH {puts} SELECT"


def _put(table: str) -> str:
    kinds = [column.split()[1] for column in _TABLES[table].split(",")]
    lists = ", ".join(f"CAST(:{table}_{place} AS text[])" for place in range(len(kinds)))
    names = ", ".join(f"_{place}" for place in range(len(kinds)))
    values = ", ".join(f"CAST(_{place} AS {kind})" for place, kind in enumerate(kinds))
    return f"INSERT INTO {table} SELECT {values} FROM unnest({lists}) AS row({names})"


# The base grain. A base reading is shown as it is and needs no rollup, but for two kinds: instants make an hour (unless the hour
# was reported), and a year-to-date figure makes the difference to the one before it in the year.
_OWN_BASE = f"""
WITH cell AS MATERIALIZED (
    SELECT c.*, u.unit_id
      FROM own_cell c
      JOIN crowd k ON k.number = c.crowd
     CROSS JOIN LATERAL unnest(k.unit_ids) AS u(unit_id)
     WHERE c.grain = c.base
), hours AS (
    SELECT c.place, c.unit_id, c.over_time, min(i.source_id) AS source_id,
           CASE c.over_time WHEN 'sum' THEN sum(i.value)
                            WHEN 'mean' THEN trim_scale(round(sum(i.value), 100) / count(*))
                            WHEN 'min' THEN min(i.value)
                            WHEN 'max' THEN max(i.value)
                            WHEN 'last' THEN (array_agg(i.value ORDER BY i.period_start DESC))[1] END AS value,
           CASE c.over_time WHEN 'last' THEN (array_agg(i.status ORDER BY i.period_start DESC))[1]
                            ELSE min(i.status) END AS status
      FROM cell c
      JOIN reading i ON i.indicator_id = c.indicator_id AND i.unit_id = c.unit_id AND i.grain = 0
                    AND i.period_start >= c.base_from AND i.period_start < c.base_to
     WHERE c.realtime AND i.value IS NOT NULL AND c.period_start >= CAST(:frozen AS timestamp)
       AND NOT EXISTS (SELECT FROM reading h WHERE h.indicator_id = c.indicator_id AND h.unit_id = c.unit_id
                          AND h.grain = c.base AND h.period_start = c.period_start AND h.value IS NOT NULL)
     GROUP BY c.place, c.unit_id, c.over_time
), flows AS (
    SELECT c.place, c.unit_id, c.over_time, now.source_id, now.value - coalesce(earlier.value, 0) AS value,
           least(now.status, earlier.status) AS status
      FROM cell c
      JOIN reading now ON now.indicator_id = c.indicator_id AND now.unit_id = c.unit_id AND now.grain = c.base
                      AND now.period_start = c.period_start
      LEFT JOIN LATERAL (
           SELECT e.value, e.status FROM reading e
            WHERE e.indicator_id = c.indicator_id AND e.unit_id = c.unit_id AND e.grain = c.base
              AND e.period_start >= c.year_from AND e.period_start < c.period_start AND e.value IS NOT NULL
            ORDER BY e.period_start DESC LIMIT 1) AS earlier ON true
     WHERE c.over_time = 'cumulative' AND NOT c.realtime AND now.value IS NOT NULL AND c.expected > 0
), computed AS (
    SELECT c.indicator_id, c.unit_id, c.grain, c.period_start, s.value,
           CASE s.over_time WHEN 'mean' THEN s.value END AS total, s.status, ARRAY[s.source_id] AS source_ids,
           c.period_start + c.step AS until, 1 AS units_present, 1 AS units_expected, 1 AS periods_present,
           c.expected AS periods_expected, 0::bigint AS units_behind, true AS own, c.place
      FROM (SELECT place, unit_id, over_time, source_id, value, status FROM hours
             UNION ALL SELECT place, unit_id, over_time, source_id, value, status FROM flows) AS s
      JOIN cell c USING (place, unit_id)
), written AS ({WRITE_COMPUTED})
DELETE FROM rollup r
 USING cell c
 WHERE r.own AND NOT EXISTS (SELECT FROM computed d WHERE (d.place, d.unit_id) = (c.place, c.unit_id))
   AND NOT (c.realtime AND c.period_start < CAST(:frozen AS timestamp)
            AND NOT EXISTS (SELECT FROM reading h WHERE h.indicator_id = c.indicator_id AND h.unit_id = c.unit_id
                               AND h.grain = c.base AND h.period_start = c.period_start AND h.value IS NOT NULL))
   AND (r.indicator_id, r.unit_id, r.grain, r.period_start) = (c.indicator_id, c.unit_id, c.grain, c.period_start)
"""

# Coarser grains, out of base readings or out of the own cells of the grain below.
_OWN_COARSER = f"""
WITH cell AS MATERIALIZED (
    SELECT c.*, k.unit_ids
      FROM own_cell c
      JOIN crowd k ON k.number = c.crowd
     WHERE c.grain = ANY (CAST(:grains AS int[])) AND c.grain > c.base AND c.over_time <> 'cumulative'
), own AS MATERIALIZED ({fold("cell")}), computed AS (
    SELECT c.indicator_id, o.unit_id, c.grain, c.period_start, o.value, o.total, o.status, o.source_ids, o.until,
           1 AS units_present, 1 AS units_expected, o.periods AS periods_present, c.expected AS periods_expected,
           0::bigint AS units_behind, true AS own
      FROM own o
      JOIN cell c USING (place)
), written AS ({WRITE_COMPUTED}), gone AS (
    SELECT c.indicator_id, u.unit_id, c.grain, c.period_start
      FROM cell c
     CROSS JOIN LATERAL unnest(c.unit_ids) AS u(unit_id)
     WHERE NOT EXISTS (SELECT FROM own o WHERE (o.place, o.unit_id) = (c.place, u.unit_id))
)
DELETE FROM rollup r
 USING gone g
 WHERE (r.indicator_id, r.unit_id, r.grain, r.period_start) = (g.indicator_id, g.unit_id, g.grain, g.period_start) AND r.own
"""

# The same of year-to-date figures: their differences add up, but the weakest status is that of the figures of the subtraction, the
# last one inside and the last one before. So all their buckets are stored.
_OWN_OF_YEAR = f"""
WITH cell AS MATERIALIZED (
    SELECT c.*, u.unit_id
      FROM own_cell c
      JOIN crowd k ON k.number = c.crowd
     CROSS JOIN LATERAL unnest(k.unit_ids) AS u(unit_id)
     WHERE c.grain = ANY (CAST(:grains AS int[])) AND c.grain > c.base AND c.over_time = 'cumulative'
), summed AS (
    SELECT c.place, c.unit_id, sum(f.value) AS value, sum(f.periods_present)::integer AS periods, min(f.source_ids[1]) AS source_id,
           max(f.until) AS until
      FROM cell c
      JOIN rollup f ON f.indicator_id = c.indicator_id AND f.unit_id = c.unit_id AND f.grain = c.finer
                   AND f.period_start >= c.since AND f.period_start < c.until AND f.own
     GROUP BY c.place, c.unit_id
), computed AS (
    SELECT c.indicator_id, c.unit_id, c.grain, c.period_start, s.value, NULL::numeric AS total,
           least(latest.status, earlier.status) AS status, ARRAY[s.source_id] AS source_ids, s.until,
           1 AS units_present, 1 AS units_expected, s.periods AS periods_present, c.expected AS periods_expected,
           0::bigint AS units_behind, true AS own, c.place
      FROM summed s
      JOIN cell c USING (place, unit_id)
      LEFT JOIN LATERAL (
           SELECT l.status FROM reading l
            WHERE l.indicator_id = c.indicator_id AND l.unit_id = c.unit_id AND l.grain = c.base
              AND l.period_start >= c.base_from AND l.period_start < c.base_to AND l.value IS NOT NULL
            ORDER BY l.period_start DESC LIMIT 1) AS latest ON true
      LEFT JOIN LATERAL (
           SELECT e.status FROM reading e
            WHERE e.indicator_id = c.indicator_id AND e.unit_id = c.unit_id AND e.grain = c.base
              AND e.period_start >= c.year_from AND e.period_start < c.base_from AND e.value IS NOT NULL
            ORDER BY e.period_start DESC LIMIT 1) AS earlier ON true
), written AS ({WRITE_COMPUTED})
DELETE FROM rollup r
 USING cell c
 WHERE r.own AND NOT EXISTS (SELECT FROM computed d WHERE (d.place, d.unit_id) = (c.place, c.unit_id))
   AND (r.indicator_id, r.unit_id, r.grain, r.period_start) = (c.indicator_id, c.unit_id, c.grain, c.period_start)
"""

# One level up: the children's cells of the same bucket, which at the base grain may be readings, and which may have to be folded. A
# unit with readings of its own keeps them; where its children reported the same flow too, the bucket is handed back to be computed
# by the laws.
_ABOVE = f"""
WITH cell AS MATERIALIZED (
    SELECT * FROM above_cell WHERE height = :height
), pieces AS MATERIALIZED (
    SELECT p.*, k.unit_ids FROM piece p JOIN crowd k ON k.number = p.crowd WHERE p.height = :height
), stored AS MATERIALIZED (
    SELECT c.place, f.*
      FROM cell c
      JOIN crowd k ON k.number = c.stored
     CROSS JOIN LATERAL (
           SELECT r.unit_id, r.value, r.status, r.source_ids, r.until, r.units_present AS present, r.units_expected AS expected,
                  r.periods_expected - r.periods_present AS missing, coalesce(nullif(r.units_behind, 0), hashint4(r.unit_id)) AS behind
             FROM rollup r
            WHERE r.indicator_id = c.indicator_id AND r.unit_id = ANY (k.unit_ids) AND r.grain = c.grain
              AND r.period_start = c.period_start
           OFFSET 0) AS f
), parts AS (
    SELECT * FROM stored
    UNION ALL
    SELECT c.place, f.unit_id, f.value, f.status, ARRAY[f.source_id], c.period_end, 1, 1, 0, hashint4(f.unit_id)
      FROM cell c
      JOIN crowd k ON k.number = c.reported
     CROSS JOIN LATERAL (
           SELECT r.unit_id, r.value, r.status, r.source_id
             FROM reading r
            WHERE r.indicator_id = c.indicator_id AND r.unit_id = ANY (k.unit_ids) AND r.grain = c.grain
              AND r.period_start = c.period_start AND r.value IS NOT NULL
           OFFSET 0) AS f
    UNION ALL
    SELECT f.place, f.unit_id, f.value, f.status, f.source_ids, f.until, 1, 1, f.expected - f.periods,
           hashint4(f.unit_id)
      FROM ({fold("pieces", "expected")}) AS f
     WHERE NOT EXISTS (SELECT FROM stored s WHERE (s.place, s.unit_id) = (f.place, f.unit_id))
), summed AS (
    SELECT c.place,
           CASE c.over_units WHEN 'sum' THEN sum(p.value)
                             WHEN 'mean' THEN trim_scale(round(sum(p.value), 100) / nullif(count(p.value), 0))
                             WHEN 'min' THEN min(p.value)
                             WHEN 'max' THEN max(p.value) END AS value,
           min(p.status) AS status, union_of(p.source_ids) AS source_ids, max(p.until) AS until,
           coalesce(sum(p.present), 0)::integer AS present,
           coalesce(sum(p.expected) FILTER (WHERE p.present > 0), 0)::integer AS expected,
           coalesce(sum(l.silent) FILTER (WHERE p.present > 0), 0)::integer AS not_silent,
           max(p.missing) FILTER (WHERE p.present > 0) AS missing,
           CAST(coalesce(sum(p.behind) FILTER (WHERE p.present > 0), 0) AS bigint) AS behind
      FROM parts p
      JOIN cell c USING (place)
      JOIN line l ON (l.lines, l.child_id) = (c.lines, p.unit_id)
     GROUP BY c.place, c.over_units
), owned AS MATERIALIZED (
    SELECT c.place, c.indicator_id, c.grain, c.period_start,
           c.over_time = 'sum' AND c.over_units <> 'none' AND NOT c.in_base AS may_be_mixed
      FROM cell c
     WHERE c.all_silent > 0
       AND (EXISTS (SELECT FROM rollup r WHERE r.own AND r.indicator_id = c.indicator_id AND r.unit_id = c.unit_id
                       AND r.grain = c.finer AND r.period_start >= c.since AND r.period_start < c.until)
         OR c.sent AND c.expected > 0
            AND EXISTS (SELECT FROM reading r WHERE r.value IS NOT NULL AND r.indicator_id = c.indicator_id
                           AND r.unit_id = c.unit_id AND r.grain = c.finer
                           AND r.period_start >= c.since AND r.period_start < c.until))
), computed AS (
    SELECT c.indicator_id, c.unit_id, c.grain, c.period_start, s.value, NULL::numeric AS total,
           CASE WHEN s.value IS NOT NULL THEN s.status END AS status,
           CASE WHEN s.value IS NOT NULL THEN s.source_ids ELSE '{{}}' END AS source_ids,
           CASE WHEN s.value IS NOT NULL THEN s.until END AS until,
           CASE c.over_units WHEN 'none' THEN 0 ELSE s.present END AS units_present,
           CASE c.over_units WHEN 'none' THEN 1 ELSE s.expected + c.all_silent - s.not_silent END AS units_expected,
           CASE WHEN c.over_units = 'none' OR s.present = 0 THEN 0 ELSE c.expected - s.missing END AS periods_present,
           c.expected AS periods_expected, CASE c.over_units WHEN 'none' THEN 0 ELSE s.behind END AS units_behind, false AS own, c.place
      FROM summed s
      JOIN cell c USING (place)
     WHERE NOT EXISTS (SELECT FROM owned o WHERE o.place = c.place)
), mixed AS (
    SELECT o.place, o.indicator_id, o.grain, o.period_start
      FROM owned o
     WHERE o.may_be_mixed AND EXISTS (SELECT FROM summed s WHERE s.place = o.place AND s.present > 0)
), written AS ({WRITE_COMPUTED}), gone AS (
    DELETE FROM rollup r
     USING cell c
     WHERE (c.folded OR NOT r.own)
       AND NOT EXISTS (SELECT FROM computed d WHERE d.place = c.place) AND NOT EXISTS (SELECT FROM mixed m WHERE m.place = c.place)
       AND (r.indicator_id, r.unit_id, r.grain, r.period_start) = (c.indicator_id, c.unit_id, c.grain, c.period_start)
)
SELECT indicator_id, grain, period_start FROM mixed
"""
