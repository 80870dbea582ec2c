"""The rules of docs/aggregation.md once more: slow, exact, and written without a look at the engine.

Everything here is a direct transcription of the text. No tables, no sets of SQL, no state kept between
questions (but for one lookup per world): a figure is worked out from the list of readings each time it is
asked for. Fractions carry the values, naive `datetime`s carry the local time (no zone with summer time).

Where the text leaves a choice, the choice is marked "READING:" with the letter used in the report.
A world is not changed once it has been asked a question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

GRAINS = ("instant", "hour", "day", "week", "month", "quarter", "year")
BUCKET_GRAINS = GRAINS[1:]
STATUSES = ("estimated", "provisional", "final")  # weakest first
ADMINISTRATIVE = ("province", "district", "commune")
NEEDS_EVERY_PERIOD = ("sum", "mean", "min", "max")
FACTORS = {"%": 100, "per_1000_persons": 1_000, "per_10k_persons": 10_000, "per_100k_persons": 100_000}
DECIMALS = 12


Interval = tuple[datetime, datetime]  # half-open, local


# --- the world -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NaiveUnit:
    id: int
    kind: str  # province, district, commune, region, site, agency
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True)
class NaiveEdge:
    parent: int
    child: int
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True)
class NaiveIndicator:
    code: str
    base: str  # "realtime", or a grain from "hour" to "year"
    over_time: str  # sum, mean, last, min, max, cumulative, ratio, none
    over_units: str  # sum, mean, min, max, ratio, none
    measure: str = "cases"
    numerator: str | None = None
    denominator: str | None = None

    @property
    def base_grain(self) -> str:
        return "hour" if self.base == "realtime" else self.base

    @property
    def is_ratio(self) -> bool:
        return self.over_time == "ratio"


@dataclass(frozen=True)
class NaiveReading:
    indicator: str
    unit: int
    grain: str
    start: datetime
    value: Decimal
    status: str = "final"


@dataclass
class NaiveWorld:
    units: dict[int, NaiveUnit]
    edges: list[NaiveEdge]
    indicators: dict[str, NaiveIndicator]
    readings: list[NaiveReading]  # at most one per (indicator, unit, grain, start)
    _own: dict[tuple[str, int], dict[datetime, Part]] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class NaiveFigure:
    value: Decimal | None
    reason: str | None
    origin: str | None
    status: str | None
    units: tuple[int, int]
    periods: tuple[int, int]
    partial: bool
    who: tuple[int, ...] | None = field(
        default=None, compare=False
    )  # the units present; None of a ratio, that has two sets


@dataclass(frozen=True)
class Part:
    """A value on its way up: exact, with the weakest status behind it and the end of its latest base period."""

    value: Fraction
    status: int  # an index into STATUSES
    latest: datetime


# --- time ----------------------------------------------------------------------------------------------------


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _add_months(first: datetime, months: int) -> datetime:
    """`first` is the first of a month."""
    count = first.year * 12 + first.month - 1 + months
    return datetime(count // 12, count % 12 + 1, 1)


def rank(grain: str) -> int:
    return GRAINS.index(grain)


@lru_cache(maxsize=100_000)
def bucket_of(grain: str, moment: datetime) -> Interval:
    """The bucket of this grain that contains the moment."""
    day = _midnight(moment.date())
    if grain == "hour":
        start = day + timedelta(hours=moment.hour)
        return start, start + timedelta(hours=1)
    if grain == "day":
        return day, day + timedelta(days=1)
    if grain == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    if grain == "month":
        start = day.replace(day=1)
        return start, _add_months(start, 1)
    if grain == "quarter":
        start = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        return start, _add_months(start, 3)
    if grain == "year":
        return datetime(day.year, 1, 1), datetime(day.year + 1, 1, 1)
    raise ValueError(grain)


def next_bucket(grain: str, start: datetime) -> datetime:
    return bucket_of(grain, start)[1]


def previous_bucket(grain: str, start: datetime) -> datetime:
    return bucket_of(grain, start - timedelta(microseconds=1))[0]


def year_ago_bucket(grain: str, start: datetime) -> datetime | None:
    """None: no counterpart (29 February, week 53)."""
    try:
        if grain == "week":
            year, week, _ = start.isocalendar()
            return _midnight(date.fromisocalendar(year - 1, week, 1))
        return start.replace(year=start.year - 1)
    except ValueError:
        return None


def anchor(grain: str, start: datetime) -> datetime:
    return start + timedelta(days=3) if grain == "week" else start


@lru_cache(maxsize=100_000)
def count_periods(base: str, interval: Interval) -> int:
    """How many periods of the grain have their anchor in the interval."""
    count = 0
    period = previous_bucket(base, bucket_of(base, interval[0])[0])
    while anchor(base, period) < interval[1]:
        count += anchor(base, period) >= interval[0]
        period = next_bucket(base, period)
    return count


def _contains(interval: Interval, moment: datetime) -> bool:
    return interval[0] <= moment < interval[1]


def _cut(interval: Interval, valid_from: date | None, valid_to: date | None) -> Interval | None:
    """What of the interval lies in `[valid_from, valid_to)`; None when nothing does."""
    start = interval[0] if valid_from is None else max(interval[0], _midnight(valid_from))
    end = interval[1] if valid_to is None else min(interval[1], _midnight(valid_to))
    return (start, end) if start < end else None


# --- readings ------------------------------------------------------------------------------------------------


def _sent(world: NaiveWorld, indicator: NaiveIndicator, unit: int, grain: str, start: datetime) -> NaiveReading | None:
    """The reading of exactly this unit and bucket."""
    for reading in world.readings:
        if (reading.indicator, reading.unit, reading.grain, reading.start) == (
            indicator.code,
            unit,
            grain,
            start,
        ):
            return reading
    return None


def _reported(
    world: NaiveWorld, indicator: NaiveIndicator, unit: int, grain: str, start: datetime
) -> NaiveReading | None:
    """The reading that *is* the figure of this bucket: a coarser one, or one of the base grain.

    READING B: the base reading of a `cumulative` indicator is a year-to-date figure, not the value of its
    period, so it is never "reported" there.
    """
    if grain == indicator.base_grain != "year" and indicator.over_time == "cumulative":
        return None
    if rank(grain) < rank(indicator.base_grain):
        return None
    return _sent(world, indicator, unit, grain, start)


def _combine(law: str, parts: list[Part]) -> Part | None:
    """sum, mean, min or max of the parts. All parts stand behind the result, also behind a minimum."""
    if not parts or law == "none":
        return None
    values = [part.value for part in parts]
    laws: dict[str, Callable[[], Fraction]] = {
        "sum": lambda: sum(values, Fraction(0)),
        "mean": lambda: sum(values, Fraction(0)) / len(values),
        "min": lambda: min(values),
        "max": lambda: max(values),
    }
    return Part(laws[law](), min(part.status for part in parts), max(part.latest for part in parts))


def _part(reading: NaiveReading, latest: datetime) -> Part:
    return Part(Fraction(reading.value), STATUSES.index(reading.status), latest)


def _own(world: NaiveWorld, indicator: NaiveIndicator, unit: int) -> dict[datetime, Part]:
    """The unit's own base readings, by the start of their period."""
    key = (indicator.code, unit)
    if key in world._own:
        return world._own[key]
    base = indicator.base_grain
    mine = [r for r in world.readings if r.indicator == indicator.code and r.unit == unit]
    own = {r.start: _part(r, next_bucket(base, r.start)) for r in mine if r.grain == base}
    if indicator.base == "realtime":
        instants = sorted((r for r in mine if r.grain == "instant"), key=lambda r: r.start)
        for hour in {bucket_of("hour", r.start)[0] for r in instants}:
            if hour in own:
                continue  # an hour that was itself reported beats its instants
            parts = [_part(r, next_bucket("hour", hour)) for r in instants if bucket_of("hour", r.start)[0] == hour]
            if indicator.over_time in ("last", "cumulative"):
                own[hour] = parts[-1]
            else:
                # READING C: under `none` (and for a ratio) the instants make no base reading.
                law = "none" if indicator.is_ratio else indicator.over_time
                made = _combine(law, parts)
                if made is not None:
                    own[hour] = made
    world._own[key] = own
    return own


def _own_in(world: NaiveWorld, indicator: NaiveIndicator, unit: int, interval: Interval) -> dict[datetime, Part]:
    """The own base readings whose anchor lies in the interval."""
    base = indicator.base_grain
    own = _own(world, indicator, unit)
    return {start: part for start, part in own.items() if _contains(interval, anchor(base, start))}


# --- the tree ------------------------------------------------------------------------------------------------


def _children(
    world: NaiveWorld, indicator: NaiveIndicator, unit: int, interval: Interval
) -> list[tuple[int, Interval]]:
    """The edges that count for the interval, each with what it leaves of the interval."""
    found = []
    for edge in world.edges:
        if edge.parent != unit:
            continue
        left = _cut(interval, edge.valid_from, edge.valid_to)
        if left is None:
            continue
        if indicator.over_time == "last" and left[1] != interval[1]:
            continue  # not in force at the last instant of the interval
        found.append((edge.child, left))
    return found


def _lifetime(world: NaiveWorld, unit: int, interval: Interval) -> Interval | None:
    """The interval, cut to the validity of the unit; None when it did not exist in it."""
    return _cut(interval, world.units[unit].valid_from, world.units[unit].valid_to)


def _valid_at(edge: NaiveEdge, day: date) -> bool:
    return (edge.valid_from is None or edge.valid_from <= day) and (edge.valid_to is None or day < edge.valid_to)


# --- V(unit, interval) ---------------------------------------------------------------------------------------


def _v(world: NaiveWorld, indicator: NaiveIndicator, unit: int, interval: Interval, asked: Interval) -> Part | None:
    """Rules 1 to 4, without ratios. `asked` is the interval before any edge cut it."""
    if indicator.over_time == "sum":
        return _flow(world, indicator, unit, interval)
    if _own_in(world, indicator, unit, interval):
        return _along_time(world, indicator, unit, interval, asked)
    values = [_v(world, indicator, child, left, asked) for child, left in _children(world, indicator, unit, interval)]
    return _combine(indicator.over_units, [value for value in values if value is not None])


def _flow(world: NaiveWorld, indicator: NaiveIndicator, unit: int, interval: Interval) -> Part | None:
    base = indicator.base_grain
    periods = {start for each in world.units for start in _own(world, indicator, each)}
    inside = sorted(start for start in periods if _contains(interval, anchor(base, start)))
    parts = [_flow_at(world, indicator, unit, start) for start in inside]
    return _combine("sum", [part for part in parts if part is not None])


def _flow_at(world: NaiveWorld, indicator: NaiveIndicator, unit: int, period: datetime) -> Part | None:
    """The flow of one base period: the unit's own reading, else the unit law over its children."""
    own = _own(world, indicator, unit).get(period)
    if own is not None:
        return own
    moment = anchor(indicator.base_grain, period)
    values = [
        _flow_at(world, indicator, edge.child, period)
        for edge in world.edges
        if edge.parent == unit and _valid_at(edge, moment.date())
    ]
    return _combine(indicator.over_units, [value for value in values if value is not None])


def _along_time(
    world: NaiveWorld, indicator: NaiveIndicator, unit: int, interval: Interval, asked: Interval
) -> Part | None:
    """The time law over the unit's own base readings of the interval (at least one)."""
    own = _own_in(world, indicator, unit, interval)
    base = indicator.base_grain
    law = indicator.over_time
    if law == "last":
        return own[max(own)]  # READING E: of the status, too, only this one is a part
    if law == "none":
        # READING D: the interval asked for is the base period; an edge that ends inside it takes nothing away.
        return next(iter(own.values())) if asked == bucket_of(base, asked[0]) else None
    if law == "cumulative":
        everything = _own(world, indicator, unit)
        change = Fraction(0)
        behind: list[Part] = []
        for year in {anchor(base, start).year for start in own}:
            last = max(start for start in own if anchor(base, start).year == year)
            before = [
                start for start in everything if anchor(base, start).year == year and anchor(base, start) < interval[0]
            ]
            change += own[last].value
            behind.append(own[last])
            if before:
                change -= everything[max(before)].value
                behind.append(everything[max(before)])  # READING E: the figure before is a part
        return Part(change, min(part.status for part in behind), max(part.latest for part in behind))
    return _combine(law, list(own.values()))


def _anything_below(world: NaiveWorld, indicator: NaiveIndicator, unit: int, interval: Interval) -> bool:
    """Is there any base reading or instant in the interval in the unit or below it (edges as in V)?"""
    if _own_in(world, indicator, unit, interval):
        return True
    if indicator.base == "realtime" and any(
        (r.indicator, r.unit, r.grain) == (indicator.code, unit, "instant") and _contains(interval, r.start)
        for r in world.readings
    ):
        return True
    return any(
        _anything_below(world, indicator, child, left) for child, left in _children(world, indicator, unit, interval)
    )


# --- coverage ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reach:
    """Of a subtree: units present, units expected, the largest number of periods missing among those present.

    `who`: the units that are present, as often as they count.
    """

    present: int
    expected: int
    missing: int
    who: tuple[int, ...] = ()


def _reporting_children(
    world: NaiveWorld, indicator: NaiveIndicator, unit: int, interval: Interval, *, too_fine: bool = False
) -> list[tuple[int, Interval]]:
    """READING G: a child in whose part of the interval no base period is anchored cannot be missing."""
    return [
        (child, left)
        for child, left in _children(world, indicator, unit, interval)
        if too_fine or count_periods(indicator.base_grain, left) > 0
    ]


def _leaves(
    world: NaiveWorld, indicator: NaiveIndicator, unit: int, interval: Interval, *, too_fine: bool = False
) -> int:
    """The administrative leaves of a unit, itself when no administrative unit is below it."""
    children = [
        _leaves(world, indicator, child, left, too_fine=too_fine)
        for child, left in _reporting_children(world, indicator, unit, interval, too_fine=too_fine)
        if world.units[child].kind in ADMINISTRATIVE
    ]
    return sum(children) if children else 1


def _sum_of(world: NaiveWorld, children: Iterable[tuple[int, Reach]]) -> Reach | None:
    """The children added up; None when nobody is present."""
    present, expected, missing = 0, 0, 0
    who: tuple[int, ...] = ()
    for _, reach in children:
        if reach.present:
            present, expected, who = present + reach.present, expected + reach.expected, who + reach.who
            missing = max(missing, reach.missing)
        else:
            expected += reach.expected  # its administrative leaves, at least itself
    return Reach(present, expected, missing, who) if present else None


def _missing(indicator: NaiveIndicator, interval: Interval, there: frozenset[datetime]) -> int:
    """How many base periods of the interval are not there."""
    base = indicator.base_grain
    return count_periods(base, interval) - sum(_contains(interval, anchor(base, start)) for start in there)


def _silent(world: NaiveWorld, indicator: NaiveIndicator, unit: int, interval: Interval) -> Reach:
    return Reach(0, _leaves(world, indicator, unit, interval), 0)


def _reach(world: NaiveWorld, indicator: NaiveIndicator, unit: int, interval: Interval) -> Reach:
    """Who stands behind a state or a level."""
    own = frozenset(_own_in(world, indicator, unit, interval))
    if own:
        return Reach(1, 1, _missing(indicator, interval, own), (unit,))
    children = [
        (child, _reach(world, indicator, child, left))
        for child, left in _reporting_children(world, indicator, unit, interval)
    ]
    return _sum_of(world, children) or _silent(world, indicator, unit, interval)


def _reach_of_flow(
    world: NaiveWorld, indicator: NaiveIndicator, unit: int, interval: Interval, covered: frozenset[datetime]
) -> Reach:
    """Who stands behind a flow. `covered`: the periods that an ancestor inside the asked subtree reported."""
    own = frozenset(_own_in(world, indicator, unit, interval))
    children = [
        (child, _reach_of_flow(world, indicator, child, left, covered | own))
        for child, left in _reporting_children(world, indicator, unit, interval)
    ]
    below = _sum_of(world, children)
    if below is not None:
        return replace(below, who=(unit, *below.who)) if own - covered else below
    if own - covered:
        return Reach(1, 1, _missing(indicator, interval, own | covered), (unit,))
    return _silent(world, indicator, unit, interval)


def _coverage(
    world: NaiveWorld, indicator: NaiveIndicator, unit: int, grain: str, lifetime: Interval | None
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, ...]]:
    """Units and periods, each present and expected, of a figure that was not reported, and the units present.

    `lifetime`: the bucket, cut to the validity of the unit; None when it did not exist.
    """
    itself = indicator.over_units == "none"
    if lifetime is None:
        return (0, 0), (0, 0), ()
    if rank(grain) < rank(indicator.base_grain):
        return (0, 0), (0, 0), ()
    own = frozenset(_own_in(world, indicator, unit, lifetime))
    if itself:
        reach = Reach(1 if own else 0, 1, _missing(indicator, lifetime, own), (unit,) if own else ())
    elif indicator.over_time == "sum":
        reach = _reach_of_flow(world, indicator, unit, lifetime, frozenset())
    else:
        reach = _reach(world, indicator, unit, lifetime)
    expected = count_periods(indicator.base_grain, lifetime)
    periods = (expected - reach.missing if reach.present else 0, expected)
    return (reach.present, reach.expected), periods, reach.who


def _smaller_share(numerator: tuple[int, int], denominator: tuple[int, int]) -> tuple[int, int]:
    """The numerator's on a tie. READING J: 0 of 0 ties with everything."""
    return denominator if denominator[0] * numerator[1] < numerator[0] * denominator[1] else numerator


# --- a figure ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Full:
    """A figure before it is rounded and before it is known what time it is."""

    part: Part | None
    reason: str | None
    origin: str | None
    units: tuple[int, int]
    periods: tuple[int, int]
    incomplete: bool
    who: tuple[int, ...] | None  # None: a ratio has two of them


def _full(world: NaiveWorld, indicator: NaiveIndicator, unit: int, grain: str, start: datetime) -> Full:
    bucket = bucket_of(grain, start)
    lifetime = _lifetime(world, unit, bucket)
    reading = _reported(world, indicator, unit, grain, start)
    if reading is not None:
        return Full(_part(reading, bucket[1]), None, "reported", (1, 1), (1, 1), False, (unit,))
    if indicator.is_ratio:
        return _full_ratio(world, indicator, unit, grain, start)
    part: Part | None = None
    reason: str | None = None
    if lifetime is None:
        reason = "not-applicable"
    elif rank(grain) < rank(indicator.base_grain):
        reason = "grain-too-fine"
    else:
        part = _v(world, indicator, unit, lifetime, bucket)
        if part is None:
            # READING A: `not-additive` needs readings that a law `none` keeps out of the bucket.
            kept_out = "none" in (indicator.over_time, indicator.over_units)
            found = kept_out and _anything_below(world, indicator, unit, lifetime)
            reason = "not-additive" if found else "no-data"
    units, periods, who = _coverage(world, indicator, unit, grain, lifetime)
    incomplete = units[0] < units[1] or (indicator.over_time in NEEDS_EVERY_PERIOD and periods[0] < periods[1])
    return Full(part, reason, None if part is None else "derived", units, periods, incomplete, who)


def _parts_of(world: NaiveWorld, indicator: NaiveIndicator) -> tuple[NaiveIndicator, NaiveIndicator]:
    assert indicator.numerator is not None
    assert indicator.denominator is not None
    return world.indicators[indicator.numerator], world.indicators[indicator.denominator]


def _in_force(denominator: NaiveIndicator, grain: str) -> bool:
    return rank(denominator.base_grain) > rank(grain)


def _divide(indicator: NaiveIndicator, upper: Part, lower: Part, *, whole: bool) -> Part:
    """READING K: a denominator of the whole bucket or more does not end the part of the bucket that is compared."""
    factor = FACTORS.get(indicator.measure, 1)
    latest = upper.latest if whole else max(upper.latest, lower.latest)
    return Part(upper.value / lower.value * factor, min(upper.status, lower.status), latest)


def _full_ratio(world: NaiveWorld, indicator: NaiveIndicator, unit: int, grain: str, start: datetime) -> Full:
    numerator, denominator = _parts_of(world, indicator)
    upper = _full(world, numerator, unit, grain, start)
    in_force = _in_force(denominator, grain)
    if in_force:
        period = bucket_of(denominator.base_grain, anchor(grain, start))[0]
        lower = _full(world, denominator, unit, denominator.base_grain, period)
    else:
        lower = _full(world, denominator, unit, grain, start)

    part: Part | None = None
    reason: str | None = None
    if _lifetime(world, unit, bucket_of(grain, start)) is None:
        reason = "not-applicable"
    elif rank(grain) < rank(indicator.base_grain):
        reason = "grain-too-fine"  # READING L: the ratio's own periodicity counts, too
    elif upper.part is None:
        reason = upper.reason
    elif lower.part is None:
        reason = "missing-denominator"
    elif lower.part.value == 0:
        reason = "zero-denominator"
    else:
        part = _divide(indicator, upper.part, lower.part, whole=rank(denominator.base_grain) >= rank(grain))

    if reason in ("not-applicable", "grain-too-fine"):
        return Full(None, reason, None, (0, 0), (0, 0), False, None)
    units = upper.units if upper.part is None else _smaller_share(upper.units, lower.units)
    periods = upper.periods if upper.part is None else _smaller_share(upper.periods, lower.periods)
    incomplete = upper.incomplete or lower.incomplete
    return Full(part, reason, None if part is None else "derived", units, periods, incomplete, None)


def rounded(value: Fraction) -> Decimal:
    """Half up (a half goes away from zero) to 12 decimals."""
    scaled = abs(value) * 10**DECIMALS
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    negative = value < 0 and whole > 0
    return Decimal((int(negative), tuple(int(digit) for digit in str(whole)), -DECIMALS))


def naive_figure(
    world: NaiveWorld, indicator_code: str, unit_id: int, grain: str, start: datetime, *, now: datetime
) -> NaiveFigure:
    full = _full(world, world.indicators[indicator_code], unit_id, grain, start)
    unfinished = now < next_bucket(grain, start)
    return NaiveFigure(
        value=None if full.part is None else rounded(full.part.value),
        reason=full.reason,
        origin=full.origin,
        status=None if full.part is None else STATUSES[full.part.status],
        units=full.units,
        periods=full.periods,
        who=None if full.who is None else tuple(sorted(full.who)),
        partial=unfinished or full.incomplete,  # a denominator in force need not have ended
    )


# --- comparisons ---------------------------------------------------------------------------------------------


def _over(
    world: NaiveWorld,
    indicator: NaiveIndicator,
    unit: int,
    interval: Interval,
    *,
    grain: str,
    start: datetime,
) -> Part | None:
    """V over an interval that belongs to the bucket (a part of it, or the year up to it): no coarser readings."""
    exists = _lifetime(world, unit, bucket_of(grain, start)) is not None
    lifetime = _lifetime(world, unit, interval)
    if rank(grain) < rank(indicator.base_grain) or not exists or lifetime is None:
        return None
    if not indicator.is_ratio:
        return _v(world, indicator, unit, lifetime, interval)
    numerator, denominator = _parts_of(world, indicator)
    upper = _over(world, numerator, unit, interval, grain=grain, start=start)
    in_force = _in_force(denominator, grain)
    if in_force:
        period = bucket_of(denominator.base_grain, anchor(grain, start))
        lower = _over(world, denominator, unit, period, grain=denominator.base_grain, start=period[0])
    else:
        lower = _over(world, denominator, unit, interval, grain=grain, start=start)
    if upper is None or lower is None or lower.value == 0:
        return None
    return _divide(indicator, upper, lower, whole=rank(denominator.base_grain) >= rank(grain))


def naive_ytd(world: NaiveWorld, indicator_code: str, unit_id: int, grain: str, start: datetime) -> Decimal | None:
    """V over the year up to the end of the bucket, never beyond the year."""
    year = bucket_of("year", anchor(grain, start))
    interval = (year[0], min(year[1], next_bucket(grain, start)))
    part = _over(world, world.indicators[indicator_code], unit_id, interval, grain=grain, start=start)
    return None if part is None else rounded(part.value)


def moved(grain: str, start: datetime, until: datetime, other: datetime) -> datetime:
    """`until`, moved from the bucket at `start` to the bucket at `other`, and cut at that one's end.

    READING O: months, quarters and years move by whole months; a day that the other month does not have is
    the end of that month. Finer buckets move by their distance from the start.
    """
    if grain in ("month", "quarter", "year"):
        months = (start.year - other.year) * 12 + start.month - other.month
        first = bucket_of("month", until)[0]
        there = _add_months(first, -months)
        target = min(there + (until - first), next_bucket("month", there))
    else:
        target = other + (until - start)
    return min(target, next_bucket(grain, other))


def _compared(
    world: NaiveWorld,
    code: str,
    unit: int,
    grain: str,
    start: datetime,
    *,
    other: datetime | None,
    now: datetime,
) -> Decimal | None:
    if other is None:
        return None
    indicator = world.indicators[code]
    part: Part | None
    if now >= next_bucket(grain, start):
        part = _full(world, indicator, unit, grain, other).part
    else:
        current = _full(world, indicator, unit, grain, start).part
        if current is None:
            return None  # READING P: nothing stands behind the current value, so there is no same part
        until = moved(grain, start, current.latest, other)
        if until == next_bucket(grain, other):
            part = _full(world, indicator, unit, grain, other).part  # READING Q: the whole of it
        else:
            part = _over(world, indicator, unit, (other, until), grain=grain, start=other)
    return None if part is None else rounded(part.value)


def naive_previous(
    world: NaiveWorld, indicator_code: str, unit_id: int, grain: str, start: datetime, *, now: datetime
) -> Decimal | None:
    other = previous_bucket(grain, start)
    return _compared(world, indicator_code, unit_id, grain, start, other=other, now=now)


def naive_year_ago(
    world: NaiveWorld, indicator_code: str, unit_id: int, grain: str, start: datetime, *, now: datetime
) -> Decimal | None:
    other = year_ago_bucket(grain, start)
    return _compared(world, indicator_code, unit_id, grain, start, other=other, now=now)
