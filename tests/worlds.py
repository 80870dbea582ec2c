"""Hypothesis strategies: small worlds and the histories of readings that are sent to them.

A history is a tree of one to seven units, one to three indicators, and 5 to 40 submissions in the order in
which they are sent. Everything lies around the turn of the year 2024/2025, where ISO weeks, months, quarters
and years have their edges. One example costs two draws of its own and a `Random` that hypothesis controls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from tests.naive import (
    BUCKET_GRAINS,
    GRAINS,
    STATUSES,
    NaiveEdge,
    NaiveIndicator,
    NaiveReading,
    NaiveUnit,
    NaiveWorld,
    anchor,
    bucket_of,
    next_bucket,
    previous_bucket,
    rank,
)

WINDOW = (date(2024, 12, 16), date(2025, 2, 10))
# Where trees change: week, month, quarter and year edges, Thursdays beside them, and plain days.
TREE_DATES = (
    date(2024, 12, 16),
    date(2024, 12, 30),
    date(2025, 1, 1),
    date(2025, 1, 2),
    date(2025, 1, 6),
    date(2025, 1, 15),
    date(2025, 1, 31),
    date(2025, 2, 1),
    date(2025, 2, 3),
    date(2025, 2, 10),
)
# Around which readings gather.
EDGES = (
    datetime(2025, 1, 1),  # year, quarter, month; a Wednesday
    datetime(2024, 12, 30),  # week 1 of 2025
    datetime(2025, 2, 1),  # month; a Saturday
    datetime(2025, 1, 6),
    datetime(2025, 2, 3),
    datetime(2024, 12, 19),
    datetime(2025, 1, 17, 12),
    datetime(2025, 2, 10),
)
NOWS = (
    datetime(2026, 6, 1),
    datetime(2025, 2, 10),
    datetime(2025, 2, 1),
    datetime(2025, 1, 31, 23, 59, 59),
    datetime(2025, 1, 15, 10, 30),
    datetime(2025, 1, 1, 0, 30),
    datetime(2024, 12, 31, 13),
)
LAW_PAIRS = tuple(
    (over_time, over_units)
    for over_time in ("sum", "mean", "last", "min", "max", "cumulative", "none")
    for over_units in ("sum", "mean", "min", "max", "none")
)
# The pairs that make sensible ratio parts; the others appear as parts, too, but less often.
RATIO_PAIRS = (("sum", "sum"), ("last", "sum"), ("mean", "sum"), ("cumulative", "sum"), ("last", "mean"))
BASES = ("realtime", "hour", "day", "week", "month", "quarter")
RATIO_MEASURES = ("%", "%", "per_1000_persons", "per_10k_persons", "per_100k_persons", "VND")


@dataclass(frozen=True)
class Submission:
    indicator: str
    unit: int
    grain: str
    start: datetime
    value: Decimal | None  # None withdraws
    status: str = "final"

    @property
    def key(self) -> tuple[str, int, str, datetime]:
        return (self.indicator, self.unit, self.grain, self.start)


@dataclass(frozen=True)
class History:
    units: tuple[NaiveUnit, ...]
    edges: tuple[NaiveEdge, ...]
    indicators: tuple[NaiveIndicator, ...]
    submissions: tuple[Submission, ...]
    now: datetime

    def world(self, sent: int | None = None) -> NaiveWorld:
        """The world after the first `sent` submissions (after all of them by default)."""
        return NaiveWorld(
            units={unit.id: unit for unit in self.units},
            edges=list(self.edges),
            indicators={indicator.code: indicator for indicator in self.indicators},
            readings=final_readings(self.submissions[:sent]),
        )


def final_readings(submissions: Iterable[Submission]) -> list[NaiveReading]:
    """The last submission of a key wins; a withdrawal removes it."""
    last = {submission.key: submission for submission in submissions}
    return [
        NaiveReading(s.indicator, s.unit, s.grain, s.start, s.value, s.status)
        for s in last.values()
        if s.value is not None
    ]


# --- chance --------------------------------------------------------------------------------------------------

T = TypeVar("T")
Validity = tuple[date | None, date | None]
ALWAYS: Validity = (None, None)


def _percent(rnd: Random, chance: int) -> bool:
    return rnd.randint(0, 99) >= 100 - chance  # shrinks towards no


def _pick(rnd: Random, options: Sequence[T]) -> T:
    return options[rnd.randint(0, len(options) - 1)]  # shrinks towards the first


# --- units ---------------------------------------------------------------------------------------------------

CHILD_KINDS = {
    "province": ("district", "district", "commune", "agency"),
    "district": ("commune", "commune", "commune", "agency"),
    "commune": ("site", "site", "agency"),
}


def _meet(*validities: Validity) -> Validity | None:
    """What the validities have in common; None when that is nothing."""
    starts = [start for start, _ in validities if start is not None]
    ends = [end for _, end in validities if end is not None]
    start, end = max(starts, default=None), min(ends, default=None)
    if start is not None and end is not None and start >= end:
        return None
    return start, end


def _dates_inside(validity: Validity) -> list[date]:
    start, end = validity
    return [day for day in TREE_DATES if (start is None or start < day) and (end is None or day < end)]


def _some_validity(rnd: Random) -> Validity:
    day = _pick(rnd, TREE_DATES)
    shape = rnd.randint(0, 4)
    if shape <= 1:
        return day, None  # created inside the window
    if shape <= 3:
        return None, day  # dissolved inside the window
    other = _pick(rnd, TREE_DATES)
    return (min(day, other), max(day, other)) if day != other else (day, None)


def _edge(rnd: Random, parent: NaiveUnit, child: NaiveUnit) -> list[NaiveEdge]:
    validity = _meet((parent.valid_from, parent.valid_to), (child.valid_from, child.valid_to))
    if validity is None:
        return []
    if _percent(rnd, 12) and (days := _dates_inside(validity)):
        day = _pick(rnd, days)
        validity = (validity[0], day) if rnd.randint(0, 1) else (day, validity[1])
    return [NaiveEdge(parent.id, child.id, *validity)]


def _move(rnd: Random, edges: list[NaiveEdge], child: NaiveUnit, to: NaiveUnit, *, after: NaiveEdge) -> list[NaiveEdge]:
    """The edges with the child given to another parent in the middle of its edge."""
    days = _dates_inside((after.valid_from, after.valid_to))
    if not days:
        return edges
    day = _pick(rnd, days)
    later = _meet((day, after.valid_to), (to.valid_from, to.valid_to))
    result = [replace(edge, valid_to=day) if edge == after else edge for edge in edges]
    return result if later is None else [*result, NaiveEdge(to.id, child.id, *later)]


def random_tree(rnd: Random) -> tuple[tuple[NaiveUnit, ...], tuple[NaiveEdge, ...]]:
    size = rnd.randint(1, 10)
    size = size if size <= 7 else size - 3
    roots = ("province", "province", "province", "district", "commune")
    alone = ("commune", "district", "province", "site", "region")
    root = NaiveUnit(1, _pick(rnd, roots if size > 1 else alone), *ALWAYS)
    if _percent(rnd, 12):
        start, end = _some_validity(rnd)
        root = replace(root, valid_from=start, valid_to=end)
    units, edges = [root], list[NaiveEdge]()
    with_region = size >= 3 and _percent(rnd, 40)
    two_districts = size >= 4 and root.kind == "province" and _percent(rnd, 75)
    for number in range(2, size + 1 - with_region):
        if two_districts and number <= 4:
            parent, kind = (root, "district") if number <= 3 else (units[-1], "commune")
        else:
            parent = _pick(rnd, [unit for unit in units if unit.kind in CHILD_KINDS][-3:])
            kind = _pick(rnd, CHILD_KINDS[parent.kind])
        start, end = _some_validity(rnd) if _percent(rnd, 25) else ALWAYS
        unit = NaiveUnit(number, kind, start, end)
        units.append(unit)
        edges += _edge(rnd, parent, unit)

    kinds = {unit.id: unit.kind for unit in units}
    movable = [edge for edge in edges if kinds[edge.child] == "commune" and kinds[edge.parent] == "district"]
    if movable and _percent(rnd, 75):
        old = _pick(rnd, movable)
        others = [unit for unit in units if unit.kind == "district" and unit.id != old.parent]
        if others:
            child = next(unit for unit in units if unit.id == old.child)
            edges = _move(rnd, edges, child, _pick(rnd, others), after=old)

    communes = [unit for unit in units if unit.kind == "commune"]
    if with_region:
        start, end = _some_validity(rnd) if _percent(rnd, 40) else ALWAYS
        region = NaiveUnit(size, "region", start, end)
        units.append(region)
        for commune in communes:
            if not _percent(rnd, 25):
                edges += _edge(rnd, region, commune)
    return tuple(units), tuple(edges)


# --- indicators ----------------------------------------------------------------------------------------------


def _not_finer(base: str) -> tuple[str, ...]:
    order = (*BASES, "year")
    return order[order.index(base) :]


def random_indicators(rnd: Random) -> tuple[NaiveIndicator, ...]:
    """One or two indicators of their own, or a ratio with its parts."""
    if not _percent(rnd, 35):
        return tuple(
            NaiveIndicator(code, _pick(rnd, BASES), *_pick(rnd, LAW_PAIRS))
            for code in (("a", "b") if _percent(rnd, 20) else ("a",))
        )
    base = _pick(rnd, BASES)
    below = base if rnd.randint(0, 1) else _pick(rnd, _not_finer(base))
    upper_laws = _pick(rnd, LAW_PAIRS if _percent(rnd, 40) else RATIO_PAIRS)
    lower_laws = _pick(rnd, LAW_PAIRS if _percent(rnd, 30) else RATIO_PAIRS)
    own_base = base if not _percent(rnd, 25) else _pick(rnd, (base, below, "hour" if base == "realtime" else base))
    return (
        NaiveIndicator("n", base, *upper_laws),
        NaiveIndicator("d", below, *lower_laws),
        NaiveIndicator("r", own_base, "ratio", "ratio", _pick(rnd, RATIO_MEASURES), "n", "d"),
    )


# --- submissions ---------------------------------------------------------------------------------------------


def _value(rnd: Random) -> Decimal:
    style = rnd.randint(0, 9)
    if style <= 4:
        return Decimal(rnd.randint(-3, 20))
    if style == 5:
        return Decimal(0)
    if style <= 7:
        return Decimal(rnd.randint(-99_999, 999_999)).scaleb(-rnd.randint(1, 6))
    if style == 8:
        return Decimal(rnd.randint(1, 10**6)).scaleb(-6)
    return Decimal(rnd.randint(-(10**15) + 1, 10**15 - 1)).scaleb(-rnd.randint(0, 6))


def _whole_period_valid(unit: NaiveUnit, start: datetime, end: datetime) -> bool:
    return (unit.valid_from is None or datetime.combine(unit.valid_from, time()) <= start) and (
        unit.valid_to is None or end <= datetime.combine(unit.valid_to, time())
    )


def _grain(rnd: Random, indicator: NaiveIndicator) -> str:
    chance = rnd.randint(0, 99)
    coarser = BUCKET_GRAINS[rank(indicator.base_grain) :]
    if indicator.over_time == "cumulative":
        coarser = ("year",)  # for a month or a quarter a year-to-date figure is refused
    if chance >= 88 and coarser:
        return _pick(rnd, coarser)
    if indicator.base == "realtime" and not indicator.is_ratio and chance < 72:
        return "instant"
    return indicator.base_grain


def _starts(rnd: Random, grain: str, spot: datetime) -> list[datetime]:
    """One to seven periods (or instants) in a row near the spot."""
    length = _pick(rnd, (1, 2, 3, 4, 7))
    if grain == "instant":
        first = bucket_of("hour", spot)[0] + timedelta(minutes=rnd.randint(-120, 120))
        step = timedelta(minutes=_pick(rnd, (1, 15, 30, 60)))
        return [first + n * step for n in range(length)]
    start = bucket_of(grain, spot)[0]
    offset = _pick(rnd, (0, 0, 1, 2, 3, 4))
    for _ in range(offset):
        start = previous_bucket(grain, start)
    found = []
    for _ in range(length):
        found.append(start)
        start = next_bucket(grain, start)
    return found


def _run(
    rnd: Random, units: Sequence[NaiveUnit], indicators: Sequence[NaiveIndicator], spots: Sequence[datetime]
) -> list[Submission]:
    """One indicator, one to three units, a few periods in a row."""
    plain = [indicator for indicator in indicators if not indicator.is_ratio]
    indicator = indicators[-1] if _percent(rnd, 10) else _pick(rnd, plain)
    grain = _grain(rnd, indicator)
    spot = _pick(rnd, spots)
    if _percent(rnd, 12):
        spot = spot.replace(year=spot.year - 1)
    starts = _starts(rnd, grain, spot)
    status = _pick(rnd, ("final", *STATUSES[1::-1]))
    run = []
    for _ in range(rnd.randint(1, 3)):
        unit = _pick(rnd, units)
        for start in starts:
            end = start + timedelta(minutes=1) if grain == "instant" else next_bucket(grain, start)
            if _whole_period_valid(unit, start, end):
                run.append(Submission(indicator.code, unit.id, grain, start, _value(rnd), status))
    return run


def _sent_again(rnd: Random, before: Submission) -> Submission:
    """A correction, a withdrawal, a repetition, another status; after a withdrawal a new report."""
    what = rnd.randint(0, 9)
    if before.value is None or what <= 3:
        return replace(before, value=_value(rnd))
    if what <= 6:
        return replace(before, value=None)
    return replace(before, status=_pick(rnd, STATUSES)) if what <= 8 else before


def random_submissions(
    rnd: Random,
    units: Sequence[NaiveUnit],
    edges: Sequence[NaiveEdge],
    indicators: Sequence[NaiveIndicator],
    count: int,
) -> tuple[Submission, ...]:
    validities = [(unit.valid_from, unit.valid_to) for unit in units]
    validities += [(edge.valid_from, edge.valid_to) for edge in edges]
    changes = {day for validity in validities for day in validity if day is not None}
    candidates = (*EDGES, *(datetime.combine(day, time()) for day in sorted(changes)))
    spots = [_pick(rnd, candidates) for _ in range(2)]
    parents = {edge.parent for edge in edges}
    leaves = [unit for unit in units if unit.id not in parents]
    fresh: list[Submission] = []
    for _ in range(30):
        if len(fresh) >= count * 3 // 4:
            break
        fresh += _run(rnd, units if _percent(rnd, 35) else leaves, indicators, spots)
    rnd.shuffle(fresh)

    sent: list[Submission] = []
    now: dict[tuple[str, int, str, datetime], Submission] = {}
    for submission in fresh:
        sent.append(submission)
        now[submission.key] = submission
        if _percent(rnd, 25):
            again = _sent_again(rnd, now[_pick(rnd, list(now))])
            sent.append(again)
            now[again.key] = again
    return tuple(sent[:40])


@st.composite
def histories(draw: st.DrawFn) -> History:
    count = draw(st.integers(5, 40))
    rnd = draw(st.randoms(use_true_random=False))
    units, edges = random_tree(rnd)
    indicators = random_indicators(rnd)
    submissions = random_submissions(rnd, units, edges, indicators, count)
    now = _pick(rnd, NOWS) if rnd.randint(0, 1) else NOWS[0]
    return History(units, edges, indicators, submissions, now)


# --- what to ask ---------------------------------------------------------------------------------------------

Question = tuple[str, int, str, datetime]  # indicator, unit, grain, start


def questions(history: History, *, neighbours: bool = False) -> list[Question]:
    """Every bucket that a submission may have touched (and, if wanted, the ones beside it), for every unit.

    Of the grains finer than the base grain only the next finer one is asked for.
    """
    by_code = {indicator.code: indicator for indicator in history.indicators}
    touched: dict[str, set[tuple[str, datetime]]] = {code: set() for code in by_code}
    for submission in history.submissions:
        grain = submission.grain
        moment = submission.start if grain == "instant" else anchor(grain, submission.start)
        for code, indicator in by_code.items():
            if submission.indicator not in (code, indicator.numerator, indicator.denominator):
                continue
            for bucket_grain in BUCKET_GRAINS:
                if rank(bucket_grain) < rank(indicator.base_grain) - 1:
                    continue
                start = bucket_of(bucket_grain, moment)[0]
                touched[code].add((bucket_grain, start))
                if neighbours:
                    touched[code].add((bucket_grain, previous_bucket(bucket_grain, start)))
                    touched[code].add((bucket_grain, next_bucket(bucket_grain, start)))
    return [
        (code, unit.id, grain, start)
        for code, buckets in touched.items()
        for unit in history.units
        for grain, start in sorted(buckets, key=lambda bucket: (GRAINS.index(bucket[0]), bucket[1]))
    ]


def some_questions(history: History, limit: int) -> list[Question]:
    """A spread of at most `limit` questions without a draw: three in four touched, the others beside them."""

    def spread(everything: list[Question], wanted: int) -> list[Question]:
        count = min(wanted, len(everything))
        return [everything[number * len(everything) // count] for number in range(count)]

    near = spread(questions(history), limit * 3 // 4)
    beside = spread(questions(history, neighbours=True), limit - limit * 3 // 4)
    return list(dict.fromkeys(near + beside))
