"""Which figures a caller may see, and which it may write."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, tzinfo

from app.auth import Caller, require_caller
from app.catalogue.catalogue import Catalogue, Edge, Indicator, Unit
from app.errors import OutsideKeyUnits, Text
from app.periods import Period, midnight


def require_readable(caller: Caller | None, indicators: Iterable[Indicator]) -> None:
    """Public indicators are for everybody; others need a key with `readings:read` and their domain.

    Raises: KeyRequired, ScopeMissing, OutsideKeyUnits.
    """
    for indicator in indicators:
        if not indicator.public:
            why = Text(
                f"chỉ tiêu '{indicator.code}' không công khai", f"the indicator '{indicator.code}' is not public"
            )
            reader = require_caller(caller, "readings:read", why)
            if reader.domains is not None and indicator.domain.code not in reader.domains:
                raise OutsideKeyUnits(value=indicator.code, scope=", ".join(sorted(reader.domains)))


def writable_units(caller: Caller, catalogue: Catalogue, period: Period) -> frozenset[int] | None:
    """The subtrees of the key as of the day of the period: a key for a district follows its communes. None: everywhere."""
    if caller.unit_ids is None:
        return None
    return units_below(caller.unit_ids, catalogue, period.anchor.date(), period.end)


def units_below(
    unit_ids: Iterable[int], catalogue: Catalogue, day: date, until: datetime = datetime.min
) -> frozenset[int]:
    """The units and all that report to them on a day, or later before `until`."""
    start = midnight(day)
    roots = [catalogue.units[key] for key in unit_ids if key in catalogue.units]
    return frozenset(catalogue.tree.subtree(roots, start, max(until, start + timedelta(days=1))))


def answered_for(unit_ids: Iterable[int], catalogue: Catalogue, now: datetime, zone: tzinfo) -> Mapping[int, datetime]:
    """For which units these answer now, or did before; and until when, local: those now until later than `now`.

    It is themselves, what reports to them, and what there is no more and went into one of these: whoever has the land today answers
    for what was begun there. Where a unit was divided each successor does. A successor of another kind does not: what the office of a
    district had in all its communes is not for each of them.
    """
    until = {key: datetime.max for key in unit_ids if key in catalogue.units}
    waiting = list(until)
    while waiting:
        unit = catalogue.units[waiting.pop()]
        last = until[unit.id]
        below = [
            (edge.child.id, end)
            for edge in catalogue.edges_below.get(unit.id, ())
            if edge.start <= now and edge.start < (end := min(last, _last(edge, zone)))
        ]
        before = [
            (one.unit.id, last)
            for one in catalogue.predecessors.get(unit.id, ())
            if one.unit.kind == unit.kind and midnight(one.on) <= now and midnight(one.on) < last
        ]
        for key, end in (*below, *before):
            if end > until.get(key, datetime.min):
                until[key] = end
                waiting.append(key)
    return until


def _last(edge: Edge, zone: tzinfo) -> datetime:
    """Until when it was in force: what was superseded was, as far as anybody knew."""
    if edge.superseded_at is None:
        return edge.end
    return min(edge.end, edge.superseded_at.astimezone(zone).replace(tzinfo=None))


def units_above(unit: Unit, catalogue: Catalogue, moment: datetime) -> list[Unit]:
    """A unit and all that it reported to at a moment (local), directly or not."""
    found, near = {unit.id: unit}, [unit]
    while near:
        edges = [edge for one in near for edge in catalogue.tree.parents(one) if edge.start <= moment < edge.end]
        near = [edge.parent for edge in edges if edge.parent.id not in found]
        found |= {one.id: one for one in near}
    return list(found.values())


def addresses_of(unit_ids: Iterable[int], catalogue: Catalogue) -> list[str]:
    """Of the units that there are, in order."""
    return sorted(catalogue.units[key].address for key in unit_ids if key in catalogue.units)


def scope_of(caller: Caller, catalogue: Catalogue) -> str:
    """The units and domains of a key, for messages."""
    units = addresses_of(caller.unit_ids or (), catalogue)
    return "; ".join(", ".join(part) for part in (units, sorted(caller.domains or ())) if part)


def require_whole_hub(caller: Caller, catalogue: Catalogue, what: str) -> None:
    """For what concerns every unit and domain alike. Raises: OutsideKeyUnits."""
    if caller.unit_ids is not None or caller.domains is not None:
        raise OutsideKeyUnits(value=what, scope=scope_of(caller, catalogue))


def require_writable(caller: Caller, catalogue: Catalogue, indicator: Indicator, unit: Unit, period: Period) -> None:
    """Raises: OutsideKeyUnits."""
    if caller.domains is not None and indicator.domain.code not in caller.domains:
        raise OutsideKeyUnits(value=indicator.code, scope=scope_of(caller, catalogue))
    allowed = writable_units(caller, catalogue, period)
    if allowed is not None and unit.id not in allowed:
        raise OutsideKeyUnits(value=unit.address, scope=scope_of(caller, catalogue))
