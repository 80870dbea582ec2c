"""`/v1/targets`: what should be, by whom, in which document."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from app import models
from app.auth import require_caller
from app.catalogue.access import require_readable, require_writable
from app.catalogue.catalogue import Indicator, Unit
from app.errors import (
    KeyRequired,
    OutsideKeyUnits,
    ScopeMissing,
    Text,
    UnitNotValid,
    UnknownIndicator,
    UnknownUnit,
)
from app.paging import decode_cursor, encode_cursor
from app.periods import Grain, Period
from app.rollups.targets import NewTarget, Target, change_target, list_targets
from app.routers.answers import answer, problems
from app.routers.asked import asked_indicators, asked_period, asked_units, refused
from app.routers.dependencies import (
    AsOf,
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
from app.schemas.aggregates import TargetIn, TargetOut, TargetPage

router = APIRouter(
    prefix="/v1/targets", tags=["targets"], route_class=ExactRoute, dependencies=[Depends(refuse_unknown_parameters)]
)


@router.put(
    "",
    response_model=TargetOut,
    responses=problems(KeyRequired, ScopeMissing, OutsideKeyUnits, UnknownIndicator, UnknownUnit, UnitNotValid),
)
async def put_target(
    target: TargetIn,
    hub: HubDep,
    session: WriteSession,
    catalogue: WriteCatalogue,
    caller: CallerDep,
    language: Language,
) -> Response:
    """Set, replace or (value null) take back one setter's target for an indicator, a unit and a period."""
    caller = require_caller(caller, "targets:write", Text("để giao chỉ tiêu", "to set targets"))
    period = asked_period(hub.settings, "period", target.period)
    if period.grain is Grain.instant:
        raise refused("period", "period-malformed", target.period)
    indicator = catalogue.require_indicator(target.indicator)
    units = asked_units(catalogue, [target.unit], period.start, period.end, target.period)
    if len(units) > 1:
        raise refused(
            "unit", "unit-ambiguous", target.unit, period=target.period, choices=", ".join(one.address for one in units)
        )
    require_writable(caller, catalogue, indicator, units[0], period)
    new = NewTarget(
        indicator=indicator,
        unit=units[0],
        period=period,
        value=target.value,
        setter=target.setter,
        document=target.document,
        on_track_pct=target.on_track_pct,
        at_risk_pct=target.at_risk_pct,
    )
    return answer(_out(indicator, units[0], period, await change_target(session, new)), language)


@router.get(
    "",
    response_model=TargetPage,
    responses=problems(KeyRequired, ScopeMissing, OutsideKeyUnits, UnknownIndicator, UnknownUnit, UnitNotValid),
)
async def get_targets(
    hub: HubDep,
    session: ReadSession,
    catalogue: ReadCatalogue,
    caller: CallerDep,
    language: Language,
    as_of: AsOf,
    indicator: Annotated[list[str], Query(max_length=100)],
    unit: Annotated[list[str], Query(max_length=500)],
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """The targets of some indicators and units, in the order in which they were recorded."""
    indicators = asked_indicators(catalogue, indicator)
    require_readable(caller, indicators)
    everything = (asked_period(hub.settings, "from", "1900").start, asked_period(hub.settings, "to", "2200").end)
    found = await list_targets(
        session, catalogue,
        indicators=indicators, units=asked_units(catalogue, unit, *everything, "–"), as_of=as_of,
        after=0 if cursor is None else max(0, min(decode_cursor(cursor, [int])[0], 2**31 - 1)), limit=limit + 1,
    )  # fmt: skip
    items = [_out(one.indicator, one.unit, one.period, one) for one in found[:limit]]
    following = encode_cursor([found[limit - 1].id]) if len(found) > limit else None
    return answer({"items": items, "next": following}, language)


def _out(indicator: Indicator, unit: Unit, period: Period, target: Target | models.Target) -> dict[str, Any]:
    return {
        "indicator": indicator.code,
        "unit": unit.code,
        "period": str(period),
        "value": target.value,
        "setter": target.setter,
        "document": target.document,
        "on_track_pct": target.on_track_pct,
        "at_risk_pct": target.at_risk_pct,
        "recorded_at": target.recorded_at,
    }
