"""Where a report is: the commune around a point, as of a day.

The hub knows a point of each commune and not its borders, so the commune with the nearest point is taken. Near a border that may
be the neighbour: who takes the report in can say so, and it goes to the right one.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from app.catalogue.access import units_below
from app.catalogue.catalogue import Catalogue, Unit
from app.errors import OutsideArea, Text
from app.periods import midnight

EARTH = 6_371.0  # km
FARTHEST = 30.0  # km from a commune's point; those of the largest in the north-west are some 20 km across
_KM_A_DEGREE = EARTH * math.pi / 180


class Point(NamedTuple):
    """WGS 84, in degrees."""

    latitude: float
    longitude: float


def kilometres(one: Point, other: Point) -> float:
    """Along the surface of a sphere: right to half a percent."""
    across = math.radians(other.longitude - one.longitude) * math.cos(math.radians((one.latitude + other.latitude) / 2))
    return EARTH * math.hypot(across, math.radians(other.latitude - one.latitude))


def box(point: Point, km: float) -> tuple[Point, Point]:
    """The south-western and north-eastern corner of what may be within so many kilometres."""
    high = km / _KM_A_DEGREE
    wide = high / max(math.cos(math.radians(min(abs(point.latitude) + high, 89.0))), 0.01)
    return Point(point.latitude - high, point.longitude - wide), Point(point.latitude + high, point.longitude + wide)


def require_commune(catalogue: Catalogue, point: Point, day: date, area: str | None) -> Unit:
    """The commune that the point is in, as of a day.

    Args:
        area: address of the unit that the operator answers for; None: everywhere the catalogue knows.

    Raises:
        OutsideArea: it is in no commune, or in one that others answer for; it says whose.
    """
    places, latitudes = _communes(catalogue, day)
    south, north = box(point, FARTHEST)
    near = places[bisect_left(latitudes, south.latitude) : bisect_right(latitudes, north.latitude)]
    found = min(
        ((kilometres(point, place), unit.code, unit) for place, unit in near), default=None, key=lambda one: one[:2]
    )
    if found is None or found[0] > FARTHEST:
        raise OutsideArea(where=Text("không xã, phường nào", "no commune"), whom=Text("–", "–"))
    unit = found[2]
    if area is not None and unit.id not in units_below([catalogue.require_unit(area, None, day).id], catalogue, day):
        raise OutsideArea(where=unit.name, whom=_above(catalogue, unit, day))
    return unit


def _above(catalogue: Catalogue, unit: Unit, day: date) -> Text:
    """The province, for who must turn elsewhere."""
    moment = midnight(day)
    parents = [edge.parent for edge in catalogue.tree.parents(unit) if edge.start <= moment < edge.end]
    return next((parent.name for parent in parents if parent.kind == "province"), unit.name)


@lru_cache(maxsize=2)  # each keeps its catalogue alive
def _communes(catalogue: Catalogue, day: date) -> tuple[Sequence[tuple[Point, Unit]], Sequence[float]]:
    """The communes of a day from south to north, and their latitudes."""
    moment = midnight(day)
    places = sorted(
        (
            (Point(unit.latitude, unit.longitude), unit)
            for unit in catalogue.units.values()
            if unit.kind == "commune"
            and unit.latitude is not None
            and unit.longitude is not None
            and unit.valid_at(moment)
        ),
        key=lambda one: (one[0].latitude, one[1].code),
    )
    return places, [place.latitude for place, _ in places]
