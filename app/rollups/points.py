"""Figures on their way out: the same shape in every answer, absent rather than null where a field does not apply."""

from typing import Any

from app.catalogue.catalogue import Catalogue
from app.periods import Period
from app.rollups.laws import Comparison, Coverage, Figure, settle
from app.rollups.series import Achievement, Point
from app.schemas.readings import STATUSES


def coverage_out(coverage: Coverage) -> dict[str, Any]:
    """As `app.schemas.aggregates.Coverage`."""
    return {"units": coverage.units, "periods": coverage.periods}


def figure_out(catalogue: Catalogue, bucket: Period, figure: Figure) -> dict[str, Any]:
    """A figure as `app.schemas.aggregates.Point`."""
    out: dict[str, Any] = {"period": str(bucket), "value": figure.value}
    if figure.reason is not None:
        out["reason"] = figure.reason
    if figure.origin is not None and figure.status is not None:
        out["origin"], out["status"] = figure.origin, STATUSES[figure.status]
    out["partial"] = figure.partial
    out["coverage"] = coverage_out(figure.coverage)
    if not figure.sources.isdisjoint(catalogue.synthetic):
        out["synthetic"] = True
    if figure.note is not None:
        out["note"] = figure.note
    return out


def point_out(catalogue: Catalogue, point: Point, compare_ytd: bool = False) -> dict[str, Any]:
    """A figure with the comparisons that were asked for."""
    out = figure_out(catalogue, point.bucket, point.figure)
    if point.previous is not None:
        out["previous"] = comparison_out(point.previous)
    if point.week_ago is not None:
        out["week_ago"] = comparison_out(point.week_ago)
    if point.year_ago is not None:
        out["year_ago"] = comparison_out(point.year_ago)
    if point.targets is not None:
        out["targets"] = [achievement_out(one) for one in point.targets]
    if compare_ytd:
        out["ytd"] = {"value": point.ytd}
    return out


def comparison_out(comparison: Comparison) -> dict[str, Any]:
    other = comparison.other
    out: dict[str, Any] = {"period": None if comparison.bucket is None else str(comparison.bucket)}
    if other.until is not None:
        out["until"] = other.until
    out["value"] = other.value
    if other.reason is not None:
        out["reason"] = other.reason
    return out | {
        "alike": comparison.alike,
        "change": comparison.change,
        "change_pct": comparison.change_pct,
        "partial": not other.complete,
        "coverage": coverage_out(other.coverage),
    }


def achievement_out(achievement: Achievement) -> dict[str, Any]:
    target = achievement.target
    return {
        "setter": target.setter,
        "document": target.document,
        "value": target.value,
        "achieved_pct": achievement.achieved_pct,
        "state": achievement.state,
        "elapsed_pct": None if achievement.elapsed is None else settle(achievement.elapsed * 100),
    }
