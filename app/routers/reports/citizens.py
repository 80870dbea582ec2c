"""What citizens do about a report that is there: follow it, rate its answer, say something."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from app import models
from app.auth import require_caller
from app.errors import (
    CommentConflict,
    KeyRequired,
    RatingNotAllowed,
    ScopeMissing,
    Text,
    TooMuchFromAddress,
    UnknownReport,
)
from app.paging import encode_cursor
from app.reports.comments import comment, comments_of
from app.reports.desk import HANDLE, MODERATE, SUBMIT, Desk
from app.reports.following import follow, unfollow
from app.reports.handling import require_report
from app.reports.ratings import rate
from app.reports.visitors import Sent
from app.routers.answers import answer, problems
from app.routers.dependencies import Language, ReadSession, WriteSession
from app.routers.exact import ExactRoute
from app.routers.reports.desks import Address, ArrivalsDep, ReadDesk, ReportId, WriteDesk
from app.routers.reports.finding import after_key
from app.routers.reports.shown import comment_out, rating_out
from app.schemas.reports import CommentIn, CommentOut, CommentPage, FollowOut, RatingGiven, RatingIn, Subject

router = APIRouter(prefix="/v1/reports", route_class=ExactRoute)
_TO_FOLLOW = Text("để theo dõi phản ánh", "to follow reports")
_TO_SPEAK = Text("để đánh giá hoặc bình luận", "to rate or comment")


Follower = Annotated[Subject, Query(description="The citizen, as the caller's own system names them: opaque.")]


@router.put(
    "/{id}/follow",
    response_model=FollowOut,
    responses=problems(KeyRequired, ScopeMissing, UnknownReport, TooMuchFromAddress),
)
async def put_follow(
    session: WriteSession,
    desk: WriteDesk,
    arrivals: ArrivalsDep,
    address: Address,
    language: Language,
    report_id: ReportId,
    subject: Follower,
) -> Response:
    """A citizen wants to know what becomes of it, too (+1). Saying it again changes nothing."""
    require_caller(desk.caller, SUBMIT, _TO_FOLLOW)
    report, is_new = await follow(session, desk, report_id, subject)
    if is_new and desk.keyless:
        arrivals.take(Sent.follow, address)
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
    return answer(rating_out(desk, rating) | {"changeable_until": desk.shown(until)}, language)


@router.post(
    "/{id}/comments",
    status_code=201,
    response_model=CommentOut,
    responses=problems(KeyRequired, ScopeMissing, UnknownReport, CommentConflict, TooMuchFromAddress)
    | {200: {"model": CommentOut, "description": "It was here already."}},
)
async def post_comment(
    session: WriteSession,
    desk: WriteDesk,
    arrivals: ArrivalsDep,
    address: Address,
    language: Language,
    report_id: ReportId,
    sent: CommentIn,
) -> Response:
    """Say something about a report: a citizen, or staff to everybody or among themselves."""
    if desk.token is None and not (desk.may(MODERATE) or desk.may(HANDLE)):
        require_caller(desk.caller, SUBMIT, _TO_SPEAK)
    said, is_new = await comment(session, desk, report_id, sent)
    if is_new and desk.keyless:
        arrivals.take(Sent.comment, address)
    return answer(comment_out(desk, said, staff=True), language, status=201 if is_new else 200)


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
    [after] = (0,) if cursor is None else after_key("newest", cursor)
    found = await comments_of(session, desk, report, after, limit + 1)
    staff = bool(desk.staff(report))
    following = encode_cursor([found[limit - 1].number]) if len(found) > limit else None
    return answer(
        {"items": [comment_out(desk, one, staff=staff) for one in found[:limit]], "next": following}, language
    )


def _follow_out(desk: Desk, report: models.Report, *, following: bool) -> dict[str, Any]:
    return {"id": report.id, "following": following, "followers": report.followers if desk.sees(report) else None}
