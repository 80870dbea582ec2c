"""What happened, written down together with who is to be told of it.

Events of the hub's own deeds (`record_event`) are written in the transaction of the deed. Changes of indicators are not: they come
many a second, and a subscriber wants to hear of them together. `tell_changes` follows the change counter (`app.changes`), from
which each subscription remembers how far it was told, as a reader of a log does.
"""

import uuid
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app import exact_json
from app.catalogue.catalogue import Catalogue, Indicator
from app.schemas.webhooks import EventType

CHANGED, PING = "ioc.indicator.changed.v1", "ioc.webhook.ping.v1"
KEPT = timedelta(days=7)  # events, with what became of their deliveries
# A subscription is told of changes at most so often; what comes between is told together.
TELL_EVERY = timedelta(seconds=10)
# While it has not taken what it was told, it is told less: another message would say more of the same.
TELL_MORE_AFTER = timedelta(hours=1)
# So many numbers of the change counter are looked through for it; who is further behind is told that all may have changed.
MOST_CHANGES = 20_000
_SOURCE = "/ioc-hub"
# Whose key is still good (k), and who is not disabled (w).
LIVE = "w.disabled_at IS NULL AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > :now)"


async def record_event(
    session: AsyncSession,
    kind: EventType,
    subject: str,
    data: Any,
    *,
    within: Collection[int] = (),
    category: str | None = None,
) -> None:
    """Tell every subscription of this type of event that wants to know of what is `within` these units (where it is, and all above)
    and of the category, once the transaction of the session is committed; if it is not, nobody.

    `subject` is the path of what it is about, `data` becomes JSON (exact decimals). It goes to whoever has subscribed: there must be
    nothing in it that is not for the public. Costs one statement, and leaves no row when nobody wants to know.
    """
    now, event = datetime.now(UTC), uuid.uuid4()
    await session.execute(
        text(_RECORD),
        {
            "now": now,
            "event": event,
            "type": kind,
            "subject": subject,
            "body": cloud_event(event, kind, subject, data, now),
            "within": list(within),
            "category": category,
        },
    )


# The lock lets a subscription that is being deleted go first, so that the deed does not fail on it; couriers do not wait for it.
_RECORD = f"""
WITH wanted AS MATERIALIZED (
    SELECT w.id FROM webhook w JOIN api_key k ON k.prefix = w.key_prefix
     WHERE :type = ANY (w.types) AND {LIVE}
       AND (w.unit_ids IS NULL OR w.unit_ids && CAST(:within AS int[]))
       AND (w.categories IS NULL OR CAST(:category AS text) = ANY (w.categories))
     ORDER BY w.id FOR KEY SHARE OF w
), event AS (
    INSERT INTO webhook_event (id, type, subject, recorded_at, body)
    SELECT :event, :type, :subject, :now, :body WHERE EXISTS (SELECT FROM wanted)
)
INSERT INTO webhook_delivery (webhook_id, event_id, next_attempt_at) SELECT id, :event, :now FROM wanted
"""


async def tell(session: AsyncSession, webhook_id: int, kind: str, subject: str, data: Any, *, now: datetime) -> int:
    """Tell one subscription of something, whether it wants to know or not; returns the number of the delivery."""
    event = uuid.uuid4()
    told = await session.execute(
        text(
            "WITH event AS (INSERT INTO webhook_event (id, type, subject, recorded_at, body)"
            " VALUES (:event, :type, :subject, :now, :body)) "
            "INSERT INTO webhook_delivery (webhook_id, event_id, next_attempt_at) VALUES (:webhook, :event, :now) RETURNING id"
        ),
        {
            "webhook": webhook_id,
            "event": event,
            "type": kind,
            "subject": subject,
            "now": now,
            "body": cloud_event(event, kind, subject, data, now),
        },
    )
    return int(told.scalar_one())


def cloud_event(event: uuid.UUID, kind: str, subject: str, data: Any, at: datetime) -> str:
    """A CloudEvent 1.0 in the structured mode of its JSON format."""
    body = {
        "specversion": "1.0",
        "id": str(event),
        "source": _SOURCE,
        "type": kind,
        "subject": subject,
        "time": at.astimezone(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }
    return exact_json.dumps(body).decode()


# --- changes of indicators ---


async def has_news(session: AsyncSession, now: datetime) -> bool:
    """Whether `tell_changes` would find a subscription that has not been told of everything yet."""
    return (await session.execute(text(f"SELECT EXISTS ({_BEHIND})"), _times(now))).scalar_one() is True


async def tell_changes(session: AsyncSession, catalogue: Catalogue, now: datetime) -> int:
    """Tell the subscriptions whose turn it is which of their indicators have changed since they were last told; how many were.

    `data` is `{"since", "until", "indicators": [{"indicator", "domain"}]}`: the numbers of the change counter, and the indicators of
    which a figure may be another than before, of whatever unit and period. A ratio changes with its parts.
    """
    told = 0
    behind = (
        await session.execute(text(f"{_BEHIND} ORDER BY w.id FOR NO KEY UPDATE OF w SKIP LOCKED"), _times(now))
    ).all()
    for one in behind:
        news = (await session.execute(text(_NEWS), {"known": one.change_id, "most": MOST_CHANGES})).one()
        changed = None if news.indicator_ids is None else frozenset(news.indicator_ids)
        seen = [indicator for indicator in _wanted(catalogue, one) if _changed(catalogue, indicator, changed)]
        if seen:
            data = {
                "since": one.change_id,
                "until": news.latest,
                "indicators": [{"indicator": each.code, "domain": each.domain.code} for each in seen],
            }
            await tell(session, one.id, CHANGED, "/v1/aggregates", data, now=now)
            told += 1
        await session.execute(
            text("UPDATE webhook SET change_id = :latest, told_at = coalesce(:told_at, told_at) WHERE id = :webhook"),
            {"webhook": one.id, "latest": news.latest, "told_at": now if seen else None},
        )
    return told


def _times(now: datetime) -> Mapping[str, Any]:
    return {"now": now, "type": CHANGED, "told_before": now - TELL_EVERY, "more_before": now - TELL_MORE_AFTER}


_BEHIND = f"""
SELECT w.id, w.change_id, w.indicator_ids, w.domains, k.scopes, k.domains AS key_domains
  FROM webhook w JOIN api_key k ON k.prefix = w.key_prefix
 WHERE :type = ANY (w.types) AND {LIVE}
   AND w.change_id < (SELECT max(id) FROM change WHERE topic = 'readings')
   AND (w.told_at IS NULL OR w.told_at <= :told_before)
   AND NOT EXISTS (SELECT FROM webhook_delivery d JOIN webhook_event e ON e.id = d.event_id
                    WHERE d.webhook_id = w.id AND d.state = 'pending' AND e.type = :type AND e.recorded_at > :more_before)
"""
# Null indicators: any may have changed. So it is when the change that is known is forgotten (`forget_changes`), or too far away.
_NEWS = """
WITH latest AS (
    SELECT max(id) AS id FROM change WHERE topic = 'readings'
), news AS (
    SELECT indicator_ids FROM change c, latest
     WHERE c.topic = 'readings' AND c.id > :known AND c.id <= latest.id AND latest.id - :known <= :most
)
SELECT latest.id AS latest,
       CASE WHEN latest.id - :known <= :most
             AND EXISTS (SELECT FROM change WHERE id = :known)
             AND NOT EXISTS (SELECT FROM news WHERE indicator_ids IS NULL)
            THEN ARRAY(SELECT DISTINCT unnest(indicator_ids) FROM news) END AS indicator_ids
  FROM latest
"""


def _wanted(catalogue: Catalogue, one: Any) -> list[Indicator]:
    """The indicators that a subscription is about and that its key may read, as it stands now, by code."""
    ids = None if one.indicator_ids is None else frozenset(one.indicator_ids)
    reads = "readings:read" in one.scopes

    def may_read(indicator: Indicator) -> bool:
        return indicator.public or (reads and (one.key_domains is None or indicator.domain.code in one.key_domains))

    return [
        indicator
        for indicator in catalogue.indicators.values()
        if (ids is None or indicator.id in ids)
        and (one.domains is None or indicator.domain.code in one.domains)
        and may_read(indicator)
    ]


def _changed(catalogue: Catalogue, indicator: Indicator, ids: Collection[int] | None) -> bool:
    return (
        ids is None
        or indicator.id in ids
        or any(_changed(catalogue, part, ids) for part in catalogue.parts_of(indicator))
    )


async def forget_events(session: AsyncSession, now: datetime) -> int:
    """Delete the events that are older than `KEPT`, with their deliveries."""
    done = await session.execute(
        text("DELETE FROM webhook_event WHERE recorded_at < :before RETURNING 1"), {"before": now - KEPT}
    )
    return len(done.all())
