"""The change counter that answers "is what I have still right?" without asking for the answer again."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession

log = structlog.get_logger(__name__)

CHANGE_LOCK = 720_722
CHANNEL = "ioc_change"
LATE = 30.0  # seconds after which viewers and operators are told that readings wait to be rolled up; that takes a fraction of one


async def announce(session: AsyncSession, topic: str, indicator_ids: Sequence[int] | None = None) -> int:
    """Count a change of a topic (`catalogue`, `units`, `keys`, `readings`, `targets` ...), and tell who listens. Call it last in the transaction.

    The lock is held to the commit, so numbers become visible in their order: a reader that sees number n sees
    everything below it, and two readers that see the same number see the same data. It costs the writers one short
    queue at the very end of their transactions.
    """
    number = await session.execute(
        text(
            "WITH turn AS (SELECT pg_advisory_xact_lock(:lock)), counted AS ("
            " INSERT INTO change (topic, indicator_ids) SELECT :topic, CAST(:indicators AS int[]) FROM turn RETURNING id) "
            "SELECT id, pg_notify(:channel, id::text) FROM counted"
        ),
        {
            "lock": CHANGE_LOCK,
            "topic": topic,
            "indicators": None if indicator_ids is None else list(indicator_ids),
            "channel": CHANNEL,
        },
    )
    return int(number.scalar_one())


async def latest_change(session: AsyncSession, topic: str | None = None) -> int:
    """The number of the last change of a topic, or of any; 0 before the first."""
    query = "SELECT coalesce(max(id), 0) FROM change" + (" WHERE topic = :topic" if topic else "")
    return int((await session.execute(text(query), {"topic": topic} if topic else {})).scalar_one())


class ChangeFeed:
    """What changed, as one listening connection of this process hears it.

    It remembers the number of the last change of each topic and of each indicator, no more. A notification says only that
    there is something to read; what is read is everything after the last number known, so that nothing is missed while the
    connection is away and nothing is wrong when notifications are lost.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._topics: dict[str, int] = {}
        self._indicators: dict[int, int] = {}
        self._floor = 0  # of which indicator a change before it was we do not know
        self._heard = asyncio.Condition()
        self.latest = 0
        self.live = False  # while it is not, the database must be asked
        self.waiting_since: datetime | None = None  # what came then or later is not all rolled up, though it should be

    def of_topic(self, topic: str) -> int:
        return self._topics.get(topic, self._floor)

    def of_indicators(self, indicator_ids: Iterable[int]) -> int:
        """The number of the last change of any of these indicators."""
        return max([self._indicators.get(key, self._floor) for key in indicator_ids], default=self._floor)

    async def reached(self, number: int) -> None:
        """Wait until this process has heard of a change."""
        async with self._heard:
            await self._heard.wait_for(lambda: self.latest >= number)

    async def listen(self) -> None:
        """Until cancelled; a connection that is lost is made again."""
        conninfo = make_url(self._url).set(drivername="postgresql").render_as_string(hide_password=False)
        pause = 0.1
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    conninfo, autocommit=True, connect_timeout=5, application_name="ioc-hub changes"
                ) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    pause = 0.1
                    while True:
                        await self._catch_up(connection)
                        # Also without a notification: a connection that is dead without saying so shows here.
                        async for _ in connection.notifies(timeout=_QUIET_SECONDS, stop_after=1):
                            pass
            except (psycopg.Error, OSError) as error:
                self.live = False
                log.warning("the change feed lost its connection", error=str(error).strip(), again_in=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, 5.0)

    async def _catch_up(self, connection: psycopg.AsyncConnection) -> None:
        [floor] = await (await connection.execute(_FLOOR)).fetchone() or (0,)
        forgotten = not self.live and floor > self.latest  # just started, or away for longer than changes are kept
        cursor = await connection.execute(_SUMMARY if forgotten else _NEWS, {"known": self.latest})
        news = await cursor.fetchall()
        if forgotten:
            self._indicators.clear()
            self._floor = floor
        for number, topic, indicator_ids in news:
            self._topics[topic] = max(number, self._topics.get(topic, 0))
            for key in indicator_ids or ():
                self._indicators[key] = max(number, self._indicators.get(key, 0))
        waiting = await connection.execute(_LATE, {"seconds": LATE})
        [since] = await waiting.fetchone() or (None,)
        # It stays where it was until nothing is late: who shows it need not do so anew whenever a part is done.
        self.waiting_since = since and (self.waiting_since or since)
        async with self._heard:
            self.latest = max([self.latest, *(number for number, _, _ in news)])
            self.live = True
            self._heard.notify_all()


_QUIET_SECONDS = 15.0
_NEWS = "SELECT id, topic, indicator_ids FROM change WHERE id > %(known)s ORDER BY id"
_SUMMARY = """
SELECT max(id), topic, NULL FROM change GROUP BY topic
 UNION ALL
SELECT max(c.id), c.topic, ARRAY[i.id] FROM change c, unnest(c.indicator_ids) AS i(id) GROUP BY c.topic, i.id
"""
# Changes are forgotten after a while: what is older than the oldest that is kept could have been of any indicator. So could
# those that do not say of which.
_FLOOR = """
SELECT coalesce(greatest(min(id) - 1, max(id) FILTER (WHERE indicator_ids IS NULL)), 0) FROM change WHERE topic = 'readings'
"""

# Who rolls up announces what he has; who does not is missed, at the latest, when it has been quiet for some seconds.
_LATE = """
SELECT date_trunc('second', marked_at) FROM (SELECT marked_at FROM stale_mark ORDER BY id LIMIT 1) AS oldest
 WHERE marked_at < clock_timestamp() - make_interval(secs => %(seconds)s)
"""


async def forget_changes(session: AsyncSession) -> int:
    """Delete changes that nobody catches up with any more; the last of each topic stays."""
    done = await session.execute(
        text(
            "DELETE FROM change c WHERE changed_at < clock_timestamp() - interval '1 day'"
            " AND id < (SELECT max(id) FROM change l WHERE l.topic = c.topic) RETURNING 1"
        )
    )
    return len(done.all())
