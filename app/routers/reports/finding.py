"""Finding reports: lists, the feed, what is alike, one with all that became of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Response

from app.errors import KeyRequired, Text, UnitNotValid, UnknownReport, UnknownUnit
from app.paging import decode_cursor, encode_cursor
from app.reports.desk import HANDLE, MODERATE, Desk
from app.reports.handling import require_report
from app.reports.places import Point, box
from app.reports.search import Order, Wanted, find_reports, find_similar, key_of
from app.routers.answers import answer, problems
from app.routers.asked import refused, split
from app.routers.dependencies import HubDep, Language, ReadSession, asked_instant
from app.routers.exact import ExactRoute
from app.routers.reports.desks import TO_MOVE, ReadDesk, ReportId, UploadsDep
from app.routers.reports.shown import detail_out, outline_out, report_out
from app.schemas.readings import Code
from app.schemas.reports import ReportDetail, ReportPage, SimilarPage, StateName

router = APIRouter(prefix="/v1/reports", route_class=ExactRoute)
_FARTHEST = 2_000.0  # metres within which reports can be alike


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters as they are written in a query."""

    near: str | None
    radius: float
    bbox: str | None
    category: Sequence[str]
    state: Sequence[str]
    unit: Sequence[str]
    agency: Sequence[str]
    subject: str | None
    updated_since: datetime | None
    mine: bool
    followed_by: str | None


async def get_asked(
    hub: HubDep,
    near: Annotated[
        str | None, Query(max_length=60, description="latitude,longitude", examples=["11.15,106.6"])
    ] = None,
    radius: Annotated[float, Query(gt=0, le=50_000, description="Metres around `near`.")] = 1_000,
    bbox: Annotated[
        str | None, Query(max_length=100, description="west,south,east,north", examples=["106.5,11.1,106.7,11.3"])
    ] = None,
    category: Annotated[list[Code] | None, Query(max_length=100)] = None,
    state: Annotated[list[StateName] | None, Query(max_length=20)] = None,
    unit: Annotated[
        list[str] | None,
        Query(max_length=100, description="In these units, all below them, and what went into one of these."),
    ] = None,
    agency: Annotated[list[str] | None, Query(max_length=100, description="That these units must act on.")] = None,
    subject: Annotated[
        str | None, Query(max_length=200, description="Of one citizen of the caller's own system.")
    ] = None,
    updated_since: Annotated[
        str | None,
        Query(max_length=40, description="Changed at this instant (RFC 3339) or later; for `order=changed`."),
    ] = None,
    mine: Annotated[bool, Query(description="Only those that are the caller's to handle, or that it sent.")] = False,
    followed_by: Annotated[
        str | None,
        Query(
            max_length=200, description="That this citizen of the caller's own system follows, or that those repeat."
        ),
    ] = None,
) -> Asked:
    since = None if updated_since is None else asked_instant(hub, "updated_since", updated_since)
    return Asked(
        near, radius, bbox, category or (), state or (), unit or (), agency or (), subject, since, mine, followed_by
    )


@router.get("", response_model=ReportPage, responses=problems(KeyRequired, UnknownUnit, UnitNotValid))
async def get_reports(
    session: ReadSession,
    desk: ReadDesk,
    language: Language,
    asked: Annotated[Asked, Depends(get_asked)],
    order: Annotated[
        Order, Query(description="newest first; by the running deadline; in the order in which they changed (a feed).")
    ] = "newest",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Reports: the public's are those that are published; with a key also those that the caller handles or sent.

    With `order=changed` the last `next` is to be kept: asked again with it, the answer is what has changed since, with a tombstone
    `{"id", "gone": true}` for each report that the caller could see and sees no more. `order=deadline` is of those only that are the
    caller's to handle.
    """
    if order == "deadline" and not (desk.may(MODERATE) or desk.may(HANDLE)):
        raise KeyRequired(why=TO_MOVE)
    after = None if cursor is None else after_key(order, cursor)
    wanted = replace(wanted_by(desk, asked), gone=order == "changed")
    found = await find_reports(session, desk, wanted, order, after, limit + 1)
    shown = found[:limit]
    more = len(found) > limit or (order == "changed" and bool(shown))
    following = encode_cursor(key_of(order, shown[-1])) if more else cursor if order == "changed" else None
    items = [report_out(desk, one, language) if desk.sees(one) else {"id": one.id, "gone": True} for one in shown]
    return answer({"items": items, "next": following}, language)


@router.get("/similar", response_model=SimilarPage, responses=problems())
async def get_similar(
    session: ReadSession,
    desk: ReadDesk,
    language: Language,
    lat: Annotated[float, Query(ge=-90, le=90)],
    lon: Annotated[float, Query(ge=-180, le=180)],
    category: Annotated[Code | None, Query()] = None,
    radius: Annotated[float, Query(gt=0, le=_FARTHEST, description="Metres.")] = 200,
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> Response:
    """Open reports near a place, nearest first: to follow one is better than to send it again. Of one that is not public an outline."""
    found = await find_similar(session, desk, Point(lat, lon), category, radius, limit)
    items = [
        (outline_out(desk, one, language) if one.outline else report_out(desk, one.report, language))
        | {"metres": round(one.metres)}
        for one in found
    ]
    return answer({"items": items}, language)


@router.get("/transitions", include_in_schema=False)
async def get_transitions() -> Response:
    """No report has this id: without this the answer would be that it is none."""
    raise HTTPException(405)


@router.get("/{id}", response_model=ReportDetail, responses=problems(UnknownReport))
async def get_report(
    session: ReadSession, desk: ReadDesk, uploads: UploadsDep, language: Language, report_id: ReportId
) -> Response:
    """A report, and all that became of it."""
    report = await require_report(session, desk, report_id)
    return answer(await detail_out(session, desk, uploads, report, language), language)


# --- questions ---


def after_key(order: Order, cursor: str) -> list[Any]:
    key = decode_cursor(cursor, [int, int] if order == "deadline" else [int])
    return [max(-(2**63), min(one, 2**63 - 1)) for one in key]


def wanted_by(desk: Desk, asked: Asked) -> Wanted:
    corners = None
    if asked.bbox is not None:
        corners = corners_of(asked.bbox)
    elif asked.near is not None:
        latitude, longitude = _numbers("near", asked.near, 2, "11.15,106.6")
        if not -90 <= latitude <= 90:
            raise refused("near", "invalid", asked.near, why=Text("vĩ độ,kinh độ", "latitude,longitude"))
        corners = box(Point(latitude, longitude), asked.radius / 1000)
    return Wanted(
        corners=corners,
        categories=split(asked.category),
        states=asked.state,
        unit_ids=_below(desk, asked.unit),
        agency_ids=_below(desk, asked.agency),
        subject=None if asked.subject is None else desk.subject_of(asked.subject),
        updated_since=asked.updated_since,
        mine=asked.mine,
        followed_by=None if asked.followed_by is None else desk.subject_of(asked.followed_by),
    )


def corners_of(bbox: str) -> tuple[Point, Point]:
    west, south, east, north = _numbers("bbox", bbox, 4, "106.5,11.1,106.7,11.3")
    if not (-90 <= south <= north <= 90 and west <= east):
        raise refused("bbox", "invalid", bbox, why=Text("tây,nam,đông,bắc", "west,south,east,north"))
    return Point(south, west), Point(north, east)


_DEGREES = re.compile(r"[+-]?\d{1,3}(\.\d{1,15})?", re.ASCII)


def _numbers(name: str, text: str, count: int, example: str) -> list[float]:
    """Degrees with commas between."""
    parts = text.split(",")
    numbers = [float(part) for part in parts if _DEGREES.fullmatch(part.strip())]
    if not len(numbers) == len(parts) == count or not all(-180 <= number <= 180 for number in numbers):
        why = Text(f"viết như {example}", f"write it like {example}")
        raise refused(name, "invalid", text[:100], why=why)
    return numbers


def _below(desk: Desk, addresses: Sequence[str]) -> list[int] | None:
    codes = split(addresses)
    if not codes:
        return None
    day = desk.local.date()
    units = [desk.catalogue.require_unit(code, None, day).id for code in codes]
    return list(desk.within(units))
