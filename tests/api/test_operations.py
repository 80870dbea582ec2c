"""What operators look at: health, readiness, metrics, the meaning of problems; and the synthetic demo."""

import asyncio
import contextlib
from datetime import datetime

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from app.hub import Hub
from app.readings.demo import feed_demo, load_demo
from app.readings.streams import STREAMS, made_up
from app.worker import Seen, rest, run_loops
from tests.conftest import SETTINGS, HubUnderTest


async def test_health_is_the_process_and_readiness_its_surroundings(hub: HubUnderTest) -> None:
    health, ready = await hub.client.get("/healthz"), await hub.client.get("/readyz")

    assert health.json() == {"status": "ok"}
    assert ready.status_code == 200
    assert ready.json()["ready"] is True
    assert {name: check["ok"] for name, check in ready.json().items() if name != "ready"} == {
        "database": True, "migrations": True, "disk": True, "rollups": True,
    }  # fmt: skip


async def test_a_database_of_another_version_is_not_ready(hub: HubUnderTest) -> None:
    async with hub.session() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = 'old'"))

    answer = await hub.client.get("/readyz")

    assert answer.status_code == 503
    assert "run ioc-hub migrate" in answer.json()["migrations"]["detail"]


async def test_metrics_count_requests_by_route_and_readings_by_verdict(hub: HubUnderTest) -> None:
    await hub.sent(("health.emergency", "25813", "2026-10-05", 1))
    await hub.client.get("/v1/units/25813")

    families = {
        family.name: family for family in text_string_to_metric_families((await hub.client.get("/metrics")).text)
    }

    routes = {sample.labels["route"] for sample in families["ioc_http_requests"].samples}
    assert "/v1/units/{code}" in routes
    assert "/v1/units/25813" not in routes
    created = [sample.value for sample in families["ioc_readings"].samples if sample.labels["verdict"] == "created"]
    assert max(created) >= 1


async def test_what_waits_for_the_roller_is_told(hub: HubUnderTest) -> None:
    await hub.send(("health.emergency", "25813", "2026-10-05", 1), settled=False)

    assert (await hub.client.get("/readyz")).json()["rollups"]["detail"].startswith("1 marks wait")
    assert "ioc_stale_marks 1.0" in (await hub.client.get("/metrics")).text
    await hub.settle()
    assert (await hub.client.get("/readyz")).json()["rollups"]["detail"] == "up to date"
    assert "ioc_stale_marks 0.0" in (await hub.client.get("/metrics")).text


async def test_the_type_of_a_problem_is_an_address_that_explains_it(hub: HubUnderTest) -> None:
    problem = (await hub.client.get("/v1/indicators/no.such")).json()

    told = await hub.client.get(problem["type"])

    assert told.status_code == 200
    assert (told.json()["code"], told.json()["status"]) == ("unknown-indicator", 404)
    of_row = (await hub.client.get("/problems/other-source")).json()
    assert (of_row["status"], of_row["meaning"][:14]) == (None, "This indicator")
    unknown = await hub.client.get("/problems/none")
    assert unknown.json()["code"] == "unknown-problem"


async def test_paths_and_methods_that_do_not_exist_are_problems_too(hub: HubUnderTest) -> None:
    nowhere, wrong = await hub.client.get("/v2/nothing"), await hub.client.delete("/v1/readings")

    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not-found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method-not-allowed")
    assert wrong.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("path", ["/healthz", "/v1/domains", "/v1/screens/tong-quan/data", "/openapi.json"])
async def test_who_asks_for_the_head_only_gets_the_head_of_what_is_there(hub: HubUnderTest, path: str) -> None:
    whole, head = await hub.client.get(path), await hub.client.head(path)

    assert (head.status_code, head.content) == (200, b"")
    assert {name: head.headers.get(name) for name in ("content-type", "content-length", "etag")} == {
        name: whole.headers.get(name) for name in ("content-type", "content-length", "etag")
    }


async def test_a_stream_has_no_head_to_ask_for(hub: HubUnderTest) -> None:
    answer = await hub.client.head("/v1/screens/tong-quan/events")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


async def test_the_documentation_needs_nothing_from_outside(hub: HubUnderTest) -> None:
    page = (await hub.client.get("/docs")).text

    assert "http://" not in page
    assert "https://" not in page
    assert (await hub.client.get("/static-offline-docs/swagger-ui-bundle.js")).status_code == 200


async def test_the_demo_is_always_the_same_and_marked_synthetic_wherever_it_shows(hub: HubUnderTest) -> None:
    now = hub.hub.now()
    yesterday = datetime(now.year, now.month, now.day)
    async with hub.session() as session:
        await load_demo(session, hub.hub.settings, yesterday, lambda *_: None, days=2)
    await hub.settle()

    point = await hub.point("budget.revenue.total", "bencat", f"{now.year}", "year")
    told = await hub.client.get(
        "/v1/aggregates/explain",
        params={"indicator": "tthc.dossier.received", "unit": "bencat", "period": f"{now.year}"},
    )

    assert point["synthetic"] is True
    assert point["coverage"]["units"] == [7, 7]
    assert all(reading["synthetic"] for reading in told.json()["readings"])
    assert "SYNTHETIC" in told.json()["readings"][0]["source_name"]
    stream = STREAMS[1]
    start = datetime(2026, 3, 1)
    assert list(made_up(stream, start, yesterday)) == list(made_up(stream, start, yesterday))


async def test_the_demo_goes_on_where_it_stopped(hub: HubUnderTest) -> None:
    now = hub.hub.now()
    async with hub.session() as session:
        await load_demo(session, hub.hub.settings, datetime(now.year, now.month, now.day), lambda *_: None, days=1)
        before = (await session.execute(text("SELECT count(*) FROM reading"))).scalar_one()

    await feed_demo(hub.hub)
    async with hub.session() as session:
        fed = (await session.execute(text("SELECT count(*) FROM reading"))).scalar_one()
    await feed_demo(hub.hub)
    async with hub.session() as session:
        again = (await session.execute(text("SELECT count(*), count(DISTINCT batch_id) FROM reading_history"))).one()

    minutes = now.hour * 60 + now.minute
    assert fed - before >= 7 * max(0, minutes - 1)
    assert tuple(again) == (0, 0)  # what was sent again was the same


async def test_a_deed_that_fails_does_not_end_the_roller(hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    await hub.sent(("health.emergency", "25813", "2026-10-04", 1))
    failed = asyncio.Event()

    async def fail(_: Hub) -> None:
        failed.set()
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr("app.worker._make_partitions", fail)
    loops = asyncio.create_task(run_loops(hub.hub))
    await failed.wait()
    heard = hub.hub.changes.latest
    await hub.send(("health.emergency", "25813", "2026-10-05", 1), settled=False)
    async with asyncio.timeout(60):
        await hub.hub.changes.reached(heard + 1)
    loops.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await loops

    assert (await hub.point("health.emergency", "79", "2026", "year"))["value"] == 2


async def test_the_roller_rests_no_longer_than_senders_come(hub: HubUnderTest) -> None:
    async with asyncio.timeout(60):
        await rest(hub.hub, 3600, Seen())


async def test_the_worker_knows_the_catalogue_before_the_first_reading_comes(reference_database: str) -> None:
    hub = Hub.open(SETTINGS, reference_database)
    loops = asyncio.create_task(run_loops(hub))
    async with asyncio.timeout(60):
        while hub.catalogues.latest is None:
            await hub.database.ask("SELECT pg_sleep(0.01)", {})
    loops.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await loops
    await hub.close()
