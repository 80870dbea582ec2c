"""What becomes of a delivery: when it is attempted, by whom, and when no longer.

A delivery is attempted at least once and until an answer of 2xx, by the times of `BACKOFF`; its webhook-id stays the same, so that a
receiver knows what it has. A courier takes a whole subscription for a while, not single deliveries: there is one request at a time to each
of them, the oldest delivery that is due first, and who is slow or dead keeps one courier at most. A courier that dies leaves a
subscription that is free again when its time is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.webhooks.outbox import LIVE

# The pauses after each attempt that failed, as Standard Webhooks suggests; after the last one, three days later, it is over.
BACKOFF = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
    timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
)  # fmt: skip
JITTER = 0.2  # of a pause, more or less: those who failed together do not come back together
LEASE = timedelta(minutes=1)  # longer than an attempt takes, as it is taken anew before each
LONGEST_REST = timedelta(hours=1)  # that a receiver is granted by its `Retry-After`
FAILS_FOR = timedelta(days=5)  # then nothing more is sent
_GONE = 410


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to be made: what, where to, and signed with which salts (the present one first)."""

    webhook_id: int
    lease: datetime
    delivery_id: int
    event_id: str
    url: str
    body: bytes
    salts: Sequence[bytes]
    attempts: int  # before this one


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. Without a status there was no answer, and `error` says why."""

    duration: timedelta
    status: int | None = None
    error: str | None = None
    response: str | None = None
    retry_after: timedelta | None = None

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def next_attempt(attempts: int, now: datetime, chance: float) -> datetime | None:
    """When to try again after so many attempts, `chance` being from 0 to 1; None: no more."""
    if attempts > len(BACKOFF):
        return None
    return now + BACKOFF[attempts - 1] * (1 + JITTER * (2 * chance - 1))


async def take_subscriptions(session: AsyncSession, now: datetime, most: int) -> dict[int, datetime]:
    """The subscriptions for which something is due and that nobody is at, each with until when it is the caller's.

    Those go first that have waited longest since they were last at, so that the many who do not answer leave room for the others.
    """
    taken = await session.execute(
        text(
            f"""
            WITH due AS MATERIALIZED (
                SELECT w.id FROM webhook w JOIN api_key k ON k.prefix = w.key_prefix
                 WHERE {LIVE} AND (w.taken_until IS NULL OR w.taken_until <= :now)
                   AND EXISTS (SELECT FROM webhook_delivery d
                                WHERE d.webhook_id = w.id AND d.state = 'pending' AND d.next_attempt_at <= :now)
                 ORDER BY w.taken_until NULLS FIRST, w.id LIMIT :most
                   FOR NO KEY UPDATE OF w SKIP LOCKED
            )
            UPDATE webhook w SET taken_until = :until FROM due WHERE w.id = due.id RETURNING w.id, w.taken_until
            """
        ),
        {"now": now, "until": now + LEASE, "most": most},
    )
    return {row.id: row.taken_until for row in taken}


async def next_due(session: AsyncSession, webhook_id: int, lease: datetime, now: datetime) -> Attempt | None:
    """The oldest delivery of a taken subscription that is due, and the subscription for `LEASE` from now on. None: the subscription is
    the caller's no longer, either because nothing is due or because it was too slow."""
    found = (
        await session.execute(
            text(
                f"""
                WITH due AS (
                    SELECT id, event_id, attempts FROM webhook_delivery
                     WHERE webhook_id = :webhook AND state = 'pending' AND next_attempt_at <= :now
                     ORDER BY id LIMIT 1
                ), mine AS (
                    UPDATE webhook w
                       SET taken_until = CASE WHEN EXISTS (SELECT FROM due) THEN CAST(:until AS timestamptz) ELSE :now END
                      FROM api_key k
                     WHERE w.id = :webhook AND w.taken_until = :lease AND k.prefix = w.key_prefix AND {LIVE}
                    RETURNING w.url, w.taken_until, w.salt, CASE WHEN w.previous_until > :now THEN w.previous_salt END AS previous
                )
                SELECT due.id, due.event_id, due.attempts, e.body, mine.*
                  FROM mine CROSS JOIN due JOIN webhook_event e ON e.id = due.event_id
                """
            ),
            {"webhook": webhook_id, "lease": lease, "until": now + LEASE, "now": now},
        )
    ).one_or_none()
    if found is None:
        return None
    salts = [found.salt] if found.previous is None else [found.salt, found.previous]
    return Attempt(
        webhook_id,
        found.taken_until,
        found.id,
        str(found.event_id),
        found.url,
        found.body.encode(),
        salts,
        found.attempts,
    )


async def record_outcome(
    session: AsyncSession, attempt: Attempt, outcome: Outcome, now: datetime, *, chance: float
) -> bool:
    """Note how an attempt went, and what follows from it; whether the subscription is to be sent its next delivery at once.

    410 disables the subscription, and so does to take nothing for `FAILS_FOR`. What a courier notes that is late, so that
    another one is at it, is not noted.
    """
    again = None if outcome.taken or outcome.status == _GONE else next_attempt(attempt.attempts + 1, now, chance)
    state = "delivered" if outcome.taken else "failed" if again is None else "pending"
    rest = min(outcome.retry_after or timedelta(0), LONGEST_REST)
    noted = await session.execute(
        text(_NOTE),
        {
            "webhook": attempt.webhook_id,
            "lease": attempt.lease,
            "until": attempt.lease if outcome.taken else now + rest,
            "delivery": attempt.delivery_id,
            "state": state,
            "again": again,
            "attempts": attempt.attempts + 1,
            "now": now,
            "status": outcome.status,
            "error": outcome.error,
            "duration": outcome.duration // timedelta(milliseconds=1),
            "response": outcome.response,
            "taken": outcome.taken,
            "gone": outcome.status == _GONE,
            "failing_before": now - FAILS_FOR,
        },
    )
    return outcome.taken and noted.first() is not None


_NOTE = """
WITH mine AS (
    UPDATE webhook
       SET taken_until = :until,
           failing_since = CASE WHEN NOT :taken THEN coalesce(failing_since, :now) END,
           disabled_at = CASE WHEN :gone OR (NOT :taken AND failing_since <= :failing_before) THEN :now ELSE disabled_at END,
           disabled_why = CASE WHEN :gone THEN 'gone'
                               WHEN NOT :taken AND failing_since <= :failing_before THEN 'failing' ELSE disabled_why END
     WHERE id = :webhook AND taken_until = :lease RETURNING id
)
UPDATE webhook_delivery d
   SET state = :state, attempts = :attempts, next_attempt_at = :again, attempted_at = :now, status = :status, error = :error,
       duration_ms = :duration, response = :response
  FROM mine WHERE d.id = :delivery RETURNING 1
"""


async def leave_subscription(session: AsyncSession, webhook_id: int, lease: datetime, now: datetime) -> None:
    """Whoever took it is done with it."""
    await session.execute(
        text("UPDATE webhook SET taken_until = :now WHERE id = :webhook AND taken_until = :lease"),
        {"webhook": webhook_id, "lease": lease, "now": now},
    )


# --- the log, and once more ---

_COLUMNS = """
SELECT d.id, d.event_id AS event, e.type, e.subject, e.recorded_at, d.state, d.attempts, d.next_attempt_at, d.attempted_at,
       d.status, d.error, d.duration_ms, d.response
  FROM webhook_delivery d JOIN webhook_event e ON e.id = d.event_id
"""


async def list_deliveries(
    session: AsyncSession, webhook_id: int, *, state: str | None, before: int, limit: int
) -> Sequence[Any]:
    """The newest first, below a number."""
    rows = await session.execute(
        text(
            f"{_COLUMNS} WHERE d.webhook_id = :webhook AND d.id < :before"
            " AND (CAST(:state AS text) IS NULL OR d.state = :state) ORDER BY d.id DESC LIMIT :limit"
        ),
        {"webhook": webhook_id, "state": state, "before": before, "limit": limit},
    )
    return rows.all()


async def find_delivery(session: AsyncSession, webhook_id: int, delivery_id: int) -> Any | None:
    found = await session.execute(
        text(f"{_COLUMNS} WHERE d.webhook_id = :webhook AND d.id = :delivery"),
        {"webhook": webhook_id, "delivery": delivery_id},
    )
    return found.one_or_none()


_AGAIN = "UPDATE webhook_delivery d SET state = 'pending', attempts = 0, next_attempt_at = :now"


async def replay_one(session: AsyncSession, webhook_id: int, delivery_id: int, now: datetime) -> None:
    """Send it once more, as if it had never been attempted."""
    await session.execute(
        text(f"{_AGAIN} WHERE d.webhook_id = :webhook AND d.id = :delivery"),
        {"webhook": webhook_id, "delivery": delivery_id, "now": now},
    )


async def replay_since(
    session: AsyncSession, webhook_id: int, since: datetime, now: datetime, *, delivered: bool
) -> int:
    """The same for those of events recorded since then: that were not taken, or all; how many."""
    done = await session.execute(
        text(
            f"{_AGAIN} FROM webhook_event e WHERE e.id = d.event_id AND d.webhook_id = :webhook AND e.recorded_at >= :since"
            " AND (:delivered OR d.state <> 'delivered') RETURNING 1"
        ),
        {"webhook": webhook_id, "since": since, "now": now, "delivered": delivered},
    )
    return len(done.all())
