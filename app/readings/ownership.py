"""Who owns what: the first source that brings a reading of an indicator of a unit."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from app.columns import Integers

Pair = tuple[int, int]  # indicator, unit
_MOST_KNOWN = 300_000


@dataclass(frozen=True, slots=True)
class Owned:
    """Pairs that are, or would be, a source's, by a version of the catalogue."""

    version: int
    source_id: int
    pairs: Sequence[Pair]


class KnownOwners:
    """What one process remembers of `ownership`, so that senders of what they always send need not be looked up.

    Ownership only ends when a source is taken away, which changes the catalogue; so it is remembered by its version.
    """

    def __init__(self) -> None:
        self._version = -1
        self._known: dict[int, set[Pair]] = {}
        self._count = 0

    def know(self, owned: Owned) -> bool:
        return owned.version == self._version and self._known.get(owned.source_id, set()).issuperset(owned.pairs)

    def remember(self, owned: Owned) -> None:
        """Only what is committed: a claim that is rolled back makes nobody an owner."""
        if owned.version < self._version:
            return
        if owned.version > self._version or self._count > _MOST_KNOWN:
            self._version, self._known, self._count = owned.version, {}, 0
        mine = self._known.setdefault(owned.source_id, set())
        before = len(mine)
        mine.update(owned.pairs)
        self._count += len(mine) - before


# One step down the index for each pair, however many there are; a join would read all that there are. Most have the owner that is
# expected, of whom another process of the hub knows: only who has none is claimed, only who has another is told.
_CLAIM = """
WITH looked_up AS MATERIALIZED (
    SELECT asked.*, owner.source_id AS owner
      FROM unnest(%(indicators)s, %(units)s, %(claimants)s) AS asked(indicator_id, unit_id, claimant)
      LEFT JOIN LATERAL (SELECT source_id FROM ownership o
                          WHERE o.indicator_id = asked.indicator_id AND o.unit_id = asked.unit_id LIMIT 1) AS owner ON true
), claimed AS (
    INSERT INTO ownership (indicator_id, unit_id, source_id)
    SELECT indicator_id, unit_id, claimant FROM looked_up WHERE owner IS NULL AND claimant <> 0 ORDER BY indicator_id, unit_id
        ON CONFLICT DO NOTHING RETURNING indicator_id, unit_id
)
SELECT indicator_id, unit_id, owner FROM looked_up
 WHERE owner IS DISTINCT FROM claimant AND (indicator_id, unit_id) NOT IN (SELECT indicator_id, unit_id FROM claimed)
"""
_OWNERS = """
SELECT indicator_id, unit_id, source_id FROM ownership
  JOIN unnest(%(indicators)s, %(units)s) AS asked(indicator_id, unit_id) USING (indicator_id, unit_id)
"""


async def claim(
    cursor: psycopg.AsyncCursor[Any], claims: Mapping[Pair, int], asked: Collection[Pair]
) -> dict[Pair, int]:
    """Give each pair to the source that claims it, unless it has an owner; returns the owners of all that is asked for.

    In the order of the pairs, so that two transactions that claim the same wait for each other in one direction only.
    Whom a claim had to wait for is looked up by a statement of its own, which sees it. An owner may be taken away
    until the commit; whose batch it is cannot (app.readings.demo), so nothing is stored for a source that is gone.
    """
    pairs = list(asked)
    claimants = Integers.of([claims.get(pair, _NOBODY) for pair in pairs])
    await cursor.execute(_CLAIM, {**_columns(pairs), "claimants": claimants}, prepare=True)
    others = {(indicator, unit): owner for indicator, unit, owner in await cursor.fetchall()}
    if overtaken := [pair for pair, owner in others.items() if owner is None and pair in claims]:
        await cursor.execute(_OWNERS, _columns(overtaken))
        others |= {(indicator, unit): owner for indicator, unit, owner in await cursor.fetchall()}
    return {pair: owner for pair, owner in {**claims, **others}.items() if owner is not None}


_NOBODY = 0  # no source has this number


def _columns(pairs: Sequence[Pair]) -> dict[str, Integers]:
    return {
        "indicators": Integers.of([indicator for indicator, _ in pairs]),
        "units": Integers.of([unit for _, unit in pairs]),
    }
