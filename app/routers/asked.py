"""What a query asks for, as things of the catalogue: codes become indicators and units, `from` and `to` an interval."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from app.catalogue.catalogue import Catalogue, Indicator, Unit
from app.errors import InvalidRequest, RowError
from app.periods import Period, PeriodError, parse_period
from app.settings import Settings


def refused(name: str, code: str, value: Any, **facts: Any) -> InvalidRequest:
    """One query parameter is wrong."""
    return InvalidRequest(count=1, errors=[RowError(code, pointer=f"/query/{name}", value=value, facts=facts)])


def split(values: Iterable[str]) -> list[str]:
    """`a=1&a=2` and `a=1,2` are the same; what is said twice is meant once."""
    return list(dict.fromkeys(filter(None, map(str.strip, ",".join(values).split(",")))))


def asked_indicators(catalogue: Catalogue, codes: Sequence[str]) -> list[Indicator]:
    """Raises: UnknownIndicator, InvalidRequest (none)."""
    wanted = split(codes)
    if not wanted:
        raise refused("indicator", "missing", None)
    return [catalogue.require_indicator(code) for code in wanted]


def asked_units(
    catalogue: Catalogue, addresses: Sequence[str], start: datetime, end: datetime, when: str
) -> list[Unit]:
    """Every unit that had one of the codes in `[start, end)`: a code that was used again is two units.

    Raises: UnknownUnit, UnitNotValid, InvalidRequest (none).
    """
    wanted = split(addresses)
    if not wanted:
        raise refused("unit", "missing", None)
    units = [unit for address in wanted for unit in catalogue.require_units(address, start, end, when)]
    return list({unit.id: unit for unit in units}.values())


def asked_period(settings: Settings, name: str, text: str) -> Period:
    try:
        return parse_period(text, settings.tz)
    except PeriodError as error:
        raise refused(name, "period-malformed", text[:100]) from error


def asked_interval(settings: Settings, first: str, last: str) -> tuple[datetime, datetime]:
    """From the start of one period to the end of another."""
    start, until = asked_period(settings, "from", first), asked_period(settings, "to", last)
    end = max(until.end, until.start + timedelta(microseconds=1))
    if end <= start.start:
        raise refused("to", "out-of-range", last, why=f"from={first} > to={last}")
    return start.start, end
