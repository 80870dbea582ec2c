"""`Idempotency-Key` (IETF draft): the same key and body get the same answer, without doing it again.

The answer is stored in the transaction of the deed, so there is never one without the other. Of two requests with one key
that come at once the second finds, when it wants to store its answer, that it was overtaken, is undone, and gets the answer
of the first. Only what was done is stored: a refused request may be mended and sent again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import IdempotencyMismatch

KEPT = timedelta(days=7)
Deed = TypeVar("Deed")


@dataclass(frozen=True, slots=True)
class Answering(Generic[Deed]):
    """The key of a request, and how what was done is answered."""

    key_prefix: str  # of the API key: others cannot see the answer
    route: str
    key: str
    request_hash: bytes
    answer: Callable[[Deed], bytes]

    @property
    def identity(self) -> tuple[str, str, str]:
        return (self.key_prefix, self.route, self.key)


class Overtaken(Exception):
    """Another request with this key was quicker; its answer is there by now."""


_FIND = """
SELECT asked.place, request_hash, answer, stored_at
  FROM unnest(%(prefixes)s::text[], %(routes)s::text[], %(keys)s::text[])
       WITH ORDINALITY AS asked(key_prefix, route, idempotency_key, place)
  JOIN stored_answer USING (key_prefix, route, idempotency_key)
 WHERE stored_at >= clock_timestamp() - %(kept)s
"""
# In the order of the keys, so that two transactions wait for each other in one direction only.
_STORE = """
INSERT INTO stored_answer AS s (key_prefix, route, idempotency_key, request_hash, answer)
SELECT * FROM unnest(%(prefixes)s::text[], %(routes)s::text[], %(keys)s::text[], %(hashes)s::bytea[], %(answers)s::bytea[])
 ORDER BY 1, 2, 3
    ON CONFLICT (key_prefix, route, idempotency_key) DO UPDATE
   SET request_hash = excluded.request_hash, answer = excluded.answer, stored_at = clock_timestamp()
 WHERE s.stored_at < clock_timestamp() - %(kept)s
RETURNING key_prefix, route, idempotency_key
"""


async def find_answers(
    cursor: psycopg.AsyncCursor[Any], requests: Sequence[Answering[Deed] | None]
) -> list[bytes | IdempotencyMismatch | None]:
    """For each request the stored answer, or that its key was used for another body; None where there is none yet."""
    found: list[bytes | IdempotencyMismatch | None] = [None] * len(requests)
    asked = [(place, one) for place, one in enumerate(requests) if one is not None]
    if not asked:
        return found
    await cursor.execute(_FIND, _identities([one for _, one in asked]))
    for number, request_hash, answer, stored_at in await cursor.fetchall():
        place, one = asked[number - 1]
        found[place] = (
            answer
            if request_hash == one.request_hash
            else IdempotencyMismatch(value=one.key, at=stored_at.isoformat(timespec="seconds"))
        )
    return found


async def store_answers(
    cursor: psycopg.AsyncCursor[Any], requests: Sequence[Answering[Deed] | None], deeds: Sequence[Deed | None]
) -> list[int]:
    """Store the answers to what was done; returns the places of those that were overtaken."""
    done = [
        (place, one, one.answer(deed))
        for place, (one, deed) in enumerate(zip(requests, deeds, strict=True))
        if one is not None and deed is not None
    ]
    if not done:
        return []
    facts = {"hashes": [one.request_hash for _, one, _ in done], "answers": [answer for _, _, answer in done]}
    await cursor.execute(_STORE, _identities([one for _, one, _ in done]) | facts)
    stored = set(await cursor.fetchall())
    return [place for place, one, _ in done if one.identity not in stored]


def _identities(requests: Sequence[Answering[Any]]) -> dict[str, Any]:
    return {
        "prefixes": [one.key_prefix for one in requests],
        "routes": [one.route for one in requests],
        "keys": [one.key for one in requests],
        "kept": KEPT,
    }


async def forget_old_answers(session: AsyncSession) -> int:
    done = await session.execute(
        text("DELETE FROM stored_answer WHERE stored_at < clock_timestamp() - :kept RETURNING 1"), {"kept": KEPT}
    )
    return len(done.all())
