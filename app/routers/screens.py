"""`/v1/screens`: what walls are made of, what stands on them, and what changes on them."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from app.auth import Caller, require_caller
from app.catalogue.access import require_whole_hub
from app.catalogue.catalogue import Catalogue, Unit
from app.displays import Viewer, require_shown
from app.errors import (
    HubError,
    InvalidRequest,
    KeyRequired,
    OutsideDisplay,
    OutsideKeyUnits,
    RowError,
    ScopeMissing,
    ScreenChanged,
    ScreenMissing,
    Text,
    UnitNotValid,
    UnknownScreen,
    UnknownUnit,
    VersionRequired,
)
from app.hub import Hub
from app.periods import Grain
from app.problems import VARY, preferred_language
from app.routers.answers import JSON, NOT_MODIFIED, answer, is_known, not_modified, problems
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
    presented_key,
    refuse_unknown_parameters,
    somebody,
)
from app.routers.exact import ExactRoute
from app.schemas.screens import ScreenIn, ScreenList, ScreenOut, Snapshot
from app.screens.definitions import Definition, find_screen, list_screens, remove_screen, save_screen
from app.screens.live import Picture, State, Wall, Walls
from app.screens.snapshot import View, scene_of

router = APIRouter(
    prefix="/v1/screens", tags=["screens"], route_class=ExactRoute, dependencies=[Depends(refuse_unknown_parameters)]
)

_LONGEST_SLUG, _LONGEST_UNIT = 60, 100
SlugPath = Annotated[
    str,
    Path(
        max_length=_LONGEST_SLUG,
        pattern=r"^[^\x00]+$",
        description="Name of the screen, as in its address.",
        examples=["tong-quan"],
    ),
]
UnitParameter = Annotated[
    str | None,
    Query(max_length=_LONGEST_UNIT, description="Code of the unit that the screen is to be about.", examples=["25813"]),
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
    KeyRequired, ScopeMissing, OutsideKeyUnits, UnknownScreen, ScreenChanged, ScreenMissing, VersionRequired
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
    return _as_seen_by(who, View(slug, unit, chosen, language, frozenset()))


def _as_seen_by(who: Caller | Viewer | None, view: View) -> View:
    """The view of somebody; it is that of anybody so far."""
    if isinstance(who, Viewer):
        return replace(view, domains=None, display=True)
    if who is not None and "readings:read" in who.scopes:
        return replace(view, domains=who.domains)
    return view


async def _plainly_seen(request: Request) -> tuple[View, Viewer | None] | None:
    """The same without the framework; None when more is asked than which unit, or something is wrong with it."""
    headers: Mapping[bytes, bytes] = dict(request.scope["headers"])
    language, query = headers.get(b"accept-language", b""), request.scope["query_string"]
    if len(language) > _LONGEST_PLAIN or len(query) > _LONGEST_PLAIN or len(headers) < len(request.scope["headers"]):
        return None
    view = _public_view(request.path_params["slug"], query, language)
    if view is None or not (_WHO_ASKS & headers.keys()):
        return None if view is None else (view, None)
    who = await somebody(request.app.state.hub, request, presented_key(request.headers))
    return _as_seen_by(who, view), who if isinstance(who, Viewer) else None


_LONGEST_PLAIN = 200
_WHO_ASKS = frozenset({b"x-api-key", b"authorization", b"cookie"})


@lru_cache(maxsize=1000)  # walls ask for the same again and again
def _public_view(slug: str, query: bytes, language: bytes) -> View | None:
    if len(slug) > _LONGEST_SLUG or "\x00" in slug:
        return None
    unit: str | None
    match QueryParams(query).multi_items():
        case []:
            unit = None
        case [("unit", unit)] if len(unit) <= _LONGEST_UNIT:
            pass
        case _:
            return None
    return View(slug, unit, None, preferred_language(language.decode("latin-1")), frozenset())


ViewDep = Annotated[View, Depends(current_view)]


def _allowed(request: Request, hub: Hub, viewer: Viewer | None, view: View, unit: Unit, catalogue: Catalogue) -> View:
    """The view, or that of anybody where a display has none of its own.

    Raises: OutsideDisplay, when it presents its token. A cookie goes along wherever the browser goes.
    """
    today = hub.now().date()
    if viewer is None or viewer.allows(view.slug, unit, catalogue, today):
        return view
    if presented_key(request.headers):
        require_shown(viewer, view.slug, unit, catalogue, today)
    return replace(view, domains=frozenset(), display=False)


async def _wall(request: Request, hub: Hub, walls: Walls, viewer: Viewer | None, view: View) -> Wall:
    """The wall that the caller may see, drawn."""
    wall = walls.wall(view)
    await wall.picture()
    if viewer is not None and (allowed := _allowed(request, hub, viewer, view, *wall.about)) is not view:
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
            picture = await walls.past(session, definition, replace(scene, readable=view.readable), view)
        return _answer_of(picture, view.language, packed=False).to(request)
    return await _pictured(request, hub, walls, viewer, view)


async def get_snapshot_plainly(request: Request) -> Response | None:
    """The snapshot for walls that ask again and again; None when what they ask is not so plain."""
    if (seen := await _plainly_seen(request)) is None:
        return None
    view, viewer = seen
    return await _pictured(request, request.app.state.hub, get_walls(request), viewer, view)


async def _pictured(request: Request, hub: Hub, walls: Walls, viewer: Viewer | None, view: View) -> Response:
    picture = await (await _wall(request, hub, walls, viewer, view)).picture()
    packed = len(picture.body) >= _WORTH_PACKING and _takes_gzip(request.headers.get("accept-encoding", ""))
    return _kept_answer_of(picture, view.language, packed).to(request)


_WORTH_PACKING = 1000


@lru_cache(maxsize=1000)
def _takes_gzip(header: str) -> bool:
    for item in header.split(","):
        coding, _, weight = item.partition(";")
        if coding.strip().lower() in {"gzip", "*"}:
            return not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)
    return False


@dataclass(frozen=True, slots=True)
class _Answer:
    """A picture as it is sent, any number of times."""

    tag: str
    whole: Response
    unchanged: Response

    def to(self, request: Request) -> Response:
        return self.unchanged if is_known(request.headers.get("if-none-match", ""), self.tag) else self.whole


def _answer_of(picture: Picture, language: str, packed: bool) -> _Answer:
    tag = f'"{picture.tag}-gzip"' if packed else f'"{picture.tag}"'
    headers = {"etag": tag, "cache-control": "no-cache", "vary": f"{VARY}, Accept-Encoding, Cookie"}
    body, more = (picture.packed, {"content-encoding": "gzip"}) if packed else (picture.body, {})
    whole = Response(body, headers={**headers, "content-language": language, **more}, media_type=JSON)
    return _Answer(tag, whole, Response(status_code=304, headers=headers))


_kept_answer_of = lru_cache(maxsize=64)(_answer_of)


# --- what changes on them ---


class EventStream(Response):
    """Server-sent events for as long as the viewer stays. It holds no session and no queue."""

    def __init__(
        self, walls: Walls, wall: Wall, seen: State | None, allowed: Callable[[], Awaitable[bool]] | None
    ) -> None:
        super().__init__()
        self._walls, self._wall, self._seen, self._allowed = walls, wall, seen, allowed

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
                    if self._allowed is not None and not await self._allowed():
                        break  # who comes back sees what is allowed then
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
    return await _stream(request, hub, walls, viewer, view)


async def get_events_plainly(request: Request) -> Response | None:
    """A stream that keeps nothing of the framework in memory for as long as it is open; None when it is not so plain."""
    if (seen := await _plainly_seen(request)) is None:
        return None
    view, viewer = seen
    return await _stream(request, request.app.state.hub, get_walls(request), viewer, view)


async def _stream(request: Request, hub: Hub, walls: Walls, viewer: Viewer | None, view: View) -> EventStream:
    wall = await _wall(request, hub, walls, viewer, view)
    header = request.headers.get("last-event-id", "").strip()
    seen = None
    if header:
        try:
            seen = wall.seen(header)
        except ValueError as error:
            why = Text("viết như 120-1795305600-0a1b2c3d", "write it like 120-1795305600-0a1b2c3d")
            mistake = RowError("invalid", pointer="/header/Last-Event-ID", value=header[:100], facts={"why": why})
            raise InvalidRequest(count=1, errors=[mistake]) from error

    async def allowed() -> bool:
        """Whether who asked would still be shown the same: keys and displays are revoked, units and definitions change."""
        try:
            who = await somebody(hub, request, presented_key(request.headers))
            asked = _as_seen_by(who, replace(view, domains=frozenset(), display=False))
            return wall.view == _allowed(request, hub, who if isinstance(who, Viewer) else None, asked, *wall.about)
        except HubError:
            return False

    everybody = not wall.view.display and wall.view.domains == frozenset()
    return EventStream(walls, wall, seen, None if everybody else allowed)
