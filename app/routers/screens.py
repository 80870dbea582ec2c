"""`/v1/screens`: what walls are made of, what stands on them, and what changes on them."""

import asyncio
import hashlib
import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.types import Receive, Scope, Send

from app import exact_json
from app.auth import require_caller
from app.catalogue.access import require_whole_hub
from app.errors import (
    InvalidRequest,
    KeyRequired,
    OutsideKeyUnits,
    RowError,
    ScopeMissing,
    ScreenChanged,
    Text,
    UnitNotValid,
    UnknownScreen,
    UnknownUnit,
    VersionRequired,
)
from app.periods import Grain
from app.routers.answers import NOT_MODIFIED, VARY, answer, not_modified, problems
from app.routers.asked import asked_period, refused
from app.routers.dependencies import (
    AsOf,
    CallerDep,
    HubDep,
    Language,
    ReadSession,
    WriteCatalogue,
    WriteSession,
    refuse_unknown_parameters,
)
from app.schemas.screens import ScreenIn, ScreenList, ScreenOut, Snapshot
from app.screens.definitions import Definition, find_screen, list_screens, remove_screen, save_screen
from app.screens.live import State, Wall, Walls
from app.screens.snapshot import View, draw_widgets, head_of, scene_of, widgets_of

router = APIRouter(prefix="/v1/screens", tags=["screens"], dependencies=[Depends(refuse_unknown_parameters)])

SlugPath = Annotated[
    str,
    Path(
        max_length=60,
        pattern=r"^[^\x00]+$",
        description="Name of the screen, as in its address.",
        examples=["tong-quan"],
    ),
]
UnitParameter = Annotated[
    str | None,
    Query(max_length=100, description="Code of the unit that the screen is to be about.", examples=["25813"]),
]
PeriodParameter = Annotated[
    str | None,
    Query(max_length=40, description="A period for all figures; without it the latest.", examples=["2024-Q3"]),
]
_TO_CHANGE = Text("để sửa màn hình", "to change screens")


def get_walls(request: Request) -> Walls:
    walls = request.app.state.walls
    assert isinstance(walls, Walls)
    return walls


WallsDep = Annotated[Walls, Depends(get_walls)]


# --- definitions ---


@router.get("", response_model=ScreenList, responses=problems())
async def get_screens(session: ReadSession, language: Language, as_of: AsOf) -> Response:
    """All screens, with the unit that each is about."""
    items = [
        {
            "slug": one.slug,
            "title": one.screen.title.said(language),
            "unit": one.screen.parameters.unit,
            "pages": len(one.screen.pages),
            "version": one.version,
            "recorded_at": one.recorded_at,
        }
        for one in await list_screens(session, as_of)
    ]
    return answer({"items": items}, language)


@router.get("/{slug}", response_model=ScreenOut, responses=problems(UnknownScreen) | NOT_MODIFIED)
async def get_screen(
    request: Request, session: ReadSession, language: Language, as_of: AsOf, slug: SlugPath
) -> Response:
    """A definition; its `ETag` is what `If-Match` wants to see when it is changed."""
    found = await find_screen(session, slug, as_of)
    tag = _tag(found.version)
    return not_modified(request, tag) or answer(_screen_out(found), language, tag=tag)


_changes = problems(
    KeyRequired, ScopeMissing, OutsideKeyUnits, UnknownScreen, ScreenChanged, VersionRequired
)  # fmt: skip


@router.put("/{slug}", response_model=ScreenOut, responses=_changes | {201: {"model": ScreenOut}})
async def put_screen(
    request: Request,
    hub: HubDep,
    session: WriteSession,
    catalogue: WriteCatalogue,
    caller: CallerDep,
    language: Language,
    slug: Annotated[str, Path(max_length=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")],
    screen: ScreenIn,
) -> Response:
    """Make a screen, or change the one that was read (`If-Match`). Every mistake is named by its place."""
    require_whole_hub(require_caller(caller, "screens:write", _TO_CHANGE), catalogue, slug)
    saved, new = await save_screen(session, catalogue, hub.settings, slug, screen, read_version=_read_version(request))
    return answer(_screen_out(saved), language, tag=_tag(saved.version), status=201 if new else 200)


@router.delete("/{slug}", status_code=204, responses=_changes)
async def delete_screen(
    request: Request,
    session: WriteSession,
    catalogue: WriteCatalogue,
    caller: CallerDep,
    slug: SlugPath,
) -> Response:
    """Take a screen away. What it was stays known for `asOf`."""
    require_whole_hub(require_caller(caller, "screens:write", _TO_CHANGE), catalogue, slug)
    await remove_screen(session, slug, read_version=_read_version(request))
    return Response(status_code=204)


def _tag(version: int) -> str:
    return f'"{version}"'


def _read_version(request: Request) -> int | None:
    header = request.headers.get("if-match", "").strip()
    if not header:
        return None
    version = header.removeprefix("W/").strip('"')
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        why = Text('viết như ETag đã nhận, ví dụ "3"', 'write it like the ETag that came with it, such as "3"')
        mistake = RowError("invalid", pointer="/header/If-Match", value=header[:100], facts={"why": why})
        raise InvalidRequest(count=1, errors=[mistake])
    return int(version)


def _screen_out(found: Definition) -> Mapping[str, Any]:
    definition = found.screen.model_dump(mode="json", exclude_none=True)
    return {
        "slug": found.slug, "version": found.version, "recorded_at": found.recorded_at, "definition": definition
    }  # fmt: skip


# --- what stands on them ---


async def current_view(
    hub: HubDep,
    caller: CallerDep,
    language: Language,
    slug: SlugPath,
    unit: UnitParameter = None,
    period: PeriodParameter = None,
) -> View:
    """How the caller looks at the screen."""
    chosen = None if period is None else asked_period(hub.settings, "period", period)
    if chosen is not None and chosen.grain is Grain.instant:
        raise refused("period", "period-malformed", period)
    seen: frozenset[str] | None = frozenset()
    if caller is not None and "readings:read" in caller.scopes:
        seen = caller.domains
    return View(slug, unit, chosen, language, seen)


ViewDep = Annotated[View, Depends(current_view)]
_snapshot_problems = problems(UnknownScreen, UnknownUnit, UnitNotValid)


@router.get("/{slug}/data", response_model=Snapshot, responses=_snapshot_problems | NOT_MODIFIED)
async def get_snapshot(request: Request, hub: HubDep, walls: WallsDep, view: ViewDep, as_of: AsOf) -> Response:
    """Everything on the screen in one answer, of one instant; with `asOf` as it stood then."""
    if as_of is not None:
        async with hub.database.read_session() as session:
            definition = await find_screen(session, view.slug, as_of)
            scene = scene_of(hub, await hub.catalogues.current(session), definition.screen, view, as_of)
            drawn = await draw_widgets(session, scene, widgets_of(definition.screen))
        body = exact_json.dumps(
            head_of(definition, scene, view, 0) | {"data": {key: one.data for key, one in drawn.items()}}
        )
        tag = hashlib.blake2b(body, digest_size=12).hexdigest()
        return _sent(request, view, body, tag)
    picture = await walls.wall(view).picture()
    if len(picture.body) >= _WORTH_PACKING and "gzip" in request.headers.get("accept-encoding", ""):
        return _sent(request, view, picture.packed, f"{picture.tag}-gzip", {"content-encoding": "gzip"})
    return _sent(request, view, picture.body, picture.tag)


_WORTH_PACKING = 1000


def _sent(request: Request, view: View, body: bytes, tag: str, more: Mapping[str, str] | None = None) -> Response:
    tag, vary = f'"{tag}"', f"{VARY}, Accept-Encoding"
    if fresh := not_modified(request, tag):
        return fresh
    headers = {
        "content-language": view.language,
        "etag": tag,
        "cache-control": "no-cache",
        "vary": vary,
        **(more or {}),
    }
    return Response(body, headers=headers, media_type="application/json")


# --- what changes on them ---


class EventStream(Response):
    """Server-sent events for as long as the viewer stays. It holds no session and no queue."""

    def __init__(self, walls: Walls, wall: Wall, seen: State | None) -> None:
        super().__init__()
        self._walls, self._wall, self._seen = walls, wall, seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),  # a proxy in between must not wait for more
        ]
        with self._walls.watched(self._wall, self._seen) as watcher:
            left = asyncio.ensure_future(_disconnected(receive))
            left.add_done_callback(lambda _: watcher.leave())
            try:
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                while (news := await watcher.look()) is not None:
                    await send({"type": "http.response.body", "body": news, "more_body": True})
            finally:
                left.cancel()
        # To come back at different times, so that not all of them meet the next process at once.
        farewell = f"retry: {500 + secrets.randbelow(2500)}\nevent: reconnect\ndata: {{}}\n\n"
        await send({"type": "http.response.body", "body": farewell.encode(), "more_body": False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@router.get(
    "/{slug}/events",
    response_class=Response,
    responses=_snapshot_problems
    | {200: {"description": "`snapshot`, then `widget` events.", "content": {"text/event-stream": {}}}},
)
async def get_events(request: Request, walls: WallsDep, view: ViewDep) -> Response:
    """Server-sent events: `snapshot` first, then `widget` with what has changed, told within a second.

    `id` rises and is valid in every process: with `Last-Event-ID` only what was missed comes, or the whole if that is not known
    any more. A viewer that is slow gets the newest state, not what was in between. `reconnect` says that this process is going away.
    """
    header = request.headers.get("last-event-id", "").strip()
    seen = None
    if header:
        try:
            seen = State.parse(header)
        except ValueError as error:
            why = Text("viết như 120-1795305600", "write it like 120-1795305600")
            mistake = RowError("invalid", pointer="/header/Last-Event-ID", value=header[:100], facts={"why": why})
            raise InvalidRequest(count=1, errors=[mistake]) from error
    wall = walls.wall(view)
    await wall.picture()
    return EventStream(walls, wall, seen)
