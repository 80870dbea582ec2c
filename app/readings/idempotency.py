"""`Idempotency-Key` (IETF draft): the same key and body get the same answer, without doing it again.

The answer is stored in the transaction of the deed, so there is never one without the other. A second request with the
key waits for the first on the row's unique key. Only what was done is stored: a refused request may be mended and sent again.
"""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import IdempotencyMismatch

KEPT = timedelta(days=7)


async def find_answer(
    session: AsyncSession, *, key_prefix: str, route: str, key: str, request_hash: bytes
) -> bytes | None:
    """The stored answer of this request, or None when it is the first; then call `store_answer` before the commit.

    Raises:
        IdempotencyMismatch: the key was used for another body.
    """
    facts = {"key_prefix": key_prefix, "route": route, "key": key, "hash": request_hash, "kept": KEPT}
    first = await session.execute(
        text(
            """
            INSERT INTO stored_answer AS s (key_prefix, route, idempotency_key, request_hash)
            VALUES (:key_prefix, :route, :key, :hash)
                ON CONFLICT (key_prefix, route, idempotency_key) DO UPDATE
               SET request_hash = :hash, answer = NULL, stored_at = clock_timestamp()
             WHERE s.stored_at < clock_timestamp() - :kept
            RETURNING 1
            """
        ),
        facts,
    )
    if first.first() is not None:
        return None
    stored = (
        await session.execute(
            text(
                "SELECT request_hash, answer, stored_at FROM stored_answer"
                " WHERE (key_prefix, route, idempotency_key) = (:key_prefix, :route, :key)"
            ),
            facts,
        )
    ).one()
    if stored.request_hash != request_hash:
        raise IdempotencyMismatch(value=key, at=stored.stored_at.isoformat(timespec="seconds"))
    return bytes(stored.answer)


async def store_answer(session: AsyncSession, *, key_prefix: str, route: str, key: str, answer: bytes) -> None:
    await session.execute(
        text(
            "UPDATE stored_answer SET answer = :answer"
            " WHERE (key_prefix, route, idempotency_key) = (:key_prefix, :route, :key)"
        ),
        {"key_prefix": key_prefix, "route": route, "key": key, "answer": answer},
    )


async def forget_old_answers(session: AsyncSession) -> int:
    done = await session.execute(
        text("DELETE FROM stored_answer WHERE stored_at < clock_timestamp() - :kept RETURNING 1"), {"kept": KEPT}
    )
    return len(done.all())
