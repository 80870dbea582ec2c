"""The rules by which readings add up: the heart of the hub, and the only place where they are written as code.

Pure: no database, no clock; `docs/aggregation.md` is the text, rule by rule. Times are naive local datetimes.
A question is answered in three layers:

- `Observations` hold the base readings of each unit, and what was reported for exactly one bucket;
- `Laws.part` is V(unit, interval) of the text: one value out of the readings of a subtree;
- `Laws.figure` dresses it for a bucket: reported beats derived, the reason of a null, coverage, partial.
"""

import decimal
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from app.catalogue.catalogue import Edge, Indicator, Tree, Unit
from app.periods import (
    Grain,
    Period,
    add_months,
    bucket_start,
    count_base_periods,
    next_start,
    previous_start,
    year_ago_start,
)

# Sums and differences of readings (at most 32 digits each) are exact in 100 digits; only divisions are ever rounded.
EXACT = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_UP)
_LAST_PLACE = Decimal("1E-12")

ESTIMATED = 0  # the weakest status
_SECOND = timedelta(seconds=1)
FLOWS = frozenset({"sum", "cumulative"})
NEEDS_EVERY_PERIOD = frozenset({"sum", "mean", "min", "max"})


class Observation(NamedTuple):
    """One base reading, or a reading of exactly one coarser bucket."""

    anchor: datetime
    end: datetime
    value: Decimal
    status: int
    sources: frozenset[int]
    note: str | None = None


class Part(NamedTuple):
    """A value on its way up: with the weakest status, the sources behind it, and the end of the latest base period."""

    value: Decimal
    status: int
    sources: frozenset[int]
    until: datetime


class Contribution(NamedTuple):
    """What the base readings of one unit bring to a value: those that count, and what they come to by the time law.

    `runs` are the first and the last of those between which all count. `before` is the year-to-date figure that was taken off,
    where there is one.
    """

    unit: Unit
    value: Decimal
    seen: Sequence[Observation]
    runs: Sequence[tuple[Observation, Observation]]
    before: Observation | None


class Coverage(NamedTuple):
    """Units and base periods present, of those expected.

    `behind` tells sets of units apart: the sum of the `unit_hash` of those present. 0 where that is nobody or the unit itself.
    """

    units: tuple[int, int]
    periods: tuple[int, int]
    behind: int = 0

    @property
    def units_complete(self) -> bool:
        return self.units[0] >= self.units[1]

    @property
    def periods_complete(self) -> bool:
        return self.periods[0] >= self.periods[1]


class Derived(NamedTuple):
    """V(unit, bucket): what the base readings say of a bucket, whatever was reported for exactly it."""

    part: Part | None
    coverage: Coverage
    refused: bool = False  # there are readings, but a law `none` keeps them from adding up


@lru_cache(maxsize=65536)
def unit_hash(unit_id: int) -> int:
    """What Postgres hashes an integer to (`hashint4`, by which it partitions): the last step of Bob Jenkins' lookup3."""
    start = _JENKINS & _32_BITS
    target, source, other = start, start, start + unit_id & _32_BITS
    for turn in (14, 11, 25, 16, 4, 14, 24):
        mixed = (target ^ source) - (source << turn | source >> 32 - turn) & _32_BITS
        target, source, other = other, mixed, source
    return (source ^ 0x80000000) - 0x80000000


_32_BITS = 0xFFFFFFFF
_JENKINS = 0x9E3779B9 + 4 + 3923095  # the golden ratio, the length of what is hashed, a number of Postgres' own


EXACTLY_REPORTED = Coverage((1, 1), (1, 1))
NOTHING = Coverage((0, 0), (0, 0))


class Figure(NamedTuple):
    """What the hub says about an indicator of a unit in a bucket. `value` is None exactly when `reason` is given."""

    value: Decimal | None
    coverage: Coverage
    partial: bool
    complete: bool
    origin: str | None = None
    reason: str | None = None
    status: int | None = None
    sources: frozenset[int] = frozenset()
    until: datetime | None = None
    note: str | None = None


class Other(NamedTuple):
    """What stands on the other side of a comparison. `until` is set when only a part of the other bucket was taken."""

    value: Decimal | None
    reason: str | None
    coverage: Coverage
    complete: bool
    until: datetime | None = None


class Comparison(NamedTuple):
    """The value that a figure is compared with, and how much stands behind it. No bucket, no other.

    Between sides that are not `alike` there is no change: three communes after two have grown, whatever happened in them.
    """

    bucket: Period | None
    other: Other
    alike: bool
    change: Decimal | None
    change_pct: Decimal | None

    @property
    def value(self) -> Decimal | None:
        return self.other.value


def settle(value: Decimal) -> Decimal:
    """Round what a division left over: half up to 12 decimals, as text of the rule 7."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return value if exponent >= -12 else value.quantize(_LAST_PLACE, context=EXACT)


class Observations:
    """The readings that a question may touch, found by unit and time."""

    def __init__(self) -> None:
        self._base: dict[tuple[int, int], list[Observation]] = {}
        self._anchors: dict[tuple[int, int], list[datetime]] = {}
        self._hours: dict[tuple[int, int], list[Observation]] = {}
        self._exact: dict[tuple[int, int, Grain, datetime], Observation] = {}
        self._mute: dict[tuple[int, int], list[datetime]] = {}

    def add_reported(
        self, indicator: Indicator, unit_id: int, grain: Grain, start: datetime, seen: Observation
    ) -> None:
        """A reading as sent, of the base grain or coarser."""
        self._exact[indicator.id, unit_id, grain, start] = seen
        if grain is indicator.base:
            self._base.setdefault((indicator.id, unit_id), []).append(seen)

    def add_hour(self, indicator: Indicator, unit_id: int, seen: Observation) -> None:
        """The instants of one hour under the time law; an hour that was itself reported beats them."""
        self._hours.setdefault((indicator.id, unit_id), []).append(seen)

    def add_mute_hour(self, indicator: Indicator, unit_id: int, hour: datetime) -> None:
        """Instants out of which the time law makes no base reading."""
        self._mute.setdefault((indicator.id, unit_id), []).append(hour)

    def senders(self) -> dict[int, set[int]]:
        """For each indicator the units that sent anything."""
        found: dict[int, set[int]] = {}
        for indicator_id, unit_id in (*self._base, *self._mute):
            found.setdefault(indicator_id, set()).add(unit_id)
        return found

    def freeze(self) -> "Observations":
        """Sort once all are added, in whatever order."""
        for key, hours in self._hours.items():
            self._base.setdefault(key, []).extend(
                hour for hour in hours if (*key, Grain.hour, hour.anchor) not in self._exact
            )
        for key, seen in self._base.items():
            seen.sort(key=lambda one: one.anchor)
            self._anchors[key] = [one.anchor for one in seen]
        return self

    def own(self, indicator: Indicator, unit: Unit, start: datetime, end: datetime) -> Sequence[Observation]:
        """The unit's base readings whose anchor is in `[start, end)`, in order."""
        key = (indicator.id, unit.id)
        if (anchors := self._anchors.get(key)) is None:
            return ()
        return self._base[key][bisect_left(anchors, start) : bisect_left(anchors, end)]

    def anything(self, indicator: Indicator, unit: Unit, start: datetime, end: datetime) -> bool:
        """Whether the unit itself sent anything that could stand behind `[start, end)`."""
        mute = self._mute.get((indicator.id, unit.id), ())
        return bool(self.own(indicator, unit, start, end)) or any(start <= hour < end for hour in mute)

    def reported(self, indicator: Indicator, unit: Unit, bucket: Period) -> Observation | None:
        """What was reported for exactly this bucket. A year-to-date figure is that of a bucket only when that is a year."""
        if indicator.over_time == "cumulative" and bucket.grain is not Grain.year:
            return None
        return self._exact.get((indicator.id, unit.id, bucket.grain, bucket.start))


# --- the laws themselves -------------------------------------------------------------------------------------------


def combine(law: str, parts: Sequence[Part]) -> Part | None:
    """The unit law: one value out of those of several units. None when there is none to be had."""
    if not parts or law == "none":
        return None
    values = [part.value for part in parts]
    return Part(
        value=_fold(law, values),
        status=min(part.status for part in parts),
        sources=_union(part.sources for part in parts),
        until=max(part.until for part in parts),
    )


def over_time(law: str, seen: Sequence[Observation]) -> Part | None:
    """The time law over the base readings of one unit, in order. (`cumulative` needs the year before: see `flow_of`.)"""
    if not seen:
        return None
    return _part(seen[-1].value, seen[-1:]) if law == "last" else _part(_fold(law, [one.value for one in seen]), seen)


def flow_of(inside: Sequence[Observation], before: Sequence[Observation]) -> Part | None:
    """What year-to-date figures (lũy kế) say about an interval: for each year the last figure inside minus the last before.

    `before` are the earlier readings of the same unit; each year starts from zero.
    """
    if not inside:
        return None
    ends = {one.anchor.year: one for one in inside}
    begin = _begin_of(inside, before)
    flow = sum((one.value for one in ends.values()), Decimal(0)) - sum((one.value for one in begin), Decimal(0))
    return _part(flow, [*begin, *ends.values()])


def _begin_of(inside: Sequence[Observation], before: Sequence[Observation]) -> Sequence[Observation]:
    """The last figure of the same year before an interval, if any."""
    return [one for one in before[-1:] if one.anchor.year == inside[0].anchor.year]


def _runs(own: Sequence[Observation], covered: frozenset[datetime]) -> Iterator[tuple[Observation, Observation]]:
    """The first and the last of each stretch of observations of which none is covered."""
    for is_covered, run in groupby(own, lambda one: one.anchor in covered):
        if not is_covered:
            stretch = list(run)
            yield stretch[0], stretch[-1]


def hour_of_instants(
    law: str, *, total: Decimal, count: int, lowest: Decimal, highest: Decimal, last: Decimal
) -> Decimal | None:
    """The base value of an hour out of its instants. None where the law gives none (`none`, and ratios sent as instants)."""
    match law:
        case "sum":
            return total
        case "mean":
            return EXACT.divide(total, Decimal(count))
        case "min":
            return lowest
        case "max":
            return highest
        case "last" | "cumulative":
            return last
    return None


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


def _part(value: Decimal, seen: Sequence[Observation]) -> Part:
    return Part(value, min(one.status for one in seen), _union(one.sources for one in seen), seen[-1].end)


def _union(sets: Iterable[frozenset[int]]) -> frozenset[int]:
    whole: frozenset[int] = frozenset()
    for one in sets:
        if not one <= whole:
            whole |= one
    return whole


class Laws:
    """The rules applied to one set of observations and one tree."""

    def __init__(
        self, indicators: Mapping[int, Indicator], tree: Tree, observations: Observations, *, now: datetime
    ) -> None:
        self._indicators = indicators
        self._tree = tree
        self._seen = observations
        self._now = now
        self._live = {key: self._with_ancestors(units) for key, units in observations.senders().items()}

    def _with_ancestors(self, units: Iterable[int]) -> frozenset[int]:
        """The units that sent anything, and all above them: nowhere else is there anything to find."""
        found: set[int] = set()
        waiting = list(units)
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting.extend(self._tree.parent_ids(key))
        return frozenset(found)

    def _silent(self, indicator: Indicator, unit: Unit, start: datetime, end: datetime) -> int:
        return self._tree.silent(indicator.base, unit, start, end, at_end=indicator.over_time == "last")

    # --- V(unit, interval) ---

    def part(
        self, indicator: Indicator, unit: Unit, start: datetime, end: datetime, *, one_base_period: bool = False
    ) -> Part | None:
        """V(unit, interval) for every law but `ratio`. `one_base_period`: the interval is (what is left of) exactly one."""
        match indicator.over_time:
            case "sum":
                flow = self._flow(indicator, unit, start, end)
                return None if not flow else combine("sum", [flow[anchor] for anchor in sorted(flow)])
            case "none" if not one_base_period:
                return None
        return self._state(indicator, unit, start, end)

    def _flow(self, indicator: Indicator, unit: Unit, start: datetime, end: datetime) -> dict[datetime, Part]:
        """Rule 1: up the tree first, base period by base period."""
        flow = {one.anchor: _part(one.value, (one,)) for one in self._seen.own(indicator, unit, start, end)}
        if indicator.over_units == "none":
            return flow
        below: dict[datetime, list[Part]] = {}
        for edge, since, until in self._live_edges(indicator, unit, start, end):
            for anchor, part in self._flow(indicator, edge.child, since, until).items():
                if anchor not in flow:
                    below.setdefault(anchor, []).append(part)
        for anchor, parts in below.items():
            if (together := combine(indicator.over_units, parts)) is not None:
                flow[anchor] = together
        return flow

    def _state(self, indicator: Indicator, unit: Unit, start: datetime, end: datetime) -> Part | None:
        """Rule 2: along time first, inside each unit."""
        if own := self._seen.own(indicator, unit, start, end):
            return self._along_time(indicator, own, self._before(indicator, unit, start))
        if indicator.over_units == "none":
            return None
        parts = (
            self._state(indicator, edge.child, since, until)
            for edge, since, until in self._live_edges(indicator, unit, start, end)
        )
        return combine(indicator.over_units, [part for part in parts if part is not None])

    def _along_time(
        self, indicator: Indicator, own: Sequence[Observation], before: Sequence[Observation]
    ) -> Part | None:
        """The time law over base readings of one unit."""
        if indicator.over_time == "cumulative":
            return flow_of(own, before)
        return over_time("last" if indicator.over_time == "none" else indicator.over_time, own)

    def _before(self, indicator: Indicator, unit: Unit, start: datetime) -> Sequence[Observation]:
        """Of year-to-date figures those of the same year before an interval; of others none matters."""
        if indicator.over_time != "cumulative":
            return ()
        return self._seen.own(indicator, unit, datetime(start.year, 1, 1), start)

    def _edges(
        self, indicator: Indicator, unit: Unit, start: datetime, end: datetime
    ) -> Iterator[tuple[Edge, datetime, datetime]]:
        return self._tree.edges_in(unit, start, end, at_end=indicator.over_time == "last")

    def _live_edges(
        self, indicator: Indicator, unit: Unit, start: datetime, end: datetime
    ) -> Iterator[tuple[Edge, datetime, datetime]]:
        """Of the children that count those below which there is anything."""
        live = self._live.get(indicator.id, frozenset())
        if unit.id in live:
            yield from (one for one in self._edges(indicator, unit, start, end) if one[0].child.id in live)

    # --- what a bucket shows ---

    def figure(self, indicator: Indicator, unit: Unit, bucket: Period) -> Figure:
        """The figure of a bucket, with all that it carries."""
        return self._settled(self._figure(indicator, unit, bucket))

    def _settled(self, figure: Figure) -> Figure:
        if figure.value is None or (value := settle(figure.value)) is figure.value:
            return figure
        return figure._replace(value=value)

    def _figure(self, indicator: Indicator, unit: Unit, bucket: Period) -> Figure:
        end = bucket.end
        unfinished = end > self._now
        if max(bucket.start, unit.start) >= min(end, unit.end):
            return Figure(None, NOTHING, unfinished, True, reason="not-applicable")
        if (seen := self.reported(indicator, unit, bucket)) is not None:
            return Figure(
                seen.value, EXACTLY_REPORTED, unfinished, True,
                origin="reported", status=seen.status, sources=seen.sources, until=end, note=seen.note,
            )  # fmt: skip
        if bucket.grain < indicator.base:
            return Figure(None, NOTHING, unfinished, True, reason="grain-too-fine")
        if indicator.over_time == "ratio":
            return self._ratio(indicator, unit, bucket, unfinished)
        part, coverage, refused = self.derive(indicator, unit, bucket)
        complete = _is_complete(indicator, coverage)
        if part is None:
            reason = "not-additive" if refused else "no-data"
            return Figure(None, coverage, unfinished or not complete, complete, reason=reason)
        return Figure(
            part.value, coverage, unfinished or not complete, complete,
            origin="derived", status=part.status, sources=part.sources, until=part.until,
        )  # fmt: skip

    def reported(self, indicator: Indicator, unit: Unit, bucket: Period) -> Observation | None:
        """What was reported for exactly this bucket."""
        return self._seen.reported(indicator, unit, bucket)

    def derive(self, indicator: Indicator, unit: Unit, bucket: Period) -> Derived:
        """V(unit, bucket), not yet rounded, of a bucket in which the unit exists and that is not finer than the base."""
        start, end = max(bucket.start, unit.start), min(bucket.end, unit.end)
        with decimal.localcontext(EXACT):
            part = self.part(indicator, unit, start, end, one_base_period=bucket.grain is indicator.base)
        coverage = self._coverage(indicator, unit, start, end)
        return Derived(part, coverage, part is None and self._refused(indicator, unit, start, end))

    def _ratio(self, indicator: Indicator, unit: Unit, bucket: Period, unfinished: bool) -> Figure:
        """Rule 5, each part by its own laws; the figures of the parts include what was reported for exactly this bucket."""
        numerator, denominator = self.ratio_parts(indicator)
        in_force = bucket_in_force(denominator, bucket)
        over, under = self._figure(numerator, unit, bucket), self._figure(denominator, unit, in_force)
        complete = over.complete and under.complete
        partial = unfinished or not complete
        if over.value is None:
            return over._replace(partial=partial, complete=complete)
        coverage = _of_both(over.coverage, under.coverage)
        if not under.value:
            reason = "missing-denominator" if under.value is None else "zero-denominator"
            return Figure(None, coverage, partial, complete, reason=reason)
        assert over.status is not None
        assert under.status is not None
        assert over.until is not None
        assert under.until is not None
        with decimal.localcontext(EXACT):
            value = over.value / under.value * indicator.factor
        return Figure(
            value, coverage, partial, complete,
            origin="derived", status=min(over.status, under.status), sources=over.sources | under.sources,
            # A denominator of the whole bucket, or of more, reaches beyond the part of the bucket that is there.
            until=max(over.until, under.until) if denominator.base < bucket.grain else over.until,
        )  # fmt: skip

    def ratio_parts(self, indicator: Indicator) -> tuple[Indicator, Indicator]:
        assert indicator.numerator_id is not None
        assert indicator.denominator_id is not None
        return self._indicators[indicator.numerator_id], self._indicators[indicator.denominator_id]

    def _refused(self, indicator: Indicator, unit: Unit, start: datetime, end: datetime) -> bool:
        """Whether there are readings that a law `none` keeps from adding up."""
        if "none" not in (indicator.over_time, indicator.over_units):
            return False
        return self._seen.anything(indicator, unit, start, end) or any(
            self._refused(indicator, edge.child, since, until)
            for edge, since, until in self._live_edges(indicator, unit, start, end)
        )

    # --- coverage ---

    def _coverage(self, indicator: Indicator, unit: Unit, start: datetime, end: datetime) -> Coverage:
        expected = count_base_periods(indicator.base, start, end)
        units = self._reporting(indicator, unit, start, end, frozenset())
        periods = (expected - units.missing if units.present else 0, expected)
        return Coverage((units.present, units.expected), periods, units.behind)

    def _reporting(
        self, indicator: Indicator, unit: Unit, start: datetime, end: datetime, covered: frozenset[datetime]
    ) -> "_Reporting":
        """Who in this subtree reported. `covered`: base periods for which a unit above spoke (flows only)."""
        if indicator.over_units != "none" and unit.id not in self._live.get(indicator.id, ()):
            return _Reporting(0, self._silent(indicator, unit, start, end), 0)
        own = frozenset(one.anchor for one in self._seen.own(indicator, unit, start, end))
        flow = indicator.over_time == "sum"
        if own and not flow:
            return _Reporting(1, 1, count_base_periods(indicator.base, start, end) - len(own))
        spoken = covered | own
        below = [] if indicator.over_units == "none" else [
            (edge.child.id, self._reporting(indicator, edge.child, since, until, _within(spoken, since, until)))
            for edge, since, until in self._edges(indicator, unit, start, end)
            if count_base_periods(indicator.base, since, until)
        ]  # fmt: skip
        if present := [(child_id, child) for child_id, child in below if child.present]:
            return _Reporting(
                sum(child.present for _, child in present),
                sum(child.expected for _, child in below),
                max(child.missing for _, child in present),
                sum(child.behind or unit_hash(child_id) for child_id, child in present)
                + (unit_hash(unit.id) if own - covered else 0),
            )
        if own - covered:
            return _Reporting(1, 1, count_base_periods(indicator.base, start, end) - len(spoken))
        return _Reporting(0, 1 if indicator.over_units == "none" else self._silent(indicator, unit, start, end), 0)

    # --- which readings stand behind a value ---

    def contributions(
        self,
        indicator: Indicator,
        unit: Unit,
        start: datetime,
        end: datetime,
        covered: frozenset[datetime] = frozenset(),
    ) -> Iterator[Contribution]:
        """The base readings that make up V(unit, interval), by the unit that sent them. `covered`: where a unit above spoke."""
        own = self._seen.own(indicator, unit, start, end)
        if counted := [one for one in own if one.anchor not in covered]:
            before = self._before(indicator, unit, start)
            with decimal.localcontext(EXACT):
                part = self._along_time(indicator, counted, before)
            assert part is not None
            begin = next(iter(_begin_of(counted, before)), None)
            yield Contribution(unit, settle(part.value), counted, list(_runs(own, covered)), begin)
        if indicator.over_units == "none" or (own and indicator.over_time != "sum"):
            return
        spoken = covered.union(one.anchor for one in own)
        for edge, since, until in self._live_edges(indicator, unit, start, end):
            yield from self.contributions(indicator, edge.child, since, until, spoken)

    # --- comparisons ---

    def compare(self, kind: str, indicator: Indicator, unit: Unit, bucket: Period, figure: Figure) -> Comparison:
        """With one of `COUNTERPARTS`, like with like: an unfinished bucket against the same part of the other."""
        with decimal.localcontext(EXACT):
            bucket_before = other_bucket(kind, bucket)
            if bucket_before is None:
                return Comparison(None, Other(None, "no-counterpart", NOTHING, True), False, None, None)
            other = self._other(kind, indicator, unit, bucket, figure, bucket_before)
            alike = _alike(figure.coverage, other.coverage) and not self._goes_on(indicator, bucket, figure)
            change = change_pct = None
            if alike and figure.value is not None and other.value is not None:
                change = figure.value - other.value
                if other.value and indicator.measure not in {"%", "rank"}:
                    change_pct = settle(change / abs(other.value) * 100)
            return Comparison(bucket_before, other, alike, change, change_pct)

    def _goes_on(self, indicator: Indicator, bucket: Period, figure: Figure) -> bool:
        """Whether the last base period behind a figure is not over: of it there is a part that the other side has whole.

        That is so of the hour that it is now, and shows in what adds up, also over more. An estimate is one of the whole, and so is what was reported
        for a coarser bucket.
        """
        if figure.until is None or figure.until <= self._now or figure.status == ESTIMATED:
            return False
        return bucket.grain is indicator.base or (figure.origin == "derived" and indicator.over_time in FLOWS)

    def _other(
        self, kind: str, indicator: Indicator, unit: Unit, bucket: Period, figure: Figure, before: Period
    ) -> Other:
        unfinished = bucket.end > self._now and (figure.until is None or figure.until < bucket.end)
        if unfinished and figure.until is None:
            return Other(None, "no-data", NOTHING, False)
        until = moved(kind, bucket, before, figure.until) if unfinished and figure.until else before.end
        if until >= before.end:
            whole = self._settled(self._figure(indicator, unit, before))
            return Other(whole.value, whole.reason, whole.coverage, whole.complete)
        value = self._over_interval(indicator, unit, before, before.start, until)
        coverage, complete = self._behind_interval(indicator, unit, before, until)
        if value is None:
            return Other(None, "no-data", coverage, complete, until)
        return Other(settle(value), None, coverage, complete, until)

    def _behind_interval(
        self, indicator: Indicator, unit: Unit, bucket: Period, until: datetime
    ) -> tuple[Coverage, bool]:
        """Who stands behind the first part of a bucket, and whether that is all."""
        if indicator.over_time == "ratio":
            numerator, denominator = self.ratio_parts(indicator)
            over, over_complete = self._behind_interval(numerator, unit, bucket, until)
            if (in_force := bucket_in_force(denominator, bucket)) is not bucket:
                whole = self._figure(denominator, unit, in_force)
                return _of_both(over, whole.coverage), over_complete and whole.complete
            under, under_complete = self._behind_interval(denominator, unit, bucket, until)
            return _of_both(over, under), over_complete and under_complete
        start, end = max(bucket.start, unit.start), min(until, unit.end)
        coverage = self._coverage(indicator, unit, start, end) if start < end else NOTHING
        return coverage, _is_complete(indicator, coverage)

    def year_to_date(self, indicator: Indicator, unit: Unit, bucket: Period) -> Decimal | None:
        """Lũy kế từ đầu năm: from 1 January to the end of the bucket."""
        with decimal.localcontext(EXACT):
            year = bucket.anchor.year
            end = min(bucket.end, datetime(year + 1, 1, 1))
            value = self._over_interval(indicator, unit, bucket, datetime(year, 1, 1), end)
            return None if value is None else settle(value)

    def _over_interval(
        self, indicator: Indicator, unit: Unit, bucket: Period, start: datetime, end: datetime
    ) -> Decimal | None:
        """V over an interval that belongs to a bucket (a part of it, or the year up to it): coarser readings take no part."""
        exists = max(bucket.start, unit.start) < min(bucket.end, unit.end)
        one_base_period = next_start(indicator.base, start) == end and bucket_start(indicator.base, start) == start
        start, end = max(start, unit.start), min(end, unit.end)
        if start >= end or not exists or bucket.grain < indicator.base:
            return None
        if indicator.over_time != "ratio":
            part = self.part(indicator, unit, start, end, one_base_period=one_base_period)
            return None if part is None else part.value
        numerator, denominator = self.ratio_parts(indicator)
        over = self._over_interval(numerator, unit, bucket, start, end)
        in_force = bucket_in_force(denominator, bucket)
        if in_force is not bucket:
            under = self._figure(denominator, unit, in_force).value
        else:
            under = self._over_interval(denominator, unit, bucket, start, end)
        return None if over is None or not under else over / under * indicator.factor

    # --- targets ---

    def elapsed(self, indicator: Indicator, unit: Unit, bucket: Period, figure: Figure) -> Decimal | None:
        """Which share of a bucket that goes on is over for a figure that accumulates in it; from 0 to 1.

        By time, and up to the end of the last base period behind the figure that is over: what has come of today is not a day's
        worth. None where all of the bucket counts: it has ended, nothing accumulates in it, or the value is already one of the whole.
        """
        if (
            figure.until is None
            or bucket.end <= self._now
            or bucket.grain <= indicator.base
            or not self._accumulates(indicator)
        ):
            return None
        start, end = max(bucket.start, unit.start), min(bucket.end, unit.end)
        until = figure.until
        if until > self._now and figure.status != ESTIMATED:
            if figure.origin == "reported":
                return None
            until = bucket_start(indicator.base, self._now)
        over = min(max(until, start), end) - start
        with decimal.localcontext(EXACT):
            return Decimal(over // _SECOND) / Decimal((end - start) // _SECOND)

    def _accumulates(self, indicator: Indicator) -> bool:
        """Whether a figure grows with its bucket. So does a share of what is fixed for all of it, such as a year's plan."""
        if indicator.over_time != "ratio":
            return indicator.over_time in FLOWS
        numerator, denominator = self.ratio_parts(indicator)
        return self._accumulates(numerator) and not self._accumulates(denominator)


class _Reporting(NamedTuple):
    present: int
    expected: int
    missing: int  # the most base periods that one of the present units owes
    behind: int = 0  # as in `Coverage`


def _is_complete(indicator: Indicator, coverage: Coverage) -> bool:
    return coverage.units_complete and (indicator.over_time not in NEEDS_EVERY_PERIOD or coverage.periods_complete)


def _alike(one: Coverage, other: Coverage) -> bool:
    """The same units stand behind both sides, or all that were expected behind each."""
    same = one.units == other.units and one.behind == other.behind
    return same or (one.units_complete and other.units_complete)


def _of_both(over: Coverage, under: Coverage) -> Coverage:
    """Of a ratio: the smaller share of its parts, and who stands behind either."""
    return Coverage(
        _smaller(over.units, under.units), _smaller(over.periods, under.periods), hash((over.behind, under.behind))
    )  # fmt: skip


def _within(anchors: frozenset[datetime], start: datetime, end: datetime) -> frozenset[datetime]:
    return frozenset(anchor for anchor in anchors if start <= anchor < end) if anchors else anchors


def _smaller(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """The pair with the smaller share; the first on a tie."""
    return other if other[0] * one[1] < one[0] * other[1] else one


def bucket_in_force(denominator: Indicator, bucket: Period) -> Period:
    """A denominator that is reported less often is that of the period around the bucket."""
    if denominator.base <= bucket.grain:
        return bucket
    return Period(denominator.base, bucket_start(denominator.base, bucket.anchor))


COUNTERPARTS = ("previous", "week_ago", "year_ago")


def other_bucket(kind: str, bucket: Period) -> Period | None:
    """So kỳ trước (`previous`), cùng thứ tuần trước (`week_ago`) or so cùng kỳ (`year_ago`). None where there is no such period."""
    match kind:
        case "previous":
            start: datetime | None = previous_start(bucket.grain, bucket.start)
        case "week_ago":  # Saturdays are compared with Saturdays
            start = bucket.start - timedelta(weeks=1) if bucket.grain in (Grain.hour, Grain.day) else None
        case _:
            start = year_ago_start(bucket.grain, bucket.start)
    return None if start is None else Period(bucket.grain, start)


def moved(kind: str, bucket: Period, other: Period, cut: datetime) -> datetime:
    """A moment inside the bucket, at the same place of the other bucket by the calendar."""
    months = {Grain.month: 1, Grain.quarter: 3, Grain.year: 12}.get(bucket.grain)
    if kind == "year_ago" and bucket.grain is not Grain.week:
        months = 12
    if months is None:
        return other.start + (cut - bucket.start)
    return add_months(cut, -months)


# --- targets ---


def achieved(value: Decimal, target: Decimal) -> Decimal | None:
    """% thực hiện kế hoạch. None against a target of zero."""
    with decimal.localcontext(EXACT):
        return settle(value / target * 100) if target else None


def state_of(
    direction: str,
    value: Decimal,
    target: Decimal,
    on_track_pct: Decimal,
    at_risk_pct: Decimal,
    elapsed: Decimal = Decimal(1),
) -> str | None:
    """`on_track`, `at_risk` or `off_track`; None for an indicator that is neither better high nor low.

    The thresholds are in % of the target: lower bounds when up is good, upper bounds when down is good. While only a share of the
    target's period has `elapsed` (see `Laws.elapsed`) they are in % of that share of the target, as if it were reached evenly; as
    long as that is nothing there is no state. Against a target of zero only reaching it counts.
    """
    if direction == "neutral" or not elapsed:
        return None
    with decimal.localcontext(EXACT):
        pct = achieved(value, target * elapsed)
    upward = direction == "up_good"
    if pct is None:
        return "on_track" if (value >= 0 if upward else value <= 0) else "off_track"
    for state, bound in (("on_track", on_track_pct), ("at_risk", at_risk_pct)):
        if pct >= bound if upward else pct <= bound:
            return state
    return "off_track"
