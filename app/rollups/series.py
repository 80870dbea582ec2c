"""What it adds up to: series of figures, comparisons, rankings."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.catalogue import Catalogue, Indicator, Tree, Unit
from app.periods import Grain, Period, buckets
from app.rollups.laws import (
    COUNTERPARTS,
    Comparison,
    Figure,
    Laws,
    Observations,
    achieved,
    bucket_in_force,
    other_bucket,
    state_of,
)
from app.rollups.observations import Span, count_observed, fetch_observations, reach
from app.rollups.stored import Lookup, Lookups, StoredLaws, ask_session, fetch_stored
from app.rollups.targets import Target, find_targets


@dataclass(frozen=True, slots=True)
class Question:
    """Which figures: every indicator for every unit in every bucket."""

    indicators: Sequence[Indicator]
    units: Sequence[Unit]
    buckets: Sequence[Period]
    compare: frozenset[str] = frozenset()
    as_of: datetime | None = None

    @property
    def plain(self) -> bool:
        """Whether one statement answers it: the present, without comparisons."""
        return self.as_of is None and not self.compare

    def over(self, buckets: Sequence[Period]) -> "Question":
        return replace(self, buckets=buckets)


@dataclass(frozen=True, slots=True)
class Achievement:
    """A target and how the figure stands against it."""

    target: Target
    achieved_pct: Decimal | None
    state: str | None
    elapsed: Decimal | None = None  # the share of the target's period by which the state is judged; None: all of it


class Point(NamedTuple):
    """One bucket of a series, with the comparisons that were asked for."""

    bucket: Period
    figure: Figure
    previous: Comparison | None = None
    week_ago: Comparison | None = None
    year_ago: Comparison | None = None
    targets: Sequence[Achievement] | None = None
    ytd: Decimal | None = None


class Series(NamedTuple):
    indicator: Indicator
    unit: Unit
    points: Sequence[Point]
    sources: frozenset[int]
    with_ytd: bool


async def aggregate(session: AsyncSession, catalogue: Catalogue, question: Question, *, now: datetime) -> list[Series]:
    """Answer a question; `now` is local time. One statement fetches the figures, one more the targets when asked for."""
    laws = await (prepare_stored if question.as_of is None else prepare)(session, catalogue, question, now=now)
    targets = await find_targets(session, catalogue, question) if "target" in question.compare else {}
    if len(question.indicators) * len(question.units) * len(question.buckets) <= _QUICK:
        return _compute(laws, question, targets)
    # The laws only compute: in a thread of their own, so that a large question does not keep the small ones waiting.
    return await asyncio.to_thread(_compute, laws, question, targets)


async def aggregate_plain(
    lookups: Lookups, catalogue: Catalogue, question: Question, *, now: datetime
) -> list[Series] | None:
    """Answer a question that is `plain` by one statement and without a transaction. None: the catalogue is another by now."""
    stored = await lookups.fetch(_lookup(catalogue, question))
    if stored.catalogue != catalogue.version:
        return None
    nothing = Observations().freeze()
    laws = StoredLaws(catalogue.indicators_by_id, catalogue.tree, stored, nothing, now=now)
    if len(question.indicators) * len(question.units) * len(question.buckets) <= _QUICK:
        return _compute(laws, question, {})
    return await asyncio.to_thread(_compute, laws, question, {})


_QUICK = 200  # points that are computed sooner than a thread would begin


def _compute(
    laws: Laws, question: Question, targets: Mapping[tuple[int, int, Period], Sequence[Target]]
) -> list[Series]:
    answer = []
    for indicator in question.indicators:
        for unit in question.units:
            points = [Point(bucket, laws.figure(indicator, unit, bucket)) for bucket in question.buckets]
            if question.compare:
                points = [_compared(laws, question, indicator, unit, point, targets) for point in points]
            sources = frozenset().union(*[point.figure.sources for point in points])
            answer.append(Series(indicator, unit, points, sources, "ytd" in question.compare))
    return answer


def _compared(
    laws: Laws,
    question: Question,
    indicator: Indicator,
    unit: Unit,
    point: Point,
    targets: Mapping[tuple[int, int, Period], Sequence[Target]],
) -> Point:
    asked, bucket, figure = question.compare, point.bucket, point.figure
    standing = targets.get((indicator.id, unit.id, bucket), ())
    return Point(
        bucket,
        figure,
        previous=laws.compare("previous", indicator, unit, bucket, figure) if "previous" in asked else None,
        week_ago=laws.compare("week_ago", indicator, unit, bucket, figure) if "week_ago" in asked else None,
        year_ago=laws.compare("year_ago", indicator, unit, bucket, figure) if "year_ago" in asked else None,
        targets=[_achievement(laws, unit, figure, target) for target in standing] if "target" in asked else None,
        ytd=laws.year_to_date(indicator, unit, bucket) if "ytd" in asked else None,
    )


def _achievement(laws: Laws, unit: Unit, figure: Figure, target: Target) -> Achievement:
    if figure.value is None:
        return Achievement(target, None, None)
    elapsed = laws.elapsed(target.indicator, unit, target.period, figure)
    bounds = (target.on_track_pct, target.at_risk_pct)
    whole = Decimal(1) if elapsed is None else elapsed
    state = state_of(target.indicator.direction, figure.value, target.value, *bounds, whole)
    return Achievement(target, achieved(figure.value, target.value), state, elapsed)


async def prepare_stored(session: AsyncSession, catalogue: Catalogue, question: Question, *, now: datetime) -> Laws:
    """The laws over stored figures. Only where a part of a bucket is asked for, the readings of that part are fetched too."""
    stored = await fetch_stored(partial(ask_session, session), [_lookup(catalogue, question)])
    needs: dict[Indicator, list[Span]] = {}
    for indicator in question.indicators:
        for part in catalogue.parts_of(indicator) or [indicator]:
            if spans := list(_partial_spans(part, question, now)):
                needs.setdefault(part, []).extend(spans)
    observations = Observations().freeze()
    if needs:
        observations = await _observe(session, catalogue.tree, needs, question)
    return StoredLaws(catalogue.indicators_by_id, catalogue.tree, stored, observations, now=now)


def _lookup(catalogue: Catalogue, question: Question) -> Lookup:
    return Lookup.of(_buckets(catalogue, question), question.units, catalogue.parent_ids)


def _buckets(catalogue: Catalogue, question: Question) -> Iterable[tuple[Indicator, Period]]:
    """The buckets that figures and their comparisons look up; of a ratio also those of its parts."""
    kinds = question.compare.intersection(COUNTERPARTS)
    others = (other_bucket(kind, bucket) for kind in kinds for bucket in question.buckets)
    looked_at = [*question.buckets, *(other for other in others if other is not None)]
    for indicator in question.indicators:
        yield from ((indicator, one) for one in looked_at)
        for part in catalogue.parts_of(indicator):
            for one in looked_at:
                yield part, one
                yield part, bucket_in_force(part, one)


def _partial_spans(part: Indicator, question: Question, now: datetime) -> Iterable[Span]:
    """Where a comparison looks at less than a bucket: what is not over yet, and the year so far."""
    for bucket in question.buckets:
        if "ytd" in question.compare:
            yield reach(part, bucket, from_new_year=True)
        for kind in COUNTERPARTS:
            if bucket.end > now and kind in question.compare and (other := other_bucket(kind, bucket)) is not None:
                yield reach(part, other, from_new_year=False)


async def prepare(session: AsyncSession, catalogue: Catalogue, question: Question, *, now: datetime) -> Laws:
    """The laws over the readings: trees, ratio parts, comparisons, the year so far. For what is not stored: the past."""
    tree = catalogue.tree_as_of(question.as_of)
    observations = await _observe(session, tree, _needs(catalogue, question), question)
    return Laws(catalogue.indicators_by_id, tree, observations, now=now)


async def count_readings(session: AsyncSession, catalogue: Catalogue, question: Question, *, most: int) -> int:
    """How many readings `prepare` would look at, counted up to `most`."""
    needs = _needs(catalogue, question)
    units = _units(catalogue.tree_as_of(question.as_of), needs, question)
    return await count_observed(session, needs, units, most)


def _needs(catalogue: Catalogue, question: Question) -> dict[Indicator, list[Span]]:
    needs: dict[Indicator, list[Span]] = {}
    for indicator in question.indicators:
        for part in (indicator, *catalogue.parts_of(indicator)):
            needs.setdefault(part, []).extend(_spans(part, question))
    return needs


async def _observe(
    session: AsyncSession, tree: Tree, needs: Mapping[Indicator, Sequence[Span]], question: Question
) -> Observations:
    units = _units(tree, needs, question)
    return await fetch_observations(session, needs, units, question.units, question.as_of)


def _units(tree: Tree, needs: Mapping[Indicator, Sequence[Span]], question: Question) -> Collection[Unit]:
    start = min((span.start for spans in needs.values() for span in spans), default=datetime.min)
    end = max((span.end for spans in needs.values() for span in spans), default=datetime.min)
    return tree.subtree(question.units, start, end).values()


def _spans(part: Indicator, question: Question) -> Iterable[Span]:
    for bucket in question.buckets:
        yield reach(part, bucket, from_new_year="ytd" in question.compare)
        for kind in COUNTERPARTS:
            if kind in question.compare and (other := other_bucket(kind, bucket)) is not None:
                yield reach(part, other, from_new_year=False)


# --- rankings ---


@dataclass(frozen=True, slots=True)
class Ranked:
    """`rank` is None for a unit without a value."""

    rank: int | None
    series: Series


async def rank(
    session: AsyncSession,
    catalogue: Catalogue,
    indicator: Indicator,
    units: Sequence[Unit],
    bucket: Period,
    *,
    as_of: datetime | None,
    now: datetime,
) -> list[Ranked]:
    """Units by the value of one bucket; see `by_value`."""
    question = Question([indicator], units, [bucket], as_of=as_of)
    return by_value(indicator, await aggregate(session, catalogue, question, now=now))


def by_value(indicator: Indicator, series: Sequence[Series]) -> list[Ranked]:
    """Series by their last bucket, best first by the indicator's direction; those without a value last, unranked.

    Equal values share a rank and the next one counts them (1, 2, 2, 4).
    """
    valued = [one for one in series if one.points[-1].figure.value is not None]
    values = [_value(one) for one in valued]
    ascending = indicator.direction == "down_good"
    ranked = [
        Ranked(1 + sum(other < value if ascending else other > value for other in values), one)
        for one, value in zip(valued, values, strict=True)
    ]
    ranked.sort(key=lambda one: (one.rank or 0, one.series.unit.code))
    return ranked + [Ranked(None, one) for one in series if one.points[-1].figure.value is None]


def _value(series: Series) -> Decimal:
    value = series.points[-1].figure.value
    assert value is not None
    return value


def units_under(tree: Tree, unit: Unit, kind: str | None, start: datetime, end: datetime) -> list[Unit]:
    """The children of a unit at some time in `[start, end)`; with a kind, all of that kind below it."""
    if kind is None:
        return tree.children_in(unit, start, end)
    below = tree.subtree([unit], start, end).values()
    return sorted((one for one in below if one.kind == kind and one is not unit), key=lambda one: (one.code, one.start))


def series_buckets(grain: Grain, start: datetime, end: datetime) -> list[Period]:
    """The buckets that touch `[start, end)`."""
    return list(buckets(grain, start, end))
