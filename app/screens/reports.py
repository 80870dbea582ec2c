"""What a wall shows of citizens' reports: those that are published, as the public sees them, of a unit and all below it."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.access import units_below
from app.reports.workflow import LABELS, WAITS, State
from app.schemas.screens import FeedIn, MapIn, WidgetIn
from app.screens.figures import Scene, aware

MOST_ON_MAP = 500  # the newest
_LONGEST = 140  # letters of a description in a list

# As of a moment: what was published by then, in the state in which it was then. The words are those of today.
_PUBLISHED = """
SELECT r.id, r.number, r.description, r.unit_id, r.source_id, p.at, e.to_state, e.outcome, r.public_latitude, r.public_longitude,
       coalesce(c.name_vi, r.category) AS name_vi, coalesce(c.name_en, r.category) AS name_en
  FROM report r
  JOIN LATERAL (SELECT max(at) AS at FROM report_event
                 WHERE report_id = r.id AND to_state = 'published' AND (CAST(:as_of AS timestamptz) IS NULL OR at <= :as_of)) p
    ON p.at IS NOT NULL
  JOIN LATERAL (SELECT to_state, r.outcome FROM report_event
                 WHERE report_id = r.id AND (CAST(:as_of AS timestamptz) IS NULL OR at <= :as_of) ORDER BY id DESC LIMIT 1) e ON true
  LEFT JOIN LATERAL (SELECT name_vi, name_en FROM report_category WHERE code = r.category ORDER BY valid_from DESC LIMIT 1) c ON true
 WHERE r.published_at IS NOT NULL AND r.unit_id = ANY (CAST(:units AS int[]))
   AND (NOT :placed OR r.public_latitude IS NOT NULL)
 ORDER BY r.published_at DESC, r.number DESC LIMIT :count
"""


def shows_reports(widget: WidgetIn) -> bool:
    return isinstance(widget, FeedIn) or (isinstance(widget, MapIn) and widget.reports)


async def draw_reports(session: AsyncSession, scene: Scene, widget: WidgetIn) -> dict[str, Any]:
    """The data of a widget that shows reports."""
    below = units_below([scene.unit.id], scene.catalogue, scene.now.date())
    on_map = not isinstance(widget, FeedIn)
    facts = {
        "units": list(below), "as_of": scene.as_of, "placed": on_map,
        "count": MOST_ON_MAP if on_map else getattr(widget, "count", 0),
    }  # fmt: skip
    items = [_shown(scene, row) for row in await session.execute(text(_PUBLISHED), facts)]
    if not on_map:
        return {"items": [{name: value for name, value in one.items() if name not in _PLACE} for one in items]}
    units = (scene.catalogue.units[one] for one in below)
    places = [
        {"unit_name": one.name.fill(scene.language, {}), "latitude": one.latitude, "longitude": one.longitude}
        for one in sorted(units, key=lambda one: one.code)
        if one.kind == "commune" and one.latitude is not None
    ]
    return {"reports": items, "places": places}


_PLACE = {"latitude", "longitude"}


def _shown(scene: Scene, row: Any) -> dict[str, Any]:
    waits = row.to_state in WAITS or row.to_state in (State.resolved, State.approved)  # a further round is under way
    words = " ".join(row.description.split())
    return {
        "id": str(row.id),
        "number": row.number,
        "at": aware(scene, row.at),
        "title": words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1].rstrip()}…",
        "category": row.name_en if scene.language == "en" else row.name_vi,
        "unit_name": scene.catalogue.units[row.unit_id].name.fill(scene.language, {}),
        "state": LABELS[State(row.to_state)].fill(scene.language, {}),
        "progress": "open" if waits else "fixed" if row.outcome in ("fixed", "partly") else "answered",
        "latitude": row.public_latitude,
        "longitude": row.public_longitude,
        **({"synthetic": True} if row.source_id in scene.catalogue.synthetic else {}),
    }
