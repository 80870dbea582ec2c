"""`/v1/notices`: what a centre tells everybody."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app import models
from app.auth import require_caller
from app.catalogue.catalogue import Catalogue
from app.errors import KeyRequired, OutsideKeyUnits, ScopeMissing, UnitNotValid, UnknownNotice, UnknownUnit
from app.hub import Hub
from app.notices import TO_NOTIFY, WRITE, notices_for, notices_of, put_notice, remove_notice
from app.routers.answers import NOT_MODIFIED, answer, etag, not_modified, problems
from app.routers.dependencies import (
    CallerDep,
    HubDep,
    Language,
    ReadCatalogue,
    ReadSession,
    WriteCatalogue,
    WriteSession,
    refuse_unknown_parameters,
)
from app.routers.exact import ExactRoute
from app.schemas.notices import NoticeIn, NoticeList, NoticeOut

router = APIRouter(
    prefix="/v1/notices", tags=["notices"], route_class=ExactRoute, dependencies=[Depends(refuse_unknown_parameters)]
)
NoticeId = Annotated[UUID, Path(alias="id", description="Made by who writes it.")]


@router.get(
    "",
    response_model=NoticeList,
    responses=problems(KeyRequired, ScopeMissing, UnknownUnit, UnitNotValid) | NOT_MODIFIED,
)
async def get_notices(
    request: Request,
    hub: HubDep,
    session: ReadSession,
    catalogue: ReadCatalogue,
    caller: CallerDep,
    language: Language,
    unit: Annotated[
        str | None, Query(max_length=100, description="For the people of this unit: its own and those of all above it.")
    ] = None,
    mine: Annotated[
        bool, Query(description="Instead those that the key may change, also of earlier and later days.")
    ] = False,
) -> Response:
    """Notices that hold now, the newest first (100 at most)."""
    now, today = datetime.now(UTC), hub.now()
    if mine:
        found = await notices_of(session, catalogue, require_caller(caller, WRITE, TO_NOTIFY), today=today)
    else:
        about = None if unit is None else catalogue.require_unit(unit, None, today.date())
        found = await notices_for(session, catalogue, about, now=now, today=today)
    items = [notice_out(hub, catalogue, one, language) for one in found]
    tag = etag(request, items)
    return not_modified(request, tag) or answer({"items": items}, language, tag=tag)


@router.put(
    "/{id}",
    response_model=NoticeOut,
    responses=problems(KeyRequired, ScopeMissing, OutsideKeyUnits, UnknownUnit, UnitNotValid)
    | {201: {"model": NoticeOut, "description": "It is new."}},
)
async def put_one(
    hub: HubDep,
    session: WriteSession,
    catalogue: WriteCatalogue,
    caller: CallerDep,
    language: Language,
    notice_id: NoticeId,
    sent: NoticeIn,
) -> Response:
    """Write a notice for the people of a unit, or change it. The same again changes nothing that anybody reads."""
    caller = require_caller(caller, WRITE, TO_NOTIFY)
    moment = {"now": datetime.now(UTC), "today": hub.now()}
    notice, is_new = await put_notice(session, catalogue, caller, notice_id, sent, **moment)
    return answer(notice_out(hub, catalogue, notice, language), language, status=201 if is_new else 200)


@router.delete(
    "/{id}",
    status_code=204,
    response_class=Response,
    responses=problems(KeyRequired, ScopeMissing, OutsideKeyUnits, UnknownNotice),
)
async def delete_one(
    hub: HubDep, session: WriteSession, catalogue: WriteCatalogue, caller: CallerDep, notice_id: NoticeId
) -> Response:
    """Take a notice away. One that is to be shown no more, but was right, rather ends: `valid_until`."""
    caller = require_caller(caller, WRITE, TO_NOTIFY)
    await remove_notice(session, catalogue, caller, notice_id, today=hub.now())
    return Response(status_code=204)


def notice_out(hub: Hub, catalogue: Catalogue, notice: models.Notice, language: str) -> dict[str, Any]:
    unit, zone, en = catalogue.units[notice.unit_id], hub.settings.tz, language == "en"
    return {
        "id": notice.id,
        "unit": unit.code,
        "unit_name": unit.name.fill(language, {}),
        "title": notice.title_en if en else notice.title_vi,
        "body": notice.body_en if en else notice.body_vi,
        "valid_from": notice.valid_from.astimezone(zone),
        "valid_until": None if notice.valid_until is None else notice.valid_until.astimezone(zone),
        "changed_at": notice.changed_at.astimezone(zone),
    }
