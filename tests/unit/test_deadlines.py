"""Deadlines as a table that a clerk can check against the calendar on the wall.

The office works Monday to Friday, 7:30 to 11:30 and 13:00 to 17:00. Tết of 2026: Monday 16 to Friday 20 February off. 30 April and
1 May are a Thursday and a Friday. Monday 31 August is off for the National Day, and Saturday 22 August is worked instead.
"""

from datetime import date, datetime, time, timedelta

import pytest

from app.reports.deadlines import Measure, NeverWorks, Target, WorkingCalendar, deadline, resumed, soonest

MORNING, AFTERNOON = (time(7, 30), time(11, 30)), (time(13), time(17))
OFFICE = WorkingCalendar(
    week=dict.fromkeys(range(5), (MORNING, AFTERNOON)),
    days_off=frozenset(
        [date(2026, 2, day) for day in range(16, 21)]
        + [date(2026, 4, 30), date(2026, 5, 1), date(2026, 8, 31), date(2026, 9, 1), date(2026, 9, 2)]
    ),
    made_up={date(2026, 8, 22): 0},
)
MINUTES, HOURS, DAYS = "minutes", "working-hours", "working-days"


def at(text: str) -> datetime:
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("start", "amount", "measure", "due"),
    [
        # On a working day, within a shift, over lunch, over night, over the weekend.
        ("11-16 08:00", 2, HOURS, "11-16 10:00"),
        ("11-16 10:30", 2, HOURS, "11-16 14:00"),
        ("11-16 16:00", 2, HOURS, "11-17 08:30"),
        ("11-20 16:00", 2, HOURS, "11-23 08:30"),
        ("11-16 08:00", 8, HOURS, "11-17 08:00"),
        ("11-16 07:30", 8, HOURS, "11-16 17:00"),  # what ends with a shift ends there, and not with the next
        ("11-16 07:30", 4, HOURS, "11-16 11:30"),
        # Sent when nobody works.
        ("11-16 05:00", 1, HOURS, "11-16 08:30"),
        ("11-16 12:00", 1, HOURS, "11-16 14:00"),
        ("11-16 17:00", 1, HOURS, "11-17 08:30"),
        ("11-21 10:00", 1, HOURS, "11-23 08:30"),
        # Over Tết, over 30 April and 1 May, and a Saturday that is worked.
        ("02-13 16:00", 2, HOURS, "02-23 08:30"),
        ("04-29 16:30", 1, HOURS, "05-04 08:00"),
        ("08-21 16:00", 2, HOURS, "08-22 08:30"),
        ("08-28 16:00", 2, HOURS, "09-03 08:30"),
        # Days: that of the event does not count, whatever the hour.
        ("11-16 00:00", 1, DAYS, "11-17 17:00"),
        ("11-16 23:59", 1, DAYS, "11-17 17:00"),
        ("11-16 09:00", 3, DAYS, "11-19 17:00"),
        ("11-16 09:00", 5, DAYS, "11-23 17:00"),
        ("11-20 09:00", 1, DAYS, "11-23 17:00"),
        ("11-21 09:00", 1, DAYS, "11-23 17:00"),
        ("11-22 09:00", 10, DAYS, "12-04 17:00"),
        ("02-12 09:00", 2, DAYS, "02-23 17:00"),
        ("04-28 09:00", 2, DAYS, "05-04 17:00"),
        ("08-21 09:00", 1, DAYS, "08-22 17:00"),
        ("08-27 09:00", 2, DAYS, "09-03 17:00"),
        # What is urgent runs by the clock on the wall.
        ("11-21 23:50", 30, MINUTES, "11-22 00:20"),
        ("02-17 00:00", 30, MINUTES, "02-17 00:30"),
    ],
)  # fmt: skip
def test_a_target_is_due(start: str, amount: int, measure: str, due: str) -> None:
    assert deadline(OFFICE, at(start), Target(amount, measure)) == at(due)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("11-16 08:00", "11-16 10:30", 2.5),
        ("11-16 11:00", "11-16 13:30", 1),
        ("11-16 16:00", "11-17 08:00", 1.5),
        ("11-20 07:30", "11-23 17:00", 16),
        ("02-13 17:00", "02-23 07:30", 0),
        ("08-22 00:00", "08-23 00:00", 8),
        ("11-16 10:00", "11-16 10:00", 0),
    ],
)
def test_the_working_time_between_two_moments(start: str, end: str, hours: float) -> None:
    assert OFFICE.working_time(at(start), at(end)) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("due", "paused", "resumed_at", "measure", "moved_to"),
    [
        ("11-17 10:00", "11-16 16:00", "11-18 08:00", HOURS, "11-18 11:30"),  # an hour and two and a half were left
        ("11-19 17:00", "11-16 17:00", "11-23 07:30", DAYS, "11-25 17:00"),  # three days were left
        ("11-16 10:00", "11-16 09:40", "11-21 22:00", MINUTES, "11-21 22:20"),
        ("11-16 10:00", "11-16 11:00", "11-18 08:00", HOURS, "11-16 10:00"),  # it was late before
        ("11-17 10:00", "11-16 18:00", "11-16 19:00", HOURS, "11-17 10:00"),  # nobody worked meanwhile
        # An answer that the centre looked at and sent back.
        ("11-23 17:00", "11-17 09:00", "11-19 09:00", DAYS, "11-25 17:00"),
        ("11-17 11:00", "11-17 09:00", "11-17 10:00", HOURS, "11-17 13:30"),
    ],
)
def test_a_pause_leaves_what_was_left(due: str, paused: str, resumed_at: str, measure: str, moved_to: str) -> None:
    assert resumed(OFFICE, at(due), at(paused), at(resumed_at), measure) == at(moved_to)  # type: ignore[arg-type]


@pytest.mark.parametrize("measure", [MINUTES, HOURS, DAYS])
def test_a_moment_s_pause_does_not_move_the_end_of_a_day_to_the_next_one(measure: Measure) -> None:
    asked, answered = at("11-16 10:00"), at("11-16 10:00") + timedelta(seconds=59)

    assert resumed(OFFICE, at("11-16 17:00"), asked, answered, measure) == at("11-16 17:00")


@pytest.mark.parametrize("measure", ["minutes", "working-hours", "working-days"])
def test_nothing_is_due_sooner_than_soonest(measure: Measure) -> None:
    hours = [datetime(2026, 11, 20) + timedelta(hours=number) for number in range(24 * 7)]

    for target in (Target(amount, measure) for amount in (1, 2, 5, 8)):
        assert all(deadline(OFFICE, start, target) - start >= soonest(target) for start in hours)


def test_a_calendar_in_which_nobody_works_is_no_calendar() -> None:
    with pytest.raises(NeverWorks, match="2026-11-16"):
        deadline(WorkingCalendar({}), at("11-16 08:00"), Target(1, "working-hours"))
