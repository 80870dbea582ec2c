"""`/v1/domains`, `/v1/indicators`, `/v1/units`: what there is to measure, and who reports to whom."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import require_caller
from app.catalogue.access import require_whole_hub
from app.catalogue.catalogue import Catalogue, Domain, Edge, Indicator, Succession, Unit
from app.catalogue.domains import switch_domain
from app.catalogue.units import record_units
from app.changes import latest_change
from app.errors import (
    KeyRequired,
    OutsideKeyUnits,
    PeriodConflict,
    ScopeMissing,
    Text,
    TreeConflict,
    UnitNotValid,
    UnknownDomain,
    UnknownIndicator,
    UnknownUnit,
)
from app.paging import decode_cursor, encode_cursor
from app.routers.answers import NOT_MODIFIED, answer, etag, not_modified, problems
from app.routers.dependencies import (
    CallerDep,
    HubDep,
    Language,
    ReadCatalogue,
    ReadSession,
    WriteCatalogue,
    WriteSession,
    refuse_unknown_parameters,
)
from app.routers.exact import ExactRoute
from app.schemas.catalogue import (
    Day,
    DomainChange,
    DomainList,
    DomainOut,
    IndicatorOut,
    IndicatorPage,
    UnitDetail,
    UnitKind,
    UnitPage,
    UnitsIn,
    UnitsReceipt,
)

router = APIRouter(
    prefix="/v1", tags=["catalogue"], route_class=ExactRoute, dependencies=[Depends(refuse_unknown_parameters)]
)

Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=500, description="From `next` of the page before.")]
Words = Annotated[str, Query(max_length=200, description="Words of the code or the names; accents do not matter.")]
Code = Annotated[str, Path(max_length=100)]


async def _tag(request: Request, session: AsyncSession, catalogue: Catalogue, *parts: object) -> str:
    return etag(request, await latest_change(session, "catalogue"), *parts)


@router.get("/domains", response_model=DomainList, responses=problems() | NOT_MODIFIED)
async def list_domains(
    request: Request, session: ReadSession, catalogue: ReadCatalogue, language: Language
) -> Response:
    """All domains in their order, with how many indicators each has."""
    tag = await _tag(request, session, catalogue)
    counts = catalogue.indicators_by_domain
    items = [domain_out(domain, counts.get(domain.code, 0), language) for domain in catalogue.domains.values()]
    return not_modified(request, tag) or answer({"items": items}, language, tag=tag)


@router.patch(
    "/domains/{code}",
    response_model=DomainOut,
    responses=problems(KeyRequired, ScopeMissing, OutsideKeyUnits, UnknownDomain),
)
async def change_domain(
    code: Code,
    change: DomainChange,
    session: WriteSession,
    catalogue: WriteCatalogue,
    caller: CallerDep,
    language: Language,
) -> Response:
    """Switch a domain on or off. Off: its indicators leave the lists and take no readings; what was reported stays."""
    caller = require_caller(caller, "catalogue:write", Text("để sửa danh mục", "to change the catalogue"))
    require_whole_hub(caller, catalogue, code)
    domain = await switch_domain(session, catalogue.require_domain(code), active=change.active)
    return answer(domain_out(domain, catalogue.indicators_by_domain.get(code, 0), language), language)


@router.get("/indicators", response_model=IndicatorPage, responses=problems(UnknownDomain) | NOT_MODIFIED)
async def list_indicators(
    request: Request,
    session: ReadSession,
    catalogue: ReadCatalogue,
    language: Language,
    domain: Annotated[str | None, Query(max_length=100)] = None,
    q: Words = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Indicators by code. Those of domains that are switched off appear only when that domain is asked for."""
    tag = await _tag(request, session, catalogue)
    within = None if domain is None else catalogue.require_domain(domain)
    after = "" if cursor is None else decode_cursor(cursor, [str])[0]
    found = catalogue.search_indicators(domain=within, words=q, after=after, limit=limit + 1)
    items = [indicator_out(catalogue, indicator, language) for indicator in found[:limit]]
    page = {"items": items, "next": encode_cursor([items[-1]["code"]]) if len(found) > limit else None}
    return not_modified(request, tag) or answer(page, language, tag=tag)


@router.get("/indicators/{code}", response_model=IndicatorOut, responses=problems(UnknownIndicator) | NOT_MODIFIED)
async def get_indicator(
    code: Code, request: Request, session: ReadSession, catalogue: ReadCatalogue, language: Language
) -> Response:
    """One indicator, with the laws by which it adds up."""
    tag = await _tag(request, session, catalogue)
    body = indicator_out(catalogue, catalogue.require_indicator(code), language)
    return not_modified(request, tag) or answer(body, language, tag=tag)


@router.get("/units", response_model=UnitPage, responses=problems(UnknownUnit, UnitNotValid) | NOT_MODIFIED)
async def list_units(
    request: Request,
    hub: HubDep,
    session: ReadSession,
    catalogue: ReadCatalogue,
    language: Language,
    parent: Annotated[str | None, Query(max_length=100, description="Only its direct children.")] = None,
    kind: UnitKind | None = None,
    on: Annotated[
        Day | None,
        Query(description="The day to look at; default today. Units that have ended need a day of their time."),
    ] = None,
    q: Words = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Units that exist on a day, by code."""
    day = on or hub.now().date()
    tag = await _tag(request, session, catalogue, day)
    above = None if parent is None else catalogue.require_unit(parent, day, day)
    after = "" if cursor is None else decode_cursor(cursor, [str])[0]
    found = catalogue.search_units(on=day, parent=above, kind=kind, words=q, after=after, limit=limit + 1)
    items = [unit_out(unit, language) for unit in found[:limit]]
    page = {"items": items, "next": encode_cursor([items[-1]["code"]]) if len(found) > limit else None}
    return not_modified(request, tag) or answer(page, language, tag=tag)


@router.get("/units/{code}", response_model=UnitDetail, responses=problems(UnknownUnit, UnitNotValid) | NOT_MODIFIED)
async def get_unit(
    code: Code,
    request: Request,
    hub: HubDep,
    session: ReadSession,
    catalogue: ReadCatalogue,
    language: Language,
    on: Annotated[Day | None, Query(description="The day whose unit of this code is meant; or write code@day.")] = None,
) -> Response:
    """One unit, with parents, and what it came from and became. Without a day: today's, else the last that had the code."""
    today = hub.now().date()
    tag = await _tag(request, session, catalogue, on or today)
    body = unit_detail(catalogue, catalogue.require_unit(code, on, today), language)
    return not_modified(request, tag) or answer(body, language, tag=tag)


@router.post(
    "/units",
    response_model=UnitsReceipt,
    responses=problems(
        KeyRequired, ScopeMissing, OutsideKeyUnits, UnknownUnit, UnitNotValid, PeriodConflict, TreeConflict
    ),
)
async def post_units(units: UnitsIn, session: WriteSession, caller: CallerDep, language: Language) -> Response:
    """Add regions, agencies and sites, or change units with the same (code, valid_from); all of them or none."""
    caller = require_caller(caller, "catalogue:write", Text("để sửa danh mục", "to change the catalogue"))
    changed = await record_units(session, units.units, allowed=caller.unit_ids)
    return answer({"created": changed.created, "changed": changed.changed, "unchanged": changed.unchanged}, language)


# --- shapes ---


def domain_out(domain: Domain, indicators: int, language: str) -> dict[str, Any]:
    return {
        "code": domain.code,
        "name": domain.name.fill(language, {}),
        "active": domain.active,
        "indicators": indicators,
    }


def indicator_out(catalogue: Catalogue, indicator: Indicator, language: str) -> dict[str, Any]:
    def part(key: int | None) -> str | None:
        return None if key is None else catalogue.indicators_by_id[key].code

    return {
        "code": indicator.code,
        "domain": indicator.domain.code,
        "name": indicator.name.fill(language, {}),
        "measure": indicator.measure,
        "periodicity": indicator.periodicity,
        "over_time": indicator.over_time,
        "over_units": indicator.over_units,
        "numerator": part(indicator.numerator_id),
        "denominator": part(indicator.denominator_id),
        "direction": indicator.direction,
        "public": indicator.public,
        "origin": indicator.origin,
    }


def unit_out(unit: Unit, language: str) -> dict[str, Any]:
    return {
        "code": unit.code,
        "address": unit.address,
        "kind": unit.kind,
        "name": unit.name.fill(language, {}),
        "valid_from": unit.valid_from,
        "valid_to": unit.valid_to,
        "latitude": unit.latitude,
        "longitude": unit.longitude,
    }


def unit_detail(catalogue: Catalogue, unit: Unit, language: str) -> dict[str, Any]:
    def link(edge: Edge) -> dict[str, Any]:
        return {
            "unit": edge.parent.address,
            "name": edge.parent.name.fill(language, {}),
            "kind": edge.parent.kind,
            "valid_from": edge.valid_from,
            "valid_to": edge.valid_to,
        }

    def succession(one: Succession, other: Unit) -> dict[str, Any]:
        return {
            "unit": other.address,
            "name": other.name.fill(language, {}),
            "on": one.on,
            "kind": one.kind,
            "divided": one.divided,
        }

    return unit_out(unit, language) | {
        "parents": [link(edge) for edge in catalogue.tree.parents(unit)],
        "predecessors": [succession(one, one.unit) for one in catalogue.successions if one.successor is unit],
        "successors": [succession(one, one.successor) for one in catalogue.successions if one.unit is unit],
    }
