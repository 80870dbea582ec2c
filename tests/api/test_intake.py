"""Taking in together: what is stored in one transaction is still judged, answered and refused each for itself."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import httpx
import psycopg
import pytest
import time_machine
from sqlalchemy import text

from app import auth
from app.readings.demo import load_demo, remove_demo
from app.readings.ingest import store, store_at_once
from app.readings.intake import Intake
from tests.conftest import HubUnderTest

DOSSIERS, VEHICLES = "tthc.dossier.received", "traffic.flow.total"  # daily, realtime
BEN_CAT, LONG_NGUYEN, THOI_HOA = "25813", "25840", "25846"
Row = tuple[str, str, str, Any]


async def send(hub: HubUnderTest, *rows: Row, source: str = "tax-office", **params: Any) -> httpx.Response:
    """As a sender does; the worker that would consume the stale marks does not run."""
    if source not in hub.keys:
        hub.keys[source] = await hub.key(source)
    readings = [dict(zip(("indicator", "unit", "period", "value"), row, strict=True)) for row in rows]
    return await hub.client.post(
        "/v1/readings", json={"readings": readings}, params=params, headers={"X-API-Key": hub.keys[source]}
    )


async def all_at_once(hub: HubUnderTest, rows: Sequence[Row], **params: Any) -> list[httpx.Response]:
    await send(hub, (DOSSIERS, "25768", "2025-01-01", 0), **params)  # the key exists, a connection is open
    return list(await asyncio.gather(*(send(hub, row, **params) for row in rows)))


async def ask(hub: HubUnderTest, query: str) -> list[tuple[Any, ...]]:
    async with hub.session() as session:
        return [tuple(row) for row in await session.execute(text(query))]


async def forget_marks(hub: HubUnderTest) -> None:
    async with hub.session() as session:
        await session.execute(text("DELETE FROM stale_mark"))


def days(count: int, unit: str = BEN_CAT) -> list[Row]:
    start = datetime(2025, 7, 1)
    return [(DOSSIERS, unit, f"{start + timedelta(days=number):%Y-%m-%d}", number) for number in range(count)]


# --- together -----------------------------------------------------------------------------------------------------


async def test_single_readings_that_come_at_once_share_transactions_and_nothing_else(hub: HubUnderTest) -> None:
    answers = await all_at_once(hub, days(64))

    receipts = [answer.json() for answer in answers]
    assert [(receipt["received"], receipt["created"]) for receipt in receipts] == [(1, 1)] * 64
    assert len({receipt["batch"] for receipt in receipts}) == 64
    stored = await ask(hub, "SELECT batch_id, value FROM reading WHERE period_start >= '2025-07-01' AND indicator_id ="
                            f" (SELECT id FROM indicator WHERE code = '{DOSSIERS}')")  # fmt: skip
    assert sorted(stored) == sorted((receipt["batch"], number) for number, receipt in enumerate(receipts))
    ids = ",".join(str(receipt["batch"]) for receipt in receipts)
    [(transactions, batches)] = await ask(
        hub, f"SELECT count(DISTINCT xmin::text), sum(created) FROM batch WHERE id IN ({ids})"
    )
    assert batches == 64
    assert transactions <= 16


async def test_one_bad_reading_among_many_is_refused_alone(hub: HubUnderTest) -> None:
    await send(hub, (DOSSIERS, LONG_NGUYEN, "2025-08-01", 1), source="statistics")
    await send(hub, (DOSSIERS, THOI_HOA, "2025-08-01", 1))
    await send(hub, (DOSSIERS, THOI_HOA, "2025-08-01", None))
    wrong: list[Row] = [
        (DOSSIERS, LONG_NGUYEN, "2025-08-01", 2),  # is another's
        (DOSSIERS, THOI_HOA, "2025-08-01", 2),  # was withdrawn
        (DOSSIERS, THOI_HOA, "2025-08-02", None),  # never was
        ("no.such", BEN_CAT, "2025-08-01", 2),
        (DOSSIERS, BEN_CAT, "2025-08-01", "two"),
    ]
    good = days(40)

    answers = await all_at_once(hub, [*good[:20], *wrong, *good[20:]])

    assert [answer.status_code for answer in answers] == [200] * 20 + [422] * 5 + [200] * 20
    assert [answer.json()["errors"][0]["code"] for answer in answers[20:25]] == [
        "other-source", "withdrawn", "nothing-to-withdraw", "unknown-indicator", "value-not-number",
    ]  # fmt: skip
    assert len(await hub.reported(DOSSIERS, BEN_CAT)) == 40
    partial = await all_at_once(hub, [*good[:5], *wrong], mode="partial")
    assert [(one.json()["unchanged"], one.json()["rejected"]) for one in partial] == [(1, 0)] * 5 + [(0, 1)] * 5


async def test_a_batch_that_is_partly_anothers_claims_nothing(hub: HubUnderTest) -> None:
    await send(hub, (DOSSIERS, LONG_NGUYEN, "2025-08-01", 1), source="statistics")

    mixed = await send(hub, (DOSSIERS, BEN_CAT, "2025-08-01", 1), (DOSSIERS, LONG_NGUYEN, "2025-08-02", 2))

    assert [(one["row"], one["code"]) for one in mixed.json()["errors"]] == [(2, "other-source")]
    assert (await send(hub, (DOSSIERS, BEN_CAT, "2025-08-01", 3), source="statistics")).json()["created"] == 1


async def test_of_those_who_bring_the_same_at_once_one_owns_it(hub: HubUnderTest) -> None:
    sources = ("statistics", "tax-office", "district")
    for source, unit in zip(
        sources, (THOI_HOA, LONG_NGUYEN, "25768"), strict=True
    ):  # each has a key and repeats nothing
        await send(hub, (DOSSIERS, unit, "2025-08-01", 1), source=source)

    rows = [(source, row) for row in days(20) for source in sources]
    answers = await asyncio.gather(*(send(hub, row, source=source) for source, row in rows))

    codes = {
        source: {
            answer.json()["errors"][0]["code"] if answer.status_code == 422 else answer.status_code
            for (sent_by, _), answer in zip(rows, answers, strict=True)
            if sent_by == source
        }
        for source in sources
    }
    assert sorted(map(str, codes.values())) == ["{'other-source'}", "{'other-source'}", "{200}"]
    assert len(await hub.reported(DOSSIERS, BEN_CAT)) == 20


async def test_who_repeats_some_of_what_it_sent_is_told_what_was_new(hub: HubUnderTest) -> None:
    await send(hub, *days(10))

    overlapping = await send(hub, *days(12))  # it was trusted to bring only new ones
    once_more = await send(hub, *days(13))
    new = await send(hub, *days(5, LONG_NGUYEN))
    together = await asyncio.gather(*(send(hub, row) for row in [*days(3), *days(6, LONG_NGUYEN)[5:]]))

    receipts = [answer.json() for answer in (overlapping, once_more, new, *together)]
    assert [(one["created"], one["unchanged"]) for one in receipts] == [
        (2, 10), (1, 12), (5, 0), (0, 1), (0, 1), (0, 1), (1, 0)
    ]  # fmt: skip
    assert await ask(hub, "SELECT count(*) FROM reading_history") == [(0,)]


async def test_two_corrections_of_one_reading_at_once_are_both_answered(hub: HubUnderTest) -> None:
    at = (DOSSIERS, BEN_CAT, "2025-08-01")
    await send(hub, (*at, 1))

    answers = await all_at_once(hub, [(*at, 2), (*at, 3)])

    assert [answer.json()["corrected"] for answer in answers] == [1, 1]
    story = [one["value"] for one in await hub.reported(DOSSIERS, BEN_CAT, includeHistory=True)]
    assert story[0] == 1
    assert sorted(story[1:]) == [2, 3]


async def test_of_two_sources_that_are_first_at_once_one_becomes_the_owner(hub: HubUnderTest) -> None:
    for source in ("one-stop", "statistics"):  # the keys exist
        await send(hub, (DOSSIERS, "25768", "2025-01-01", None), source=source, mode="partial")

    for unit in ("79", "91", "25768", BEN_CAT, "25837", LONG_NGUYEN, "25843", THOI_HOA, "25849"):
        answers = await asyncio.gather(
            *(
                send(hub, (DOSSIERS, unit, f"2025-08-0{n + 1}", n), source=("one-stop", "statistics")[n % 2])
                for n in range(4)
            )
        )
        stored = {n % 2 for n, answer in enumerate(answers) if answer.status_code == 200}
        refused = {n % 2 for n, answer in enumerate(answers) if answer.json().get("code") == "rows-rejected"}
        assert (len(stored), refused) == (1, {0, 1} - stored), unit
    [(readings, owned)] = await ask(
        hub, "SELECT count(*), count(o) FROM reading LEFT JOIN ownership o USING (indicator_id, unit_id, source_id)"
    )
    assert readings == owned


async def test_a_client_that_is_gone_takes_nobody_with_it(hub: HubUnderTest) -> None:
    await send(hub, (DOSSIERS, "25768", "2025-01-01", 0))
    sends = [asyncio.create_task(send(hub, row)) for row in days(30)]
    await asyncio.sleep(0.002)
    for gone in sends[::3]:
        gone.cancel()

    answers = await asyncio.gather(*sends, return_exceptions=True)

    stayed = [answer for place, answer in enumerate(answers) if place % 3]
    assert all(isinstance(answer, httpx.Response) and answer.status_code == 200 for answer in stayed), stayed
    assert (await send(hub, *days(30))).status_code == 200


# --- all or nothing -----------------------------------------------------------------------------------------------


async def test_a_batch_that_fails_on_its_last_row_leaves_nothing(hub: HubUnderTest) -> None:
    await send(hub, (DOSSIERS, THOI_HOA, "2025-08-01", 1), source="statistics")
    await forget_marks(hub)
    state = "SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM ownership), (SELECT count(*) FROM batch), (SELECT count(*) FROM stale_mark)"
    before = await ask(hub, state)

    answer = await send(hub, *days(500), (DOSSIERS, THOI_HOA, "2025-08-01", 2))

    assert (answer.status_code, [error["row"] for error in answer.json()["errors"]]) == (422, [501])
    assert await ask(hub, state) == before


async def test_an_error_of_the_database_stores_nothing_and_says_so(hub: HubUnderTest) -> None:
    await send(hub, (DOSSIERS, BEN_CAT, "2025-07-31", 1))
    async with hub.session() as session:
        for statement in FULL:  # which the database notices when everything has been written
            await session.execute(text(statement))

    answers = await all_at_once(hub, days(20))

    async with hub.session() as session:
        await session.execute(text("DROP TRIGGER full_disk ON batch"))
    assert {(one.status_code, one.json()["code"], one.headers["retry-after"]) for one in answers} == {
        (503, "unavailable", "5")
    }
    assert [one["period"] for one in await hub.reported(DOSSIERS, BEN_CAT)] == ["2025-07-31"]
    assert (await send(hub, *days(20))).json()["created"] == 20


FULL = [
    """
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'no space left on device'; END$$
    """,
    """
    CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON batch DEFERRABLE INITIALLY DEFERRED
       FOR EACH ROW EXECUTE FUNCTION full_disk()
    """,
]


async def test_connections_that_were_lost_while_nobody_sent_are_replaced(hub: HubUnderTest) -> None:
    await send(hub, (DOSSIERS, BEN_CAT, "2025-08-01", 1))
    async with hub.session() as session:
        await session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )

    answers = await asyncio.gather(*(send(hub, row) for row in days(10)))

    assert {answer.status_code for answer in answers} == {200}


async def test_a_connection_that_is_lost_after_a_refusal_changes_nothing_about_it(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(hub, (DOSSIERS, BEN_CAT, "2025-08-01", 1))

    async def and_be_cut_off(cursor: psycopg.AsyncCursor[Any], *args: Any, **options: Any) -> Any:
        stored = await store(cursor, *args, **options)
        async with hub.session() as session:
            pid = cursor.connection.info.backend_pid
            await session.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})
        return stored

    monkeypatch.setattr("app.readings.intake.store", and_be_cut_off)
    answer = await send(hub, (DOSSIERS, BEN_CAT, "2025-08-02", 1), (DOSSIERS, BEN_CAT, "2025-08-03", None))

    assert (answer.status_code, [one["code"] for one in answer.json().get("errors", ())]) == (
        422,
        ["nothing-to-withdraw"],
    )
    assert [one["period"] for one in await hub.reported(DOSSIERS, BEN_CAT)] == ["2025-08-01"]


# --- marks --------------------------------------------------------------------------------------------------------


async def marks(hub: HubUnderTest) -> list[tuple[Any, ...]]:
    """What was marked since the last time: indicator, grain, period, units."""
    found = await ask(
        hub,
        "SELECT i.code, grain, period_start::text, (SELECT array_agg(u.code ORDER BY u.code) FROM unit u WHERE u.id = ANY (unit_ids))"
        " FROM stale_mark JOIN indicator i ON i.id = indicator_id ORDER BY 1, 2, 3",
    )
    await forget_marks(hub)
    return found


async def test_what_is_created_or_corrected_is_marked_as_stale_and_nothing_else(hub: HubUnderTest) -> None:
    await marks(hub)
    rows = [(DOSSIERS, unit, "2025-08-01", 1) for unit in (BEN_CAT, LONG_NGUYEN)] + [(DOSSIERS, BEN_CAT, "2025-08", 9)]

    await send(hub, *rows)
    assert await marks(hub) == [
        (DOSSIERS, 2, "2025-08-01 00:00:00", [BEN_CAT, LONG_NGUYEN]),
        (DOSSIERS, 4, "2025-08-01 00:00:00", [BEN_CAT]),
    ]
    await send(hub, *rows)
    assert await marks(hub) == []
    await send(hub, rows[0], (*rows[1][:3], 2), (DOSSIERS, THOI_HOA, "2025-08-02", 3))
    assert await marks(hub) == [
        (DOSSIERS, 2, "2025-08-01 00:00:00", [LONG_NGUYEN]),
        (DOSSIERS, 2, "2025-08-02 00:00:00", [THOI_HOA]),
    ]
    await send(hub, (*rows[0][:3], None))
    assert await marks(hub) == [(DOSSIERS, 2, "2025-08-01 00:00:00", [BEN_CAT])]
    await send(hub, (*rows[0][:3], 5), (DOSSIERS, THOI_HOA, "2025-08-03", 3), mode="partial")
    assert await marks(hub) == [(DOSSIERS, 2, "2025-08-03 00:00:00", [THOI_HOA])]


async def test_the_instants_of_an_hour_are_one_mark(hub: HubUnderTest) -> None:
    await marks(hub)

    await send(hub, *((VEHICLES, BEN_CAT, f"2025-08-01T{7 + n // 60:02}:{n % 60:02}:00+07:00", n) for n in range(90)))

    assert await marks(hub) == [
        (VEHICLES, 0, "2025-08-01 07:00:00", [BEN_CAT]),
        (VEHICLES, 0, "2025-08-01 08:00:00", [BEN_CAT]),
    ]


async def test_what_the_demo_leaves_behind_is_marked_and_free_for_others(hub: HubUnderTest) -> None:
    now = hub.hub.now()
    async with hub.session() as session:
        await load_demo(session, hub.hub.settings, datetime(now.year, now.month, now.day), lambda *_: None, days=1)
    refused = await send(hub, (DOSSIERS, BEN_CAT, "2025-07-02", 1))
    assert [error["code"] for error in refused.json()["errors"]] == ["other-source"]
    await marks(hub)

    async with hub.session() as session:
        assert await remove_demo(session) > 0

    assert {code for code, *_ in await marks(hub)} >= {DOSSIERS, VEHICLES}
    assert (await send(hub, (DOSSIERS, BEN_CAT, "2025-07-02", 1))).json()["created"] == 1


# --- what changes meanwhile ---------------------------------------------------------------------------------------


async def test_a_revoked_key_is_refused_at_once(hub: HubUnderTest) -> None:
    assert (await send(hub, (DOSSIERS, BEN_CAT, "2025-08-01", 1))).status_code == 200

    async with hub.session() as session:  # as another process would
        await auth.revoke_key(session, hub.keys["tax-office"].split("_")[1])

    bodies: list[Row] = [(DOSSIERS, BEN_CAT, "2025-08-02", 1), ("no.such", BEN_CAT, "2025-08-02", 1)]
    for answer in await asyncio.gather(*(send(hub, row) for row in bodies)):
        assert (answer.status_code, answer.json()["code"]) == (401, "key-refused")
    malformed = await hub.client.post(
        "/v1/readings", content=b"{", headers={"X-API-Key": hub.keys["tax-office"], "content-type": "application/json"}
    )
    assert malformed.status_code == 401
    assert [one["period"] for one in await hub.reported(DOSSIERS, BEN_CAT)] == ["2025-08-01"]


async def test_a_key_that_is_revoked_while_a_body_of_it_comes_is_refused(hub: HubUnderTest) -> None:
    hub.keys["tax-office"] = await hub.key("tax-office")
    row: Row = (DOSSIERS, BEN_CAT, "2025-08-02", 1)
    body = json.dumps({"readings": [dict(zip(("indicator", "unit", "period", "value"), row, strict=True))]}).encode()

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:20]
        async with hub.session() as session:
            await auth.revoke_key(session, hub.keys["tax-office"].split("_")[1])
        other = await send(hub, (DOSSIERS, LONG_NGUYEN, "2025-08-01", 1), source="statistics")
        assert other.status_code == 200  # by now this process knows of the key that was revoked
        yield body[20:]

    answer = await hub.post(slowly())

    assert (answer.status_code, answer.json()["code"]) == (401, "key-refused")
    assert await hub.reported(DOSSIERS, BEN_CAT) == []


async def test_a_key_that_expires_while_a_body_of_it_comes_is_refused(hub: HubUnderTest) -> None:
    hub.keys["tax-office"] = await hub.key("tax-office", expires_at=datetime.now(UTC) + timedelta(hours=1))
    body = b"indicator,unit,period,value\n%s,%s,2025-08-02,1\n" % (DOSSIERS.encode(), BEN_CAT.encode())

    with time_machine.travel(datetime.now(UTC), tick=False) as clock:

        async def slowly() -> AsyncIterator[bytes]:
            yield body[:20]
            clock.shift(timedelta(hours=2))
            yield body[20:]

        answer = await hub.post(slowly(), "text/csv")

    assert (answer.status_code, answer.json()["code"]) == (401, "key-refused")
    assert await hub.reported(DOSSIERS, BEN_CAT) == []


@pytest.mark.parametrize("stored_by", [store_at_once, store])
async def test_a_batch_is_judged_by_the_tree_that_stands_when_it_is_stored(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch, stored_by: Callable[..., Awaitable[Any]]
) -> None:
    admin = {"X-API-Key": await hub.key("admin", ["catalogue:write"])}
    kiosk = {
        "code": "kiosk-1",
        "kind": "site",
        "name_vi": "Kiosk",
        "valid_from": "2025-07-01",
        "parents": [{"unit": BEN_CAT}],
    }
    assert (await hub.client.post("/v1/units", json={"units": [kiosk]}, headers=admin)).status_code == 200
    for _ in range(1 if stored_by is store_at_once else 2):  # who repeats is not trusted to bring only new ones
        assert (await send(hub, (DOSSIERS, "kiosk-1", "2025-08-01", 1))).status_code == 200
    name = f"app.readings.intake.{stored_by.__name__}"

    async def after_the_kiosk_closed(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(name, stored_by)
        closed = await hub.client.post("/v1/units", json={"units": [kiosk | {"valid_to": "2025-09-01"}]}, headers=admin)
        assert closed.status_code == 200, closed.text
        return await stored_by(*args, **options)

    monkeypatch.setattr(name, after_the_kiosk_closed)
    answer = await send(hub, (DOSSIERS, "kiosk-1", "2025-10-01", 1))

    assert [error["code"] for error in answer.json()["errors"]] == ["unit-not-valid"]
    assert len(await hub.reported(DOSSIERS, "kiosk-1@2025-07-01")) == 1


async def test_a_clock_that_jumps_back_keeps_the_order_of_corrections(hub: HubUnderTest) -> None:
    at = (DOSSIERS, BEN_CAT, "2025-08-01")
    await send(hub, (*at, 1))
    async with hub.session() as session:  # as if it had come before the clock of the database was set back
        await session.execute(text("UPDATE reading SET received_at = received_at + interval '1 hour' WHERE value = 1"))

    with time_machine.travel(datetime.now(UTC) - timedelta(hours=2)):
        for value in (2, 3):
            assert (await send(hub, (*at, value))).json()["corrected"] == 1

    story = await hub.reported(DOSSIERS, BEN_CAT, includeHistory=True)
    assert [one["value"] for one in story] == [1, 2, 3]
    times = [one["received_at"] for one in story]
    assert times == sorted(times)
    assert [one["superseded_at"] for one in story] == [*times[1:], None]


async def test_fifty_thousand_readings_of_one_indicator_are_one_batch(hub: HubUnderTest) -> None:
    start = datetime(2025, 7, 1)
    rows: list[Row] = [
        (VEHICLES, BEN_CAT, (start + timedelta(minutes=number)).isoformat(), number) for number in range(50_000)
    ]

    receipt = (await send(hub, *rows)).json()
    again = (await send(hub, *rows[:-1], (*rows[-1][:3], -1))).json()

    assert (receipt["created"], receipt["rejected"]) == (50_000, 0)
    assert (again["unchanged"], again["corrected"]) == (49_999, 1)


# --- turns --------------------------------------------------------------------------------------------------------


async def test_who_sends_at_the_moment_in_which_the_last_writers_end_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together = asyncio.Event()

    async def settle(_: Intake, group: Sequence[Any]) -> None:
        await together.wait()
        for one in group:
            one.answer.set_result(b"{}")

    monkeypatch.setattr(Intake, "_settle", settle)
    intake, large = Intake(cast(Any, None)), cast(Any, SimpleNamespace(doomed=True))

    async def sends(times: int) -> None:
        for _ in range(times):
            await intake.submit(large)

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for times in (2, 1, 1, 1):
            tasks.create_task(sends(times))
            for _ in range(2):
                await asyncio.sleep(0)  # until its writer has it
        together.set()
