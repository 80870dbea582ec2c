"""Sending a report, and its photos."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import require_caller
from app.errors import (
    BodyTooLarge,
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
    ReportConflict,
    RowError,
    ScopeMissing,
    Text,
    TooManyPhotos,
    TooMuchFromAddress,
    UnknownReport,
)
from app.reports.desk import HANDLE, SUBMIT, Desk
from app.reports.submission import Acceptable, judge, submit
from app.reports.uploads import MOST, Enclosed, Piece, Uploads, add_photos, require_open
from app.reports.visitors import Arrivals, Sent
from app.routers.answers import JSON, answer, problems
from app.routers.dependencies import CallerDep, HubDep, Language, WriteSession
from app.routers.exact import ExactRoute
from app.routers.reports.desks import (
    Address,
    ArrivalsDep,
    IdentitiesDep,
    ReportId,
    RulesDep,
    UploadsDep,
    VisitorToken,
    WriteDesk,
    desk_of,
    sender_of,
)
from app.routers.reports.forms import FORM, FORM_SHAPE, FormRoute, form_of, in_report, read_form
from app.routers.reports.shown import detail_out
from app.schemas.reports import ReportIn, ReportSent, UploadOut


class _Route(ExactRoute):
    offered = f"{JSON}, {FORM}"


router = APIRouter(prefix="/v1/reports", route_class=_Route)
_TO_SEND = Text("để gửi phản ánh", "to send reports")


async def post_report_with_photos(
    request: Request,
    hub: HubDep,
    cache: RulesDep,
    identities: IdentitiesDep,
    uploads: UploadsDep,
    arrivals: ArrivalsDep,
    address: Address,
    caller: CallerDep,
    language: Language,
    browser: VisitorToken = None,
) -> Response:
    async with hub.database.read_session() as session:  # not held while the form comes
        catalogue, rules = await hub.catalogues.current(session), await cache.current(session)
    desk = desk_of(hub, catalogue, rules, identities, caller, None, browser)
    require_caller(desk.caller, SUBMIT, _TO_SEND)
    async with form_of(request) as form:
        sent, files = await read_form(form)
        with in_report():
            async with hub.database.read_session() as session:  # nobody looks at the photos of what is refused
                judged = await judge(session, desk, sent)
            if desk.visitor is not None and isinstance(judged, Acceptable):
                arrivals.require_room(Sent.report, address)
        made = await uploads.enclosed(desk, sent.id, files, sender_of(desk, address))
    desk = replace(desk, now=datetime.now(UTC))  # the line may have been slow
    async with hub.database.write_session() as session:
        with in_report():
            return await _take(session, desk, uploads, arrivals, address, language, sent, made)


# Before the one below, which has the same path, and describes both.
router.add_api_route(
    "", post_report_with_photos, methods=["POST"], include_in_schema=False, route_class_override=FormRoute
)


@router.post(
    "",
    status_code=201,
    response_model=ReportSent,
    responses=problems(
        KeyRequired, ScopeMissing, OutsideKeyUnits, OutsideArea, ReportConflict, TooMuchFromAddress, PhotoTaken, MoveNotAllowed,
        BodyTooLarge, PhotoStoreUnavailable, TooManyPhotos,
    )
    | {200: {"model": ReportSent, "description": "It was here already: this is how it stands now."}},
    openapi_extra={"requestBody": {"content": {FORM: {"schema": FORM_SHAPE}}}},
)  # fmt: skip
async def post_report(
    session: WriteSession,
    desk: WriteDesk,
    uploads: UploadsDep,
    arrivals: ArrivalsDep,
    address: Address,
    language: Language,
    sent: ReportIn,
) -> Response:
    """Send a report. It is stored when this answers, and only once: the same again is answered 200, with how it stands now.

    As a form it brings its photos along: all of it is stored, or nothing.
    """
    require_caller(desk.caller, SUBMIT, _TO_SEND)
    return await _take(session, desk, uploads, arrivals, address, language, sent, ())


async def _take(
    session: AsyncSession,
    desk: Desk,
    uploads: Uploads,
    arrivals: Arrivals,
    address: str,
    language: str,
    sent: ReportIn,
    made: Sequence[Enclosed],
) -> Response:
    report, is_new = await submit(session, desk, sent)
    await add_photos(session, desk, report, made)
    if desk.visitor is not None and is_new:  # the same again is harmless, and a bad line sends it often
        arrivals.take(Sent.report, address)
    headers = {"location": f"/v1/reports/{report.id}"}
    detail = await detail_out(session, desk, uploads, report, language)
    if report.follow_up is not None:
        detail |= {"follow_up": desk.follow_up(report.id, report.digest)}
        headers |= {"cache-control": "no-store"}
    return answer(detail, language, status=201 if is_new else 200, headers=headers)


@router.put(
    "/{id}/photos/{n}",
    status_code=201,
    response_model=UploadOut,
    responses=problems(
        KeyRequired, ScopeMissing, UnknownReport, MoveNotAllowed, PhotoTaken, PhotoTooLarge, PhotoTooManyPixels, NotAPhoto,
        PhotoDamaged, PhotoStoreUnavailable, TooManyPhotos, TooMuchFromAddress,
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
    arrivals: ArrivalsDep,
    address: Address,
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
        desk = desk_of(hub, catalogue, rules, identities, caller, None, browser)
        if not desk.may(HANDLE):
            require_caller(desk.caller, SUBMIT, _TO_SEND)
        await require_open(session, desk, report_id)  # before its bytes come: anybody may call himself a visitor
    if desk.visitor is not None:
        arrivals.require_room(Sent.photo, address)
    # Nobody keeps the bytes while the photo waits for its turn.
    piece = _piece(content_range, b"".join([part async for part in request.stream()]))
    size, come = piece.size, len(piece.content)
    received = await uploads.keep(desk, report_id, number, piece)
    del piece
    if desk.visitor is not None:
        arrivals.note(Sent.photo, address, come)
    if complete := received == size:
        made = await uploads.finish(desk, report_id, number, size, sender_of(desk, address))
        if desk.visitor is not None:
            arrivals.note(Sent.photo, address, -(size if made else come))
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
