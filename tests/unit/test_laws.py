"""The laws of aggregation as tables: docs/aggregation.md, case by case, worked out by hand.

How to read a row
    laws    `daily sum/mean`: the periodicity, the law over time, the law over units, and a measure where it matters.
            A ratio names its parts first: `n: monthly sum/sum; d: yearly last/sum; monthly ratio/ratio %`.
    tree    `P(D(A B) E(C)) R(A C)`: province P has the districts D and E, D the communes A and B; region R has A and C;
            S and T are sites. `A[..2025-07-01]` below a parent: its child until then. Beside the tree: it existed until then.
    sent    readings apart by `;`: unit, period, value and, when it is not final, the status. `n/A` is of the numerator.
    asked   unit and bucket; `, now ...` when it matters that the bucket has not ended.
    shown   the value or the reason why there is none, then as much as the case is about: origin, status,
            `units 1/2` and `periods 3/31` (present of expected), `partial` or `whole`.

Every case is asked twice, with the readings arriving in the order of the row and the other way round.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from itertools import permutations

import pytest

from app.catalogue.catalogue import Domain, Edge, Indicator, Tree, Unit
from app.errors import Text
from app.exact_json import plain
from app.periods import Grain, Period, bucket_start, parse_period
from app.rollups.laws import Comparison, Figure, Laws, Observation, Observations, achieved, hour_of_instants, state_of

LONG_AFTER = "2100-01-01"
VIETNAM = timezone(timedelta(hours=7))
STATUSES = ("estimated", "provisional", "final")
KINDS = {"P": "province", "D": "district", "E": "district", "R": "region", "S": "site", "T": "site"}
NAMELESS = Text("", "")
DOMAIN = Domain(1, "domain", NAMELESS, 1, active=True)
NUMBERS = {"n": 1, "d": 2, "x": 3}


# --- reading the tables ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """One entry of `sent`; its place there stands for its source."""

    indicator: str
    unit: str
    period: Period
    value: Decimal
    status: int
    place: int


def indicators_of(laws: str) -> dict[str, Indicator]:
    found = {}
    for one in laws.split(";"):
        code, _, rest = one.strip().rpartition(": ")
        periodicity, both, *measure = rest.split()
        over_time, over_units = both.split("/")
        code = code or "x"
        found[code] = Indicator(
            id=NUMBERS[code], code=code, domain=DOMAIN, name=NAMELESS, measure=measure[0] if measure else "cases",
            periodicity=periodicity, over_time=over_time, over_units=over_units,
            numerator_id=NUMBERS["n"] if over_time == "ratio" else None,
            denominator_id=NUMBERS["d"] if over_time == "ratio" else None,
            direction="neutral", public=True, origin="test",
        )  # fmt: skip
    return found


def tree_of(text: str) -> tuple[dict[str, Unit], Tree]:
    above: list[str] = []
    lives: dict[str, tuple[str, str]] = {}
    links: list[tuple[str, str, str, str]] = []
    latest = ""
    for name, since, until, sign in re.findall(r"([A-Z])(?:\[([\d-]*)\.\.([\d-]*)\])?|([()])", text):
        if sign == "(":
            above.append(latest)
        elif sign == ")":
            above.pop()
        elif above:
            latest = name
            links.append((above[-1], name, since, until))
            lives.setdefault(name, ("", ""))
        else:
            latest = name
            lives[name] = (since, until)
    units = {name: _unit(number, name, *life) for number, (name, life) in enumerate(lives.items(), start=1)}
    edges = [
        Edge(units[parent], units[child], _from(since), _to(until), datetime(2020, 1, 1, tzinfo=UTC), None)
        for parent, child, since, until in links
    ]
    return units, Tree(edges)


def _unit(number: int, name: str, since: str, until: str) -> Unit:
    return Unit(
        id=number, code=name, kind=KINDS.get(name, "commune"), name=NAMELESS,
        valid_from=date.fromisoformat(since) if since else None, valid_to=date.fromisoformat(until) if until else None,
        latitude=None, longitude=None, start=_from(since), end=_to(until),
    )  # fmt: skip


def _from(day: str) -> datetime:
    return datetime.fromisoformat(day) if day else datetime.min


def _to(day: str) -> datetime:
    return datetime.fromisoformat(day) if day else datetime.max


def readings_of(sent: str) -> list[Reading]:
    found = []
    for place, one in enumerate(filter(None, sent.split(";")), start=1):
        who, period, value, *status = one.split()
        code, _, unit = who.rpartition("/")
        number = STATUSES.index(status[0]) if status else 2
        found.append(Reading(code or "x", unit, parse_period(period, VIETNAM), Decimal(value), number, place))
    return found


def observed(indicators: dict[str, Indicator], units: dict[str, Unit], readings: Sequence[Reading]) -> Observations:
    """As `fetch_observations` leaves them: one by one, the instants of an hour together."""
    observations = Observations()
    together: dict[tuple[str, str, Grain, datetime], list[Reading]] = {}
    for one in readings:
        start = bucket_start(Grain.hour, one.period.start) if one.period.grain is Grain.instant else one.period.start
        together.setdefault((one.indicator, one.unit, one.period.grain, start), []).append(one)
    for (code, name, grain, start), some in together.items():
        indicator, unit = indicators[code], units[name]
        if grain is Grain.instant:
            _add_hour(observations, indicator, unit, start, some)
        else:
            [one] = some
            seen = Observation(one.period.anchor, one.period.end, one.value, one.status, frozenset({one.place}))
            observations.add_reported(indicator, unit.id, grain, start, seen)
    return observations.freeze()


def _add_hour(
    observations: Observations, indicator: Indicator, unit: Unit, hour: datetime, instants: Sequence[Reading]
) -> None:
    values = [one.value for one in instants]
    latest = max(instants, key=lambda one: one.period.start)
    value = hour_of_instants(
        indicator.over_time,
        total=sum(values, Decimal(0)), count=len(values), lowest=min(values), highest=max(values), last=latest.value,
    )  # fmt: skip
    if value is None:
        observations.add_mute_hour(indicator, unit.id, hour)
        return
    only_last = indicator.over_time in {"last", "cumulative"}
    status = latest.status if only_last else min(one.status for one in instants)
    sources = frozenset(one.place for one in instants)
    observations.add_hour(indicator, unit.id, Observation(hour, hour + timedelta(hours=1), value, status, sources))


@dataclass(frozen=True)
class Asked:
    """The laws over one arrival of the readings, and the question of the row."""

    laws: Laws
    indicator: Indicator
    unit: Unit
    bucket: Period

    @property
    def figure(self) -> Figure:
        return self.laws.figure(self.indicator, self.unit, self.bucket)

    def compared(self, kind: str) -> Comparison:
        return self.laws.compare(kind, self.indicator, self.unit, self.bucket, self.figure)

    @property
    def ytd(self) -> Decimal | None:
        return self.laws.year_to_date(self.indicator, self.unit, self.bucket)

    @property
    def elapsed(self) -> Decimal | None:
        return self.laws.elapsed(self.indicator, self.unit, self.bucket, self.figure)


def ask(laws: str, tree: str, readings: Sequence[Reading], asked: str) -> Asked:
    indicators = indicators_of(laws)
    units, edges = tree_of(tree)
    who, period, *now = asked.replace(", now", "").split()
    moment = datetime.fromisoformat(now[0] if now else LONG_AFTER)
    by_id = {one.id: one for one in indicators.values()}
    engine = Laws(by_id, edges, observed(indicators, units, readings), now=moment)
    return Asked(engine, indicators["x"], units[who], parse_period(period, VIETNAM))


def each_arrival(laws: str, tree: str, sent: str, asked: str) -> Iterator[Asked]:
    readings = readings_of(sent)
    yield ask(laws, tree, readings, asked)
    yield ask(laws, tree, readings[::-1], asked)


def told(figure: Figure, shown: str) -> str:
    """The figure in the words of the column `shown`, as far as the row speaks of it."""
    words = [figure.reason or plain(figure.value or Decimal(0))]
    for word in shown.split()[1:]:
        match word:
            case "reported" | "derived":
                words.append(str(figure.origin))
            case "estimated" | "provisional" | "final":
                words.append("-" if figure.status is None else STATUSES[figure.status])
            case "units":
                words.append("units {}/{}".format(*figure.coverage.units))
            case "periods":
                words.append("periods {}/{}".format(*figure.coverage.periods))
            case "partial" | "whole":
                words.append("partial" if figure.partial else "whole")
            case "from":
                words.append("from " + ",".join(map(str, sorted(figure.sources))))
            case _:
                assert re.fullmatch(r"[\d/,]+", word), f"what is {word}?"
    assert (figure.value is None) == (figure.reason is not None)
    return " ".join(words)


def check(laws: str, tree: str, sent: str, asked: str, shown: str) -> None:
    for each in each_arrival(laws, tree, sent, asked):
        assert told(each.figure, shown) == shown


# --- reported beats derived ------------------------------------------------------------------------------------------

CITY = "P(D(A B) E(C)) R(A C)"


@pytest.mark.parametrize(("sent", "asked", "shown"), [
    ("A 2024-01 12; B 2024-01 8", "D 2024-01", "20 derived final units 2/2 periods 1/1 whole"),  # 12 + 8
    ("A 2024-01 12; B 2024-01 8; D 2024-01 25", "D 2024-01", "25 reported final units 1/1 periods 1/1 whole"),
    ("A 2024-01 12; B 2024-01 8; D 2024-01 25", "P 2024-01", "25 derived units 1/2 periods 1/1 partial"),  # C is silent
    # the district until February, its communes from March: 100 + 110 + (60 + 70), whole
    ("D 2024-01 100; D 2024-02 110; A 2024-03 60; B 2024-03 70", "D 2024-Q1", "340 units 2/2 periods 3/3 whole"),
    # January is the district's 100 and not 60 + 70; February 65 + 75; March is missing
    ("D 2024-01 100; A 2024-01 60; B 2024-01 70; A 2024-02 65; B 2024-02 75", "D 2024-Q1",
     "240 units 2/2 periods 2/3 partial"),
    ("D 2024-01 100; A 2024-02 65", "D 2024-Q1", "165 units 1/2 periods 2/3 partial"),  # 100 + 65; B is silent
    ("D 2024-01 1; D 2024-02 2; D 2024-03 4; A 2024-02 99", "D 2024-Q1", "7 units 1/1 periods 3/3 whole"),  # A covered
    # the province covers January for all below it: 500 + 65 (February, of A through D)
    ("P 2024-01 500; D 2024-01 100; A 2024-01 60; A 2024-02 65", "P 2024-Q1", "565 units 1/3 periods 2/3 partial"),
])  # fmt: skip
def test_a_flow_is_the_units_own_reading_or_its_childrens_period_by_period(sent: str, asked: str, shown: str) -> None:
    check("monthly sum/sum", CITY, sent, asked, shown)


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    # one reading of its own in October, and the later ones of the communes are not looked at
    ("daily last/sum", "D 2024-10-05 50; A 2024-10-20 30; B 2024-10-20 40", "D 2024-10",
     "50 derived units 1/1 periods 1/31 whole"),
    ("daily last/sum", "D 2024-10-05 50; A 2024-10-20 30; B 2024-10-20 40", "D 2024-10-05", "50 reported"),
    # on the 20th the district said nothing: 30 + 40
    ("daily last/sum", "D 2024-10-05 50; A 2024-10-20 30; B 2024-10-20 40", "D 2024-10-20",
     "70 derived units 2/2 periods 1/1 whole"),
    ("daily last/sum", "D 2024-10-05 50; A 2024-10-20 30; B 2024-10-20 40; C 2024-10-31 7", "P 2024-10",
     "57 units 2/2 periods 1/31 whole"),  # 50 + 7
    ("daily mean/mean", "D 2024-10-05 50; A 2024-10-20 30", "D 2024-10", "50 units 1/1 periods 1/31 partial"),
    ("daily max/max", "D 2024-10-05 5; A 2024-10-20 99", "D 2024-10", "5 units 1/1 periods 1/31 partial"),
    ("daily min/min", "D 2024-10-05 5; A 2024-10-20 1", "D 2024-10", "5"),
    ("monthly cumulative/sum", "D 2024-01 50; A 2024-02 30", "D 2024-Q1", "50 units 1/1 periods 1/3 whole"),
])  # fmt: skip
def test_a_state_is_the_units_own_for_the_whole_bucket_or_its_childrens(
    laws: str, sent: str, asked: str, shown: str
) -> None:
    check(laws, CITY, sent, asked, shown)


# --- coarser readings ------------------------------------------------------------------------------------------------

MONTH_SENT = "A 2024-10 1000 provisional; A 2024-10-05 3"  # of a daily flow; the 5th is a Saturday of week 40


@pytest.mark.parametrize(("sent", "asked", "shown"), [
    (MONTH_SENT, "A 2024-10", "1000 reported provisional units 1/1 periods 1/1 whole"),
    (MONTH_SENT, "A 2024-10-05", "3 reported final"),
    (MONTH_SENT, "A 2024-10-06", "no-data"),
    (MONTH_SENT, "A 2024-W40", "3 derived periods 1/7 partial"),
    (MONTH_SENT, "A 2024-Q4", "3 derived final units 1/1 periods 1/92 partial"),  # 31 + 30 + 31
    (MONTH_SENT, "A 2024", "3 periods 1/366"),
    (MONTH_SENT, "D 2024-10", "3 derived final units 1/2 periods 1/31 partial"),
    ("A 2024-10 1000", "D 2024-10", "no-data units 0/2 periods 0/31 partial"),
    ("D 2024-10 900; A 2024-10-05 3", "D 2024-10", "900 reported"),
    ("D 2024-10 900; A 2024-10-05 3", "P 2024-10", "3 units 1/3"),
    ("A 2024-W40 70", "A 2024-W40", "70 reported"),
    ("A 2024-W40 70", "A 2024-10", "no-data"),
    ("A 2024 5", "A 2024-Q1", "no-data"),
    ("A 2024-10 1000", "A 2024-10, now 2024-10-31T23:59", "1000 reported partial"),
    ("A 2024-10 1000", "A 2024-10, now 2024-11-01", "1000 reported whole"),
])  # fmt: skip
def test_a_coarser_reading_is_shown_for_exactly_its_unit_and_bucket(sent: str, asked: str, shown: str) -> None:
    check("daily sum/sum", CITY, sent, asked, shown)


# --- missing and zero ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    ("daily sum/sum", "A 2024-10-05 0; B 2024-10-05 0", "D 2024-10-05", "0 derived units 2/2 whole"),
    ("daily sum/sum", "A 2024-10-05 0", "D 2024-10-05", "0 derived units 1/2 partial"),
    ("daily sum/sum", "", "D 2024-10-05", "no-data units 0/2 periods 0/1 partial"),
    ("daily sum/sum", "", "P 2024-10", "no-data units 0/3 periods 0/31 partial"),
    ("daily sum/sum", "A 2024-10-05 0", "A 2024-10-05", "0 reported whole"),
    ("daily mean/mean", "A 2024-10-05 0; A 2024-10-06 10", "A 2024-10", "5 periods 2/31"),  # (0 + 10) / 2
    ("daily mean/mean", "A 2024-10-06 10", "A 2024-10", "10 periods 1/31"),
    ("daily mean/mean", "A 2024-10-05 0; B 2024-10-05 10", "D 2024-10-05", "5 units 2/2"),
    ("daily mean/mean", "B 2024-10-05 10", "D 2024-10-05", "10 units 1/2 partial"),
    ("daily min/min", "A 2024-10-05 0; B 2024-10-05 10", "D 2024-10-05", "0"),
    ("daily min/min", "B 2024-10-05 10", "D 2024-10-05", "10"),
    ("daily last/sum", "A 2024-10-05 7; A 2024-10-06 0", "A 2024-10", "0"),
    ("monthly sum/sum", "A 2024-10 5", "A 2024-10-05", "grain-too-fine units 0/0 periods 0/0 whole"),
    ("monthly sum/sum", "A 2024-10 5", "A 2024-W40", "grain-too-fine units 0/0 periods 0/0 whole"),
    ("weekly sum/sum", "A 2024-W40 5", "A 2024-10-03", "grain-too-fine"),
])  # fmt: skip
def test_missing_is_not_zero(laws: str, sent: str, asked: str, shown: str) -> None:
    check(laws, CITY, sent, asked, shown)


# --- last ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "asked", "shown"), [
    ("A 2024-10-07 3; A 2024-10-02 9; A 2024-10-05 4", "A 2024-10", "3 derived units 1/1 periods 3/31 whole"),
    ("A 2024-10-02 9 estimated; A 2024-10-07 3", "A 2024-10", "3 final"),  # only the last one is a part
    ("A 2024-10-02 9; A 2024-10-07 3 estimated", "A 2024-10", "3 estimated"),
    ("A 2024-10-07 3; B 2024-10-28 4", "D 2024-10", "7 units 2/2 periods 1/31 whole"),  # those who report on Mondays
    ("A 2024-10-07 3; B 2024-10-28 4", "D 2024-10-07", "3 units 1/2 periods 1/1 partial"),
    ("A 2024-10-31 9", "A 2024-11", "no-data units 0/1 periods 0/30 partial"),  # nothing is carried over
    ("A 2024-10-31 9", "A 2024", "9 periods 1/366 whole"),
])  # fmt: skip
def test_last_is_the_last_measured(sent: str, asked: str, shown: str) -> None:
    check("daily last/sum", CITY, sent, asked, shown)


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    ("daily last/sum", "A 2024-10-07 3; A 2024-10-02 9; A 2024-10-05 4; B 2024-10-01 2", "D 2024-10", "5"),  # 3 + 2
    # 14 o'clock was reported as 9 and beats its instants, 15 o'clock ends with 2
    ("realtime last/sum", "A 2024-10-05T14 9; A 2024-10-05T14:59 1; A 2024-10-05T15:10 4; A 2024-10-05T15:20 2",
     "A 2024-10-05", "2"),
    ("realtime sum/sum", "A 2024-10-05T14 9; A 2024-10-05T14:59 1; A 2024-10-05T15:10 4; A 2024-10-05T15:20 2",
     "A 2024-10-05", "15"),  # 9 + (4 + 2)
    ("monthly cumulative/sum", "A 2024-01 10; A 2024-02 25; A 2024-03 45; A 2023-12 900", "A 2024-03", "20"),  # 45 - 25
])  # fmt: skip
def test_the_order_of_arrival_does_not_matter(laws: str, sent: str, asked: str, shown: str) -> None:
    for arrival in permutations(readings_of(sent)):
        assert told(ask(laws, CITY, arrival, asked).figure, shown) == shown


# --- mean, min, max --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    # level by level: D has mean(2, 4) = 3, E has 9, P mean(3, 9); all three at once would be 5
    ("daily mean/mean", "A 2024-10-05 2; B 2024-10-05 4; C 2024-10-05 9", "P 2024-10-05", "6 units 3/3 whole"),
    ("daily mean/mean", "A 2024-10-05 2; C 2024-10-05 9", "P 2024-10-05", "5.5 units 2/3 partial"),  # mean(2, 9)
    # along time first: A has mean(1, 3) = 2, B 8; all three at once would be 4
    ("daily mean/mean", "A 2024-10-01 1; A 2024-10-02 3; B 2024-10-01 8", "D 2024-10", "5 units 2/2 periods 1/31"),
    ("daily mean/sum", "A 2024-10-01 1; A 2024-10-02 3; B 2024-10-01 8", "D 2024-10", "10"),  # 2 + 8
    # a flow goes up first: January mean(2, 4) = 3, February mean(6) = 6
    ("monthly sum/mean", "A 2024-01 2; B 2024-01 4; A 2024-02 6", "D 2024-Q1", "9"),
    ("daily mean/mean", "A 2024-10-05 1 estimated; A 2024-10-06 3; B 2024-10-05 8", "D 2024-10", "5 estimated"),
])  # fmt: skip
def test_a_mean_goes_along_time_and_then_up_level_by_level(laws: str, sent: str, asked: str, shown: str) -> None:
    check(laws, CITY, sent, asked, shown)


@pytest.mark.parametrize(("sent", "asked", "shown"), [
    ("A 2024-10-01 1; A 2024-10-02 0; A 2024-10-03 0", "A 2024-10", "0.333333333333"),
    ("A 2024-10-01 1; A 2024-10-02 1; A 2024-10-03 0", "A 2024-10", "0.666666666667"),
    ("A 2024-10-01 0.000000000001; A 2024-10-02 0", "A 2024-10", "0.000000000001"),  # half a last place goes up
    ("A 2024-10-01 -0.000000000001; A 2024-10-02 0", "A 2024-10", "-0.000000000001"),  # and below zero away from it
    # three thirds are 1: what is rounded is the end only (3 x 0.333333333333 would be 0.999999999999)
    ("A 2024-10-01 1; A 2024-10-02 0; A 2024-10-03 0; B 2024-10-01 1; B 2024-10-02 0; B 2024-10-03 0; "
     "C 2024-10-01 1; C 2024-10-02 0; C 2024-10-03 0", "P 2024-10", "1"),
    ("A 2024-10-01 12345678901234567890.123456789012; B 2024-10-01 0.000000000001", "D 2024-10-01",
     "12345678901234567890.123456789013"),
])  # fmt: skip
def test_only_a_division_is_rounded_and_only_at_the_end(sent: str, asked: str, shown: str) -> None:
    check("daily mean/sum", CITY, sent, asked, shown)


@pytest.mark.parametrize(("laws", "shown"), [
    ("daily min/min", "3"),  # min(min(5, 3), 4)
    ("daily max/max", "5"),
    ("daily max/sum", "9"),  # 5 + 4
    ("daily min/max", "4"),  # max(3, 4)
    ("daily max/mean", "4.5"),  # mean(5, 4)
    ("daily last/max", "4"),  # max(3, 4)
    ("daily sum/max", "8"),  # the 1st max(5, 4), the 2nd 3: up first, it is a flow
    ("daily sum/min", "7"),  # 4 + 3
    ("daily sum/sum", "12"),
])  # fmt: skip
def test_each_pair_of_laws_over_the_same_three_readings(laws: str, shown: str) -> None:
    check(laws, CITY, "A 2024-10-01 5; A 2024-10-02 3; B 2024-10-01 4", "D 2024-10", shown)


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    ("daily max/max", "A 2024-10-01 -5; A 2024-10-02 -3", "A 2024-10", "-3 periods 2/31 partial"),
    ("daily min/min", "A 2024-10-01 -5; A 2024-10-02 -3", "A 2024-10", "-5"),
    ("daily min/min", "A 2024-10-01 5 estimated; A 2024-10-02 3", "A 2024-10", "3 estimated"),  # 5 was looked at, too
    ("daily max/max", "A 2024-10-01 5; B 2024-10-01 3 provisional", "D 2024-10-01", "5 provisional units 2/2 whole"),
])  # fmt: skip
def test_a_minimum_or_maximum_looks_at_every_reading(laws: str, sent: str, asked: str, shown: str) -> None:
    check(laws, CITY, sent, asked, shown)


# --- cumulative ------------------------------------------------------------------------------------------------------

SO_FAR = "A 2024-01 10; A 2024-02 25; A 2024-03 45"


@pytest.mark.parametrize(("sent", "asked", "shown"), [
    (SO_FAR, "A 2024-01", "10 derived final units 1/1 periods 1/1 whole"),  # 10 - 0: the first of the year
    (SO_FAR, "A 2024-02", "15"),  # 25 - 10
    (SO_FAR, "A 2024-03", "20"),  # 45 - 25
    (SO_FAR, "A 2024-Q1", "45 derived periods 3/3"),
    (SO_FAR, "A 2024-04", "no-data units 0/1 periods 0/1 partial"),
    (SO_FAR, "A 2024", "45 derived periods 3/12 whole"),  # the year's value is its last figure
    ("A 2023-12 900; A 2024-01 10", "A 2024-01", "10"),  # a year starts from zero
    ("A 2024-03 45", "A 2024-03", "45"),  # the first figure of the year came in March
    ("A 2024-03 45", "A 2024-02", "no-data"),
    ("A 2024-02 25; A 2024-03 20", "A 2024-03", "-5"),  # corrected downwards: 20 - 25
    ("A 2024-01 10; A 2024-04 60", "A 2024-04", "50"),  # no figure in between: 60 - 10
    ("A 2024-01 10; A 2024-04 60", "A 2024-Q2", "50"),
    ("A 2024-01 10; A 2024-02 25; B 2024-01 5", "D 2024-02", "15 units 1/2 periods 1/1 partial"),  # B has no February
    ("A 2024-01 10; A 2024-02 25; B 2024-01 5", "D 2024-Q1", "30 units 2/2 periods 1/3 whole"),  # 25 + 5; B misses two
    ("A 2024-01 10; A 2024-02 25; B 2024-01 5; C 2024-02 7", "P 2024-02", "22 units 2/3"),  # 15 + 7
    ("A 2024-02 25 provisional; A 2024-03 45", "A 2024-03", "20 provisional"),
    ("A 2024-01 10 estimated; A 2024-02 25; A 2024-03 45", "A 2024-03", "20 final"),  # January takes no part
    ("A 2024-01 10 estimated; A 2024-02 25; A 2024-03 45", "A 2024-Q1", "45 final"),
    ("A 2024 480; A 2024-12 470", "A 2024", "480 reported"),  # a whole year may be sent
    ("A 2024 480; A 2024-11 450; A 2024-12 470", "A 2024-12", "20 derived"),  # 470 - 450
    ("A 2024 480; A 2024-12 470", "D 2024", "470 units 1/2"),
])  # fmt: skip
def test_year_to_date_figures_by_month(sent: str, asked: str, shown: str) -> None:
    check("monthly cumulative/sum", CITY, sent, asked, shown)


TURN = (
    "A 2024-12-27 900; A 2024-12-31 950; A 2025-01-02 8; A 2025-01-05 20"  # week 1 runs from 30 December to 5 January
)


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    ("daily cumulative/sum", TURN, "A 2025-W01", "70 derived units 1/1 periods 3/7 whole"),  # (950 - 900) + (20 - 0)
    ("daily cumulative/sum", TURN, "A 2024-W52", "900"),
    ("daily cumulative/sum", TURN, "A 2025-01", "20"),
    ("daily cumulative/sum", TURN, "A 2024-12", "950"),
    ("daily cumulative/sum", TURN, "A 2024-12-31", "50"),
    ("daily cumulative/sum", TURN, "A 2025-01-02", "8"),
    ("daily cumulative/sum", "A 2024-12-27 900; A 2025-01-02 8", "A 2025-W01", "8"),  # 900 is of the old year
    ("daily cumulative/sum", "A 2024-12-27 900; A 2024-12-31 950", "A 2025-W01", "50"),
    ("daily cumulative/sum", "A 2024-12-27 900 estimated; A 2024-12-31 950; A 2025-01-05 20", "A 2025-W01",
     "70 estimated"),
    # the year of a week is that of its Thursday
    ("weekly cumulative/sum", "A 2024-W52 1000; A 2025-W01 15; A 2025-W02 40", "A 2025-W01", "15"),
    ("weekly cumulative/sum", "A 2024-W52 1000; A 2025-W01 15; A 2025-W02 40", "A 2025-W02", "25"),  # 40 - 15
    ("weekly cumulative/sum", "A 2024-W52 1000; A 2025-W01 15; A 2025-W02 40", "A 2025-01", "40"),
    ("weekly cumulative/sum", "A 2024-W52 1000; A 2025-W01 15; A 2025-W02 40", "A 2024-12", "1000"),
    ("weekly cumulative/sum", "A 2020-W52 500; A 2020-W53 520; A 2021-W01 9", "A 2020-W53", "20"),  # Thursday 31 Dec
    ("weekly cumulative/sum", "A 2020-W52 500; A 2020-W53 520; A 2021-W01 9", "A 2021-01", "9"),
])  # fmt: skip
def test_year_to_date_figures_across_the_turn_of_the_year(laws: str, sent: str, asked: str, shown: str) -> None:
    check(laws, CITY, sent, asked, shown)


@pytest.mark.parametrize(("asked", "shown"), [
    ("E 2024-07", "30 units 1/2 partial"),  # 130 - 100, a figure of the time in D; C is silent
    ("E 2024", "30 units 1/2"),
    ("D 2024", "100 units 1/2"),
    ("D 2024-07", "no-data units 0/1"),
    ("P 2024", "130 units 2/4"),  # 100 + 30: A stands below both, B and C are silent
])  # fmt: skip
def test_a_year_to_date_figure_from_before_a_unit_moved_is_subtracted_from_those_after(asked: str, shown: str) -> None:
    moved = "P(D(A[..2024-07-01] B) E(A[2024-07-01..] C))"
    check("monthly cumulative/sum", moved, "A 2024-06 100; A 2024-07 130", asked, shown)


# --- ratio -----------------------------------------------------------------------------------------------------------

RATE = "n: monthly sum/sum; d: monthly last/sum; monthly ratio/ratio %"


@pytest.mark.parametrize(("sent", "asked", "shown"), [
    # (1 + 30) / (10 + 40); the mean of 10 % and 75 % would be 42.5
    ("n/A 2024-10 1; d/A 2024-10 10; n/B 2024-10 30; d/B 2024-10 40", "D 2024-10", "62 derived final units 2/2 whole"),
    ("n/A 2024-10 1; d/A 2024-10 3", "A 2024-10", "33.333333333333"),
    ("n/A 2024-10 2; d/A 2024-10 3", "A 2024-10", "66.666666666667"),
    ("n/A 2024-10 0; d/A 2024-10 5", "A 2024-10", "0 derived whole"),
    ("n/A 2024-10 1", "A 2024-10", "missing-denominator units 0/1 periods 0/1 partial"),
    ("n/A 2024-10 1; d/A 2024-10 0", "A 2024-10", "zero-denominator units 1/1 periods 1/1 whole"),
    ("n/A 2024-10 0; d/A 2024-10 0", "A 2024-10", "zero-denominator"),
    ("d/A 2024-10 10", "A 2024-10", "no-data units 0/1 periods 0/1 partial"),
    ("", "D 2024-10", "no-data units 0/2 partial"),
    ("n/A 2024-10 1; n/B 2024-10 3; d/A 2024-10 10", "D 2024-10", "40 units 1/2 periods 1/1 partial"),  # 4 / 10
    ("n/A 2024-10 1; d/A 2024-10 10; d/B 2024-10 10", "D 2024-10", "5 units 1/2 partial"),  # 1 / 20
    # a flow over a state: (1 + 2 + 3) / 60, the last of the quarter; d has 2 of 3 months, and needs no more
    ("n/A 2024-07 1; n/A 2024-08 2; n/A 2024-09 3; d/A 2024-07 100; d/A 2024-09 60", "A 2024-Q3",
     "10 units 1/1 periods 2/3 whole"),
    ("n/A 2024-10 1; d/A 2024-10 4 estimated", "A 2024-10", "25 estimated"),
    ("n/A 2024-10 1 provisional; d/A 2024-10 4", "A 2024-10", "25 provisional"),
    # reported itself: for exactly this unit and period
    ("A 2024-10 77 provisional; n/A 2024-10 1; d/A 2024-10 10", "A 2024-10", "77 reported provisional units 1/1 whole"),
    ("A 2024-10 77; n/A 2024-10 1; d/A 2024-10 10", "A 2024-Q4", "10 derived periods 1/3 partial"),
    ("A 2024-10 77; n/A 2024-10 1; d/A 2024-10 10", "D 2024-10", "10 units 1/2"),
    ("A 2024-10 77", "A 2024-Q4", "no-data"),
    ("A 2024-10 77; B 2024-10 79", "D 2024-10", "no-data"),
    ("A 2024 80; n/A 2024-10 1; d/A 2024-10 10", "A 2024", "80 reported"),
    # parts reported for exactly this bucket
    ("n/A 2024-Q4 5; d/A 2024-Q4 10", "A 2024-Q4", "50 derived units 1/1 periods 1/1 whole"),
    ("n/A 2024-Q4 5; n/A 2024-10 1; d/A 2024-12 10", "A 2024-Q4", "50"),
    ("n/A 2024-Q4 5; d/A 2024-Q4 10", "D 2024-Q4", "no-data"),
    ("n/A 2024-Q4 5; d/A 2024-Q4 10", "A 2024", "no-data"),
])  # fmt: skip
def test_a_ratio_is_sum_over_sum(sent: str, asked: str, shown: str) -> None:
    check(RATE, CITY, sent, asked, shown)


@pytest.mark.parametrize(("measure", "shown"), [
    ("%", "1.5"),
    ("per_1000_persons", "15"),
    ("per_10k_persons", "150"),
    ("per_100k_persons", "1500"),
    ("VND", "0.015"),
])  # fmt: skip
def test_the_factor_of_a_ratio_is_that_of_its_measure(measure: str, shown: str) -> None:
    check(RATE.replace("%", measure), CITY, "n/A 2024-10 3; d/A 2024-10 200", "A 2024-10", shown)


BY_HEAD = "n: daily sum/sum; d: yearly last/sum; daily ratio/ratio per_1000_persons"
HEADS = "d/A 2024 100; d/A 2025 200"


@pytest.mark.parametrize(("sent", "asked", "shown"), [
    (f"n/A 2024-10-05 3; {HEADS}", "A 2024-10-05", "30 units 1/1 periods 1/1 whole"),  # 3 / 100 * 1000
    (f"n/A 2024-10-05 3; {HEADS}", "A 2024-10", "30 periods 1/31 partial"),
    (f"n/A 2024-10-05 3; {HEADS}", "A 2024", "30 periods 1/366"),
    (f"n/A 2025-10-05 3; {HEADS}", "A 2025-10-05", "15"),  # 3 / 200 * 1000
    ("n/A 2024-10-05 3; d/A 2023 100", "A 2024-10-05", "missing-denominator"),
    # week 1 of 2025 has its Thursday in 2025: 4 / 200; its Monday by itself is of 2024: 4 / 100
    (f"n/A 2024-12-30 4; {HEADS}", "A 2025-W01", "20"),
    (f"n/A 2024-12-30 4; {HEADS}", "A 2024-12-30", "40"),
    # the year goes on, the denominator in force is nonetheless not partial
    (f"n/A 2025-10-05 3; {HEADS}", "A 2025-10-05, now 2025-10-06", "15 whole"),
    (f"n/A 2025-10-05 3; {HEADS}", "A 2025-10-05, now 2025-10-05T23", "15 partial"),
    (f"n/A 2024-10-05 3; n/B 2024-10-05 1; {HEADS}", "D 2024-10-05", "40 units 1/2 partial"),  # 4 / 100: B's are missing
    ("n/A 2024-10-05 3; d/A 2024 100 estimated", "A 2024-10-05", "30 estimated"),
])  # fmt: skip
def test_a_rarer_denominator_is_the_one_in_force(sent: str, asked: str, shown: str) -> None:
    check(BY_HEAD, CITY, sent, asked, shown)


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    # the denominator of a month in weeks: week 40 has its Thursday in October
    ("n: weekly sum/sum; d: monthly last/sum; weekly ratio/ratio %", "n/A 2024-W40 1; d/A 2024-09 5; d/A 2024-10 10",
     "A 2024-W40", "10"),
    ("n: daily sum/sum; d: daily sum/sum; monthly ratio/ratio %", "n/A 2024-10-05 1; d/A 2024-10-05 2",
     "A 2024-10-05", "grain-too-fine units 0/0 periods 0/0 whole"),
    ("n: monthly sum/sum; d: daily sum/sum; daily ratio/ratio %", "n/A 2024-10 1; d/A 2024-10-05 2",
     "A 2024-10-05", "grain-too-fine units 0/0 periods 0/0 whole"),  # the numerator's reason; nothing is missing
    ("n: daily none/sum; d: daily sum/sum; daily ratio/ratio %", "n/A 2024-10-05 1; d/A 2024-10-05 2",
     "A 2024-10-05", "50"),
    ("n: daily none/sum; d: daily sum/sum; daily ratio/ratio %", "n/A 2024-10-05 1; d/A 2024-10-05 2",
     "A 2024-10", "not-additive units 1/1 periods 1/31 partial"),  # the denominator misses 30 days
    ("n: daily sum/sum; d: daily none/sum; daily ratio/ratio %", "n/A 2024-10-05 1; d/A 2024-10-05 2",
     "A 2024-10", "missing-denominator"),
    # each part by its own laws: mean(1, 3) / max(4, 2)
    ("n: daily mean/sum; d: daily max/sum; daily ratio/ratio %",
     "n/A 2024-10-05 1; n/A 2024-10-06 3; d/A 2024-10-05 4; d/A 2024-10-06 2", "A 2024-10", "50 periods 2/31 partial"),
    # year-to-date parts: (25 - 10) / (70 - 40)
    ("n: monthly cumulative/sum; d: monthly cumulative/sum; monthly ratio/ratio %",
     "n/A 2024-01 10; n/A 2024-02 25; d/A 2024-01 40; d/A 2024-02 70", "A 2024-02", "50 whole"),
])  # fmt: skip
def test_each_part_of_a_ratio_goes_by_its_own_laws(laws: str, sent: str, asked: str, shown: str) -> None:
    check(laws, CITY, sent, asked, shown)


# --- none ------------------------------------------------------------------------------------------------------------

TWO = "A 2024-10-05 1; B 2024-10-05 2"


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    ("daily none/sum", TWO, "A 2024-10-05", "1 reported"),
    ("daily none/sum", TWO, "D 2024-10-05", "3 derived units 2/2 whole"),  # a day is a day, also of the parent
    ("daily none/sum", TWO, "A 2024-10", "not-additive units 1/1 periods 1/31"),
    ("daily none/sum", TWO, "D 2024-10", "not-additive units 2/2 periods 1/31"),
    ("daily none/sum", TWO, "D 2024-10-06", "no-data units 0/2"),
    ("daily none/sum", TWO, "D 2024-11", "no-data units 0/2"),
    ("daily none/sum", f"{TWO}; D 2024-10 9", "D 2024-10", "9 reported"),
    ("daily sum/none", TWO, "D 2024-10-05", "not-additive units 0/1 periods 0/1 partial"),
    ("daily sum/none", TWO, "D 2024-10", "not-additive"),
    ("daily sum/none", TWO, "P 2024-10", "not-additive units 0/1"),
    ("daily sum/none", TWO, "E 2024-10", "no-data units 0/1"),
    ("daily sum/none", "A 2024-10-05 1; A 2024-10-06 2", "A 2024-10", "3 derived units 1/1 periods 2/31"),
    ("daily sum/none", f"{TWO}; D 2024-10-05 50", "D 2024-10", "50 units 1/1 periods 1/31"),
    ("monthly last/none", "A 2024-10 22; A 2024-11 20", "A 2024-Q4", "20 derived"),  # a rank: along time, not up
    ("monthly last/none", "A 2024-10 22; B 2024-10 21", "D 2024-10", "not-additive"),
    ("daily none/none", TWO, "A 2024-10-05", "1"),
    ("daily none/none", TWO, "A 2024-10", "not-additive"),
    ("daily none/none", TWO, "D 2024-10-05", "not-additive"),
    ("realtime none/none", "A 2024-10-05T14:03 5", "A 2024-10-05T14", "not-additive units 0/1"),
    ("realtime none/none", "A 2024-10-05T14 5; A 2024-10-05T14:03 6", "A 2024-10-05T14", "5 reported"),
    ("monthly none/sum", "A 2025-06 5; B 2025-06 2; C 2025-06 4", "P 2025-06", "11 units 3/3"),
])  # fmt: skip
def test_none_lets_nothing_through(laws: str, sent: str, asked: str, shown: str) -> None:
    check(laws, CITY, sent, asked, shown)


def test_an_edge_that_ends_inside_the_only_base_period_takes_nothing_away() -> None:
    check("monthly none/sum", "D(A[..2024-10-15] B)", "A 2024-10 1; B 2024-10 2", "D 2024-10", "3 units 2/2 whole")


# --- realtime --------------------------------------------------------------------------------------------------------

INSTANTS = "S 2024-10-05T14:03 1; S 2024-10-05T14:30 2; S 2024-10-05T15:10 4"


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    ("realtime sum/sum", INSTANTS, "S 2024-10-05T14", "3 derived whole"),
    ("realtime mean/sum", INSTANTS, "S 2024-10-05T14", "1.5 derived"),
    ("realtime min/sum", INSTANTS, "S 2024-10-05T14", "1"),
    ("realtime max/sum", INSTANTS, "S 2024-10-05T14", "2"),
    ("realtime last/sum", INSTANTS, "S 2024-10-05T14", "2 derived"),
    ("realtime mean/sum", INSTANTS, "S 2024-10-05", "2.75 periods 2/24 partial"),  # mean(1.5, 4), not 7 / 3
    ("realtime sum/sum", INSTANTS, "S 2024-10-05", "7 periods 2/24"),
    ("realtime mean/sum", INSTANTS, "S 2024-10", "2.75 periods 2/744"),  # 31 * 24
    ("realtime mean/sum", f"{INSTANTS}; S 2024-10-05T14 9", "S 2024-10-05T14", "9 reported"),  # beats its instants
    ("realtime mean/sum", f"{INSTANTS}; S 2024-10-05T14 9", "S 2024-10-05", "6.5"),  # mean(9, 4)
    ("realtime sum/sum", "S 2024-10-05T14:59:59.999 1; S 2024-10-05T15:00 8", "S 2024-10-05T14", "1"),
    ("realtime sum/sum", "S 2024-10-05T14:59:59.999 1; S 2024-10-05T15:00 8", "S 2024-10-05T15", "8"),
    ("realtime sum/sum", "S 2024-10-05T23:30:00+00:00 5", "S 2024-10-06T06", "5"),  # half past six in Viet Nam
    ("realtime cumulative/sum", "S 2024-10-05T14:03 10; S 2024-10-05T14:50 14; S 2024-10-05T15:20 20",
     "S 2024-10-05T14", "14"),
    ("realtime cumulative/sum", "S 2024-10-05T14:03 10; S 2024-10-05T14:50 14; S 2024-10-05T15:20 20",
     "S 2024-10-05T15", "6"),  # 20 - 14
    ("realtime mean/sum", "S 2024-10-05T14:03 1 estimated; S 2024-10-05T14:30 2", "S 2024-10-05T14", "1.5 estimated"),
    ("realtime last/sum", "S 2024-10-05T14:03 1 estimated; S 2024-10-05T14:30 2", "S 2024-10-05T14", "2 final"),
    # two cameras of a commune
    ("realtime sum/sum", "S 2024-10-05T14:03 1; T 2024-10-05T14:30 2", "A 2024-10-05T14", "3 units 2/2 whole"),
    ("realtime sum/sum", "S 2024-10-05T14:03 1", "A 2024-10-05T14", "1 units 1/2 partial"),  # T beside S is missing
    ("realtime sum/sum", "", "A 2024-10-05T14", "no-data units 0/1 periods 0/1"),  # the commune, not its cameras
    ("realtime sum/sum", "S 2024-10-05T14:03 1", "D 2024-10-05T14", "1 units 1/3"),  # S; T and B are missing
])  # fmt: skip
def test_instants_make_hours(laws: str, sent: str, asked: str, shown: str) -> None:
    check(laws, "D(A(S T) B)", sent, asked, shown)


# --- weeks, quarters, months -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    ("weekly sum/sum", "A 2024-W40 7", "A 2024-10", "7 periods 1/5"),  # 30 Sep - 6 Oct: Thursday 3 October
    ("weekly sum/sum", "A 2024-W40 7", "A 2024-09", "no-data periods 0/4"),
    ("weekly sum/sum", "A 2024-W40 7", "A 2024-Q4", "7 periods 1/13"),
    ("weekly sum/sum", "A 2024-W40 7", "A 2024-Q3", "no-data"),
    ("weekly sum/sum", "A 2025-W01 7", "A 2025-01", "7"),  # 30 Dec - 5 Jan: Thursday 2 January
    ("weekly sum/sum", "A 2025-W01 7", "A 2025", "7 periods 1/52"),
    ("weekly sum/sum", "A 2025-W01 7", "A 2024", "no-data periods 0/52"),
    ("weekly sum/sum", "A 2025-W05 7", "A 2025-01", "7 periods 1/5"),  # 27 Jan - 2 Feb: Thursday 30 January
    ("weekly sum/sum", "A 2025-W05 7", "A 2025-02", "no-data periods 0/4"),
    ("weekly sum/sum", "A 2020-W53 7", "A 2020", "7 periods 1/53"),  # 28 Dec - 3 Jan: Thursday 31 December
    ("weekly sum/sum", "A 2020-W53 7", "A 2021-01", "no-data"),
    ("weekly last/sum", "A 2024-W40 5; A 2024-W44 6", "A 2024-10", "6 periods 2/5"),  # 28 Oct - 3 Nov: Thursday 31 Oct
    # 29 Dec | 30 Dec - 5 Jan | 6 Jan
    ("daily sum/sum", "A 2024-12-29 1; A 2024-12-30 2; A 2025-01-05 4; A 2025-01-06 8", "A 2025-W01", "6 periods 2/7"),
    ("daily sum/sum", "A 2024-06-30 1; A 2024-07-01 2; A 2024-09-30 4; A 2024-10-01 8", "A 2024-Q3", "6 periods 2/92"),
    ("daily sum/sum", "A 2024-02-29 1", "A 2024-02", "1 periods 1/29"),
    ("daily sum/sum", "A 2023-02-28 1", "A 2023-02", "1 periods 1/28"),
    ("hourly sum/sum", "A 2024-10-05T00 1; A 2024-10-05T23 2; A 2024-10-06T00 4", "A 2024-10-05", "3 periods 2/24"),
    ("quarterly sum/sum", "A 2024-Q1 1; A 2024-Q4 2", "A 2024", "3 periods 2/4"),
    ("yearly sum/sum", "A 2024 1; B 2024 2", "D 2024", "3 periods 1/1 whole"),
])  # fmt: skip
def test_a_period_belongs_to_the_bucket_of_its_anchor(laws: str, sent: str, asked: str, shown: str) -> None:
    check(laws, CITY, sent, asked, shown)


# --- the tree changes ------------------------------------------------------------------------------------------------

REFORM = "P(A[..2025-07-01] B[..2025-07-01] C[2025-07-01..]) A[..2025-07-01] B[..2025-07-01] C[2025-07-01..]"
MONTHS = "A 2025-05 1; A 2025-06 2; B 2025-06 4; C 2025-07 8"
DAYS = "A 2025-06-30 1; C 2025-07-01 2; C 2025-07-06 4"


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    # the year's flow is whole: 1 + 2 + 4 + 8; of their own half years A misses 4 months, B 5, C 5
    ("monthly sum/sum", MONTHS, "P 2025", "15 units 3/3 periods 7/12 partial"),
    ("monthly sum/sum", MONTHS, "P 2025-06", "6 units 2/2 periods 1/1 whole"),
    ("monthly sum/sum", MONTHS, "P 2025-07", "8 units 1/1 periods 1/1 whole"),
    ("monthly sum/sum", MONTHS, "P 2025-Q3", "8 units 1/1 periods 1/3"),
    ("monthly sum/sum", MONTHS, "A 2025", "3 units 1/1 periods 2/6"),
    ("monthly sum/sum", MONTHS, "A 2025-07", "not-applicable units 0/0 periods 0/0 whole"),
    ("monthly sum/sum", MONTHS, "C 2025-06", "not-applicable units 0/0 periods 0/0 whole"),
    # the year's stock is that of the end
    ("monthly last/sum", MONTHS, "P 2025", "8 units 1/1 periods 7/12 whole"),  # C misses 5 of its 6
    ("monthly last/sum", MONTHS, "P 2025-Q2", "6 units 2/2"),
    ("monthly last/sum", MONTHS, "P 2025-06", "6"),
    ("monthly last/sum", "A 2025-06 2; B 2025-06 4", "P 2025", "no-data units 0/1 periods 0/12"),
    ("monthly last/sum", MONTHS, "A 2025", "2 periods 2/6"),  # a unit's own year ends with the unit
    # levels: each unit over its own time
    ("daily mean/mean", "A 2025-06-30 10; C 2025-07-01 20; C 2025-07-02 40", "P 2025", "20 units 2/3"),  # mean(10, 30)
    ("daily max/max", "A 2025-06-30 50; C 2025-07-01 20", "P 2025", "50 units 2/3"),
    ("monthly cumulative/sum", "A 2025-06 600; C 2025-07 50; C 2025-08 90", "P 2025", "690 units 2/3"),  # 600 + 90
    ("monthly cumulative/sum", "A 2025-06 600; C 2025-07 50; C 2025-08 90", "P 2025-08", "40 units 1/1"),
    # week 27 runs from 30 June to 6 July: a day of A and B, six of C, who misses four
    ("daily sum/sum", DAYS, "P 2025-W27", "7 units 2/3 periods 3/7"),
    ("daily sum/sum", DAYS, "P 2025-06-30", "1 units 1/2 periods 1/1"),
    # its Thursday is 3 July: as a base period it is of the new communes only
    ("weekly sum/sum", "A 2025-W26 1; A 2025-W27 50; C 2025-W27 2", "P 2025-W27", "2 units 1/1 periods 1/1 whole"),
    ("weekly sum/sum", "A 2025-W26 1; A 2025-W27 50; C 2025-W27 2", "P 2025-06", "1 units 1/2 periods 1/4"),
    # a rate by head: (1 + 2 + 4 + 8) over the heads of the end
    ("n: monthly sum/sum; d: monthly last/sum; monthly ratio/ratio %", "n/A 2025-06 7; n/C 2025-07 8; d/A 2025-06 1; "
     "d/C 2025-12 30", "P 2025", "50"),
])  # fmt: skip
def test_communes_dissolved_inside_the_year(laws: str, sent: str, asked: str, shown: str) -> None:
    check(laws, REFORM, sent, asked, shown)


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    ("monthly last/sum", "A 2025-06 2; B 2025-06 4", "D 2025", "6 units 2/2 periods 1/6 whole"),
    ("monthly sum/sum", "A 2025-06 2; B 2025-06 4", "D 2025", "6 units 2/2 periods 1/6 partial"),
    ("monthly sum/sum", "A 2025-06 2; A 2025-07 9; B 2025-06 4", "D 2025", "6"),  # A goes on, D does not
    ("monthly sum/sum", "A 2025-06 2", "D 2025-07", "not-applicable units 0/0 periods 0/0 whole"),
    ("monthly last/sum", "A 2025-06 2; A 2025-07 9", "R 2025", "9 units 1/1"),  # a region lives on
])  # fmt: skip
def test_a_dissolved_district_ends_with_its_last_day(laws: str, sent: str, asked: str, shown: str) -> None:
    check(laws, "D[..2025-07-01](A[..2025-07-01] B[..2025-07-01]) R(A)", sent, asked, shown)


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    # 14 days in D with one reading, 17 in E with one: 31 - 16
    ("daily sum/sum", "A 2025-01-14 1; A 2025-01-15 10", "P 2025-01", "11 units 2/2 periods 15/31"),
    ("daily sum/sum", "A 2025-01-14 1; A 2025-01-15 10", "D 2025-01", "1 units 1/1 periods 18/31"),  # 31 - 13
    ("daily sum/sum", "A 2025-01-14 1; A 2025-01-15 10", "E 2025-01", "10 units 1/1 periods 15/31"),
    ("daily last/sum", "A 2025-01-14 1; A 2025-01-15 10", "D 2025-01", "no-data"),
    ("daily last/sum", "A 2025-01-14 1; A 2025-01-15 10", "P 2025-01", "10"),
    ("daily last/sum", "A 2025-01-14 1", "E 2025-01", "no-data units 0/1"),  # what it had before is not E's
    ("monthly sum/sum", "A 2025-01 5", "D 2025-01", "5 units 1/1 periods 1/1 whole"),  # 1 January: still in D
    ("monthly sum/sum", "A 2025-01 5", "E 2025-01", "no-data"),
])  # fmt: skip
def test_a_commune_that_moves_gives_each_parent_what_it_had_there(laws: str, sent: str, asked: str, shown: str) -> None:
    check(laws, "P(D(A[..2025-01-15]) E(A[2025-01-15..]))", sent, asked, shown)


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    ("daily sum/sum", "A 2024-10-05 3; B 2024-10-05 100; C 2024-10-05 5", "R 2024-10-05", "8 units 2/2 whole"),
    ("daily sum/sum", "A 2024-10-05 3; B 2024-10-05 100; C 2024-10-05 5", "P 2024-10-05", "108 units 3/3 whole"),
    ("daily sum/sum", "A 2024-10-05 3; R 2024-10-05 999", "R 2024-10-05", "999 reported"),
    ("daily sum/sum", "A 2024-10-05 3; R 2024-10-05 999", "P 2024-10-05", "3 units 1/3"),  # nobody's child
    ("daily sum/sum", "D 2024-10-05 50; A 2024-10-05 3", "R 2024-10-05", "3 units 1/2"),  # A's own, not D's
    ("daily mean/mean", "A 2024-10-05 3; B 2024-10-05 100; C 2024-10-05 5", "R 2024-10-05", "4"),  # mean(3, 5)
    ("daily last/sum", "A 2024-10-05 3; C 2024-10-20 5", "R 2024-10", "8 units 2/2 whole"),
])  # fmt: skip
def test_a_region_counts_its_communes_once(laws: str, sent: str, asked: str, shown: str) -> None:
    check(laws, CITY, sent, asked, shown)


# --- what a figure carries -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "asked", "shown"), [
    ("A 2024-10-05 1; B 2024-10-05 2 provisional", "D 2024-10-05", "3 provisional"),
    ("A 2024-10-05 1 estimated; B 2024-10-05 2 provisional", "D 2024-10-05", "3 estimated"),
    ("A 2024-10-05 1 estimated; A 2024-10-06 2", "A 2024-10", "3 estimated"),
    ("D 2024-10-05 5; A 2024-10-05 1 estimated", "D 2024-10", "5 final"),  # A's is covered, no part of it
    ("D 2024-10-05 5; A 2024-10-06 1 estimated", "D 2024-10", "6 estimated"),
])  # fmt: skip
def test_the_status_is_the_weakest_of_the_parts(sent: str, asked: str, shown: str) -> None:
    check("daily sum/sum", CITY, sent, asked, shown)


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    ("daily sum/sum", "A 2024-10-05 1; B 2024-10-05 2", "D 2024-10-05", "3 from 1,2"),
    ("daily sum/sum", "D 2024-10-05 5; A 2024-10-05 1; A 2024-10-06 2", "D 2024-10", "7 from 1,3"),
    ("daily last/sum", "A 2024-10-05 1; A 2024-10-06 2", "A 2024-10", "2 from 2"),
    ("daily max/max", "A 2024-10-05 1; A 2024-10-06 2", "A 2024-10", "2 from 1,2"),
    ("monthly cumulative/sum", SO_FAR, "A 2024-03", "20 from 2,3"),
    (RATE, "n/A 2024-10 1; d/A 2024-10 10", "A 2024-10", "10 from 1,2"),
    ("daily sum/sum", "A 2024-10 9; A 2024-10-05 1", "A 2024-10", "9 from 1"),
])  # fmt: skip
def test_the_sources_are_those_of_the_parts(laws: str, sent: str, asked: str, shown: str) -> None:
    check(laws, CITY, sent, asked, shown)


@pytest.mark.parametrize(("laws", "sent", "asked", "shown"), [
    ("daily sum/sum", "A 2024-10-05 1", "A 2024-10-05, now 2024-10-05T23:59:59", "1 reported partial"),
    ("daily sum/sum", "A 2024-10-05 1", "A 2024-10-05, now 2024-10-06", "1 reported whole"),
    ("weekly sum/sum", "A 2024-W40 1; B 2024-W40 1", "D 2024-W40, now 2024-10-06T12", "2 units 2/2 periods 1/1 partial"),
    ("weekly sum/sum", "A 2024-W40 1; B 2024-W40 1", "D 2024-W40, now 2024-10-07", "2 whole"),
    ("daily last/sum", "A 2024-10-05 1", "A 2024-10, now 2024-10-20", "1 periods 1/31 partial"),
    ("daily last/sum", "A 2024-10-05 1", "A 2024-10, now 2024-11-01", "1 periods 1/31 whole"),
    ("daily last/sum", "A 2024-10-05 1", "D 2024-10", "1 units 1/2 partial"),
    ("monthly cumulative/sum", "A 2024-01 1", "A 2024, now 2024-12-31", "1 partial"),
    ("daily mean/mean", "A 2024-W40 1", "A 2024-W40", "1 reported periods 1/1 whole"),
    ("monthly mean/mean", "A 2024-07 1; A 2024-08 2; A 2024-09 3", "A 2024-Q3", "2 periods 3/3 whole"),
    ("monthly mean/mean", "A 2024-07 1; A 2024-09 3", "A 2024-Q3", "2 periods 2/3 partial"),
])  # fmt: skip
def test_a_figure_is_partial_while_something_it_needs_is_missing(laws: str, sent: str, asked: str, shown: str) -> None:
    check(laws, CITY, sent, asked, shown)


@pytest.mark.parametrize(("tree", "sent", "asked", "shown"), [
    ("P(D(A B) E(C))", "C 2024-10-05 1", "P 2024-10-05", "1 units 1/3"),  # silent D counts its communes
    ("P(D(A B) E)", "A 2024-10-05 1", "P 2024-10-05", "1 units 1/3"),  # a district without communes is a leaf
    ("P(D(A(S T) B))", "B 2024-10-05 1", "P 2024-10-05", "1 units 1/2"),  # silent A counts 1, not its cameras
    ("P(D(A(S T) B))", "S 2024-10-05 1", "P 2024-10-05", "1 units 1/3"),
    ("R(S T)", "", "R 2024-10-05", "no-data units 0/1"),
    ("P(D(A B))", "D 2024-10-05 1", "P 2024-10-05", "1 units 1/1 whole"),  # D spoke for its communes
    # B joined in November: of its 61 days it misses 60; what D reported before is not B's: 92 - 60
    ("D(A B[2024-11-01..])", "D 2024-10-01 1; D 2024-10-02 1; B 2024-11-05 5", "D 2024-Q4", "7 units 1/2 periods 32/92"),
    # the largest number of missing days among those present: A misses 1 day, B 2
    ("D(A B C)", "A 2024-09-30 1; A 2024-10-01 1; A 2024-10-02 1; A 2024-10-03 1; A 2024-10-04 1; "
     "A 2024-10-05 1; B 2024-09-30 1; B 2024-10-01 1; B 2024-10-02 1; B 2024-10-03 1; B 2024-10-04 1",
     "D 2024-W40", "11 units 2/3 periods 5/7 partial"),
])  # fmt: skip
def test_coverage_counts_units_and_periods(tree: str, sent: str, asked: str, shown: str) -> None:
    check("daily sum/sum", tree, sent, asked, shown)


# --- comparisons -----------------------------------------------------------------------------------------------------


def compared(comparison: Comparison, shown: str) -> str:
    words = [comparison.other.reason or plain(comparison.value or Decimal(0))]
    for word in shown.split()[1:]:
        match word:
            case "until":
                words.append(
                    "until " + ("-" if comparison.other.until is None else f"{comparison.other.until:%Y-%m-%dT%H}")
                )
            case "change":
                words.append("change " + ("-" if comparison.change is None else plain(comparison.change)))
            case "pct":
                words.append("pct " + ("-" if comparison.change_pct is None else plain(comparison.change_pct)))
    assert (comparison.value is None) == (comparison.other.reason is not None)
    return " ".join(words)


def check_comparison(laws: str, tree: str, kind: str, sent: str, asked: str, shown: str) -> None:
    for each in each_arrival(laws, tree, sent, asked):
        assert compared(each.compared(kind), shown) == shown


OCTOBER = "A 2024-10-01 1; A 2024-10-03 2"
SEPTEMBER = "A 2024-09-01 10; A 2024-09-02 20; A 2024-09-03 30; A 2024-09-04 99"


@pytest.mark.parametrize(("kind", "sent", "asked", "shown"), [
    # until the end of the 3rd: 10 + 20 + 30; 3 - 60 = -57, -57 / 60
    ("previous", f"{OCTOBER}; {SEPTEMBER}", "A 2024-10, now 2024-10-10", "60 until 2024-09-04T00 change -57 pct -95"),
    ("previous", f"{OCTOBER}; {SEPTEMBER}; A 2024-09 5000", "A 2024-10, now 2024-10-10", "60 until 2024-09-04T00"),
    ("previous", f"{OCTOBER}; {SEPTEMBER}", "A 2024-10", "159 until - change -156"),  # October has ended
    ("previous", f"{OCTOBER}; {SEPTEMBER}; A 2024-09 5000", "A 2024-10", "5000 until - change -4997 pct -99.94"),
    ("previous", "A 2024-10-05 1; A 2024-09-20 7", "A 2024-10, now 2024-10-10", "no-data until 2024-09-06T00 change -"),
    ("previous", "A 2024-09-01 10", "A 2024-10, now 2024-10-10", "no-data until - change -"),  # no value yet
    ("previous", "A 2024-09-01 10", "A 2024-10", "10 change - pct -"),  # October has ended without a value
    # a day that the other month lacks becomes its end
    ("previous", "A 2025-03-27 1; A 2025-02-27 3; A 2025-02-28 7", "A 2025-03, now 2025-03-28", "3 until 2025-02-28T00"),
    ("previous", "A 2025-03-28 1; A 2025-02-27 3; A 2025-02-28 7", "A 2025-03, now 2025-03-29", "10 until -"),
    ("previous", "A 2025-03-30 1; A 2025-02-01 3; A 2025-02 500", "A 2025-03, now 2025-03-31", "500 until -"),
    ("previous", "A 2025-02-27 1; A 2025-01-27 3; A 2025-01-28 9", "A 2025-02, now 2025-02-28", "3 until 2025-01-28T00"),
    ("previous", "A 2025-02-28 1; A 2025-01-31 9", "A 2025-02, now 2025-02-28T20", "9 until -"),  # all of February
    ("year_ago", "A 2024-02-28 1; A 2023-02-28 7", "A 2024-02, now 2024-02-29", "7 until -"),  # 2023 has no 29th
    # a year up to the leap day
    ("year_ago", "A 2024-02-28 1; A 2023-02-28 7; A 2023-03-01 9", "A 2024, now 2024-02-29", "7 until 2023-03-01T00"),
    ("year_ago", "A 2024-02-29 1; A 2023-02-28 7; A 2023-03-01 9", "A 2024, now 2024-03-05", "7 until 2023-03-01T00"),
    ("year_ago", "A 2025-02-28 1; A 2024-02-29 5; A 2024-03-01 9", "A 2025, now 2025-03-05", "5 until 2024-03-01T00"),
    ("previous", "A 2025-02-27 1; A 2024-02-27 4; A 2024-02-29 5", "A 2025, now 2025-03-05", "4 until 2024-02-28T00"),
    # a quarter by its months: 31 May is one day past February's end
    ("previous", "A 2024-10-05 1; A 2024-07-05 2; A 2024-07-06 4", "A 2024-Q4, now 2024-10-07", "2 until 2024-07-06T00"),
    ("previous", "A 2025-05-30 1; A 2025-02-28 2; A 2025-03-01 4", "A 2025-Q2, now 2025-06-01", "2 until 2025-03-01T00"),
    ("year_ago", "A 2024-10-05 1; A 2023-10-05 2; A 2023-10-06 4", "A 2024-Q4, now 2024-10-07", "2 until 2023-10-06T00"),
    # weeks by their weekdays; week 2: 6 January 2025, 8 January 2024
    ("year_ago", "A 2025-01-07 1; A 2024-01-08 5; A 2024-01-09 6; A 2024-01-10 7", "A 2025-W02, now 2025-01-08",
     "11 until 2024-01-10T00"),
    ("year_ago", "A 2025-01-06 1; A 2024-01-08 5; A 2024-01-14 6; A 2024-01-15 7", "A 2025-W02", "11 until -"),
    ("previous", "A 2025-01-06 1; A 2024-12-30 2; A 2024-12-31 4", "A 2025-W02, now 2025-01-07", "2 until 2024-12-31T00"),
    ("year_ago", "A 2020-12-31 1", "A 2020-W53", "no-counterpart until - change - pct -"),
    ("previous", "A 2021-01-04 1; A 2021-01-03 2", "A 2021-W01", "2"),  # before week 1 of 2021 comes week 53 of 2020
    ("year_ago", "A 2024-02-29 1; A 2023-02-28 2", "A 2024-02-29", "no-counterpart"),
    ("year_ago", "A 2024-10-05 1; A 2023-10-05 2", "A 2024-10-05", "2 change -1 pct -50"),
    # a Saturday with the Saturday before; only days and hours have one
    ("week_ago", "A 2024-10-05 1; A 2024-09-28 2; A 2024-10-04 9", "A 2024-10-05", "2 change -1 pct -50"),
    ("week_ago", "A 2024-W40 1; A 2024-W39 2", "A 2024-W40", "no-counterpart until - change - pct -"),
    ("week_ago", "A 2024-10-05 1", "A 2024-10", "no-counterpart"),
    # the figures
    ("previous", "A 2024-10-05 5; A 2024-10-04 0", "A 2024-10-05", "0 change 5 pct -"),
    ("previous", "A 2024-10-05 5; A 2024-10-04 -10", "A 2024-10-05", "-10 change 15 pct 150"),
    ("previous", "A 2024-10-05 5; A 2024-10-04 3", "A 2024-10-05", "3 change 2 pct 66.666666666667"),
    ("previous", "A 2024-10 50; A 2024-09-30 7", "A 2024-10, now 2024-10-10", "7 until - change 43"),  # reported: whole
])  # fmt: skip
def test_a_bucket_is_compared_with_the_same_part_of_the_other(kind: str, sent: str, asked: str, shown: str) -> None:
    check_comparison("daily sum/sum", CITY, kind, sent, asked, shown)


@pytest.mark.parametrize(("laws", "kind", "sent", "asked", "shown"), [
    ("hourly sum/sum", "previous", "A 2024-10-05T09 1; A 2024-10-04T09 5; A 2024-10-04T10 6",
     "A 2024-10-05, now 2024-10-05T11", "5 until 2024-10-04T10"),
    ("hourly sum/sum", "week_ago", "A 2024-10-05T09 1; A 2024-09-28T09 5; A 2024-09-28T10 6; A 2024-10-04T09 7",
     "A 2024-10-05, now 2024-10-05T11", "5 until 2024-09-28T10"),
    ("hourly sum/sum", "week_ago", "A 2024-10-05T09 1; A 2024-09-28T09 5", "A 2024-10-05T09", "5 until - change -4"),
    ("hourly sum/sum", "year_ago", "A 2024-10-05T09 1; A 2023-10-05T09 5; A 2023-10-05T10 6",
     "A 2024-10-05, now 2024-10-05T11", "5 until 2023-10-05T10"),
    # a day that 2023 lacks becomes the end of its February, whatever the hour
    ("hourly sum/sum", "year_ago", "A 2024-02-29T04 1; A 2023-02-28T23 7; A 2023-03-01T03 9",
     "A 2024, now 2024-02-29T06", "7 until 2023-03-01T00"),
    ("hourly sum/sum", "previous", "A 2025-05-31T04 1; A 2025-02-28T23 7; A 2025-03-01T03 9",
     "A 2025-Q2, now 2025-05-31T06", "7 until 2025-03-01T00"),
    ("hourly sum/sum", "previous", "A 2025-03-29T04 1; A 2025-02-28T23 7", "A 2025-03, now 2025-03-29T06", "7 until -"),
    ("realtime sum/sum", "previous", "A 2024-10-05T09:10 1; A 2024-10-04T09:50 5; A 2024-10-04T10:00 6",
     "A 2024-10-05, now 2024-10-05T09:15", "5 until 2024-10-04T10"),  # to the end of the hour
    ("daily last/sum", "previous", "A 2024-10-05 50; A 2024-09-03 40; A 2024-09-20 45",
     "A 2024-10, now 2024-10-10", "40 until 2024-09-06T00"),
    ("monthly cumulative/sum", "year_ago", "A 2024-03 45; A 2023-03 40; A 2023-06 100",
     "A 2024, now 2024-04-15", "40 until 2023-04-01T00"),
    ("daily cumulative/sum", "previous", "A 2024-03-10 45; A 2024-01-31 10; A 2024-02-10 30; A 2024-02-20 35",
     "A 2024-03, now 2024-03-11", "20 until 2024-02-11T00"),  # 30 - 10
    # week 5 hangs over into February: all of January is there, against all of December
    ("weekly sum/sum", "previous", "A 2025-W05 1; A 2024-W52 3", "A 2025-01, now 2025-01-31", "3 until -"),
    ("weekly sum/sum", "previous", "A 2025-W10 1; A 2025-W06 3; A 2025-W07 4", "A 2025-03, now 2025-03-12",
     "3 until 2025-02-10T00"),
    # rates and ranks change by points and places
    (RATE, "previous", "n/A 2024-10 1; d/A 2024-10 10; n/A 2024-09 1; d/A 2024-09 5", "A 2024-10",
     "20 change -10 pct -"),
    ("monthly last/none rank", "previous", "A 2024-10 20; A 2024-09 22", "A 2024-10", "22 change -2 pct -"),
    # a denominator in force does not lengthen the part: 2 / 100 up to the 5th
    ("n: daily sum/sum; d: yearly last/sum; daily ratio/ratio per_1000_persons", "previous",
     "n/A 2024-10-05 4; n/A 2024-09-05 2; n/A 2024-09-06 10; d/A 2024 100", "A 2024-10, now 2024-10-10",
     "20 until 2024-09-06T00 change 20 pct 100"),
    # the one in force in the other bucket: 2 / 100, while 4 / 200 is the value of January
    ("n: daily sum/sum; d: yearly last/sum; daily ratio/ratio per_1000_persons", "previous",
     "n/A 2025-01-05 4; n/A 2024-12-05 2; d/A 2024 100; d/A 2025 200", "A 2025-01, now 2025-01-10",
     "20 until 2024-12-06T00 change 0 pct 0"),
    # one that is not does: up to the 7th, (2 + 10) / 100
    ("n: daily sum/sum; d: daily last/sum; daily ratio/ratio per_1000_persons", "previous",
     "n/A 2024-10-05 4; d/A 2024-10-07 100; n/A 2024-09-05 2; n/A 2024-09-06 10; d/A 2024-09-01 100",
     "A 2024-10, now 2024-10-10", "120 until 2024-09-08T00"),
])  # fmt: skip
def test_comparisons_go_by_the_laws_of_the_indicator(laws: str, kind: str, sent: str, asked: str, shown: str) -> None:
    check_comparison(laws, CITY, kind, sent, asked, shown)


@pytest.mark.parametrize(("sent", "asked", "shown"), [
    ("A 2025-07 1; A 2025-06 2", "D 2025-07", "not-applicable change -"),  # before D was founded
    ("A 2025-08 1; A 2025-07 2", "D 2025-08", "2 change -1"),
])  # fmt: skip
def test_a_bucket_before_the_unit_existed_has_no_figure(sent: str, asked: str, shown: str) -> None:
    check_comparison("monthly sum/sum", "D[2025-07-01..](A)", "previous", sent, asked, shown)


@pytest.mark.parametrize(("kind", "sent", "asked", "shown"), [
    ("previous", "A 2024-10 3; A 2024-09 4; B 2024-09 9", "D 2024-10", "13 change - pct -"),  # one of two, then both
    ("previous", "A 2024-10 3; B 2024-10 9; A 2024-09 4", "D 2024-10", "4 change - pct -"),
    ("previous", "A 2024-10 3; A 2024-09 4", "D 2024-10", "4 change -1 pct -25"),  # one of two each time
    ("previous", "A 2024-10 3; B 2024-10 9; D 2024-09 10", "D 2024-10", "10 change 2 pct 20"),  # all that was expected
    ("previous", "A 2024-10 3; D 2024-09 10", "D 2024-10", "10 change -"),
    ("year_ago", "A 2024-10-01 3; A 2023-10-01 4; B 2023-10-01 9", "D 2024-10, now 2024-10-02", "13 change -"),
])  # fmt: skip
def test_where_other_units_stand_behind_the_two_sides_there_is_no_change(
    kind: str, sent: str, asked: str, shown: str
) -> None:
    laws = "daily sum/sum" if "-01 " in sent else "monthly sum/sum"
    check_comparison(laws, "D(A B)", kind, sent, asked, shown)


@pytest.mark.parametrize(("laws", "kind", "sent", "asked", "shown"), [
    # twenty minutes of this hour, all of that of a week ago
    ("realtime sum/sum", "week_ago", "A 2024-10-05T09:10 1; A 2024-09-28T09:10 1; A 2024-09-28T09:50 5",
     "A 2024-10-05T09, now 2024-10-05T09:20", "6 change -"),
    ("realtime last/sum", "week_ago", "A 2024-10-05T09:10 1; A 2024-09-28T09:50 5",
     "A 2024-10-05T09, now 2024-10-05T09:20", "5 change -"),
    ("realtime sum/sum", "week_ago", "A 2024-10-05T09:10 1; A 2024-09-28T09:10 1; A 2024-09-28T09:50 5",
     "A 2024-10-05T09, now 2024-10-05T10", "6 change -5"),
    ("hourly sum/sum", "previous", "A 2024-10-05T09 1; A 2024-10-04T09 5", "A 2024-10-05, now 2024-10-05T09:20", "5 change -"),
    ("hourly mean/mean", "previous", "A 2024-10-05T09 1; A 2024-10-04T09 5", "A 2024-10-05, now 2024-10-05T09:20", "5 change -4"),
    ("daily sum/sum", "previous", "A 2024-10-05 1; A 2024-10-04 5", "A 2024-10-05, now 2024-10-05T09:20", "5 change -"),
    ("daily sum/sum", "previous", "A 2024-10-05 1 estimated; A 2024-10-04 5", "A 2024-10-05, now 2024-10-05T09:20", "5 change -4"),
])  # fmt: skip
def test_what_is_not_over_is_not_compared_with_what_is(laws: str, kind: str, sent: str, asked: str, shown: str) -> None:
    check_comparison(laws, CITY, kind, sent, asked, shown)


def test_before_and_after_a_reform_are_alike_when_nobody_is_missing() -> None:
    check_comparison(
        "monthly sum/sum", REFORM, "previous", "A 2025-06 2; B 2025-06 4; C 2025-07 8", "P 2025-07", "6 change 2"
    )
    check_comparison("monthly sum/sum", REFORM, "previous", "A 2025-06 2; C 2025-07 8", "P 2025-07", "2 change -")


YEAR = "A 2023-12-31 100; A 2024-01-02 1; A 2024-02-05 2; A 2024-03-09 4; A 2024-01 500"


@pytest.mark.parametrize(("laws", "sent", "asked", "ytd"), [
    ("daily sum/sum", YEAR, "A 2024-01", "1"),  # coarser readings take no part
    ("daily sum/sum", YEAR, "A 2024-02", "3"),
    ("daily sum/sum", YEAR, "D 2024-02", "3"),
    ("daily sum/sum", YEAR, "A 2024-02-05", "3"),
    ("daily sum/sum", YEAR, "A 2024-02-04", "1"),
    ("daily sum/sum", YEAR, "A 2024-Q1", "7"),
    ("daily sum/sum", YEAR, "A 2024-W01", "1"),
    ("daily sum/sum", YEAR, "A 2024-12", "7"),
    ("daily sum/sum", "A 2024-12-30 9; A 2025-01-02 1", "A 2025-W01", "1"),  # the year of its Thursday
    ("daily sum/sum", "A 2020-03-01 2; A 2020-12-31 1; A 2021-01-02 9", "A 2020-W53", "3"),  # cut at the year's end
    ("daily sum/sum", "A 2023-12-31 100", "A 2024-01", "-"),
    ("daily mean/mean", "A 2024-01-02 1; A 2024-02-05 3", "A 2024-02", "2"),
    ("daily last/sum", "A 2024-01-02 5", "A 2024-02", "5"),
    ("monthly cumulative/sum", "A 2024-01 10; A 2024-03 45", "A 2024-02", "10"),
    ("monthly cumulative/sum", "A 2024-01 10; A 2024-03 45", "A 2024-03", "45"),
    ("monthly cumulative/sum", "A 2024-01 10; A 2024-03 45; B 2024-01 7", "D 2024-03", "52"),  # 45 + 7
    (RATE, "n/A 2024-01 1; d/A 2024-01 10; n/A 2024-02 5; d/A 2024-02 20", "A 2024-02", "30"),  # (1 + 5) / 20, the last
    (RATE, "n/A 2024-01 1; d/A 2024-01 0", "A 2024-01", "-"),
    ("daily none/sum", "A 2024-01-01 1; A 2024-01-02 2", "A 2024-01-01", "1"),  # one base period
    ("daily none/sum", "A 2024-01-01 1; A 2024-01-02 2", "A 2024-01-02", "-"),
    ("monthly sum/sum", "A 2024-01 1", "A 2024-01-05", "-"),  # too fine
])  # fmt: skip
def test_the_year_to_date(laws: str, sent: str, asked: str, ytd: str) -> None:
    for each in each_arrival(laws, CITY, sent, asked):
        assert ("-" if each.ytd is None else plain(each.ytd)) == ytd


@pytest.mark.parametrize(("sent", "asked", "ytd"), [
    ("A 2025-06 100; A 2025-07 1; A 2025-08 2", "D 2025-08", "3"),  # D's year begins with D
    ("A 2025-06 100; A 2025-07 1; A 2025-08 2", "D 2025-06", "-"),
    ("A 2025-06 100; A 2025-07 1; A 2025-08 2", "E 2025-06", "100"),
    ("A 2025-06 100; A 2025-07 1; A 2025-08 2", "E 2025-08", "-"),  # E is gone
])  # fmt: skip
def test_the_year_to_date_is_cut_to_the_life_of_the_unit(sent: str, asked: str, ytd: str) -> None:
    for each in each_arrival("monthly sum/sum", "D[2025-07-01..](A) E[..2025-07-01](A)", sent, asked):
        assert ("-" if each.ytd is None else plain(each.ytd)) == ytd


# --- targets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("direction", "value", "target", "pct", "state"), [
    ("up_good", "120", "100", "120", "on_track"),
    ("up_good", "100", "100", "100", "on_track"),
    ("up_good", "99.9", "100", "99.9", "at_risk"),
    ("up_good", "90", "100", "90", "at_risk"),
    ("up_good", "89.9", "100", "89.9", "off_track"),
    ("up_good", "0", "100", "0", "off_track"),
    ("up_good", "1", "3", "33.333333333333", "off_track"),
    ("down_good", "80", "100", "80", "on_track"),
    ("down_good", "100", "100", "100", "on_track"),
    ("down_good", "100.1", "100", "100.1", "at_risk"),
    ("down_good", "110", "100", "110", "at_risk"),
    ("down_good", "110.1", "100", "110.1", "off_track"),
    ("neutral", "50", "100", "50", "-"),
    # against zero only reaching it counts
    ("up_good", "0", "0", "-", "on_track"),
    ("up_good", "-1", "0", "-", "off_track"),
    ("down_good", "0", "0", "-", "on_track"),
    ("down_good", "1", "0", "-", "off_track"),
    ("neutral", "1", "0", "-", "-"),
])  # fmt: skip
def test_a_target_and_its_usual_bounds(direction: str, value: str, target: str, pct: str, state: str) -> None:
    at_risk = Decimal(110 if direction == "down_good" else 90)
    percent = achieved(Decimal(value), Decimal(target))
    assert ("-" if percent is None else plain(percent)) == pct
    assert (state_of(direction, Decimal(value), Decimal(target), Decimal(100), at_risk) or "-") == state


@pytest.mark.parametrize(("direction", "value", "bounds", "state"), [
    ("up_good", "80", (80, 60), "on_track"),
    ("up_good", "79", (80, 60), "at_risk"),
    ("up_good", "59", (80, 60), "off_track"),
    ("down_good", "105", (105, 150), "on_track"),
    ("down_good", "150", (105, 150), "at_risk"),
    ("down_good", "151", (105, 150), "off_track"),
])  # fmt: skip
def test_a_target_may_bring_its_own_bounds(direction: str, value: str, bounds: tuple[int, int], state: str) -> None:
    on_track, at_risk = map(Decimal, bounds)
    assert state_of(direction, Decimal(value), Decimal(100), on_track, at_risk) == state


PLAN_RATE = "n: daily cumulative/sum; d: yearly last/sum; daily ratio/ratio %"
SHARE = "n: daily sum/sum; d: daily sum/sum; daily ratio/ratio %"


@pytest.mark.parametrize(("laws", "sent", "asked", "elapsed"), [
    # what accumulates: up to the end of the last period that is over
    ("monthly sum/sum", "A 2026-01 1; A 2026-05 1", "A 2026, now 2026-06-20", "151/365"),  # 31 + 28 + 31 + 30 + 31 days
    ("daily cumulative/sum", "A 2026-05-31 9", "A 2026, now 2026-06-20", "151/365"),
    ("daily sum/sum", "A 2026-11-10 1", "A 2026-11, now 2026-11-20", "10/30"),
    ("daily sum/sum", "A 2026-11-20 1", "A 2026-11, now 2026-11-20T10:00", "19/30"),  # today is not over
    ("daily sum/sum", "A 2026-11-25 1", "A 2026-11, now 2026-11-20T10:00", "19/30"),  # sent ahead
    ("daily sum/sum", "A 2026-11-25 1 estimated", "A 2026-11, now 2026-11-20T10:00", "25/30"),  # an estimate is one of all that
    ("daily sum/sum", "A 2026-11-01 1", "A 2026-11, now 2026-11-01T10:00", "0"),
    ("realtime sum/sum", "A 2026-11-20T10:30:00 1", "A 2026-11-20, now 2026-11-20T12:40", "11/24"),
    ("daily sum/sum", "A 2026-11-10 1; B 2026-11-12 1", "D 2026-11, now 2026-11-20", "12/30"),  # as far as one of them has come
    (PLAN_RATE, "n/A 2026-05-31 9; d/A 2026 100", "A 2026, now 2026-06-20", "151/365"),  # of a year's plan so much
    # what is over, what was reported of all of it, and what does not accumulate
    ("monthly sum/sum", "A 2026-01 1; A 2026-05 1", "A 2026, now 2027-01-01", "-"),
    ("monthly sum/sum", "A 2026-01 1; A 2026 9", "A 2026, now 2026-06-20", "-"),
    ("yearly sum/sum", "A 2026 9", "A 2026, now 2026-06-20", "-"),  # the year has no parts
    ("daily last/sum", "A 2026-05-31 9", "A 2026, now 2026-06-20", "-"),
    ("daily mean/mean", "A 2026-05-31 9", "A 2026, now 2026-06-20", "-"),
    (SHARE, "n/A 2026-05-31 9; d/A 2026-05-31 100", "A 2026, now 2026-06-20", "-"),  # on both sides
    ("monthly sum/sum", "", "A 2026, now 2026-06-20", "-"),
])  # fmt: skip
def test_how_much_of_a_period_is_over_of_what_accumulates_in_it(laws: str, sent: str, asked: str, elapsed: str) -> None:
    expected = None if elapsed == "-" else Fraction(elapsed)
    for each in each_arrival(laws, CITY, sent, asked):
        found = each.elapsed
        assert (found is None) == (expected is None)
        assert expected is None or found is None or abs(Fraction(found) - expected) < Fraction(1, 10**12)


def test_what_is_over_of_a_period_is_cut_to_the_life_of_the_unit() -> None:
    for each in each_arrival("daily sum/sum", "P(A) A[2026-11-11..]", "A 2026-11-15 1", "A 2026-11, now 2026-11-20"):
        assert each.elapsed == Decimal("0.25")


@pytest.mark.parametrize(("direction", "value", "elapsed", "state"), [
    ("up_good", "41.4", "0.414", "on_track"),  # just as far as the year
    ("up_good", "41.3", "0.414", "at_risk"),
    ("up_good", "37.3", "0.414", "at_risk"),
    ("up_good", "37.2", "0.414", "off_track"),
    ("up_good", "100", "1", "on_track"),
    ("down_good", "41.4", "0.414", "on_track"),  # a ceiling is used up no faster than the year
    ("down_good", "45.5", "0.414", "at_risk"),
    ("down_good", "45.6", "0.414", "off_track"),
    ("neutral", "50", "0.414", "-"),
    ("up_good", "1", "0", "-"),  # nothing of it is over: nothing can be said
    ("down_good", "1", "0", "-"),
])  # fmt: skip
def test_a_target_of_a_period_that_goes_on_is_held_against_what_is_over(
    direction: str, value: str, elapsed: str, state: str
) -> None:
    at_risk = Decimal(110 if direction == "down_good" else 90)
    found = state_of(direction, Decimal(value), Decimal(100), Decimal(100), at_risk, Decimal(elapsed))
    assert (found or "-") == state
