"""API keys: who may write what, and what is told to those who may not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import time_machine
from sqlalchemy import text

from app import auth
from tests.conftest import HubUnderTest

DOSSIERS = "tthc.dossier.received"
BEN_CAT, LONG_NGUYEN = "25813", "25840"
Row = tuple[str, str, str, Any]


async def send(hub: HubUnderTest, key: str | None, *rows: Row, language: str = "en") -> httpx.Response:
    readings = [dict(zip(("indicator", "unit", "period", "value"), row, strict=True)) for row in rows]
    headers = {"accept-language": language} | ({} if key is None else {"X-API-Key": key})
    return await hub.client.post("/v1/readings", json={"readings": readings}, headers=headers)


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    problem = answer.json()
    return answer.status_code, problem["code"], problem["detail"]


def mistakes(answer: httpx.Response) -> list[tuple[str, str, str]]:
    assert answer.status_code == 422, answer.text
    return [(error["code"], error["pointer"], error["detail"]) for error in answer.json()["errors"]]


async def test_a_key_that_is_not_good_is_told_why(hub: HubUnderTest) -> None:
    row = (DOSSIERS, BEN_CAT, "2025-08-01", 1)
    good = await hub.key()
    prefix = good.split("_")[1]
    expired = await hub.key(expires_at=datetime(2025, 1, 31, 12, tzinfo=UTC))
    revoked = await hub.key()
    async with hub.session() as session:
        assert await auth.revoke_key(session, revoked.split("_")[1])
        at = (await session.execute(text("SELECT revoked_at FROM api_key WHERE revoked_at IS NOT NULL"))).scalar_one()

    assert refused(await send(hub, None, row)) == (
        401,
        "key-required",
        "Send an API key in the header X-API-Key (or Authorization: Bearer): to send readings.",
    )
    assert refused(await send(hub, "", row))[:2] == (401, "key-required")
    for key, why in [
        ("secret", "does not look like ioc_…_…"),
        (good.replace("ioc", "key", 1), "does not look like ioc_…_…"),
        ("ioc_abcdefgh_" + "x" * 43, "is not known"),
        (good[:-1], "is not known"),
        (f"ioc_{prefix}_", "is not known"),
        (expired, "expired at 2025-01-31 12:00 UTC"),
        (expired + "x", "is not known"),  # only its holder learns that it expired
        (revoked, f"was revoked at {at:%Y-%m-%d %H:%M} UTC"),
    ]:
        sentence = f"The API key {why}; ask the administrator for a new one."
        assert refused(await send(hub, key, row)) == (401, "key-refused", sentence)
    assert refused(await send(hub, revoked[:-1], row, language="vi"))[2] == (
        "Khóa API không tồn tại; hãy xin quản trị viên khóa mới."
    )
    # A bad key is refused where none is needed too: its owner would otherwise never notice.
    for path in ("/v1/domains", "/v1/units/25813", f"/v1/readings?indicator={DOSSIERS}&unit=25813"):
        answer = await hub.client.get(path, headers={"X-API-Key": expired})
        assert refused(answer)[:2] == (401, "key-refused"), path
    assert (await send(hub, good, row)).status_code == 200
    still_good = await hub.key(expires_at=datetime.now(UTC) + timedelta(minutes=5))
    assert (await send(hub, still_good, row)).status_code == 200


async def test_a_key_may_come_as_a_bearer(hub: HubUnderTest) -> None:
    key = await hub.key(scopes=["readings:write", "readings:read"])
    reading = {"indicator": DOSSIERS, "unit": BEN_CAT, "period": "2025-08-01", "value": 1}
    bodies: list[dict[str, Any]] = [
        {},
        {"params": {"reinstate": "true"}},
    ]  # the way round the framework, and the one through it

    for scheme in ("Bearer", "bearer"):
        for body in bodies:
            sent = await hub.client.post(
                "/v1/readings", json={"readings": [reading]}, headers={"Authorization": f"{scheme} {key}"}, **body
            )
            assert sent.status_code == 200, sent.text
    for path in ("/v1/readings?indicator=tthc.dossier.received&unit=25813", "/v1/screens/tong-quan/data"):
        bad = await hub.client.get(path, headers={"Authorization": "Bearer ioc_abcdefgh_x"})
        assert (bad.status_code, bad.json()["code"]) == (401, "key-refused")
        other = await hub.client.get(path, headers={"Authorization": "Basic YTpi"})  # of a proxy: none of ours
        assert other.status_code == 200
    both = {"X-API-Key": "ioc_abcdefgh_x", "Authorization": f"Bearer {key}"}
    assert (
        await hub.client.get("/v1/screens/tong-quan/data", headers=both)
    ).status_code == 401  # the header of its own counts


async def test_a_key_does_only_what_its_scopes_say(hub: HubUnderTest) -> None:
    reader = await hub.key(scopes=["readings:read", "targets:write"])
    writer = await hub.key(scopes=["readings:write"])

    assert refused(await send(hub, reader, (DOSSIERS, BEN_CAT, "2025-08-01", 1))) == (
        403,
        "scope-missing",
        "This key lacks the scope 'readings:write'; it has: readings:read, targets:write.",
    )
    unit = {"units": [{"code": "x", "kind": "agency", "name_vi": "x"}]}
    for headers, expected in (({"X-API-Key": writer}, 403), ({}, 401)):
        assert (await hub.client.post("/v1/units", json=unit, headers=headers)).status_code == expected
        switched = await hub.client.patch("/v1/domains/tthc", json={"active": False}, headers=headers)
        assert switched.status_code == expected


async def test_what_is_not_public_is_read_with_a_key_only(hub: HubUnderTest) -> None:
    crimes = "security.crime.total"
    writer = await hub.key("police", ["readings:write"])
    reader = await hub.key("city hall", ["readings:read"])
    assert (await send(hub, writer, (crimes, BEN_CAT, "2025-08-01", 3))).status_code == 200

    query = {"indicator": f"{DOSSIERS},{crimes}", "unit": BEN_CAT, "from": "2025-08-01", "to": "2025-08-01"}
    for path in ("/v1/readings", "/v1/aggregates"):
        params = query | ({"grain": "day"} if path == "/v1/aggregates" else {})
        nobody = await hub.client.get(path, params=params)
        assert refused(nobody) == (
            401,
            "key-required",
            f"Send an API key in the header X-API-Key (or Authorization: Bearer): the indicator '{crimes}' is not public.",
        )
        wrong = await hub.client.get(path, params=params, headers={"X-API-Key": writer})
        assert refused(wrong)[:2] == (403, "scope-missing")
        right = await hub.client.get(path, params=params, headers={"X-API-Key": reader})
        assert (right.status_code, '"value":3,' in right.text) == (200, True)


async def test_a_communes_key_writes_its_own_subtree_only(hub: HubUnderTest) -> None:
    admin = await hub.key("admin", ["catalogue:write"])
    kiosk = {"code": "kiosk-1", "kind": "site", "name_vi": "Kiosk 1", "parents": [{"unit": BEN_CAT}]}
    await hub.client.post("/v1/units", json={"units": [kiosk]}, headers={"X-API-Key": admin})
    commune = await hub.key("ben-cat", units=[BEN_CAT])

    own = await send(
        hub, commune, (DOSSIERS, BEN_CAT, "2025-08-01", 1), ("tthc.dossier.resolved", "kiosk-1", "2025-08-01", 1)
    )
    assert own.status_code == 200
    answer = await send(
        hub,
        commune,
        (DOSSIERS, LONG_NGUYEN, "2025-08-01", 1),  # its neighbour
        (DOSSIERS, "79", "2025-08-01", 1),  # the city above it
        (DOSSIERS, BEN_CAT, "2025-06-01", 1),  # the ward that had its code before
    )
    scope = "25813@2025-07-01"
    assert mistakes(answer) == [
        ("outside-scope", "/readings/0/unit", f"This key may not write '{LONG_NGUYEN}'; its scope: {scope}."),
        ("outside-scope", "/readings/1/unit", f"This key may not write '79'; its scope: {scope}."),
        ("outside-scope", "/readings/2/unit", f"This key may not write '{BEN_CAT}'; its scope: {scope}."),
    ]

    # A dissolved district's key still writes what its wards reported while they were its own.
    district = await hub.key("old-ben-cat", units=["721"])
    before, after = (DOSSIERS, LONG_NGUYEN, "2025-06-30", 1), (DOSSIERS, LONG_NGUYEN, "2025-07-01", 1)
    assert (await send(hub, district, before)).status_code == 200
    assert [code for code, *_ in mistakes(await send(hub, district, after))] == ["outside-scope"]

    # No units at all is not the same as all units.
    nowhere = await hub.key("nowhere", units=[])
    assert [code for code, *_ in mistakes(await send(hub, nowhere, before))] == ["outside-scope"]


async def test_a_regions_key_follows_its_members(hub: HubUnderTest) -> None:
    headers = {"X-API-Key": await hub.key("admin", ["catalogue:write"])}

    async def region(*members: dict[str, str]) -> None:
        unit = {"code": "vung-bc", "kind": "region", "name_vi": "Vùng Bến Cát", "members": members}
        answer = await hub.client.post("/v1/units", json={"units": [unit]}, headers=headers)
        assert answer.status_code == 200, answer.text

    await region({"unit": "25813@2025-07-01"})
    key = await hub.key("region", units=["vung-bc"])
    assert (await send(hub, key, (DOSSIERS, BEN_CAT, "2025-09-30", 1))).status_code == 200
    assert len(mistakes(await send(hub, key, (DOSSIERS, LONG_NGUYEN, "2025-10-01", 1)))) == 1

    await region(
        {"unit": "25813@2025-07-01", "valid_to": "2025-10-01"}, {"unit": "25840@2025-07-01", "valid_from": "2025-10-01"}
    )

    answer = await send(
        hub,
        key,
        (DOSSIERS, BEN_CAT, "2025-09-30", 2),
        (DOSSIERS, BEN_CAT, "2025-10-01", 2),
        (DOSSIERS, LONG_NGUYEN, "2025-09-30", 2),
        (DOSSIERS, LONG_NGUYEN, "2025-10-01", 2),
        ("tthc.procedure.total", BEN_CAT, "2025-Q3", 2),
    )
    assert [pointer for _, pointer, _ in mistakes(answer)] == ["/readings/1/unit", "/readings/2/unit"]


async def test_a_domains_key_writes_its_domains_only(hub: HubUnderTest) -> None:
    key = await hub.key("schools", units=[BEN_CAT], domains=["education", "tthc"])

    answer = await send(
        hub, key, (DOSSIERS, BEN_CAT, "2025-08-01", 1), ("traffic.accident.total", BEN_CAT, "2025-08-01", 1)
    )

    assert mistakes(answer) == [
        (
            "outside-scope",
            "/readings/1/indicator",
            "This key may not write 'traffic.accident.total'; its scope: 25813@2025-07-01; education, tthc.",
        )
    ]


async def test_a_figure_belongs_to_the_source_that_sent_it_first(hub: HubUnderTest) -> None:
    one_stop, statistics = await hub.key("one-stop"), await hub.key("statistics")
    row = (DOSSIERS, BEN_CAT, "2025-08-01", 42)
    assert (await send(hub, one_stop, row)).status_code == 200

    # Neither the same value, nor another, nor null, nor another period of the same unit.
    answer = await send(
        hub,
        statistics,
        row,
        (DOSSIERS, BEN_CAT, "2025-08-02", 43),
        (DOSSIERS, BEN_CAT, "2025-08-03", None),
        (DOSSIERS, LONG_NGUYEN, "2025-08-01", 7),
    )
    sentence = (
        "This indicator of this unit belongs to the source 'one-stop'; two sources cannot own the same figure"
        " (a key of that source may write it)."
    )
    assert mistakes(answer) == [("other-source", f"/readings/{row}/indicator", sentence) for row in range(3)]
    assert [one["value"] for one in await hub.reported(DOSSIERS, BEN_CAT, includeHistory=True)] == [42]

    # Another key of the same source may; and withdrawing does not give the figure away.
    second = await hub.key("one-stop")
    assert (await send(hub, second, (*row[:3], None))).json()["corrected"] == 1
    assert [code for code, *_ in mistakes(await send(hub, statistics, row))] == ["other-source"]
    assert (await send(hub, statistics, (DOSSIERS, LONG_NGUYEN, "2025-08-01", 7))).status_code == 200


async def test_the_secret_is_nowhere_and_the_last_use_is_noted(hub: HubUnderTest) -> None:
    key = await hub.key()
    _, prefix, secret = key.split("_", 2)

    async def stored() -> Any:
        async with hub.session() as session:
            query = text("SELECT k.*, k::text AS everything FROM api_key k WHERE prefix = :prefix")
            return (await session.execute(query, {"prefix": prefix})).one()

    before = await stored()
    assert len(secret) >= 43
    assert secret not in before.everything
    assert secret.encode().hex() not in before.everything
    assert before.last_used_at is None

    answer = await send(hub, key, (DOSSIERS, BEN_CAT, "2025-08-01", 1))

    first_use = (await stored()).last_used_at
    assert abs(datetime.now(UTC) - first_use) < timedelta(minutes=1)
    assert secret not in answer.text
    await send(hub, key, (DOSSIERS, BEN_CAT, "2025-08-01", "x"))
    assert (await stored()).last_used_at == first_use  # to the minute, so that a busy key is not written each time
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=2)):
        assert (await send(hub, key, (DOSSIERS, BEN_CAT, "2025-08-01", "x"))).status_code == 422
    assert (await stored()).last_used_at > first_use
