"""The figures of docs/aggregation.md once more, out of what each unit sent itself: to prove the rollups by.

Shares no rule with what fills the table `rollup`, reads none of its rows, and goes nowhere step by step: each bucket is worked out
from the readings inside it alone. Pure: no database, no clock.
"""

import decimal
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from app.catalogue.catalogue import ADMINISTRATIVE, Catalogue, Indicator
from app.periods import Grain, Period, bucket_start, count_base_periods, next_start
from app.rollups.laws import EXACT, unit_hash
from app.schemas.readings import STATUSES

_periods_in = lru_cache(maxsize=4096)(count_base_periods)


@lru_cache(maxsize=4096)
def _end_of(base: Grain, anchor: datetime) -> datetime:
    return next_start(base, bucket_start(base, anchor))


class Part(NamedTuple):
    """A value, the weakest status and the sources behind it, and the anchor of the latest base period behind it."""

    value: Decimal
    status: int
    sources: frozenset[int]
    latest: datetime


class Sent(NamedTuple):
    """Base readings of one unit in one bucket between two turns of the tree, folded by the time law."""

    part: Part  # under `mean` their sum, under `cumulative` the last of them
    number: int  # of them; 0: only instants out of which the law makes no base reading, and the value is nothing
    exact: bool  # the base reading of the bucket itself, as sent
    before: Part | None = None  # `cumulative`: the figure before the first of them, in the same year


class Row(NamedTuple):
    """What a row of `rollup` says of its bucket."""

    value: Decimal | None
    status: int | None
    sources: frozenset[int]
    until: datetime | None
    units_present: int
    units_expected: int
    periods_present: int
    periods_expected: int
    units_behind: int  # which are present: the sum of the hash of each; 0: the unit itself, or none
    own: bool

    def __str__(self) -> str:
        said = "null" if self.value is None else f"{self.value:f}"
        said += "" if self.status is None else f" {STATUSES[self.status]}"
        said += f" until {self.until}" if self.until else ""
        said += f"; units {self.units_present}/{self.units_expected}, periods {self.periods_present}/{self.periods_expected}"
        said += f"; behind it {self.units_behind}" if self.units_behind else ""
        return f"{said}; sources {sorted(self.sources)}{'; own' if self.own else ''}"


class _Standing(NamedTuple):
    """V of a unit in an interval, and who stands behind it."""

    part: Part | None
    present: int
    expected: int
    missing: int  # the most base periods that one of the present units owes
    own: bool = False
    behind: int = 0  # as in `Row`


_CROWDS = 100  # sets of units that were seen reporting together, and are likely to do so again
_Edges = Sequence[tuple[int, datetime, datetime]]


class Forest:
    """Who reports to whom in an interval. Between two turns nothing changes, so it is looked up only once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.units = catalogue.units
        self._tree = catalogue.tree
        ends = {moment for unit in self.units.values() for moment in (unit.start, unit.end)}
        self.turns = sorted(ends.union(self._tree.turns) - {datetime.min, datetime.max})
        self._children: dict[tuple[int, int], Sequence[int]] = {}
        self._above: dict[tuple[frozenset[int], int | None], frozenset[int]] = {}
        self._leaves: dict[tuple[int, int], int] = {}

    def steady(self, start: datetime, end: datetime) -> int | None:
        """The number of the stretch between two turns in which the interval lies, if it lies in one."""
        number = bisect_right(self.turns, start)
        return number if number == bisect_left(self.turns, end) else None

    def edges(self, unit_id: int, start: datetime, end: datetime) -> _Edges:
        """The children, each with the part of the interval in which it is one."""
        if (steady := self.steady(start, end)) is None:
            cut = (
                (one.child.id, max(start, one.start), min(end, one.end))
                for one in self._tree.children(self.units[unit_id])
            )
            return [one for one in cut if one[1] < one[2]]
        if (children := self._children.get((unit_id, steady))) is None:
            edges = self._tree.children(self.units[unit_id])
            children = [one.child.id for one in edges if one.start <= start and end <= one.end]
            self._children[unit_id, steady] = children
        return [(child, start, end) for child in children]

    def above(self, unit_ids: frozenset[int], start: datetime, end: datetime) -> frozenset[int]:
        """The units and all they report to, directly or not, at some time in the interval."""
        key = (unit_ids, self.steady(start, end))
        if key[1] is not None and (known := self._above.get(key)) is not None:
            return known
        found: set[int] = set()
        waiting = list(unit_ids)
        while waiting:
            unit_id = waiting.pop()
            if unit_id not in found:
                found.add(unit_id)
                edges = self._tree.parents(self.units[unit_id])
                waiting.extend(one.parent.id for one in edges if one.start < end and start < one.end)
        whole = frozenset(found)
        if key[1] is not None:
            if len(self._above) >= _CROWDS:
                self._above.clear()
            self._above[key] = whole
        return whole

    def leaves(self, unit_id: int, start: datetime, end: datetime, edges: Callable[..., _Edges]) -> int:
        """The administrative leaves of a unit where nobody reports, at least 1.

        `edges` are those that count in an interval in which base periods begin; between two turns that is all of them.
        """
        steady = self.steady(start, end)
        if steady is not None and (known := self._leaves.get((unit_id, steady))) is not None:
            return known
        children = (one for one in edges(unit_id, start, end) if self.units[one[0]].kind in ADMINISTRATIVE)
        found = sum(self.leaves(*one, edges) for one in children) or 1
        if steady is not None:
            self._leaves[unit_id, steady] = found
        return found


# What a unit's own readings alone say of these is not kept: it is read off its days and months, under the laws by which that is all.
_NOT_KEPT = frozenset({Grain.week, Grain.quarter, Grain.year})
_READ_OFF = frozenset({"sum", "mean", "min", "max", "last"})
_AS_IT_IS = frozenset({"sum", "min", "max", "last"})  # laws that leave one value alone


class Recount:
    """One indicator, bucket by bucket; for a flow the buckets of the base grain come first."""

    def __init__(self, forest: Forest, indicator: Indicator) -> None:
        self._forest = forest
        self._base = indicator.base
        self._over_time = indicator.over_time
        self._over_units = indicator.over_units
        self._flow = indicator.over_time == "sum"
        # Flows: what children gave their parents in each bucket, and who reported each base period.
        self._given: dict[Period, dict[int, Part]] = {}
        self._crowds: dict[datetime, frozenset[int]] = {}
        self._alike: dict[frozenset[int], frozenset[int]] = {}
        self._reported: dict[int, list[datetime]] | None = None
        # Of the bucket that is worked out.
        self._bucket = Period(Grain.year, datetime.min)
        self._sent: Mapping[int, Sequence[Sent]] = {}
        self._live: frozenset[int] = frozenset()
        self._standings: dict[tuple[int, datetime, datetime], _Standing] = {}

    def rows(
        self, bucket: Period, sent: Mapping[int, Sequence[Sent]], asked: Collection[int] | None = None
    ) -> dict[int, Row]:
        """The rows of all units in a bucket, or of those asked for, out of what units sent in it (whatever their validity)."""
        start, end, senders = bucket.start, bucket.end, frozenset(sent)
        self._bucket, self._sent, self._standings = bucket, sent, {}
        self._live = self._forest.above(senders, start, end)
        cells = self._live if asked is None else self._live.intersection(asked)
        if bucket.grain is self._base:
            if self._flow:
                self._crowds[bucket.anchor] = self._alike.setdefault(senders, senders)
            if self._over_time != "cumulative":  # of the base grain there is one a unit
                cells = cells.difference(unit_id for unit_id, (one, *_) in sent.items() if one.exact)
        rows = {}
        with decimal.localcontext(EXACT):
            if self._forest.steady(start, end) is not None:
                self._stand_at_once(sent, start, end)
            for unit_id in cells:
                if (row := self._row(unit_id, start, end)) is not None:
                    rows[unit_id] = row
        return rows

    def _row(self, unit_id: int, start: datetime, end: datetime) -> Row | None:
        unit, bucket = self._forest.units[unit_id], self._bucket
        start, end = max(start, unit.start), min(end, unit.end)
        if start >= end:
            return None
        standing = self._standing((unit_id, start, end))
        part, own = standing.part, standing.own
        alone = own
        if self._flow and bucket.grain is self._base:
            if part is not None and not own:
                self._give(unit_id, part)
        elif self._flow:
            given = self._given.get(bucket, {}).get(unit_id)
            alone = own and given is None
            part = _combined("sum", [one for one in (part if own else None, given) if one is not None])
            if self._is_mixed():
                standing = self._standing_of_flow(unit_id, start, end, frozenset())
        if part is None and not self._kept_out(unit_id, start, end):
            return None
        if alone and bucket.grain is not self._base and bucket.grain in _NOT_KEPT and self._over_time in _READ_OFF:
            return None
        expected = _periods_in(self._base, start, end)
        coverage = (
            standing.present, standing.expected, expected - standing.missing if standing.present else 0, expected,
            standing.behind,
        )  # fmt: skip
        if part is None:
            return Row(None, None, frozenset(), None, *coverage, own)
        return Row(part.value, part.status, part.sources, _end_of(self._base, part.latest), *coverage, own)

    # --- rules 2 to 4 ---

    def _edges(self, unit_id: int, start: datetime, end: datetime) -> _Edges:
        """The children that count: of a stock those of the end, the units that left before are not in it."""
        edges = self._forest.edges(unit_id, start, end)
        return [one for one in edges if one[2] == end] if self._over_time == "last" else edges

    def _expected_edges(self, unit_id: int, start: datetime, end: datetime) -> _Edges:
        """Those in which a base period begins."""
        if not _periods_in(self._base, start, end):
            return []
        edges = self._edges(unit_id, start, end)
        return [one for one in edges if one[1:] == (start, end) or _periods_in(self._base, one[1], one[2])]

    def _silent(self, unit_id: int, start: datetime, end: datetime) -> int:
        if not _periods_in(self._base, start, end):
            return 1
        return self._forest.leaves(unit_id, start, end, self._expected_edges)

    def _standing(self, key: tuple[int, datetime, datetime]) -> _Standing:
        if (found := self._standings.get(key)) is None:
            found = self._standings[key] = self._stand(*key)
        return found

    def _stand_at_once(self, sent: Mapping[int, Sequence[Sent]], start: datetime, end: datetime) -> None:
        """All that sent something, in a bucket in which the tree does not turn."""
        periods = _periods_in(self._base, start, end)
        for unit_id, own in sent.items():
            number = own[0].number if len(own) == 1 else sum(one.number for one in own)
            if number:
                standing = _Standing(self._along_time(own), 1, 1, periods - number, True)
                self._standings[unit_id, start, end] = standing

    def _stand(self, unit_id: int, start: datetime, end: datetime) -> _Standing:
        # What lies between two turns lies in the interval as a whole or not at all.
        own = [one for one in self._sent.get(unit_id, ()) if one.number and start <= one.part.latest < end]
        if own:
            missing = _periods_in(self._base, start, end) - sum(one.number for one in own)
            return _Standing(self._along_time(own), 1, 1, missing, own=True)
        if self._over_units == "none":
            return _Standing(None, 0, 1, 0)
        below, silent, behind, known = [], 0, 0, self._standings
        for edge in self._expected_edges(unit_id, start, end):
            standing = known.get(edge)
            if standing is None and edge[0] in self._live:
                standing = self._standing(edge)
            if standing is not None and standing.present:
                below.append(standing)
                behind += standing.behind or unit_hash(edge[0])
            else:
                silent += self._silent(*edge)
        if not below:
            return _Standing(None, 0, self._silent(unit_id, start, end), 0)
        parts, present, expected, missing_each, *_ = zip(*below, strict=True)
        return _Standing(
            _combined(self._over_units, [one for one in parts if one is not None]),
            sum(present),
            sum(expected) + silent,
            max(missing_each),
            behind=behind,
        )

    def _along_time(self, own: Sequence[Sent]) -> Part | None:
        """The time law over the base readings of one unit."""
        if len(own) == 1 and self._over_time in _AS_IT_IS:
            return own[0].part
        parts = [one.part for one in own]
        match self._over_time:
            case "mean":
                whole = _whole("sum", parts)
                return whole._replace(value=whole.value / sum(one.number for one in own))
            case "last":
                return max(parts, key=lambda part: part.latest)
            case "cumulative":
                return _grown(sorted(own, key=lambda one: one.part.latest))
            case "none":
                return parts[0] if self._bucket.grain is self._base else None
        return _whole(self._over_time, parts)

    def _kept_out(self, unit_id: int, start: datetime, end: datetime) -> bool:
        """Whether a law `none` stands between readings and the bucket, there being no value."""
        if "none" not in (self._over_time, self._over_units) or unit_id not in self._live:
            return False
        if any(start <= one.part.latest < end for one in self._sent.get(unit_id, ())):
            return True
        return any(self._kept_out(*edge) for edge in self._edges(unit_id, start, end))

    # --- rule 1 ---

    def _give(self, unit_id: int, part: Part) -> None:
        """The flow of one base period, from below, counts in every bucket around it."""
        for grain in Grain:
            if grain > self._base:
                given = self._given.setdefault(Period(grain, bucket_start(grain, part.latest)), {})
                before = given.get(unit_id)
                given[unit_id] = part if before is None else _whole("sum", (before, part))

    def _is_mixed(self) -> bool:
        """Whether a unit reported and another one above it, too, at any time: then base periods must be told apart."""
        if self._reported is None:
            self._reported = {}
            reporters = frozenset().union(*self._alike)
            always = (datetime.min, datetime.max)
            if self._over_units != "none" and any(
                self._forest.above(frozenset((unit_id,)), *always) & reporters - {unit_id} for unit_id in reporters
            ):
                for anchor, crowd in sorted(self._crowds.items()):
                    for unit_id in crowd:
                        self._reported.setdefault(unit_id, []).append(anchor)
        return bool(self._reported)

    def _standing_of_flow(
        self, unit_id: int, start: datetime, end: datetime, covered: frozenset[datetime]
    ) -> _Standing:
        """Who stands behind a flow, without its value. `covered`: base periods that a unit above reported."""
        if unit_id not in self._live:
            return _Standing(None, 0, self._silent(unit_id, start, end), 0)
        anchors = (self._reported or {}).get(unit_id, [])
        own = frozenset(anchors[bisect_left(anchors, start) : bisect_left(anchors, end)])
        spoken = covered | own
        below = [
            (
                child_id,
                self._standing_of_flow(
                    child_id, since, until, frozenset(one for one in spoken if since <= one < until)
                ),
            )
            for child_id, since, until in self._expected_edges(unit_id, start, end)
        ]
        if present := [(child_id, one) for child_id, one in below if one.present]:
            behind = sum(one.behind or unit_hash(child_id) for child_id, one in present)
            return _Standing(
                None,
                sum(one.present for _, one in present),
                sum(one.expected for _, one in below),
                max(one.missing for _, one in present),
                behind=behind + (unit_hash(unit_id) if own - covered else 0),
            )
        if own - covered:
            return _Standing(None, 1, 1, _periods_in(self._base, start, end) - len(spoken))
        return _Standing(None, 0, self._silent(unit_id, start, end), 0)


def _grown(own: Sequence[Sent]) -> Part:
    """What year-to-date figures, in their order, say of an interval: of each year the last one, minus the one before."""
    ends = {one.part.latest.year: one.part for one in own}
    whole = _whole("sum", list(ends.values()))
    if (before := own[0].before) is None:
        return whole
    return _whole("sum", [whole, before._replace(value=-before.value)])


def _combined(law: str, parts: Sequence[Part]) -> Part | None:
    return None if not parts or law == "none" else _whole(law, parts)


def _whole(law: str, parts: Sequence[Part]) -> Part:
    """One out of many, at least one; all of them stand behind it, behind a minimum, too."""
    if len(parts) == 1:
        return parts[0]
    values, statuses, sources, anchors = zip(*parts, strict=True)
    return Part(_fold(law, values), min(statuses), frozenset().union(*set(sources)), max(anchors))


def _fold(law: str, values: Sequence[Decimal]) -> Decimal:
    match law:
        case "sum":
            return sum(values, Decimal(0))
        case "mean":
            return sum(values, Decimal(0)) / len(values)
        case "min":
            return min(values)
        case "max":
            return max(values)
    raise ValueError(law)
