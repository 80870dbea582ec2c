"""The change counter that answers "is what I have still right?" without asking for the answer again."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

CHANGE_LOCK = 720_722


async def announce(session: AsyncSession, topic: str) -> int:
    """Count a change of `catalogue`, `readings` or `targets`. Call it last in the transaction.

    The lock is held to the commit, so numbers become visible in their order: a reader that sees number n sees
    everything below it, and two readers that see the same number see the same data. It costs the writers one short
    queue at the very end of their transactions.
    """
    number = await session.execute(
        text(
            "WITH turn AS (SELECT pg_advisory_xact_lock(:lock)) "
            "INSERT INTO change (topic) SELECT :topic FROM turn RETURNING id"
        ),
        {"lock": CHANGE_LOCK, "topic": topic},
    )
    return int(number.scalar_one())


async def latest_change(session: AsyncSession, topic: str | None = None) -> int:
    """The number of the last change of a topic, or of any; 0 before the first."""
    query = "SELECT coalesce(max(id), 0) FROM change" + (" WHERE topic = :topic" if topic else "")
    return int((await session.execute(text(query), {"topic": topic} if topic else {})).scalar_one())
