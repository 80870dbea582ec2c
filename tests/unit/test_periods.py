"""Periods: their names, their edges, and how many of one fit into another."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.periods import (
    FIRST_YEAR,
    LAST_YEAR,
    Grain,
    Period,
    PeriodError,
    add_months,
    bucket_start,
    buckets,
    count_base_periods,
    label,
    next_start,
    parse_period,
    previous_start,
    year_ago_start,
)

VIETNAM = timezone(timedelta(hours=7))
GRAINS = [grain for grain in Grain if grain is not Grain.instant]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def moments(first: int = FIRST_YEAR + 1, last: int = LAST_YEAR - 1) -> st.SearchStrategy[datetime]:
    return st.datetimes(datetime(first, 1, 1), datetime(last, 12, 31, 23, 59, 59))


@pytest.mark.parametrize(("text", "grain", "start", "end"), [
    ("2024", "year", "2024-01-01", "2025-01-01"),
    ("2024-Q1", "quarter", "2024-01-01", "2024-04-01"),
    ("2024-Q4", "quarter", "2024-10-01", "2025-01-01"),
    ("2024-02", "month", "2024-02-01", "2024-03-01"),
    ("2024-12", "month", "2024-12-01", "2025-01-01"),
    ("2024-W41", "week", "2024-10-07", "2024-10-14"),  # Monday to Monday
    ("2025-W01", "week", "2024-12-30", "2025-01-06"),  # Thursday 2 January 2025
    ("2020-W53", "week", "2020-12-28", "2021-01-04"),  # Thursday 31 December 2020
    ("2021-W01", "week", "2021-01-04", "2021-01-11"),
    ("2024-02-29", "day", "2024-02-29", "2024-03-01"),
    ("2024-12-31", "day", "2024-12-31", "2025-01-01"),
    ("2024-10-05T00", "hour", "2024-10-05T00:00", "2024-10-05T01:00"),
    ("2024-10-05T23", "hour", "2024-10-05T23:00", "2024-10-06T00:00"),
    ("1900", "year", "1900-01-01", "1901-01-01"),
    ("2200", "year", "2200-01-01", "2201-01-01"),
])  # fmt: skip
def test_a_period_is_a_half_open_interval_with_a_name(text: str, grain: str, start: str, end: str) -> None:
    period = parse_period(text, VIETNAM)

    assert (period.grain, period.start, period.end) == (Grain[grain], at(start), at(end))
    assert str(period) == text


@pytest.mark.parametrize(("text", "local"), [
    ("2024-10-05T14:03", "2024-10-05T14:03"),
    ("2024-10-05T14:03:59.123456", "2024-10-05T14:03:59.123456"),
    ("2024-10-05T14:03:00+07:00", "2024-10-05T14:03"),
    ("2024-10-05T14:03:00Z", "2024-10-05T21:03"),
    ("2024-10-05T14:03Z", "2024-10-05T21:03"),
    ("2024-12-31T17:00:00Z", "2025-01-01T00:00"),  # midnight of New Year in Viet Nam
    ("2024-10-05T00:30:00+09:00", "2024-10-04T22:30"),
    ("2024-02-29T20:00:00-05:30", "2024-03-01T08:30"),
])  # fmt: skip
def test_an_instant_is_moved_to_the_local_calendar(text: str, local: str) -> None:
    assert parse_period(text, VIETNAM) == Period(Grain.instant, at(local))


def test_an_instant_has_no_length() -> None:
    instant = parse_period("2024-10-05T14:03", VIETNAM)
    assert instant.start == instant.end == instant.anchor


@pytest.mark.parametrize("text", [
    "", " ", "2024 ", " 2024", "2024\n", "24", "02024", "+2024", "-2024", "2024-", "year", "today",
    "2024-Q0", "2024-Q5", "2024-Q", "2024-q1", "Q1-2024", "2024Q1",
    "2024-W00", "2024-W53", "2024-W54", "2024-W1", "2024-w41", "2024-W41-1", "2024W41",  # 2024 has 52 weeks
    "2024-00", "2024-13", "2024-1", "10/2024", "202410",
    "2024-02-30", "2023-02-29", "2024-04-31", "2024-10-00", "2024-10-32", "2024-10-5", "05/10/2024", "2024.10.05",
    "2024-10-05T", "2024-10-05T24", "2024-10-05T7", "2024-10-05 14", "2024-10-05t14",
    "2024-10-05T14:60", "2024-10-05T14:03:60", "2024-10-05T14:03:00.", "2024-10-05T14:03:00.1234567",
    "2024-10-05T14Z", "2024-10-05T14:03z", "2024-10-05T14:03+7", "2024-10-05T14:03+0700", "2024-10-05T14:03+25:00",
    "1899", "2201", "0000", "9999-12-31", "1899-12-31T23:00", "2024-10-05T14:03:00+07:00:00",
    "２０２４", "٢٠٢٤-١٠", "2024–10", "2024-10/2024-11", "2024-10\x00",
])  # fmt: skip
def test_anything_else_is_no_period(text: str) -> None:
    with pytest.raises(PeriodError):
        parse_period(text, VIETNAM)


@given(moments(), st.sampled_from(list(Grain)))
def test_the_name_of_a_period_reads_back_as_the_period(moment: datetime, grain: Grain) -> None:
    period = Period(grain, bucket_start(grain, moment))
    assert parse_period(str(period), VIETNAM) == period


@given(moments(), st.sampled_from([UTC, VIETNAM, timezone(timedelta(hours=-9, minutes=-30))]))
def test_an_instant_means_the_same_whatever_its_offset(moment: datetime, offset: tzinfo) -> None:
    sent = moment.replace(tzinfo=VIETNAM).astimezone(offset).isoformat()
    assert parse_period(sent, VIETNAM) == Period(Grain.instant, moment)


@given(moments(), st.sampled_from(GRAINS))
def test_a_bucket_holds_its_moments_and_touches_its_neighbours(moment: datetime, grain: Grain) -> None:
    start = bucket_start(grain, moment)
    end = next_start(grain, start)

    assert start <= moment < end
    assert bucket_start(grain, start) == start
    assert bucket_start(grain, end) == end
    assert bucket_start(grain, end - timedelta(microseconds=1)) == start
    assert previous_start(grain, end) == start
    assert next_start(grain, previous_start(grain, start)) == start


@pytest.mark.parametrize(("moment", "starts"), [
    # Tuesday
    ("2024-12-31T14:30", "2024-12-31T14:00 2024-12-31 2024-12-30 2024-12-01 2024-10-01 2024-01-01"),
    # Sunday, the end of week 53 of 2020
    ("2021-01-03T23:59", "2021-01-03T23:00 2021-01-03 2020-12-28 2021-01-01 2021-01-01 2021-01-01"),
    # Thursday
    ("2024-02-29T00:00", "2024-02-29T00:00 2024-02-29 2024-02-26 2024-02-01 2024-01-01 2024-01-01"),
    # Sunday
    ("2024-06-30T12:00", "2024-06-30T12:00 2024-06-30 2024-06-24 2024-06-01 2024-04-01 2024-01-01"),
])  # fmt: skip
def test_the_buckets_around_a_moment(moment: str, starts: str) -> None:
    found = [bucket_start(grain, at(moment)) for grain in GRAINS]  # hour, day, week, month, quarter, year
    assert found == [at(start) for start in starts.split()]


@pytest.mark.parametrize(("period", "before", "year_ago"), [
    ("2024", "2023", "2023"),
    ("2024-Q1", "2023-Q4", "2023-Q1"),
    ("2024-01", "2023-12", "2023-01"),
    ("2024-03", "2024-02", "2023-03"),
    ("2025-W01", "2024-W52", "2024-W01"),
    ("2021-W01", "2020-W53", "2020-W01"),
    ("2020-W53", "2020-W52", None),
    ("2024-03-01", "2024-02-29", "2023-03-01"),
    ("2024-02-29", "2024-02-28", None),
    ("2025-02-28", "2025-02-27", "2024-02-28"),
    ("2024-10-05T00", "2024-10-04T23", "2023-10-05T00"),
    ("2024-02-29T05", "2024-02-29T04", None),
])  # fmt: skip
def test_the_period_before_and_the_one_a_year_ago(period: str, before: str, year_ago: str | None) -> None:
    grain, start = parse_period(period, VIETNAM).grain, parse_period(period, VIETNAM).start
    other = year_ago_start(grain, start)

    assert label(grain, previous_start(grain, start)) == before
    assert (None if other is None else label(grain, other)) == year_ago


@pytest.mark.parametrize(("moment", "months", "moved"), [
    ("2024-10-05", 1, "2024-11-05"),
    ("2024-12-05", 1, "2025-01-05"),
    ("2024-01-05", -1, "2023-12-05"),
    ("2024-10-05T14:30", -12, "2023-10-05T14:30"),
    ("2024-10-05", 0, "2024-10-05"),
    # a day that the other month lacks: its end, whatever the hour
    ("2025-03-31", -1, "2025-03-01"),
    ("2025-03-29T05:00", -1, "2025-03-01"),
    ("2024-03-30", -1, "2024-03-01"),
    ("2024-03-29", -1, "2024-02-29"),
    ("2024-02-29", -12, "2023-03-01"),
    ("2024-02-29T23:59", 12, "2025-03-01"),
    ("2024-02-29", -48, "2020-02-29"),
    ("2025-05-31", -3, "2025-03-01"),
    ("2025-10-31T12:00", 1, "2025-12-01"),
])  # fmt: skip
def test_moving_by_months(moment: str, months: int, moved: str) -> None:
    assert add_months(at(moment), months) == at(moved)


@given(moments(), st.integers(-48, 48))
def test_moving_by_months_never_leaves_the_month_but_for_its_end(moment: datetime, months: int) -> None:
    aim = moment.year * 12 + moment.month - 1 + months
    first = datetime(aim // 12, aim % 12 + 1, 1)
    assert first <= add_months(moment, months) <= next_start(Grain.month, first)


@pytest.mark.parametrize(("period", "anchor", "month", "quarter", "year"), [
    ("2024-W40", "2024-10-03", "2024-10", "2024-Q4", "2024"),  # 30 September - 6 October
    ("2024-W18", "2024-05-02", "2024-05", "2024-Q2", "2024"),  # 29 April - 5 May
    ("2025-W01", "2025-01-02", "2025-01", "2025-Q1", "2025"),  # 30 December - 5 January
    ("2020-W53", "2020-12-31", "2020-12", "2020-Q4", "2020"),  # 28 December - 3 January
    ("2024-06-30", "2024-06-30", "2024-06", "2024-Q2", "2024"),
    ("2024-07-01T00", "2024-07-01", "2024-07", "2024-Q3", "2024"),
    ("2024-12", "2024-12-01", "2024-12", "2024-Q4", "2024"),
])  # fmt: skip
def test_a_period_belongs_where_its_anchor_is(period: str, anchor: str, month: str, quarter: str, year: str) -> None:
    found = parse_period(period, VIETNAM).anchor

    assert found == at(anchor)
    within = [label(grain, bucket_start(grain, found)) for grain in (Grain.month, Grain.quarter, Grain.year)]
    assert within == [month, quarter, year]


@pytest.mark.parametrize(("base", "start", "end", "count"), [
    ("day", "2024-02-01", "2024-03-01", 29),
    ("day", "2023-02-01", "2023-03-01", 28),
    ("day", "2024-01-01", "2025-01-01", 366),
    ("hour", "2024-10-05", "2024-10-06", 24),
    ("hour", "2024-10-05T00:30", "2024-10-05T02:30", 2),  # 1 and 2 o'clock
    ("week", "2020-01-01", "2021-01-01", 53),
    ("week", "2024-01-01", "2025-01-01", 52),
    ("week", "2024-09-01", "2024-10-01", 4),  # Thursdays 5, 12, 19, 26
    ("week", "2024-10-01", "2024-11-01", 5),  # Thursdays 3, 10, 17, 24, 31
    ("week", "2025-06-30", "2025-07-03", 0),  # Thursday is 3 July
    ("week", "2025-07-03", "2025-07-04", 1),
    ("month", "2025-01-01", "2025-07-01", 6),
    ("month", "2025-01-15", "2025-07-01", 5),
    ("month", "2025-01-15", "2025-01-20", 0),
    ("quarter", "2025-01-01", "2026-01-01", 4),
    ("quarter", "2025-01-02", "2026-01-02", 4),
    ("year", "2025-01-01", "2026-01-01", 1),
    ("year", "2025-01-02", "2026-01-01", 0),
    ("day", "2025-01-02", "2025-01-02", 0),
    ("day", "2025-01-02", "2025-01-01", 0),
])  # fmt: skip
def test_how_many_base_periods_an_interval_has(base: str, start: str, end: str, count: int) -> None:
    assert count_base_periods(Grain[base], at(start), at(end)) == count


SPANS = {Grain.hour: 10, Grain.day: 100, Grain.week: 800, Grain.month: 3000, Grain.quarter: 3000, Grain.year: 9000}


@given(st.data(), st.sampled_from(GRAINS), moments(1990, 2100))
def test_counting_is_the_same_as_going_through_them(data: st.DataObject, base: Grain, start: datetime) -> None:
    end = start + timedelta(days=SPANS[base]) * data.draw(st.floats(-0.1, 1))
    edges = st.sampled_from([start, bucket_start(base, start), bucket_start(Grain.day, start)])
    start = data.draw(edges)
    first = previous_start(base, bucket_start(base, start))

    found = [period for period in buckets(base, first, end) if start <= period.anchor < end]

    assert count_base_periods(base, start, end) == len(found)


def test_the_buckets_that_touch_an_interval() -> None:
    weeks = [str(week) for week in buckets(Grain.week, at("2024-12-31"), at("2025-01-13T00:00:01"))]
    assert weeks == ["2025-W01", "2025-W02", "2025-W03"]
    assert list(buckets(Grain.month, at("2025-01-01"), at("2025-01-01"))) == []


def test_finer_grains_come_first() -> None:
    assert [grain.name for grain in sorted(Grain)] == ["instant", "hour", "day", "week", "month", "quarter", "year"]
