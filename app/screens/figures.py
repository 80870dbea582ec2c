"""The figures that the widgets of a screen ask for: resolved together, in few statements, at one instant."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.catalogue import Catalogue, Indicator, Tree, Unit
from app.errors import Text
from app.periods import Grain, Period, bucket_start, previous_start
from app.rollups.series import Point, Question, Series, aggregate, units_under
from app.screens.latest import Cell, Sought, find_latest, find_received


@dataclass(frozen=True, slots=True)
class Scene:
    """From where a screen is looked at."""

    catalogue: Catalogue
    unit: Unit
    home: Unit  # that of the definition, when nobody asks for another
    formerly: Sequence[Unit]  # stand in where the unit has no figure
    period: Period | None  # None: the latest
    as_of: datetime | None
    now: datetime  # local; with `as_of` the time of that
    zone: tzinfo
    language: str
    readable: Callable[[Indicator], bool]

    @property
    def tree(self) -> Tree:
        return self.catalogue.tree_as_of(self.as_of)


@dataclass(frozen=True, slots=True)
class Below:
    """The units below one, instead of it: its children, or all of a kind."""

    kind: str | None = None
    beside: bool = False  # of a unit that has none: all among which it lies, if the screen is of those over it

    def units(self, scene: Scene, indicator: Indicator, unit: Unit, start: datetime, end: datetime) -> list[Unit]:
        """Those of which figures of the indicator are shown: who is there at some time in `[start, end)`."""
        below = units_under(scene.tree, unit, self.kind, start, end)
        if below or not self.beside or not indicator.public:  # who may see what a ward keeps may not see that of others
            return below
        around = units_under(scene.tree, scene.home, self.kind, start, end)
        return around if unit in around else []


@dataclass(frozen=True, slots=True)
class Need:
    """Figures of one indicator. Of several indicators and units the first that has any figure is taken, units first."""

    indicators: Sequence[Indicator]
    units: Sequence[Unit]
    absent: str | None = None  # instead of units: an address that is none's
    grain: Grain | None = None  # None: as it is reported
    period: Period | None = None  # None: the latest
    count: int = 1  # periods up to that one
    below: Below | None = None
    compare: frozenset[str] | None = frozenset()  # None: as one would expect of its grain

    def grain_of(self, indicator: Indicator) -> Grain:
        """Without another wish as it is reported; a year-to-date figure (lũy kế) is that of its year."""
        if self.grain is not None:
            return self.grain
        if indicator.over_time == "cumulative" and self.count == 1 and self.period is None:
            return Grain.year
        return indicator.base if self.period is None else max(indicator.base, self.period.grain)

    def comparisons_of(self, grain: Grain) -> frozenset[str]:
        """By default a Saturday is compared with the Saturday before: neither Friday nor the same date a year ago is like it."""
        if self.compare is not None:
            return self.compare
        return frozenset({"target", "week_ago"} if grain <= Grain.day else {"target", "previous", "year_ago"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found: of one indicator, one series a unit. Without a bucket there is no figure anywhere."""

    indicator: Indicator
    unit: Unit | None  # None: see `absent`
    grain: Grain
    latest: bool  # nobody asked for the period
    compare: frozenset[str] = frozenset()
    units: Sequence[Unit] = ()
    buckets: Sequence[Period] = ()
    series: Sequence[Series] = ()
    hidden: bool = False  # the viewer may not see it
    absent: str | None = None  # there is no unit with this address
    received: dict[Cell, datetime] = field(default_factory=dict)

    @property
    def bucket(self) -> Period | None:
        return self.buckets[-1] if self.buckets else None

    @property
    def reason(self) -> str:
        """Why there is nothing to show."""
        return "no-such-unit" if self.absent else "not-public" if self.hidden else "no-data"

    def last_of(self, series: Series) -> Point:
        return series.points[-1]


def unit_of(catalogue: Catalogue, address: str, period: Period | None, now: datetime) -> Unit:
    """The unit of that time, or else the last one that had the code: a screen of a former unit shows its last figures.

    Raises: UnknownUnit, UnitNotValid (an address with a day).
    """
    then = [] if period is None else catalogue.units_at(address, period.start, period.end)
    return then[-1] if then else catalogue.require_unit(address, None, now.date())


async def resolve(session: AsyncSession, scene: Scene, needs: Sequence[Need]) -> list[Answer]:
    """The answers, in the order of the needs."""
    latest = await find_latest(
        session, scene.catalogue, list(dict.fromkeys(_sought(scene, needs))), as_of=scene.as_of, now=scene.now
    )
    answers = [_place(scene, need, latest) for need in needs]
    questions: dict[tuple[tuple[Unit, ...], tuple[Period, ...], frozenset[str]], dict[Indicator, None]] = {}
    for one in answers:
        if one.buckets and not one.hidden:
            key = (tuple(one.units), tuple(one.buckets), one.compare)
            questions.setdefault(key, {})[one.indicator] = None
    found: dict[tuple[object, ...], Series] = {}
    for (units, buckets, compare), indicators in questions.items():
        question = Question(list(indicators), units, buckets, compare, scene.as_of)
        for series in await aggregate(session, scene.catalogue, question, now=scene.now):
            found[series.indicator, series.unit, buckets, compare] = series
    cells = {  # of a series the last two: a wall may speak of the last one that is complete
        (one.indicator, unit, bucket): None for one in answers for bucket in one.buckets[-2:] for unit in one.units
    }
    received = dict(await find_received(session, scene.catalogue, list(cells), as_of=scene.as_of)) if cells else {}
    return [one if one.hidden else _with(one, found, received) for one in answers]


def _with(one: Answer, found: dict[tuple[object, ...], Series], received: dict[Cell, datetime]) -> Answer:
    series = [found[one.indicator, unit, tuple(one.buckets), one.compare] for unit in one.units]
    return replace(one, series=series, received=received)


def _sought(scene: Scene, needs: Iterable[Need]) -> Iterable[Sought]:
    for need in needs:
        choices = len(need.indicators) * len(need.units)
        if need.period is not None and choices == 1:
            continue
        for unit in need.units:
            for indicator in filter(scene.readable, need.indicators):
                grain = need.grain_of(indicator)
                yield Sought(indicator, unit, grain)
                if need.below is not None and indicator.over_units == "none":
                    day = timedelta(days=1)
                    for child in need.below.units(scene, indicator, unit, scene.now, scene.now + day):
                        yield Sought(indicator, child, grain)


def _place(scene: Scene, need: Need, latest: dict[Sought, Period]) -> Answer:
    """Which indicator, unit and buckets it will be."""
    if need.absent is not None:
        first = need.indicators[0]
        return Answer(first, None, need.grain_of(first), need.period is None, absent=need.absent)
    for unit in need.units:
        for indicator in filter(scene.readable, need.indicators):
            grain = need.grain_of(indicator)
            bucket = latest.get(Sought(indicator, unit, grain))
            if bucket is None and need.below is not None and indicator.over_units == "none":
                day = timedelta(days=1)
                children = need.below.units(scene, indicator, unit, scene.now, scene.now + day)
                known = (latest.get(Sought(indicator, child, grain)) for child in children)
                bucket = max((one for one in known if one is not None), key=lambda one: one.start, default=None)
            if bucket is not None:
                return _over(scene, need, indicator, unit, grain, bucket)
    seen = next(filter(scene.readable, need.indicators), None)
    if seen is None:
        first = need.indicators[0]
        return Answer(first, need.units[0], need.grain_of(first), need.period is None, hidden=True)
    grain = need.grain_of(seen)
    if need.period is not None:
        return _over(scene, need, seen, need.units[0], grain, None)
    return Answer(seen, need.units[0], grain, True)


def _over(scene: Scene, need: Need, indicator: Indicator, unit: Unit, grain: Grain, bucket: Period | None) -> Answer:
    if need.period is not None:
        last_moment = max(need.period.start, need.period.end - timedelta(microseconds=1))
        bucket = Period(grain, bucket_start(grain, last_moment))
    assert bucket is not None
    buckets = [bucket]
    while len(buckets) < need.count:
        buckets.insert(0, Period(bucket.grain, previous_start(bucket.grain, buckets[0].start)))
    units = [unit]
    if need.below is not None:
        units = need.below.units(scene, indicator, unit, bucket.start, bucket.end)
    compare = need.comparisons_of(bucket.grain)
    return Answer(indicator, unit, bucket.grain, need.period is None, compare, units, buckets)


_FORMER = Text("{name} (cũ)", "{name} (former)")


def name_of(scene: Scene, unit: Unit) -> str:
    """The name of a unit, and that it is no more: the newest figures of a former one are not of the unit that there is now."""
    name = unit.name.fill(scene.language, {})
    return _FORMER.fill(scene.language, {"name": name}) if unit.end <= scene.now else name


def local(scene: Scene, moment: datetime) -> datetime:
    """An aware instant as naive local time."""
    return moment.astimezone(scene.zone).replace(tzinfo=None)


def aware(scene: Scene, moment: datetime) -> str:
    """A local time (naive) or an instant as it goes out: with the offset of the hub's zone."""
    return (moment.replace(tzinfo=scene.zone) if moment.tzinfo is None else moment.astimezone(scene.zone)).isoformat()
