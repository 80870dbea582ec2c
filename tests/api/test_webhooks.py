"""Webhooks from the subscription to the receiver: a real server that listens, and the hub that sends to it."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
import time_machine
import trustme
from sqlalchemy import text
from standardwebhooks import WebhookVerificationError

from app import auth
from app.hub import Hub
from app.webhooks.courier import Courier
from app.webhooks.outbox import forget_events, record_event
from app.webhooks.subscriptions import MOST_WEBHOOKS
from app.worker import run_loops
from tests.api.test_reports import TO_THE_PUBLIC, Centre
from tests.conftest import SETTINGS, HubUnderTest, running_on_reference
from tests.receiver import Receiver, receiving

BEN_CAT = "25813"
VISITS, EMERGENCIES = "health.visit.outpatient", "health.emergency"
CRIMES = "security.crime.total"  # not public
CHANGED: Final = "ioc.indicator.changed.v1"
REPORTED: Final = "ioc.report.changed.v1"
PING: Final = "ioc.webhook.ping.v1"
REPORT = "/v1/reports/0192f6c0-0000-7000-8000-000000000001"


@pytest.fixture
async def hub(reference_database: str, tmp_path: Path) -> AsyncIterator[HubUnderTest]:
    """One that may send to this machine."""
    more = {"data_dir": tmp_path, "pool_size": 5, "webhook_private_addresses": True}
    async with running_on_reference(reference_database, SETTINGS.model_copy(update=more)) as under_test:
        yield under_test


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


@pytest.fixture
async def owner(hub: HubUnderTest) -> httpx.Headers:
    """What the subscriber sends along."""
    return httpx.Headers({"X-API-Key": await hub.key("tax-office", ["webhooks:write"])})


async def subscribed(hub: HubUnderTest, owner: httpx.Headers, url: str, **asked: Any) -> dict[str, Any]:
    body = {"name": "Cổng dữ liệu", "url": url, "types": [CHANGED, REPORTED], **asked}
    answer = await hub.client.post("/v1/webhooks", json=body, headers=owner)
    assert answer.status_code == 201, answer.text
    webhook: dict[str, Any] = answer.json()
    return webhook


async def deliver(hub: HubUnderTest, at: datetime | None = None, trusted: ssl.SSLContext | None = None) -> None:
    """What a worker does that looks after what is due, now or at another time."""
    with time_machine.travel(at or datetime.now(UTC), tick=False):
        async with Courier(hub.hub, trusted) as courier:
            await courier.look(hub.hub)
            await courier.finish()


async def report(hub: HubUnderTest, number: int = 1) -> None:
    async with hub.session() as session:
        await record_event(session, REPORTED, REPORT, {"number": number})


async def log(hub: HubUnderTest, owner: httpx.Headers, webhook: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
    answer = await hub.client.get(f"/v1/webhooks/{webhook['id']}/deliveries", headers=owner, params=params)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def shown(hub: HubUnderTest, owner: httpx.Headers, webhook: dict[str, Any]) -> dict[str, Any]:
    answer = await hub.client.get(f"/v1/webhooks/{webhook['id']}", headers=owner)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def posted(hub: HubUnderTest, owner: httpx.Headers, webhook: dict[str, Any], deed: str, **more: Any) -> Any:
    answer = await hub.client.post(f"/v1/webhooks/{webhook['id']}/{deed}", headers=owner, **more)
    assert answer.status_code in {200, 202}, answer.text
    return answer.json()


def refused(answer: httpx.Response) -> tuple[int, str]:
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return answer.status_code, problem["code"]


def codes(receiver: Receiver) -> list[list[str]]:
    """The indicators of each message of changes."""
    return [[one["indicator"] for one in message.data["indicators"]] for message in receiver.messages]


# --- what is sent ---


async def test_who_subscribed_is_told_that_an_indicator_changed(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    await hub.sent((VISITS, BEN_CAT, "2026-11-19", 212), (EMERGENCIES, BEN_CAT, "2026-11-19", 3))

    await deliver(hub)

    [message] = receiver.messages
    message.verify(webhook["secret"])
    assert (message.path, message.headers["content-type"]) == ("/hook", "application/cloudevents+json; charset=utf-8")
    event = message.event
    assert (event.get_specversion(), event.get_type(), event.get_source()) == ("1.0", CHANGED, "/ioc-hub")
    assert (event.get_id(), event.get_subject()) == (message.id, "/v1/aggregates")
    assert (event.get_datacontenttype(), UUID(event.get_id()).version) == ("application/json", 4)
    time = event.get_time()
    assert time is not None
    assert datetime.now(UTC) - time < timedelta(minutes=1)
    data = message.data
    assert data["indicators"] == [
        {"indicator": EMERGENCIES, "domain": "health"},
        {"indicator": VISITS, "domain": "health"},
    ]
    assert data["until"] > data["since"]
    [delivery] = await log(hub, owner, webhook)
    assert (delivery["event"], delivery["type"], delivery["state"]) == (message.id, CHANGED, "delivered")
    assert (delivery["attempts"], delivery["status"], delivery["error"]) == (1, 204, None)
    await deliver(hub, datetime.now(UTC) + timedelta(days=1))
    assert len(receiver.messages) == 1


async def test_what_changes_within_ten_seconds_is_told_together(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    await subscribed(hub, owner, receiver.url)
    start = datetime.now(UTC)
    await hub.sent((VISITS, BEN_CAT, "2026-11-19", 1))
    await deliver(hub, start)
    for seconds in range(1, 4):
        await hub.sent((VISITS, BEN_CAT, "2026-11-19", 1 + seconds))
        await deliver(hub, start + timedelta(seconds=seconds))
    await hub.sent((EMERGENCIES, BEN_CAT, "2026-11-19", 3))

    await deliver(hub, start + timedelta(seconds=9))
    assert codes(receiver) == [[VISITS]]
    await deliver(hub, start + timedelta(seconds=10))

    first, second = receiver.messages
    assert codes(receiver) == [[VISITS], [EMERGENCIES, VISITS]]
    assert second.data["since"] == first.data["until"]


async def test_who_does_not_take_messages_gets_no_heap_of_them(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    start = datetime.now(UTC)
    receiver.answer(500)
    receiver.answer(500)
    for minute in range(4):
        await hub.sent((VISITS, BEN_CAT, "2026-11-19", minute))
        await deliver(hub, start + timedelta(minutes=minute))
    assert len(await log(hub, owner, webhook)) == 1

    await deliver(hub, start + timedelta(minutes=61))  # finds the first one due, and tells the rest

    assert [one["state"] for one in await log(hub, owner, webhook)] == ["delivered", "delivered"]
    assert receiver.messages[-1].data["since"] == receiver.messages[0].data["until"]


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"indicators": [EMERGENCIES]}, [[EMERGENCIES]]),
        ({"domains": ["health"]}, [[EMERGENCIES, VISITS]]),
        ({"domains": ["education"]}, []),
        ({"domains": ["education"], "indicators": [VISITS]}, []),
    ],
)
async def test_a_filter_is_kept_to(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers, filters: dict[str, list[str]], told: list[list[str]]
) -> None:
    await subscribed(hub, owner, receiver.url, **filters)
    await hub.sent(
        (VISITS, BEN_CAT, "2026-11-19", 212),
        (EMERGENCIES, BEN_CAT, "2026-11-19", 3),
        ("tthc.dossier.received", BEN_CAT, "2026-11-19", 3),
    )

    await deliver(hub)

    assert codes(receiver) == told


async def test_who_wants_changes_later_is_told_of_those_that_come_then(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url, types=[REPORTED])
    await hub.sent((VISITS, BEN_CAT, "2026-11-19", 212))
    await hub.client.patch(f"/v1/webhooks/{webhook['id']}", json={"types": [CHANGED]}, headers=owner)
    await hub.sent((EMERGENCIES, BEN_CAT, "2026-11-19", 3))

    await deliver(hub)

    assert codes(receiver) == [[EMERGENCIES]]


async def test_what_changed_while_it_was_paused_is_told_together(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    path = f"/v1/webhooks/{webhook['id']}"
    await hub.client.patch(path, json={"active": False}, headers=owner)
    await hub.sent((VISITS, BEN_CAT, "2026-11-19", 212))
    await report(hub)
    await deliver(hub)
    await hub.sent((EMERGENCIES, BEN_CAT, "2026-11-19", 3))
    assert receiver.messages == []

    await hub.client.patch(path, json={"active": True}, headers=owner)
    await deliver(hub)

    assert codes(receiver) == [[EMERGENCIES, VISITS]]


async def test_a_ratio_changes_with_its_parts(hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers) -> None:
    await subscribed(hub, owner, receiver.url, indicators=["health.bed.occupancy"])
    await hub.sent(("health.bed.occupied", BEN_CAT, "2026-11-19", 40))

    await deliver(hub)

    assert codes(receiver) == [["health.bed.occupancy"]]


async def test_what_a_key_may_not_read_it_is_not_told_of(hub: HubUnderTest, receiver: Receiver) -> None:
    async def key(scopes: list[str], domains: list[str] | None) -> httpx.Headers:
        return httpx.Headers({"X-API-Key": await hub.key("tax-office", ["webhooks:write", *scopes], domains=domains)})

    told: list[set[str]] = []
    for scopes, domains in (([], None), (["readings:read"], ["health"]), (["readings:read"], ["security"])):
        owner = await key(scopes, domains)
        webhook = await subscribed(hub, owner, receiver.url)
        await hub.sent((VISITS, BEN_CAT, "2026-11-19", len(told)), (CRIMES, BEN_CAT, "2026-11", len(told)))
        await deliver(hub)
        told.append({VISITS, CRIMES} & set(codes(receiver)[-1]))
        await hub.client.delete(f"/v1/webhooks/{webhook['id']}", headers=owner)

        asked = {"name": "x", "url": receiver.url, "types": [CHANGED], "indicators": [CRIMES]}
        answer = await hub.client.post("/v1/webhooks", json=asked, headers=owner)
        expected = {(): 403, ("health",): 403, ("security",): 201}[tuple(domains or ())]
        assert answer.status_code == expected, answer.text

    assert told == [{VISITS}, {VISITS}, {VISITS, CRIMES}]


async def test_a_webhook_ends_with_its_key(hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers) -> None:
    await subscribed(hub, owner, receiver.url)
    await report(hub)
    async with hub.session() as session:
        await auth.revoke_key(session, owner["X-API-Key"].split("_")[1])
    await hub.sent((VISITS, BEN_CAT, "2026-11-19", 212))
    await report(hub)

    await deliver(hub)

    assert receiver.messages == []


async def test_who_was_behind_longer_than_changes_are_kept_is_told_of_all(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    await subscribed(hub, owner, receiver.url, domains=["education"])
    await hub.sent((VISITS, BEN_CAT, "2026-11-19", 1))
    await hub.sent((VISITS, BEN_CAT, "2026-11-19", 2))
    async with hub.session() as session:
        await session.execute(text("DELETE FROM change WHERE id < (SELECT max(id) FROM change)"))
        catalogue = await hub.hub.catalogues.current(session)

    await deliver(hub)

    [told] = codes(receiver)
    of_education = (one for one in catalogue.indicators.values() if one.domain.code == "education")
    assert set(told) == {one.code for one in of_education if one.public}


async def test_an_event_is_sent_when_its_transaction_is_committed_and_not_before(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url, types=[REPORTED])
    async with hub.session() as session:
        await record_event(session, REPORTED, REPORT, {"status": "submitted"})
        await deliver(hub)
        assert receiver.messages == []

    await deliver(hub)

    [message] = receiver.messages
    message.verify(webhook["secret"])
    event = message.event
    assert (event.get_type(), event.get_subject()) == (REPORTED, REPORT)
    assert message.data == {"status": "submitted"}


async def test_of_a_citizens_report_everybody_hears_once_it_is_published_and_not_before(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    await subscribed(hub, owner, receiver.url, types=[REPORTED])
    centre = Centre(hub)
    sent = await centre.sent()
    await centre.moved(sent, *TO_THE_PUBLIC[:-1])
    await deliver(hub)
    before = list(receiver.messages)

    await centre.moved(sent, TO_THE_PUBLIC[-1])
    await deliver(hub)

    assert before == []
    [message] = receiver.messages
    assert message.event.get_subject() == f"/v1/reports/{sent['id']}"
    assert message.data == {"id": sent["id"], "number": sent["number"], "state": "published", "outcome": "fixed"}

    await centre.moved(
        sent, ("moderate", "reopened", {"reason": "Lại tắt."}), ("moderate", "assigned"),
        ("handle", "resolved", {"outcome": "no_budget", "reply": "Chưa ai xem."}),
    )  # fmt: skip
    await deliver(hub)

    assert {one.data["outcome"] for one in receiver.messages[1:]} == {None}


async def test_who_keeps_a_copy_of_a_report_hears_that_it_was_withdrawn(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    await subscribed(hub, owner, receiver.url, types=[REPORTED])
    centre = Centre(hub)
    sent = await centre.sent()
    await centre.moved(sent, *TO_THE_PUBLIC)
    await centre.ask("POST", f"/{sent['id']}/withdrawal", "moderate", json={"reason": "Ảnh có biển số xe."})
    await centre.moved(sent, ("moderate", "reopened", {"reason": "Lại tắt."}))
    await deliver(hub)

    assert [one.data for one in receiver.messages] == [
        {"id": sent["id"], "number": sent["number"], "state": "published", "outcome": "fixed"},
        {"id": sent["id"], "number": sent["number"], "gone": True},
    ]


async def test_reports_come_of_the_units_and_categories_that_are_asked_for(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    centre = Centre(hub)
    sent = {category: await centre.sent(category=category) for category in ("waste", "trees-lighting")}
    filters: list[dict[str, list[str]]] = [
        {}, {"units": ["bencat"]}, {"units": ["25840"]}, {"categories": ["waste"]},
        {"units": ["79"], "categories": ["trees-lighting"]}, {"units": ["25813", "25840"], "categories": ["noise"]},
    ]  # fmt: skip
    made = [
        await subscribed(hub, owner, f"{receiver.url}?{place}", types=[REPORTED], **more)
        for place, more in enumerate(filters)
    ]
    for one in sent.values():
        await centre.moved(one, *TO_THE_PUBLIC)

    heard = []
    for one in made:
        log = (await hub.client.get(f"/v1/webhooks/{one['id']}/deliveries", headers=owner)).json()["items"]
        subjects = {delivery["subject"].rpartition("/")[2] for delivery in log}
        heard.append({category for category, one in sent.items() if one["id"] in subjects})

    assert heard == [{*sent}, {*sent}, set(), {"waste"}, {"trees-lighting"}, set()]
    assert (made[4]["units"], made[4]["categories"]) == (["79@2025-07-01"], ["trees-lighting"])
    changed = await hub.client.patch(f"/v1/webhooks/{made[4]['id']}", json={"units": None}, headers=owner)
    assert (changed.json()["units"], changed.json()["categories"]) == (None, ["trees-lighting"])


async def test_units_and_categories_that_there_are_not_are_named(hub: HubUnderTest, owner: httpx.Headers) -> None:
    body = {
        "name": "w",
        "url": "https://8.8.8.8/ioc",
        "types": [REPORTED],
        "units": ["25813", "no"],
        "categories": ["no"],
    }

    refused = await hub.client.post("/v1/webhooks", json=body, headers=owner)

    assert refused.status_code == 422
    assert {one["pointer"] for one in refused.json()["errors"]} == {"/units/1", "/categories/0"}


async def test_a_transaction_that_is_rolled_back_sends_nothing(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    with contextlib.suppress(RuntimeError):
        async with hub.session() as session:
            await record_event(session, REPORTED, REPORT, {})
            raise RuntimeError

    await deliver(hub)

    assert (receiver.messages, await log(hub, owner, webhook)) == ([], [])


async def test_what_nobody_wants_to_know_leaves_no_row(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url, types=[CHANGED])
    await subscribed(hub, owner, receiver.url)
    paused = {"active": False}
    await hub.client.patch(f"/v1/webhooks/{webhook['id'] + 1}", json=paused, headers=owner)

    await report(hub)

    async with hub.session() as session:
        assert (await session.execute(text("SELECT count(*) FROM webhook_event"))).scalar_one() == 0


async def test_to_delete_a_webhook_does_not_make_a_report_fail(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    async with hub.session() as session, hub.session() as other:
        await other.execute(text("DELETE FROM webhook WHERE id = :id"), {"id": webhook["id"]})
        recording = asyncio.create_task(record_event(session, REPORTED, REPORT, {}))
        waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_blocking_pids(pid) <> '{}')"
        async with asyncio.timeout(60):
            while not (await hub.hub.database.ask(waits, {}))[0][0]:
                pass
        await other.commit()
        await recording


async def test_a_ping_tries_the_way(hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers) -> None:
    webhook = await subscribed(hub, owner, receiver.url)

    delivery = await posted(hub, owner, webhook, "ping")
    await deliver(hub)

    [message] = receiver.messages
    message.verify(webhook["secret"])
    assert (message.event.get_type(), message.id) == (PING, delivery["event"])
    assert (delivery["state"], delivery["attempts"]) == ("pending", 0)
    one = await hub.client.get(f"/v1/webhooks/{webhook['id']}/deliveries/{delivery['id']}", headers=owner)
    assert one.json()["state"] == "delivered"


async def test_the_worker_sends_what_happens(hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers) -> None:
    await subscribed(hub, owner, receiver.url)
    loops = asyncio.create_task(run_loops(hub.hub))

    await hub.send((VISITS, BEN_CAT, "2026-11-19", 212), settled=False)
    async with asyncio.timeout(60):
        await receiver.got(1)
    loops.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await loops

    assert codes(receiver) == [[VISITS]]


# --- when it is not taken ---


async def test_it_is_sent_again_until_it_is_taken(hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    await report(hub)
    receiver.answer(500, "hỏng\0rồi".encode())
    receiver.answer(500)

    start = datetime.now(UTC)
    await deliver(hub, start)
    [first] = await log(hub, owner, webhook)
    failing = await shown(hub, owner, webhook)
    await deliver(hub, start + timedelta(seconds=3))  # too early
    await deliver(hub, start + timedelta(seconds=7))
    await deliver(hub, start + timedelta(minutes=7))

    assert (first["state"], first["attempts"], first["status"], first["response"]) == (
        "pending",
        1,
        500,
        "hỏng\ufffdrồi",
    )
    assert failing["failing_since"] == first["attempted_at"]
    assert timedelta(seconds=4) <= _between(first["attempted_at"], first["next_attempt_at"]) <= timedelta(seconds=6)
    one, two, three = receiver.messages
    assert one.id == two.id == three.id
    assert one.body == two.body == three.body
    assert int(three.headers["webhook-timestamp"]) - int(two.headers["webhook-timestamp"]) == 413  # signed when sent
    [last] = await log(hub, owner, webhook)
    assert (last["state"], last["attempts"], last["status"]) == ("delivered", 3, 204)
    assert (await shown(hub, owner, webhook))["failing_since"] is None


def _between(earlier: str, later: str) -> timedelta:
    return datetime.fromisoformat(later) - datetime.fromisoformat(earlier)


async def test_after_ten_attempts_it_has_failed(hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    await report(hub)
    due = [datetime.now(UTC)]
    while True:
        receiver.answer(404)
        await deliver(hub, due[-1])
        [delivery] = await log(hub, owner, webhook)
        if delivery["state"] != "pending":
            break
        due.append(datetime.fromisoformat(delivery["next_attempt_at"]))

    assert (delivery["state"], delivery["attempts"], delivery["next_attempt_at"]) == ("failed", 10, None)
    assert timedelta(days=2, hours=12) < due[-1] - due[0] < timedelta(days=4)
    assert len(receiver.messages) == 10


async def test_410_disables_at_once(hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    await report(hub)
    receiver.answer(410)

    await deliver(hub)
    await report(hub)
    await deliver(hub, datetime.now(UTC) + timedelta(days=1))

    assert len(receiver.messages) == 1
    now = await shown(hub, owner, webhook)
    assert (now["active"], now["disabled_why"]) == (False, "gone")
    [delivery] = await log(hub, owner, webhook)
    assert (delivery["state"], delivery["status"]) == ("failed", 410)
    for deed, body in (("ping", None), ("replay", {"since": "2026-01-01T00:00:00Z"})):
        answer = await hub.client.post(f"/v1/webhooks/{webhook['id']}/{deed}", headers=owner, json=body)
        assert refused(answer) == (409, "webhook-disabled")

    again = await hub.client.patch(f"/v1/webhooks/{webhook['id']}", json={"active": True}, headers=owner)
    await posted(hub, owner, webhook, f"deliveries/{delivery['id']}/replay")
    await deliver(hub)
    assert (again.json()["active"], again.json()["disabled_why"]) == (True, None)
    assert [message.id for message in receiver.messages] == [delivery["event"]] * 2


async def test_who_takes_nothing_for_days_is_disabled(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    await report(hub)
    start = datetime.now(UTC)
    for after in (timedelta(0), timedelta(days=4, hours=23)):
        receiver.answer(500)
        await deliver(hub, start + after)
    assert (await shown(hub, owner, webhook))["active"]

    receiver.answer(500)
    await deliver(hub, start + timedelta(days=5, hours=1))

    now = await shown(hub, owner, webhook)
    assert (now["active"], now["disabled_why"]) == (False, "failing")


async def test_retry_after_is_honoured_within_an_hour(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    await subscribed(hub, owner, receiver.url)
    await report(hub)
    receiver.answer(503, Retry_After="600")
    receiver.answer(429, Retry_After="999999")
    start = datetime.now(UTC)
    for after, attempts in [(0, 1), (30, 1), (599, 1), (600, 2), (4199, 2), (4200, 3)]:
        await deliver(hub, start + timedelta(seconds=after))
        assert len(receiver.messages) == attempts, after


async def test_a_worker_that_is_killed_in_the_middle_leaves_it_to_the_next_one(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    await report(hub)
    receiver.may_answer.clear()
    start = datetime.now(UTC)
    with time_machine.travel(start, tick=False):
        async with Courier(hub.hub) as courier:
            await courier.look(hub.hub)
            await receiver.got(1)  # and dies, before there is an answer
    receiver.may_answer.set()

    await deliver(hub, start + timedelta(seconds=59))
    assert len(receiver.messages) == 1
    await deliver(hub, start + timedelta(seconds=60))

    assert len({message.id for message in receiver.messages}) == 1
    assert [one["state"] for one in await log(hub, owner, webhook)] == ["delivered"]


async def test_what_a_worker_notes_too_late_does_not_count(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    await report(hub)
    receiver.may_answer.clear()
    receiver.answer(204)
    receiver.answer(500)
    async with Courier(hub.hub) as slow:
        await slow.look(hub.hub)
        await receiver.got(1)
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61)):
            async with Courier(hub.hub) as quick:
                await quick.look(hub.hub)
                await receiver.got(2)
                receiver.may_answer.set()
                await quick.finish()
        await slow.finish()

    [delivery] = await log(hub, owner, webhook)
    assert (delivery["attempts"], len(receiver.messages)) == (1, 2)


async def test_who_does_not_answer_holds_nobody_up(hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers) -> None:
    async with receiving() as silent:
        silent.may_answer.clear()
        await subscribed(hub, owner, silent.url)
        await subscribed(hub, owner, receiver.url)
        await report(hub, 1)
        await report(hub, 2)
        async with Courier(hub.hub) as courier:
            await courier.look(hub.hub)
            await silent.got(1)
            await receiver.got(2)

            assert [message.data["number"] for message in receiver.messages] == [1, 2]
            assert len(silent.messages) == 1  # one request at a time


async def test_an_attempt_has_its_time(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.webhooks.courier.TIMEOUT", 0.3)
    webhook = await subscribed(hub, owner, receiver.url)
    await report(hub)
    receiver.may_answer.clear()

    await deliver(hub)

    [delivery] = await log(hub, owner, webhook)
    assert (delivery["state"], delivery["status"], delivery["error"]) == ("pending", None, "no answer within 0 seconds")


async def test_two_workers_deliver_each_event_once(hub: HubUnderTest, owner: httpx.Headers) -> None:
    async with contextlib.AsyncExitStack() as stack:
        receivers = [await stack.enter_async_context(receiving()) for _ in range(4)]
        for one in receivers:
            await subscribed(hub, owner, one.url)
        other = Hub.open(hub.hub.settings, hub.hub.database.engine.url.render_as_string(hide_password=False))
        stack.push_async_callback(other.close)
        await hub.sent((VISITS, BEN_CAT, "2026-11-19", 1))
        for number in range(10):
            await report(hub, number)
        couriers = [await stack.enter_async_context(Courier(one)) for one in (hub.hub, other)]

        for _ in range(3):
            await asyncio.gather(couriers[0].look(hub.hub), couriers[1].look(other))
            await asyncio.gather(*(courier.finish() for courier in couriers))

        for one in receivers:
            reports = [message.data["number"] for message in one.messages if message.event.get_type() == REPORTED]
            assert reports == list(range(10))
            assert len(one.messages) == 11


# --- once more ---


async def test_one_delivery_or_all_since_a_time_are_sent_once_more(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    await report(hub, 1)
    await report(hub, 2)
    receiver.answer(204)
    receiver.answer(500)
    await deliver(hub)
    second, first = await log(hub, owner, webhook)
    since = {"since": first["recorded_at"]}

    again = await posted(hub, owner, webhook, f"deliveries/{first['id']}/replay")
    await deliver(hub)
    failed = await posted(hub, owner, webhook, "replay", json=since)
    await deliver(hub)
    everything = await posted(hub, owner, webhook, "replay", json=since | {"delivered": True})
    await deliver(hub)
    none = await posted(hub, owner, webhook, "replay", json={"since": "2100-01-01T00:00:00Z", "delivered": True})

    assert (again["state"], again["attempts"], again["event"]) == ("pending", 0, first["event"])
    assert [one["deliveries"] for one in (failed, everything, none)] == [1, 2, 0]
    assert [message.data["number"] for message in receiver.messages] == [1, 2, 1, 2, 1, 2]
    assert [message.id for message in receiver.messages] == [first["event"], second["event"]] * 3


async def test_while_a_secret_is_rotated_both_are_good(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    rotated = await posted(hub, owner, webhook, "rotate")
    await report(hub)
    await deliver(hub)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=25)):
        await report(hub)
        await deliver(hub)
        [during, after] = receiver.messages
        after.verify(rotated["secret"])
        with pytest.raises(WebhookVerificationError):
            after.verify(webhook["secret"])

    assert rotated["secret"] != webhook["secret"]
    assert _between(rotated["created_at"], rotated["previous_secret_until"]) > timedelta(hours=23)
    during.verify(rotated["secret"])
    during.verify(webhook["secret"])


async def test_the_log_is_paged_and_forgotten_after_a_week(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    for number in range(5):
        await report(hub, number)
    await deliver(hub)
    path, cursor = f"/v1/webhooks/{webhook['id']}/deliveries", None
    numbers: list[int] = []
    while cursor is not None or not numbers:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await hub.client.get(path, headers=owner, params=params)).json()
        numbers += [one["id"] for one in page["items"]]
        cursor = page["next"]

    assert (len(numbers), numbers) == (5, sorted(numbers, reverse=True))
    assert [len(await log(hub, owner, webhook, state=state)) for state in ("delivered", "pending")] == [5, 0]
    async with hub.session() as session:
        assert await forget_events(session, datetime.now(UTC) + timedelta(days=6)) == 0
        assert await forget_events(session, datetime.now(UTC) + timedelta(days=8)) == 5
    assert await log(hub, owner, webhook) == []


# --- whose they are ---


async def test_nobody_sees_the_webhooks_of_another_key(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    delivery = await posted(hub, owner, webhook, "ping")
    same_source = {"X-API-Key": await hub.key("tax-office", ["webhooks:write"])}
    path = f"/v1/webhooks/{webhook['id']}"

    for method, where, body in [
        ("GET", path, None),
        ("PATCH", path, {"url": receiver.url + "/mine"}),
        ("DELETE", path, None),
        ("POST", f"{path}/rotate", None),
        ("POST", f"{path}/ping", None),
        ("POST", f"{path}/replay", {"since": "2026-01-01T00:00:00Z"}),
        ("GET", f"{path}/deliveries", None),
        ("GET", f"{path}/deliveries/{delivery['id']}", None),
        ("POST", f"{path}/deliveries/{delivery['id']}/replay", None),
    ]:
        for key, answered in [
            (same_source, (404, "unknown-webhook")),
            ({}, (401, "key-required")),
            ({"X-API-Key": await hub.key("tax-office", ["readings:write"])}, (403, "scope-missing")),
        ]:
            assert refused(await hub.client.request(method, where, json=body, headers=key)) == answered, (method, where)
    assert (await hub.client.get("/v1/webhooks", headers=same_source)).json() == {"items": [], "next": None}
    mine = await subscribed(hub, httpx.Headers(same_source), receiver.url)
    there = f"/v1/webhooks/{mine['id']}/deliveries/{delivery['id']}"
    assert refused(await hub.client.get(there, headers=same_source)) == (404, "unknown-delivery")
    assert refused(await hub.client.post(f"{there}/replay", headers=same_source)) == (404, "unknown-delivery")
    await deliver(hub)
    assert [message.path for message in receiver.messages] == ["/hook"]


async def test_a_secret_is_shown_once_and_stored_nowhere(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    answer = await hub.client.post(
        "/v1/webhooks", json={"name": "x", "url": receiver.url, "types": [CHANGED]}, headers=owner
    )
    secret = answer.json()["secret"]
    async with hub.session() as session:
        stored = str((await session.execute(text("SELECT w::text, encode(salt, 'base64') FROM webhook w"))).one())
    listed = await hub.client.get("/v1/webhooks", headers=owner)

    assert answer.headers["cache-control"] == "no-store"
    assert secret.removeprefix("whsec_") not in stored
    assert "secret" not in listed.json()["items"][0]


async def test_webhooks_are_changed_and_deleted(hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers) -> None:
    webhook = await subscribed(hub, owner, receiver.url, indicators=[VISITS, EMERGENCIES], domains=["health"])
    path = f"/v1/webhooks/{webhook['id']}"
    url = receiver.url + "/other"

    changed = await hub.client.patch(path, json={"url": url, "indicators": None, "name": " mới "}, headers=owner)
    paused = await hub.client.patch(path, json={"active": False}, headers=owner)
    untouched = await hub.client.patch(path, json={}, headers=owner)
    deleted = await hub.client.delete(path, headers=owner)

    assert webhook["indicators"] == [EMERGENCIES, VISITS]
    assert (changed.json()["url"], changed.json()["indicators"], changed.json()["domains"]) == (url, None, ["health"])
    assert (changed.json()["name"], changed.json()["types"]) == ("mới", [CHANGED, REPORTED])
    assert (paused.json()["active"], paused.json()["disabled_why"]) == (False, "paused")
    assert untouched.json() == paused.json()
    assert deleted.status_code == 204
    assert refused(await hub.client.delete(path, headers=owner)) == (404, "unknown-webhook")


async def test_a_key_has_so_many_webhooks(hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers) -> None:
    body = {"name": "x", "url": receiver.url, "types": [CHANGED]}
    answers = await asyncio.gather(
        *(hub.client.post("/v1/webhooks", json=body, headers=owner) for _ in range(MOST_WEBHOOKS + 3))
    )

    assert sorted(answer.status_code for answer in answers) == [201] * MOST_WEBHOOKS + [409] * 3
    first = (await hub.client.get("/v1/webhooks", headers=owner, params={"limit": MOST_WEBHOOKS - 1})).json()
    rest = (await hub.client.get("/v1/webhooks", headers=owner, params={"cursor": first["next"]})).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (MOST_WEBHOOKS - 1, 1, None)


async def test_what_is_wrong_with_a_subscription_is_said(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    good = {"name": "x", "url": receiver.url, "types": [CHANGED]}
    for asked, pointer, words in [
        (good | {"url": "hook"}, "/url", "it must be https://"),
        (
            good | {"url": "http://169.254.169.254/"},
            "/url",
            "'169.254.169.254' is 169.254.169.254, not a public address",
        ),
        (good | {"url": "https://no-such-host.invalid/"}, "/url", "no address of 'no-such-host.invalid' can be found"),
        (good | {"url": "https://8.8.8.8/a b"}, "/url", "no spaces"),
        (good | {"types": ["ioc.everything"]}, "/types/0", "one of"),
        (good | {"types": []}, "/types", "at least 1"),
        (good | {"indicators": ["health.emergencies"]}, "/indicators/0", "Nearest: health.emergency"),
        (good | {"domains": ["helth"]}, "/domains/0", "one of: "),
        (good | {"secret": "mine"}, "/secret", "no such field"),
    ]:
        answer = await hub.client.post("/v1/webhooks", json=asked, headers=owner)
        assert answer.status_code == 422, answer.text
        [mistake] = answer.json()["errors"]
        assert mistake["pointer"] == pointer
        assert words in mistake["detail"]


# --- where it is sent ---


@pytest.fixture
async def strict_hub(reference_database: str, tmp_path: Path) -> AsyncIterator[HubUnderTest]:
    """One that may send to public addresses only, as it is unless the setting says otherwise."""
    settings = SETTINGS.model_copy(update={"data_dir": tmp_path, "pool_size": 5})
    async with running_on_reference(reference_database, settings) as under_test:
        yield under_test


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names mean, one answer after the other; the last one stays. Others are not known."""
    meanings: dict[str, list[str]] = {}
    really = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *more: Any, **others: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name in meanings:
            address = meanings[name].pop(0) if len(meanings[name]) > 1 else meanings[name][0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]
        return really(host, port, *more, **others)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return meanings


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://localhost/", "https://10.0.0.8/", "http://8.8.8.8/"])
async def test_nothing_is_sent_into_the_own_network_unless_the_setting_says_so(
    strict_hub: HubUnderTest, url: str
) -> None:
    owner = {"X-API-Key": await strict_hub.key("tax-office", ["webhooks:write"])}
    body = {"name": "x", "url": url, "types": [CHANGED]}

    created = await strict_hub.client.post("/v1/webhooks", json=body, headers=owner)
    public = await strict_hub.client.post("/v1/webhooks", json=body | {"url": "https://8.8.8.8/"}, headers=owner)
    moved = await strict_hub.client.patch(f"/v1/webhooks/{public.json()['id']}", json={"url": url}, headers=owner)

    assert [answer.status_code for answer in (created, public, moved)] == [422, 201, 422]


async def test_a_name_that_means_another_address_later_is_refused_then(
    strict_hub: HubUnderTest, receiver: Receiver, names: dict[str, list[str]]
) -> None:
    names["rebinding.example"] = ["93.184.216.34", "127.0.0.1"]
    owner = httpx.Headers({"X-API-Key": await strict_hub.key("tax-office", ["webhooks:write"])})
    port = httpx.URL(receiver.url).port
    webhook = await subscribed(strict_hub, owner, f"https://rebinding.example:{port}/hook")
    await report(strict_hub)

    await deliver(strict_hub)

    [delivery] = await log(strict_hub, owner, webhook)
    assert delivery["error"] == "'rebinding.example' is 127.0.0.1, not a public address"
    assert receiver.messages == []


async def test_the_address_that_was_looked_at_is_the_one_that_is_sent_to(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers, names: dict[str, list[str]]
) -> None:
    # Looked up once when it subscribes and once for the message: the third answer would be refused.
    names["portal.example"] = ["127.0.0.1", "127.0.0.1", "169.254.169.254"]
    port = httpx.URL(receiver.url).port
    await subscribed(hub, owner, f"http://portal.example:{port}/hook")
    await report(hub)

    await deliver(hub)

    [message] = receiver.messages
    assert message.headers["host"] == f"portal.example:{port}"


async def test_a_redirect_is_not_followed(hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers) -> None:
    async with receiving() as hidden:
        webhook = await subscribed(hub, owner, receiver.url)
        await report(hub)
        receiver.answer(307, Location=hidden.url)

        await deliver(hub)

        [delivery] = await log(hub, owner, webhook)
        assert (delivery["state"], delivery["status"], hidden.messages) == ("pending", 307, [])


async def test_no_proxy_of_the_environment_is_asked(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        await subscribed(hub, owner, receiver.url)
        await report(hub)

        await deliver(hub)

        assert (len(receiver.messages), proxy.messages) == (1, [])


async def test_a_certificate_must_be_of_the_name_in_the_url(
    hub: HubUnderTest, owner: httpx.Headers, names: dict[str, list[str]]
) -> None:
    names["portal.example"] = names["other.example"] = ["127.0.0.1"]
    authority = trustme.CA()
    served, trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("portal.example").configure_cert(served)
    authority.configure_trust(trusted)
    async with receiving(tls=served) as receiver:
        port = httpx.URL(receiver.url).port
        right = await subscribed(hub, owner, f"https://portal.example:{port}/hook")
        wrong = await subscribed(hub, owner, f"https://other.example:{port}/hook")
        await report(hub)

        await deliver(hub, trusted=trusted)
        await report(hub)
        await deliver(hub)  # who signed the certificate is not known

        assert len(receiver.messages) == 1
        errors = [[one["error"] for one in await log(hub, owner, webhook)] for webhook in (right, wrong)]
        assert "unable to get local issuer certificate" in errors[0][0]
        assert errors[0][1] is None
        assert "certificate is not valid for 'other.example'" in errors[1][1]


async def test_of_an_answer_only_the_beginning_is_read(
    hub: HubUnderTest, receiver: Receiver, owner: httpx.Headers
) -> None:
    webhook = await subscribed(hub, owner, receiver.url)
    await report(hub)
    receiver.answer(200, b"x" * 10_000_000)

    await deliver(hub)

    [delivery] = await log(hub, owner, webhook)
    assert (delivery["state"], delivery["response"]) == ("delivered", "x" * 1000)
