"""Finding reports: the public's list and map, the inbox of staff, the feed of what changed. Always through `Desk.seen`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, case, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app import models
from app.models.reports import ROUGHLY
from app.reports.desk import HANDLE, MODERATE, Desk
from app.reports.places import Point, box, kilometres
from app.reports.workflow import ENDS, HANDLING_RUNS, INTAKE_RUNS, OPEN, WAITS

Order = Literal["newest", "deadline", "changed"]
_DAYS_ALIKE = 30  # an older report is hardly about the same hole in the road
_MOST_ALIKE = 500  # reports that are looked at


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
    followed_by: bytes | None = None  # and those which they repeat
    gone: bool = (
        False  # also those that the caller sees no more, whatever they are about: for tombstones, and nothing else
    )


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
    meant = and_(desk.seen, *conditions_of(desk, wanted))
    if wanted.gone and not wanted.mine and wanted.subject is None and wanted.followed_by is None:
        meant = or_(meant, and_(desk.gone, *conditions_of(desk, Wanted(updated_since=wanted.updated_since))))
    query = select(table).where(meant)
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
    # Of others' reports nobody may learn the deadline, neither from the order nor from the cursor.
    query = query.where(table.state.in_(OPEN if desk.may(MODERATE) else WAITS), desk.concerned).order_by(
        due, table.number
    )
    if after is None:
        return query
    last = _EPOCH + _MICROSECOND * min(max(int(after[0]), 0), (_NEVER - _EPOCH) // _MICROSECOND)
    return query.where(or_(due > last, and_(due == last, table.number > after[1])))


_EPOCH, _NEVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def conditions_of(desk: Desk, wanted: Wanted) -> list[ColumnElement[bool]]:
    """What is wanted, for a query that has `Desk.seen` beside it."""
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
    if wanted.followed_by is not None:
        follower, repeat = models.ReportFollower, aliased(table)
        followed = select(follower.report_id).where(follower.subject == wanted.followed_by)
        originals = select(repeat.duplicate_of).where(repeat.id.in_(followed), repeat.duplicate_of.is_not(None))
        conditions.append(or_(table.id.in_(followed), table.id.in_(originals)))
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
    """An open report that may be about the same; of one that is not public only the outline may be shown."""

    report: models.Report
    place: Point
    metres: float
    outline: bool


async def find_similar(
    session: AsyncSession, desk: Desk, point: Point, category: str | None, metres: float, limit: int
) -> Sequence[Similar]:
    """Open reports near a place, the nearest first: is it known already? Of duplicates the original speaks.

    Those that are not public are found by the squares of some 500 m that the circle touches, so that nobody narrows them down.
    """
    table = models.Report
    corners = box(point, metres / 1000)
    alike = (
        table.state.not_in(ENDS),
        table.duplicate_of.is_(None),
        table.received_at > func.clock_timestamp() - func.make_interval(0, 0, 0, _DAYS_ALIKE),
        *([table.category == category] if category else ()),
    )
    known = or_(table.published_at.is_not(None), desk.concerned if desk.may(MODERATE) or desk.may(HANDLE) else false())
    shown = select(table).where(desk.seen, known, *conditions_of(desk, Wanted(corners=corners)), *alike)
    outlined = select(table).where(table.published_at.is_(None), _within_squares(*corners), *alike)
    found = {}
    for report in await session.scalars(outlined.order_by(table.number.desc()).limit(_MOST_ALIKE)):
        if desk.is_outlined(report):
            place = roughly(report)
            found[report.id] = Similar(report, place, 1000 * kilometres(point, place), outline=True)
    for report in await session.scalars(shown.order_by(table.number.desc()).limit(_MOST_ALIKE)):
        exact = place_of(desk, report)
        if exact is not None and (away := 1000 * kilometres(point, exact)) <= metres:
            found[report.id] = Similar(report, exact, away, outline=False)
    return sorted(found.values(), key=lambda one: (one.metres, one.report.number))[:limit]


def _within_squares(south_west: Point, north_east: Point) -> ColumnElement[bool]:
    """In one of the squares that the box touches, wherever in it."""
    table = models.Report
    return and_(
        *(
            column.between(math.floor(low / ROUGHLY) * ROUGHLY, (math.floor(high / ROUGHLY) + 1) * ROUGHLY)
            for column, low, high in zip((table.latitude, table.longitude), south_west, north_east, strict=True)
        )
    )


def roughly(report: models.Report) -> Point:
    """The middle of the square that it is in, as the table has it for those that the public sees only roughly."""
    assert report.latitude is not None
    assert report.longitude is not None
    latitude, longitude = ((math.floor(one / ROUGHLY) + 0.5) * ROUGHLY for one in (report.latitude, report.longitude))
    return Point(latitude, longitude)


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


# --- the map ---


@dataclass(frozen=True, slots=True)
class Cluster:
    """Published reports that are one pin at a zoom."""

    count: int
    place: Point  # the middle of them
    states: dict[str, int]
    report: models.Report | None  # when it is one only


async def find_clusters(session: AsyncSession, desk: Desk, wanted: Wanted, zoom: int) -> Sequence[Cluster]:
    """The pins of a map: published reports where the public sees them, together where they would touch at the zoom.

    The squares are those of the world's map, not of the window: pins stay where they are while somebody moves it.
    """
    table = models.Report
    squares: dict[tuple[float, float], list[Any]] = {}
    while not squares or len(squares) > _MOST_PINS:
        side = _PIN * 360 / (256 * 2**zoom)
        square = (
            func.floor(table.public_latitude / side).label("y"),
            func.floor(table.public_longitude / side).label("x"),
        )
        pins = (
            select(
                *square,
                table.state,
                func.count().label("count"),
                func.sum(table.public_latitude).label("latitude"),
                func.sum(table.public_longitude).label("longitude"),
                func.min(table.number).label("number"),
            )
            .where(table.published_at.is_not(None), table.public_latitude.is_not(None), *conditions_of(desk, wanted))
            .group_by(*square, table.state)
        )
        squares = {}
        for pin in await session.execute(pins):
            squares.setdefault((pin.y, pin.x), []).append(pin)
        if not squares:
            return []
        zoom -= 1
    single = [pin.number for within in squares.values() for pin in within if len(within) == 1 and pin.count == 1]
    reports = {report.number: report for report in await session.scalars(select(table).where(table.number.in_(single)))}
    found = []
    for _, within in sorted(squares.items()):
        count = sum(pin.count for pin in within)
        place = Point(*(sum(getattr(pin, one) for pin in within) / count for one in ("latitude", "longitude")))
        found.append(
            Cluster(
                count, place, {pin.state: pin.count for pin in within},
                reports[within[0].number] if count == 1 else None,
            )
        )  # fmt: skip
    return found


_PIN = 64  # pixels of a map with tiles of 256
_MOST_PINS = 5_000  # beyond them they are put together as at a lower zoom
