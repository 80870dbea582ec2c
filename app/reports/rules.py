"""What the centre promises, and who keeps it: categories, targets, routes and the working calendar, as they are on a day.

They are the operator's data, edited over the API; `data/` has what a new hub starts with, each row with where it comes from
([v] read, [m] from memory, [i] inferred: to be confirmed by the operator). Each process keeps a copy of all of them, which is
small, and asks the change counter whether it is still the newest.
"""

import asyncio
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from importlib import resources
from typing import Protocol, TypeVar

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.catalogue.catalogue import Catalogue, Unit
from app.changes import announce, latest_change
from app.database import Base
from app.errors import HubError, InvalidRequest, RowError, Text
from app.periods import midnight
from app.reports.deadlines import LONGEST, Measure, NeverWorks, Shift, Target, WorkingCalendar, deadline, soonest
from app.schemas.reports import RulesIn

TOPIC = "report rules"
BEGINNING = date(1900, 1, 1)  # from when on the starting set is in force
ANY = ""
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Category:
    """What a report is about, on a day."""

    code: str
    name: Text
    position: int
    urgency: str
    public: bool
    coarse: bool
    active: bool
    valid_from: date
    origin: str


@dataclass(frozen=True, slots=True)
class Promise:
    """A target, and how many times it may be extended."""

    target: Target
    extensions: int


class _Dated(Protocol):
    @property
    def valid_from(self) -> date: ...


Row = TypeVar("Row", bound=_Dated)


def in_force(rows: Iterable[Row], day: date) -> Row | None:
    """Of the rows of one key the last that has begun."""
    return max((row for row in rows if row.valid_from <= day), key=lambda row: row.valid_from, default=None)


@dataclass(frozen=True)
class Rules:
    """All of them, at the version of the change counter at which they were read."""

    version: int
    categories: Mapping[str, Sequence[Category]]
    targets: Mapping[tuple[str, str, str], Sequence[models.ReportTarget]]
    routes: Mapping[tuple[str, int], Sequence[models.ReportRoute]]
    shifts: Mapping[int, Sequence[models.Shift]]
    days: Sequence[models.CalendarDay]

    def categories_on(self, day: date) -> list[Category]:
        """Those that take reports on a day, in their order."""
        found = (in_force(rows, day) for rows in self.categories.values())
        return sorted((one for one in found if one is not None and one.active), key=lambda one: one.position)

    def category(self, code: str, day: date) -> Category | None:
        return in_force(self.categories.get(code, ()), day)

    def promise(self, step: str, urgency: str, category: str, day: date) -> Promise:
        """The category's own target, or else that of every category.

        Raises:
            LookupError: an operator has left a step without one.
        """
        for key in (category, ANY):
            if (row := in_force(self.targets.get((step, urgency, key), ()), day)) is not None:
                measure: Measure = row.measure  # type: ignore[assignment] # the API takes no other
                return Promise(Target(row.amount, measure), row.extensions)
        raise LookupError(f"no target for {step} of {urgency} on {day}")

    def soonest(self, step: str) -> timedelta:
        """After a step began it is due no sooner, by whatever target there is or ever was."""
        listed = (row for (one, _, _), rows in self.targets.items() if one == step for row in rows)
        targets = (Target(row.amount, row.measure) for row in listed)  # type: ignore[arg-type] # as in `promise`
        return min(map(soonest, targets), default=timedelta())

    def agency(self, catalogue: Catalogue, category: str, unit: Unit, day: date) -> Unit:
        """Who acts: the route of the nearest unit upwards, that for the category before that for any; without one the unit itself.

        An agency that there is no more acts no more: its route is as if it had ended.

        Since 1 July 2025 the commune is the level of government that is nearest to the street (Law 72/2025/QH15).
        """
        moment = midnight(day)
        near: list[Unit] = [unit]
        while near:
            for key in (category, ANY):
                for one in near:
                    row = in_force(self.routes.get((key, one.id), ()), day)
                    agency = None if row is None or row.agency_id is None else catalogue.units[row.agency_id]
                    if agency is not None and agency.valid_at(moment):
                        return agency
            edges = (edge for one in near for edge in catalogue.tree.parents(one) if edge.start <= moment < edge.end)
            near = list({edge.parent.id: edge.parent for edge in edges}.values())
        return unit

    def calendar(self, day: date) -> WorkingCalendar:
        """The week as it is on a day, and all holidays that are known."""
        week = {
            weekday: tuple(map(shift, row.hours))
            for weekday, rows in self.shifts.items()
            if (row := in_force(rows, day)) is not None
        }
        return WorkingCalendar(
            week,
            frozenset(one.day for one in self.days if one.works_like is None),
            {one.day: one.works_like for one in self.days if one.works_like is not None},
        )


def shift(hours: str) -> Shift:
    """`07:30-11:30`. Raises: ValueError."""
    begin, _, end = hours.partition("-")
    first, last = time.fromisoformat(begin), time.fromisoformat(end)
    if first >= last:
        raise ValueError(f"{hours} ends before it begins")
    return first, last


class RulesCache:
    """One process's copy, replaced when the change counter says so."""

    def __init__(self) -> None:
        self._copy: Rules | None = None
        self._reading = asyncio.Lock()

    async def current(self, session: AsyncSession) -> Rules:
        """The rules as this transaction sees them."""
        version = await latest_change(session, TOPIC)
        async with self._reading:
            if self._copy is None or self._copy.version < version:
                self._copy = await read_rules(session, version)
            return self._copy if self._copy.version == version else await read_rules(session, version)


async def read_rules(session: AsyncSession, version: int) -> Rules:
    categories: dict[str, list[Category]] = {}
    for row in await session.scalars(select(models.ReportCategory)):
        category = Category(
            row.code, Text(row.name_vi, row.name_en), row.position, row.urgency, row.public, row.coarse, row.active,
            row.valid_from, row.origin,
        )  # fmt: skip
        categories.setdefault(row.code, []).append(category)
    targets: dict[tuple[str, str, str], list[models.ReportTarget]] = {}
    for target in await session.scalars(select(models.ReportTarget)):
        targets.setdefault((target.step, target.urgency, target.category), []).append(target)
    routes: dict[tuple[str, int], list[models.ReportRoute]] = {}
    for route in await session.scalars(select(models.ReportRoute)):
        routes.setdefault((route.category, route.unit_id), []).append(route)
    shifts: dict[int, list[models.Shift]] = {}
    for one in await session.scalars(select(models.Shift)):
        shifts.setdefault(one.weekday, []).append(one)
    days = (await session.scalars(select(models.CalendarDay).order_by(models.CalendarDay.day))).all()
    session.expunge_all()  # they outlive the session
    return Rules(version, categories, targets, routes, shifts, days)


def rows_of(catalogue: Catalogue, asked: RulesIn, today: date, origin: str) -> list[Base]:
    """What is asked for, as rows.

    Raises:
        InvalidRequest: a route of a unit that there is not.
    """
    rows: list[Base] = [
        models.ReportCategory(**one.model_dump() | {"valid_from": one.valid_from or today, "origin": origin})
        for one in asked.categories
    ]
    rows += [
        models.ReportTarget(
            **one.model_dump()
            | {"category": one.category or ANY, "valid_from": one.valid_from or today, "origin": origin}
        )
        for one in asked.targets
    ]
    for place, one in enumerate(asked.routes):
        day = one.valid_from or today

        def unit(name: str, address: str, place: int = place, day: date = day) -> int:
            try:
                return catalogue.require_unit(address, None, day).id
            except HubError as error:
                mistake = RowError("unknown-unit", pointer=f"/routes/{place}/{name}", value=address, facts=error.facts)
                raise InvalidRequest(count=1, errors=[mistake]) from error

        rows.append(
            models.ReportRoute(
                category=one.category or ANY, unit_id=unit("unit", one.unit), valid_from=day,
                agency_id=None if one.agency is None else unit("agency", one.agency), origin=origin,
            )
        )  # fmt: skip
    rows += [
        models.Shift(weekday=one.weekday, valid_from=one.valid_from or today, hours=one.hours, origin=origin)
        for one in asked.shifts
    ]
    rows += [models.CalendarDay(**one.model_dump(), origin=origin) for one in asked.days]
    return rows


def require_working_time(rules: Rules, asked: RulesIn, today: date) -> None:
    """Whatever is promised can be kept: from today on, with every week that is to come, and from the eve of all days off.

    Raises:
        InvalidRequest: for a year nobody would work, or something would take more than `LONGEST`.
    """
    longest: dict[Measure, int] = {}
    for target in (one for rows in rules.targets.values() for one in rows):
        measure: Measure = target.measure  # type: ignore[assignment] # the API takes no other
        longest[measure] = max(target.amount, longest.get(measure, 1))
    weeks = {today, *(one.valid_from for rows in rules.shifts.values() for one in rows if one.valid_from > today)}
    for week in sorted(weeks):
        calendar = rules.calendar(week)
        off = {day for day in calendar.days_off if day >= week}
        for day in sorted({week, *(day for day in off if day - _ONE_DAY not in off)}):
            start = midnight(day)
            try:
                if all(deadline(calendar, start, Target(longest[one], one)) <= start + LONGEST for one in longest):
                    continue
            except NeverWorks:
                pass
            years = LONGEST.days // 365
            why = Text(
                f"từ {day} không đủ giờ làm việc để giữ hẹn trong {years} năm",
                f"from {day} on too little is worked to keep within {years} years what is promised",
            )
            pointer = next((f"/{name}" for name in ("shifts", "days", "targets") if getattr(asked, name)), "/shifts")
            raise InvalidRequest(count=1, errors=[RowError("invalid", pointer=pointer, facts={"why": why})])


async def change_rules(session: AsyncSession, rows: Sequence[Base]) -> None:
    """Put rows in force, each in the place of the one with its key."""
    for row in rows:
        table = type(row).__table__
        values = {column.name: getattr(row, column.name) for column in table.columns}
        keys = [column.name for column in table.primary_key]
        statement = insert(type(row)).values(values)
        changed = {name: statement.excluded[name] for name in values if name not in keys}
        await session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))
    await announce(session, TOPIC)


# --- what a new hub starts with ---


async def load_starting_rules(session: AsyncSession) -> int:
    """Into a hub without any rules; an operator's are never touched. Returns how many rows."""
    if (await session.execute(select(models.ReportCategory.code).limit(1))).first() is not None:
        return 0
    rows: list[Base] = [
        models.ReportCategory(
            code=row["code"], valid_from=BEGINNING, name_vi=row["name_vi"], name_en=row["name_en"], position=position,
            urgency=row["urgency"], public=row["public"] == "yes", coarse=row["coarse"] == "yes", active=True,
            origin=row["origin"],
        )
        for position, row in enumerate(data_rows("categories.csv"), start=1)
    ]  # fmt: skip
    rows += [
        models.ReportTarget(
            step=row["step"], urgency=row["urgency"], category=ANY, valid_from=BEGINNING, amount=int(row["amount"]),
            measure=row["measure"], extensions=int(row["extensions"]), origin=row["origin"],
        )
        for row in data_rows("targets.csv")
    ]  # fmt: skip
    rows += [
        models.Shift(
            weekday=int(row["weekday"]), valid_from=BEGINNING, hours=row["hours"].split(), origin=row["origin"]
        )
        for row in data_rows("shifts.csv")
    ]
    rows += [
        models.CalendarDay(
            day=date.fromisoformat(row["day"]), works_like=int(row["works_like"]) if row["works_like"] else None,
            name_vi=row["name_vi"], name_en=row["name_en"], origin=row["origin"],
        )
        for row in data_rows("calendar.csv")
    ]  # fmt: skip
    await change_rules(session, rows)
    return len(rows)


def data_rows(name: str) -> list[dict[str, str]]:
    """The rows of a CSV that ships with the hub."""
    content = resources.files("app.reports").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(content, newline="")))
