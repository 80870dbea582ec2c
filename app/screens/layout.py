"""Whether a definition can stand on a wall: pure, every mistake with its place."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from app.catalogue.catalogue import Catalogue, Indicator
from app.errors import RowError, Text
from app.periods import Grain, PeriodError, parse_period
from app.schemas.screens import (
    COLUMNS,
    BreakdownIn,
    DomainsIn,
    FeedIn,
    MapIn,
    PageIn,
    ProgressIn,
    RankingIn,
    ScreenIn,
    SourcesIn,
    TableIn,
    TextIn,
    WidgetIn,
)
from app.settings import Settings

_MOST_MISTAKES = 50  # to find the nearest code for one takes time


def mistakes_of(screen: ScreenIn, catalogue: Catalogue, settings: Settings) -> list[RowError]:
    """What is wrong with a definition that has the right shape, the first fifty; empty when it can be shown."""
    return list(islice(_mistakes(screen, catalogue, settings), _MOST_MISTAKES))


def _mistakes(screen: ScreenIn, catalogue: Catalogue, settings: Settings) -> Iterator[RowError]:
    yield from _unit(catalogue, "/parameters/unit", screen.parameters.unit)
    for place, code in enumerate(screen.parameters.formerly):
        yield from _unit(catalogue, f"/parameters/formerly/{place}", code)
    yield from _period(settings, "/parameters/period", screen.parameters.period)
    yield from _points(screen, settings.max_points)
    seen: dict[str, str] = {}
    for number, page in enumerate(screen.pages):
        if page.unit is not None:
            yield from _unit(catalogue, f"/pages/{number}/unit", page.unit)
        yield from _places(number, page)
        for place, widget in enumerate(page.widgets):
            at = f"/pages/{number}/widgets/{place}"
            if (first := seen.setdefault(widget.id, at)) != at:
                yield RowError("id-taken", pointer=f"{at}/id", value=widget.id, facts={"first": first})
            if not isinstance(widget, FeedIn | TextIn | SourcesIn):
                if widget.unit is not None:
                    yield from _unit(catalogue, f"{at}/unit", widget.unit)
                yield from _period(settings, f"{at}/period", widget.period)
                yield from _indicators(catalogue, at, widget)


def _points(screen: ScreenIn, most: int) -> Iterator[RowError]:
    """No more than one answer of the aggregates may have."""
    points = sum(getattr(widget, "count", 1) for page in screen.pages for widget in page.widgets)
    if points > most:
        why = Text(f"màn hình có {points} điểm, tối đa {most}", f"the screen has {points} points, the limit is {most}")
        yield RowError("out-of-range", pointer="/pages", facts={"why": why})


def _places(number: int, page: PageIn) -> Iterator[RowError]:
    """Outside of the grid, or on top of another."""
    taken: dict[tuple[int, int], int] = {}
    for place, widget in enumerate(page.widgets):
        at = f"/pages/{number}/widgets/{place}"
        if widget.x + widget.w > COLUMNS:
            yield RowError("outside-grid", pointer=f"{at}/w", value=widget.w, facts={"most": COLUMNS - widget.x})
        elif widget.y + widget.h > page.rows:
            yield RowError(
                "outside-grid", pointer=f"{at}/h", value=widget.h, facts={"most": max(0, page.rows - widget.y)}
            )
        cells = {
            (x, y)
            for x in range(widget.x, min(COLUMNS, widget.x + widget.w))
            for y in range(widget.y, widget.y + widget.h)
        }
        under = {taken[cell] for cell in cells if cell in taken}
        for other in sorted(under):
            yield RowError("overlaps", pointer=at, value=widget.id, facts={"other": page.widgets[other].id})
        taken |= dict.fromkeys(cells, place)


def _unit(catalogue: Catalogue, pointer: str, code: str) -> Iterator[RowError]:
    if not catalogue.units_at(code, datetime.min, datetime.max):
        yield RowError("unknown-unit", pointer=pointer, value=code, facts={"nearest": catalogue.nearest_units(code)})


def _period(settings: Settings, pointer: str, text: str | None) -> Iterator[RowError]:
    if text is not None:
        try:
            if parse_period(text, settings.tz).grain is not Grain.instant:
                return
        except PeriodError:
            pass
        yield RowError("period-malformed", pointer=pointer, value=text)


def _indicators(catalogue: Catalogue, at: str, widget: WidgetIn) -> Iterator[RowError]:
    known: list[tuple[str, Indicator]] = []
    for pointer, code in _codes(widget):
        if (indicator := catalogue.indicators.get(code)) is None:
            near = catalogue.nearest_indicators(code)
            yield RowError("unknown-indicator", pointer=at + pointer, value=code, facts={"nearest": near})
        else:
            known.append((at + pointer, indicator))
    grain = getattr(widget, "grain", None)
    for pointer, indicator in known:
        if grain is not None and Grain[grain] < indicator.base:
            facts = {"periodicity": indicator.periodicity, "example": indicator.base.name}
            yield RowError("period-too-fine", pointer=f"{at}/grain", value=grain, facts=facts)
        yield from _sense(pointer, widget, indicator, [one for _, one in known])
    if isinstance(widget, DomainsIn):
        yield from _headlines(catalogue, at, widget)


def _codes(widget: WidgetIn) -> Iterable[tuple[str, str]]:
    """The indicators that a widget names, with their places in it."""
    match widget:
        case BreakdownIn():
            yield "/whole", widget.whole
            yield from ((f"/parts/{place}", code) for place, code in enumerate(widget.parts))
        case ProgressIn():
            yield "/total", widget.total
            yield from ((f"/parts/{place}/indicator", part.indicator) for place, part in enumerate(widget.parts))
        case TableIn():
            yield from ((f"/indicators/{place}", code) for place, code in enumerate(widget.indicators))
        case DomainsIn():
            for domain, codes in widget.headlines.items():
                yield from ((f"/headlines/{domain}/{place}", code) for place, code in enumerate(codes))
        case MapIn():
            yield from [] if widget.indicator is None else [("/indicator", widget.indicator)]
        case FeedIn() | TextIn() | SourcesIn():
            pass
        case _:
            yield "/indicator", widget.indicator


def _sense(pointer: str, widget: WidgetIn, indicator: Indicator, all_of_it: Sequence[Indicator]) -> Iterator[RowError]:
    """Whether the indicator can be shown in this way."""
    match widget:
        case RankingIn() if indicator.over_units == "none":
            yield RowError("not-additive", pointer=pointer, value=indicator.code, facts={"law": indicator.over_units})
        case BreakdownIn() if not widget.parts and indicator.over_units != "sum":
            yield RowError("not-additive", pointer=pointer, value=indicator.code, facts={"law": indicator.over_units})
        case BreakdownIn() | ProgressIn() if indicator.measure != all_of_it[0].measure:
            facts = {"measure": indicator.measure, "other": all_of_it[0].measure}
            yield RowError("other-measure", pointer=pointer, value=indicator.code, facts=facts)


def _headlines(catalogue: Catalogue, at: str, widget: DomainsIn) -> Iterator[RowError]:
    for domain, codes in widget.headlines.items():
        if domain not in catalogue.domains:
            facts = {"expected": ", ".join(catalogue.domains)}
            yield RowError("not-one-of", pointer=f"{at}/headlines/{domain}", value=domain, facts=facts)
            continue
        for place, code in enumerate(codes):
            indicator = catalogue.indicators.get(code)
            if indicator is not None and indicator.domain.code != domain:
                why = Text(
                    f"chỉ tiêu này thuộc lĩnh vực {indicator.domain.code}",
                    f"it is of the domain {indicator.domain.code}",
                )
                yield RowError("invalid", pointer=f"{at}/headlines/{domain}/{place}", value=code, facts={"why": why})
