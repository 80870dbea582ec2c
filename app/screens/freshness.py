"""Who has reported, and who is late: every source against the cadence of what it reports."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.catalogue import BASE_GRAIN, Indicator
from app.periods import bucket_start, previous_start
from app.screens.age import due_and_late
from app.screens.figures import Scene, aware

EVERY = timedelta(seconds=30)  # the whole ledger of who reports what is read for it: not at each reading

# For each series the newest reading that is not late yet, if there is one: only the months since then are looked at. What
# comes in longer periods than its cadence (a year of a monthly figure) counts when that period has ended since.
#
# A source that was never given a key to send with cannot report: it is a publication (an article) that the operator loaded once, and nobody
# waits for its next figure. It is not among those who report, and raises no alarm. The demo has no key and feeds itself.
_FRESHNESS = """
WITH cadence AS (
    SELECT * FROM unnest(CAST(:indicators AS int[]), CAST(:fresh AS timestamp[]), CAST(:known AS timestamp[]),
                         CAST(:coarsest AS int[]))
           AS c(indicator_id, fresh_since, known_since, grain)
), series AS (
    SELECT o.source_id,
           (SELECT max(r.period_start) FROM reading r
             WHERE r.indicator_id = o.indicator_id AND r.unit_id = o.unit_id AND r.grain <= c.grain
               AND r.period_start >= c.known_since AND r.value IS NOT NULL) AS newest,
           c.fresh_since
      FROM ownership o JOIN cadence c USING (indicator_id)
), counted AS (
    SELECT source_id, count(*) AS indicators,
           count(*) FILTER (WHERE newest >= fresh_since) AS fresh,
           count(*) FILTER (WHERE newest < fresh_since) AS due,
           count(*) FILTER (WHERE newest IS NULL) AS late
      FROM series GROUP BY source_id
)
SELECT s.id, (SELECT max(received_at) FROM batch b WHERE b.source_id = s.id), coalesce(c.indicators, 0), coalesce(c.fresh, 0),
       coalesce(c.due, 0), coalesce(c.late, 0)
  FROM source s LEFT JOIN counted c ON c.source_id = s.id
 WHERE s.synthetic OR EXISTS (SELECT FROM api_key k WHERE k.source_id = s.id AND 'readings:write' = ANY (k.scopes))
 ORDER BY s.code
"""


async def source_freshness(session: AsyncSession, scene: Scene) -> dict[str, Any]:
    """The data of a widget `sources`."""
    indicators = list(scene.catalogue.indicators.values())
    bounds = {key: _bounds(scene.now, one) for key, one in _one_of_each(indicators).items()}
    rows = await session.execute(
        text(_FRESHNESS),
        {
            "indicators": [one.id for one in indicators],
            "fresh": [bounds[one.periodicity][0] for one in indicators],
            "known": [bounds[one.periodicity][1] for one in indicators],
            "coarsest": [one.base.value for one in indicators],
        },
    )
    sources = []
    for key, received, series, fresh, due, late in rows:
        source = scene.catalogue.sources.get(key)
        if source is not None:
            sources.append(
                {
                    "source": source.code,
                    "name": source.name.fill(scene.language, {}),
                    "synthetic": source.synthetic,
                    "received_at": None if received is None else aware(scene, received),
                    "indicators": series,
                    "fresh": fresh,
                    "due": due,
                    "late": late,
                    "age": None if not series else "late" if late else "due" if due else "fresh",
                }
            )
    return {"sources": sources}


def _one_of_each(indicators: list[Indicator]) -> Mapping[str, Indicator]:
    return {one.periodicity: one for one in indicators if one.periodicity in BASE_GRAIN}


def _bounds(now: datetime, indicator: Indicator) -> tuple[datetime, datetime]:
    """The start of the oldest period that is fresh now, and of the oldest that is not late."""
    if indicator.periodicity == "realtime":
        due, late = due_and_late(indicator, now)
        return now - (due - now), now - (late - now)
    start = bucket_start(indicator.base, now)
    fresh = known = start
    while True:
        earlier = previous_start(indicator.base, start)
        due, late = due_and_late(indicator, start)  # a period that began `earlier` was observed up to `start`
        fresh = earlier if now < due else fresh
        if now >= late:
            return fresh, known
        known, start = earlier, earlier
