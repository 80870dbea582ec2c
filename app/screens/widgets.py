"""What each kind of widget asks for, and what it shows of the answer.

A kind is a generator: it yields the figures that it needs and is sent the answers, in the same order; what it returns is its
data. So all widgets of a screen ask together, and each can be read from top to bottom.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext
from itertools import islice
from typing import Any

from app.catalogue.catalogue import Indicator, Unit
from app.errors import UnitNotValid, UnknownUnit
from app.periods import Grain, Period, parse_period
from app.rollups.laws import ESTIMATED, EXACT, FLOWS, NOTHING, Comparison, Figure, Other
from app.rollups.points import comparison_out, coverage_out, point_out
from app.rollups.series import Point, Series, by_value
from app.schemas.screens import (
    BreakdownIn,
    DomainsIn,
    FigureIn,
    MapIn,
    ProgressIn,
    RankingIn,
    TableIn,
    TextIn,
    TrendIn,
    WidgetIn,
)
from app.screens.age import age_at, due_and_late
from app.screens.figures import Answer, Below, Need, Scene, aware, local, name_of, unit_of

Data = dict[str, Any]
Drawing = Generator[Sequence[Need], Sequence[Answer], Data]


@dataclass(slots=True)
class Frame:
    """One widget on the wall. While it is drawn it gathers the moments at which it will look different by itself."""

    scene: Scene
    turns: set[datetime] = field(default_factory=set)

    def need(self, widget: Any, *codes: str, **more: Any) -> Need:
        """Figures of indicators for the unit and period of a widget, else of the screen."""
        scene = self.scene
        period = scene.period if widget.period is None else parse_period(widget.period, scene.zone)
        units: Sequence[Unit] = (scene.unit, *scene.formerly)
        if period is not None:  # who was there then
            units = [one for one in units if one.start < period.end and period.start < one.end] or units
        absent = None
        if widget.unit is not None:
            try:
                units = [unit_of(scene.catalogue, widget.unit, period, scene.now)]
            except (UnknownUnit, UnitNotValid):  # not on that day any more: the other widgets have theirs
                units, absent = [], widget.unit
        indicators = [scene.catalogue.indicators[code] for code in codes if code in scene.catalogue.indicators]
        return Need(indicators, units, absent, None if widget.grain is None else Grain[widget.grain], period, **more)

    def head(self, indicator: Indicator) -> Data:
        return {
            "indicator": indicator.code,
            "name": indicator.name.fill(self.scene.language, {}),
            "measure": indicator.measure,
            "direction": indicator.direction,
        }

    def shown(self, answer: Answer, series: Series | None = None, back: int = 0) -> Data:
        """A figure with all that a viewer may ask about it: the last of a series, by default of the only one; or some periods back."""
        if series is None and answer.series:
            series = answer.series[0]
        unit = answer.unit if series is None else series.unit
        out = self.head(answer.indicator) | {
            "unit": answer.absent if unit is None else unit.code,
            "unit_name": answer.absent if unit is None else name_of(self.scene, unit),
            "grain": answer.grain.name,
            "period": None if answer.bucket is None else str(answer.bucket),
            "value": None,
        }
        if series is None:
            return out | {"reason": answer.reason}
        point = series.points[-1 - back]
        out |= point_out(self.scene.catalogue, point)
        for kind, other in (("previous", point.previous), ("week_ago", point.week_ago), ("year_ago", point.year_ago)):
            if other is not None and _is_older(other, series.unit):
                none = Comparison(other.bucket, Other(None, "not-applicable", NOTHING, True), False, None, None)
                out[kind] = comparison_out(none)
        if point.figure.value is not None:
            sources = (self.scene.catalogue.sources.get(key) for key in sorted(point.figure.sources))
            out["sources"] = [one.name.fill(self.scene.language, {}) for one in sources if one is not None]
            out |= self._times(answer, series, point)
        return out if point.targets is None else out | {"state": state_out(point)}

    def cell(self, figure: Figure) -> Data:
        """Value or reason, and whether it is all, and real."""
        out: Data = {"value": figure.value}
        if figure.reason is not None:
            out["reason"] = figure.reason
        if figure.partial:
            out["partial"] = True
        if not self.scene.catalogue.synthetic.isdisjoint(figure.sources):
            out["synthetic"] = True
        return out

    def observed(self, answer: Answer, series: Series, point: Point) -> datetime | None:
        """Local time up to which a figure of a series was measured; None: there is none."""
        if point.figure.value is None:
            return None
        observed = min(point.figure.until or point.bucket.end, point.bucket.end)
        received = answer.received.get((answer.indicator, series.unit, point.bucket))
        if received is not None and observed > self.scene.now:
            # A source may send the hour that is under way: it was measured when it came.
            return min(observed, local(self.scene, received))
        return observed

    def newest(self, answer: Answer) -> Data:
        """Up to when the newest of several figures of one period was measured."""
        moments = [
            moment for one in answer.series if (moment := self.observed(answer, one, answer.last_of(one))) is not None
        ]
        return {"observed_at": aware(self.scene, max(moments)) if moments else None}

    def _times(self, answer: Answer, series: Series, point: Point) -> Data:
        received = answer.received.get((answer.indicator, series.unit, point.bucket))
        observed = self.observed(answer, series, point)
        assert observed is not None
        out = {"observed_at": aware(self.scene, observed)}
        if received is not None:
            out["received_at"] = aware(self.scene, received)
        if answer.latest:
            due, late = due_and_late(answer.indicator, observed)
            self.turns |= {due, late}
            out |= {
                "age": age_at(self.scene.now, due, late),
                "due_at": aware(self.scene, due),
                "late_at": aware(self.scene, late),
            }
        return out


def _is_older(other: Comparison, unit: Unit) -> bool:
    """Whether the unit began only within the period: to compare with what it had of that would mislead."""
    return other.bucket is not None and other.bucket.start < unit.start


def state_out(point: Point) -> str | None:
    return next((one.state for one in point.targets or () if one.state is not None), None)


# --- the kinds ---


def figure(widget: FigureIn, frame: Frame) -> Drawing:
    compare = None if widget.compare is None else frozenset(widget.compare)
    [answer] = yield [frame.need(widget, widget.indicator, compare=compare)]
    return {"figure": frame.shown(answer)}


def trend(widget: TrendIn, frame: Frame) -> Drawing:
    compare = frozenset({"year_ago"} if widget.year_ago else ())
    [answer] = yield [frame.need(widget, widget.indicator, count=widget.count, compare=compare)]
    points: list[Data] = []
    for point in answer.series[0].points if answer.series else ():
        out = {"period": str(point.bucket), **frame.cell(point.figure)}
        if point.figure.partial and point.figure.value is not None:
            out["coverage"] = coverage_out(point.figure.coverage)
        if point.year_ago is not None and not _is_older(point.year_ago, answer.series[0].unit):
            out["year_ago"] = point.year_ago.value
        points.append(out)
    latest = frame.shown(answer)
    if not answer.series or not _falls_short(answer.indicator, answer.series[0].points, frame.scene.now):
        return {"figure": latest, "points": points}
    points[-1]["falls_short"] = True
    if points[-2]["value"] is None:
        return {"figure": latest, "points": points}
    # Old is the one before only when nothing newer has come.
    ages = {key: latest[key] for key in ("age", "due_at", "late_at") if key in latest}
    return {"figure": frame.shown(answer, back=1) | ages, "latest": latest, "points": points}


def _falls_short(indicator: Indicator, points: Sequence[Point], now: datetime) -> bool:
    """Whether the last point is lower than it will be: what adds up in it goes on, or fewer units have reported than of the one before."""
    *_, before, last = points
    if last.figure.value is None or last.figure.status == ESTIMATED:
        return False
    of_parts = last.figure.origin == "derived" or last.bucket.grain is indicator.base
    if indicator.over_time in FLOWS and last.bucket.end > now and of_parts:
        return True
    have, had = last.figure.coverage.units, before.figure.coverage.units
    return indicator.over_units == "sum" and before.figure.value is not None and have[0] < min(had[0], have[1])


def ranking(widget: RankingIn, frame: Frame) -> Drawing:
    [answer] = yield [frame.need(widget, widget.indicator, below=Below(widget.unit_kind, beside=True))]
    ranked = by_value(answer.indicator, answer.series)
    tied = Counter(one.rank for one in ranked)
    rows = [
        {
            "rank": one.rank, "tied": tied[one.rank], **_named(frame, one.series.unit),
            **frame.cell(answer.last_of(one.series).figure),
        }
        for one in ranked
    ]  # fmt: skip
    valued = [row for row in rows if row["rank"] is not None]
    best = valued[: widget.best]
    worst = list(islice(reversed(valued[len(best) :]), widget.worst))
    return {
        **frame.head(answer.indicator), **_bucket(answer), **frame.newest(answer),
        "units": len(rows), "without": len(rows) - len(valued), "best": best, "worst": worst, **_empty(answer),
    }  # fmt: skip


def table(widget: TableIn, frame: Frame) -> Drawing:
    below = Below(widget.unit_kind, beside=True)
    answers = yield [frame.need(widget, code, below=below, compare=frozenset({"target"})) for code in widget.indicators]
    units = dict.fromkeys(unit for answer in answers for unit in answer.units)
    found = [{series.unit: series for series in answer.series} for answer in answers]
    rows = [
        {
            **_named(frame, unit),
            "cells": [_cell(frame, answer, of_unit.get(unit)) for answer, of_unit in zip(answers, found, strict=True)],
        }
        for unit in units
    ]
    indicators = [frame.head(answer.indicator) | frame.newest(answer) for answer in answers]
    return {"indicators": indicators, "rows": rows, **_empty(*answers)}


def _cell(frame: Frame, answer: Answer, series: Series | None) -> Data:
    if series is None:
        period = None if answer.bucket is None else str(answer.bucket)
        return {"period": period, "value": None, "reason": answer.reason}
    point = answer.last_of(series)
    return {"period": str(point.bucket), **frame.cell(point.figure), "state": state_out(point)}


def breakdown(widget: BreakdownIn, frame: Frame) -> Drawing:
    of_units = not widget.parts
    codes = [widget.whole] if of_units else widget.parts
    below = Below() if of_units else None
    whole, *others = yield [
        frame.need(widget, widget.whole),
        *(frame.need(widget, code, below=below) for code in codes),
    ]
    if of_units:
        parts = [frame.shown(one, series) for one in others for series in one.series]
    else:
        parts = [frame.shown(one) for one in others]
    total = frame.shown(whole)
    return {"whole": total, "parts": parts, "rest": _rest(total, parts), **(_empty(*others) if of_units else {})}


def _rest(whole: Data, parts: Sequence[Data]) -> Decimal | None:
    """Only of like with like: figures of the same period, all of them there."""
    values = [part["value"] for part in parts]
    alike = all(part["period"] == whole["period"] for part in parts)
    if not parts or whole["value"] is None or None in values or not alike:
        return None
    with localcontext(EXACT):
        rest: Decimal = whole["value"] - sum(values, Decimal(0))
    return rest if rest >= 0 else None


def progress(widget: ProgressIn, frame: Frame) -> Drawing:
    answers = yield [frame.need(widget, widget.total), *(frame.need(widget, part.indicator) for part in widget.parts)]
    total, *others = answers
    parts = [
        {"outcome": part.outcome, "figure": frame.shown(one)} for part, one in zip(widget.parts, others, strict=True)
    ]
    return {"total": frame.shown(total), "parts": parts}


def on_map(widget: MapIn, frame: Frame) -> Drawing:
    assert widget.indicator is not None
    [answer] = yield [
        frame.need(widget, widget.indicator, below=Below(widget.unit_kind, beside=True), compare=frozenset({"target"}))
    ]
    points = []
    for series in answer.series:
        unit, point = series.unit, answer.last_of(series)
        if unit.latitude is not None and unit.longitude is not None:
            cell = {key: value for key, value in frame.cell(point.figure).items() if key != "partial"}
            points.append(
                {
                    **_named(frame, unit), "latitude": unit.latitude, "longitude": unit.longitude, **cell,
                    "state": state_out(point),
                }
            )  # fmt: skip
    elsewhere = len(answer.series) - len(points)
    head = {**frame.head(answer.indicator), **_bucket(answer), **frame.newest(answer)}
    return {**head, "points": points, "elsewhere": elsewhere, **_empty(answer)}


def domains(widget: DomainsIn, frame: Frame) -> Drawing:
    catalogue = frame.scene.catalogue
    active = [domain for domain in catalogue.domains.values() if domain.active]
    needs = []
    for domain in active:
        codes: Iterable[str] = widget.headlines.get(domain.code, ())
        if not codes:
            codes = (code for code, one in catalogue.indicators.items() if one.domain is domain)
        needs.append(frame.need(widget, *codes, compare=None))
    answers = iter((yield [need for need in needs if need.indicators]))
    tiles = []
    for domain, need in zip(active, needs, strict=True):
        answer = next(answers) if need.indicators else None
        shown = frame.shown(answer) if answer is not None and (answer.series or answer.reason != "no-data") else None
        tiles.append({"domain": domain.code, "name": domain.name.fill(frame.scene.language, {}), "figure": shown})
    return {"tiles": tiles}


def text(widget: TextIn, frame: Frame) -> Drawing:
    yield []
    return {"text": widget.text.said(frame.scene.language)}


def _named(frame: Frame, unit: Unit) -> Data:
    return {"unit": unit.code, "unit_name": name_of(frame.scene, unit)}


def _bucket(answer: Answer) -> Data:
    bucket: Period | None = answer.bucket
    return {"grain": answer.grain.name, "period": None if bucket is None else str(bucket)}


def _empty(*answers: Answer) -> Data:
    """Why a widget about the units below has none to show."""
    if any(answer.series for answer in answers):
        return {}
    if any(answer.buckets for answer in answers):
        return {"reason": "no-units"}  # a period was found, but nobody to ask about it
    reasons = [answer.reason for answer in answers]
    return {"reason": next((one for one in reasons if one != "not-public"), "not-public")}


KINDS: Mapping[str, Callable[[Any, Frame], Drawing]] = {
    "figure": figure, "trend": trend, "ranking": ranking, "table": table, "breakdown": breakdown, "progress": progress,
    "map": on_map, "domains": domains, "text": text,
}  # fmt: skip


def draw(widget: WidgetIn, frame: Frame) -> Drawing:
    """The drawing of a widget; of those that show no figures see `app.screens.freshness` and `app.screens.reports`."""
    return KINDS[widget.kind](widget, frame)


def depends_on(widget: WidgetIn, scene: Scene) -> frozenset[int]:
    """The indicators of which a change may change the widget: those it names, and their parts."""
    codes: Iterable[str]
    match widget:
        case DomainsIn():
            named = {code for codes in widget.headlines.values() for code in codes}
            codes = named | {
                code for code, one in scene.catalogue.indicators.items() if one.domain.code not in widget.headlines
            }
        case TableIn():
            codes = widget.indicators
        case BreakdownIn():
            codes = [widget.whole, *widget.parts]
        case ProgressIn():
            codes = [widget.total, *(part.indicator for part in widget.parts)]
        case FigureIn() | TrendIn() | RankingIn():
            codes = [widget.indicator]
        case MapIn(indicator=str(code)):
            codes = [code]
        case _:
            codes = ()
    indicators = [scene.catalogue.indicators[code] for code in codes if code in scene.catalogue.indicators]
    return frozenset(part.id for one in indicators for part in (one, *scene.catalogue.parts_of(one)))
