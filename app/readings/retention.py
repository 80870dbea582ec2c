"""How long instants are kept. Minutes of camera counts are sixty times their hours; after a while only the hours are asked for."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import announce
from app.periods import midnight

# A sender may bring instants that are a day younger than those that go, so that none comes while its hour is being frozen.
_GRACE = timedelta(days=1)
# The hours of these laws say all that is ever asked of their instants.
_FOLDED = "('sum', 'mean', 'min', 'max', 'last')"


async def forget_instants(session: AsyncSession, now: datetime, keep_days: int) -> int:
    """Delete the instants that are older than `keep_days`, once a day, when their hours are rolled up; returns how many went.

    From then on their hours are what the rollups say: nothing computes them again. `now` is local time. Earlier values of
    those instants go, too, so that `asOf` sees the hours as they ended.
    """
    before = midnight(now.date()) - timedelta(days=keep_days) - _GRACE
    frozen = await session.execute(
        text(
            """
            INSERT INTO forgotten AS f (what, before)
            SELECT 'instants', :before
             WHERE NOT EXISTS (SELECT FROM stale_mark m JOIN indicator i ON i.id = m.indicator_id
                                WHERE i.periodicity = 'realtime' AND m.period_start < :before)
                ON CONFLICT (what) DO UPDATE SET before = excluded.before WHERE f.before < excluded.before
            RETURNING 1
            """
        ),
        {"before": before},
    )
    if frozen.first() is None:
        return 0
    await announce(
        session, "catalogue"
    )  # by which senders are judged: none of those is taken any more, whatever the setting
    gone = 0
    for table in ("reading", "reading_history"):
        done = await session.execute(
            text(
                f"""
                WITH gone AS (
                    DELETE FROM {table} r
                     USING ownership o JOIN indicator i ON i.id = o.indicator_id
                     WHERE i.periodicity = 'realtime' AND i.over_time IN {_FOLDED}
                       AND r.indicator_id = o.indicator_id AND r.unit_id = o.unit_id AND r.grain = 0
                       AND r.period_start < :before
                    RETURNING 1
                ) SELECT count(*) FROM gone
                """
            ),
            {"before": before},
        )
        gone += int(done.scalar_one())
    return gone
