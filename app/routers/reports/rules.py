"""What may be reported, where, and by what rules an answer is promised."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Response

from app.auth import require_caller
from app.catalogue.access import require_whole_hub, units_below
from app.errors import KeyRequired, OutsideKeyUnits, ScopeMissing, Text
from app.reports.desk import CONFIGURE, Desk
from app.reports.indicators import prepare_counting
from app.reports.rules import change_rules, require_working_time, rows_of
from app.reports.search import published_in
from app.routers.answers import answer, problems
from app.routers.dependencies import Language, ReadSession, WriteSession
from app.routers.exact import ExactRoute
from app.routers.reports.desks import ReadDesk, RulesDep, WriteDesk
from app.schemas.reports import AreaOut, CategoryList, RulesIn, RulesOut

router = APIRouter(prefix="/v1/reports", route_class=ExactRoute)


@router.get("/categories", response_model=CategoryList, responses=problems())
async def get_categories(desk: ReadDesk, language: Language) -> Response:
    """What may be reported today."""
    items = [
        {
            "code": one.code,
            "name": one.name.fill(language, {}),
            "urgency": one.urgency,
            "public": one.public,
            "coarse": one.coarse,
            "valid_from": one.valid_from,
            "origin": one.origin,
        }
        for one in desk.rules.categories_on(desk.local.date())
    ]
    return answer({"items": items}, language)


@router.get("/area", response_model=AreaOut, responses=problems())
async def get_area(session: ReadSession, desk: ReadDesk, language: Language) -> Response:
    """Where reports are taken: the communes of `IOC_AREA`; without it those that have published ones; and whether a key is needed."""
    day = desk.local.date()
    if desk.settings.area is not None:
        units = units_below([desk.catalogue.require_unit(desk.settings.area, None, day).id], desk.catalogue, day)
    else:
        units = await published_in(session)
    communes = (desk.catalogue.units[one] for one in units)
    places = [
        {
            "unit": one.code, "unit_name": one.name.fill(language, {}), "latitude": one.latitude, "longitude": one.longitude,
        }
        for one in sorted(communes, key=lambda one: one.code)
        if one.kind == "commune" and one.latitude is not None
    ]  # fmt: skip
    return answer({"places": places, "key_needed": not desk.settings.public_reports}, language)


@router.get("/rules", response_model=RulesOut, responses=problems())
async def get_rules_in_force(desk: ReadDesk, language: Language) -> Response:
    """By what reports are promised an answer: every row, with the day from which it is in force."""
    return answer(_rules_out(desk), language)


@router.put("/rules", response_model=RulesOut, responses=problems(KeyRequired, ScopeMissing, OutsideKeyUnits))
async def put_rules(
    session: WriteSession, desk: WriteDesk, cache: RulesDep, language: Language, asked: RulesIn
) -> Response:
    """Put rules in force, from today or another day on. What was promised before stays promised."""
    caller = require_caller(desk.caller, CONFIGURE, Text("để đổi quy tắc", "to change the rules"))
    require_whole_hub(caller, desk.catalogue, "/v1/reports/rules")
    today = desk.local.date()
    await change_rules(session, rows_of(desk.catalogue, asked, today, f"{caller.source_code}, {today}"))
    await prepare_counting(session)
    rules = await cache.current(session)
    require_working_time(rules, asked, today)
    return answer(_rules_out(replace(desk, rules=rules)), language)


def _rules_out(desk: Desk) -> dict[str, Any]:
    rules, units = desk.rules, desk.catalogue.units
    return {
        "categories": [
            {
                "code": one.code, "valid_from": one.valid_from, "name_vi": one.name.vi, "name_en": one.name.en,
                "position": one.position, "urgency": one.urgency, "public": one.public, "coarse": one.coarse,
                "active": one.active, "origin": one.origin,
            }
            for rows in rules.categories.values()
            for one in rows
        ],
        "targets": [
            {
                "step": one.step, "urgency": one.urgency, "category": one.category or None, "valid_from": one.valid_from,
                "amount": one.amount, "measure": one.measure, "extensions": one.extensions, "origin": one.origin,
            }
            for rows in rules.targets.values()
            for one in rows
        ],
        "routes": [
            {
                "category": one.category or None, "unit": units[one.unit_id].address, "valid_from": one.valid_from,
                "agency": None if one.agency_id is None else units[one.agency_id].address, "origin": one.origin,
            }
            for rows in rules.routes.values()
            for one in rows
        ],
        "shifts": [
            {"weekday": one.weekday, "valid_from": one.valid_from, "hours": one.hours, "origin": one.origin}
            for rows in rules.shifts.values()
            for one in rows
        ],
        "days": [
            {
                "day": one.day, "works_like": one.works_like, "name_vi": one.name_vi, "name_en": one.name_en,
                "origin": one.origin,
            }
            for one in rules.days
        ],
    }  # fmt: skip
