"""`Idempotency-Key`: a sender that did not hear the answer asks again, and it happened once."""

import asyncio
import gzip
import json
from typing import Any

import httpx
from sqlalchemy import text

from tests.conftest import HubUnderTest

DOSSIERS = "tthc.dossier.received"


def body(*values: Any, first_day: int = 1) -> bytes:
    rows = [
        {"indicator": DOSSIERS, "unit": "25813", "period": f"2025-08-{day:02}", "value": value}
        for day, value in enumerate(values, start=first_day)
    ]
    return json.dumps({"readings": rows}).encode()


async def post(
    hub: HubUnderTest, content: bytes, key: str, source: str = "tax-office", **params: Any
) -> httpx.Response:
    return await hub.post(content, source=source, headers={"Idempotency-Key": key}, **params)


async def test_the_same_request_gets_the_same_answer_to_the_byte(hub: HubUnderTest) -> None:
    first = await post(hub, body(1, "x"), "night-run-7", mode="partial")
    await hub.sent((DOSSIERS, "25813", "2025-08-01", 99))  # what happens in between does not count

    again = await post(hub, body(1, "x"), "night-run-7", mode="partial")
    zipped = await hub.post(
        gzip.compress(body(1, "x")),
        headers={"Idempotency-Key": "night-run-7", "content-encoding": "gzip"},
        mode="partial",
    )

    assert first.status_code == again.status_code == zipped.status_code == 200
    assert first.content == again.content == zipped.content
    assert first.headers["content-type"] == again.headers["content-type"] == "application/json"
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == zipped.headers["idempotency-replayed"] == "true"
    assert [one["value"] for one in await hub.reported(DOSSIERS, "25813")] == [99]


async def test_another_request_with_the_key_is_refused(hub: HubUnderTest) -> None:
    assert (await post(hub, body(1), "k1")).status_code == 200

    for other in (
        await post(hub, body(2), "k1"),
        await post(hub, body(1), "k1", mode="partial"),
        await post(hub, body(1), "k1", reinstate=True),
    ):
        problem = other.json()
        assert (other.status_code, problem["code"]) == (422, "idempotency-mismatch")
        assert problem["detail"].startswith("The key 'k1' was used at 20")
        assert problem["detail"].endswith(" for another body; a new body needs a new key.")
    assert [one["value"] for one in await hub.reported(DOSSIERS, "25813")] == [1]


async def test_a_refused_request_can_be_mended_and_sent_with_the_same_key(hub: HubUnderTest) -> None:
    assert (await post(hub, b'{"readings": [', "k1")).json()["code"] == "malformed-body"
    assert (await post(hub, body(1, "two"), "k1")).json()["code"] == "rows-rejected"

    mended = await post(hub, body(1, 2), "k1")

    assert (mended.status_code, mended.json()["created"]) == (200, 2)
    assert "idempotency-replayed" not in mended.headers
    assert (await post(hub, body(1, 2), "k1")).content == mended.content


async def test_each_api_key_has_its_own(hub: HubUnderTest) -> None:
    mine = await post(hub, body(1), "k1")
    hub.keys["same source, other key"] = await hub.key("tax-office")

    other = await post(hub, body(2), "k1", source="same source, other key")

    assert (mine.json()["created"], other.json()["corrected"]) == (1, 1)


async def test_two_at_once_do_it_once(hub: HubUnderTest) -> None:
    await hub.sent((DOSSIERS, "25840", "2025-08-01", 1))

    answers = await asyncio.gather(*(post(hub, body(*range(20)), "k1") for _ in range(8)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert answers[0].json()["created"] == 20


async def test_two_at_once_of_which_the_first_is_refused(hub: HubUnderTest) -> None:
    await hub.sent((DOSSIERS, "25840", "2025-08-01", 1))

    bad, good = await asyncio.gather(post(hub, body(1, "two"), "k1"), post(hub, body(1, 2), "k1"))

    assert bad.status_code == 422
    assert bad.json()["code"] in {"rows-rejected", "idempotency-mismatch"}  # whichever came first
    assert (good.status_code, good.json()["created"]) == (200, 2)


async def test_after_seven_days_the_key_is_free(hub: HubUnderTest) -> None:
    await post(hub, body(1), "k1")
    async with hub.session() as session:
        await session.execute(text("UPDATE stored_answer SET stored_at = stored_at - interval '6 days 23 hours'"))
    assert (await post(hub, body(2), "k1")).status_code == 422
    async with hub.session() as session:
        await session.execute(text("UPDATE stored_answer SET stored_at = stored_at - interval '2 hours'"))

    fresh = await post(hub, body(2), "k1")

    assert (fresh.status_code, fresh.json()["corrected"]) == (200, 1)
    assert (await post(hub, body(2), "k1")).content == fresh.content


async def test_a_key_must_be_plain_and_short(hub: HubUnderTest) -> None:
    for key in ("", "x" * 256, "a\tb"):
        answer = await post(hub, body(1), key)
        [error] = answer.json()["errors"]
        assert (answer.status_code, error["pointer"]) == (422, "/header/idempotency-key")
    assert await hub.reported(DOSSIERS, "25813") == []
