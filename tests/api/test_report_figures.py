"""Reports are figures like others: counted by the hub, added up, compared, on the wall at once."""

import csv
from datetime import datetime
from importlib import resources
from typing import Any

import time_machine
from sqlalchemy import update

from app import models
from app.changes import announce
from app.reports.counting import Counter, catch_up_counting
from app.reports.indicators import (
    DAILY,
    INTAKE_TIME,
    LATE,
    PROCESSING,
    PROCESSING_TIME,
    RECEIVED,
    groups,
    of_category,
)
from app.reports.rules import data_rows
from tests.api.test_reports import ANSWER, MONDAY, TO_THE_PUBLIC, Centre, a_report
from tests.api.test_reports import centre as centre  # noqa: PLC0414 (a fixture)
from tests.conftest import HubUnderTest

DAY = MONDAY[:10]
ANSWERED = TO_THE_PUBLIC[:3]


async def counted(hub: HubUnderTest) -> None:
    await catch_up_counting(hub.hub)
    await hub.settle()


@time_machine.travel(MONDAY, tick=False)
async def test_what_is_received_and_answered_is_a_figure_of_the_commune_and_of_those_above(centre: Centre) -> None:
    first = await centre.sent()
    await centre.sent(channel="web", visibility="withheld", category="waste")
    await centre.moved(first, *ANSWERED)

    await counted(centre.hub)

    for name, value in {
        "received": 2, "received.app": 1, "received.web": 1, "received.anonymous": 1, "assigned": 1, "resolved": 1,
        "resolved_ontime": 1, "resolved_late": 0, "ontime_rate": 100, "resolved_rate": 50, "refused": 0,
        "category.waste": 1, "category.trees_lighting": 1, "category.trees_lighting.ontime_rate": 100,
    }.items():  # fmt: skip
        for unit in ("25813", "bencat"):
            point = await centre.hub.point(f"report.{name}", unit, DAY, "day")
            assert point["value"] == value, (name, unit)
    [source] = {row["source"] for row in await centre.hub.reported("report.received", "25813")}
    assert source == "ioc-hub.reports"


@time_machine.travel(MONDAY, tick=False)
async def test_what_its_sender_takes_back_was_received_and_nobody_refused_it(centre: Centre) -> None:
    await centre.moved(await centre.sent(), ("app", "rejected", {"rejection": "withdrawn"}))
    await centre.moved(await centre.sent(), ("moderate", "rejected", {"rejection": "spam"}))

    await counted(centre.hub)

    for name, value in {"received": 2, "refused": 1}.items():
        assert (await centre.hub.point(f"report.{name}", "25813", DAY, "day"))["value"] == value, name
    waiting = await centre.hub.point("report.processing", "25813", MONDAY[:13], "hour")
    assert waiting["value"] == 0


@time_machine.travel(MONDAY, tick=False)
async def test_what_citizens_think_of_answers_is_a_figure_of_the_day_of_the_answer(centre: Centre) -> None:
    for stars in (5, 2):
        report = await centre.sent()
        await centre.moved(report, *TO_THE_PUBLIC)
        with time_machine.travel("2026-11-25T10:00:00+07:00", tick=False):
            rated = await centre.ask("PUT", f"/{report['id']}/rating", "app", json={"stars": stars})
            assert rated.status_code == 200, rated.text

    await counted(centre.hub)

    for name, value in {"rated": 2, "rated_satisfied": 1, "rating": 3.5}.items():
        point = await centre.hub.point(f"report.{name}", "bencat", DAY, "day")
        assert point["value"] == value, name
    assert (await centre.hub.point("report.satisfaction_rate", "bencat", DAY[:7], "month"))["value"] == 50


@time_machine.travel(MONDAY, tick=False)
async def test_what_waits_is_a_level_and_becomes_late_by_the_clock_alone(centre: Centre) -> None:
    await centre.sent()  # to be looked at within 8 working hours: by Tuesday 09:00
    counter = Counter()

    async def waiting(moment: str) -> tuple[object, ...]:
        with time_machine.travel(moment, tick=False):
            while await counter.look(centre.hub.hub):
                pass
            await centre.hub.settle()
            hour = moment[:13]
            names = ("processing", "processing_late")
            return tuple([(await centre.hub.point(f"report.{name}", "25813", hour, "hour"))["value"] for name in names])

    assert await waiting(MONDAY) == (1, 0)
    assert await waiting("2026-11-24T08:59:00+07:00") == (1, 0)
    assert await waiting("2026-11-24T09:00:10+07:00") == (1, 1)
    assert (await centre.hub.point("report.processing_late", "25813", "2026-11-24T08", "hour"))["value"] == 0


@time_machine.travel(MONDAY, tick=False)
async def test_a_late_answer_lowers_the_rate_and_one_that_is_sent_back_is_none(centre: Centre) -> None:
    reports = [await centre.sent() for _ in range(3)]
    for report in reports:
        await centre.moved(report, ("moderate", "accepted"))
    with time_machine.travel("2026-11-30T10:00:00+07:00", tick=False):  # five working days end at 17:00
        for report in reports[:2]:
            await centre.moved(report, ("handle", "resolved", ANSWER))
        await counted(centre.hub)
        assert (await centre.hub.point("report.resolved", "bencat", "2026-11-30", "day"))["value"] == 2
        await centre.moved(reports[0], ("moderate", "processing", {"reason": "Vẫn chưa sáng."}))
    with time_machine.travel("2026-12-01T10:00:00+07:00", tick=False):
        await centre.moved(reports[0], ("handle", "resolved", ANSWER))
        await counted(centre.hub)

    day = await centre.hub.point("report.resolved", "bencat", "2026-11-30", "day")
    assert day["value"] == 1
    assert (await centre.hub.point("report.resolved_late", "bencat", "2026-12-01", "day"))["value"] == 1
    assert (await centre.hub.point("report.ontime_rate", "bencat", "2026", "year"))["value"] == 50
    [then] = await centre.hub.reported("report.resolved", "25813", **{"from": "2026-11-30", "to": "2026-11-30"})
    assert (then["value"], then["period"]) == (1, "2026-11-30")


@time_machine.travel(MONDAY, tick=False)
async def test_a_median_is_that_of_the_reports_and_where_there_is_none_it_says_why(centre: Centre) -> None:
    reports = [await centre.sent() for _ in range(3)]
    for report in reports:
        await centre.moved(report, ("moderate", "accepted"))
    for report, moment in zip(reports, ("23T10:00", "23T11:00", "24T15:00"), strict=True):
        with time_machine.travel(f"2026-11-{moment}:00+07:00", tick=False):
            await centre.moved(report, ("handle", "resolved", ANSWER))
    with time_machine.travel("2026-11-24T16:00:00+07:00", tick=False):
        await counted(centre.hub)

    async def of(indicator: str, period: str, grain: str) -> object:
        point = await centre.hub.point(f"report.{indicator}", "bencat", period, grain)
        return point["value"] if point["value"] is not None else point["reason"]

    assert await of("handling_time_median", DAY, "day") == 1.5
    assert await of("handling_time_median", "2026-11", "month") == 2
    assert await of("category.trees_lighting.handling_time_median", "2026-11", "month") == 2
    assert await of("handling_time_median", "2026", "year") == "not-additive"
    assert await of("handling_time", "2026", "year") == 11  # (1 + 2 + 30) / 3
    assert await of("rating", "2026", "year") == "zero-denominator"  # nobody rated


@time_machine.travel(MONDAY, tick=False)
async def test_how_long_it_took_to_take_reports_in_and_to_answer_is_a_mean_of_the_day(centre: Centre) -> None:
    there = {"latitude": 11.1843, "longitude": 106.562}
    here, other = [await centre.sent(), await centre.sent()], await centre.sent(point=there)
    for report, hour in zip((*here, other), (10, 13, 10), strict=True):
        with time_machine.travel(f"2026-11-23T{hour}:00:00+07:00", tick=False):
            await centre.moved(report, ("moderate", "accepted"))
    with time_machine.travel("2026-11-23T15:00:00+07:00", tick=False):
        await centre.moved(here[0], *ANSWERED[1:])
        await counted(centre.hub)

        async def of(indicator: str, unit: str) -> object:
            return (await centre.hub.point(f"report.{indicator}", unit, DAY, "day"))["value"]

        assert await of("intake_time", "25813") == 2.5  # (1 + 4) / 2
        assert await of("intake_time", "bencat") == 1.75  # of two communes, (2.5 + 1) / 2, as the catalogue has it
        assert await of("processing_time", "25813") == 5
        assert await of("processing_time", "25840") is None  # nothing was answered: no nought


@time_machine.travel(MONDAY, tick=False)
async def test_the_catalogues_categories_count_what_belongs_to_them(centre: Centre) -> None:
    for category in ("road", "traffic-safety", "electricity", "trees-lighting", "noise"):
        await centre.sent(category=category)
    await counted(centre.hub)

    for name, value in {"traffic": 2, "utility": 2, "environment": 0, "flood": 0, "noise": 1, "road": 1}.items():
        assert (await centre.hub.point(f"report.category.{name}", "bencat", DAY, "day"))["value"] == value, name


def test_every_indicator_of_reports_is_fed_or_somebody_elses() -> None:
    """The calls to 1022 and 115 are those of the exchange; rates are made of what is fed."""
    with resources.files("app.catalogue.data").joinpath("indicators.csv").open(encoding="utf-8") as file:
        rows = [
            row for row in csv.DictReader(file) if row["code"].startswith("report.") and row["over_time"] != "ratio"
        ]
    exchange = {"report.hotline.calls", "report.hotline.answered", "report.call115"}
    counted_names = {*DAILY, INTAKE_TIME, PROCESSING_TIME, *(name for names in groups().values() for name in names)}
    counted_names |= {of_category(row["code"]) for row in data_rows("categories.csv")}
    fed = {RECEIVED, PROCESSING, LATE, *(f"report.{name}" for name in counted_names)}

    assert {row["code"] for row in rows} - fed == exchange


@time_machine.travel(MONDAY, tick=False)
async def test_who_has_had_reports_counts_every_day_and_nought_is_no_gap(centre: Centre) -> None:
    await centre.sent()
    await centre.sent(point={"latitude": 11.1843, "longitude": 106.562})
    await counted(centre.hub)
    with time_machine.travel("2026-11-25T00:30:00+07:00", tick=False):
        await counted(centre.hub)

        day = await centre.hub.point("report.received", "25813", "2026-11-24", "day")
        assert (day["value"], day["coverage"]["periods"], day["partial"]) == (0, [24, 24], False)
        region = await centre.hub.point("report.received", "bencat", "2026-11-24", "day")
        assert (region["value"], region["coverage"]["units"]) == (0, [2, 7])


@time_machine.travel(MONDAY, tick=False)
async def test_a_report_that_was_in_the_wrong_commune_leaves_no_trace_there(centre: Centre) -> None:
    report = await centre.sent()
    await counted(centre.hub)
    with time_machine.travel("2026-11-25T09:00:00+07:00", tick=False):
        await centre.moved(report, ("moderate", "accepted", {"unit": "25840"}))
        await counted(centre.hub)

    for unit, there in (("25813", 0), ("25840", 1)):
        assert (await centre.hub.point("report.received", unit, DAY, "day"))["value"] == there
        assert (await centre.hub.point("report.processing", unit, "2026-11-24T12", "hour"))["value"] == there


@time_machine.travel(MONDAY, tick=False)
async def test_only_a_commune_can_be_where_a_report_is(centre: Centre) -> None:
    refused = await centre.move(await centre.sent(), "moderate", "accepted", unit="bencat")

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/unit")


async def test_what_another_system_counts_is_left_alone(centre: Centre) -> None:
    hour = datetime.now(centre.hub.hub.settings.tz).strftime("%Y-%m-%dT%H")
    await centre.hub.sent(("report.received", "25813", hour, 40))
    await centre.sent()

    await counted(centre.hub)

    [row] = await centre.hub.reported("report.received", "25813")
    assert (row["value"], row["source"]) == (40, "tax-office")
    assert (await centre.hub.point("report.received.app", "25813", hour[:10], "day"))["value"] == 1


async def test_where_reports_are_made_up_their_figures_say_so(centre: Centre) -> None:
    report = await centre.sent()
    async with centre.hub.session() as session:
        made_up = models.Source(code="made-up", name_vi="-", name_en="-", synthetic=True)
        session.add(made_up)
        await session.flush()
        ours = models.Report.id == report["id"]
        await session.execute(update(models.Report).where(ours).values(source_id=made_up.id))
        await announce(session, "catalogue")
    await centre.sent(category="waste")
    await counted(centre.hub)

    day = str(centre.hub.hub.now().date())
    point = await centre.hub.point("report.received", "bencat", day, "day")
    assert (point["value"], point.get("synthetic")) == (2, True)


async def test_a_new_category_has_its_figures(centre: Centre) -> None:
    key = await centre.hub.key("operator", scopes=["reports:configure"])
    row = {
        "code": "stray-dogs",
        "name_vi": "Chó thả rông",
        "name_en": "Stray dogs",
        "position": 99,
        "urgency": "normal",
    }
    changed = await centre.hub.client.put("/v1/reports/rules", json={"categories": [row]}, headers={"X-API-Key": key})
    assert changed.status_code == 200, changed.text
    await centre.ask("POST", "", "app", json=a_report(category="stray-dogs"))

    await counted(centre.hub)

    day = str(centre.hub.hub.now().date())
    assert (await centre.hub.point("report.category.stray_dogs", "bencat", day, "day"))["value"] == 1


async def test_a_wall_shows_what_is_published_and_hears_of_it(centre: Centre) -> None:
    async def data(unit: str = "bencat") -> dict[str, Any]:
        answer = await centre.hub.client.get("/v1/screens/phan-anh/data", params={"unit": unit})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["data"]
        return found

    report = await centre.sent(visibility="withheld", description="Đèn\nđường " + 60 * "tối " + "quá")
    assert (await data())["moi-nhat"] == {"items": []}
    assert (await data())["ban-do"]["reports"] == []

    await centre.moved(report, *TO_THE_PUBLIC)
    await centre.hub.settle()

    [item] = (await data())["moi-nhat"]["items"]
    assert (item["category"], item["unit_name"], item["progress"]) == (
        "Trees and street lighting",
        "Ben Cat Ward",
        "fixed",
    )
    assert item["title"].startswith("Đèn đường tối")
    assert len(item["title"]) <= 140
    [point] = (await data())["ban-do"]["reports"]
    assert (point["latitude"], point["longitude"]) == (11.1875, 106.6075)  # roughly
    assert {place["unit_name"] for place in (await data())["ban-do"]["places"]} >= {"Ben Cat Ward", "Long Nguyen Ward"}
    assert (await data("25840"))["moi-nhat"] == {"items": []}

    await centre.moved(report, ("moderate", "reopened", {"reason": "Vẫn tối."}))
    await centre.hub.settle()
    assert (await data())["moi-nhat"]["items"][0]["progress"] == "open"
    before = await centre.hub.client.get("/v1/screens/phan-anh/data", params={"asOf": "2026-01-01T00:00:00+07:00"})
    assert before.status_code == 404  # there was no such screen


async def test_a_map_is_of_an_indicator_or_of_reports(centre: Centre) -> None:
    key = await centre.hub.key("walls", scopes=["screens:write"])
    place = {"id": "ban-do", "kind": "map", "x": 0, "y": 0, "w": 6, "h": 4}

    async def tried(**more: Any) -> int:
        page = {"rows": 4, "widgets": [place | more]}
        body = {"title": {"vi": "Thử"}, "parameters": {"unit": "bencat"}, "pages": [page]}
        slug = f"thu-{len(more)}-{'reports' in more:d}"
        answer = await centre.hub.client.put(f"/v1/screens/{slug}", json=body, headers={"X-API-Key": key})
        return answer.status_code

    assert await tried(reports=True) == 201
    assert await tried(indicator="report.received") == 201
    assert await tried() == 422
    assert await tried(reports=True, indicator="report.received") == 422
