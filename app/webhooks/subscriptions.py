"""Who wants to be told what: subscriptions of API keys.

A subscription belongs to the key that made it; no other one sees it. What it is told of is what the key may read at that moment, and
when the key is revoked or expires nothing more is sent.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.auth import Caller
from app.catalogue.access import require_readable
from app.catalogue.catalogue import Catalogue
from app.changes import latest_change
from app.errors import (
    HubError,
    InvalidRequest,
    RowError,
    TooManyWebhooks,
    UnknownDelivery,
    UnknownWebhook,
    WebhookDisabled,
)
from app.schemas.webhooks import WebhookChange, WebhookIn
from app.webhooks.addresses import AddressRefused, require_allowed_url
from app.webhooks.deliveries import find_delivery, replay_one
from app.webhooks.outbox import CHANGED, KEPT, PING, tell
from app.webhooks.signing import new_salt, secret_of, shown

MOST_WEBHOOKS = 20  # of one key
BOTH_SIGN = timedelta(hours=24)  # the secret before the last rotation


async def check_url(url: str | None, *, private: bool) -> None:
    """Looks the name up, so it may take seconds: before the transaction begins.

    Raises:
        InvalidRequest: nothing may be sent there, and why.
    """
    if url is None:
        return
    try:
        await require_allowed_url(url, private=private)
    except AddressRefused as error:
        mistake = RowError("invalid", pointer="/url", value=url, facts={"why": error.why})
        raise InvalidRequest(count=1, errors=[mistake]) from error


async def add_webhook(
    session: AsyncSession, catalogue: Catalogue, caller: Caller, asked: WebhookIn, *, now: datetime, pepper: bytes
) -> tuple[models.Webhook, str]:
    """Make a subscription, of what happens from now on; and its secret, which nobody sees again.

    Raises:
        InvalidRequest: with every indicator, domain, unit and category that there is not.
        KeyRequired, ScopeMissing, OutsideKeyUnits: an indicator that the key may not read.
        TooManyWebhooks: the key has as many as one may have.
    """
    wanted = await _filters(session, catalogue, caller, asked, now)
    # One at a time: they are counted.
    await session.execute(
        select(models.ApiKey.prefix).where(models.ApiKey.prefix == caller.key_prefix).with_for_update(key_share=True)
    )
    table = models.Webhook
    count = select(func.count()).select_from(table).where(table.key_prefix == caller.key_prefix)
    if (await session.execute(count)).scalar_one() >= MOST_WEBHOOKS:
        raise TooManyWebhooks(limit=MOST_WEBHOOKS)
    webhook = table(
        key_prefix=caller.key_prefix,
        name=asked.name,
        url=asked.url,
        types=list(dict.fromkeys(asked.types)),
        **wanted,
        salt=new_salt(),
        created_at=now,
        change_id=await latest_change(session, "readings"),
    )
    session.add(webhook)
    await session.flush()
    return webhook, shown(secret_of(webhook.salt, pepper))


async def list_webhooks(session: AsyncSession, caller: Caller, *, after: int, limit: int) -> Sequence[models.Webhook]:
    """Those of the key, in the order in which they were made."""
    table = models.Webhook
    mine = select(table).where(table.key_prefix == caller.key_prefix, table.id > after)
    return (await session.scalars(mine.order_by(table.id).limit(limit))).all()


async def require_webhook(
    session: AsyncSession, caller: Caller, webhook_id: int, *, locked: bool = False
) -> models.Webhook:
    """Raises: UnknownWebhook, also for those of other keys."""
    table = models.Webhook
    mine = select(table).where(table.id == webhook_id, table.key_prefix == caller.key_prefix)
    found = (await session.scalars(mine.with_for_update(key_share=True) if locked else mine)).one_or_none()
    if found is None:
        raise UnknownWebhook(value=webhook_id)
    return found


async def require_active(session: AsyncSession, caller: Caller, webhook_id: int) -> models.Webhook:
    """Raises: UnknownWebhook, WebhookDisabled (so that nobody waits for what will not be sent)."""
    webhook = await require_webhook(session, caller, webhook_id, locked=True)
    if webhook.disabled_at is not None:
        raise WebhookDisabled(value=webhook_id, why=webhook.disabled_why)
    return webhook


async def change_webhook(
    session: AsyncSession,
    catalogue: Catalogue,
    caller: Caller,
    webhook_id: int,
    change: WebhookChange,
    *,
    now: datetime,
) -> models.Webhook:
    """Change what is given. Made active again, or sent elsewhere, it starts as if it had never failed.

    What indicators changed while it was disabled it is told together; reports that happened then it is not told of.

    Raises:
        UnknownWebhook, InvalidRequest, KeyRequired, ScopeMissing, OutsideKeyUnits: as `add_webhook`.
    """
    webhook = await require_webhook(session, caller, webhook_id, locked=True)
    wanted = await _filters(session, catalogue, caller, change, now)
    for name, column in _FILTERS.items():
        if name in change.model_fields_set:
            setattr(webhook, column, wanted[column])
    webhook.name = change.name or webhook.name
    if change.types is not None:
        if CHANGED in change.types and CHANGED not in webhook.types:
            webhook.change_id = await latest_change(session, "readings")
        webhook.types = list(dict.fromkeys(change.types))
    if change.url is not None and change.url != webhook.url:
        webhook.url, webhook.failing_since = change.url, None
    if change.active is True and webhook.disabled_at is not None:
        webhook.disabled_at = webhook.disabled_why = webhook.failing_since = webhook.taken_until = None
    elif change.active is False and webhook.disabled_at is None:
        webhook.disabled_at, webhook.disabled_why = now, "paused"
    await session.flush()
    return webhook


async def remove_webhook(session: AsyncSession, caller: Caller, webhook_id: int) -> None:
    """With its deliveries, those on their way included. Raises: UnknownWebhook."""
    await session.delete(await require_webhook(session, caller, webhook_id, locked=True))
    await session.flush()


async def rotate_secret(
    session: AsyncSession, caller: Caller, webhook_id: int, *, now: datetime, pepper: bytes
) -> tuple[models.Webhook, str]:
    """A new secret; the one before it signs, too, for `BOTH_SIGN`, and the one before that no longer. Raises: UnknownWebhook."""
    webhook = await require_webhook(session, caller, webhook_id, locked=True)
    webhook.previous_salt, webhook.previous_until, webhook.salt = webhook.salt, now + BOTH_SIGN, new_salt()
    await session.flush()
    return webhook, shown(secret_of(webhook.salt, pepper))


async def replay_delivery(
    session: AsyncSession, caller: Caller, webhook_id: int, delivery_id: int, *, now: datetime
) -> Any:
    """Send one delivery once more; returns it. Raises: UnknownWebhook, WebhookDisabled, UnknownDelivery."""
    webhook = await require_active(session, caller, webhook_id)
    await replay_one(session, webhook.id, delivery_id, now)
    return await require_delivery(session, caller, webhook_id, delivery_id)


async def require_delivery(session: AsyncSession, caller: Caller, webhook_id: int, delivery_id: int) -> Any:
    """Raises: UnknownWebhook, UnknownDelivery."""
    webhook = await require_webhook(session, caller, webhook_id)
    if (found := await find_delivery(session, webhook.id, delivery_id)) is None:
        raise UnknownDelivery(value=delivery_id, days=KEPT.days)
    return found


async def ping(session: AsyncSession, caller: Caller, webhook_id: int, *, now: datetime) -> Any:
    """Send a message to try the way; returns its delivery. Raises: UnknownWebhook, WebhookDisabled."""
    webhook = await require_active(session, caller, webhook_id)
    subject = f"/v1/webhooks/{webhook.id}"
    delivery_id = await tell(session, webhook.id, PING, subject, {"webhook": webhook.id}, now=now)
    return await require_delivery(session, caller, webhook_id, delivery_id)


_FILTERS = {"indicators": "indicator_ids", "domains": "domains", "units": "unit_ids", "categories": "categories"}


async def _filters(
    session: AsyncSession, catalogue: Catalogue, caller: Caller, asked: WebhookIn | WebhookChange, now: datetime
) -> dict[str, Any]:
    """The filters as they are stored. What nobody would ever be told of is refused rather than kept."""
    mistakes = [
        RowError(
            "unknown-indicator", pointer=f"/indicators/{place}", value=code,
            facts={"nearest": catalogue.nearest_indicators(code)},
        )
        for place, code in enumerate(asked.indicators or ())
        if code not in catalogue.indicators
    ]  # fmt: skip
    categories = (
        () if asked.categories is None else await session.scalars(select(models.ReportCategory.code).distinct())
    )
    for name, codes, known in (
        ("domains", asked.domains, list(catalogue.domains)), ("categories", asked.categories, sorted(categories)),
    ):  # fmt: skip
        mistakes += [
            RowError("not-one-of", pointer=f"/{name}/{place}", value=code, facts={"expected": ", ".join(known)})
            for place, code in enumerate(codes or ())
            if code not in known
        ]
    units = set()
    for place, address in enumerate(asked.units or ()):
        try:
            units.add(catalogue.require_unit(address, None, now.date()).id)
        except HubError as error:
            mistakes.append(RowError("unknown-unit", pointer=f"/units/{place}", value=address, facts=error.facts))
    if mistakes:
        raise InvalidRequest(count=len(mistakes), errors=mistakes)
    indicators = None if asked.indicators is None else [catalogue.indicators[code] for code in asked.indicators]
    require_readable(caller, indicators or ())
    return {
        "indicator_ids": None if indicators is None else sorted({indicator.id for indicator in indicators}),
        "domains": None if asked.domains is None else sorted(set(asked.domains)),
        "unit_ids": None if asked.units is None else sorted(units),
        "categories": None if asked.categories is None else sorted(set(asked.categories)),
    }
