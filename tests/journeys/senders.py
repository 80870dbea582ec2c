"""Senders that repeat a request until it is acknowledged, and the proof that what they sent is there as it must be.

Each sender owns its readings and has one request under way at a time, so the values of a reading are sent in an order. The note
of every row says which request brought it.
"""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count, pairwise, product
from random import Random
from typing import Any

import httpx

Key = tuple[str, str, str]  # indicator, unit, period
PROBLEM = "application/problem+json"


@dataclass(eq=False)
class Request:
    """A body of readings, sent again and again as it is."""

    tag: str
    rows: Mapping[Key, int | None]
    reinstate: bool = False
    idempotency_key: str | None = None
    attempts: int = 0
    acknowledged: bool = False

    @property
    def content(self) -> bytes:
        readings = [
            {"indicator": indicator, "unit": unit, "period": period, "value": value, "note": self.tag}
            for (indicator, unit, period), value in self.rows.items()
        ]
        return json.dumps({"readings": readings}).encode()

    async def attempt(self, client: httpx.AsyncClient, key: str) -> httpx.Response:
        self.attempts += 1
        headers = {"x-api-key": key, "content-type": "application/json"}
        if self.idempotency_key is not None:
            headers["idempotency-key"] = self.idempotency_key
        params = {"reinstate": "true"} if self.reinstate else {}
        return await client.post("/v1/readings", content=self.content, headers=headers, params=params)

    def acknowledge(self, response: httpx.Response) -> None:
        """A receipt tells whether an attempt before it had stored everything, or nothing; there is nothing in between."""
        assert response.status_code == 200, response.text
        receipt = response.json()
        new = receipt["created"] + receipt["corrected"]
        assert receipt["received"] == len(self.rows), receipt
        assert receipt["rejected"] == 0, receipt
        assert (new, receipt["unchanged"]) in {(len(self.rows), 0), (0, len(self.rows))}, (
            f"half of {self.tag}: {receipt}"
        )
        if self.attempts == 1 or self.idempotency_key is not None:
            assert new == len(self.rows), f"{self.tag}: {receipt}"
        self.acknowledged = True


def assert_unavailable(response: httpx.Response) -> None:
    """The refusal that asks for the same request again."""
    assert response.status_code == 503, response.text
    assert response.headers["content-type"] == PROBLEM
    assert int(response.headers["retry-after"]) > 0
    problem = response.json()
    assert (problem["status"], problem["code"]) == (503, "unavailable")


class Ledger:
    """Everything that was sent, in the order of its first attempts."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.acknowledged = 0
        self._news = asyncio.Condition()

    async def note_acknowledged(self) -> None:
        async with self._news:
            self.acknowledged += 1
            self._news.notify_all()

    async def acknowledges(self, further: int) -> None:
        """Wait until so many more requests are acknowledged."""
        async with self._news:
            goal = self.acknowledged + further
            await self._news.wait_for(lambda: self.acknowledged >= goal)


@dataclass
class Sender:
    """Sends until told to stop. One that is not patient gives a request up after its first failure, and goes on to others."""

    name: str
    client: httpx.AsyncClient
    key: str
    chance: Random
    readings: Sequence[Key]
    rows: int = 1
    pause: float = 0.03  # the longest between two requests
    patient: bool = True
    _present: dict[Key, int | None] = field(default_factory=dict)  # None: withdrawn, or nobody knows
    _values: "count[int]" = field(default_factory=lambda: count(1))

    async def run(self, ledger: Ledger, over: asyncio.Event) -> None:
        for number in count(1):
            if over.is_set():
                return
            request = self._compose(f"{self.name}-{number}")
            ledger.requests.append(request)
            if await self._deliver(request):
                self._present.update(request.rows)
                await ledger.note_acknowledged()
            else:
                self._present.update(dict.fromkeys(request.rows))
            await asyncio.sleep(self.chance.uniform(0, self.pause))

    async def _deliver(self, request: Request) -> bool:
        while True:
            try:
                response = await request.attempt(self.client, self.key)
            except httpx.TimeoutException:
                raise  # an answer or a lost connection, but no silence
            except httpx.TransportError:
                pass
            else:
                if response.status_code == 200:
                    request.acknowledge(response)
                    return True
                assert_unavailable(response)
            if not self.patient:
                return False
            await asyncio.sleep(self.chance.uniform(0.05, 0.3))

    def _compose(self, tag: str) -> Request:
        """New readings and corrections, of which some withdraw and, now and then, some bring back what was withdrawn."""
        fresh = [key for key in self.readings if key not in self._present]
        standing = [key for key, value in self._present.items() if value is not None]
        gone = [key for key, value in self._present.items() if value is None]
        reinstate = bool(gone) and (self.chance.random() < 0.3 or not (fresh or standing))
        new = sum(self.chance.random() < 0.4 for _ in range(self.rows)) if standing or reinstate else self.rows
        rows: dict[Key, int | None] = {}
        if reinstate:
            rows |= {key: next(self._values) for key in self._some(gone, self.rows)}
        rows |= {key: next(self._values) for key in self._some(fresh, min(new, self.rows - len(rows)))}
        for key in self._some(standing, self.rows - len(rows)):
            rows[key] = None if self.chance.random() < 0.1 else next(self._values)
        if not rows:
            rows = {key: next(self._values) for key in self._some(fresh, self.rows)}
        idempotency_key = tag if self.chance.random() < 0.4 else None
        return Request(tag, rows, reinstate, idempotency_key)

    def _some(self, keys: Sequence[Key], number: int) -> Sequence[Key]:
        return self.chance.sample(keys, max(0, min(len(keys), number)))


def readings_of(indicators: Iterable[str], units: Iterable[str], periods: Iterable[str]) -> list[Key]:
    return list(product(indicators, units, periods))


# --- the proof ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Value:
    """A value that the hub has, or had."""

    value: int | None
    tag: str
    received_at: datetime
    superseded_at: datetime | None


Found = Mapping[Key, Sequence[Value]]


async def find(client: httpx.AsyncClient, indicators: Iterable[str], units: Iterable[str]) -> Found:
    """Every value of these readings, present and earlier, in the order of time."""
    found: dict[Key, list[Value]] = defaultdict(list)
    query: dict[str, Any] = {
        "indicator": ",".join(indicators), "unit": ",".join(units), "includeHistory": "true", "limit": 10_000,
    }  # fmt: skip
    while True:
        response = await client.get("/v1/readings", params=query)
        assert response.status_code == 200, response.text
        page = response.json()
        for item in page["items"]:
            superseded_at = item["superseded_at"] and datetime.fromisoformat(item["superseded_at"])
            received_at = datetime.fromisoformat(item["received_at"])
            key = (item["indicator"], item["unit"], item["period"])
            found[key].append(Value(item["value"], item["note"], received_at, superseded_at))
        if page["next"] is None:
            return {key: sorted(values, key=lambda one: one.received_at) for key, values in found.items()}
        query["cursor"] = page["next"]


def present(found: Found) -> dict[Key, int]:
    """What counts: neither earlier nor withdrawn."""
    last = {key: values[-1].value for key, values in found.items()}
    return {key: value for key, value in last.items() if value is not None}


def assert_proven(requests: Sequence[Request], found: Found) -> None:
    """Every acknowledged value is there exactly once and in its place, and of every request all rows are or none."""
    sent: dict[Key, list[tuple[Request, int | None]]] = defaultdict(list)
    for request in requests:
        for key, value in request.rows.items():
            sent[key].append((request, value))
    wrong = [f"{key} was never sent" for key in found.keys() - sent.keys()]
    for key, tries in sent.items():
        wrong += [
            f"{key} {mistake}: {tries} against {found.get(key)}" for mistake in _mistakes(tries, found.get(key, ()))
        ]
    stored = Counter(value.tag for values in found.values() for value in values)
    wrong += [
        f"{stored[one.tag]} of {len(one.rows)} rows of {one.tag}"
        for one in requests
        if stored[one.tag] != len(one.rows) and (one.acknowledged or stored[one.tag])
    ]
    assert not wrong, f"{len(wrong)} mistakes, such as " + "; ".join(wrong[:5])


def _mistakes(tries: Sequence[tuple[Request, int | None]], values: Sequence[Value]) -> Iterable[str]:
    order = {request.tag: number for number, (request, _) in enumerate(tries)}
    said = {request.tag: value for request, value in tries}
    there = [value.tag for value in values]
    if missing := [request.tag for request, _ in tries if request.acknowledged and request.tag not in there]:
        yield f"lacks {missing}"
    if any(said.get(one.tag, "nothing") != one.value for one in values):
        yield "has a value that was not sent"
    elif any(order[one.tag] >= order[other.tag] for one, other in pairwise(values)):
        yield "has a value twice, or at the wrong time"
    if any(one.superseded_at != other.received_at for one, other in pairwise(values)):
        yield "has a gap in its history"
    if [value.superseded_at for value in values][-1:] not in ([], [None]):
        yield "has no present value"
