"""By when an agency must act: the arithmetic of working hours and working days. Pure; times are naive local ones.

Two clocks promise something to a citizen: the intake clock (is this a report, and whose?) and the handling clock. Each has a
`Target` out of the data of the operator, since every province decides its own: minutes of the wall clock for what is urgent,
working hours, or working days.

- **Working hours** run while the calendar says that somebody works, and stand still otherwise.
- **Working days** begin to count on the working day after the event, and end with the last shift of the last of them: the day of
  the event is left out (Civil Code 91/2015/QH13, article 147), and a deadline never falls on a day off (article 148). The Code
  lets a day end at midnight; a promise that somebody in an office must keep ends when the office closes.
- A **pause** (the citizen was asked for more) takes as much working time out of both clocks as it lasted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Literal

Measure = Literal["minutes", "working-hours", "working-days"]
Shift = tuple[time, time]

_ONE_DAY = timedelta(days=1)
_LONGEST_REST = 366  # days without a shift after which a calendar is no calendar
LONGEST = timedelta(days=731)  # that anything may be put off
_FARTHEST = (
    5 * LONGEST
)  # that is looked ahead for working time: to count on where hardly anybody works would take minutes


class NeverWorks(ValueError):
    """The calendar has no shift within a year, or too few within ten: no deadline can be computed with it."""


@dataclass(frozen=True, slots=True)
class Target:
    """How long something may take."""

    amount: int
    measure: Measure


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """When an agency works (lịch làm việc).

    Args:
        week: the shifts of each weekday (Monday is 0), in order and without overlap; a weekday that is not there is off.
        days_off: public holidays, and weekdays off in exchange for another day.
        made_up: days off that are worked instead (ngày làm bù), each with the weekday whose shifts it has.
    """

    week: Mapping[int, tuple[Shift, ...]]
    days_off: frozenset[date] = frozenset()
    made_up: Mapping[date, int] = field(default_factory=dict)

    def shifts_on(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """The stretches of working time of a day."""
        if day in self.made_up:
            shifts = self.week.get(self.made_up[day], ())
        else:
            shifts = () if day in self.days_off else self.week.get(day.weekday(), ())
        for begin, end in shifts:
            yield datetime.combine(day, begin), datetime.combine(day, end)

    def shifts_from(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """All working time from a moment on.

        Raises:
            NeverWorks: for a year there is none, or ten are over.
        """
        day, rest = moment.date(), 0
        end_of_sight = day + _FARTHEST
        while rest <= _LONGEST_REST and day < end_of_sight:
            rest += 1
            for begin, end in self.shifts_on(day):
                if end > moment:
                    rest = 0
                    yield max(begin, moment), end
            day += _ONE_DAY
        raise NeverWorks(f"from {moment:%Y-%m-%d} on too little is worked")

    def after_hours(self, start: datetime, working: timedelta) -> datetime:
        """When so much working time has passed; none at all has passed at the start, whenever that is."""
        if not working:
            return start
        for begin, end in self.shifts_from(start):
            if working <= end - begin:
                return begin + working
            working -= end - begin
        raise AssertionError("working time has no end")

    def after_days(self, start: datetime, days: int) -> datetime:
        """The end of the last shift of the working day that is so many after the day of the start."""
        last = start
        for begin, end in self.shifts_from(datetime.combine(start.date() + _ONE_DAY, time())):
            if begin.date() != last.date():
                if not days:
                    break
                days -= 1
            last = end
        return last

    def working_time(self, start: datetime, end: datetime) -> timedelta:
        """How much working time is in `[start, end)`."""
        total, day = timedelta(), start.date()
        while day <= end.date():
            for begin, until in self.shifts_on(day):
                total += max(min(until, end) - max(begin, start), timedelta())
            day += _ONE_DAY
        return total


def deadline(calendar: WorkingCalendar, start: datetime, target: Target) -> datetime:
    """By when a target must be met that began to run at `start`.

    Raises:
        NeverWorks: the calendar has no working time.
    """
    match target.measure:
        case "minutes":
            return start + timedelta(minutes=target.amount)
        case "working-hours":
            return calendar.after_hours(start, timedelta(hours=target.amount))
        case "working-days":
            return calendar.after_days(start, target.amount)


def soonest(target: Target) -> timedelta:
    """A deadline is never nearer to its start than this, whatever the calendar: for whoever looks for what may be due."""
    match target.measure:
        case "minutes":
            return timedelta(minutes=target.amount)
        case "working-hours":
            return timedelta(hours=target.amount)
        case "working-days":
            return timedelta(days=target.amount - 1)  # it may begin at the very end of a day


def resumed(
    calendar: WorkingCalendar, due: datetime, paused_at: datetime, resumed_at: datetime, measure: Measure
) -> datetime:
    """The deadline after a pause: what was left of it when the clock stopped is left when it goes on.

    A deadline that had passed before the pause stays: to ask a citizen back makes nobody less late. A pause counts in whole
    minutes: what is due at the end of a day is not due on the next one because somebody was asked for a second.
    """
    if due <= paused_at:
        return due
    resumed_at -= (resumed_at - paused_at) % timedelta(minutes=1)
    if measure == "minutes":
        return resumed_at + (due - paused_at)
    return calendar.after_hours(resumed_at, calendar.working_time(paused_at, due))
