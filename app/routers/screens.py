"""`/v1/screens`: what walls are made of, what stands on them, and what changes on them."""

import asyncio
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.types import Receive, Scope, Send

from app import exact_json
from app.auth import require_caller
from app.catalogue.access import require_whole_hub
from app.catalogue.catalogue import Catalogue, Unit
from app.displays import Viewer, require_shown
from app.errors import (
    InvalidRequest,
    KeyRequired,
    OutsideDisplay,
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
from app.hub import Hub
from app.periods import Grain
from app.routers.answers import NOT_MODIFIED, VARY, answer, not_modified, problems
from app.routers.asked import asked_period, refused
from app.routers.dependencies import (
    AsOf,
    CallerDep,
    HubDep,
    Language,
    ReadSession,
    Somebody,
    ViewerDep,
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
    who: Somebody,
    _: ViewerDep,
    language: Language,
    slug: SlugPath,
    unit: UnitParameter = None,
    period: PeriodParameter = None,
) -> View:
    """How the caller looks at the screen: a display sees all of it, a system what its key may read."""
    chosen = None if period is None else asked_period(hub.settings, "period", period)
    if chosen is not None and chosen.grain is Grain.instant:
        raise refused("period", "period-malformed", period)
    if isinstance(who, Viewer):
        return View(slug, unit, chosen, language, None, display=True)
    reads = who is not None and "readings:read" in who.scopes
    return View(slug, unit, chosen, language, who.domains if who is not None and reads else frozenset())


ViewDep = Annotated[View, Depends(current_view)]


def _allowed(request: Request, hub: Hub, viewer: Viewer | None, view: View, unit: Unit, catalogue: Catalogue) -> View:
    """The view, or that of anybody where a display has none of its own.

    Raises: OutsideDisplay, when it presents its token. A cookie goes along wherever the browser goes.
    """
    today = hub.now().date()
    if viewer is None or viewer.allows(view.slug, unit, catalogue, today):
        return view
    if request.headers.get("x-api-key"):
        require_shown(viewer, view.slug, unit, catalogue, today)
    return replace(view, domains=frozenset(), display=False)


async def _wall(request: Request, hub: Hub, walls: Walls, viewer: Viewer | None, view: View) -> Wall:
    """The wall that the caller may see, drawn."""
    wall = walls.wall(view)
    await wall.picture()
    allowed = _allowed(request, hub, viewer, view, *wall.about)
    if allowed is not view:
        wall = walls.wall(allowed)
        await wall.picture()
    return wall


_snapshot_problems = problems(UnknownScreen, UnknownUnit, UnitNotValid, OutsideDisplay)


@router.get("/{slug}/data", response_model=Snapshot, responses=_snapshot_problems | NOT_MODIFIED)
async def get_snapshot(
    request: Request, hub: HubDep, walls: WallsDep, viewer: ViewerDep, view: ViewDep, as_of: AsOf
) -> Response:
    """Everything on the screen in one answer, of one instant; with `asOf` as it stood then."""
    if as_of is not None:
        async with hub.database.read_session() as session:
            definition = await find_screen(session, view.slug, as_of)
            catalogue = await hub.catalogues.current(session)
            scene = scene_of(hub, catalogue, definition.screen, view, as_of)
            view = _allowed(request, hub, viewer, view, scene.unit, catalogue)
            scene = replace(scene, readable=view.readable)
            drawn = await draw_widgets(session, scene, widgets_of(definition.screen))
        body = exact_json.dumps(
            head_of(definition, scene, view, 0) | {"data": {key: one.data for key, one in drawn.items()}}
        )
        tag = hashlib.blake2b(body, digest_size=12).hexdigest()
        return _sent(request, view, body, tag)
    wall = await _wall(request, hub, walls, viewer, view)
    picture = await wall.picture()
    if len(picture.body) >= _WORTH_PACKING and "gzip" in request.headers.get("accept-encoding", ""):
        return _sent(request, view, picture.packed, f"{picture.tag}-gzip", {"content-encoding": "gzip"})
    return _sent(request, view, picture.body, picture.tag)


_WORTH_PACKING = 1000


def _sent(request: Request, view: View, body: bytes, tag: str, more: Mapping[str, str] | None = None) -> Response:
    tag, vary = f'"{tag}"', f"{VARY}, Accept-Encoding, Cookie"
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

    def __init__(self, hub: Hub, walls: Walls, wall: Wall, seen: State | None, viewer: Viewer | None) -> None:
        super().__init__()
        self._hub, self._walls, self._wall, self._seen, self._viewer = hub, walls, wall, seen, viewer

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
                    if self._viewer is not None and not await self._hub.displays.remains(self._viewer):
                        break  # it was revoked; who comes back sees what everybody may see
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
async def get_events(request: Request, hub: HubDep, walls: WallsDep, viewer: ViewerDep, view: ViewDep) -> Response:
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
    wall = await _wall(request, hub, walls, viewer, view)
    return EventStream(hub, walls, wall, seen, viewer if wall.view.display else None)
