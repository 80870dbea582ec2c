"""`/v1/reports`: citizens' field reports, from the phone to the street and back."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request, Response, Security
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.auth import Caller, hash_secret, require_caller
from app.catalogue.access import require_whole_hub, units_below
from app.catalogue.catalogue import Catalogue
from app.errors import (
    CommentConflict,
    InvalidRequest,
    KeyRequired,
    MoveNotAllowed,
    NotAPhoto,
    OutsideArea,
    OutsideKeyUnits,
    PhotoDamaged,
    PhotoStoreUnavailable,
    PhotoTaken,
    PhotoTooLarge,
    PhotoTooManyPixels,
    RatingNotAllowed,
    ReportConflict,
    ReporterErased,
    ReporterUnknown,
    RowError,
    ScopeMissing,
    Text,
    TooManyReports,
    UnitNotValid,
    UnknownComment,
    UnknownReport,
    UnknownUnit,
)
from app.hub import Hub
from app.paging import decode_cursor, encode_cursor
from app.problems import problem_body
from app.reports.comments import comment, comments_of, moderate_comment
from app.reports.desk import CONFIGURE, HANDLE, IDENTIFY, MODERATE, SUBMIT, Desk
from app.reports.following import follow, unfollow
from app.reports.handling import events_of, move, move_many, moves, require_report, withdraw
from app.reports.identity import IdentityKeys
from app.reports.indicators import prepare_counting
from app.reports.photo_store import photo_key
from app.reports.photos import SIZES
from app.reports.places import Point, box
from app.reports.ratings import rate, ratings_of
from app.reports.reporters import read_reporter
from app.reports.rules import Rules, RulesCache, change_rules, require_working_time, rows_of
from app.reports.search import (
    Cluster,
    Order,
    Similar,
    Wanted,
    find_clusters,
    find_reports,
    find_similar,
    key_of,
    place_of,
    published_in,
    running_deadline,
)
from app.reports.submission import submit
from app.reports.uploads import MOST, Piece, Uploads, photos_of, require_open
from app.reports.visitors import Arrivals, visitor_of
from app.reports.workflow import LABELS, Actor, Moved, State, bounces, rounds, stage
from app.routers.answers import answer, problems
from app.routers.asked import refused, split
from app.routers.dependencies import (
    CallerDep,
    HubDep,
    Language,
    ReadCatalogue,
    ReadSession,
    WriteCatalogue,
    WriteSession,
    asked_instant,
    refuse_unknown_parameters,
)
from app.routers.exact import ExactRoute
from app.schemas.readings import Code
from app.schemas.reports import (
    AreaOut,
    CategoryList,
    CommentIn,
    CommentOut,
    CommentPage,
    ContactOut,
    FeatureCollection,
    FollowOut,
    MoveIn,
    MovesIn,
    RatingGiven,
    RatingIn,
    ReportDetail,
    ReportIn,
    ReportPage,
    ReportSent,
    RulesIn,
    RulesOut,
    ShownIn,
    SimilarPage,
    StateName,
    Subject,
    UploadOut,
    Verdicts,
    WithdrawalIn,
)

router = APIRouter(
    prefix="/v1/reports", tags=["reports"], route_class=ExactRoute, dependencies=[Depends(refuse_unknown_parameters)]
)
_TO_SEND = Text("để gửi phản ánh", "to send reports")
_TO_MOVE = Text("để xử lý phản ánh", "to handle reports")
_TO_FOLLOW = Text("để theo dõi phản ánh", "to follow reports")
_TO_SPEAK = Text("để đánh giá hoặc bình luận", "to rate or comment")
_LASTING = timedelta(hours=1)  # of a link to a photo
_FARTHEST = 2_000.0  # metres within which reports can be alike


def get_rules(request: Request) -> RulesCache:
    rules = request.app.state.rules
    assert isinstance(rules, RulesCache)
    return rules


def get_identities(request: Request) -> IdentityKeys:
    identities = request.app.state.identities
    assert isinstance(identities, IdentityKeys)
    return identities


IdentitiesDep = Annotated[IdentityKeys, Depends(get_identities)]


def get_uploads(request: Request) -> Uploads:
    uploads = request.app.state.uploads
    assert isinstance(uploads, Uploads)
    return uploads


UploadsDep = Annotated[Uploads, Depends(get_uploads)]
RulesDep = Annotated[RulesCache, Depends(get_rules)]


async def read_rules(cache: RulesDep, session: ReadSession) -> Rules:
    return await cache.current(session)


async def write_rules(cache: RulesDep, session: WriteSession) -> Rules:
    return await cache.current(session)


_token_header = APIKeyHeader(
    name="X-Report-Token",
    auto_error=False,
    scheme_name="ReportToken",
    description="`follow_up` of a report that was sent without a subject: opens that report, and no other.",
)
TokenDep = Annotated[str | None, Security(_token_header)]
VisitorToken = Annotated[
    str | None,
    Header(
        alias="X-Visitor-Token",
        pattern=r"^[A-Za-z0-9_-]{32,200}$",
        description="Of a browser on /reports: random, made by itself. It sends and follows reports without a key, where IOC_PUBLIC_REPORTS allows it.",
    ),
]


def _desk(
    hub: Hub,
    catalogue: Catalogue,
    rules: Rules,
    identities: IdentityKeys,
    caller: Caller | None,
    token: str | None,
    browser: str | None,
) -> Desk:
    """For who has a key or the token of a report, or is a visitor of the hub's own page."""
    visitor = None
    if caller is None and browser is not None and hub.settings.public_reports:
        caller = visitor_of(catalogue)
        visitor = None if caller is None else hash_secret(f"reporter {browser}", hub.pepper)
    return Desk(catalogue, rules, hub.settings, hub.pepper, identities, datetime.now(UTC), caller, token, visitor)


async def read_desk(
    hub: HubDep,
    catalogue: ReadCatalogue,
    rules: Annotated[Rules, Depends(read_rules, scope="function")],
    caller: CallerDep,
    identities: IdentitiesDep,
    token: TokenDep,
    browser: VisitorToken = None,
) -> Desk:
    return _desk(hub, catalogue, rules, identities, caller, token, browser)


async def write_desk(
    hub: HubDep,
    catalogue: WriteCatalogue,
    rules: Annotated[Rules, Depends(write_rules, scope="function")],
    caller: CallerDep,
    identities: IdentitiesDep,
    token: TokenDep,
    browser: VisitorToken = None,
) -> Desk:
    return _desk(hub, catalogue, rules, identities, caller, token, browser)


def get_arrivals(request: Request) -> Arrivals:
    arrivals = request.app.state.arrivals
    assert isinstance(arrivals, Arrivals)
    return arrivals


ArrivalsDep = Annotated[Arrivals, Depends(get_arrivals)]


ReadDesk = Annotated[Desk, Depends(read_desk, scope="function")]
WriteDesk = Annotated[Desk, Depends(write_desk, scope="function")]
ReportId = Annotated[UUID, Path(alias="id", description="The id that its sender made.")]


@router.get("/categories", response_model=CategoryList, responses=problems())
async def get_categories(desk: ReadDesk, language: Language) -> Response:
    """What may be reported today."""
    items = [
        {
            "code": one.code,
            "name": one.name.fill(language, {}),
            "urgency": one.urgency,
            "public": one.public,
            "coarse": one.coarse,
            "valid_from": one.valid_from,
            "origin": one.origin,
        }
        for one in desk.rules.categories_on(desk.local.date())
    ]
    return answer({"items": items}, language)


@router.get("/area", response_model=AreaOut, responses=problems())
async def get_area(session: ReadSession, desk: ReadDesk, language: Language) -> Response:
    """Where reports are taken: the communes of `IOC_AREA`; without it those that have published ones; and whether a key is needed."""
    day = desk.local.date()
    if desk.settings.area is not None:
        units = units_below([desk.catalogue.require_unit(desk.settings.area, None, day).id], desk.catalogue, day)
    else:
        units = await published_in(session)
    communes = (desk.catalogue.units[one] for one in units)
    places = [
        {
            "unit": one.code, "unit_name": one.name.fill(language, {}), "latitude": one.latitude, "longitude": one.longitude,
        }
        for one in sorted(communes, key=lambda one: one.code)
        if one.kind == "commune" and one.latitude is not None
    ]  # fmt: skip
    return answer({"places": places, "key_needed": not desk.settings.public_reports}, language)


@router.get("/rules", response_model=RulesOut, responses=problems())
async def get_rules_in_force(desk: ReadDesk, language: Language) -> Response:
    """By what reports are promised an answer: every row, with the day from which it is in force."""
    return answer(_rules_out(desk), language)


@router.put("/rules", response_model=RulesOut, responses=problems(KeyRequired, ScopeMissing, OutsideKeyUnits))
async def put_rules(
    session: WriteSession, desk: WriteDesk, cache: RulesDep, language: Language, asked: RulesIn
) -> Response:
    """Put rules in force, from today or another day on. What was promised before stays promised."""
    caller = require_caller(desk.caller, CONFIGURE, Text("để đổi quy tắc", "to change the rules"))
    require_whole_hub(caller, desk.catalogue, "/v1/reports/rules")
    today = desk.local.date()
    await change_rules(session, rows_of(desk.catalogue, asked, today, f"{caller.source_code}, {today}"))
    await prepare_counting(session)
    rules = await cache.current(session)
    require_working_time(rules, asked, today)
    return answer(_rules_out(replace(desk, rules=rules)), language)


@router.post(
    "",
    status_code=201,
    response_model=ReportSent,
    responses=problems(KeyRequired, ScopeMissing, OutsideKeyUnits, OutsideArea, ReportConflict, TooManyReports)
    | {200: {"model": ReportSent, "description": "It was here already: this is how it stands now."}},
)
async def post_report(
    request: Request,
    session: WriteSession,
    desk: WriteDesk,
    uploads: UploadsDep,
    arrivals: ArrivalsDep,
    language: Language,
    sent: ReportIn,
) -> Response:
    """Send a report. It is stored when this answers, and only once: the same again is answered 200, with how it stands now."""
    require_caller(desk.caller, SUBMIT, _TO_SEND)
    report, is_new = await submit(session, desk, sent)
    if desk.visitor is not None and is_new:  # the same again is harmless, and a bad line sends it often
        address = "" if request.client is None else request.client.host
        arrivals.require_room(address)
        arrivals.note(address)
    headers = {"location": f"/v1/reports/{report.id}"}
    detail = await _detail(session, desk, uploads, report, language)
    if report.follow_up is not None:
        detail |= {"follow_up": desk.follow_up(report.id, report.digest)}
        headers |= {"cache-control": "no-store"}
    return answer(detail, language, status=201 if is_new else 200, headers=headers)


@dataclass(frozen=True, slots=True)
class _Asked:
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
    unit: Annotated[list[str] | None, Query(max_length=100, description="In these units and all below them.")] = None,
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
) -> _Asked:
    since = None if updated_since is None else asked_instant(hub, "updated_since", updated_since)
    return _Asked(
        near, radius, bbox, category or (), state or (), unit or (), agency or (), subject, since, mine, followed_by
    )


@router.get("", response_model=ReportPage, responses=problems(KeyRequired, UnknownUnit, UnitNotValid))
async def get_reports(
    session: ReadSession,
    desk: ReadDesk,
    language: Language,
    asked: Annotated[_Asked, Depends(get_asked)],
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
        raise KeyRequired(why=_TO_MOVE)
    after = None if cursor is None else _after(order, cursor)
    wanted = replace(_wanted(desk, asked), gone=order == "changed")
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
        (_outline(desk, one, language) if one.outline else report_out(desk, one.report, language))
        | {"metres": round(one.metres)}
        for one in found
    ]
    return answer({"items": items}, language)


GEOJSON = "application/geo+json"


class _GeoJson(JSONResponse):  # for the description, which takes any other for a text
    media_type = GEOJSON


@router.get(
    ".geojson",
    response_class=_GeoJson,
    response_model=FeatureCollection,
    responses=problems(UnknownUnit, UnitNotValid),
)
async def get_geojson(
    session: ReadSession,
    desk: ReadDesk,
    language: Language,
    asked: Annotated[_Asked, Depends(get_asked)],
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """What is published, as GeoJSON (RFC 7946), newest first: for everybody the same, as the public sees it."""
    public = replace(desk, caller=None, token=None)
    after = None if cursor is None else _after("newest", cursor)
    found = await find_reports(session, public, _wanted(public, asked), "newest", after, limit + 1)
    following = encode_cursor(key_of("newest", found[limit - 1])) if len(found) > limit else None
    return _features([_feature(public, one, language) for one in found[:limit]], language, following)


@router.get("/clusters.geojson", response_class=_GeoJson, response_model=FeatureCollection, responses=problems())
async def get_clusters(
    session: ReadSession,
    desk: ReadDesk,
    language: Language,
    bbox: Annotated[
        str, Query(max_length=100, description="west,south,east,north", examples=["106.5,11.1,106.7,11.3"])
    ],
    zoom: Annotated[int, Query(ge=0, le=20, description="As maps on the web count.")],
    category: Annotated[list[Code] | None, Query(max_length=100)] = None,
    state: Annotated[list[StateName] | None, Query(max_length=20)] = None,
) -> Response:
    """What is published, as pins of a map at a zoom: those that would touch are one, with how many they are and in which states."""
    public = replace(desk, caller=None, token=None)
    wanted = Wanted(corners=_corners(bbox), categories=split(category or ()), states=state or ())
    clusters = await find_clusters(session, public, wanted, zoom)
    return _features([_pin(public, one, language) for one in clusters], language)


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
    return answer(await _detail(session, desk, uploads, report, language), language)


@router.post(
    "/{id}/transitions",
    response_model=ReportDetail,
    responses=problems(KeyRequired, ScopeMissing, OutsideKeyUnits, UnknownReport, MoveNotAllowed),
)
async def post_transition(
    session: WriteSession, desk: WriteDesk, uploads: UploadsDep, language: Language, report_id: ReportId, order: MoveIn
) -> Response:
    """Make of a report what comes next: the centre accepts and assigns, the agency answers, the citizen closes or reopens."""
    if desk.token is None and not (desk.may(MODERATE) or desk.may(HANDLE) or desk.may(SUBMIT)):
        require_caller(desk.caller, HANDLE, _TO_MOVE)
    report = await move(session, desk, report_id, order)
    return answer(await _detail(session, desk, uploads, report, language), language)


@router.post(
    "/transitions",
    response_model=Verdicts,
    responses=problems(KeyRequired, ScopeMissing),
)
async def post_transitions(
    request: Request, session: WriteSession, desk: WriteDesk, language: Language, order: MovesIn
) -> Response:
    """Make the same move with many reports, each with its own verdict: what cannot be moved does not keep the others."""
    if not (desk.may(MODERATE) or desk.may(HANDLE)):
        require_caller(desk.caller, HANDLE, _TO_MOVE)
    found = await move_many(session, desk, order)
    items = [
        {"id": key, "moved": True, "state": one.state, "problem": None}
        if isinstance(one, models.Report)
        else {
            "id": key,
            "moved": False,
            "state": None,
            "problem": problem_body(one, language, request.state.request_id),
        }
        for key, one in found.items()
    ]
    moved = sum(isinstance(one, models.Report) for one in found.values())
    return answer({"moved": moved, "refused": len(items) - moved, "items": items}, language)


@router.post(
    "/{id}/withdrawal",
    response_model=ReportDetail,
    responses=problems(KeyRequired, ScopeMissing, UnknownReport, MoveNotAllowed),
)
async def post_withdrawal(
    session: WriteSession,
    desk: WriteDesk,
    uploads: UploadsDep,
    language: Language,
    report_id: ReportId,
    order: WithdrawalIn,
) -> Response:
    """Take a report back from the public. Who follows the feed is given a tombstone."""
    require_caller(desk.caller, MODERATE, _TO_MOVE)
    report = await withdraw(session, desk, report_id, order)
    return answer(await _detail(session, desk, uploads, report, language), language)


Follower = Annotated[Subject, Query(description="The citizen, as the caller's own system names them: opaque.")]


@router.put("/{id}/follow", response_model=FollowOut, responses=problems(KeyRequired, ScopeMissing, UnknownReport))
async def put_follow(
    session: WriteSession, desk: WriteDesk, language: Language, report_id: ReportId, subject: Follower
) -> Response:
    """A citizen wants to know what becomes of it, too (+1). Saying it again changes nothing."""
    require_caller(desk.caller, SUBMIT, _TO_FOLLOW)
    report = await follow(session, desk, report_id, subject)
    return answer(_follow_out(desk, report, following=True), language)


@router.delete("/{id}/follow", response_model=FollowOut, responses=problems(KeyRequired, ScopeMissing, UnknownReport))
async def delete_follow(
    session: WriteSession, desk: WriteDesk, language: Language, report_id: ReportId, subject: Follower
) -> Response:
    """No longer."""
    require_caller(desk.caller, SUBMIT, _TO_FOLLOW)
    report = await unfollow(session, desk, report_id, subject)
    return answer(_follow_out(desk, report, following=False), language)


@router.put(
    "/{id}/rating",
    response_model=RatingGiven,
    responses=problems(KeyRequired, ScopeMissing, UnknownReport, RatingNotAllowed),
)
async def put_rating(
    session: WriteSession, desk: WriteDesk, language: Language, report_id: ReportId, sent: RatingIn
) -> Response:
    """Who sent the report says what the answer of the last round is worth; changed as long as it could be reopened."""
    if desk.token is None:
        require_caller(desk.caller, SUBMIT, _TO_SPEAK)
    rating, until = await rate(session, desk, report_id, sent)
    return answer(_rating_out(desk, rating) | {"changeable_until": desk.shown(until)}, language)


@router.post(
    "/{id}/comments",
    status_code=201,
    response_model=CommentOut,
    responses=problems(KeyRequired, ScopeMissing, UnknownReport, CommentConflict)
    | {200: {"model": CommentOut, "description": "It was here already."}},
)
async def post_comment(
    session: WriteSession, desk: WriteDesk, language: Language, report_id: ReportId, sent: CommentIn
) -> Response:
    """Say something about a report: a citizen, or staff to everybody or among themselves."""
    if desk.token is None and not (desk.may(MODERATE) or desk.may(HANDLE)):
        require_caller(desk.caller, SUBMIT, _TO_SPEAK)
    said, is_new = await comment(session, desk, report_id, sent)
    return answer(_comment_out(desk, said, staff=True), language, status=201 if is_new else 200)


@router.get("/{id}/comments", response_model=CommentPage, responses=problems(UnknownReport))
async def get_comments(
    session: ReadSession,
    desk: ReadDesk,
    language: Language,
    report_id: ReportId,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """What was said about it, as far as the caller may read it, in its order."""
    report = await require_report(session, desk, report_id)
    [after] = (0,) if cursor is None else _after("newest", cursor)
    found = await comments_of(session, desk, report, after, limit + 1)
    staff = bool(desk.staff(report))
    following = encode_cursor([found[limit - 1].number]) if len(found) > limit else None
    return answer(
        {"items": [_comment_out(desk, one, staff=staff) for one in found[:limit]], "next": following}, language
    )


@router.put(
    "/{id}/comments/{comment}/shown",
    response_model=CommentOut,
    responses=problems(KeyRequired, ScopeMissing, UnknownReport, UnknownComment),
)
async def put_comment_shown(
    session: WriteSession,
    desk: WriteDesk,
    language: Language,
    report_id: ReportId,
    comment_id: Annotated[UUID, Path(alias="comment")],
    verdict: ShownIn,
) -> Response:
    """Let everybody read a citizen's comment, or no longer."""
    require_caller(desk.caller, MODERATE, Text("để duyệt bình luận", "to moderate comments"))
    said = await moderate_comment(session, desk, report_id, comment_id, shown=verdict.shown)
    return answer(_comment_out(desk, said, staff=True), language)


@router.get(
    "/{id}/reporter",
    response_model=ContactOut,
    responses=problems(KeyRequired, ScopeMissing, UnknownReport, ReporterUnknown, ReporterErased),
)
async def get_reporter(session: ReadSession, desk: ReadDesk, language: Language, report_id: ReportId) -> Response:
    """Who sent it: for those few of the centre whose key has `reports:identify`. Each look is logged."""
    caller = require_caller(desk.caller, IDENTIFY, Text("để xem người gửi", "to see who reported"))
    caller.require(MODERATE)
    identity = await read_reporter(session, desk, report_id)
    said = {name: getattr(identity, name) for name in ("name", "phone", "email")}
    out = {name: None if secret is None else secret.get_secret_value() for name, secret in said.items()}
    return answer(out, language, headers={"cache-control": "no-store"})


@router.put(
    "/{id}/photos/{n}",
    status_code=201,
    response_model=UploadOut,
    responses=problems(
        KeyRequired, ScopeMissing, UnknownReport, MoveNotAllowed, PhotoTaken, PhotoTooLarge, PhotoTooManyPixels, NotAPhoto,
        PhotoDamaged, PhotoStoreUnavailable,
    )
    | {202: {"model": UploadOut, "description": "Kept; there is more to come."}},
    openapi_extra={
        "requestBody": {
            "required": False,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)  # fmt: skip
async def put_photo(
    request: Request,
    hub: HubDep,
    cache: RulesDep,
    identities: IdentitiesDep,
    uploads: UploadsDep,
    caller: CallerDep,
    language: Language,
    report_id: ReportId,
    number: Annotated[int, Path(alias="n", ge=1, le=MOST, description="The sender counts its photos.")],
    content_range: Annotated[
        str | None,
        Header(
            max_length=100, description="`bytes 0-99999/300000` for a piece; `bytes */300000` asks how much is here."
        ),
    ] = None,
    browser: VisitorToken = None,
) -> Response:
    """Send a photo, at once or piece by piece. What was answered is kept: after a dropped line it goes on where it broke."""
    async with hub.database.read_session() as session:  # not held while the photo comes and is prepared
        catalogue, rules = await hub.catalogues.current(session), await cache.current(session)
        desk = _desk(hub, catalogue, rules, identities, caller, None, browser)
        if not desk.may(HANDLE):
            require_caller(desk.caller, SUBMIT, _TO_SEND)
        await require_open(session, desk, report_id)  # before its bytes come: anybody may call himself a visitor
    # Nobody keeps the bytes while the photo waits for its turn.
    piece = _piece(content_range, b"".join([part async for part in request.stream()]))
    size = piece.size
    received = await uploads.keep(desk, report_id, number, piece)
    del piece
    if complete := received == size:
        await uploads.finish(desk, report_id, number, size)
    out = {"received": received, "size": size, "complete": complete}
    return answer(out, language, status=201 if complete else 202)


_RANGE = re.compile(r"bytes (?:(\d{1,10})-(\d{1,10})|\*)/(\d{1,10})", re.ASCII)


def _piece(content_range: str | None, content: bytes) -> Piece:
    """Raises: InvalidRequest: the header is no range of bytes, or not that of the body."""
    if content_range is None:
        return Piece(0, len(content), content)
    found = _RANGE.fullmatch(content_range)
    if found is not None and found[1] is None and not content:
        return Piece(0, int(found[3]), b"")
    if (
        found is None
        or found[1] is None
        or int(found[2]) >= int(found[3])
        or int(found[2]) - int(found[1]) + 1 != len(content)
    ):
        example = f"bytes 0-{max(len(content), 1) - 1}/{max(len(content), 1)}"
        why = Text(
            f"viết như {example}, đúng số byte gửi kèm", f"write it like {example}, with as many bytes as are sent"
        )
        mistake = RowError("invalid", pointer="/header/content-range", value=content_range, facts={"why": why})
        raise InvalidRequest(count=1, errors=[mistake])
    return Piece(int(found[1]), int(found[3]), content)


# --- questions ---


def _after(order: Order, cursor: str) -> list[Any]:
    key = decode_cursor(cursor, [int, int] if order == "deadline" else [int])
    return [max(-(2**63), min(one, 2**63 - 1)) for one in key]


def _wanted(desk: Desk, asked: _Asked) -> Wanted:
    corners = None
    if asked.bbox is not None:
        corners = _corners(asked.bbox)
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


def _corners(bbox: str) -> tuple[Point, Point]:
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
    return list(units_below(units, desk.catalogue, day))


# --- answers ---


def _rules_out(desk: Desk) -> dict[str, Any]:
    rules, units = desk.rules, desk.catalogue.units
    return {
        "categories": [
            {
                "code": one.code, "valid_from": one.valid_from, "name_vi": one.name.vi, "name_en": one.name.en,
                "position": one.position, "urgency": one.urgency, "public": one.public, "coarse": one.coarse,
                "active": one.active, "origin": one.origin,
            }
            for rows in rules.categories.values()
            for one in rows
        ],
        "targets": [
            {
                "step": one.step, "urgency": one.urgency, "category": one.category or None, "valid_from": one.valid_from,
                "amount": one.amount, "measure": one.measure, "extensions": one.extensions, "origin": one.origin,
            }
            for rows in rules.targets.values()
            for one in rows
        ],
        "routes": [
            {
                "category": one.category or None, "unit": units[one.unit_id].address, "valid_from": one.valid_from,
                "agency": None if one.agency_id is None else units[one.agency_id].address, "origin": one.origin,
            }
            for rows in rules.routes.values()
            for one in rows
        ],
        "shifts": [
            {"weekday": one.weekday, "valid_from": one.valid_from, "hours": one.hours, "origin": one.origin}
            for rows in rules.shifts.values()
            for one in rows
        ],
        "days": [
            {
                "day": one.day, "works_like": one.works_like, "name_vi": one.name_vi, "name_en": one.name_en,
                "origin": one.origin,
            }
            for one in rules.days
        ],
    }  # fmt: skip


def report_out(desk: Desk, report: models.Report, language: str) -> dict[str, Any]:
    """A report as the caller may see it: the public the case, staff and who sent it what is promised, too."""
    concerned = bool(desk.roles(report))
    answered = concerned or desk.answer_is_public(report)
    place = place_of(desk, report)
    out = {
        "id": report.id,
        "number": report.number,
        **_category_out(desk, report, language),
        "urgency": report.urgency,
        **_unit_out(desk, "unit", report.unit_id, language),
        **_unit_out(desk, "agency", report.agency_id, language),
        "description": report.description,
        "address": report.address if concerned or not report.coarse else None,
        "point": None if place is None else {"latitude": place.latitude, "longitude": place.longitude},
        "coarse": report.coarse and not concerned,
        "occurred_at": desk.shown(report.occurred_at),
        "received_at": desk.shown(report.received_at),
        "state": report.state,
        "label": LABELS[State(report.state)].fill(language, {}),
        "outcome": report.outcome if answered else None,
        "reply": report.reply if answered else None,
        "published_at": desk.shown(report.published_at),
        "followers": report.followers,
        "duplicate_of": report.duplicate_of,
    }
    if not concerned:
        return out
    due = running_deadline(report)
    return out | {
        "channel": report.channel,
        "visibility": report.visibility,
        "intake_due_at": desk.shown(report.intake_due_at),
        "handling_due_at": desk.shown(report.handling_due_at),
        "late": due is not None and due < desk.now,
    }


async def _detail(
    session: AsyncSession, desk: Desk, uploads: Uploads, report: models.Report, language: str
) -> dict[str, Any]:
    events = await events_of(session, report)
    lived = [Moved(State(event.to_state), event.at) for event in events]
    return report_out(desk, report, language) | {
        "bounces": bounces(lived),
        "round": rounds(lived),
        "photos": [
            await _photo_out(desk, uploads, one)
            for one in await photos_of(session, report)
            if desk.shows(report, one.received_at)
        ],
        "events": [_event_out(desk, report, event, language) for event in events],
        "moves": moves(desk, report, events),
        "original": await _original(session, desk, report),
        "ratings": [_rating_out(desk, one) for one in await ratings_of(session, desk, report)],
    }


async def _original(session: AsyncSession, desk: Desk, report: models.Report) -> Mapping[str, Any] | None:
    """What the public sees of the report that this one repeats."""
    if report.duplicate_of is None:
        return None
    first = await session.get_one(models.Report, report.duplicate_of)
    answered = desk.answer_is_public(first)
    return {
        "id": first.id,
        "number": first.number,
        "stage": stage(State(first.state)),
        "outcome": first.outcome if answered else None,
        "reply": first.reply if answered else None,
        "published_at": desk.shown(first.published_at),
    }


def _category_out(desk: Desk, report: models.Report, language: str) -> dict[str, str]:
    category = desk.category_of(report)
    name = report.category if category is None else category.name.fill(language, {})
    return {"category": report.category, "category_name": name}


def _outline(desk: Desk, similar: Similar, language: str) -> dict[str, Any]:
    report = similar.report
    return {
        "id": report.id,
        **_category_out(desk, report, language),
        "stage": stage(State(report.state)),
        "point": {"latitude": similar.place.latitude, "longitude": similar.place.longitude},
        "coarse": True,
        "received_on": desk.on_wall(report.received_at).date(),
    }


def _follow_out(desk: Desk, report: models.Report, *, following: bool) -> dict[str, Any]:
    return {"id": report.id, "following": following, "followers": report.followers if desk.sees(report) else None}


def _rating_out(desk: Desk, rating: models.ReportRating) -> dict[str, Any]:
    return {
        "round": rating.round,
        "stars": rating.stars,
        "words": rating.words,
        "rated_at": desk.shown(rating.rated_at),
    }


def _comment_out(desk: Desk, said: models.ReportComment, *, staff: bool) -> dict[str, Any]:
    out = {
        "id": said.id,
        "at": desk.shown(said.at),
        "by": said.actor,
        "own": said.own,
        "internal": said.internal,
        "shown": said.shown_at is not None,
        "words": said.words,
    }
    return out | {"person": said.person} if staff and said.person is not None else out


def _features(features: Iterable[Mapping[str, Any]], language: str, following: str | None = None) -> Response:
    body = {"type": "FeatureCollection", "features": list(features), "next": following}
    return answer(body, language, headers={"content-type": GEOJSON})


def _feature(desk: Desk, report: models.Report, language: str) -> dict[str, Any]:
    said = report_out(desk, report, language)
    point = said.pop("point")
    place = None if point is None else Point(**point)
    return {"type": "Feature", "id": str(said.pop("id")), "geometry": _geometry(place), "properties": said}


def _pin(desk: Desk, cluster: Cluster, language: str) -> dict[str, Any]:
    if cluster.report is not None:
        alone = _feature(desk, cluster.report, language)
        return alone | {"properties": {"count": 1, "states": cluster.states, **alone["properties"]}}
    properties = {"count": cluster.count, "states": cluster.states}
    return {"type": "Feature", "geometry": _geometry(cluster.place), "properties": properties}


def _geometry(place: Point | None) -> dict[str, Any] | None:
    """Longitude first (RFC 7946, 3.1.1), to some centimetres."""
    if place is None:
        return None
    return {"type": "Point", "coordinates": [round(place.longitude, 7), round(place.latitude, 7)]}


async def _photo_out(desk: Desk, uploads: Uploads, photo: models.ReportPhoto) -> dict[str, Any]:
    links: dict[str, str] = {
        size: await uploads.store.link(photo_key(photo.sha256, size), desk.now, _LASTING) for size in SIZES
    }
    return {
        "n": photo.number,
        "kind": photo.kind,
        "width": photo.width,
        "height": photo.height,
        "taken_at": desk.shown(photo.taken_at),
        "heading": photo.heading,
        **links,
    }


def _event_out(desk: Desk, report: models.Report, event: models.ReportEvent, language: str) -> Mapping[str, Any]:
    roles, shown = desk.roles(report), desk.shows(report, event.at)
    out = {
        "at": desk.shown(event.at),
        "by": event.actor,
        "from": event.from_state,
        "to": event.to_state,
        "label": LABELS[State(event.to_state)].fill(language, {}),
        "reason": event.reason if roles else None,
        "rejection": event.rejection,
        "outcome": event.outcome if shown else None,
        "reply": event.reply if shown else None,
        "handling_due_at": desk.shown(event.handling_due_at) if roles else None,
        "person": event.person if {Actor.moderator, Actor.agency}.intersection(roles) else None,
    }
    if event.agency_id is not None:
        out |= _unit_out(desk, "agency", event.agency_id, language)
    return {name: value for name, value in out.items() if value is not None or name == "from"}


def _unit_out(desk: Desk, name: str, unit_id: int | None, language: str) -> dict[str, str | None]:
    unit = None if unit_id is None else desk.catalogue.units[unit_id]
    return {
        name: None if unit is None else unit.code,
        f"{name}_name": None if unit is None else unit.name.fill(language, {}),
    }
