"""Reports on maps: what is published, for everybody the same."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse

from app import models
from app.errors import UnitNotValid, UnknownUnit
from app.paging import encode_cursor
from app.reports.desk import Desk
from app.reports.places import Point
from app.reports.search import Cluster, Wanted, find_clusters, find_reports, key_of
from app.routers.answers import answer, problems
from app.routers.asked import split
from app.routers.dependencies import Language, ReadSession
from app.routers.exact import ExactRoute
from app.routers.reports.desks import ReadDesk
from app.routers.reports.finding import Asked, after_key, corners_of, get_asked, wanted_by
from app.routers.reports.shown import report_out
from app.schemas.readings import Code
from app.schemas.reports import FeatureCollection, StateName

router = APIRouter(prefix="/v1/reports", route_class=ExactRoute)
GEOJSON = "application/geo+json"


class _GeoJson(JSONResponse):  # for the description, which takes any other for a text
    media_type = GEOJSON


@router.get(
    ".geojson",
    response_class=_GeoJson,
    response_model=FeatureCollection,
    responses=problems(UnknownUnit, UnitNotValid),
)
async def get_geojson(
    session: ReadSession,
    desk: ReadDesk,
    language: Language,
    asked: Annotated[Asked, Depends(get_asked)],
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """What is published, as GeoJSON (RFC 7946), newest first: for everybody the same, as the public sees it."""
    public = replace(desk, caller=None, token=None)
    after = None if cursor is None else after_key("newest", cursor)
    found = await find_reports(session, public, wanted_by(public, asked), "newest", after, limit + 1)
    following = encode_cursor(key_of("newest", found[limit - 1])) if len(found) > limit else None
    return _features([_feature(public, one, language) for one in found[:limit]], language, following)


@router.get("/clusters.geojson", response_class=_GeoJson, response_model=FeatureCollection, responses=problems())
async def get_clusters(
    session: ReadSession,
    desk: ReadDesk,
    language: Language,
    bbox: Annotated[
        str, Query(max_length=100, description="west,south,east,north", examples=["106.5,11.1,106.7,11.3"])
    ],
    zoom: Annotated[int, Query(ge=0, le=20, description="As maps on the web count.")],
    category: Annotated[list[Code] | None, Query(max_length=100)] = None,
    state: Annotated[list[StateName] | None, Query(max_length=20)] = None,
) -> Response:
    """What is published, as pins of a map at a zoom: those that would touch are one, with how many they are and in which states."""
    public = replace(desk, caller=None, token=None)
    wanted = Wanted(corners=corners_of(bbox), categories=split(category or ()), states=state or ())
    clusters = await find_clusters(session, public, wanted, zoom)
    return _features([_pin(public, one, language) for one in clusters], language)


def _features(features: Iterable[Mapping[str, Any]], language: str, following: str | None = None) -> Response:
    body = {"type": "FeatureCollection", "features": list(features), "next": following}
    return answer(body, language, headers={"content-type": GEOJSON})


def _feature(desk: Desk, report: models.Report, language: str) -> dict[str, Any]:
    said = report_out(desk, report, language)
    point = said.pop("point")
    place = None if point is None else Point(**point)
    return {"type": "Feature", "id": str(said.pop("id")), "geometry": _geometry(place), "properties": said}


def _pin(desk: Desk, cluster: Cluster, language: str) -> dict[str, Any]:
    if cluster.report is not None:
        alone = _feature(desk, cluster.report, language)
        return alone | {"properties": {"count": 1, "states": cluster.states, **alone["properties"]}}
    properties = {"count": cluster.count, "states": cluster.states}
    return {"type": "Feature", "geometry": _geometry(cluster.place), "properties": properties}


def _geometry(place: Point | None) -> dict[str, Any] | None:
    """Longitude first (RFC 7946, 3.1.1), to some centimetres."""
    if place is None:
        return None
    return {"type": "Point", "coordinates": [round(place.longitude, 7), round(place.latitude, 7)]}
