"""Rollups as they are stored: how rows are written, and figures out of them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, LiteralString, cast

import psycopg
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.catalogue import Indicator, Tree, Unit
from app.columns import Booleans, Integers, Timestamps
from app.periods import Grain, Period, anchor_of, count_base_periods, next_start
from app.rollups.laws import Coverage, Derived, Laws, Observation, Observations, Part
from app.rollups.own import STEP, Pieces, fold, is_folded, pieces_of

# What is the same as before is not written again, but for hours of about now: of what is realtime the same number once more is news,
# by which a wall sees that somebody is still sending.
WRITE_COMPUTED = """
INSERT INTO rollup AS r (indicator_id, unit_id, grain, period_start, value, total, status, source_ids, until,
                         units_present, units_expected, periods_present, periods_expected, units_behind, own)
SELECT indicator_id, unit_id, grain, period_start, value, total, status, source_ids, until,
       units_present, units_expected, periods_present, periods_expected, units_behind, own
  FROM computed
    ON CONFLICT (indicator_id, unit_id, grain, period_start) DO UPDATE
   SET (value, total, status, source_ids, until, units_present, units_expected, periods_present, periods_expected, units_behind, own,
        computed_at)
     = (excluded.value, excluded.total, excluded.status, excluded.source_ids, excluded.until, excluded.units_present,
        excluded.units_expected, excluded.periods_present, excluded.periods_expected, excluded.units_behind, excluded.own,
        excluded.computed_at)
 WHERE (r.value, r.total, r.status, r.source_ids, r.until, r.units_present, r.units_expected, r.periods_present,
        r.periods_expected, r.units_behind, r.own)
       IS DISTINCT FROM
       (excluded.value, excluded.total, excluded.status, excluded.source_ids, excluded.until, excluded.units_present,
        excluded.units_expected, excluded.periods_present, excluded.periods_expected, excluded.units_behind, excluded.own)
    OR (r.grain = 1 AND r.period_start > localtimestamp - interval '2 days')
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
        return self._stored.readings.get((indicator.id, unit.id, *bucket))

    def derive(self, indicator: Indicator, unit: Unit, bucket: Period) -> Derived:
        found = self._stored.rollups.get((indicator.id, unit.id, *bucket))
        return self._nobody(indicator, unit, bucket) if found is None else found

    def _nobody(self, indicator: Indicator, unit: Unit, bucket: Period) -> Derived:
        start, end = max(bucket.start, unit.start), min(bucket.end, unit.end)
        alone = indicator.over_units == "none"
        units = 1 if alone else self._silent(indicator, unit, start, end)
        return Derived(None, Coverage((0, units), (0, count_base_periods(indicator.base, start, end))))


@dataclass(slots=True)
class Stored:
    """What questions need of `rollup` and `reading`, and the version of the catalogue at that instant."""

    catalogue: int = 0
    rollups: dict[Key, Derived] = field(default_factory=dict)
    readings: dict[Key, Observation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a question looks up: each of these buckets, by its indicator and itself, of each of these units."""

    buckets: Mapping[tuple[int, int, datetime], tuple[Indicator, Period]]
    units: Mapping[int, Unit]
    parents: Collection[int]  # the units that have children or had
    folded: frozenset[
        tuple[int, int, datetime]
    ]  # those of the buckets that are not stored where a unit has no children

    @classmethod
    def of(
        cls, buckets: Iterable[tuple[Indicator, Period]], units: Iterable[Unit], parents: Collection[int]
    ) -> "Lookup":
        asked = {(indicator.id, bucket.grain.value, bucket.start): (indicator, bucket) for indicator, bucket in buckets}
        folded = frozenset(key for key, (indicator, bucket) in asked.items() if is_folded(indicator, bucket.grain))
        return cls(asked, {unit.id: unit for unit in units}, parents, folded)

    def __len__(self) -> int:
        return len(self.buckets) * len(self.units)

    def keys(self) -> dict[Key, bool]:
        """Each row that may answer it, and whether it may be a rollup."""
        return {
            (indicator_id, unit_id, grain, start): unit_id in self.parents
            or (indicator_id, grain, start) not in self.folded
            for indicator_id, grain, start in self.buckets
            for unit_id in self.units
        }


# The key of a row is known in full, so both tables are looked up, never searched, however much they hold. `first` and `last` say
# nothing new, but let the planner leave out all other months.
_STORED = """
WITH asked AS (
    SELECT * FROM unnest(%(indicators)s, %(units)s, %(grains)s, %(starts)s, %(rolled_up)s)
                  AS a(indicator_id, unit_id, grain, period_start, rolled_up)
), stored AS (
    SELECT r.indicator_id, r.unit_id, r.grain, r.period_start, r.value, r.status, r.source_ids, r.until, NULL AS note,
           r.units_present, r.units_expected, r.periods_present, r.periods_expected, r.units_behind
      FROM asked a
      JOIN rollup r ON r.indicator_id = a.indicator_id AND r.unit_id = a.unit_id AND r.grain = a.grain
                   AND r.period_start = a.period_start
     WHERE a.rolled_up
), reported AS (
    SELECT r.indicator_id, r.unit_id, r.grain, r.period_start, r.value, r.status, ARRAY[r.source_id], NULL::timestamp, r.note,
           NULL::int, NULL::int, NULL::int, NULL::int, 0::bigint
      FROM asked a
      JOIN reading r ON r.indicator_id = a.indicator_id AND r.unit_id = a.unit_id AND r.grain = a.grain
                    AND r.period_start = a.period_start
     WHERE r.value IS NOT NULL AND r.period_start BETWEEN %(first)s::timestamp AND %(last)s::timestamp
)
"""
# What is not stored of own readings. A unit that has children has its row, unless its own readings say it all.
_CELLS = """
, cell AS MATERIALIZED (
    SELECT row_number() OVER () AS place, c.*, c.units::int[] AS unit_ids
      FROM unnest(%(cell_indicators)s::int[], %(cell_grains)s::int[], %(cell_starts)s::timestamp[], %(cell_units)s::text[],
                  %(parent)s::boolean[], %(laws)s::text[], %(steps)s::interval[], %(finer)s::int[], %(sent)s::boolean[],
                  %(made)s::boolean[], %(since)s::timestamp[], %(until)s::timestamp[])
           AS c(indicator_id, grain, period_start, units, parent, over_time, step, finer, sent, made, since, until)
     WHERE NOT (c.parent AND (c.indicator_id, c.units::int[], c.grain, c.period_start)
                          IN (SELECT s.indicator_id, ARRAY[s.unit_id], s.grain, s.period_start FROM stored s))
)
"""
_ANSWERED = """
SELECT version.id, found.*
  FROM (SELECT coalesce(max(id), 0) AS id FROM change WHERE topic = 'catalogue') AS version
  LEFT JOIN (SELECT * FROM stored UNION ALL SELECT * FROM reported {more}) AS found ON true
"""
_FOLDED = """
UNION ALL
SELECT f.indicator_id, f.unit_id, f.grain, f.period_start, f.value, f.status, f.source_ids, f.until, NULL, 1, 1, f.periods, NULL, 0
  FROM ({folded}) AS f
"""

Ask = Callable[[LiteralString, Mapping[str, Any]], Awaitable[list[tuple[Any, ...]]]]


@cache
def _question(*, folded: bool, sent: bool, last: bool) -> LiteralString:
    """Only as long as it has to be: each mention of `reading` costs a look at all its months."""
    if not folded:
        return _STORED + _ANSWERED.format(more="")
    cells = fold("cell", "indicator_id", "grain", "period_start", sent=sent, last=last)
    return _STORED + _CELLS + _ANSWERED.format(more=_FOLDED.format(folded=cells))


async def fetch_stored(ask: Ask, lookups: Sequence[Lookup]) -> Stored:
    """The rollups and the readings of exactly these buckets and units, in one statement. There may be more in it than one asked."""
    keys: dict[Key, bool] = {}
    buckets: dict[tuple[int, int, datetime], tuple[Indicator, Period]] = {}
    units: dict[int, Unit] = {}
    cells: list[tuple[Any, ...]] = []
    for one in lookups:
        keys |= one.keys()
        buckets |= one.buckets
        units |= one.units
        cells += (cell for key in one.folded for cell in _cells(*one.buckets[key], one.units, one.parents))
    indicator_ids, unit_ids, grains, starts = zip(*keys, strict=True) if keys else ((), (), (), ())
    facts: dict[str, Any] = {
        "indicators": Integers.of(indicator_ids),
        "units": Integers.of(unit_ids),
        "grains": Integers.of(grains),
        "starts": Timestamps.at(starts),
        "rolled_up": Booleans.of(list(keys.values())),
        "first": min(starts, default=None),
        "last": max(starts, default=None),
    }
    if cells:
        facts |= {name: list(column) for name, column in zip(_CELL_COLUMNS, zip(*cells, strict=True), strict=True)}
    question = _question(
        folded=bool(cells), sent=any(cell[8] for cell in cells), last=any(cell[5] == "last" for cell in cells)
    )
    stored = Stored()
    for row in await ask(question, facts):
        (
            stored.catalogue, indicator_id, unit_id, number, start, value, status, source_ids, until, note,
            present, expected, periods, expected_periods, behind,
        ) = row  # fmt: skip
        if indicator_id is None:
            break  # nothing was found
        key, sources = (indicator_id, unit_id, number, start), frozenset(source_ids)
        if present is None:
            grain = Grain(number)
            end = next_start(grain, start)
            stored.readings[key] = Observation(anchor_of(grain, start), end, value, status, sources, note)
        else:
            if expected_periods is None:
                (indicator, bucket), unit = buckets[indicator_id, number, start], units[unit_id]
                expected_periods = count_base_periods(indicator.base, max(start, unit.start), min(bucket.end, unit.end))
            coverage = Coverage((present, expected), (periods, expected_periods), behind)
            part = None if value is None else Part(value, status, sources, until)
            stored.rollups[key] = Derived(part, coverage, refused=part is None)
    return stored


class Lookups:
    """One process's way to what is stored: what is looked up while a statement runs goes together in the next one.

    To send a statement and to receive its rows takes longer than to look up the figures of a screen.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._waiting: deque[tuple[Lookup, asyncio.Future[Stored]]] = deque()
        self._asking: set[asyncio.Task[None]] = set()

    async def fetch(self, lookup: Lookup) -> Stored:
        """What `fetch_stored` finds, and perhaps what others asked.

        Raises:
            psycopg.Error: the database failed.
        """
        if lookup.folded or len(lookup) > _SMALL:
            return await fetch_stored(self._ask, [lookup])
        answer: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting.append((lookup, answer))
        if len(self._asking) < _AT_ONCE:
            self._asking.add(asyncio.create_task(self._fetch()))
        return await answer

    async def _fetch(self) -> None:
        """Until nobody waits."""
        try:
            while self._waiting:
                await self._fetch_together()
        finally:  # in the same turn as the last look for who waits: who comes from here on starts another
            self._asking.discard(cast(asyncio.Task[None], asyncio.current_task()))

    async def _fetch_together(self) -> None:
        together = [self._waiting.popleft() for _ in range(min(len(self._waiting), _TOGETHER))]
        try:
            stored = await fetch_stored(self._ask, [lookup for lookup, _ in together])
        except BaseException as error:
            for _, answer in together:
                if not answer.done():
                    answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            for _, answer in together:
                if not answer.done():
                    answer.set_result(stored)


_SMALL = 100  # rows that a question which goes together with others looks up at most
_TOGETHER = 16
_AT_ONCE = 2  # statements at a time: the second does not wait for a first that is slow


_CELL_COLUMNS = (
    "cell_indicators", "cell_grains", "cell_starts", "cell_units", "parent", "laws", "steps", "finer", "sent", "made", "since", "until",
)  # fmt: skip


def _cells(
    indicator: Indicator, bucket: Period, units: Mapping[int, Unit], parents: Collection[int]
) -> Iterable[tuple[Any, ...]]:
    """One for all units that have the same pieces; each that has children by itself."""
    whole = pieces_of(indicator, bucket)
    alike: dict[tuple[Pieces, int | None], list[int]] = {}
    for unit in units.values():
        alike.setdefault((whole.of(unit.start, unit.end), unit.id if unit.id in parents else None), []).append(unit.id)
    for (pieces, parent), unit_ids in alike.items():
        yield (
            indicator.id, bucket.grain.value, bucket.start, "{" + ",".join(map(str, unit_ids)) + "}", parent is not None,
            indicator.over_time, STEP[indicator.base], *pieces.columns,
        )  # fmt: skip


async def ask_session(
    session: AsyncSession, question: LiteralString, facts: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """The rows of a statement in the transaction of a session."""
    connection = (await (await session.connection()).get_raw_connection()).driver_connection
    assert isinstance(connection, psycopg.AsyncConnection)
    return await (await connection.execute(question, facts, prepare=True)).fetchall()
