"""`/v1/displays`: walls that look without anybody logging in, and how they are paired."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.convertors import IntegerConvertor, register_url_convertor

from app import models
from app.auth import require_caller
from app.catalogue.access import addresses_of
from app.catalogue.catalogue import Catalogue
from app.displays import (
    PAIRING_LIFE,
    Viewer,
    add_display,
    fetch_token,
    list_displays,
    note_shown,
    open_pairing,
    revoke_display,
)
from app.errors import (
    DisplayRequired,
    KeyRequired,
    OutsideKeyUnits,
    PairingNotOpen,
    ScopeMissing,
    Text,
    TooManyPairings,
    UnknownDisplay,
    UnknownPairing,
)
from app.paging import decode_cursor, encode_cursor
from app.routers.answers import answer, problems
from app.routers.dependencies import (
    DISPLAY_COOKIE,
    CallerDep,
    HubDep,
    Language,
    ReadCatalogue,
    ReadSession,
    ViewerDep,
    WriteCatalogue,
    WriteSession,
    presented_key,
    refuse_unknown_parameters,
)
from app.routers.exact import ExactRoute
from app.schemas.displays import (
    DisplayAdded,
    DisplayIn,
    DisplayPage,
    PairingOut,
    PairingState,
    SessionIn,
    ShownPage,
)


class _Number(IntegerConvertor):
    """So that `me` is none. Of bounded length: Python does not make a number of any number of digits."""

    regex = "[0-9]{1,10}"


register_url_convertor("number", _Number())

router = APIRouter(
    prefix="/v1/displays", tags=["displays"], route_class=ExactRoute, dependencies=[Depends(refuse_unknown_parameters)]
)

_WHY = Text("để quản lý thiết bị hiển thị", "to manage displays")
_NO_KEY: dict[str, Any] = {"security": [{}]}
_SECRET = {"cache-control": "no-store"}
_LONGEST = 400 * 24 * 3600  # seconds that browsers keep a cookie


@router.post(
    "/pairings", status_code=201, response_model=PairingOut, responses=problems(TooManyPairings), openapi_extra=_NO_KEY
)
async def post_pairing(hub: HubDep, session: WriteSession, language: Language) -> Response:
    """A code for a wall to show, and the secret `id` with which it asks, every other second, whether somebody confirmed it."""
    opened = await open_pairing(session, now=datetime.now(UTC), pepper=hub.pepper)
    body = {"id": opened.secret, "code": opened.code, "expires_in": int(PAIRING_LIFE.total_seconds())}
    return answer(body, language, status=201, headers=_SECRET)


# `secret`: the log names the route instead.
@router.get("/pairings/{secret}", response_model=PairingState, responses=problems(UnknownPairing))
async def get_pairing(
    secret: Annotated[str, Path(max_length=100)],
    request: Request,
    hub: HubDep,
    session: WriteSession,
    catalogue: WriteCatalogue,
    language: Language,
) -> Response:
    """Whether the wall is paired. The answer that says so sets the cookie `ioc_display`, and there is only one of it."""
    fetched = await fetch_token(session, secret, now=datetime.now(UTC), pepper=hub.pepper)
    if fetched is None:
        return answer({"paired": False}, language, headers=_SECRET)
    display, token = fetched
    response = answer({"paired": True, "display": _shown(display, catalogue)}, language, headers=_SECRET)
    return _with_cookie(response, request, token)


@router.post("/session", status_code=204, response_class=Response, responses=problems())
async def post_session(asked: SessionIn, request: Request, hub: HubDep) -> Response:
    """The token of a display becomes its cookie: a wall does this with what stands behind the `#` of its URL."""
    await hub.displays.viewer(asked.token)
    return _with_cookie(Response(status_code=204), request, asked.token)


@router.put("/me", status_code=204, response_class=Response, responses=problems(DisplayRequired))
async def put_me(shown: ShownPage, request: Request, session: WriteSession, viewer: ViewerDep) -> Response:
    """What the display shows now. Its cookie is renewed, which no browser would keep for ever."""
    await note_shown(session, _required(viewer), shown, now=datetime.now(UTC))
    response = Response(status_code=204)
    token = request.cookies.get(DISPLAY_COOKIE)
    return response if token is None or presented_key(request.headers) else _with_cookie(response, request, token)


@router.post(
    "",
    status_code=201,
    response_model=DisplayAdded,
    responses=problems(KeyRequired, ScopeMissing, OutsideKeyUnits, PairingNotOpen),
)
async def post_display(
    asked: DisplayIn,
    hub: HubDep,
    session: WriteSession,
    catalogue: WriteCatalogue,
    caller: CallerDep,
    language: Language,
) -> Response:
    """Add a display: with the code that its wall shows, or without one to be given its token."""
    caller = require_caller(caller, "screens:write", _WHY)
    caller.require("readings:read")  # a display sees what is not public: nobody gives away what he has not
    display, token = await add_display(
        session, catalogue, caller, asked, now=datetime.now(UTC), today=hub.now().date(), pepper=hub.pepper
    )
    body = _out(display, catalogue) | ({} if token is None else {"token": token})
    return answer(body, language, status=201, headers=_SECRET)


@router.get("", response_model=DisplayPage, responses=problems(KeyRequired, ScopeMissing))
async def get_displays(
    hub: HubDep,
    session: ReadSession,
    catalogue: ReadCatalogue,
    caller: CallerDep,
    language: Language,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """The displays of the key's units, with when they were last seen and what they show."""
    caller = require_caller(caller, "screens:write", _WHY)
    after = 0 if cursor is None else max(0, min(decode_cursor(cursor, [int])[0], 2**31 - 1))
    found = await list_displays(session, catalogue, caller, today=hub.now().date(), after=after, limit=limit + 1)
    items = [_out(one, catalogue) for one in found[:limit]]
    return answer({"items": items, "next": encode_cursor([items[-1]["id"]]) if len(found) > limit else None}, language)


@router.delete(
    "/{display:number}",
    status_code=204,
    response_class=Response,
    responses=problems(KeyRequired, ScopeMissing, OutsideKeyUnits, UnknownDisplay),
)
async def delete_display(
    display: Annotated[int, Path(ge=1, le=2**31 - 1)],
    hub: HubDep,
    session: WriteSession,
    catalogue: WriteCatalogue,
    caller: CallerDep,
) -> Response:
    """Revoke a display: its token stops working within a second, for good. Again changes nothing."""
    caller = require_caller(caller, "screens:write", _WHY)
    await revoke_display(session, catalogue, caller, display, now=datetime.now(UTC), today=hub.now().date())
    return Response(status_code=204)


def _required(viewer: Viewer | None) -> Viewer:
    if viewer is None:
        raise DisplayRequired()
    return viewer


def _with_cookie(response: Response, request: Request, token: str) -> Response:
    response.set_cookie(
        DISPLAY_COOKIE, token, max_age=_LONGEST, path="/", secure=request.url.scheme == "https", httponly=True,
        samesite="strict",
    )  # fmt: skip
    return response


# --- shapes ---


def _shown(display: models.Display, catalogue: Catalogue) -> dict[str, Any]:
    return {
        "id": display.id,
        "name": display.name,
        "screens": display.slugs,
        "units": None if display.unit_ids is None else addresses_of(display.unit_ids, catalogue),
    }


def _out(display: models.Display, catalogue: Catalogue) -> dict[str, Any]:
    return _shown(display, catalogue) | {
        "created_at": display.created_at,
        "revoked_at": display.revoked_at,
        "last_seen_at": display.last_seen_at,
        "screen": display.screen,
        "page": display.page,
        "paired": display.token_hash is not None,
    }
