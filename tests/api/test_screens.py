"""What stands on a wall: the newest figures with their age, whoever looks and whichever unit it is about."""

import asyncio
import json
import re
from calendar import isleap
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app import exact_json
from app.changes import announce
from app.screens.snapshot import draw_widgets
from tests.conftest import HubUnderTest

VISITS, RECEIVED, TARGETS = "health.visit.outpatient", "tthc.dossier.received", "digital.target.total"
NEW_FIRMS, SECRET = "enterprise.new.count", "infosec.incident.total"
WARDS = ("25813", "25840")
NOTE = {"id": "chu", "kind": "text", "text": {"vi": "Ghi chú"}, "x": 0, "y": 0, "w": 3, "h": 2}


def figure(key: str, indicator: str, **more: Any) -> dict[str, Any]:
    return {"id": key, "kind": "figure", "indicator": indicator, "x": 0, "y": 0, "w": 3, "h": 2, **more}


def screen(*widgets: dict[str, Any], unit: str = "bencat", **parameters: Any) -> dict[str, Any]:
    """A definition with its widgets beside and below each other."""
    placed = [{**one, "x": 3 * (place % 4), "y": 2 * (place // 4)} for place, one in enumerate(widgets)]
    return {
        "title": {"vi": "Thử", "en": "Trial"},
        "parameters": {"unit": unit, **parameters},
        "pages": [{"rows": 24, "widgets": placed}],
    }


async def made(hub: HubUnderTest, definition: dict[str, Any], slug: str = "thu") -> None:
    key = hub.keys.setdefault("walls", await hub.key("walls", scopes=["screens:write"]))
    response = await hub.client.put(f"/v1/screens/{slug}", json=definition, headers={"X-API-Key": key})
    assert response.status_code == 201, response.text


async def shown(hub: HubUnderTest, slug: str = "thu", **params: str) -> dict[str, Any]:
    response = await hub.client.get(f"/v1/screens/{slug}/data", params=params)
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


def day(ago: int) -> str:
    return str((datetime.now(UTC) + timedelta(hours=7)).date() - timedelta(days=ago))


async def test_the_screens_that_ship_with_the_hub_can_all_be_shown(hub: HubUnderTest) -> None:
    screens = (await hub.client.get("/v1/screens")).json()["items"]

    assert {one["slug"] for one in screens} == {
        "tong-quan", "ngan-sach", "mot-cua", "giao-thong", "chuyen-doi-so", "du-lieu", "phan-anh"
    }  # fmt: skip
    for one in screens:
        response = await hub.client.get(f"/v1/screens/{one['slug']}/data")
        assert response.status_code == 200, response.text
        snapshot = response.json()
        widgets = [widget["id"] for page in snapshot["pages"] for widget in page["widgets"]]
        assert set(snapshot["data"]) == set(widgets)


async def test_the_newest_figure_is_shown_with_its_age(hub: HubUnderTest) -> None:
    await made(hub, screen(figure("kham", VISITS)))
    await hub.sent((VISITS, "25813", day(1), 7), (VISITS, "25813", day(3), 99))

    seen = (await shown(hub))["kham"]["figure"]

    assert (seen["period"], seen["value"], seen["age"]) == (day(1), 7, "fresh")
    assert (seen["unit"], seen["origin"], seen["coverage"]["units"]) == ("bencat", "derived", [1, 7])
    assert seen["observed_at"] == f"{day(0)}T00:00:00+07:00"
    assert seen["due_at"] == f"{day(-1)}T12:00:00+07:00"
    received = datetime.fromisoformat(seen["received_at"])
    assert abs(datetime.now(UTC) - received) < timedelta(minutes=1)
    assert seen["week_ago"]["period"] == day(8)
    assert "previous" not in seen  # a Saturday is compared with a Saturday


@pytest.mark.parametrize(("ago", "age"), [(1, "fresh"), (3, "due"), (4, "late"), (300, "late")])
async def test_a_daily_figure_is_due_after_a_day_and_a_half_and_late_after_three(
    hub: HubUnderTest, ago: int, age: str
) -> None:
    await made(hub, screen(figure("kham", VISITS)))
    await hub.sent((VISITS, "25813", day(ago), 7))

    assert (await shown(hub))["kham"]["figure"]["age"] == age


async def test_the_same_number_once_more_keeps_a_realtime_figure_fresh(hub: HubUnderTest) -> None:
    waiting, hour = "tthc.queue.waiting", datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    await made(hub, screen(figure("cho", waiting)))
    seen = []
    for second in (0, 1):
        await hub.sent((waiting, "25813", (hour + timedelta(seconds=second)).isoformat(), 0))
        seen.append((await shown(hub))["cho"]["figure"])

    assert [one["value"] for one in seen] == [0, 0]
    first, again = (datetime.fromisoformat(one["received_at"]) for one in seen)
    assert again > first


async def test_an_estimate_of_a_day_to_come_does_not_hide_what_is_known(hub: HubUnderTest) -> None:
    await made(hub, screen(figure("kham", VISITS), {**figure("ty-le", VISITS), "unit": "25813"}))
    await hub.sent((VISITS, "25813", day(1), 7), (VISITS, "25813", day(-9), 1))

    seen = await shown(hub)

    assert [seen[key]["figure"]["period"] for key in ("kham", "ty-le")] == [day(1)] * 2


async def test_where_there_is_no_figure_the_tile_says_so(hub: HubUnderTest) -> None:
    await made(hub, screen(figure("kham", VISITS)))

    seen = (await shown(hub))["kham"]["figure"]

    assert (seen["value"], seen["reason"], seen["period"]) == (None, "no-data", None)


async def test_the_last_figures_of_a_former_unit_stand_in_for_its_successor_only(hub: HubUnderTest) -> None:
    await made(hub, screen(figure("chi-tieu", TARGETS), unit="bencat", formerly=["721"]))

    stands_in = (await shown(hub))["chi-tieu"]["figure"]
    elsewhere = (await shown(hub, unit="25813"))["chi-tieu"]["figure"]

    assert (stands_in["unit"], stands_in["period"], stands_in["value"]) == ("721", "2024-Q3", 41)
    assert (stands_in["age"], stands_in["origin"]) == ("late", "reported")
    assert (elsewhere["unit"], elsewhere["value"]) == ("25813", None)


async def test_a_figure_of_a_newspaper_names_it_and_the_unit_that_is_no_more(hub: HubUnderTest) -> None:
    page = {"unit": "721", "widgets": [NOTE]}
    definition = screen(figure("chi-tieu", TARGETS), figure("kham", VISITS, unit="25813"), unit="721")
    await made(hub, {**definition, "pages": [*definition["pages"], page]})
    await hub.sent((VISITS, "25813", day(1), 7))

    response = await hub.client.get("/v1/screens/thu/data", headers={"Accept-Language": "vi"})
    snapshot = response.json()

    of_article = snapshot["data"]["chi-tieu"]["figure"]
    assert of_article["sources"] == ["Bài báo về thành phố Bến Cát, số liệu đến 30/9/2024"]
    assert {of_article["unit_name"], snapshot["unit"]["name"], snapshot["pages"][1]["unit_name"]} == {
        "Thành phố Bến Cát (cũ)"
    }
    of_today = snapshot["data"]["kham"]["figure"]
    assert (of_today["sources"], of_today["unit_name"]) == (["tax-office"], "Phường Bến Cát")
    english = (await shown(hub))["chi-tieu"]["figure"]
    assert english["sources"] == ["Article on Ben Cat city, figures to 30 Sep 2024"]
    assert english["unit_name"].endswith(" (former)")


async def test_one_definition_serves_a_ward_as_well(hub: HubUnderTest) -> None:
    await made(hub, screen(figure("kham", VISITS)))
    await hub.sent((VISITS, "25813", day(1), 7), (VISITS, "25840", day(1), 5))

    assert [(await shown(hub, unit=unit))["kham"]["figure"]["value"] for unit in ("bencat", *WARDS)] == [12, 7, 5]


async def test_a_ranking_shows_both_ends_and_how_many_are_equal(hub: HubUnderTest) -> None:
    happened, then = "traffic.accident.total", "2026-10-05"
    one = {"kind": "ranking", "indicator": happened, "period": then, "x": 0, "y": 0, "w": 3, "h": 2}
    await made(hub, screen({"id": "ca-hai", **one}, {"id": "ngan", **one, "best": 2, "worst": 1}))
    accidents = {"25768": 0, "25813": 4, "25837": 0, "25840": 9, "25843": 0, "25846": 4}
    await hub.sent(*((happened, unit, then, value) for unit, value in accidents.items()))

    def told(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return [(row["rank"], row["value"], row["tied"]) for row in rows]

    seen = await shown(hub)

    both, short = seen["ca-hai"], seen["ngan"]
    assert told(both["best"]) == [(1, 0, 3), (1, 0, 3), (1, 0, 3), (4, 4, 2), (4, 4, 2)]
    assert told(both["worst"]) == [(6, 9, 1)]  # fewer accidents are better: the last one is what a wall is for
    assert (told(short["best"]), told(short["worst"])) == ([(1, 0, 3), (1, 0, 3)], [(6, 9, 1)])
    assert (short["units"], short["without"]) == (7, 1)


async def test_what_shows_several_units_says_up_to_when_the_newest_of_them_was_measured(hub: HubUnderTest) -> None:
    place = {"x": 0, "y": 0, "w": 3, "h": 2, "grain": "month", "period": "2026-10"}
    one = {"indicator": VISITS, **place}
    await made(
        hub,
        screen(
            {"id": "xep-hang", "kind": "ranking", **one},
            {"id": "ban-do", "kind": "map", **one},
            {"id": "bang", "kind": "table", "indicators": [VISITS, RECEIVED], **place},
        ),
    )
    await hub.sent((VISITS, "25813", "2026-10-05", 7), (VISITS, "25840", "2026-10-09", 5))

    seen = await shown(hub)

    columns = [one["observed_at"] for one in seen["bang"]["indicators"]]
    assert columns == ["2026-10-10T00:00:00+07:00", None]
    assert [seen[key]["observed_at"] for key in ("xep-hang", "ban-do")] == columns[:1] * 2


async def test_the_definition_in_the_manual_is_one(hub: HubUnderTest) -> None:
    manual = (Path(__file__).parents[2] / "docs/screens.md").read_text()
    [definition] = re.findall(r"```json\n(.*?)```", manual, re.DOTALL)

    await made(hub, json.loads(definition))


async def test_a_widget_without_units_says_why(hub: HubUnderTest) -> None:
    place = {"x": 0, "y": 0, "w": 3, "h": 2}
    kinds: dict[str, dict[str, Any]] = {
        "ranking": {"indicator": VISITS},
        "map": {"indicator": VISITS},
        "table": {"indicators": [VISITS, RECEIVED]},
        "breakdown": {"whole": VISITS},
    }
    await made(hub, screen(*({"id": kind, "kind": kind, **more, **place} for kind, more in kinds.items())))
    await hub.sent((VISITS, "25813", day(1), 7))

    def reasons(seen: dict[str, Any]) -> set[str | None]:
        return {seen[kind].get("reason") for kind in kinds}

    ward = await shown(hub, unit="25813")
    assert (ward["breakdown"]["reason"], ward["breakdown"]["rest"]) == ("no-units", None)
    await hub.sent((VISITS, "25777", day(1), 3))
    assert reasons(await shown(hub, unit="25777")) == {"no-units"}  # this is a screen of Bến Cát
    assert reasons(await shown(hub, unit="25840")) == {"no-data"}
    assert reasons(await shown(hub)) == {None}


async def test_a_ward_stands_among_those_with_which_it_lies(hub: HubUnderTest) -> None:
    place = {"x": 0, "y": 0, "w": 3, "h": 2}
    kinds: dict[str, dict[str, Any]] = {
        "ranking": {"indicator": VISITS},
        "map": {"indicator": VISITS},
        "table": {"indicators": [VISITS]},
    }
    await made(hub, screen(*({"id": kind, "kind": kind, **more, **place} for kind, more in kinds.items())))
    await hub.sent((VISITS, "25813", day(1), 7), (VISITS, "25840", day(1), 5), (VISITS, "25840", day(2), 9))

    ward, region = await shown(hub, unit="25813"), await shown(hub, period=day(1))

    assert [(one["unit"], one["value"]) for one in ward["ranking"]["best"]] == [("25813", 7), ("25840", 5)]
    assert ward["ranking"]["units"] == len(ward["table"]["rows"]) == 7
    assert ward["ranking"]["best"] == region["ranking"]["best"]
    assert ward["map"]["points"] == region["map"]["points"]


async def test_a_period_that_is_asked_for_is_shown_and_does_not_age(hub: HubUnderTest) -> None:
    await made(hub, screen(figure("kham", VISITS), {**figure("nam", VISITS), "grain": "year"}))
    await hub.sent((VISITS, "25813", "2026-01-05", 7), (VISITS, "25813", "2026-02-05", 2))

    month = (await shown(hub, period="2026-01"))["kham"]["figure"]
    year = (await shown(hub, period="2026-01"))["nam"]["figure"]
    before = (await shown(hub, period="2024"))["kham"]["figure"]

    assert (month["period"], month["value"], "age" in month) == ("2026-01", 7, False)
    assert (year["period"], year["value"]) == ("2026", 9)
    assert (before["value"], before["reason"]) == (None, "not-applicable")


async def test_a_screen_can_be_asked_for_a_period_in_which_its_units_were_others(hub: HubUnderTest) -> None:
    for slug in ("chuyen-doi-so", "tong-quan"):
        for period in ("1990", "2024-Q3", "2026-11", "2100"):
            response = await hub.client.get(f"/v1/screens/{slug}/data", params={"period": period})
            assert response.status_code == 200, response.text


async def test_a_year_to_date_figure_is_that_of_its_year(hub: HubUnderTest) -> None:
    await made(hub, screen(figure("moi", NEW_FIRMS), unit="25813"))
    await hub.sent((NEW_FIRMS, "25813", "2026-03-02", 40), (NEW_FIRMS, "25813", "2026-03-03", 42))

    seen = (await shown(hub))["moi"]["figure"]

    assert (seen["grain"], seen["value"], seen["partial"], seen["observed_at"][:10]) == ("year", 42, True, "2026-03-04")


async def test_a_figure_is_not_compared_with_a_period_in_which_its_unit_began(hub: HubUnderTest) -> None:
    """The wards began on 1 July 2025: the year 2025 has only half of what a year has."""
    await made(hub, screen({**figure("nam", VISITS), "grain": "year"}, {**figure("quy", VISITS), "grain": "quarter"}))
    await hub.sent((VISITS, "25813", "2025-08-01", 5), (VISITS, "25813", "2026-11-01", 7))

    seen = await shown(hub)

    previous = seen["nam"]["figure"]["previous"]
    assert (previous["period"], previous["value"], previous["reason"]) == ("2025", None, "not-applicable")
    assert seen["quy"]["figure"]["previous"]["period"] == "2026-Q3"


async def test_a_trend_says_at_which_points_something_is_missing(hub: HubUnderTest) -> None:
    place = {"x": 0, "y": 0, "w": 3, "h": 2}
    trend = {
        "id": "xu-huong",
        "kind": "trend",
        "indicator": VISITS,
        "unit": "25813",
        "grain": "week",
        "count": 3,
        **place,
    }
    await made(hub, screen(trend, {**trend, "id": "vung", "unit": "bencat", "grain": "day", "count": 2}))
    whole = [(VISITS, "25813", f"2026-11-{one:02}", 5) for one in range(2, 9)]  # the week 45
    await hub.sent(*whole, (VISITS, "25813", "2026-11-10", 7))

    seen = await shown(hub)

    assert [(one["period"], one.get("coverage")) for one in seen["xu-huong"]["points"]] == [
        ("2026-W44", None),  # there is no figure
        ("2026-W45", None),
        ("2026-W46", {"units": [1, 1], "periods": [1, 7]}),
    ]
    assert [one.get("coverage") for one in seen["vung"]["points"]] == [None, {"units": [1, 7], "periods": [1, 1]}]


@pytest.mark.parametrize(
    ("indicator", "grain", "sent", "headline", "short"),
    [
        (VISITS, "month", [("25813", -1, 100), ("25813", 0, 3)], 100, 3),  # this month goes on
        (VISITS, "day", [("25813", 2, 100), ("25840", 2, 50), ("25813", 1, 90)], 150, 90),  # one of two has reported
        (VISITS, "day", [("25813", 2, 100), ("25813", 1, 40)], 40, None),  # a real fall
        ("health.bed.occupied", "day", [("25813", 1, 100), ("25813", 0, 3)], 3, None),  # a level adds nothing up
    ],
)
async def test_a_last_point_that_falls_short_is_no_crash(
    hub: HubUnderTest, indicator: str, grain: str, sent: list[tuple[str, int, int]], headline: int, short: int | None
) -> None:
    place = {"x": 0, "y": 0, "w": 3, "h": 2}
    await made(
        hub, screen({"id": "xu-huong", "kind": "trend", "indicator": indicator, "grain": grain, "count": 3, **place})
    )
    first = date.fromisoformat(day(0)).replace(day=1)
    months = {0: day(0), -1: str(first - timedelta(days=1))}
    await hub.sent(
        *((indicator, unit, months[ago] if grain == "month" else day(ago), value) for unit, ago, value in sent)
    )

    seen = (await shown(hub))["xu-huong"]

    assert seen["figure"]["value"] == headline
    assert (seen["latest"]["value"] if "latest" in seen else None) == short
    assert [one.get("falls_short", False) for one in seen["points"]] == [False, False, short is not None]
    assert (seen["latest"] if short else seen["figure"])["period"] == seen["points"][-1]["period"]
    assert seen["figure"]["age"] == "fresh"


async def test_a_trend_shows_nothing_of_last_year_of_which_the_unit_had_only_a_part(hub: HubUnderTest) -> None:
    """The wards began on a Tuesday, 1 July 2025: of week 27 they have six days."""
    trend = {"id": "xu-huong", "kind": "trend", "indicator": VISITS, "x": 0, "y": 0, "w": 3, "h": 2}
    await made(hub, screen(trend | {"grain": "week", "count": 2}, unit="25813"))
    days = [
        (VISITS, "25813", f"{year}-07-{one:02}", 5)
        for year, last in ((2025, 13), (2026, 12))
        for one in range(1, last + 1)
    ]
    await hub.sent(*days)

    points = (await shown(hub))["xu-huong"]["points"]

    assert [(one["period"], one.get("year_ago")) for one in points] == [("2026-W27", None), ("2026-W28", 35)]


async def test_where_the_unit_of_one_widget_is_gone_the_others_are_shown(hub: HubUnderTest) -> None:
    async def unit(valid_to: str | None) -> None:
        key = hub.keys.setdefault("units", await hub.key("units", scopes=["catalogue:write"]))
        one = {"code": "tram-1", "kind": "site", "name_vi": "Trạm 1", "valid_from": "2025-07-01", "valid_to": valid_to}
        body = {"units": [one | {"parents": [{"unit": "25813"}]}]}
        response = await hub.client.post("/v1/units", json=body, headers={"X-API-Key": key})
        assert response.status_code == 200, response.text

    await unit(None)
    gone: dict[str, Any] = {"unit": "tram-1@2026-06-01", "x": 0, "y": 0, "w": 3, "h": 2}
    await made(
        hub,
        screen(
            figure("kham", VISITS),
            figure("tram", VISITS, unit="tram-1@2026-06-01"),
            {"id": "xu-huong", "kind": "trend", "indicator": VISITS, **gone},
            {"id": "xep-hang", "kind": "ranking", "indicator": VISITS, **gone},
            {"id": "bang", "kind": "table", "indicators": [VISITS, RECEIVED], **gone},
            {"id": "co-cau", "kind": "breakdown", "whole": VISITS, **gone},
            {"id": "ban-do", "kind": "map", "indicator": VISITS, "period": day(1), **gone},
            {"id": "linh-vuc", "kind": "domains", "headlines": {"health": [VISITS]}, **gone},
            formerly=["tram-1@2026-06-01"],
        ),
    )
    await hub.sent((VISITS, "25813", day(1), 7))
    assert (await shown(hub))["tram"]["figure"]["reason"] == "no-data"

    await unit("2026-01-01")
    await hub.settle()
    seen = await shown(hub)

    assert seen["kham"]["figure"]["value"] == 7
    alone = seen["tram"]["figure"]
    assert (alone["unit"], alone["unit_name"], alone["value"]) == ("tram-1@2026-06-01", "tram-1@2026-06-01", None)
    tiles = {one["domain"]: one["figure"] for one in seen["linh-vuc"]["tiles"]}
    places = [alone, seen["xu-huong"]["figure"], seen["co-cau"]["whole"], tiles["health"]]
    places += [seen[key] for key in ("xep-hang", "bang", "ban-do")]
    assert [one["reason"] for one in places] == ["no-such-unit"] * 7


async def test_a_page_may_be_about_another_unit_than_the_screen(hub: HubUnderTest) -> None:
    definition = screen(figure("kham", VISITS), unit="25813")
    own = figure("phu-an", VISITS, x=3) | {"unit": "25768"}
    page = {"unit": "25840", "widgets": [figure("long-nguyen", VISITS), own, {**NOTE, "x": 6}]}
    await made(hub, {**definition, "pages": [*definition["pages"], page]})
    await hub.sent(*((VISITS, unit, day(1), value) for unit, value in (("25813", 7), ("25840", 5), ("25768", 3))))

    for looked_at, value in ((None, 7), ("bencat", 15)):
        params = {} if looked_at is None else {"unit": looked_at}
        seen = (await hub.client.get("/v1/screens/thu/data", params=params)).json()
        assert [seen["data"][key]["figure"]["value"] for key in ("kham", "long-nguyen", "phu-an")] == [value, 5, 3]
        assert [one.get("unit_name") for one in seen["pages"]] == [None, "Long Nguyen Ward"]

    body = {**definition, "pages": [{**page, "unit": "99x"}]}
    refused = await change(hub, "PUT", slug="khac", body=body)
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [("/pages/0/unit", "unknown-unit")]


async def test_with_as_of_all_stands_as_it_stood(hub: HubUnderTest) -> None:
    await made(hub, screen(figure("kham", VISITS)))
    await hub.sent((VISITS, "25813", day(2), 7))
    then = datetime.now(UTC).isoformat()
    await hub.sent((VISITS, "25813", day(2), 8), (VISITS, "25813", day(1), 1))
    headers = {"X-API-Key": hub.keys["walls"], "If-Match": '"1"'}
    other = screen(figure("ho-so", RECEIVED))
    assert (await hub.client.put("/v1/screens/thu", json=other, headers=headers)).status_code == 200

    assert list(await shown(hub)) == ["ho-so"]
    response = await hub.client.get("/v1/screens/thu/data", params={"asOf": then})
    seen = response.json()
    assert (seen["version"], seen["as_of"]) == (1, then)
    assert (seen["data"]["kham"]["figure"]["period"], seen["data"]["kham"]["figure"]["value"]) == (day(2), 7)
    assert datetime.fromisoformat(seen["data"]["kham"]["figure"]["received_at"]) < datetime.fromisoformat(then)


async def test_what_stood_long_ago_is_drawn_once_for_all_who_may_see_the_same(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawings = 0

    async def draw(*facts: Any) -> Any:
        nonlocal drawings
        drawings += 1
        return await draw_widgets(*facts)

    async def asked(**headers: str) -> Any:
        response = await hub.client.get("/v1/screens/thu/data", params={"asOf": then}, headers=headers)
        return response.json()["data"]["mat"]["figure"]["value"]

    monkeypatch.setattr("app.screens.live.draw_widgets", draw)
    await made(hub, screen(figure("mat", SECRET)))
    await hub.sent((SECRET, "25813", day(1), 7), source="police")
    reader = await hub.key("reader", scopes=["readings:read"])
    then = datetime.now(UTC).isoformat()

    assert [await asked(), await asked(), drawings] == [None, None, 2], "what is young may still become more"
    later = hub.hub.now() + timedelta(hours=1)
    monkeypatch.setattr(type(hub.hub), "now", lambda _: later)
    assert [await asked(), await asked(), drawings] == [None, None, 3]
    assert [await asked(**{"X-API-Key": reader}), await asked(), drawings] == [7, None, 4]


async def test_a_screen_that_did_not_exist_then_is_not_found(hub: HubUnderTest) -> None:
    await made(hub, screen(figure("kham", VISITS)))

    response = await hub.client.get("/v1/screens/thu/data", params={"asOf": "2020-01-01"})

    assert (response.status_code, response.json()["code"]) == (404, "unknown-screen")


async def test_every_kind_of_widget_shows_what_it_is_for(hub: HubUnderTest) -> None:
    place = {"x": 0, "y": 0, "w": 3, "h": 2}
    await made(
        hub,
        screen(
            {"id": "xu-huong", "kind": "trend", "indicator": VISITS, "count": 3, **place},
            {"id": "xep-hang", "kind": "ranking", "indicator": VISITS, "best": 1, "worst": 2, **place},
            {"id": "bang", "kind": "table", "indicators": [VISITS, RECEIVED], **place},
            {"id": "co-cau", "kind": "breakdown", "whole": VISITS, **place},
            {
                "id": "nhiem-vu", "kind": "progress", "total": "digital.task.total", "unit": "721", "period": "2024-Q3",
                "parts": [{"outcome": "done", "indicator": "digital.task.done"}], **place,
            },
            {"id": "ban-do", "kind": "map", "indicator": VISITS, **place},
            {"id": "linh-vuc", "kind": "domains", "headlines": {"health": ["health.emergency", VISITS]}, **place},
            {"id": "tin", "kind": "feed", **place},
            {"id": "loi", "kind": "text", "text": {"vi": "Xin chào", "en": "Hello"}, **place},
            {"id": "nguon", "kind": "sources", **place},
        ),
    )  # fmt: skip
    await hub.sent((VISITS, "25813", day(1), 7), (VISITS, "25840", day(1), 5), (VISITS, "25843", day(1), 2))

    seen = await shown(hub)

    assert [(one["period"], one["value"]) for one in seen["xu-huong"]["points"]] == [
        (day(3), None), (day(2), None), (day(1), 14)
    ]  # fmt: skip
    ranking = seen["xep-hang"]
    assert [(one["unit"], one["rank"]) for one in ranking["best"] + ranking["worst"]] == [
        ("25813", 1), ("25843", 3), ("25840", 2)
    ]  # fmt: skip
    assert (ranking["units"], ranking["without"]) == (7, 4)
    table = {row["unit"]: [cell["value"] for cell in row["cells"]] for row in seen["bang"]["rows"]}
    assert (table["25813"], table["25849"]) == ([7, None], [None, None])
    assert seen["co-cau"]["whole"]["value"] == 14
    assert sum(part["value"] or 0 for part in seen["co-cau"]["parts"]) == 14
    assert [seen["nhiem-vu"]["total"]["value"], seen["nhiem-vu"]["parts"][0]["figure"]["value"]] == [80, 28]
    assert {one["unit"]: one["value"] for one in seen["ban-do"]["points"]}["25840"] == 5
    tiles = {one["domain"]: one["figure"] for one in seen["linh-vuc"]["tiles"]}
    assert len(tiles) == 27
    assert (tiles["health"]["indicator"], tiles["health"]["value"]) == (VISITS, 14)
    assert seen["tin"] == {"items": []}
    assert seen["loi"] == {"text": "Hello"}
    sources = {one["source"]: one for one in seen["nguon"]["sources"]}
    assert (sources["tax-office"]["fresh"], sources["tax-office"]["late"], sources["tax-office"]["age"]) == (
        3,
        0,
        "fresh",
    )


async def test_an_article_is_no_source_that_is_late(hub: HubUnderTest) -> None:
    await made(hub, screen({"id": "nguon", "kind": "sources", "x": 0, "y": 0, "w": 3, "h": 2}))
    await hub.sent((VISITS, "25813", day(30), 7))

    await hub.key("screen-editor", scopes=["screens:write"])

    sources = {one["source"]: one["age"] for one in (await shown(hub))["nguon"]["sources"]}

    assert "screen-editor" not in sources, "who may send nothing is waited for by nobody"
    assert "late" in sources.values(), "a system that has a key and is silent is late"
    assert not [code for code in sources if code.startswith("bao-")]


async def test_parts_of_another_period_leave_no_rest(hub: HubUnderTest) -> None:
    place = {"x": 0, "y": 0, "w": 3, "h": 2}
    parts = ["digital.task.done", "digital.task.ongoing"]
    await made(
        hub,
        screen(
            {"id": "co-cau", "kind": "breakdown", "whole": "digital.task.total", "parts": parts, **place}, unit="721"
        ),
    )

    assert (await shown(hub))["co-cau"]["rest"] == 18

    await hub.sent(("digital.task.done", "25813", "2026-Q2", 3))
    assert (await shown(hub))["co-cau"]["rest"] == 18


async def test_what_is_not_public_is_hidden_from_who_may_not_see_it(hub: HubUnderTest) -> None:
    indicators = (await hub.client.get("/v1/indicators", params={"domain": "infosec", "limit": 50})).json()["items"]
    secret = next(one["code"] for one in indicators if not one["public"] and one["over_units"] == "sum")
    await made(hub, screen(figure("kin", secret)))
    reader = await hub.key("soc", scopes=["readings:read"])
    elsewhere = await hub.key("clinic", scopes=["readings:read"], domains=["health"])

    async def reason(key: str | None) -> str:
        headers = {} if key is None else {"X-API-Key": key}
        response = await hub.client.get("/v1/screens/thu/data", headers=headers)
        return str(response.json()["data"]["kin"]["figure"]["reason"])

    assert [await reason(key) for key in (None, elsewhere, reader)] == ["not-public", "not-public", "no-data"]


async def test_who_sees_what_a_ward_keeps_does_not_see_it_of_those_beside_it(hub: HubUnderTest) -> None:
    indicators = (await hub.client.get("/v1/indicators", params={"domain": "infosec", "limit": 50})).json()["items"]
    secret = next(one["code"] for one in indicators if not one["public"] and one["over_units"] == "sum")
    period = day(1)[:7]
    place = {"x": 0, "y": 0, "w": 3, "h": 2, "period": period}
    ranking = {"id": "xep-hang", "kind": "ranking", "indicator": secret, **place}
    table = {"id": "bang", "kind": "table", "indicators": [VISITS, secret], **place}
    await made(hub, screen({**figure("kin", secret), "period": period}, ranking, table))
    await hub.sent((secret, "25813", period, 7), (secret, "25840", period, 5))
    ward = await hub.key("ward", scopes=["readings:read"], units=["25813"])

    answer = await hub.client.get("/v1/screens/thu/data", params={"unit": "25813"}, headers={"X-API-Key": ward})

    seen = answer.json()["data"]
    assert (seen["kin"]["figure"]["value"], seen["xep-hang"]["best"], seen["xep-hang"]["reason"]) == (7, [], "no-units")
    assert [row["cells"][1]["value"] for row in seen["bang"]["rows"]] == [None] * 7


async def test_who_has_the_newest_snapshot_is_not_sent_it_again(hub: HubUnderTest) -> None:
    await made(hub, screen(figure("kham", VISITS)))
    await hub.sent((VISITS, "25813", day(1), 7))
    first = await hub.client.get("/v1/screens/thu/data")
    again = {"If-None-Match": first.headers["etag"]}

    assert (await hub.client.get("/v1/screens/thu/data", headers=again)).status_code == 304
    await hub.sent((RECEIVED, "25813", day(1), 7))
    assert (await hub.client.get("/v1/screens/thu/data", headers=again)).status_code == 304
    await hub.sent((VISITS, "25813", day(1), 8))
    changed = await hub.client.get("/v1/screens/thu/data", headers=again)
    assert changed.status_code == 200
    assert changed.json()["change"] > first.json()["change"]


async def test_a_snapshot_never_mixes_two_instants(hub: HubUnderTest) -> None:
    """Two figures that always add up to a hundred, sent together; other readings of one of them are told in between."""
    await made(hub, screen(figure("a", VISITS), figure("b", RECEIVED), unit="25813"))

    async def send() -> None:
        for part in range(1, 30):
            rows = [(VISITS, "25813", day(1), part), (RECEIVED, "25813", day(1), 100 - part)]
            await hub.send(*rows, settled=False)  # not rolled up yet, as on a busy hub
            async with hub.session() as session:
                catalogue = await hub.hub.catalogues.current(session)
                await announce(session, "readings", [catalogue.indicators[RECEIVED].id])

    sending = asyncio.create_task(send())
    sums = set()
    while not sending.done():
        await asyncio.sleep(0)  # what is remembered is answered without a pause for others
        seen = await shown(hub)
        values = [seen[key]["figure"]["value"] for key in ("a", "b")]
        sums.add(None if None in values else sum(values))
    await sending

    assert sums <= {None, 100}
    assert 100 in sums


async def test_who_does_not_want_it_packed_gets_it_plain(hub: HubUnderTest) -> None:
    packed = [
        "content-encoding"
        in (await hub.client.get("/v1/screens/tong-quan/data", headers={"Accept-Encoding": sent})).headers
        for sent in ("gzip", "br, gzip;q=0.5", "*", "gzip;q=0", "identity")
    ]

    assert packed == [True, True, True, False, False]


async def test_a_target_colours_the_figure(hub: HubUnderTest) -> None:
    """One enterprise a day is what the plan of the year asks for, on every day of it."""
    await made(hub, screen(figure("kham", NEW_FIRMS)))
    yesterday = date.fromisoformat(day(1))
    days, year = yesterday.timetuple().tm_yday, 366 if isleap(yesterday.year) else 365
    await hub.sent((NEW_FIRMS, "25813", day(1), days))
    assert (await shown(hub))["kham"]["figure"]["targets"] == []

    key = await hub.key("planning", scopes=["targets:write"])
    target = {"indicator": NEW_FIRMS, "unit": "bencat", "period": day(1)[:4], "setter": "UBND"}
    states = []
    for value in (year, 2 * year):
        answer = await hub.client.put("/v1/targets", json=target | {"value": value}, headers={"X-API-Key": key})
        assert answer.status_code == 200, answer.text
        await hub.settle()
        seen = (await shown(hub))["kham"]["figure"]
        states.append(seen["state"])

    [told] = seen["targets"]
    assert states == ["on_track", "off_track"]
    assert told["achieved_pct"] == pytest.approx(50 * days / year)
    assert (told["elapsed_pct"] or 100) == pytest.approx(100 * days / year)


# --- definitions ---


async def change(hub: HubUnderTest, method: str, slug: str = "thu", body: Any = None, **headers: str) -> Any:
    key = hub.keys.setdefault("walls", await hub.key("walls", scopes=["screens:write"]))
    return await hub.client.request(
        method,
        f"/v1/screens/{slug}",
        json=body,
        headers={"X-API-Key": key, **{k.replace("_", "-"): v for k, v in headers.items()}},
    )


async def test_a_screen_is_changed_only_by_who_has_read_the_last_version(hub: HubUnderTest) -> None:
    first, second = screen(figure("kham", VISITS)), screen(figure("ho-so", RECEIVED))

    assert (await change(hub, "PUT", body=first)).status_code == 201
    read = await hub.client.get("/v1/screens/thu")
    assert (read.headers["etag"], read.json()["version"]) == ('"1"', 1)
    assert (await change(hub, "PUT", body=second)).json()["code"] == "version-required"
    assert (await change(hub, "PUT", body=second, If_Match='"1"')).json()["version"] == 2
    late = await change(hub, "PUT", body=first, If_Match='"1"')
    assert (late.status_code, late.json()["code"]) == (412, "screen-changed")
    same = await change(hub, "PUT", body=second, If_Match='"2"')
    assert (same.status_code, same.json()["version"]) == (200, 2)
    assert (await change(hub, "PUT", body=first, If_Match="abc")).status_code == 422
    assert (await change(hub, "DELETE")).status_code == 428
    assert (await change(hub, "DELETE", If_Match='"2"')).status_code == 204
    assert (await hub.client.get("/v1/screens/thu")).status_code == 404
    assert (await hub.client.get("/v1/screens/thu/data")).status_code == 404
    assert (await change(hub, "PUT", body=first)).json()["version"] == 4


async def test_to_change_screens_needs_its_own_right(hub: HubUnderTest) -> None:
    body = screen(figure("kham", VISITS))
    reader = await hub.key("reader", scopes=["readings:read"])
    ward = await hub.key("ward", scopes=["screens:write"], units=["25813"])

    statuses = [
        (await hub.client.put("/v1/screens/thu", json=body, headers=headers)).status_code
        for headers in ({}, {"X-API-Key": reader}, {"X-API-Key": ward})
    ]

    assert statuses == [401, 403, 403]


@pytest.mark.parametrize(
    ("widgets", "pointer", "code"),
    [
        ([figure("a", VISITS), figure("b", RECEIVED)], "/pages/0/widgets/1", "overlaps"),
        ([figure("a", VISITS, x=10)], "/pages/0/widgets/0/w", "outside-grid"),
        ([figure("a", VISITS, y=7)], "/pages/0/widgets/0/h", "outside-grid"),
        ([figure("a", VISITS), figure("a", VISITS, x=3)], "/pages/0/widgets/1/id", "id-taken"),
        ([figure("a", "health.visits")], "/pages/0/widgets/0/indicator", "unknown-indicator"),
        ([figure("a", VISITS, unit="99x")], "/pages/0/widgets/0/unit", "unknown-unit"),
        ([figure("a", VISITS, unit="25813@garbage")], "/pages/0/widgets/0/unit", "unknown-unit"),
        ([figure("a", VISITS, unit="721@2026-01-01")], "/pages/0/widgets/0/unit", "unknown-unit"),
        ([figure("a", VISITS, grain="hour")], "/pages/0/widgets/0/grain", "period-too-fine"),
        ([figure("a", VISITS, period="2024-13")], "/pages/0/widgets/0/period", "period-malformed"),
        ([{**figure("a", "admin.reform.par_rank"), "kind": "ranking"}], "/pages/0/widgets/0/indicator", "not-additive"),
        ([{**figure("a", VISITS), "kind": "dial"}], "/pages/0/widgets/0/kind", "not-one-of"),
        ([{name: value for name, value in figure("a", VISITS).items() if name != "kind"}], "/pages/0/widgets/0/kind", "missing"),
        ([{"id": "a", "kind": "map", "x": 0, "y": 0, "w": 1, "h": 1}], "/pages/0/widgets/0", "invalid"),
        ([figure("a", VISITS, w=13)], "/pages/0/widgets/0/w", "out-of-range"),
        ([{**figure("a", VISITS), "colour": "red"}], "/pages/0/widgets/0/colour", "unknown-field"),
        (
            [{"id": "a", "kind": "domains", "headlines": {"health": [RECEIVED]}, "x": 0, "y": 0, "w": 1, "h": 1}],
            "/pages/0/widgets/0/headlines/health/0", "invalid",
        ),
    ],
)  # fmt: skip
async def test_every_mistake_in_a_definition_is_named_by_its_place(
    hub: HubUnderTest, widgets: list[dict[str, Any]], pointer: str, code: str
) -> None:
    body = screen()
    body["pages"] = [{"rows": 8, "widgets": widgets}]

    response = await change(hub, "PUT", body=body)

    assert response.status_code == 422
    assert [(one["pointer"], one["code"]) for one in response.json()["errors"]] == [(pointer, code)]
    assert (await hub.client.get("/v1/screens/thu")).status_code == 404


@pytest.mark.parametrize(
    ("language", "details"),
    [
        ("vi", ["nhiều nhất là 12", "chỉ gồm chữ thường không dấu và chữ số, nối bằng dấu gạch ngang, như tong-quan"]),
        ("en", ["it must be at most 12", "only the letters a to z and digits, joined by hyphens, like tong-quan"]),
    ],
)
async def test_every_mistake_is_told_in_the_language_that_was_asked_for(
    hub: HubUnderTest, language: str, details: list[str]
) -> None:
    body = screen()
    body["pages"] = [{"rows": 8, "widgets": [figure("a", VISITS, w=13), figure("B!", VISITS, x=3)]}]

    problem = (await change(hub, "PUT", body=body, Accept_Language=language)).json()

    assert [one["detail"].partition(": ")[2] for one in problem["errors"]] == [f"{one}." for one in details]


@pytest.mark.parametrize(
    ("change_of", "pointer", "right"),
    [
        ({"tittle": "x"}, "/tittle", "(did you mean 'title'?); the fields are: title, parameters, theme, pages."),
        ({"colour": "x"}, "/colour", "no such field; the fields are: title, parameters, theme, pages."),
        ({"title": "Màn hình thử"}, "/title", 'write {"vi": "…", "en": "…"}.'),
        ({"title": {"vn": "Thử", "vi": "Thử"}}, "/title/vn", "the fields are: vi, en."),
        ({"pages": [{"widgets": [], "colour": 1}]}, "/pages/0/colour", "the fields are: title, unit, seconds, rows, widgets."),
        (
            {"pages": [{"widgets": [{"id": "a", "kind": "text", "x": 0, "y": 0, "w": 1, "h": 1, "text": {"vi": "x", "fr": "y"}}]}]},
            "/pages/0/widgets/0/text/fr", "the fields are: vi, en.",
        ),
        (
            {"pages": [{"widgets": [{"id": "a", "kind": "text", "x": 0, "y": 0, "w": 1, "h": 1, "text": "x"}]}]},
            "/pages/0/widgets/0/text", 'write {"vi": "…", "en": "…"}.',
        ),
        (
            {"pages": [{"widgets": [{"id": "a", "kind": "text", "x": 0, "y": 0, "w": 1, "h": 1, "text": {"vi": "x"}, "title": "y"}]}]},
            "/pages/0/widgets/0/title", 'write {"vi": "…", "en": "…"}.',
        ),
        (
            {"pages": [{"widgets": [{"id": "a", "kind": "feed", "x": 0, "y": 0, "w": 1, "h": 1, "colour": 1}]}]},
            "/pages/0/widgets/0/colour", "the fields are: id, x, y, w, h, title, kind, count.",
        ),
    ],
)  # fmt: skip
async def test_who_writes_another_field_is_told_the_right_ones(
    hub: HubUnderTest, change_of: Mapping[str, Any], pointer: str, right: str
) -> None:
    problem = (await change(hub, "PUT", body={**screen(), **change_of}, Accept_Language="en")).json()

    assert [one["detail"] for one in problem["errors"] if one["pointer"] == pointer and right in one["detail"]], problem


async def test_a_definition_that_does_not_say_it_is_json_is_told_to(hub: HubUnderTest) -> None:
    key = await hub.key("walls", scopes=["screens:write"])
    body = exact_json.dumps(screen(figure("kham", VISITS)))

    for media_type in ("text/plain", "application/x-www-form-urlencoded"):
        headers = {"X-API-Key": key, "Content-Type": media_type, "Accept-Language": "en"}
        response = await hub.client.put("/v1/screens/thu", content=body, headers=headers)
        assert (response.status_code, response.json()["code"]) == (415, "unsupported-media-type")
        assert media_type in response.json()["detail"]
        assert "application/json" in response.json()["detail"]

    headers = {"X-API-Key": key, "Content-Type": "application/json; charset=utf-8"}
    assert (await hub.client.put("/v1/screens/thu", content=body, headers=headers)).status_code == 201


@pytest.mark.parametrize("number", ["1e99999999", "-1E-99999999", "1e999999999999999999999999"])
async def test_a_number_of_a_million_digits_is_refused_before_anybody_writes_it_down(
    hub: HubUnderTest, number: str
) -> None:
    headers = {"Content-Type": "application/json"}

    response = await hub.client.put("/v1/screens/thu", content=f'{{"pages":[{{"seconds":{number}}}]}}', headers=headers)

    assert (response.status_code, response.json()["code"]) == (422, "malformed-body")


async def test_who_would_change_a_screen_that_is_not_there_is_told_so(hub: HubUnderTest) -> None:
    response = await change(hub, "PUT", body=screen(figure("kham", VISITS)), If_Match='"1"')

    assert (response.status_code, response.json()["code"]) == (412, "screen-missing")


async def test_a_definition_that_is_no_json_is_told_the_place(hub: HubUnderTest) -> None:
    key = await hub.key("walls", scopes=["screens:write"])
    headers = {"X-API-Key": key, "Content-Type": "application/json", "Accept-Language": "vi"}

    response = await hub.client.put("/v1/screens/thu", content=b'{"title":\n {"vi" "x"}}', headers=headers)

    assert (response.status_code, response.json()["code"]) == (422, "malformed-body")
    assert response.json()["detail"] == "Không đọc được nội dung: sai cú pháp JSON ở dòng 2, cột 8."


async def test_of_very_many_mistakes_the_first_are_named(hub: HubUnderTest) -> None:
    body = screen()
    widgets = [figure(f"a{number}", "no.such", unit="99x") for number in range(60)]
    body["pages"] = [{"rows": 8, "widgets": widgets}]

    response = await change(hub, "PUT", body=body)

    assert (response.status_code, len(response.json()["errors"])) == (422, 50)


async def test_a_screen_has_no_more_points_than_an_answer(hub: HubUnderTest) -> None:
    long = {"kind": "trend", "indicator": VISITS, "count": 366, "x": 0, "y": 0, "w": 1, "h": 1}
    body = screen()
    body["pages"] = [
        {
            "rows": 24,
            "widgets": [{**long, "id": f"a{page}-{place}", "x": place % 12, "y": place // 12} for place in range(60)],
        }
        for page in range(2)
    ]

    assert [one["pointer"] for one in (await change(hub, "PUT", body=body)).json()["errors"]] == ["/pages"]


async def test_a_definition_that_is_far_too_large_is_refused(hub: HubUnderTest) -> None:
    many = screen()
    many["pages"] = [{"rows": 8, "widgets": [figure(f"a{number}", VISITS) for number in range(10_000)]}]
    long = screen(figure("a", VISITS))
    long["title"]["vi"] = "a" * 5_000_000

    assert (await change(hub, "PUT", body=many)).status_code == 422
    assert (await change(hub, "PUT", body=long)).status_code == 413
    assert (await hub.client.get("/v1/screens/thu")).status_code == 404


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/screens/khong-co/data", 404, "unknown-screen"),
        ("/v1/screens/khong-co/events", 404, "unknown-screen"),
        ("/v1/screens/tong-quan/data?unit=99x", 404, "unknown-unit"),
        ("/v1/screens/tong-quan/data?period=2024-13", 422, "invalid-request"),
        ("/v1/screens/tong-quan/data?period=2024-01-01T08:00:00", 422, "invalid-request"),
        ("/v1/screens/tong-quan/data?asOf=9999-12-31T23:59:59-12:00", 422, "invalid-request"),
        ("/v1/screens/tong-quan/data?units=721", 422, "invalid-request"),
        ("/v1/screens/%00/data", 422, "invalid-request"),
    ],
)
async def test_what_cannot_be_shown_is_a_clear_problem(hub: HubUnderTest, path: str, status: int, code: str) -> None:
    response = await hub.client.get(path)

    assert (response.status_code, response.json()["code"]) == (status, code)
