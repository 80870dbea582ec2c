"""Who wants to be told what happens, what happened, and what became of telling them."""

import uuid

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Instant
from app.models.access import ApiKey


class Webhook(Base):
    """A subscription of one API key; it ends with the key. Its secret is nowhere: see `app.webhooks.signing`."""

    __tablename__ = "webhook"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    key_prefix: Mapped[str] = mapped_column(ForeignKey(ApiKey.prefix), index=True)
    name: Mapped[str] = mapped_column()
    url: Mapped[str] = mapped_column()
    types: Mapped[list[str]] = mapped_column(comment="of events it wants")
    indicator_ids: Mapped[list[int] | None] = mapped_column(comment="of changes it wants; null: of all it may read")
    domains: Mapped[list[str] | None] = mapped_column(comment="domain codes of the same; null: all")
    unit_ids: Mapped[list[int] | None] = mapped_column(comment="of reports it wants, and all below; null: of all")
    categories: Mapped[list[str] | None] = mapped_column(comment="ReportCategory.code of reports it wants; null: all")
    salt: Mapped[bytes] = mapped_column(comment="the secret is its HMAC, keyed with IOC_SECRET")
    previous_salt: Mapped[bytes | None] = mapped_column(comment="of the secret before; it signs, too")
    previous_until: Mapped[Instant | None] = mapped_column(comment="until then")
    created_at: Mapped[Instant] = mapped_column()
    change_id: Mapped[int] = mapped_column(BigInteger, comment="the last change of readings it was told of")
    told_at: Mapped[Instant | None] = mapped_column(comment="when it was")
    failing_since: Mapped[Instant | None] = mapped_column(comment="nothing was taken since; null: the last one was")
    taken_until: Mapped[Instant | None] = mapped_column(
        comment="a courier is at it, or it asked to be left alone, until then"
    )
    disabled_at: Mapped[Instant | None] = mapped_column()
    disabled_why: Mapped[str | None] = mapped_column(comment="paused, gone (410), failing")


class WebhookEvent(Base):
    """What happened, written in the transaction in which it did. Only what somebody is told of is here."""

    __tablename__ = "webhook_event"
    __table_args__ = (Index("webhook_event_recorded_at_idx", "recorded_at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, comment="of the CloudEvent; the webhook-id")
    type: Mapped[str] = mapped_column()
    subject: Mapped[str | None] = mapped_column(comment="path of what it is about")
    recorded_at: Mapped[Instant] = mapped_column()
    body: Mapped[str] = mapped_column(comment="the CloudEvent as JSON, the same at every attempt")


class WebhookDelivery(Base):
    """One event on its way to one subscription: what is still to be done, and how the last attempt went."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("event_id", "webhook_id"),
        CheckConstraint("(state = 'pending') = (next_attempt_at IS NOT NULL)", name="next_attempt"),
        Index("webhook_delivery_webhook_id_id_idx", "webhook_id", "id"),
        Index(
            "webhook_delivery_pending_idx", "webhook_id", "next_attempt_at", postgresql_where=text("state = 'pending'")
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, comment="rises with the events")
    webhook_id: Mapped[int] = mapped_column(ForeignKey(Webhook.id, ondelete="CASCADE"))
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(WebhookEvent.id, ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(server_default=text("'pending'"), comment="pending, delivered, failed")
    attempts: Mapped[int] = mapped_column(server_default=text("0"), comment="since it was made, or last replayed")
    next_attempt_at: Mapped[Instant | None] = mapped_column(comment="while pending")
    attempted_at: Mapped[Instant | None] = mapped_column(comment="the last attempt, which the following are about")
    status: Mapped[int | None] = mapped_column(SmallInteger, comment="HTTP; null: there was no answer")
    error: Mapped[str | None] = mapped_column(comment="why there was none")
    duration_ms: Mapped[int | None] = mapped_column()
    response: Mapped[str | None] = mapped_column(comment="how the answer began")
