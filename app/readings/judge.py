"""Judge the rows of a batch against the catalogue: everything that needs no look at what is stored.

Column by column: a batch names few indicators, periods and units, so each is looked up once and not once a row.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import compress
from typing import Any

from app.auth import Caller
from app.catalogue.access import scope_of, writable_units
from app.catalogue.catalogue import FIND_INDICATOR, FIND_UNIT, Catalogue, Indicator, Unit
from app.errors import RowError, Text
from app.periods import CLOCKS_DIFFER, Grain, Period, PeriodError, bucket_start, label, parse_period
from app.readings.batch import Row, Rows
from app.schemas.readings import STATUSES, Status
from app.settings import Settings

_STATUS_NUMBER: dict[Status | None, int] = {status: number for number, status in enumerate(STATUSES)}
_STATUS_NUMBER[None] = _STATUS_NUMBER["final"]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """One indicator in one period; within a batch it is one object, however its rows write the period."""

    indicator: Indicator
    period: Period
    indicator_id: int  # these three again, as every row that is stored needs them
    grain: int
    start: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """The rows whose every code is resolved, ready to be stored, as columns of one length; and every mistake found so far."""

    numbers: Sequence[int]
    places: Sequence[Place]
    units: Sequence[Unit]
    values: Sequence[Decimal | None]
    statuses: Sequence[int]
    notes: Sequence[str | None]
    errors: list[RowError]
    warnings: list[RowError] = field(default_factory=list)
    repeats: Mapping[int, Sequence[int]] = field(
        default_factory=dict
    )  # by a row's number: the rows that say the very same

    def __len__(self) -> int:
        return len(self.numbers)

    def only(self, kept: Collection[bool]) -> "Judged":
        """The rows for which `kept` is true."""
        return replace(
            self,
            numbers=list(compress(self.numbers, kept)),
            places=list(compress(self.places, kept)),
            units=list(compress(self.units, kept)),
            values=list(compress(self.values, kept)),
            statuses=list(compress(self.statuses, kept)),
            notes=list(compress(self.notes, kept)),
        )


class _Wrong(Exception):
    """A row is wrong at one field."""

    def __init__(self, code: str, name: str, **facts: Any) -> None:
        self.code = code
        self.name = name
        self.facts: Mapping[str, Any] = facts


def judge(rows: Rows, caller: Caller, catalogue: Catalogue, *, now: datetime, settings: Settings) -> Judged:
    """Resolve the codes of each row and check what it says. `rows` stays as it is: it can be judged again.

    The same reading twice with the same content is one; with different content none is taken.
    """
    bench = _Bench(caller, catalogue, now, settings)
    numbers, readings = rows.numbers, rows.good
    errors = list(rows.errors)
    where = [(row.indicator, row.period) for row in readings]
    whose = [(row.unit, row.period) for row in readings]
    for place in dict.fromkeys(where):
        bench.look_at_place(*place)
    for home in dict.fromkeys(whose):
        bench.look_at_unit(*home)
    if bench.wrong_places or bench.wrong_units:
        right = [place in bench.places and home in bench.units for place, home in zip(where, whose, strict=True)]
        for number, reading, fine in zip(numbers, readings, right, strict=True):
            if not fine:
                errors += [_mistake(rows, number, reading, wrong) for wrong in bench.wrong_with(reading)]
        numbers, readings = list(compress(numbers, right)), list(compress(readings, right))
        where, whose = list(compress(where, right)), list(compress(whose, right))
    judged = Judged(
        numbers,
        places=list(map(bench.places.__getitem__, where)),
        units=list(map(bench.units.__getitem__, whose)),
        values=[row.value for row in readings],
        statuses=[_STATUS_NUMBER[row.status] for row in readings],
        notes=[row.note for row in readings],
        errors=errors,
    )
    # Those that are known to be odd, where no row before them was left out.
    odd = rows.odd if rows.odd is not None and len(judged) == len(rows.good) else range(len(judged))
    counted = [index for index in odd if judged.places[index].indicator_id in catalogue.counting]
    if counted or bench.ahead:
        judged.warnings.extend(_doubts(judged, rows, counted, bench.soon if bench.ahead else None))
    if len(set(zip(judged.places, judged.units, strict=True))) == len(judged):
        return judged
    return _without_repeats(judged, rows)


def _doubts(judged: Judged, rows: Rows, counted: Iterable[int], soon: datetime | None) -> Iterator[RowError]:
    """What is taken, but may be a slip. Of each indicator the first row, and how many there are: a batch may have them all.

    Args:
        counted: the rows of indicators that count, but for those that are known to be right.
        soon: when a period must have begun; None: they all have.
    """
    found: dict[tuple[str, Indicator], list[int]] = {}
    for index in counted:
        value, indicator = judged.values[index], judged.places[index].indicator
        if value is not None and (value < 0 or value % 1):
            found.setdefault(("count-negative" if value < 0 else "count-fraction", indicator), []).append(index)
    if soon is not None:
        for index, (place, value, status) in enumerate(zip(judged.places, judged.values, judged.statuses, strict=True)):
            if place.start > soon and value is not None and status != _STATUS_NUMBER["estimated"]:
                found.setdefault(("period-ahead", place.indicator), []).append(index)
    for (code, indicator), (first, *others) in found.items():
        number, n = judged.numbers[first], len(others)
        ahead = code == "period-ahead"
        what = str(judged.places[first].period) if ahead else shown(judged.values[first])
        more = Text(f" (và {n} dòng khác)", f" (and {n} more {'rows' if n > 1 else 'row'})") if n else ""
        facts = {"measure": indicator.measure, "more": more}
        yield RowError(code, number, rows.pointer(number, "period" if ahead else "value"), what, facts)


def _without_repeats(judged: Judged, rows: Rows) -> Judged:
    """Of the rows that say the same the first; of those that contradict each other none: which is right is not ours to guess."""
    contents = list(zip(judged.values, judged.statuses, judged.notes, strict=True))
    said: dict[tuple[Place, Unit], list[int]] = {}
    for index, key in enumerate(zip(judged.places, judged.units, strict=True)):
        said.setdefault(key, []).append(index)
    kept = [False] * len(judged)
    repeats = {}
    for same in said.values():
        first = same[0]
        other = next((index for index in same if contents[index] != contents[first]), None)
        if other is None:
            kept[first] = True
            if same[1:]:
                repeats[judged.numbers[first]] = [judged.numbers[index] for index in same[1:]]
            continue
        for index in same:
            against = other if contents[index] == contents[first] else first
            number, value = judged.numbers[index], shown(judged.values[index])
            facts = {"first": judged.numbers[against]}
            judged.errors.append(RowError("duplicate-conflict", number, rows.pointer(number, "value"), value, facts))
    return replace(judged.only(kept), repeats=repeats)


def _mistake(rows: Rows, number: int, row: Row, wrong: _Wrong) -> RowError:
    return RowError(wrong.code, number, rows.pointer(number, wrong.name), getattr(row, wrong.name), wrong.facts)


def shown(value: Decimal | str | None) -> str | None:
    """A value as an error repeats it."""
    return None if value is None else str(value)


@dataclass(slots=True)
class _Bench:
    """Looks up what the rows of one batch name, each once: what is found, or what is wrong with it."""

    caller: Caller
    catalogue: Catalogue
    now: datetime
    settings: Settings
    soon: datetime = field(init=False)
    latest: datetime = field(init=False)
    instants_since: datetime = field(init=False)
    ahead: bool = False  # one of the periods begins after `soon`
    places: dict[tuple[str, str], Place] = field(default_factory=dict)  # by indicator and period, as written
    units: dict[tuple[str, str], Unit] = field(default_factory=dict)  # by unit and period
    wrong_places: dict[tuple[str, str], _Wrong] = field(default_factory=dict)
    wrong_units: dict[tuple[str, str], _Wrong | None] = field(default_factory=dict)  # None: the period is wrong already
    _spans: dict[str, tuple[Period, datetime, datetime]] = field(default_factory=dict)  # of a period, as written
    _same: dict[tuple[int, Period], Place] = field(default_factory=dict)
    _allowed: dict[tuple[Grain, date], frozenset[int]] = field(default_factory=dict)
    _near: dict[tuple[str, str], Text] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.soon = self.now + CLOCKS_DIFFER
        self.latest = self.now + timedelta(days=self.settings.max_future_days)
        days = self.settings.keep_instants_days
        kept = datetime.min if days is None else self.now - timedelta(days=days)
        self.instants_since = max(kept, self.catalogue.instants_since)

    def look_at_place(self, code: str, text: str) -> None:
        try:
            indicator = self._indicator(code)
            period = self._period(text, indicator)
        except _Wrong as wrong:
            self.wrong_places[code, text] = wrong
        else:
            place = Place(indicator, period, indicator.id, period.grain.value, period.start)
            self.places[code, text] = self._same.setdefault((indicator.id, period), place)

    def look_at_unit(self, address: str, text: str) -> None:
        try:
            if (span := self._spans.get(text)) is None:
                period = parse_period(text, self.settings.tz)
                end = max(period.end, period.start + timedelta(microseconds=1))
                span = self._spans[text] = (period, period.start, end)
            self.units[address, text] = self._unit(address, *span)
        except _Wrong as wrong:
            self.wrong_units[address, text] = wrong
        except PeriodError:
            self.wrong_units[address, text] = None

    def wrong_with(self, row: Row) -> list[_Wrong]:
        """All that is wrong with a row at once: nobody should have to send it three times."""
        found = []
        place, home = (row.indicator, row.period), (row.unit, row.period)
        if (wrong := self.wrong_places.get(place)) is not None:
            found.append(wrong)
        if home in self.wrong_units:
            if (misplaced := self.wrong_units[home]) is not None:
                found.append(misplaced)
            elif wrong is None or wrong.name != "period":
                found.append(_Wrong("period-malformed", "period"))
        return found

    def _indicator(self, code: str) -> Indicator:
        indicator = self.catalogue.indicators.get(code)
        if indicator is None:
            raise _Wrong("unknown-indicator", "indicator", nearest=self._nearest("indicator", code))
        if not indicator.domain.active:
            raise _Wrong("domain-inactive", "indicator", domain=indicator.domain.code)
        if self.caller.domains is not None and indicator.domain.code not in self.caller.domains:
            raise _Wrong("outside-scope", "indicator", scope=scope_of(self.caller, self.catalogue))
        return indicator

    def _period(self, text: str, indicator: Indicator) -> Period:
        try:
            period = parse_period(text, self.settings.tz)
        except PeriodError:
            raise _Wrong("period-malformed", "period") from None
        if period.grain < indicator.finest:
            example = label(indicator.finest, bucket_start(indicator.finest, period.start))
            raise _Wrong("period-too-fine", "period", periodicity=_PERIODICITY[indicator.periodicity], example=example)
        if indicator.over_time == "cumulative" and indicator.base < period.grain < Grain.year:
            last = bucket_start(indicator.base, period.end - timedelta(microseconds=1))
            raise _Wrong("cumulative-period", "period", example=label(indicator.base, last))
        if period.start > self.latest:
            raise _Wrong("period-in-future", "period", latest=self.latest.isoformat(timespec="minutes"))
        if period.start > self.soon:
            self.ahead = True
        if period.grain is Grain.instant and period.start < self.instants_since:
            example = label(Grain.hour, bucket_start(Grain.hour, period.start))
            since = self.instants_since.isoformat(sep=" ", timespec="minutes")
            raise _Wrong("instant-too-old", "period", since=since, example=example)
        return period

    def _unit(self, address: str, period: Period, start: datetime, end: datetime) -> Unit:
        of_code = self.catalogue.units_by_code.get(address) or self.catalogue.units_at(address, start, end)
        units = [one for one in of_code if one.start < end and start < one.end]
        if len(units) != 1:
            raise self._no_unit(address, period, units)
        if self.caller.unit_ids is not None and units[0].id not in self._writable(period):
            raise _Wrong("outside-scope", "unit", scope=scope_of(self.caller, self.catalogue))
        return units[0]

    def _writable(self, period: Period) -> frozenset[int]:
        key = (period.grain, period.start.date())
        if (allowed := self._allowed.get(key)) is None:
            allowed = self._allowed[key] = writable_units(self.caller, self.catalogue, period) or frozenset()
        return allowed

    def _no_unit(self, address: str, period: Period, units: Sequence[Unit]) -> _Wrong:
        if units:
            choices = ", ".join(unit.address for unit in units)
            return _Wrong("unit-ambiguous", "unit", period=str(period), choices=choices)
        if known := self.catalogue.units_by_code.get(address.partition("@")[0]):
            facts = {"validity": self.catalogue.validity_of(known), "successors": self.catalogue.successors_of(known)}
            return _Wrong("unit-not-valid", "unit", period=str(period), **facts)
        return _Wrong("unknown-unit", "unit", nearest=self._nearest("unit", address))

    def _nearest(self, what: str, code: str) -> Text:
        # Looking for like codes takes milliseconds: a batch of 50,000 wrong ones must not take minutes.
        if (what, code) not in self._near:
            if len(self._near) >= _MOST_HINTS:
                return FIND_UNIT if what == "unit" else FIND_INDICATOR
            nearest = self.catalogue.nearest_units if what == "unit" else self.catalogue.nearest_indicators
            self._near[what, code] = nearest(code)
        return self._near[what, code]


_MOST_HINTS = 32

_PERIODICITY = {
    "realtime": Text("thời gian thực", "realtime"),
    "hourly": Text("theo giờ", "hourly"),
    "daily": Text("theo ngày", "daily"),
    "weekly": Text("theo tuần", "weekly"),
    "monthly": Text("theo tháng", "monthly"),
    "quarterly": Text("theo quý", "quarterly"),
    "yearly": Text("theo năm", "yearly"),
}
