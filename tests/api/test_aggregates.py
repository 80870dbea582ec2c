"""What it adds up to, as a screen or an analyst asks for it. The laws themselves are in tests/unit/test_laws.py."""

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import time_machine

from app.rollups import explain
from app.routers import aggregates
from tests.conftest import HubUnderTest

VISITS, EMERGENCIES = "health.visit.outpatient", "health.emergency"
REVENUE = "budget.revenue.total"
WARDS = ("25768", "25813", "25837", "25840", "25843", "25846", "25849")  # the seven of the region bencat


async def test_a_regions_total_grows_as_its_wards_report_and_says_how_many_did(hub: HubUnderTest) -> None:
    shown = []
    for number, ward in enumerate(WARDS, start=1):
        await hub.sent((VISITS, ward, "2026-10-05", 10 * number))
        shown.append(await hub.point(VISITS, "bencat", "2026-10-05", "day"))

    assert [point["value"] for point in shown] == [10, 30, 60, 100, 150, 210, 280]
    assert [point["coverage"]["units"] for point in shown] == [[number, 7] for number in range(1, 8)]
    assert [point["partial"] for point in shown] == [True] * 6 + [False]


async def test_a_code_that_was_used_again_is_two_series(hub: HubUnderTest) -> None:
    await hub.sent((VISITS, "25840", "2025-06-30", 1), (VISITS, "25840", "2025-07-01", 2))

    query = {"indicator": VISITS, "unit": "25840", "grain": "month", "from": "2025-06", "to": "2025-07"}
    before, after = (await hub.client.get("/v1/aggregates", params=query)).json()["series"]

    assert (before["unit_name"], after["unit_name"]) == ("An Dien Ward", "Long Nguyen Ward")
    assert [(point["value"], point.get("reason")) for point in before["points"]] == [
        (1, None),
        (None, "not-applicable"),
    ]
    assert [(point["value"], point.get("reason")) for point in after["points"]] == [(None, "not-applicable"), (2, None)]


async def test_one_day_of_an_address_picks_one_of_the_two(hub: HubUnderTest) -> None:
    query = {"indicator": VISITS, "unit": "25840@2025-01-01", "grain": "year", "from": "2025", "to": "2025"}

    [series] = (await hub.client.get("/v1/aggregates", params=query)).json()["series"]

    assert series["unit_name"] == "An Dien Ward"


@time_machine.travel("2026-11-10T12:00:00+07:00")
async def test_a_running_month_is_compared_with_the_same_part_of_the_month_before(hub: HubUnderTest) -> None:
    await hub.sent(
        *((VISITS, "25813", f"2026-10-{day:02}", 100) for day in range(1, 32)),
        *((VISITS, "25813", f"2026-11-{day:02}", 110) for day in range(1, 10)),
        *((VISITS, "25813", f"2025-11-{day:02}", 50) for day in range(1, 31)),
    )

    point = await hub.point(VISITS, "25813", "2026-11", "month", compare="previous,year_ago,ytd")

    assert (point["value"], point["partial"]) == (990, True)
    assert point["previous"] == {
        "period": "2026-10", "until": "2026-10-10T00:00:00", "value": 900, "alike": True, "change": 90, "change_pct": 10,
        "partial": False, "coverage": {"units": [1, 1], "periods": [9, 9]},
    }  # fmt: skip
    assert (point["year_ago"]["value"], point["year_ago"]["change_pct"]) == (450, 120)
    assert point["ytd"] == {"value": 3100 + 990}


async def test_three_wards_after_two_have_not_grown(hub: HubUnderTest) -> None:
    """The two that reported both times fell from 20 to 18; what the third brings is no growth."""
    await hub.sent(
        *((VISITS, ward, "2026-10-03", 10) for ward in ("25813", "25840")),
        *((VISITS, ward, "2026-10-10", 9) for ward in ("25813", "25840", "25843")),
    )

    point = await hub.point(VISITS, "bencat", "2026-10-10", "day", compare="week_ago,previous")

    assert (point["value"], point["coverage"]["units"]) == (27, [3, 7])
    assert point["week_ago"] == {
        "period": "2026-10-03", "value": 20, "alike": False, "change": None, "change_pct": None,
        "partial": True, "coverage": {"units": [2, 7], "periods": [1, 1]},
    }  # fmt: skip
    assert (point["previous"]["value"], point["previous"]["reason"]) == (None, "no-data")


async def test_one_ward_after_another_one_has_not_grown_but_the_same_one_has(hub: HubUnderTest) -> None:
    await hub.sent(
        (VISITS, "25813", "2026-10-03", 10), (VISITS, "25840", "2026-10-04", 90), (VISITS, "25840", "2026-10-05", 81),
    )  # fmt: skip

    points = await hub.points(VISITS, "bencat", "day", "2026-10-04", "2026-10-05", compare="previous")

    assert [point["coverage"]["units"] for point in points] == [[1, 7], [1, 7]]
    assert [point["previous"]["alike"] for point in points] == [False, True]
    assert [point["previous"]["change"] for point in points] == [None, -9]


async def test_year_to_date_figures_become_the_amounts_of_their_months(hub: HubUnderTest) -> None:
    await hub.sent(
        (REVENUE, "25813", "2025-12-31", "1200.5"),
        (REVENUE, "25813", "2026-01-31", "100.25"),
        (REVENUE, "25813", "2026-02-28", "150.75"),
        (REVENUE, "25813", "2026-03-31", "149.5"),  # corrected downward by the source
    )

    points = await hub.points(REVENUE, "25813", "month", "2026-01", "2026-03", compare="ytd")

    assert [point["value"] for point in points] == [100.25, 50.5, -1.25]
    assert [point["ytd"]["value"] for point in points] == [100.25, 150.75, 149.5]


async def test_a_ratio_is_sum_over_sum_and_never_a_mean_of_percentages(hub: HubUnderTest) -> None:
    received, online = "tthc.dossier.received", "tthc.dossier.received.online"
    await hub.sent(
        (received, "25813", "2026-10-05", 900), (online, "25813", "2026-10-05", 90),
        (received, "25840", "2026-10-05", 100), (online, "25840", "2026-10-05", 90),
    )  # fmt: skip

    wards = [await hub.point("tthc.dossier.online_rate", ward, "2026-10-05", "day") for ward in ("25813", "25840")]
    region = await hub.point("tthc.dossier.online_rate", "bencat", "2026-10-05", "day")

    assert [ward["value"] for ward in wards] == [10, 90]
    assert region["value"] == 18


async def test_a_value_without_readings_says_why(hub: HubUnderTest) -> None:
    await hub.sent(("tthc.dossier.received.online", "25813", "2026-10-05", 5), ("digital.dti.rank", "25813", "2024", 3))

    reasons = {
        "nothing": await hub.point(VISITS, "25813", "2026-10-05", "day"),
        "numerator only": await hub.point("tthc.dossier.online_rate", "25813", "2026-10-05", "day"),
        "a rank does not add up": await hub.point("digital.dti.rank", "bencat", "2026", "year"),
        "finer than the readings": await hub.point("digital.dti.rank", "25813", "2026-10-05", "day"),
    }

    assert {question: (point["value"], point["reason"]) for question, point in reasons.items()} == {
        "nothing": (None, "no-data"),
        "numerator only": (None, "missing-denominator"),
        "a rank does not add up": (None, "no-data"),
        "finer than the readings": (None, "grain-too-fine"),
    }


async def test_as_of_an_earlier_moment_gives_the_earlier_answer(hub: HubUnderTest) -> None:
    await hub.sent((VISITS, "25813", "2026-10-05", 10))
    [reported] = (await hub.client.get("/v1/readings", params={"indicator": VISITS, "unit": "25813"})).json()["items"]
    await hub.sent((VISITS, "25813", "2026-10-05", 12), (VISITS, "25840", "2026-10-05", 5))

    then = await hub.point(VISITS, "bencat", "2026-10-05", "day", asOf=reported["received_at"])
    now = await hub.point(VISITS, "bencat", "2026-10-05", "day")

    assert (then["value"], then["coverage"]["units"]) == (10, [1, 7])
    assert (now["value"], now["coverage"]["units"]) == (17, [2, 7])


async def test_an_answer_that_is_still_right_is_304_and_another_one_after_a_correction(hub: HubUnderTest) -> None:
    await hub.sent((VISITS, "25813", "2026-10-05", 10))
    query = {"indicator": VISITS, "unit": "bencat", "grain": "day", "from": "2026-10-05", "to": "2026-10-05"}
    first = await hub.client.get("/v1/aggregates", params=query)
    have = {"if-none-match": first.headers["etag"]}

    again = await hub.client.get("/v1/aggregates", params=query, headers=have)
    other_language = await hub.client.get("/v1/aggregates", params=query, headers=have | {"accept-language": "vi"})
    resent = await hub.sent((VISITS, "25813", "2026-10-05", 10))
    after_resend = await hub.client.get("/v1/aggregates", params=query, headers=have)
    await hub.sent((VISITS, "25813", "2026-10-05", 11))
    after_correction = await hub.client.get("/v1/aggregates", params=query, headers=have)

    assert (again.status_code, again.content) == (304, b"")
    assert other_language.status_code == 200
    assert resent["unchanged"] == 1
    assert after_resend.status_code == 304
    assert after_correction.json()["series"][0]["points"][0]["value"] == 11
    assert after_correction.headers["etag"] != first.headers["etag"]


async def test_figures_say_since_when_what_comes_is_not_rolled_up(hub: HubUnderTest) -> None:
    await hub.sent((VISITS, "25813", "2026-10-05", 10))
    figures = {"indicator": VISITS, "unit": "bencat", "grain": "day", "from": "2026-10-05", "to": "2026-10-05"}
    ranking = {"indicator": VISITS, "children_of": "bencat", "period": "2026-10-05"}
    explanation = {"indicator": VISITS, "unit": "bencat", "period": "2026-10-05"}

    async def asked(**headers: str) -> list[httpx.Response]:
        """Plainly, in the other way that there is, as a ranking, and where it comes from."""
        return [
            await hub.client.get("/v1/aggregates", params=figures, headers=headers),
            await hub.client.get("/v1/aggregates", params=figures | {"compare": "previous"}, headers=headers),
            await hub.client.get("/v1/rankings", params=ranking, headers=headers),
            await hub.client.get("/v1/aggregates/explain", params=explanation, headers=headers),
        ]

    first = await asked()
    await hub.fall_behind(VISITS, "25813")
    behind = await asked()
    as_of = await hub.client.get("/v1/aggregates", params=figures | {"asOf": datetime.now(UTC).isoformat()})

    assert [one.json()["waiting_since"] for one in first] == [None] * 4
    for before, now in zip(first, behind, strict=True):
        waiting = datetime.now(UTC) - datetime.fromisoformat(now.json()["waiting_since"])
        assert timedelta(minutes=2) <= waiting < timedelta(minutes=3)
        assert now.json() | {"waiting_since": None} == before.json()
        assert now.headers["etag"] != before.headers["etag"]
    assert as_of.json()["waiting_since"] is None, "it comes out of the readings"


async def test_the_same_figures_as_csv(hub: HubUnderTest) -> None:
    await hub.sent((VISITS, "25813", "2026-10-05", "0.1"), (VISITS, "25813", "2026-10-06", 10))
    query = {"indicator": VISITS, "unit": "25813", "grain": "day", "from": "2026-10-05", "to": "2026-10-06"}

    answer = await hub.client.get("/v1/aggregates", params=query, headers={"accept": "text/csv"})

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["period"], row["value"], row["origin"], row["partial"]) for row in rows] == [
        ("2026-10-05", "0.1", "reported", "false"),
        ("2026-10-06", "10", "reported", "false"),
    ]


async def test_units_are_ranked_best_first_by_the_indicators_direction(hub: HubUnderTest) -> None:
    waiting, visits = "health.waiting_time", VISITS  # less is better; more is better or neutral
    await hub.sent(
        *((waiting, ward, "2026-10-05", value) for ward, value in zip(WARDS, (30, 10, 20, 20), strict=False)),
        *((visits, ward, "2026-10-05", value) for ward, value in zip(WARDS, (30, 10, 20, 20), strict=False)),
    )

    async def ranked(indicator: str) -> list[tuple[Any, ...]]:
        query = {"indicator": indicator, "children_of": "bencat", "period": "2026-10-05"}
        items = (await hub.client.get("/v1/rankings", params=query)).json()["items"]
        return [(item["rank"], item["unit"], item["value"]) for item in items]

    silent = [(None, "25843", None), (None, "25846", None), (None, "25849", None)]
    assert await ranked(waiting) == [(1, "25813", 10), (2, "25837", 20), (2, "25840", 20), (4, "25768", 30), *silent]
    assert await ranked(visits) == [(1, "25768", 30), (2, "25837", 20), (2, "25840", 20), (4, "25813", 10), *silent]


async def test_an_explanation_names_law_units_readings_sources_batches_and_times(hub: HubUnderTest) -> None:
    receipt = await hub.sent((VISITS, "25813", "2026-10-05", 10), (VISITS, "25840", "2026-10-06", 5), source="clinic")

    query = {"indicator": VISITS, "unit": "bencat", "period": "2026-10"}
    told = (await hub.client.get("/v1/aggregates/explain", params=query)).json()

    assert told["rule"] == "Period by period summed over the units; then the sum of its periods."
    assert (told["figure"]["value"], told["figure"]["coverage"]["units"]) == (15, [2, 7])
    assert [(part["unit"], part["value"], part["base_periods"], part["first_period"]) for part in told["parts"]] == [
        ("25813", 10, 1, "2026-10-05"),
        ("25840", 5, 1, "2026-10-06"),
    ]
    assert told["readings_total"] == 2
    assert [(one["unit"], one["value"], one["source"], one["batch"]) for one in told["readings"]] == [
        ("25840", 5, "clinic", receipt["batch"]),
        ("25813", 10, "clinic", receipt["batch"]),
    ]
    assert all(one["received_at"] for one in told["readings"])


async def test_a_ratio_is_explained_by_its_parts(hub: HubUnderTest) -> None:
    await hub.sent(
        ("budget.revenue.total", "25813", "2026-10-31", 300), ("budget.revenue.estimate", "25813", "2026", 1200)
    )

    query = {"indicator": "budget.revenue.estimate_rate", "unit": "25813", "period": "2026-10"}
    told = (await hub.client.get("/v1/aggregates/explain", params=query)).json()

    assert told["figure"]["value"] == 25
    parts = [
        [told[part][key] for key in ("indicator", "name", "period", "value")] for part in ("numerator", "denominator")
    ]
    assert parts == [
        [REVENUE, "Total state budget revenue in the area", "2026-10", 300],
        ["budget.revenue.estimate", "Budget revenue estimate for the year", "2026", 1200],  # the one in force
    ]


async def test_each_part_says_what_its_own_readings_come_to(hub: HubUnderTest) -> None:
    """Of year-to-date figures (lũy kế) that is what was added in the period: the one that was taken off is listed too."""
    await hub.sent(
        (REVENUE, "25813", "2026-01-31", "100.25"), (REVENUE, "25813", "2026-02-14", 120),
        (REVENUE, "25813", "2026-02-28", "150.75"), (REVENUE, "25840", "2026-02-28", 7),
    )  # fmt: skip

    query = {"indicator": REVENUE, "unit": "bencat", "period": "2026-02"}
    told = (await hub.client.get("/v1/aggregates/explain", params=query)).json()

    assert told["figure"]["value"] == 57.5
    assert [(part["unit"], part["value"], part["base_periods"]) for part in told["parts"]] == [
        ("25813", 50.5, 2),
        ("25840", 7, 1),
    ]
    assert sorted((one["unit"], one["period"], one["value"]) for one in told["readings"]) == [
        ("25813", "2026-01-31", 100.25), ("25813", "2026-02-14", 120), ("25813", "2026-02-28", 150.75),
        ("25840", "2026-02-28", 7),
    ]  # fmt: skip


async def test_of_a_reading_that_was_corrected_it_is_told_how_often(hub: HubUnderTest) -> None:
    for value in (10, 11, 12):
        await hub.sent((VISITS, "25813", "2026-10-05", value), (VISITS, "25840", "2026-10-05", 5))

    query = {"indicator": VISITS, "unit": "bencat", "period": "2026-10-05"}
    told = (await hub.client.get("/v1/aggregates/explain", params=query)).json()

    assert [(one["unit"], one["value"], one["corrections"]) for one in told["readings"]] == [
        ("25813", 12, 2),
        ("25840", 5, 0),
    ]


async def test_an_hour_that_was_reported_is_explained_without_its_instants(hub: HubUnderTest) -> None:
    flow = "traffic.flow.total"
    await hub.sent(
        (flow, "25813", "2026-10-05T10:05:00+07:00", 1), (flow, "25813", "2026-10-05T10:10:00+07:00", 1),
        (flow, "25813", "2026-10-05T10", 50), (flow, "25813", "2026-10-05T11:05:00+07:00", 3),
    )  # fmt: skip

    query = {"indicator": flow, "unit": "bencat", "period": "2026-10-05"}
    told = (await hub.client.get("/v1/aggregates/explain", params=query)).json()

    assert told["figure"]["value"] == 53
    assert [(one["period"], one["value"]) for one in told["readings"]] == [
        ("2026-10-05T11:05:00", 3),
        ("2026-10-05T10", 50),
    ]


async def test_a_figure_of_before_a_move_is_listed_once(hub: HubUnderTest) -> None:
    """Of a ward's year-to-date figures one counts in its first region, and is taken off in the second: of the province it is one."""
    ward = {"code": "x1", "kind": "site", "name_vi": "x", "valid_from": "2024-01-01"}
    moves = [{"unit": "25813", "valid_to": "2026-02-15"}, {"unit": "25837", "valid_from": "2026-02-15"}]
    key = await hub.key("registry", scopes=["catalogue:write"])
    made = await hub.client.post("/v1/units", json={"units": [ward | {"parents": moves}]}, headers={"X-API-Key": key})
    assert made.status_code == 200, made.text
    await hub.sent((REVENUE, "x1", "2026-02-10", 100), (REVENUE, "x1", "2026-02-20", 130))

    query = {"indicator": REVENUE, "unit": "bencat", "period": "2026-02"}
    told = (await hub.client.get("/v1/aggregates/explain", params=query)).json()

    assert told["figure"]["value"] == 130
    assert [(part["unit"], part["value"]) for part in told["parts"]] == [("x1", 100), ("x1", 30)]
    assert [(one["period"], one["value"]) for one in told["readings"]] == [("2026-02-20", 130), ("2026-02-10", 100)]
    assert told["readings_total"] == 2


async def test_explanations_are_given_one_by_one(hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    await hub.sent((VISITS, "25813", "2026-10-05", 10))
    at_once, most, told = 0, 0, explain.explain

    async def watched(*asked: Any, **more: Any) -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            return await told(*asked, **more)
        finally:
            at_once -= 1

    monkeypatch.setattr("app.routers.aggregates.explain", watched)
    query = {"indicator": VISITS, "unit": "bencat", "period": "2026-10"}
    asked = [hub.client.get("/v1/aggregates/explain", params=query) for _ in range(5)]
    answers = await asyncio.gather(*asked)

    assert [answer.status_code for answer in answers] == [200] * 5
    assert most == 1

    monkeypatch.setattr(aggregates, "_TURN", 0)
    async with hub.hub.explaining:
        busy = await hub.client.get("/v1/aggregates/explain", params=query)
    assert (busy.status_code, busy.json()["code"], busy.headers["retry-after"]) == (503, "busy", "0")


async def test_of_more_than_can_be_told_a_shorter_period_is_asked_for(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.sent(*((VISITS, ward, f"2026-{month}-05", 10) for ward in WARDS[:2] for month in ("08", "09", "10")))
    monkeypatch.setattr(explain, "MOST_BEHIND", 5)
    query = {"indicator": VISITS, "unit": "bencat"}

    year = await hub.client.get("/v1/aggregates/explain", params=query | {"period": "2026"})
    month = await hub.client.get("/v1/aggregates/explain", params=query | {"period": "2026-10"})

    assert (year.status_code, year.json()["code"]) == (422, "too-many-readings")
    assert year.json()["detail"].startswith("More than 5 readings stand behind this figure")
    assert (month.status_code, month.json()["figure"]["value"]) == (200, 20)


async def test_several_targets_stand_side_by_side_each_with_its_setter(hub: HubUnderTest) -> None:
    key = await hub.key("planning", scopes=["targets:write"])
    rate, cell = "tthc.dossier.online_rate", {"unit": "25813", "period": "2026"}
    await hub.sent((rate, "25813", "2026", 67))

    for setter, value in (("UBND tỉnh", 50), ("UBND huyện", 100)):
        body = {"indicator": rate, **cell, "value": value, "setter": setter, "document": "Kế hoạch 2026"}
        answer = await hub.client.put("/v1/targets", json=body, headers={"X-API-Key": key})
        assert answer.status_code == 200, answer.text

    point = await hub.point(rate, "25813", "2026", "year", compare="target")
    assert [(one["setter"], one["value"], one["achieved_pct"], one["state"]) for one in point["targets"]] == [
        ("UBND tỉnh", 50, 134, "on_track"),
        ("UBND huyện", 100, 67, "off_track"),
    ]


async def test_a_changed_target_keeps_the_one_of_before_for_as_of_and_null_takes_it_back(hub: HubUnderTest) -> None:
    key = await hub.key("planning", scopes=["targets:write"])
    body = {"indicator": VISITS, "unit": "25813", "period": "2026", "setter": "UBND"}

    async def put(value: int | None) -> dict[str, Any]:
        answer = await hub.client.put("/v1/targets", json=body | {"value": value}, headers={"X-API-Key": key})
        target: dict[str, Any] = answer.json()
        return target

    async def known(**params: str) -> list[int]:
        answer = await hub.client.get("/v1/targets", params={"indicator": VISITS, "unit": "25813", **params})
        return [item["value"] for item in answer.json()["items"]]

    first = await put(100)
    assert await put(100) == first  # the same again is no change
    await put(120)
    assert await known() == [120]
    assert await known(asOf=first["recorded_at"]) == [100]
    await put(None)
    assert await known() == []


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"indicator": "no.such"}, 404, "unknown-indicator"),
        ({"unit": "99999"}, 404, "unknown-unit"),
        ({"unit": "721"}, 404, "unit-not-valid"),  # ended with the districts
        ({"from": "yesterday"}, 422, "invalid-request"),
        ({"from": "2026-12", "to": "2026-01"}, 422, "invalid-request"),
        ({"grain": "decade"}, 422, "invalid-request"),
        ({"compare": "last_week"}, 422, "invalid-request"),
        ({"asOf": "never"}, 422, "invalid-request"),
        ({"asOf": "2099-01-01"}, 422, "invalid-request"),  # what will be known then nobody knows
        ({"form": "2026"}, 422, "invalid-request"),  # misspelt, and not ignored
        ({"from": "1950", "grain": "hour"}, 422, "too-many-points"),
        ({"indicator": "security.crime.total"}, 401, "key-required"),
    ],
)
async def test_a_question_that_cannot_be_answered_is_refused_with_its_reason(
    hub: HubUnderTest, change: dict[str, str], status: int, code: str
) -> None:
    query = {"indicator": VISITS, "unit": "25813", "grain": "month", "from": "2026-01", "to": "2026-10"} | change

    answer = await hub.client.get("/v1/aggregates", params=query)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_format_that_cannot_be_made_is_406(hub: HubUnderTest) -> None:
    query = {"indicator": VISITS, "unit": "25813", "from": "2026-01", "to": "2026-10"}

    answer = await hub.client.get("/v1/aggregates", params=query, headers={"accept": "application/pdf"})

    assert (answer.status_code, answer.json()["code"]) == (406, "not-acceptable")


async def test_a_question_that_would_take_too_long_is_refused_however_few_its_points(hub: HubUnderTest) -> None:
    query = {
        "indicator": "tthc.queue.tickets",
        "unit": "79@2026-01-01",
        "grain": "hour",
        "from": "2025-07-01",
        "to": "2027-09-20",
    }

    answer = await hub.client.get("/v1/aggregates", params=query | {"compare": "previous,year_ago,ytd"})

    assert (answer.status_code, answer.json()["code"]) == (422, "too-many-points")


async def test_a_target_keeps_its_digits_and_half_a_character_is_refused(hub: HubUnderTest) -> None:
    headers = {"X-API-Key": await hub.key("planning", scopes=["targets:write"]), "content-type": "application/json"}
    body = '{"indicator": "%s", "unit": "25813", "period": "2026", "setter": "UBND", "value": %s}'
    digits = "12345678901234567890.123456789012"

    exact = await hub.client.put("/v1/targets", content=body % (VISITS, digits), headers=headers)
    half = await hub.client.put("/v1/targets", content=body % ("\\ud800", "1"), headers=headers)

    assert f'"value":{digits}' in exact.text
    assert (half.status_code, half.json()["code"]) == (422, "malformed-body")


async def test_the_parts_of_a_ratio_that_are_not_public_stay_so_in_its_explanation(hub: HubUnderTest) -> None:
    public = "infosec.endpoint.protected_rate"
    await hub.sent(
        ("infosec.endpoint.protected", "25840", "2026-Q3", 17), ("infosec.endpoint.total", "25840", "2026-Q3", 34)
    )
    elsewhere = await hub.key("reader", scopes=["readings:read"], domains=["health"])

    rate = await hub.point(public, "25840", "2026-Q3", "quarter")
    query = {"indicator": public, "unit": "25840", "period": "2026-Q3"}
    told = await hub.client.get("/v1/aggregates/explain", params=query)
    other = await hub.client.get("/v1/aggregates/explain", params=query, headers={"X-API-Key": elsewhere})

    assert rate["value"] == 50
    assert (told.status_code, told.json()["code"]) == (401, "key-required")
    assert (other.status_code, other.json()["code"]) == (403, "outside-scope")
