"""Judge the rows of a batch against the catalogue: everything that needs no look at what is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.auth import Caller
from app.catalogue.access import scope_of, writable_units
from app.catalogue.catalogue import Catalogue, Indicator, Unit
from app.errors import RowError, Text
from app.periods import Grain, Period, PeriodError, bucket_start, label, parse_period
from app.readings.batch import Rows
from app.schemas.readings import STATUSES, ReadingIn
from app.settings import Settings

Key = tuple[int, int, int, datetime]

_STATUS_NUMBER = {status: number for number, status in enumerate(STATUSES)}
_FINAL = _STATUS_NUMBER["final"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A row whose every code is resolved: ready to be stored."""

    number: int
    indicator: Indicator
    unit: Unit
    period: Period
    value: Decimal | None
    status: int
    note: str | None
    repeats: tuple[int, ...] = ()  # the rows that say the very same

    @property
    def key(self) -> Key:
        return (self.indicator.id, self.unit.id, self.period.grain.value, self.period.start)

    @property
    def content(self) -> tuple[Decimal | None, int, str | None]:
        return (self.value, self.status, self.note)


class _Wrong(Exception):
    """A row is wrong at one field."""

    def __init__(self, code: str, name: str, **facts: Any) -> None:
        self.code = code
        self.name = name
        self.facts: Mapping[str, Any] = facts


def judge(rows: Rows, caller: Caller, catalogue: Catalogue, *, now: datetime, settings: Settings) -> list[Judged]:
    """Resolve the codes of each row and check what it says; mistakes go to `rows.errors`.

    The same reading twice with the same content is one; with different content none is taken.
    """
    bench = _Bench(rows, caller, catalogue, now, settings)
    judged: dict[Key, Judged] = {}
    repeated: dict[Key, list[Judged]] = {}
    for number, row in rows.good:
        if (one := bench.judge(number, row)) is None:
            continue
        if (first := judged.setdefault(one.key, one)) is not one:
            repeated.setdefault(one.key, [first]).append(one)
    for key, same in repeated.items():
        first = same[0]
        other = next((one for one in same if one.content != first.content), None)
        if other is None:
            judged[key] = replace(first, repeats=tuple(one.number for one in same[1:]))
        else:
            # Which of them is right is not ours to guess: none is taken.
            del judged[key]
            rows.errors.extend(_conflict(rows, one, other if one.content == first.content else first) for one in same)
    return list(judged.values())


def _conflict(rows: Rows, row: Judged, other: Judged) -> RowError:
    pointer = rows.pointer(row.number, "value")
    return RowError("duplicate-conflict", row.number, pointer, shown(row.value), {"first": other.number})


def shown(value: Decimal | str | None) -> str | None:
    """A value as an error repeats it."""
    return None if value is None else str(value)


@dataclass(slots=True)
class _Bench:
    """Judges the rows of one batch, remembering what it looked up: a batch names few units, periods and indicators."""

    rows: Rows
    caller: Caller
    catalogue: Catalogue
    now: datetime
    settings: Settings
    _units: dict[tuple[str, Period], Unit] = field(default_factory=dict)
    _allowed: dict[tuple[Grain, date], frozenset[int] | None] = field(default_factory=dict)
    _near: dict[tuple[str, str], str] = field(default_factory=dict)

    def judge(self, number: int, row: ReadingIn) -> Judged | None:
        try:
            indicator = self._indicator(row["indicator"])
            period = self._period(row["period"], indicator)
            unit = self._unit(row["unit"], period)
        except _Wrong as wrong:
            self._note(number, row, wrong)
            self._look_further(number, row, wrong)
            return None
        return Judged(
            number=number,
            indicator=indicator,
            unit=unit,
            period=period,
            value=row["value"],
            status=_STATUS_NUMBER[row["status"]] if "status" in row else _FINAL,
            note=row.get("note"),
        )

    def _note(self, number: int, row: ReadingIn, wrong: _Wrong) -> None:
        pointer = self.rows.pointer(number, wrong.name)
        self.rows.errors.append(RowError(wrong.code, number, pointer, row.get(wrong.name), wrong.facts))

    def _look_further(self, number: int, row: ReadingIn, first: _Wrong) -> None:
        """What else is wrong with the row can be said at once: nobody should have to send it three times."""
        try:
            period = parse_period(row["period"], self.settings.tz)
        except PeriodError:
            if first.name != "period":
                self._note(number, row, _Wrong("period-malformed", "period"))
            return
        if first.name != "unit":
            try:
                self._unit(row["unit"], period)
            except _Wrong as wrong:
                self._note(number, row, wrong)

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
            example = label(indicator.finest, bucket_start(indicator.finest, self.now.replace(microsecond=0)))
            raise _Wrong("period-too-fine", "period", periodicity=_PERIODICITY[indicator.periodicity], example=example)
        if indicator.over_time == "cumulative" and indicator.base < period.grain < Grain.year:
            last = bucket_start(indicator.base, period.end - timedelta(microseconds=1))
            raise _Wrong("cumulative-period", "period", example=label(indicator.base, last))
        latest = self.now + timedelta(days=self.settings.max_future_days)
        if period.start > latest:
            raise _Wrong("period-in-future", "period", latest=latest.isoformat(timespec="minutes"))
        return period

    def _unit(self, address: str, period: Period) -> Unit:
        if (unit := self._units.get((address, period))) is None:
            unit = self._units[address, period] = self._one_unit(address, period)
        if (period.grain, period.start.date()) not in self._allowed:
            allowed = writable_units(self.caller, self.catalogue, period)
            self._allowed[period.grain, period.start.date()] = allowed
        allowed = self._allowed[period.grain, period.start.date()]
        if allowed is not None and unit.id not in allowed:
            raise _Wrong("outside-scope", "unit", scope=scope_of(self.caller, self.catalogue))
        return unit

    def _one_unit(self, address: str, period: Period) -> Unit:
        end = max(period.end, period.start + timedelta(microseconds=1))
        found = self.catalogue.units_at(address, period.start, end)
        units = [unit for unit in found if unit.start < end and period.start < unit.end]
        if len(units) == 1:
            return units[0]
        if units:
            choices = ", ".join(unit.address for unit in units)
            raise _Wrong("unit-ambiguous", "unit", period=str(period), choices=choices)
        if known := self.catalogue.units_by_code.get(address.partition("@")[0]):
            facts = {"validity": self.catalogue.validity_of(known), "successors": self.catalogue.successors_of(known)}
            raise _Wrong("unit-not-valid", "unit", period=str(period), **facts)
        raise _Wrong("unknown-unit", "unit", nearest=self._nearest("unit", address))

    def _nearest(self, what: str, code: str) -> str:
        # Looking for like codes takes milliseconds: a batch of 50,000 wrong ones must not take minutes.
        if (what, code) not in self._near:
            if len(self._near) >= _MOST_HINTS:
                return "–"
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
