"""The naive recomputation held against docs/aggregation.md by hand. Every name carries its arithmetic.

province 1 ── district 2 ── commune 4 ── site 7
           │             └─ commune 5
           └─ district 3 ── commune 6          region 8 = {4, 6}
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import pytest

from tests.naive import (
    GRAINS,
    NaiveEdge,
    NaiveFigure,
    NaiveIndicator,
    NaiveReading,
    NaiveUnit,
    NaiveWorld,
    anchor,
    bucket_of,
    moved,
    naive_figure,
    naive_previous,
    naive_year_ago,
    naive_ytd,
    next_bucket,
    previous_bucket,
    year_ago_bucket,
)

LATER = datetime(2030, 1, 1)
JOINED = date(2025, 1, 15)

KINDS = {
    1: "province",
    2: "district",
    3: "district",
    4: "commune",
    5: "commune",
    6: "commune",
    7: "site",
    8: "region",
}
UNITS = {number: NaiveUnit(number, kind) for number, kind in KINDS.items()}
LINKS = ((1, 2), (1, 3), (2, 4), (2, 5), (3, 6), (4, 7), (8, 4), (8, 6))
EDGES = [NaiveEdge(parent, child) for parent, child in LINKS]
# Commune 4 goes from district 2 to district 3 on 15 January 2025.
MOVED = [edge for edge in EDGES if (edge.parent, edge.child) != (2, 4)]
MOVED += [NaiveEdge(2, 4, None, JOINED), NaiveEdge(3, 4, JOINED, None)]
# District 2 is dissolved on that day.
ENDED_UNITS = UNITS | {2: NaiveUnit(2, "district", None, JOINED)}
ENDED = [NaiveEdge(e.parent, e.child, None, JOINED) if 2 in (e.parent, e.child) else e for e in EDGES]


def parse(period: str) -> tuple[str, datetime]:
    """`2025`, `2025-Q1`, `2025-01`, `2025-W01`, `2025-01-05`, `2025-01-05T14`, `2025-01-05T14:03`"""
    if "W" in period:
        year, week = period.split("-W")
        return "week", datetime.fromisocalendar(int(year), int(week), 1)
    if "Q" in period:
        year, quarter = period.split("-Q")
        return "quarter", datetime(int(year), 3 * int(quarter) - 2, 1)
    shapes = {
        4: ("year", "-01-01"),
        7: ("month", "-01"),
        10: ("day", ""),
        13: ("hour", ":00"),
        16: ("instant", ""),
    }
    grain, rest = shapes[len(period)]
    return grain, datetime.fromisoformat(period + rest)


def world(*indicators: NaiveIndicator, sent: str = "", tree: str = "plain") -> NaiveWorld:
    """`sent`: readings apart by commas, `[code:]unit@period=value[!status]`, of the first indicator by default."""
    units, edges = {"plain": (UNITS, EDGES), "moved": (UNITS, MOVED), "ended": (ENDED_UNITS, ENDED)}[tree]
    readings = []
    for each in sent.split(",") if sent else []:
        key, value = each.strip().split("=")
        who, period = key.split("@")
        code, unit = who.split(":") if ":" in who else (indicators[0].code, who)
        number, status = value.split("!") if "!" in value else (value, "final")
        readings.append(NaiveReading(code, int(unit), *parse(period), Decimal(number), status))
    return NaiveWorld(units, edges, {each.code: each for each in indicators}, readings)


def x(base: str, over_time: str, over_units: str = "sum") -> tuple[NaiveIndicator]:
    return (NaiveIndicator("x", base, over_time, over_units),)


def ratio(measure: str = "%", *, below: str = "month") -> tuple[NaiveIndicator, ...]:
    return (
        NaiveIndicator("n", "month", "sum", "sum"),
        NaiveIndicator("d", below, "last", "sum"),
        NaiveIndicator("r", "month", "ratio", "ratio", measure, "n", "d"),
    )


@dataclass(frozen=True)
class Case:
    name: str
    indicators: tuple[NaiveIndicator, ...]
    sent: str
    ask: str  # unit@period
    value: str  # a number, or the reason why there is none
    units: tuple[int, int]
    periods: tuple[int, int]
    whole: bool = False  # not partial
    carries: str = "derived final"
    tree: str = "plain"


CASES = [
    Case(
        "flow: January is the district's own 10 (3 is covered), February is 4 + 5: 19; March is missing",
        x("month", "sum"), "2@2025-01=10, 4@2025-01=3, 4@2025-02=4, 5@2025-02=5", "2@2025-Q1",
        "19", (2, 2), (2, 3),
    ),
    Case(
        "flow: everything a commune sent is covered by the district: 10 + 20 + 30, one unit, whole",
        x("month", "sum"), "2@2025-01=10, 2@2025-02=20, 2@2025-03=30, 4@2025-02=7", "2@2025-Q1",
        "60", (1, 1), (3, 3), whole=True,
    ),
    Case(
        "flow, unit law mean: January mean(2, 4) = 3, February mean(6) = 6: 3 + 6",
        x("month", "sum", "mean"), "4@2025-01=2, 5@2025-01=4, 4@2025-02=6", "2@2025-Q1",
        "9", (2, 2), (1, 3),
    ),
    Case(
        "level: own readings beat all children: mean(4, 8) = 6",
        x("day", "mean"), "2@2025-01-01=4, 2@2025-01-03=8, 4@2025-01-02=100", "2@2025-01",
        "6", (1, 1), (2, 31),
    ),
    Case(
        "level, mean level by level: mean(mean(2, 4), 9) = 6, not 5",
        x("day", "mean", "mean"), "4@2025-01-01=2, 5@2025-01-01=4, 6@2025-01-01=9", "1@2025-01-01",
        "6", (3, 3), (1, 1), whole=True,
    ),
    Case(
        "last: 3 on Monday the 6th and 4 on the 20th: 3 + 4; periods are information only",
        x("day", "last"), "4@2025-01-02=9, 4@2025-01-06=3, 5@2025-01-20=4", "2@2025-01",
        "7", (2, 2), (1, 31), whole=True,
    ),
    Case(
        "last: only edges in force at the end: commune 4 has left, 5 remains",
        x("day", "last"), "4@2025-01-10=7, 5@2025-01-20=5", "2@2025-01",
        "5", (1, 1), (1, 31), whole=True, tree="moved",
    ),
    Case(
        "last: commune 4 brings only what it has since the 15th: nothing; 4 and 6 are missing",
        x("day", "last"), "4@2025-01-10=7", "3@2025-01",
        "no-data", (0, 2), (0, 31), tree="moved",
    ),
    Case(
        "last: January of a district dissolved on the 15th ends on the 15th: 7 + 5, of 14 days",
        x("day", "last"), "4@2025-01-10=7, 5@2025-01-14=5", "2@2025-01",
        "12", (2, 2), (1, 14), whole=True, tree="ended",
    ),
    Case(
        "flow over a move: 1 on the 14th for district 2, 10 on the 15th for district 3: 11; 4 stands twice, 5 and 6 miss",
        x("day", "sum"), "4@2025-01-14=1, 4@2025-01-15=10", "1@2025-01",
        "11", (2, 4), (15, 31),
    tree="moved"),
    Case(
        "missing periods count inside the edge: 4 joined on the 15th and misses 16 of its 17 days: 31 - 16",
        x("day", "max"), "4@2025-01-15=10", "3@2025-01",
        "10", (1, 2), (15, 31), tree="moved",
    ),
    Case(
        "cumulative: 120 - 100",
        x("month", "cumulative"), "4@2024-11=100, 4@2024-12=120, 4@2025-01=15", "4@2024-12",
        "20", (1, 1), (1, 1), whole=True,
    ),
    Case(
        "cumulative over the turn of the year: (130 - 100) + (9 - 0)",
        x("day", "cumulative"),
        "4@2024-12-29=100, 4@2024-12-31=130, 4@2025-01-02=4, 4@2025-01-05=9", "4@2025-W01",
        "39", (1, 1), (3, 7), whole=True,
    ),
    Case(
        "cumulative over a move: 80 - 50, the figure before is from the time in district 2; 6 is missing",
        x("day", "cumulative"), "4@2025-01-10=50, 4@2025-01-20=80", "3@2025-01",
        "30", (1, 2), (15, 31), tree="moved",
    ),
    Case(
        "weeks go where their Thursday is: W01 (from 30 December) and W05 (to 2 February) are January: 7 + 1",
        x("week", "sum"), "4@2025-W01=7, 4@2025-W05=1, 4@2025-W06=100", "4@2025-01",
        "8", (1, 1), (2, 5),
    ),
    Case(
        "instants: 14 o'clock is mean(1, 2) = 1.5, the reported 15 o'clock beats its instant: mean(1.5, 4)",
        x("realtime", "mean"),
        "4@2025-01-05T14:03=1, 4@2025-01-05T14:30=2!estimated, 4@2025-01-05T15=4, 4@2025-01-05T15:10=100",
        "4@2025-01-05", "2.75", (1, 1), (2, 24), carries="derived estimated",
    ),
    Case(
        "a coarser reading is the value of its bucket ...",
        x("day", "sum"), "4@2025-01=1000!provisional, 4@2025-01-05=3", "4@2025-01",
        "1000", (1, 1), (1, 1), whole=True, carries="reported provisional",
    ),
    Case(
        "... and of nothing else: 3 for the district",
        x("day", "sum"), "4@2025-01=1000!provisional, 4@2025-01-05=3", "2@2025-01",
        "3", (1, 2), (1, 31),
    ),
    Case(
        "region {4, 6}: 3 + 5; 5 is not a member",
        x("day", "sum"), "4@2025-01-05=3, 5@2025-01-05=100, 6@2025-01-05=5!estimated", "8@2025-01-05",
        "8", (2, 2), (1, 1), whole=True, carries="derived estimated",
    ),
    Case(
        "a site counts when it is there: 2; silent 5 counts 1",
        x("day", "sum"), "7@2025-01-05=2", "2@2025-01-05",
        "2", (1, 2), (1, 1),
    ),
    Case(
        "silence: the leaves 4, 5, 6 are missing, the site is not expected",
        x("day", "sum"), "", "1@2025-01",
        "no-data", (0, 3), (0, 31),
    ),
    Case(
        "ratio: 1 / 3 * 100, carried and rounded to 12 decimals; the weakest status",
        ratio(), "n:4@2025-01=1, d:4@2025-01=3!provisional", "4@2025-01",
        "33.333333333333", (1, 1), (1, 1), whole=True, carries="derived provisional",
    ),
    Case(
        "ratio of sums: (1 + 2) / (10 + 20) * 100, never mean(10, 10)",
        ratio(), "n:4@2025-01=1, d:4@2025-01=10, n:5@2025-01=2, d:5@2025-01=20, r:5@2025-01=77", "2@2025-01",
        "10", (2, 2), (1, 1), whole=True,
    ),
    Case(
        "ratio: the denominator in force is the quarter's: 3 / 200 * 1000",
        ratio("per_1000_persons", below="quarter"), "n:4@2025-02=3, d:4@2025-Q1=200", "4@2025-02",
        "15", (1, 1), (1, 1), whole=True,
    ),
    Case(
        "ratio: the smaller share is the denominator's, 1 of 2 units",
        ratio("VND"), "n:4@2025-01=1, n:5@2025-01=2, d:4@2025-01=4", "2@2025-01",
        "0.75", (1, 2), (1, 1),
    ),
    Case(
        "half up at the 12th decimal: 0.000001 / 2000000 = 0.0000000000005, away from zero below zero",
        ratio("VND"), "n:4@2025-01=-0.000001, d:4@2025-01=2000000", "4@2025-01",
        "-0.000000000001", (1, 1), (1, 1), whole=True,
    ),
    Case(
        "ratio over zero", ratio(), "n:4@2025-01=1, d:4@2025-01=0", "4@2025-01",
        "zero-denominator", (1, 1), (1, 1), whole=True,
    ),
    Case(
        "ratio over nothing", ratio(), "n:4@2025-01=1", "4@2025-01",
        "missing-denominator", (0, 1), (0, 1),
    ),
    Case(
        "unit law none: the commune's reading does not get to the district, which alone is expected",
        x("day", "sum", "none"), "4@2025-01-05=1", "2@2025-01",
        "not-additive", (0, 1), (0, 31),
    ),
    Case(
        "time law none: a day is not a month",
        x("day", "none"), "4@2025-01-05=1", "4@2025-01",
        "not-additive", (1, 1), (1, 31), whole=True,
    ),
    Case(
        "time law none: a day is a day, also of the parent: 1 + 2",
        x("day", "none"), "4@2025-01-05=1, 5@2025-01-05=2", "2@2025-01-05",
        "3", (2, 2), (1, 1), whole=True,
    ),
    Case(
        "a month has no days", x("month", "sum"), "4@2025-01=1", "4@2025-01-01",
        "grain-too-fine", (0, 0), (0, 0), whole=True,
    ),
    Case(
        "a dissolved district does not exist", x("month", "sum"), "2@2024-12=1", "2@2025-02",
        "not-applicable", (0, 0), (0, 0), whole=True, tree="ended",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_figure_is_what_the_text_says(case: Case) -> None:
    unit, period = case.ask.split("@")
    code = case.indicators[-1].code
    figure = naive_figure(
        world(*case.indicators, sent=case.sent, tree=case.tree), code, int(unit), *parse(period), now=LATER
    )
    there = case.value.lstrip("-")[0].isdigit()
    origin, status = case.carries.split() if there else (None, None)
    assert figure == NaiveFigure(
        value=Decimal(case.value) if there else None,
        reason=None if there else case.value,
        origin=origin,
        status=status,
        units=case.units,
        periods=case.periods,
        partial=not case.whole,
    )


def test_a_figure_is_partial_until_its_bucket_has_ended() -> None:
    here = world(*x("day", "sum"), sent="4@2025-01-05=1")
    ends = datetime(2025, 1, 6)
    assert naive_figure(here, "x", 4, "day", datetime(2025, 1, 5), now=ends.replace(day=5, hour=23)).partial
    assert not naive_figure(here, "x", 4, "day", datetime(2025, 1, 5), now=ends).partial


def test_an_unfinished_bucket_is_compared_with_the_same_part() -> None:
    days = "4@2025-01-01=10, 4@2025-01-02=20, 4@2025-01-03=30, 4@2025-01-04=99, 4@2025-01=5000"
    year_before = "4@2024-02-02=7, 4@2024-02-04=99"
    here = world(*x("day", "sum"), sent=f"4@2025-02-01=1, 4@2025-02-03=2, {days}, {year_before}")
    february, now = datetime(2025, 2, 1), datetime(2025, 2, 10)
    # Readings until 4 February: 10 + 20 + 30 of January, without the 4th and without the month's own reading.
    assert naive_previous(here, "x", 4, "month", february, now=now) == 60
    assert naive_year_ago(here, "x", 4, "month", february, now=now) == 7
    # Once February has ended: the whole of January (as reported) and of February 2024 (7 + 99).
    assert naive_previous(here, "x", 4, "month", february, now=LATER) == 5000
    assert naive_year_ago(here, "x", 4, "month", february, now=LATER) == 106


def test_the_year_to_date() -> None:
    sent = "4@2024-12-31=1000, 4@2025-01-02=1, 4@2025-01-31=2, 4@2025-02-01=4, 4@2025-02-09=8, 4@2025-01=500"
    here = world(*x("day", "sum"), sent=sent)
    # From 1 January without the month's own reading: 1 + 2, and 1 + 2 + 4; a week goes where its Thursday is: 1.
    assert naive_ytd(here, "x", 4, "month", datetime(2025, 1, 1)) == 3
    assert naive_ytd(here, "x", 2, "day", datetime(2025, 2, 1)) == 7
    assert naive_ytd(here, "x", 4, "week", datetime(2024, 12, 30)) == 1
    # Cumulative: the last figure of the year up to the end of the bucket.
    there = world(*x("month", "cumulative"), sent="4@2024-12=120, 4@2025-01=15, 4@2025-02=40")
    assert naive_ytd(there, "x", 4, "month", datetime(2025, 2, 1)) == 40
    assert naive_figure(there, "x", 4, "month", datetime(2025, 2, 1), now=LATER).value == 40 - 15


@pytest.mark.parametrize(
    ("grain", "start", "until", "other", "expected"),
    [
        ("month", "2025-03-01", "2025-03-11T05", "2025-02-01", "2025-02-11T05"),
        (
            "month",
            "2025-03-01",
            "2025-03-31",
            "2025-02-01",
            "2025-03-01",
        ),  # a 31st that February does not have
        ("quarter", "2025-04-01", "2025-05-31", "2025-01-01", "2025-03-01"),  # not 3 March
        ("year", "2024-01-01", "2024-02-29", "2023-01-01", "2023-03-01"),
        ("year", "2024-01-01", "2024-03-10", "2023-01-01", "2023-03-10"),
        ("month", "2025-02-01", "2025-03-03", "2025-01-01", "2025-02-01"),  # a week that hangs over: cut
        ("week", "2025-01-06", "2025-01-08", "2024-12-30", "2025-01-01"),
    ],
)
def test_the_same_part(grain: str, start: str, until: str, other: str, expected: str) -> None:
    parts = [datetime.fromisoformat(each) for each in (start, until, other)]
    assert moved(grain, *parts) == datetime.fromisoformat(expected)


def test_buckets() -> None:
    moment = datetime(2024, 12, 31, 14, 30)  # a Tuesday
    starts = {grain: bucket_of(grain, moment)[0] for grain in GRAINS[1:]}
    assert starts == {
        "hour": datetime(2024, 12, 31, 14),
        "day": datetime(2024, 12, 31),
        "week": datetime(2024, 12, 30),
        "month": datetime(2024, 12, 1),
        "quarter": datetime(2024, 10, 1),
        "year": datetime(2024, 1, 1),
    }
    assert next_bucket("month", datetime(2024, 12, 1)) == datetime(2025, 1, 1)
    assert previous_bucket("quarter", datetime(2025, 1, 1)) == datetime(2024, 10, 1)
    assert anchor("week", datetime(2024, 12, 30)) == datetime(2025, 1, 2)
    assert year_ago_bucket("week", datetime(2024, 12, 30)) == datetime(2024, 1, 1)  # W01 and W01
    assert year_ago_bucket("day", datetime(2024, 2, 29)) is None
    assert year_ago_bucket("week", datetime(2020, 12, 28)) is None  # 2020-W53
