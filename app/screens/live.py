"""Screens as they are looked at: drawn once for everybody who looks the same way, again where something changed, and told at once.

A `Wall` is one screen seen in one way (unit, period, language, what may be seen). It knows at which state it was drawn: the
number of the last change that concerns it, and the last moment at which a figure aged by itself. Both only grow and are the
same in every process, so they are the `id` of events: a viewer that comes back to another process resumes there.

Nobody who watches holds a connection to the database, and nobody has a queue: each is sent what is newer than what it has seen.
"""

import asyncio
import contextlib
import gzip
import hashlib
import math
import re
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app import exact_json
from app.catalogue.catalogue import Catalogue, Unit
from app.changes import latest_change
from app.errors import HubError
from app.hub import Hub
from app.reports.submission import TOPIC as REPORTS
from app.schemas.screens import WidgetIn
from app.screens.definitions import Definition, find_screen
from app.screens.figures import Scene
from app.screens.reports import shows_reports
from app.screens.snapshot import Drawn, View, draw_widgets, head_of, scene_of, widgets_of
from app.screens.widgets import depends_on

log = structlog.get_logger(__name__)

_MOST_UNWATCHED = 128  # walls that are kept for the next one who asks
_MOST_PAST = 16  # pictures of earlier times that are kept
# What a transaction stored is dated before it is seen by others; none takes so long.
_SETTLED = timedelta(minutes=10)
_PAUSE = 0.1  # seconds between two looks at the same wall: what changes meanwhile is drawn together
_BEAT = 15.0  # seconds after which a stream says that it is still there
_AGAIN = 1.0  # seconds until a wall that could not be drawn is tried again


class State(NamedTuple):
    """What a viewer has seen: up to which change, and up to which moment at which figures age."""

    change: int
    turn: int  # seconds since 1970, of local time


_EVENT_ID = re.compile(r"(\d{1,18})-(\d{1,18})-([0-9a-f]{8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Widget:
    """A widget as it was drawn last."""

    json: bytes
    state: State  # since when it looks so
    turns: frozenset[datetime]
    untold: bool  # it shows readings that were not told of yet


@dataclass(frozen=True)
class Picture:
    """A whole snapshot, ready to be sent."""

    body: bytes

    @cached_property
    def packed(self) -> bytes:
        return gzip.compress(self.body, compresslevel=5, mtime=0)

    @cached_property
    def tag(self) -> str:
        return hashlib.blake2b(self.body, digest_size=12).hexdigest()


class Wall:
    """One screen, seen in one way."""

    def __init__(self, hub: Hub, view: View) -> None:
        self.view = view
        self.watchers: set[Watcher] = set()
        self._hub = hub
        self._mark = view.mark
        self._definition: Definition | None = None
        self._catalogue: Catalogue | None = None
        self._about: tuple[Unit, Catalogue] | None = None
        self._waiting_since: datetime | None = None
        self._known = -1  # every change up to it is in the picture
        self._heard = -1  # what the process had heard of when that was found out
        self._widgets: dict[str, _Widget] = {}
        self._head: Mapping[str, Any] = {}
        self._depends: dict[str, frozenset[int]] = {}
        self._concerning: frozenset[int] = frozenset()  # all indicators that it depends on
        self._topics: frozenset[str] = frozenset()  # besides those of every wall
        self._looked = datetime.min  # local time of the last look
        self._turn = math.inf  # seconds since 1970, of the clock: when something will look different by itself
        self._began = State(0, 0)  # who has seen less needs the whole picture
        self._state = State(0, 0)
        self._picture: Picture | None = None
        self._news: tuple[State, bytes] | None = None
        self._drawing = asyncio.Lock()

    @property
    def state(self) -> State:
        return self._state

    @property
    def about(self) -> tuple[Unit, Catalogue]:
        """The unit that it shows, once it was drawn."""
        assert self._about is not None
        return self._about

    @property
    def fresh(self) -> bool:
        """Whether the picture is known to be right without asking the database."""
        changes = self._hub.changes
        if self._picture is None or not changes.live or time.time() >= self._turn:
            return False
        if changes.waiting_since != self._waiting_since:
            return False
        if changes.latest == self._heard:
            return True
        if self._concerned() > self._known:
            return False
        self._heard = changes.latest
        return True

    def _concerned(self) -> int:
        """The last change of anything that this wall shows, as this process has heard it."""
        changes = self._hub.changes
        return max(
            changes.of_indicators(self._concerning), *(changes.of_topic(topic) for topic in _TOPICS | self._topics)
        )

    async def picture(self) -> Picture:
        """The snapshot of now.

        Raises:
            UnknownScreen, UnknownUnit, UnitNotValid: there is nothing to show (any more).
        """
        if not self.fresh:
            await self.look()
        assert self._picture is not None
        return self._picture

    async def look(self) -> None:
        """Draw again what has changed since the last look; all of one instant."""
        async with self._drawing:  # who comes meanwhile waits for this one
            if self.fresh:
                return
            heard = self._hub.changes.latest
            async with self._hub.database.read_session() as session:
                await self._draw(session)
            self._heard = heard

    async def _draw(self, session: AsyncSession) -> None:
        known = await latest_change(session)
        catalogue = await self._hub.catalogues.current(session)
        touched = (
            None
            if self._definition is None
            else await _touched(session, self._known, self._concerning, _TOPICS | self._topics)
        )
        definition = self._definition
        if definition is None or touched is None or "screens" in touched.topics:
            definition = await find_screen(session, self.view.slug)
        scene = scene_of(self._hub, catalogue, definition.screen, self.view, None)
        waiting_since = self._hub.changes.waiting_since
        head = head_of(definition, scene, self.view, waiting_since)
        widgets = widgets_of(definition.screen)
        if head != self._head:
            self._head, self._widgets = head, {}  # everybody needs the whole
        if catalogue is not self._catalogue or not self._widgets:
            self._depends = {one.id: depends_on(one, scene) for one in widgets}
            self._concerning = frozenset().union(*self._depends.values())
            self._topics = frozenset({REPORTS} if any(map(shows_reports, widgets)) else ())
        untold = frozenset(await session.scalars(text(_UNTOLD), {"indicators": list(self._concerning)}))
        anew = not self._widgets or touched is None or not touched.topics.isdisjoint(_TOPICS)
        if anew or touched is None:
            wrong, change = widgets, min(known, self._concerned())
        else:
            stale = touched.indicators | untold
            reported = REPORTS in touched.topics
            wrong = [one for one in widgets if self._is_wrong(one, scene, stale) or (reported and shows_reports(one))]
            change = touched.last
        drawn = await draw_widgets(session, scene, wrong)
        self._definition, self._catalogue, self._known = definition, catalogue, known
        self._waiting_since = waiting_since
        self._about = scene.unit, catalogue
        self._hang(scene, [one.id for one in widgets], drawn, max(self._state.change, change), untold)

    def _is_wrong(self, widget: WidgetIn, scene: Scene, stale: frozenset[int]) -> bool:
        aged = any(self._looked < turn <= scene.now for turn in self._widgets[widget.id].turns)
        return aged or not stale.isdisjoint(self._depends[widget.id])

    def _hang(
        self, scene: Scene, ids: Sequence[str], drawn: Mapping[str, Drawn], change: int, untold: frozenset[int]
    ) -> None:
        """Put what was drawn in its place, and tell who watches if it looks different."""
        whole = not self._widgets
        turns = {key: drawn[key].turns if key in drawn else self._widgets[key].turns for key in ids}
        moments = frozenset().union(*turns.values())
        self._looked = scene.now
        self._turn = min(
            (one.replace(tzinfo=scene.zone).timestamp() for one in moments if one > scene.now), default=math.inf
        )
        passed = max((_seconds(one) for one in moments if one <= scene.now), default=0)
        state = State(change, max(self._state.turn, passed))
        if state <= self._state:  # should it look different for no reason that is known, it is told all the same
            state = State(self._state.change, self._state.turn + 1)
        different = False
        for key, one in drawn.items():
            before, json = self._widgets.get(key), exact_json.dumps(one.data)
            early = not untold.isdisjoint(self._depends[key])
            # What was shown before it was told of is told all the same: who comes from another process may not have seen it.
            same = before is not None and before.json == json and (early or not before.untold)
            different |= not same
            since = before.state if before is not None and same else state
            self._widgets[key] = _Widget(json, since, one.turns, early)
        if not different:
            return
        if whole:
            self._began = state
        self._state, self._news = state, None
        head = exact_json.dumps({**self._head, "change": state.change})
        data = b",".join(b'"%s":%s' % (key.encode(), self._widgets[key].json) for key in ids)
        self._picture = Picture(head[:-1] + b',"data":{' + data + b"}}")
        self.ring()

    def ring(self) -> None:
        """Wake all who watch: they look for themselves whether there is anything new."""
        for watcher in self.watchers:
            watcher.wake()

    def _id(self) -> bytes:
        return b"%d-%d-%s" % (*self._state, self._mark.encode())

    def seen(self, event_id: str) -> State | None:
        """The state at which an event was sent. None: it was that of a wall that is seen in another way.

        Raises:
            ValueError: no wall ever sent such an id.
        """
        if (parts := _EVENT_ID.fullmatch(event_id)) is None:
            raise ValueError(event_id)
        return State(int(parts[1]), int(parts[2])) if parts[3] == self._mark else None

    def since(self, state: State | None) -> bytes:
        """The events that bring a viewer from a state to the present one; empty when it has seen all."""
        if state == self._state or self._picture is None:
            return b""
        if state is None or state < self._began or state > self._state:
            return _event("snapshot", self._id(), self._picture.body)
        if self._news is None or self._news[0] != state:  # most have seen the same
            news = [
                b'{"id":"%s","change":%d,"data":%s}' % (key.encode(), self._state.change, one.json)
                for key, one in self._widgets.items()
                if one.state > state
            ]
            # Only the last one says up to where it is: who loses the connection in between has not seen all.
            events = [_event("widget", self._id() if one is news[-1] else None, one) for one in news]
            self._news = (state, b"".join(events))
        return self._news[1]

    async def follow(self) -> None:
        """Keep the picture right for as long as somebody watches; until cancelled."""
        changes, next_beat = self._hub.changes, time.monotonic() + _BEAT
        rights = changes.of_topic("keys")
        while True:
            pause = _PAUSE
            if rights != (rights := changes.of_topic("keys")):
                self.ring()  # a key or a display was revoked, perhaps that of one who watches
            if not self.fresh and changes.live:
                try:
                    await self.look()
                except HubError:  # it was taken away: who comes back is told so
                    for watcher in list(self.watchers):
                        watcher.leave()
                    pause = _AGAIN
                except (SQLAlchemyError, psycopg.Error, OSError) as error:
                    # What was drawn last stays on the glass.
                    log.warning("a screen could not be drawn", screen=self.view.slug, error=str(error))
                    pause = _AGAIN
                await asyncio.sleep(pause)
            else:
                wait = next_beat - time.monotonic()
                wait = min(wait, self._turn - time.time() if changes.live else _AGAIN)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changes.reached(changes.latest + 1), max(0.0, wait) + 0.001)
            if time.monotonic() >= next_beat:
                next_beat += _BEAT
                self.ring()


class Watcher:
    """One who looks at a wall: a stream. It holds nothing but what it has seen."""

    __slots__ = ("_left", "_seen", "_wall", "_woken")

    def __init__(self, wall: Wall, seen: State | None) -> None:
        self._wall, self._seen, self._left = wall, seen, False
        self._woken: asyncio.Future[None] | None = None

    def wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def leave(self) -> None:
        self._left = True
        self.wake()

    async def look(self) -> bytes | None:
        """The events since the last look; when there are none for long a comment. None: the watcher has left.

        The first look does not wait.
        """
        if self._woken is not None and self._seen == self._wall.state and not self._left:
            self._woken = asyncio.get_running_loop().create_future()
            await self._woken
        else:
            self._woken = asyncio.get_running_loop().create_future()
        if self._left:
            return None
        news, self._seen = self._wall.since(self._seen), self._wall.state
        return news or b": \n\n"


@dataclass(frozen=True, slots=True)
class _Touched:
    """What the changes after a number were about."""

    topics: frozenset[str]
    indicators: frozenset[int]
    last: int  # that concerns the wall


async def _touched(
    session: AsyncSession, known: int, concerning: frozenset[int], topics: frozenset[str]
) -> _Touched | None:
    """None: they are forgotten already."""
    rows = (await session.execute(text(_NEWS), {"known": known})).all()
    if not rows or rows[0].id != known:
        return None
    last = 0
    indicators: set[int] = set()
    for number, topic, ids in rows[1:]:
        about = concerning.intersection(ids or concerning) if topic == "readings" else frozenset()
        indicators |= about
        if about or topic in topics:
            last = number
    return _Touched(frozenset(row.topic for row in rows[1:]), frozenset(indicators), last)


# Readings are there before they are rolled up and told. Where one widget is drawn again for another reason, those that show such
# readings must be too, or the picture would be of two instants.
_UNTOLD = "SELECT DISTINCT indicator_id FROM stale_mark WHERE indicator_id = ANY (CAST(:indicators AS int[]))"
# With the known one itself: when that is forgotten, others after it may be too.
_NEWS = "SELECT id, topic, indicator_ids FROM change WHERE id >= :known ORDER BY id"
_TOPICS = frozenset({"screens", "catalogue", "targets"})  # that concern every wall
_EPOCH = datetime(1970, 1, 1)


def _seconds(moment: datetime) -> int:
    return int((moment - _EPOCH).total_seconds())


def _event(kind: str, event_id: bytes | None, data: bytes) -> bytes:
    number = b"" if event_id is None else b"id: %s\n" % event_id
    return b"event: %s\n%sdata: %s\n\n" % (kind.encode(), number, data)


class Walls:
    """All walls of this process."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._walls: OrderedDict[View, Wall] = OrderedDict()
        self._followers: dict[Wall, asyncio.Task[None]] = {}
        self._past: OrderedDict[tuple[View, str, int], Picture] = OrderedDict()
        self._closing = False

    async def past(self, session: AsyncSession, definition: Definition, scene: Scene, view: View) -> Picture:
        """A screen as it stood at an earlier time. It stays so, but for what is taken from the catalogue as it is today."""
        assert scene.as_of is not None
        key = (view, scene.as_of.isoformat(), scene.catalogue.version)
        if (known := self._past.get(key)) is not None:
            return known
        drawn = await draw_widgets(session, scene, widgets_of(definition.screen))
        data = {one: drawing.data for one, drawing in drawn.items()}
        picture = Picture(exact_json.dumps({**head_of(definition, scene, view, None), "change": 0, "data": data}))
        if self._hub.now() - scene.now > _SETTLED:
            self._past[key] = picture
            if len(self._past) > _MOST_PAST:
                self._past.popitem(last=False)
        return picture

    def wall(self, view: View) -> Wall:
        found = self._walls.get(view)
        if found is None:
            found = self._walls[view] = Wall(self._hub, view)
            unwatched = [key for key, wall in self._walls.items() if not wall.watchers]
            for key in unwatched[: max(0, len(unwatched) - _MOST_UNWATCHED)]:
                del self._walls[key]
        self._walls.move_to_end(view)
        return found

    @contextlib.contextmanager
    def watched(self, wall: Wall, seen: State | None) -> Iterator[Watcher]:
        """Watch a wall. The first one starts the task that keeps the picture right, the last one ends it."""
        watcher = Watcher(wall, seen)
        wall.watchers.add(watcher)
        if self._closing:
            watcher.leave()
        self._walls[wall.view] = wall
        if wall not in self._followers:
            self._followers[wall] = asyncio.create_task(wall.follow())
        try:
            yield watcher
        finally:
            wall.watchers.discard(watcher)
            if not wall.watchers and (follower := self._followers.pop(wall, None)) is not None:
                follower.cancel()

    def close(self) -> None:
        """The server is going away: all watchers leave, and who comes now need not stay."""
        self._closing = True
        for wall in self._followers:
            for watcher in wall.watchers:
                watcher.leave()

    async def end(self) -> None:
        self.close()
        for follower in self._followers.values():
            follower.cancel()
        await asyncio.gather(*self._followers.values(), return_exceptions=True)
        self._walls.clear()
