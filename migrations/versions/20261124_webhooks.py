"""webhooks: subscriptions, what happened, and what became of telling them"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _instant(name: str, *, nullable: bool = True, comment: str | None = None) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, comment=comment)


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("key_prefix", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("types", postgresql.ARRAY(sa.Text()), nullable=False, comment="of events it wants"),
        sa.Column(
            "indicator_ids",
            postgresql.ARRAY(sa.INTEGER()),
            nullable=True,
            comment="of changes it wants; null: of all it may read",
        ),
        sa.Column("domains", postgresql.ARRAY(sa.Text()), nullable=True, comment="domain codes of the same; null: all"),
        sa.Column("salt", sa.LargeBinary(), nullable=False, comment="the secret is its HMAC, keyed with IOC_SECRET"),
        sa.Column("previous_salt", sa.LargeBinary(), nullable=True, comment="of the secret before; it signs, too"),
        _instant("previous_until", comment="until then"),
        _instant("created_at", nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False, comment="the last change of readings it was told of"),
        _instant("told_at", comment="when it was"),
        _instant("failing_since", comment="nothing was taken since; null: the last one was"),
        _instant("taken_until", comment="a courier is at it, or it asked to be left alone, until then"),
        _instant("disabled_at"),
        sa.Column("disabled_why", sa.Text(), nullable=True, comment="paused, gone (410), failing"),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_pkey")),
        sa.ForeignKeyConstraint(["key_prefix"], ["api_key.prefix"], name=op.f("webhook_key_prefix_fkey")),
    )
    op.create_index(op.f("webhook_key_prefix_idx"), "webhook", ["key_prefix"])
    op.create_table(
        "webhook_event",
        sa.Column("id", sa.Uuid(), nullable=False, comment="of the CloudEvent; the webhook-id"),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True, comment="path of what it is about"),
        _instant("recorded_at", nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="the CloudEvent as JSON, the same at every attempt"),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_event_pkey")),
    )
    op.create_index(op.f("webhook_event_recorded_at_idx"), "webhook_event", ["recorded_at"])
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False, comment="rises with the events"),
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Text(),
            server_default=sa.text("'pending'"),
            nullable=False,
            comment="pending, delivered, failed",
        ),
        sa.Column(
            "attempts",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="since it was made, or last replayed",
        ),
        _instant("next_attempt_at", comment="while pending"),
        _instant("attempted_at", comment="the last attempt, which the following are about"),
        sa.Column("status", sa.SmallInteger(), nullable=True, comment="HTTP; null: there was no answer"),
        sa.Column("error", sa.Text(), nullable=True, comment="why there was none"),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("response", sa.Text(), nullable=True, comment="how the answer began"),
        sa.CheckConstraint(
            "(state = 'pending') = (next_attempt_at IS NOT NULL)", name=op.f("webhook_delivery_next_attempt_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_delivery_pkey")),
        sa.UniqueConstraint("event_id", "webhook_id", name=op.f("webhook_delivery_event_id_webhook_id_key")),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhook.id"], name=op.f("webhook_delivery_webhook_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["webhook_event.id"], name=op.f("webhook_delivery_event_id_fkey"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("webhook_delivery_webhook_id_id_idx"), "webhook_delivery", ["webhook_id", "id"])
    op.create_index(
        "webhook_delivery_pending_idx",
        "webhook_delivery",
        ["webhook_id", "next_attempt_at"],
        postgresql_where=sa.text("state = 'pending'"),
    )


def downgrade() -> None:
    for table in ("webhook_delivery", "webhook_event", "webhook"):
        op.drop_table(table)
