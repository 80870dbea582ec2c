"""Displays: walls that look without anybody logging in, how they come to their token, and how they lose it."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
import time_machine
from sqlalchemy import text

from app.displays import MOST_PAIRINGS, Viewer, require_shown
from app.errors import OutsideDisplay
from tests.conftest import HubUnderTest, running_on_reference

BEN_CAT, LONG_NGUYEN, DAU_TIENG_TOWN = "25813", "25840", "25777"
REGION = "bencat"  # over seven wards since 1 July 2025, the two first ones among them
ME = {"screen": "tong-quan", "page": 2}


def refused(answer: httpx.Response) -> tuple[int, str]:
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return answer.status_code, problem["code"]


def mistakes(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(one["pointer"], one["detail"]) for one in answer.json()["errors"]]


@contextlib.asynccontextmanager
async def browser(hub: HubUnderTest, origin: str = "http://hub") -> AsyncIterator[httpx.AsyncClient]:
    """A wall: it keeps its cookies."""
    transport = httpx.ASGITransport(app=hub.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=origin, headers={"accept-language": "en"}) as client:
        yield client


@pytest.fixture
async def wall(hub: HubUnderTest) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(hub) as client:
        yield client


@pytest.fixture
async def operator(hub: HubUnderTest) -> httpx.Headers:
    """What the operator of all displays sends along."""
    return httpx.Headers({"X-API-Key": await hub.key("operator", ["screens:write", "readings:read"])})


async def added(hub: HubUnderTest, operator: httpx.Headers, **asked: Any) -> dict[str, Any]:
    answer = await hub.client.post("/v1/displays", json={"name": "Sảnh tầng 1", **asked}, headers=operator)
    assert answer.status_code == 201, answer.text
    display: dict[str, Any] = answer.json()
    return display


async def waiting(wall: httpx.AsyncClient) -> dict[str, Any]:
    answer = await wall.post("/v1/displays/pairings")
    assert answer.status_code == 201, answer.text
    pairing: dict[str, Any] = answer.json()
    return pairing


async def listed(hub: HubUnderTest, operator: httpx.Headers) -> list[dict[str, Any]]:
    answer = await hub.client.get("/v1/displays", headers=operator)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def cookie(token: str) -> dict[str, str]:
    return {"cookie": f"ioc_display={token}"}


# --- pairing ---


async def test_a_wall_shows_a_code_and_is_paired_when_an_operator_confirms_it(
    hub: HubUnderTest, wall: httpx.AsyncClient, operator: httpx.Headers
) -> None:
    pairing = await waiting(wall)
    assert re.fullmatch("[ACDEFGHJKMNPQRTVWXY234679]{3}-[ACDEFGHJKMNPQRTVWXY234679]{3}", pairing["code"])
    assert (len(pairing["id"]) >= 43, pairing["expires_in"]) == (True, 900)
    still = await wall.get(f"/v1/displays/pairings/{pairing['id']}")
    assert (still.json(), still.headers.get("set-cookie")) == ({"paired": False}, None)
    assert refused(await wall.put("/v1/displays/me", json=ME)) == (401, "display-required")

    typed = pairing["code"].lower().replace("-", " ")
    display = await added(hub, operator, screens=["mot-cua", "tong-quan"], units=[REGION], code=typed)
    assert "token" not in display
    [before] = await listed(hub, operator)
    done = await wall.get(f"/v1/displays/pairings/{pairing['id']}")

    assert (display["paired"], before["paired"]) == (False, False)
    assert done.json() == {
        "paired": True,
        "display": {
            "id": display["id"],
            "name": "Sảnh tầng 1",
            "screens": ["mot-cua", "tong-quan"],
            "units": ["bencat@2025-07-01"],
        },
    }
    assert done.headers["cache-control"] == "no-store"
    assert (await wall.put("/v1/displays/me", json=ME)).status_code == 204
    [now] = await listed(hub, operator)
    assert (now["paired"], now["screen"], now["page"], now["revoked_at"]) == (True, "tong-quan", 2, None)
    assert datetime.now(UTC) - datetime.fromisoformat(now["last_seen_at"]) < timedelta(minutes=1)


async def test_a_code_works_once_and_so_does_the_secret(
    hub: HubUnderTest, wall: httpx.AsyncClient, operator: httpx.Headers
) -> None:
    pairing = await waiting(wall)
    await added(hub, operator, code=pairing["code"])

    for _ in ("confirmed", "fetched"):
        again = await hub.client.post("/v1/displays", json={"name": "again", "code": pairing["code"]}, headers=operator)
        assert refused(again) == (409, "pairing-not-open")
        await wall.get(f"/v1/displays/pairings/{pairing['id']}")
    twice = await wall.get(f"/v1/displays/pairings/{pairing['id']}")

    assert (refused(twice), twice.headers.get("set-cookie")) == ((404, "unknown-pairing"), None)
    assert [one["name"] for one in await listed(hub, operator)] == ["Sảnh tầng 1"]


async def test_a_code_expires_after_a_quarter_of_an_hour_and_a_confirmed_one_so_long_after(
    hub: HubUnderTest, wall: httpx.AsyncClient, operator: httpx.Headers
) -> None:
    forgotten, confirmed, start = await waiting(wall), await waiting(wall), datetime.now(UTC)
    with time_machine.travel(start + timedelta(minutes=14)):
        await added(hub, operator, code=confirmed["code"])

    with time_machine.travel(start + timedelta(minutes=16)):
        assert refused(await wall.get(f"/v1/displays/pairings/{forgotten['id']}")) == (404, "unknown-pairing")
        late = await hub.client.post("/v1/displays", json={"name": "x", "code": forgotten["code"]}, headers=operator)
        assert refused(late) == (409, "pairing-not-open")
        assert "for 15 minutes" in late.json()["detail"]
        assert (await wall.get(f"/v1/displays/pairings/{confirmed['id']}")).json()["paired"]


async def test_of_two_walls_that_wait_only_the_confirmed_one_is_paired(
    hub: HubUnderTest, wall: httpx.AsyncClient, operator: httpx.Headers
) -> None:
    async with browser(hub) as other:
        mine, theirs = await asyncio.gather(waiting(wall), waiting(other))
        assert (mine["code"] != theirs["code"], mine["id"] != theirs["id"]) == (True, True)

        await added(hub, operator, code=theirs["code"])

        assert (await wall.get(f"/v1/displays/pairings/{mine['id']}")).json() == {"paired": False}
        assert (await other.get(f"/v1/displays/pairings/{theirs['id']}")).json()["paired"]
        assert (await wall.put("/v1/displays/me", json=ME)).status_code == 401
        assert (await other.put("/v1/displays/me", json=ME)).status_code == 204


async def test_of_those_who_confirm_a_code_at_once_one_succeeds(
    hub: HubUnderTest, wall: httpx.AsyncClient, operator: httpx.Headers
) -> None:
    pairing = await waiting(wall)

    answers = await asyncio.gather(
        *(
            hub.client.post("/v1/displays", json={"name": f"{n}", "code": pairing["code"]}, headers=operator)
            for n in range(4)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert len(await listed(hub, operator)) == 1


async def test_of_those_who_come_for_the_token_at_once_one_gets_it(
    hub: HubUnderTest, wall: httpx.AsyncClient, operator: httpx.Headers
) -> None:
    pairing = await waiting(wall)
    await added(hub, operator, code=pairing["code"])

    answers = await asyncio.gather(*(hub.client.get(f"/v1/displays/pairings/{pairing['id']}") for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]
    assert sum("set-cookie" in answer.headers for answer in answers) == 1


async def test_only_so_many_walls_wait_at_once(
    hub: HubUnderTest, wall: httpx.AsyncClient, operator: httpx.Headers
) -> None:
    await waiting(wall)
    async with hub.session() as session:
        crowd = "INSERT INTO pairing SELECT n::text::bytea, n::text, NULL, clock_timestamp() + interval '10 min' FROM generate_series(2, :most) n"
        await session.execute(text(crowd), {"most": MOST_PAIRINGS})

    full = await wall.post("/v1/displays/pairings")

    assert refused(full) == (429, "too-many-pairings")
    assert 590 < int(full.headers["retry-after"]) <= 601
    assert f"try again in {full.headers['retry-after']} seconds" in full.json()["detail"]
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10, seconds=1)):
        await waiting(wall)
    assert (await added(hub, operator))["token"], "who has a key is not held up"


async def test_a_display_that_is_revoked_before_its_wall_came_gets_no_token(
    hub: HubUnderTest, wall: httpx.AsyncClient, operator: httpx.Headers
) -> None:
    pairing = await waiting(wall)
    display = await added(hub, operator, code=pairing["code"])

    assert (await hub.client.delete(f"/v1/displays/{display['id']}", headers=operator)).status_code == 204

    assert refused(await wall.get(f"/v1/displays/pairings/{pairing['id']}")) == (404, "unknown-pairing")


# --- the token ---


async def test_a_token_carried_to_the_wall_becomes_its_cookie(
    hub: HubUnderTest, wall: httpx.AsyncClient, operator: httpx.Headers
) -> None:
    token = (await added(hub, operator))["token"]
    assert re.fullmatch("iocd_[A-Za-z0-9_-]{43}", token)

    wrong = await wall.post("/v1/displays/session", json={"token": token[:-1]})
    assert (refused(wrong), wrong.headers.get("set-cookie")) == ((401, "key-refused"), None)
    assert (await wall.put("/v1/displays/me", json=ME)).status_code == 401
    answer = await wall.post("/v1/displays/session", json={"token": token})

    assert (answer.status_code, answer.content) == (204, b"")
    flags = "HttpOnly; Max-Age=34560000; Path=/; SameSite=strict"
    assert answer.headers["set-cookie"] == f"ioc_display={token}; {flags}"
    renewed = await wall.put("/v1/displays/me", json=ME)
    assert (renewed.status_code, renewed.headers["set-cookie"]) == (204, answer.headers["set-cookie"])
    by_header = await hub.client.put("/v1/displays/me", json=ME, headers={"X-API-Key": token})
    assert (by_header.status_code, by_header.headers.get("set-cookie")) == (204, None)


async def test_a_cookie_given_over_https_is_never_sent_without(hub: HubUnderTest, operator: httpx.Headers) -> None:
    token = (await added(hub, operator))["token"]
    async with browser(hub, "https://hub") as wall:
        answer = await wall.post("/v1/displays/session", json={"token": token})
        assert answer.headers["set-cookie"].endswith("; SameSite=strict; Secure")
        pairing = await waiting(wall)
        await added(hub, operator, code=pairing["code"])
        paired = await wall.get(f"/v1/displays/pairings/{pairing['id']}")
        assert paired.headers["set-cookie"].endswith("; SameSite=strict; Secure")


async def test_a_token_is_nowhere_and_a_pairings_secret_neither(
    hub: HubUnderTest, wall: httpx.AsyncClient, operator: httpx.Headers, capsys: pytest.CaptureFixture[str]
) -> None:
    pairing, token = await waiting(wall), (await added(hub, operator))["token"]
    await wall.get(f"/v1/displays/pairings/{pairing['id']}")

    async with hub.session() as session:
        rows = await session.scalars(text("SELECT d::text FROM display d UNION ALL SELECT p::text FROM pairing p"))
        stored = "\n".join(rows)
    logged = "".join(capsys.readouterr())
    for secret in (pairing["id"], token.removeprefix("iocd_")):
        assert secret.encode().hex() not in stored
        assert secret not in stored + logged
    assert "/v1/displays/pairings/{secret}" in logged
    assert token not in (await hub.client.get("/v1/displays", headers=operator)).text


async def test_a_display_is_seen_to_the_minute(hub: HubUnderTest, operator: httpx.Headers) -> None:
    token = (await added(hub, operator))["token"]

    async def last_seen() -> Any:
        return (await listed(hub, operator))[0]["last_seen_at"]

    assert await last_seen() is None
    await hub.client.get("/v1/domains", headers=cookie(token))
    first = await last_seen()
    assert first is not None
    await hub.client.get("/v1/domains", headers=cookie(token))
    assert await last_seen() == first  # so that a wall that asks each second is not written each time
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=2)):
        await hub.client.get("/v1/domains", headers={"X-API-Key": token})
    assert await last_seen() > first


async def test_a_revoked_token_stops_working_in_every_process(
    hub: HubUnderTest, operator: httpx.Headers, reference_database: str
) -> None:
    async with running_on_reference(reference_database, hub.hub.settings) as other:
        display = await added(hub, operator)
        key = {"X-API-Key": display["token"]}
        # Given by one process, good in the other at once: a wall does not choose which of them it asks next.
        assert (await other.client.put("/v1/displays/me", json=ME, headers=key)).status_code == 204
        viewer = await other.hub.displays.viewer(display["token"])
        assert await other.hub.displays.remains(viewer)

        for _ in ("now", "again"):
            answer = await hub.client.delete(f"/v1/displays/{display['id']}", headers=operator)
            assert answer.status_code == 204

        for process in (hub, other):
            await process.settle()
            gone = await process.client.put("/v1/displays/me", json=ME, headers=key)
            assert refused(gone) == (401, "key-refused")
            at = datetime.fromisoformat((await listed(hub, operator))[0]["revoked_at"])
            assert f"was revoked at {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" in gone.json()["detail"]
            assert not await process.hub.displays.remains(viewer)


async def test_without_the_change_feed_the_database_is_asked(hub: HubUnderTest, operator: httpx.Headers) -> None:
    display = await added(hub, operator)
    key = {"X-API-Key": display["token"]}
    assert (await hub.client.put("/v1/displays/me", json=ME, headers=key)).status_code == 204
    await hub.settle()  # what it has still to hear would make it live again
    hub.hub.changes.live = False

    await hub.client.delete(f"/v1/displays/{display['id']}", headers=operator)

    assert (await hub.client.put("/v1/displays/me", json=ME, headers=key)).status_code == 401


async def test_a_wall_is_never_refused_for_its_cookie(hub: HubUnderTest, operator: httpx.Headers) -> None:
    display = await added(hub, operator)
    await hub.client.delete(f"/v1/displays/{display['id']}", headers=operator)
    await hub.settle()

    for token in (display["token"], "iocd_" + "x" * 43, "iocd_", "nonsense", "", "ioc_abcdefgh_x", "%00", "\xff\xfe"):
        headers = {b"cookie": f"ioc_display={token}".encode("latin-1")}
        answer = await hub.client.get("/v1/domains", headers=headers)
        assert (answer.status_code, answer.headers.get("set-cookie")) == (200, None), token
        answer = await hub.client.get(
            "/v1/aggregates?unit=721&indicator=digital.task.done&from=2024&to=2024", headers=headers
        )
        assert answer.status_code == 200, token
        assert refused(await hub.client.put("/v1/displays/me", json=ME, headers=headers)) == (401, "display-required")
    # What somebody put into the header is meant, and told.
    for token, why in [
        (display["token"], "was revoked at"),
        (display["token"] + "x", "of a display is not known"),
        ("iocd_", "of a display is not known"),
    ]:
        answer = await hub.client.get("/v1/domains", headers={"X-API-Key": token})
        assert (refused(answer), why in answer.json()["detail"]) == ((401, "key-refused"), True), token


async def test_a_display_only_looks(hub: HubUnderTest, operator: httpx.Headers) -> None:
    token = (await added(hub, operator))["token"]
    reading = {"indicator": "tthc.dossier.received", "unit": BEN_CAT, "period": "2025-08-01", "value": 1}
    target = {"indicator": "tthc.dossier.received", "unit": BEN_CAT, "period": "2025", "value": 1, "setter": "x"}
    calls = [
        ("POST", "/v1/readings", {"readings": [reading]}),
        ("PUT", "/v1/targets", target),
        ("PATCH", "/v1/domains/tthc", {"active": False}),
        ("POST", "/v1/units", {"units": [{"code": "x", "kind": "agency", "name_vi": "x"}]}),
        ("POST", "/v1/displays", {"name": "another"}),
        ("GET", "/v1/displays", None),
        ("DELETE", "/v1/displays/1", None),
    ]
    for method, path, body in calls:
        by_header = await hub.client.request(method, path, json=body, headers={"X-API-Key": token})
        assert refused(by_header) == (401, "key-refused"), path
        assert "is that of a display, which may only look at its screens" in by_header.json()["detail"]
        by_cookie = await hub.client.request(method, path, json=body, headers=cookie(token))
        assert refused(by_cookie) == (401, "key-required"), path
    assert (await hub.client.put("/v1/displays/me", json=ME, headers=operator)).status_code == 401
    both = {**operator, **cookie(token)}
    assert (await hub.client.get("/v1/displays", headers=both)).status_code == 200, (
        "a key counts, not the cookie beside it"
    )


# --- who may make them ---


async def test_displays_are_for_keys_with_the_scope(hub: HubUnderTest) -> None:
    writer = {"X-API-Key": await hub.key(scopes=["readings:write", "catalogue:write"])}
    for headers, expected in ((writer, (403, "scope-missing")), ({}, (401, "key-required"))):
        assert refused(await hub.client.post("/v1/displays", json={"name": "x"}, headers=headers)) == expected
        assert refused(await hub.client.get("/v1/displays", headers=headers)) == expected
        assert refused(await hub.client.delete("/v1/displays/1", headers=headers)) == expected


async def test_a_key_for_some_units_has_displays_for_these_only(hub: HubUnderTest, operator: httpx.Headers) -> None:
    region = {"X-API-Key": await hub.key("region", ["screens:write", "readings:read"], units=[REGION])}
    everything, ward = await added(hub, operator), await added(hub, operator, units=[LONG_NGUYEN])

    for units in (None, [DAU_TIENG_TOWN], [BEN_CAT, "79"]):
        answer = await hub.client.post("/v1/displays", json={"name": "Wall", "units": units}, headers=region)
        assert refused(answer) == (403, "outside-scope")
        assert "bencat@2025-07-01" in answer.json()["detail"]
    own = (await hub.client.post("/v1/displays", json={"name": "own", "units": [BEN_CAT]}, headers=region)).json()

    assert [one["id"] for one in await listed(hub, httpx.Headers(region))] == [ward["id"], own["id"]]
    theirs = await hub.client.delete(f"/v1/displays/{everything['id']}", headers=region)
    assert refused(theirs) == (403, "outside-scope")
    assert (await hub.client.delete(f"/v1/displays/{own['id']}", headers=region)).status_code == 204
    assert [one["revoked_at"] is None for one in await listed(hub, operator)] == [True, True, False]
    # A screen shows all domains: a key for some of them lets nobody look.
    domain = {"X-API-Key": await hub.key("schools", ["screens:write", "readings:read"], domains=["education"])}
    assert refused(await hub.client.post("/v1/displays", json={"name": "x"}, headers=domain)) == (403, "outside-scope")
    assert await listed(hub, httpx.Headers(domain)) == []


async def test_a_refused_display_leaves_the_code_open(
    hub: HubUnderTest, wall: httpx.AsyncClient, operator: httpx.Headers
) -> None:
    pairing = await waiting(wall)
    region = {"X-API-Key": await hub.key("region", ["screens:write", "readings:read"], units=[REGION])}
    body = {"name": "Wall", "code": pairing["code"]}
    assert refused(await hub.client.post("/v1/displays", json=body, headers=region)) == (403, "outside-scope")
    assert mistakes(await hub.client.post("/v1/displays", json=body | {"screens": ["x"]}, headers=operator))

    await added(hub, operator, code=pairing["code"])


async def test_screens_and_units_that_there_are_not_are_named(hub: HubUnderTest, operator: httpx.Headers) -> None:
    removed = await hub.client.delete("/v1/screens/ngan-sach", headers={**operator, "if-match": '"1"'})
    assert removed.status_code == 204, removed.text
    body = {"name": "x", "screens": ["tong-quan", "ngan-sach", "nha"], "units": [BEN_CAT, "25831x", "721@2026-01-01"]}

    answer = await hub.client.post("/v1/displays", json=body, headers=operator)

    found = mistakes(answer)
    assert [pointer for pointer, _ in found] == ["/screens/1", "/screens/2", "/units/1", "/units/2"]
    assert "There is no screen 'ngan-sach'. There are: " in found[0][1]
    assert "giao-thong, mot-cua, phan-anh, tong-quan" in found[0][1]
    assert found[2][1].startswith("There is no unit '25831x'. Nearest: ")
    assert found[3][1].startswith("Unit '721@2026-01-01' does not exist in ")
    assert await listed(hub, operator) == []


async def test_displays_come_in_pages(hub: HubUnderTest, operator: httpx.Headers) -> None:
    names = [f"Wall {number}" for number in range(5)]
    for name in names:
        await added(hub, operator, name=name)

    found, cursor = [], None
    while True:
        query = {"limit": "2"} | ({} if cursor is None else {"cursor": cursor})
        page = (await hub.client.get("/v1/displays", params=query, headers=operator)).json()
        found += [one["name"] for one in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert found == names


MALFORMED: list[tuple[str, str, Any]] = [
    ("POST", "", {}),
    ("POST", "", []),
    ("POST", "", {"name": ""}),
    ("POST", "", {"name": "   "}),
    ("POST", "", {"name": "x" * 101}),
    ("POST", "", {"name": "a\x00b"}),
    ("POST", "", {"name": "x", "screens": []}),
    ("POST", "", {"name": "x", "screens": "tong-quan"}),
    ("POST", "", {"name": "x", "screens": ["../x"]}),
    ("POST", "", {"name": "x", "screens": ["a"] * 101}),
    ("POST", "", {"name": "x", "units": []}),
    ("POST", "", {"name": "x", "units": ["a\x00"]}),
    ("POST", "", {"name": "x", "units": ["721@2024-02-31"]}),
    ("POST", "", {"name": "x", "code": "K" * 21}),
    ("POST", "", {"name": "x", "code": 123}),
    ("POST", "", {"name": "x", "token": "mine"}),
    ("POST", "/session", {}),
    ("POST", "/session", {"token": 5}),
    ("POST", "/session", {"token": "x" * 201}),
    ("PUT", "/me", {"screen": "tong-quan"}),
    ("PUT", "/me", {"screen": "Sảnh", "page": 1}),
    ("PUT", "/me", {"screen": "tong-quan", "page": 0}),
    ("PUT", "/me", {"screen": "tong-quan", "page": 21}),
    ("PUT", "/me", {"screen": "tong-quan", "page": True}),
    ("PUT", "/me", {"screen": "tong-quan", "page": 10**30}),
    ("DELETE", "/0", None),
    ("DELETE", "/2147483648", None),
    ("GET", "/pairings/" + "x" * 101, None),
    ("GET", "?limit=0", None),
    ("GET", "?cursor=W10", None),
    ("GET", "?unit=721", None),
]  # fmt: skip


async def test_what_is_malformed_is_told_and_changes_nothing(hub: HubUnderTest, operator: httpx.Headers) -> None:
    for method, path, body in MALFORMED:
        answer = await hub.client.request(method, f"/v1/displays{path}", json=body, headers=operator)
        assert refused(answer) == (422, "invalid-request"), (path, body)
    assert await listed(hub, operator) == []


ABSENT: list[tuple[str, str, Any, tuple[int, str]]] = [
    ("POST", "", {"name": "x", "code": ""}, (409, "pairing-not-open")),
    ("POST", "", {"name": "x", "code": "a\x00b"}, (409, "pairing-not-open")),
    ("POST", "", {"name": "x", "code": "ẞẞẞẞẞẞ"}, (409, "pairing-not-open")),
    ("POST", "/session", {"token": "a\x00b"}, (401, "key-refused")),
    ("POST", "/session", {"token": "iocd_ấ"}, (401, "key-refused")),
    ("POST", "/session", {"token": ""}, (401, "key-refused")),
    ("DELETE", "/2147483647", None, (404, "unknown-display")),
    ("DELETE", "/" + "9" * 5000, None, (404, "not-found")),
    ("DELETE", "/-1", None, (404, "not-found")),
    ("DELETE", "/me", None, (405, "method-not-allowed")),
    ("DELETE", "/pairings", None, (405, "method-not-allowed")),
    ("GET", "/pairings/%00", None, (404, "unknown-pairing")),
    ("GET", "/pairings/%ff%fe", None, (404, "unknown-pairing")),
    ("GET", "/pairings/ấ", None, (404, "unknown-pairing")),
]  # fmt: skip


async def test_what_there_is_not_is_not_found(hub: HubUnderTest, operator: httpx.Headers) -> None:
    for method, path, body, expected in ABSENT:
        answer = await hub.client.request(method, f"/v1/displays{path}", json=body, headers=operator)
        assert refused(answer) == expected, (path, body)
    assert await listed(hub, operator) == []


# --- what it may show ---


SHOWN: list[tuple[str, str, str, str | None]] = [
    ("tong-quan", REGION, "2025-08-01", None),
    ("tong-quan", BEN_CAT, "2025-08-01", None),
    ("tong-quan", BEN_CAT, "2025-06-30", "25813@2025-07-01"),  # the region is not over it yet
    ("tong-quan", "79", "2025-08-01", "79@2025-07-01"),  # the city above
    ("tong-quan", DAU_TIENG_TOWN, "2025-08-01", "25777@2025-07-01"),  # a neighbour
    ("mot-cua", REGION, "2025-08-01", "mot-cua"),
    ("mot-cua", "79", "2025-08-01", "mot-cua"),
]  # fmt: skip


async def test_a_display_shows_its_screens_for_its_units_and_what_reports_to_them(hub: HubUnderTest) -> None:
    async with hub.session() as session:
        catalogue = await hub.hub.catalogues.current(session)
    region = catalogue.require_unit(REGION, None, date(2025, 8, 1))
    viewer = Viewer(1, "Sảnh", frozenset({"tong-quan"}), frozenset({region.id}))
    everywhere = Viewer(2, "Phòng họp", None, None)
    for slug, unit, day, outside in SHOWN:
        found, on = catalogue.require_unit(unit, None, date(2025, 8, 1)), date.fromisoformat(day)
        assert everywhere.allows(slug, found, catalogue, on)
        assert viewer.allows(slug, found, catalogue, on) == (outside is None), (slug, unit, day)
        if outside is None:
            require_shown(viewer, slug, found, catalogue, on)
            continue
        with pytest.raises(OutsideDisplay) as refusal:
            require_shown(viewer, slug, found, catalogue, on)
        scope = "tong-quan" if slug == "mot-cua" else "bencat@2025-07-01"
        assert str(refusal.value) == f"This display may not show '{outside}'; its scope: {scope}."
