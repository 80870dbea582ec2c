"""The first view of a phone, and the notices in it: one call, for everybody what is public and for a citizen the own reports."""

from typing import Any
from uuid import uuid4

import httpx
import time_machine

from tests.api.test_report_visitors import ME
from tests.api.test_reports import ANSWER, TO_THE_PUBLIC, Centre, a_report
from tests.api.test_reports import centre as centre  # noqa: PLC0414 (a fixture)

POWER_CUT = {
    "unit": "25813",
    "title_vi": "Cắt điện để sửa chữa",
    "title_en": "Power cut for repairs",
    "body_vi": "Đường Hùng Vương, từ 7 giờ đến 11 giờ.",
    "valid_from": "2026-11-23T00:00:00+07:00",
    "valid_until": "2026-11-24T00:00:00+07:00",
}


async def home(centre: Centre, who: str | None = None, **more: Any) -> httpx.Response:
    headers = {} if who is None else {"X-API-Key": await centre.key(who)}
    return await centre.hub.client.get("/v1/app/home", headers=headers | more.pop("headers", {}), params=more)


async def shown(centre: Centre, who: str | None = None, **more: Any) -> dict[str, Any]:
    response = await home(centre, who, **more)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def write(centre: Centre, notice: dict[str, Any], key: str, notice_id: str | None = None) -> httpx.Response:
    path = f"/v1/notices/{notice_id or uuid4()}"
    return await centre.hub.client.put(path, json=notice, headers={"X-API-Key": key})


async def titles(centre: Centre, **query: Any) -> list[str]:
    response = await centre.hub.client.get("/v1/notices", params=query)
    assert response.status_code == 200, response.text
    return [one["title"] for one in response.json()["items"]]


# --- the first view ---


async def test_the_figures_are_those_of_the_wall_as_everybody_sees_it(centre: Centre) -> None:
    client = centre.hub.client
    wall = (await client.get("/v1/screens/tong-quan/data", params={"unit": "721"})).json()
    tiles = {tile["domain"]: tile for tile in wall["data"]["linh-vuc"]["tiles"]}

    found = await shown(centre, unit="721")

    assert found["unit"] == wall["unit"]
    figures = {tile["domain"]: tile for tile in found["figures"]}
    assert figures == {
        domain: tile for domain, tile in tiles.items() if (tile["figure"] or {}).get("reason") != "not-public"
    }
    digital = figures["digital"]["figure"]
    assert {"value", "measure", "period", "grain", "age", "observed_at"} <= digital.keys()
    assert found["reports"] is None


async def test_a_phone_that_has_it_already_is_told_so_until_something_changes(centre: Centre) -> None:
    first = await home(centre, "app", subject="an")
    same = await home(centre, "app", subject="an", headers={"if-none-match": first.headers["etag"]})
    await centre.sent(subject="an")
    changed = await home(centre, "app", subject="an", headers={"if-none-match": first.headers["etag"]})

    assert (first.status_code, same.status_code, same.content) == (200, 304, b"")
    assert changed.status_code == 200
    assert len(changed.json()["reports"]["items"]) == 1


async def test_a_citizen_sees_the_own_reports_and_nobody_elses(centre: Centre) -> None:
    mine, _ = await centre.sent(subject="an"), await centre.sent(subject="binh")

    own = (await shown(centre, "app", subject="an"))["reports"]
    other_app = (await shown(centre, "other-app", subject="an"))["reports"]
    without_key = (await shown(centre, subject="an"))["reports"]

    assert [one["id"] for one in own["items"]] == [mine["id"]]
    assert (own["more"], own["unseen"]) == (False, None)
    assert other_app["items"] == without_key["items"] == []
    assert (await shown(centre, "app"))["reports"] is None


async def test_a_visitor_and_who_has_a_token_see_theirs(centre: Centre) -> None:
    body = a_report()
    await centre.ask("POST", "", None, json=body, headers={"X-Visitor-Token": ME})
    nameless = await centre.sent()

    of_browser = (await shown(centre, headers={"X-Visitor-Token": ME}))["reports"]
    of_report = (await shown(centre, headers={"X-Report-Token": nameless["follow_up"]}))["reports"]

    assert [one["id"] for one in of_browser["items"]] == [body["id"]]
    assert [one["id"] for one in of_report["items"]] == [nameless["id"]]


async def test_answers_since_the_last_look_are_counted(centre: Centre) -> None:
    with time_machine.travel("2026-11-23T09:00:00+07:00", tick=False):
        answered, asked, waiting, taken_back = [await centre.sent(subject="an") for _ in range(4)]
    with time_machine.travel("2026-11-23T10:00:00+07:00", tick=False):
        await centre.moved(answered, ("moderate", "accepted"), ("handle", "processing"), ("handle", "resolved", ANSWER))
        await centre.moved(asked, ("moderate", "need_info", {"reason": "Ở đâu?"}))
        await centre.moved(waiting, ("moderate", "accepted"))
        await centre.moved(taken_back, ("app", "rejected", {"rejection": "withdrawn", "subject": "an"}))

        async def unseen(since: str) -> int | None:
            count: int | None = (await shown(centre, "app", subject="an", since=since))["reports"]["unseen"]
            return count

        assert await unseen("2026-11-23T09:30:00+07:00") == 2
        assert await unseen("2026-11-23T10:00:00+07:00") == 0


async def test_of_many_reports_the_newest_are_shown(centre: Centre) -> None:
    sent = [await centre.sent(subject="an") for _ in range(21)]

    own = (await shown(centre, "app", subject="an"))["reports"]

    assert [one["id"] for one in own["items"]] == [one["id"] for one in reversed(sent[1:])]
    assert own["more"] is True


async def test_what_there_is_not_is_said(centre: Centre) -> None:
    answers = [
        await home(centre, unit="99999"),
        await home(centre, screen="no-such"),
        await home(centre, since="gestern"),
    ]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [
        (404, "unknown-unit"), (404, "unknown-screen"), (422, "invalid-request"),
    ]  # fmt: skip


# --- notices ---


@time_machine.travel("2026-11-23T09:00:00+07:00", tick=False)
async def test_a_notice_is_for_its_unit_and_all_below_it_while_it_holds(centre: Centre) -> None:
    key = await centre.hub.key(scopes=["notices:write"])
    await write(centre, POWER_CUT, key)
    await write(centre, POWER_CUT | {"unit": "bencat", "title_en": "Everybody", "valid_until": None}, key)
    await write(centre, POWER_CUT | {"title_en": "Tomorrow", "valid_from": "2026-11-23T10:00:00+07:00"}, key)

    here, city, elsewhere = [await titles(centre, unit=unit) for unit in ("25813", "bencat", "25840")]
    everywhere = await titles(centre)
    on_phone = (await shown(centre, unit="25813"))["notices"]
    with time_machine.travel("2026-11-24T00:00:00+07:00", tick=False):
        later = await titles(centre, unit="25813")

    assert sorted(here) == sorted(everywhere) == ["Everybody", "Power cut for repairs"]
    assert city == elsewhere == later == ["Everybody"]
    assert sorted(one["title"] for one in on_phone) == sorted(here)
    assert on_phone[0]["valid_from"] == "2026-11-23T00:00:00+07:00"


@time_machine.travel("2026-11-23T09:00:00+07:00", tick=False)
async def test_a_notice_is_changed_and_taken_away_under_its_id(centre: Centre) -> None:
    key, notice_id = await centre.hub.key(scopes=["notices:write"]), str(uuid4())

    made = await write(centre, POWER_CUT, key, notice_id)
    changed = await write(centre, POWER_CUT | {"title_en": "No power cut"}, key, notice_id)
    gone = [await centre.hub.client.delete(f"/v1/notices/{notice_id}", headers={"X-API-Key": key}) for _ in range(2)]

    assert [one.status_code for one in (made, changed, *gone)] == [201, 200, 204, 404]
    assert (changed.json()["title"], changed.json()["unit_name"]) == ("No power cut", "Ben Cat Ward")
    assert await titles(centre) == []


async def test_only_who_may_writes_notices_and_only_for_the_own_units(centre: Centre) -> None:
    ward = await centre.hub.key(scopes=["notices:write"], units=["25813"])
    city = await centre.hub.key(scopes=["notices:write"])
    foreign = str(uuid4())
    await write(centre, POWER_CUT | {"unit": "bencat"}, city, foreign)

    assert (await write(centre, POWER_CUT, await centre.key("moderate"))).json()["code"] == "scope-missing"
    for refused in (
        await write(centre, POWER_CUT | {"unit": "bencat"}, ward),
        await write(centre, POWER_CUT, ward, foreign),
        await centre.hub.client.delete(f"/v1/notices/{foreign}", headers={"X-API-Key": ward}),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "outside-scope")
    assert (await centre.hub.client.put(f"/v1/notices/{foreign}", json=POWER_CUT)).status_code == 401


@time_machine.travel("2026-11-23T09:00:00+07:00", tick=False)
async def test_who_writes_notices_sees_those_of_other_days_too(centre: Centre) -> None:
    ward = await centre.hub.key(scopes=["notices:write"], units=["25813"])
    city = await centre.hub.key(scopes=["notices:write"])
    await write(centre, POWER_CUT | {"valid_from": "2027-01-01T00:00:00+07:00", "valid_until": None}, ward)
    await write(centre, POWER_CUT | {"unit": "bencat"}, city)

    async def mine(key: str | None) -> httpx.Response:
        headers = {} if key is None else {"X-API-Key": key}
        return await centre.hub.client.get("/v1/notices", params={"mine": "true"}, headers=headers)

    assert [len((await mine(key)).json()["items"]) for key in (ward, city)] == [1, 2]
    assert (await mine(None)).status_code == 401
    assert await titles(centre, unit="25813") == ["Power cut for repairs"]


async def test_a_notice_that_would_end_before_it_begins_is_refused(centre: Centre) -> None:
    key = await centre.hub.key(scopes=["notices:write"])

    both = await write(centre, POWER_CUT | {"valid_until": POWER_CUT["valid_from"]}, key)
    past = {name: value for name, value in POWER_CUT.items() if name != "valid_from"}
    past_end = await write(centre, past | {"valid_until": "2020-01-01T00:00:00Z"}, key)

    assert [one.status_code for one in (both, past_end)] == [422, 422]
    assert past_end.json()["errors"][0]["pointer"] == "/valid_until"


async def test_a_report_that_everybody_sees_is_no_notice(centre: Centre) -> None:
    await centre.moved(await centre.sent(), *TO_THE_PUBLIC)

    assert (await shown(centre, unit="25813"))["notices"] == []
