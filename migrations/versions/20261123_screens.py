"""screens: definitions in versions, displays and how they are paired"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "screen",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "definition",
            postgresql.JSONB(),
            nullable=True,
            comment="app.schemas.screens.ScreenIn; null: taken away",
        ),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("slug", "version", name=op.f("screen_pkey")),
    )
    op.create_index(
        "screen_current_key", "screen", ["slug"], unique=True, postgresql_where=sa.text("superseded_at IS NULL")
    )
    op.create_table(
        "display",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "token_hash",
            sa.LargeBinary(),
            nullable=True,
            comment="HMAC-SHA256, keyed with IOC_SECRET; null: confirmed, but the wall has not come for it yet",
        ),
        sa.Column("slugs", postgresql.ARRAY(sa.Text()), nullable=True, comment="screens it may show; null: all"),
        sa.Column("unit_ids", postgresql.ARRAY(sa.INTEGER()), nullable=True, comment="subtrees it may show; null: all"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("screen", sa.Text(), nullable=True, comment="what it said it shows"),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("display_pkey")),
        sa.UniqueConstraint("token_hash", name=op.f("display_token_hash_key")),
    )
    op.create_table(
        "pairing",
        sa.Column("id_hash", sa.LargeBinary(), nullable=False, comment="of the secret that the asking wall keeps"),
        sa.Column("code", sa.Text(), nullable=False, comment="what a person reads off the wall"),
        sa.Column("display_id", sa.Integer(), nullable=True, comment="null: nobody has confirmed it yet"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["display_id"], ["display.id"], name=op.f("pairing_display_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pairing_pkey")),
        sa.UniqueConstraint("code", name=op.f("pairing_code_key")),
    )
    op.create_index(op.f("pairing_display_id_idx"), "pairing", ["display_id"])


def downgrade() -> None:
    for table in ("pairing", "display", "screen"):
        op.drop_table(table)
