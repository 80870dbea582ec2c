"""A screen with all its data, of one instant."""

import contextlib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.catalogue import Catalogue, Indicator
from app.errors import UnitNotValid, UnknownUnit
from app.hub import Hub
from app.periods import Grain, Period, bucket_start, next_start, parse_period
from app.schemas.screens import FeedIn, PageIn, ScreenIn, SourcesIn, TextIn, WidgetIn
from app.screens.definitions import Definition
from app.screens.figures import Answer, Need, Scene, name_of, resolve, unit_of
from app.screens.freshness import EVERY, source_freshness
from app.screens.reports import draw_reports, shows_reports
from app.screens.widgets import Data, Drawing, Frame, draw


@dataclass(frozen=True, slots=True)
class View:
    """How somebody looks at a screen: what may be chosen about it."""

    slug: str
    unit: str | None  # an address; None: the one of the definition
    period: Period | None
    language: str
    domains: frozenset[str] | None  # of which also what is not public may be seen; None: of all
    display: bool = False

    @property
    def mark(self) -> str:
        """The same for all who look this way, in every process."""
        seen = None if self.domains is None else sorted(self.domains)
        way = (self.unit, None if self.period is None else str(self.period), self.language, seen, self.display)
        return hashlib.blake2b(repr(way).encode(), digest_size=4).hexdigest()

    def readable(self, indicator: Indicator) -> bool:
        return indicator.public or self.domains is None or indicator.domain.code in self.domains


@dataclass(frozen=True, slots=True)
class Drawn:
    """The data of a widget, and the moments (local time) at which it will look different by itself."""

    data: Data
    turns: frozenset[datetime]


def scene_of(hub: Hub, catalogue: Catalogue, screen: ScreenIn, view: View, as_of: datetime | None) -> Scene:
    """Raises: UnknownUnit, UnitNotValid (the unit of the view)."""
    zone = hub.settings.tz
    now = hub.now() if as_of is None else as_of.astimezone(zone).replace(tzinfo=None)
    period = view.period
    if period is None and screen.parameters.period is not None:
        period = parse_period(screen.parameters.period, zone)
    unit = unit_of(catalogue, view.unit or screen.parameters.unit, period, now)
    home = unit_of(catalogue, screen.parameters.unit, period, now)
    formerly = []
    if unit is home:
        for code in screen.parameters.formerly:
            with contextlib.suppress(UnknownUnit, UnitNotValid):  # who is not known any more stands in for nobody
                formerly.append(catalogue.require_unit(code, None, now.date()))
    return Scene(catalogue, unit, home, formerly, period, as_of, now, zone, view.language, view.readable)


async def draw_widgets(session: AsyncSession, scene: Scene, widgets: Iterable[WidgetIn]) -> dict[str, Drawn]:
    """The data of widgets, by id. They ask together: round by round, until the last one is drawn."""
    frames: dict[str, Frame] = {}
    drawings: dict[str, tuple[Drawing, Sequence[Need]]] = {}
    drawn: dict[str, Drawn] = {}
    for widget in widgets:
        if isinstance(widget, SourcesIn):
            drawn[widget.id] = Drawn(await source_freshness(session, scene), _looks(scene.now))
        elif shows_reports(widget):
            drawn[widget.id] = Drawn(await draw_reports(session, scene, widget), frozenset())
        else:
            frame = frames[widget.id] = Frame(scene)
            drawing = draw(widget, frame)
            drawings[widget.id] = (drawing, next(drawing))
    while drawings:
        answers = iter(await resolve(session, scene, [need for _, needs in drawings.values() for need in needs]))
        waiting: dict[str, tuple[Drawing, Sequence[Need]]] = {}
        for key, (drawing, needs) in drawings.items():
            mine: list[Answer] = [next(answers) for _ in needs]
            grains = {grain for one in mine for grain in (one.grain, one.indicator.base)}
            frames[key].turns |= {turn for grain in grains for turn in _bounds(grain, scene.now)}
            try:
                waiting[key] = (drawing, drawing.send(mine))
            except StopIteration as done:
                drawn[key] = Drawn(done.value, frozenset(frames[key].turns))
        drawings = waiting
    return drawn


def _bounds(grain: Grain, now: datetime) -> tuple[datetime, datetime]:
    """Begin and end of the period that is under way: it is a part until it has ended, and the next may have its figure already."""
    start = bucket_start(grain, now)
    return start, next_start(grain, start)


def _looks(now: datetime) -> frozenset[datetime]:
    """Even steps of the clock, the same in every process: the last and the next one."""
    last = now - (now - datetime.min) % EVERY
    return frozenset({last, last + EVERY})


def widgets_of(screen: ScreenIn) -> list[WidgetIn]:
    return [_on(page, widget) for page in screen.pages for widget in page.widgets]


def _on(page: PageIn, widget: WidgetIn) -> WidgetIn:
    """A widget as it stands on its page: about the page's unit, unless it names its own."""
    if page.unit is None or isinstance(widget, FeedIn | TextIn | SourcesIn) or widget.unit is not None:
        return widget
    return widget.model_copy(update={"unit": page.unit})


def _about(scene: Scene, address: str) -> dict[str, str]:
    """Whom a page is about, by the name that its widgets give."""
    try:
        unit = unit_of(scene.catalogue, address, scene.period, scene.now)
    except (UnknownUnit, UnitNotValid):  # not on that day any more: its widgets are empty for the same reason
        return {"unit": address, "unit_name": address}
    return {"unit": unit.code, "unit_name": name_of(scene, unit)}


def head_of(definition: Definition, scene: Scene, view: View, waiting_since: datetime | None) -> dict[str, Any]:
    """Everything of a snapshot but its data, and the change up to which it is right."""
    screen, language = definition.screen, scene.language

    return {
        "slug": definition.slug,
        "version": definition.version,
        "title": screen.title.said(language),
        "theme": screen.theme,
        "unit": {
            "code": scene.unit.code,
            "address": scene.unit.address,
            "name": name_of(scene, scene.unit),
            "kind": scene.unit.kind,
        },
        "period": None if scene.period is None else str(scene.period),
        "as_of": None if scene.as_of is None else scene.as_of.isoformat(),
        "waiting_since": waiting_since,
        **({"display": True} if view.display else {}),
        "pages": [
            {
                "title": page.title and page.title.said(language),
                **({} if page.unit is None else _about(scene, page.unit)),
                "seconds": page.seconds,
                "rows": page.rows,
                "widgets": [
                    {
                        "id": one.id, "kind": one.kind, "x": one.x, "y": one.y, "w": one.w, "h": one.h,
                        "title": one.title and one.title.said(language),
                    }
                    for one in page.widgets
                ],
            }
            for page in screen.pages
        ],
    }  # fmt: skip
