"""Citizens' reports under kill -9: what was acknowledged is there exactly once, whole, with its photos, and nothing is there by half."""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

import httpx
from PIL import Image
from pydantic import SecretStr

from app import auth
from app.catalogue.units import record_units
from app.database import Database
from app.readings.seed import NewSource, require_source
from app.reports.identity import Identity, Sealed, identity_keys
from app.reports.photo_store import photo_key
from app.reports.photos import SIZES
from app.reports.rules import load_starting_rules
from app.schemas.catalogue import LinkIn, UnitIn
from app.settings import Settings
from tests.api.test_report_photos import a_photo
from tests.journeys.senders import Ledger, assert_unavailable
from tests.journeys.test_crashes import LONGEST, SECRET, SEED, Cluster, Place, Storm, ask, cluster, place_on, ready

__all__ = ["cluster"]  # the fixture

REPORTS, CITIZENS, KILLS = 1_000, 12, 5
PIECES: Final = 3  # of a photo
COMMUNES: Final = {"r0": (11.10, 106.60), "r1": (11.15, 106.62), "r2": (11.20, 106.64)}


async def make_centre(url: str) -> str:
    """Communes that have a place and rules by which reports are promised an answer; the key of an app."""
    database = Database(url, pool_size=1)
    units = [
        UnitIn(code=code, kind="commune", name_vi=code, latitude=point[0], longitude=point[1], parents=[LinkIn(unit="p")])
        for code, point in COMMUNES.items()
    ]  # fmt: skip
    try:
        async with database.write_session() as session:
            await record_units(session, units)
            await load_starting_rules(session)
            return await auth.create_key(
                session, await require_source(session, NewSource("app", "x", "x")), scopes=["reports:submit"],
                unit_ids=None, domains=None, expires_at=None, pepper=SECRET.encode(),
            )  # fmt: skip
    finally:
        await database.close()


# --- who sends ----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Sent:
    """A report, what comes with it, and what became of it."""

    body: dict[str, Any]
    photo: bytes | None
    attempts: int = 0
    number: int | None = None  # the hub's, once it is acknowledged
    uploaded: bool = False

    @property
    def id(self) -> str:
        return str(self.body["id"])


def some_reports(chance: Random) -> list[Sent]:
    """Every other tells who reports; every 25th has a photo."""
    found = []
    for number in range(REPORTS):
        latitude, longitude = chance.choice(list(COMMUNES.values()))
        body: dict[str, Any] = {
            "id": str(UUID(int=chance.getrandbits(128), version=4)), "category": "trees-lighting",
            "description": f"Đèn đường số {number} không sáng.", "address": f"{number} Hùng Vương",
            "point": {"latitude": latitude, "longitude": longitude},
        }  # fmt: skip
        if number % 2:
            body["contact"] = {"name": f"Nguyễn Văn {number}", "phone": f"0912{number:06}"}
        found.append(Sent(body, a_photo(number, (160, 120)) if number % 25 == 0 else None))
    return found


@dataclass
class Citizen:
    """Takes the next report and sends it until it is acknowledged, then its photo. One that is not patient gives it up when the line drops."""

    client: httpx.AsyncClient
    key: str
    chance: Random
    patient: bool = True

    async def run(self, waiting: deque[Sent], ledger: Ledger) -> None:
        while waiting:
            sent = waiting.popleft()
            if await self._deliver(sent):
                if sent.photo is not None and self.patient:
                    await self._upload(sent, sent.photo)
                await ledger.note_acknowledged()

    async def _deliver(self, sent: Sent) -> bool:
        while True:
            sent.attempts += 1
            response = await self._heard("POST", "/v1/reports", json=sent.body)
            if response is not None:
                # 200: an attempt before it had been stored, and nobody heard of it
                assert response.status_code in ({201} if sent.attempts == 1 else {200, 201}), response.text
                sent.number = response.json()["number"]
                return True
            if not self.patient:
                return False

    async def _upload(self, sent: Sent, photo: bytes) -> None:
        """Piece by piece; after a dropped line it asks how much is there."""
        received, size = 0, len(photo)
        while not sent.uploaded:
            piece = photo[received : received + size // PIECES + 1]
            range_ = f"{received}-{received + len(piece) - 1}"
            response = await self._put(sent, f"bytes {range_}/{size}", piece)
            while response is None:
                response = await self._put(sent, f"bytes */{size}", b"")
            assert response.status_code in {201, 202}, response.text
            received, sent.uploaded = response.json()["received"], response.json()["complete"]

    async def _put(self, sent: Sent, range_: str, content: bytes) -> httpx.Response | None:
        headers = {"content-range": range_}
        return await self._heard("PUT", f"/v1/reports/{sent.id}/photos/1", content=content, headers=headers)

    async def _heard(self, method: str, path: str, **more: Any) -> httpx.Response | None:
        """The answer; None, after a while, when there was none."""
        headers = {"x-api-key": self.key} | more.pop("headers", {})
        try:
            response = await self.client.request(method, path, headers=headers, **more)
        except httpx.TimeoutException:
            raise  # an answer or a lost connection, but no silence
        except httpx.TransportError:
            pass
        else:
            if response.status_code != 503:
                return response
            assert_unavailable(response)
        await asyncio.sleep(self.chance.uniform(0.05, 0.3))
        return None


# --- the storm ----------------------------------------------------------------------------------------------------


def test_kills_lose_no_report_and_double_none(cluster: Cluster, tmp_path: Path) -> None:
    place = place_on(cluster, tmp_path, sources=0)
    asyncio.run(storm(place, asyncio.run(make_centre(place.url))))


async def storm(place: Place, key: str) -> None:
    reports, ledger, chance = some_reports(Random(SEED)), Ledger(), Random(SEED)
    the_storm = Storm(place, ledger, chance)
    waiting = deque(reports)
    server = place.program("serve")
    async with server, place.client() as client:
        await ready(client)
        async with asyncio.TaskGroup() as group:
            for number in range(CITIZENS):
                citizen = Citizen(client, key, Random(f"{SEED}-{number}"), patient=number > 0)
                group.create_task(citizen.run(waiting, ledger))
            for _ in range(KILLS):
                async with asyncio.timeout(LONGEST):
                    await ledger.acknowledges(chance.randint(20, 150))
                await the_storm.on_server(server, 1)

        assert the_storm.kills >= 2 * KILLS
        assert any(one.number is not None and one.attempts > 1 for one in reports), "nobody was interrupted"
        await assert_there_once(place, reports)
        await assert_fed_once(client, key, reports)
        await assert_photos_whole(place, reports)


async def assert_there_once(place: Place, reports: Sequence[Sent]) -> None:
    """Every acknowledged report, with its first event and whoever sent it. Of others all is there, or nothing."""
    rows = await ask(
        place.url,
        "SELECT r.id::text, r.number, r.state, u.code, p.key_id, p.wrapped_key, p.ciphertext,"
        " (SELECT array_agg(concat(e.from_state, '>', e.to_state)) FROM report_event e WHERE e.report_id = r.id)"
        " FROM report r LEFT JOIN unit u ON u.id = r.unit_id LEFT JOIN reporter p ON p.report_id = r.id",
    )
    stored = {row[0]: row[1:] for row in rows}
    assert len(rows) == len(stored) == len({row[1] for row in rows})
    assert {one.id: one.number for one in reports if one.number is not None}.items() <= {
        key: row[0] for key, row in stored.items()
    }.items()
    keys = identity_keys(Settings(data_dir=place.folder))
    at = {point: code for code, point in COMMUNES.items()}
    for one in (one for one in reports if one.id in stored):
        _, state, unit, key_id, wrapped_key, ciphertext, events = stored.pop(one.id)
        assert (state, events) == ("submitted", [">submitted"]), one
        assert unit == at[one.body["point"]["latitude"], one.body["point"]["longitude"]]
        if (contact := one.body.get("contact")) is None:
            assert ciphertext is None
        else:
            identity = keys.open(UUID(one.id), Sealed(key_id, wrapped_key, ciphertext))
            assert identity == Identity(SecretStr(contact["name"]), SecretStr(contact["phone"]))
    assert stored == {}, "nobody sent it"


async def assert_fed_once(client: httpx.AsyncClient, key: str, reports: Sequence[Sent]) -> None:
    """Who follows the feed from the beginning gets each report once, as it was sent."""
    sent = {one.id: one.body for one in reports}
    fed = [item async for item in feed(client, key)]
    assert len(fed) == len({item["id"] for item in fed})
    assert {one.id for one in reports if one.number is not None} <= {item["id"] for item in fed} <= sent.keys()
    for item in fed:
        body = sent[item["id"]]
        assert {name: item[name] for name in ("category", "description", "address", "point")} == {
            name: body[name] for name in ("category", "description", "address", "point")
        }


async def feed(client: httpx.AsyncClient, key: str) -> AsyncIterator[dict[str, Any]]:
    query: dict[str, Any] = {"order": "changed", "mine": True, "limit": 500}
    while True:
        response = await client.get("/v1/reports", params=query, headers={"x-api-key": key})
        assert response.status_code == 200, response.text
        page = response.json()
        for item in page["items"]:
            yield item
        if not page["items"]:
            return
        query["cursor"] = page["next"]


async def assert_photos_whole(place: Place, reports: Sequence[Sent]) -> None:
    """A photo for each that was acknowledged, in all its sizes; none without its report, none of which the report does not know."""
    sent = {one.id: hashlib.sha256(one.photo).hexdigest() for one in reports if one.uploaded and one.photo is not None}
    assert len(sent) > REPORTS // 50
    rows = await ask(place.url, "SELECT report_id::text, number, kind, sha256 FROM report_photo")
    assert sorted(rows) == sorted((key, 1, "before", sha256) for key, sha256 in sent.items())
    folder = place.folder / "photos"
    # What a process was writing when it was killed has another ending: nobody ever finds it.
    files = {str(file.relative_to(folder)) for file in folder.rglob("*.jpg")}
    assert files == {photo_key(sha256, size) for sha256 in sent.values() for size in SIZES}
    for file in files:
        with Image.open(folder / file) as image:
            image.load()
    assert await ask(place.url, "SELECT report_id FROM photo_piece") == []
    # Each report, and each photo, was one step of the feed.
    [counted] = await ask(
        place.url, "SELECT (SELECT count(*) FROM change WHERE topic = 'reports'), (SELECT count(*) FROM report)"
    )
    assert counted[0] == counted[1] + len(rows)
