"""rollups: readings by month, owners, stale marks, what a change is about"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_VALUES = "indicator_id, unit_id, grain, period_start, received_at, value, status, note, source_id, batch_id"


def upgrade() -> None:
    # The sources behind a rollup are the union of arrays; a trusted extension, so the owner may create it.
    op.execute("CREATE EXTENSION IF NOT EXISTS intarray")
    op.execute("CREATE AGGREGATE union_of (int[]) (SFUNC = _int_union, STYPE = int[], PARALLEL = SAFE)")
    op.create_table(
        "ownership",
        sa.Column("indicator_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("indicator_id", "unit_id", name=op.f("ownership_pkey")),
    )
    op.create_table(
        "rollup",
        sa.Column("indicator_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "grain", sa.SmallInteger(), autoincrement=False, nullable=False, comment="periods.Grain of the bucket"
        ),
        sa.Column("period_start", sa.DateTime(), nullable=False, comment="wall time of the local calendar"),
        sa.Column(
            "value", sa.Numeric(), nullable=True, comment="not rounded; null: a law `none` keeps it from adding up"
        ),
        sa.Column("total", sa.Numeric(), nullable=True, comment="own means: the sum of the base values, to go on from"),
        sa.Column("status", sa.SmallInteger(), nullable=True, comment="the weakest of its parts"),
        sa.Column("source_ids", postgresql.ARRAY(sa.INTEGER()), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=True, comment="end of the latest base period behind the value"),
        sa.Column("units_present", sa.Integer(), nullable=False),
        sa.Column("units_expected", sa.Integer(), nullable=False),
        sa.Column("periods_present", sa.Integer(), nullable=False),
        sa.Column("periods_expected", sa.Integer(), nullable=False),
        sa.Column("own", sa.Boolean(), nullable=False, comment="from the unit's own readings, not from its children's"),
        sa.Column(
            "computed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("indicator_id", "unit_id", "grain", "period_start", name=op.f("rollup_pkey")),
    )
    op.create_table(
        "stale_mark",
        sa.Column("indicator_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("grain", sa.SmallInteger(), nullable=False, comment="of the readings"),
        sa.Column("period_start", sa.DateTime(), nullable=False),
        sa.Column("unit_ids", postgresql.ARRAY(sa.INTEGER()), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("indicator_id", "id", name=op.f("stale_mark_pkey")),
    )
    op.create_index("stale_mark_id_idx", "stale_mark", ["id"], unique=False)
    op.create_table(
        "forgotten",
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("before", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("what", name=op.f("forgotten_pkey")),
    )
    # Rows that are written again and again find room on their page; marks come and go by the thousand.
    op.execute("ALTER TABLE rollup SET (fillfactor = 70)")
    op.execute(
        "ALTER TABLE stale_mark SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,"
        " autovacuum_vacuum_insert_threshold = -1)"
    )
    op.add_column(
        "change",
        sa.Column(
            "indicator_ids",
            postgresql.ARRAY(sa.INTEGER()),
            nullable=True,
            comment="which indicators it is about; null: any",
        ),
    )
    op.alter_column("change", "topic", comment="catalogue, keys, readings, targets")

    # Readings move into partitions, without foreign keys: that of `batch` to its source stands for them.
    op.execute("INSERT INTO ownership SELECT indicator_id, unit_id, min(source_id) FROM reading GROUP BY 1, 2")
    op.execute("ALTER TABLE reading RENAME TO reading_before")
    op.execute("ALTER INDEX reading_pkey RENAME TO reading_before_pkey")
    op.create_table(
        "reading",
        sa.Column("indicator_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("grain", sa.SmallInteger(), autoincrement=False, nullable=False, comment="periods.Grain"),
        sa.Column("period_start", sa.DateTime(), nullable=False, comment="wall time of the local calendar"),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=True, comment="null: withdrawn"),
        sa.Column("status", sa.SmallInteger(), nullable=False, comment="0 estimated, 1 provisional, 2 final"),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("indicator_id", "unit_id", "grain", "period_start", name=op.f("reading_pkey")),
        postgresql_partition_by="RANGE (period_start)",
    )
    op.execute("CREATE TABLE reading_default PARTITION OF reading DEFAULT")
    op.execute(f"INSERT INTO reading ({_VALUES}) SELECT {_VALUES} FROM reading_before")
    op.execute("DROP TABLE reading_before")
    for column in ("indicator_id", "unit_id", "source_id"):
        op.drop_constraint(f"reading_history_{column}_fkey", "reading_history", type_="foreignkey")
    # What is there already is added up by the first worker that starts.
    op.execute(
        "INSERT INTO stale_mark (indicator_id, grain, period_start, unit_ids)"
        " SELECT indicator_id, grain, period_start, array_agg(unit_id) FROM reading GROUP BY 1, 2, 3"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE reading RENAME TO reading_by_month")
    op.execute("ALTER INDEX reading_pkey RENAME TO reading_by_month_pkey")
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
        sa.PrimaryKeyConstraint("indicator_id", "unit_id", "grain", "period_start", name=op.f("reading_pkey")),
    )
    op.execute(f"INSERT INTO reading ({_VALUES}) SELECT {_VALUES} FROM reading_by_month")
    op.execute("DROP TABLE reading_by_month")
    for table in ("reading", "reading_history"):
        for column in ("indicator", "source", "unit"):
            op.create_foreign_key(op.f(f"{table}_{column}_id_fkey"), table, column, [f"{column}_id"], ["id"])
    op.alter_column("change", "topic", comment="catalogue, readings, targets")
    op.drop_column("change", "indicator_ids")
    op.drop_table("forgotten")
    op.drop_index("stale_mark_id_idx", table_name="stale_mark")
    op.drop_table("stale_mark")
    op.drop_table("rollup")
    op.drop_table("ownership")
    op.execute("DROP AGGREGATE union_of (int[])")
    op.execute("DROP EXTENSION intarray")
