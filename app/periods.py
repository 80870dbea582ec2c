"""Periods on the local calendar: half-open intervals with a name.

Everything here is pure and works on *naive local* datetimes: a period is a label on the wall calendar of the
hub's zone (`2024-10`), not a stretch of UTC. `settings.zone` must have a fixed offset, so the label
and the instant say the same; `local_instant` converts what arrives with an offset.

Formats (design: SDMX TIME_PERIOD): `2024`, `2024-Q3`, `2024-10`, `2024-W41`, `2024-10-05`, `2024-10-05T14`, and instants
in RFC 3339 with or without an offset. Weeks are ISO 8601: Monday to Monday, numbered in the year of their Thursday.
"""

import enum
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

FIRST_YEAR, LAST_YEAR = 1900, 2200
CLOCKS_DIFFER = timedelta(minutes=10)  # as far ahead may the clock of a camera, a phone or another system be


class Grain(enum.IntEnum):
    """The length class of a period, finest first, so that `>` reads "coarser than". Stored as its number."""

    instant = 0
    hour = 1
    day = 2
    week = 3
    month = 4
    quarter = 5
    year = 6


class PeriodError(ValueError):
    """The text is not a period."""


class Period(NamedTuple):
    """One period: `[start, end)` in local time. An instant has `start == end`."""

    grain: Grain
    start: datetime

    @property
    def end(self) -> datetime:
        return next_start(self.grain, self.start)

    @property
    def anchor(self) -> datetime:
        """The moment that decides to which coarser bucket this period belongs: a week's Thursday, else the start."""
        return anchor_of(self.grain, self.start)

    def __str__(self) -> str:
        return label(self.grain, self.start)


def anchor_of(grain: Grain, start: datetime) -> datetime:
    """See `Period.anchor`. ISO 8601 gives a week to the year of its Thursday; month and quarter follow the same rule."""
    return start + timedelta(days=3) if grain is Grain.week else start


def bucket_start(grain: Grain, moment: datetime) -> datetime:
    """The start of the period of this grain that contains the moment."""
    match grain:
        case Grain.instant:
            return moment
        case Grain.hour:
            return moment.replace(minute=0, second=0, microsecond=0)
        case Grain.day:
            return datetime(moment.year, moment.month, moment.day)
        case Grain.week:
            return datetime(moment.year, moment.month, moment.day) - timedelta(days=moment.weekday())
        case Grain.month:
            return datetime(moment.year, moment.month, 1)
        case Grain.quarter:
            return datetime(moment.year, (moment.month - 1) // 3 * 3 + 1, 1)
        case Grain.year:
            return datetime(moment.year, 1, 1)


@lru_cache(maxsize=4096)  # an answer says the same few periods again and again
def next_start(grain: Grain, start: datetime) -> datetime:
    """The start of the following period; `start` must be the start of one."""
    match grain:
        case Grain.instant:
            return start
        case Grain.hour:
            return start + timedelta(hours=1)
        case Grain.day:
            return start + timedelta(days=1)
        case Grain.week:
            return start + timedelta(days=7)
        case Grain.month:
            return add_months(start, 1)
        case Grain.quarter:
            return add_months(start, 3)
        case Grain.year:
            return add_months(start, 12)


def previous_start(grain: Grain, start: datetime) -> datetime:
    return bucket_start(grain, start - timedelta(microseconds=1))


def add_months(moment: datetime, months: int) -> datetime:
    """Move by calendar months. A moment of a day that the target month lacks becomes the end of that month
    (31 March minus one month is 1 March, 0:00: for an exclusive end that is "all of February").
    """
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    try:
        return moment.replace(year=year, month=month + 1)
    except ValueError:
        year, month = divmod(year * 12 + month + 1, 12)
        return datetime(year, month + 1, 1)


def year_ago_start(grain: Grain, start: datetime) -> datetime | None:
    """The start of the like-named period a year before, or None where there is none (29 February, week 53)."""
    if grain is Grain.week:
        iso = start.isocalendar()
        try:
            return datetime.fromisocalendar(iso.year - 1, iso.week, 1)
        except ValueError:
            return None
    try:
        return start.replace(year=start.year - 1)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def label(grain: Grain, start: datetime) -> str:
    match grain:
        case Grain.instant:
            return start.isoformat()
        case Grain.hour:
            return f"{start:%Y-%m-%dT%H}"
        case Grain.day:
            return f"{start:%Y-%m-%d}"
        case Grain.week:
            iso = start.isocalendar()
            return f"{iso.year}-W{iso.week:02}"
        case Grain.month:
            return f"{start:%Y-%m}"
        case Grain.quarter:
            return f"{start.year}-Q{(start.month + 2) // 3}"
        case Grain.year:
            return f"{start.year}"


_SHAPE = re.compile(
    r"(?P<year>\d{4})"
    r"(?:-Q(?P<quarter>[1-4])|-W(?P<week>\d\d)"
    r"|-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:T(?P<hour>\d\d)(?P<clock>:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?)?)?)?",
    re.ASCII,
)


@lru_cache(maxsize=65_536)
def parse_period(text: str, zone: tzinfo) -> Period:
    """Read a period or an instant; an instant with an offset is moved to the local calendar.

    Raises:
        PeriodError: when the text has none of the forms, or names a day that does not exist.
    """
    if (shape := _SHAPE.fullmatch(text)) is None:
        raise PeriodError(text)
    part = shape.groupdict()
    year = int(part["year"])
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise PeriodError(text)
    try:
        if part["clock"]:
            moment = local_instant(datetime.fromisoformat(text), zone)
            if not FIRST_YEAR <= moment.year <= LAST_YEAR:
                raise PeriodError(text)
            return Period(Grain.instant, moment)
        if part["quarter"]:
            return Period(Grain.quarter, datetime(year, int(part["quarter"]) * 3 - 2, 1))
        if part["week"]:
            return Period(Grain.week, datetime.fromisocalendar(year, int(part["week"]), 1))
        if part["hour"]:
            return Period(Grain.hour, datetime(year, int(part["month"]), int(part["day"]), int(part["hour"])))
        if part["day"]:
            return Period(Grain.day, datetime(year, int(part["month"]), int(part["day"])))
        if part["month"]:
            return Period(Grain.month, datetime(year, int(part["month"]), 1))
        return Period(Grain.year, datetime(year, 1, 1))
    except (ValueError, OverflowError) as error:
        raise PeriodError(text) from error


def local_instant(moment: datetime, zone: tzinfo) -> datetime:
    """The naive local wall time of an instant; one without an offset is local already."""
    return moment if moment.tzinfo is None else moment.astimezone(zone).replace(tzinfo=None)


@lru_cache(maxsize=4096)  # units begin and end on few days, all on the same
def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def buckets(grain: Grain, start: datetime, end: datetime) -> Iterator[Period]:
    """Every period of this grain that starts in `[bucket of start, end)`, in order."""
    at = bucket_start(grain, start)
    while at < end:
        yield Period(grain, at)
        at = next_start(grain, at)


def count_base_periods(base: Grain, start: datetime, end: datetime) -> int:
    """How many periods of the base grain have their anchor in `[start, end)`."""
    if end <= start:
        return 0
    match base:
        case Grain.instant | Grain.hour | Grain.day:
            step = timedelta(days=1) if base is Grain.day else timedelta(hours=1)
            return _ceil_div(end, step) - _ceil_div(start, step)
        case Grain.week:
            thursday = timedelta(days=3)
            return _ceil_div(end - thursday, timedelta(days=7)) - _ceil_div(start - thursday, timedelta(days=7))
        case Grain.month | Grain.quarter | Grain.year:
            months = {Grain.month: 1, Grain.quarter: 3, Grain.year: 12}[base]
            return _months_ceil(end, months) - _months_ceil(start, months)


_MONDAY = datetime(1900, 1, 1)


def _ceil_div(moment: datetime, step: timedelta) -> int:
    """How many steps since a Monday midnight start before the moment."""
    return -((_MONDAY - moment) // step)


def _months_ceil(moment: datetime, months: int) -> int:
    whole = moment.year * 12 + moment.month - 1
    exact = moment == datetime(moment.year, moment.month, 1)
    return -((-whole - (0 if exact else 1)) // months)
