"""What becomes of a report: moves, by staff and by who sent it; and what only staff do."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from app import models
from app.auth import require_caller
from app.errors import (
    KeyRequired,
    MoveNotAllowed,
    OutsideKeyUnits,
    ReporterErased,
    ReporterUnknown,
    ScopeMissing,
    Text,
    UnknownComment,
    UnknownReport,
)
from app.problems import problem_body
from app.reports.comments import moderate_comment
from app.reports.desk import HANDLE, IDENTIFY, MODERATE, SUBMIT
from app.reports.handling import move, move_many, withdraw
from app.reports.reporters import read_reporter
from app.routers.answers import answer, problems
from app.routers.dependencies import Language, ReadSession, WriteSession
from app.routers.exact import ExactRoute
from app.routers.reports.desks import TO_MOVE, ReadDesk, ReportId, UploadsDep, WriteDesk
from app.routers.reports.shown import comment_out, detail_out
from app.schemas.reports import CommentOut, ContactOut, MoveIn, MovesIn, ReportDetail, ShownIn, Verdicts, WithdrawalIn

router = APIRouter(prefix="/v1/reports", route_class=ExactRoute)


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
        require_caller(desk.caller, HANDLE, TO_MOVE)
    report = await move(session, desk, report_id, order)
    return answer(await detail_out(session, desk, uploads, report, language), language)


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
        require_caller(desk.caller, HANDLE, TO_MOVE)
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
    require_caller(desk.caller, MODERATE, TO_MOVE)
    report = await withdraw(session, desk, report_id, order)
    return answer(await detail_out(session, desk, uploads, report, language), language)


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
    return answer(comment_out(desk, said, staff=True), language)


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
