"""first tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Exclusion constraints over a code and a range of days need it; a trusted extension, so the owner may create it.
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.create_table(
        "change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False, comment="catalogue, readings, targets"),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("change_pkey")),
    )
    op.create_index("change_topic_id_idx", "change", ["topic", "id"], unique=False)
    op.create_table(
        "domain",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="order on screens and in lists"),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("domain_pkey")),
        sa.UniqueConstraint("code", name=op.f("domain_code_key")),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column(
            "synthetic",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="its figures are made up for demonstration; every answer says so",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("source_pkey")),
        sa.UniqueConstraint("code", name=op.f("source_code_key")),
    )
    op.create_table(
        "stored_answer",
        sa.Column("key_prefix", sa.Text(), nullable=False, comment="the API key: others cannot see the answer"),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("stored_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("key_prefix", "route", "idempotency_key", name=op.f("stored_answer_pkey")),
    )
    op.create_index("stored_answer_stored_at_idx", "stored_answer", ["stored_at"], unique=False)
    op.create_table(
        "unit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="province, district, commune, region, agency, site"),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True, comment="first day; null: since before our records"),
        sa.Column("valid_to", sa.Date(), nullable=True, comment="first day on which it is no more; null: still valid"),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("code"), "="),
            (sa.text("daterange(valid_from, valid_to)"), "&&"),
            using="gist",
            name="unit_code_validity_excl",
        ),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("unit_validity_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("unit_pkey")),
    )
    op.create_index("unit_code_idx", "unit", ["code"], unique=False)
    op.create_table(
        "api_key",
        sa.Column("prefix", sa.Text(), nullable=False, comment="shown in lists and logs; names the key"),
        sa.Column(
            "secret_hash", sa.LargeBinary(), nullable=False, comment="HMAC-SHA256 of the secret, keyed with IOC_SECRET"
        ),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "unit_ids", postgresql.ARRAY(sa.INTEGER()), nullable=True, comment="subtrees it may touch; null: all"
        ),
        sa.Column(
            "domains", postgresql.ARRAY(sa.Text()), nullable=True, comment="domain codes it may touch; null: all"
        ),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("api_key_source_id_fkey")),
        sa.PrimaryKeyConstraint("prefix", name=op.f("api_key_pkey")),
    )
    op.create_index(op.f("api_key_source_id_idx"), "api_key", ["source_id"], unique=False)
    op.create_table(
        "batch",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column(
            "key_prefix", sa.Text(), nullable=True, comment="which API key sent it; null: loaded by the operator"
        ),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("corrected", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("batch_source_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("batch_pkey")),
    )
    op.create_index(op.f("batch_source_id_idx"), "batch", ["source_id"], unique=False)
    op.create_table(
        "indicator",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column(
            "measure", sa.Text(), nullable=False, comment="unit of measure (UCUM where there is one); never called unit"
        ),
        sa.Column(
            "periodicity", sa.Text(), nullable=False, comment="grain of its readings: realtime, hourly ... yearly"
        ),
        sa.Column("over_time", sa.Text(), nullable=False, comment="law along time"),
        sa.Column("over_units", sa.Text(), nullable=False, comment="law up the tree"),
        sa.Column("numerator_id", sa.Integer(), nullable=True),
        sa.Column("denominator_id", sa.Integer(), nullable=True),
        sa.Column("direction", sa.Text(), nullable=False, comment="up_good, down_good, neutral"),
        sa.Column("public", sa.Boolean(), nullable=False, comment="readable without a key"),
        sa.Column(
            "origin",
            sa.Text(),
            nullable=False,
            comment="where the definition comes from; [v] read, [m] memory, [i] inferred",
        ),
        sa.CheckConstraint(
            "(over_time = 'ratio') = (numerator_id IS NOT NULL) AND (over_time = 'ratio') = (denominator_id IS NOT NULL) AND (over_time = 'ratio') = (over_units = 'ratio')",
            name=op.f("indicator_ratio_parts_check"),
        ),
        sa.ForeignKeyConstraint(["denominator_id"], ["indicator.id"], name=op.f("indicator_denominator_id_fkey")),
        sa.ForeignKeyConstraint(["domain_id"], ["domain.id"], name=op.f("indicator_domain_id_fkey")),
        sa.ForeignKeyConstraint(["numerator_id"], ["indicator.id"], name=op.f("indicator_numerator_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("indicator_pkey")),
        sa.UniqueConstraint("code", name=op.f("indicator_code_key")),
    )
    op.create_index(op.f("indicator_domain_id_idx"), "indicator", ["domain_id"], unique=False)
    op.create_table(
        "unit_parent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("child_id", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("child_id"), "="),
            (sa.column("parent_id"), "="),
            (sa.text("daterange(valid_from, valid_to)"), "&&"),
            where=sa.text("superseded_at IS NULL"),
            using="gist",
            name="unit_parent_validity_excl",
        ),
        sa.CheckConstraint("child_id <> parent_id", name=op.f("unit_parent_not_itself_check")),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("unit_parent_validity_check")),
        sa.ForeignKeyConstraint(["child_id"], ["unit.id"], name=op.f("unit_parent_child_id_fkey")),
        sa.ForeignKeyConstraint(["parent_id"], ["unit.id"], name=op.f("unit_parent_parent_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("unit_parent_pkey")),
    )
    op.create_index("unit_parent_parent_id_idx", "unit_parent", ["parent_id"], unique=False)
    op.create_table(
        "unit_successor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("successor_id", sa.Integer(), nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="rename, merge, split, transfer"),
        sa.Column(
            "divided",
            sa.Boolean(),
            nullable=False,
            comment="the successor has only a part of it: a restated series is an estimate",
        ),
        sa.ForeignKeyConstraint(["successor_id"], ["unit.id"], name=op.f("unit_successor_successor_id_fkey")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("unit_successor_unit_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("unit_successor_pkey")),
        sa.UniqueConstraint("unit_id", "successor_id", name=op.f("unit_successor_unit_id_successor_id_key")),
    )
    op.create_index(op.f("unit_successor_successor_id_idx"), "unit_successor", ["successor_id"], unique=False)
    op.create_table(
        "reading",
        sa.Column("indicator_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("grain", sa.SmallInteger(), nullable=False, comment="periods.Grain"),
        sa.Column("period_start", sa.DateTime(), nullable=False, comment="wall time of the local calendar"),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=True, comment="null: withdrawn"),
        sa.Column("status", sa.SmallInteger(), nullable=False, comment="0 estimated, 1 provisional, 2 final"),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["indicator_id"], ["indicator.id"], name=op.f("reading_indicator_id_fkey")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("reading_source_id_fkey")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("reading_unit_id_fkey")),
        sa.PrimaryKeyConstraint("indicator_id", "unit_id", "grain", "period_start", name=op.f("reading_pkey")),
    )
    op.create_table(
        "reading_history",
        sa.Column("indicator_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("grain", sa.SmallInteger(), nullable=False),
        sa.Column("period_start", sa.DateTime(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=True, comment="null: withdrawn"),
        sa.Column("status", sa.SmallInteger(), nullable=False, comment="0 estimated, 1 provisional, 2 final"),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["indicator_id"], ["indicator.id"], name=op.f("reading_history_indicator_id_fkey")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("reading_history_source_id_fkey")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("reading_history_unit_id_fkey")),
        sa.PrimaryKeyConstraint(
            "indicator_id", "unit_id", "grain", "period_start", "received_at", name=op.f("reading_history_pkey")
        ),
    )
    op.create_table(
        "target",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("indicator_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("grain", sa.Integer(), nullable=False, comment="periods.Grain"),
        sa.Column("period_start", sa.DateTime(), nullable=False, comment="local calendar"),
        sa.Column("value", sa.Numeric(), nullable=True, comment="null: taken back"),
        sa.Column("setter", sa.Text(), nullable=False, comment="who set it: the province, the district ..."),
        sa.Column("document", sa.Text(), nullable=True, comment="number of the decision or plan"),
        sa.Column("on_track_pct", sa.Numeric(), nullable=False),
        sa.Column("at_risk_pct", sa.Numeric(), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["indicator_id"], ["indicator.id"], name=op.f("target_indicator_id_fkey")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("target_unit_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("target_pkey")),
    )
    op.create_index(
        "target_current_key",
        "target",
        ["indicator_id", "unit_id", "grain", "period_start", "setter"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("target_current_key", table_name="target", postgresql_where=sa.text("superseded_at IS NULL"))
    op.drop_table("target")
    op.drop_table("reading_history")
    op.drop_table("reading")
    op.drop_index(op.f("unit_successor_successor_id_idx"), table_name="unit_successor")
    op.drop_table("unit_successor")
    op.drop_index("unit_parent_parent_id_idx", table_name="unit_parent")
    op.drop_table("unit_parent")
    op.drop_index(op.f("indicator_domain_id_idx"), table_name="indicator")
    op.drop_table("indicator")
    op.drop_index(op.f("batch_source_id_idx"), table_name="batch")
    op.drop_table("batch")
    op.drop_index(op.f("api_key_source_id_idx"), table_name="api_key")
    op.drop_table("api_key")
    op.drop_index("unit_code_idx", table_name="unit")
    op.drop_table("unit")
    op.drop_index("stored_answer_stored_at_idx", table_name="stored_answer")
    op.drop_table("stored_answer")
    op.drop_table("source")
    op.drop_table("domain")
    op.drop_index("change_topic_id_idx", table_name="change")
    op.drop_table("change")
