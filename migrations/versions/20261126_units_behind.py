"""rollup: which units stand behind a value, so that a comparison does not take some for others"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Everything that there is, as `ioc-hub rollups rebuild` marks it: the roller computes it again while the hub serves. Until then
# nothing is taken to stand behind what is old but as many units as before.
_MARK_ALL = """
INSERT INTO stale_mark (indicator_id, grain, period_start, unit_ids)
WITH based AS (
    SELECT id, CASE periodicity WHEN 'daily' THEN 2 WHEN 'weekly' THEN 3 WHEN 'monthly' THEN 4 WHEN 'quarterly' THEN 5
                                WHEN 'yearly' THEN 6 ELSE 1 END AS base
      FROM indicator WHERE over_time <> 'ratio'
), touched AS (
    SELECT r.indicator_id, b.base, CASE r.grain WHEN 0 THEN date_trunc('hour', r.period_start) ELSE r.period_start END AS starts, r.unit_id
      FROM based b JOIN reading r ON r.indicator_id = b.id AND r.grain <= b.base
     UNION
    SELECT r.indicator_id, b.base,
           CASE b.base WHEN 3 THEN date_trunc('week', r.period_start + interval '3 days') ELSE r.period_start END, r.unit_id
      FROM based b JOIN rollup r ON r.indicator_id = b.id
)
SELECT indicator_id, base, starts, array_agg(unit_id) FROM touched GROUP BY 1, 2, 3 ORDER BY 1, 3
"""


def upgrade() -> None:
    op.add_column(
        "rollup",
        sa.Column(
            "units_behind",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="which units are present: the sum of the hash of each; 0: the unit itself, or none",
        ),
    )
    op.execute(_MARK_ALL)


def downgrade() -> None:
    op.drop_column("rollup", "units_behind")
