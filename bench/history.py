"""Millions of readings without the way in: years of a hub's life, written by Postgres itself.

The first 550 indicators of the workload for its communes, up to 1 November 2026; the more readings, the further back. At thirty
million that is August 2025; before July 2025 the communes did not exist.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg

from bench.workload import communes, indicators

INDICATORS = 550
_END = datetime(2026, 11, 1)
_DAY = timedelta(days=1)

_OWNERS = """
INSERT INTO ownership (indicator_id, unit_id, source_id)
SELECT i.id, u.id, s.id FROM indicator i, unit u, source s
 WHERE i.code = ANY (%s) AND u.code = ANY (%s) AND u.valid_to IS NULL AND s.code = 'bench'
    ON CONFLICT DO NOTHING
"""
_READINGS = """
INSERT INTO reading (indicator_id, unit_id, grain, period_start, value, status, source_id, batch_id, received_at)
SELECT o.indicator_id, o.unit_id, p.grain, p.start,
       0.25 * ((31 * o.indicator_id + 17 * o.unit_id + extract(epoch FROM p.start)::bigint / 3600) %% 9973),
       2, o.source_id, 0, clock_timestamp()
  FROM (SELECT 'hourly' AS periodicity, 1 AS grain, %(day)s::timestamp + hour * interval '1 hour' AS start
          FROM generate_series(0, 23) AS hour
         UNION ALL SELECT 'daily', 2, %(day)s
         UNION ALL SELECT 'monthly', 4, %(day)s WHERE extract(day FROM %(day)s::timestamp) = 1) AS p
  JOIN indicator i USING (periodicity)
  JOIN ownership o ON o.indicator_id = i.id
 WHERE i.code = ANY (%(indicators)s)
"""
_MARKS = """
INSERT INTO stale_mark (indicator_id, grain, period_start, unit_ids)
SELECT indicator_id, grain, period_start, array_agg(unit_id) FROM reading
 WHERE period_start >= %s AND period_start < %s GROUP BY 1, 2, 3 ORDER BY 3, 1
"""
_PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'reading'::regclass"


def codes_of(*periodicities: str) -> list[str]:
    """The indicators of the history that come so often."""
    return [row["code"] for row in indicators()[:INDICATORS] if row["periodicity"] in periodicities]


def days_of(readings: int) -> Sequence[datetime]:
    """The days, latest first, that hold at least so many readings."""
    a_day = (24 * len(codes_of("hourly")) + len(codes_of("daily"))) * len(communes())
    return [_END - number * _DAY for number in range(1, -(-readings // a_day) + 1)]


def load(connection: psycopg.Connection, days: Sequence[datetime]) -> int:
    """Write the readings of days, given latest first; how many they are."""
    codes = codes_of("hourly", "daily", "monthly")
    connection.execute(_OWNERS, [codes, list(communes())])
    readings = 0
    for day in reversed(days):  # as they come, so that they lie on disk like those of any hub
        readings += connection.execute(_READINGS, {"day": day, "indicators": codes}).rowcount
    return readings


def mark_stale(connection: psycopg.Connection, days: Sequence[datetime]) -> None:
    """Have the rollups of what was loaded computed."""
    connection.execute(_MARKS, [days[-1], days[0] + _DAY])


def vacuum(connection: psycopg.Connection) -> None:
    """What autovacuum would soon do; it sees the partitions only, not the table that they make up."""
    partitions = [name for [name] in connection.execute(_PARTITIONS)]
    connection.execute(f"VACUUM (ANALYZE) ownership, rollup, stale_mark, {', '.join(partitions)}".encode())
