"""Finding reports: the public's list and map, the inbox of staff, the feed of what changed. Always through `Desk.seen`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app import models
from app.reports.desk import Desk
from app.reports.places import Point, box, kilometres
from app.reports.workflow import ENDS, HANDLING_RUNS, INTAKE_RUNS

Order = Literal["newest", "deadline", "changed"]
_DAYS_ALIKE = 30  # an older report is hardly about the same hole in the road


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which reports: those that meet all that is given."""

    corners: tuple[Point, Point] | None = None  # south-west, north-east
    categories: Sequence[str] = ()
    states: Sequence[str] = ()
    unit_ids: Sequence[int] | None = None
    agency_ids: Sequence[int] | None = None
    subject: bytes | None = None
    updated_since: datetime | None = None
    mine: bool = False  # only those with which the caller has to do


async def find_reports(
    session: AsyncSession, desk: Desk, wanted: Wanted, order: Order, after: Sequence[int] | None, limit: int
) -> Sequence[models.Report]:
    """A page of reports, after the key of the last one of the page before."""
    return (await session.scalars(_page(desk, wanted, order, after).limit(limit))).all()


def key_of(order: Order, report: models.Report) -> tuple[int, ...]:
    """What the next page goes on from."""
    match order:
        case "newest":
            return (report.number,)
        case "changed":
            return (report.change,)
        case "deadline":
            due = running_deadline(report) or _NEVER
            return ((due - _EPOCH) // _MICROSECOND, report.number)


def running_deadline(report: models.Report) -> datetime | None:
    """Of the clock that runs in its state; none where both stand."""
    if report.state in INTAKE_RUNS:
        return report.intake_due_at
    return report.handling_due_at if report.state in HANDLING_RUNS else None


def _page(desk: Desk, wanted: Wanted, order: Order, after: Sequence[int] | None) -> Select[models.Report]:
    table = models.Report
    query = select(table).where(desk.seen, *_conditions(desk, wanted))
    if order == "newest":
        query = query.order_by(table.number.desc())
        return query if after is None else query.where(table.number < after[0])
    if order == "changed":
        query = query.order_by(table.change)
        return query if after is None else query.where(table.change > after[0])
    # Those without a running clock come last, in the order in which they came in.
    due = func.coalesce(
        case(
            (table.state.in_(INTAKE_RUNS), table.intake_due_at), (table.state.in_(HANDLING_RUNS), table.handling_due_at)
        ),
        _NEVER,
    )
    query = query.where(table.state.not_in(ENDS)).order_by(due, table.number)
    if after is None:
        return query
    last = _EPOCH + _MICROSECOND * min(max(int(after[0]), 0), (_NEVER - _EPOCH) // _MICROSECOND)
    return query.where(or_(due > last, and_(due == last, table.number > after[1])))


_EPOCH, _NEVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _conditions(desk: Desk, wanted: Wanted) -> list[ColumnElement[bool]]:
    table = models.Report
    conditions: list[ColumnElement[bool]] = []
    if wanted.mine:
        conditions.append(desk.concerned)
    if wanted.corners is not None:
        # Who sees a place only roughly also finds it only roughly: else one could narrow it down, box by box.
        exact = and_(desk.concerned, _within(table.latitude, table.longitude, *wanted.corners))
        conditions.append(or_(exact, _within(table.public_latitude, table.public_longitude, *wanted.corners)))
    if wanted.categories:
        conditions.append(table.category.in_(wanted.categories))
    if wanted.states:
        conditions.append(table.state.in_(wanted.states))
    if wanted.unit_ids is not None:
        conditions.append(table.unit_id.in_(wanted.unit_ids))
    if wanted.agency_ids is not None:
        conditions.append(table.agency_id.in_(wanted.agency_ids))
    if wanted.subject is not None:
        conditions += [table.subject == wanted.subject, desk.concerned]
    if wanted.updated_since is not None:
        conditions.append(table.changed_at >= wanted.updated_since)
    return conditions


def _within(
    latitude: InstrumentedAttribute[float | None],
    longitude: InstrumentedAttribute[float | None],
    south_west: Point,
    north_east: Point,
) -> ColumnElement[bool]:
    return and_(
        latitude.between(south_west.latitude, north_east.latitude),
        longitude.between(south_west.longitude, north_east.longitude),
    )


@dataclass(frozen=True, slots=True)
class Similar:
    report: models.Report
    metres: float


async def find_similar(
    session: AsyncSession, desk: Desk, point: Point, category: str | None, metres: float, limit: int
) -> Sequence[Similar]:
    """Open reports near a place, the nearest first: is it known already? Of duplicates the original speaks."""
    table = models.Report
    wanted = Wanted(corners=box(point, metres / 1000), categories=[category] if category else [])
    query = select(table).where(
        desk.seen,
        *_conditions(desk, wanted),
        table.state.not_in(ENDS),
        table.duplicate_of.is_(None),
        table.received_at > func.clock_timestamp() - func.make_interval(0, 0, 0, _DAYS_ALIKE),
    )
    found = []
    for report in await session.scalars(query.order_by(table.number.desc()).limit(500)):
        place = place_of(desk, report)
        if place is not None and (away := 1000 * kilometres(point, place)) <= metres:
            found.append(Similar(report, away))
    return sorted(found, key=lambda one: (one.metres, one.report.number))[:limit]


async def published_in(session: AsyncSession) -> frozenset[int]:
    """The units in which something is published."""
    table = models.Report
    found = await session.scalars(select(table.unit_id).where(table.published_at.is_not(None)).distinct())
    return frozenset(unit for unit in found if unit is not None)


def place_of(desk: Desk, report: models.Report) -> Point | None:
    """Where it is, as exactly as the caller may know."""
    exact = bool(desk.roles(report))
    latitude = report.latitude if exact else report.public_latitude
    longitude = report.longitude if exact else report.public_longitude
    return None if latitude is None or longitude is None else Point(latitude, longitude)
