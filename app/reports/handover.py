"""When others begin to answer for a unit, its reports are news: to who sees them from then on, and to who sees them no more."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo

from sqlalchemy import select, text

from app import models
from app.catalogue.catalogue import Catalogue
from app.hub import Hub
from app.reports.desk import Desk
from app.reports.identity import identity_keys
from app.reports.rules import RulesCache
from app.reports.submission import touch

_MOST = 100  # at once: whoever changes anything waits for their turn in the feed

# Those that nobody has touched since: what was touched is in the feed already, and whoever asks is answered by the units of today.
_UNTOLD = """
WITH turn AS MATERIALIZED (SELECT * FROM unnest(CAST(:units AS int[]), CAST(:moments AS timestamptz[])) AS t(unit_id, at))
SELECT r.id FROM report r LEFT JOIN turn u ON u.unit_id = r.unit_id LEFT JOIN turn a ON a.unit_id = r.agency_id
 WHERE r.changed_at < :newest AND r.changed_at < greatest(u.at, a.at)
 ORDER BY r.id LIMIT :most
"""


class Handover:
    """Puts the reports of units that others answer for now into the feed, once."""

    def __init__(self, hub: Hub) -> None:
        self._rules = RulesCache()
        self._identities = identity_keys(hub.settings)
        self._looked: tuple[int, date] | None = None  # at which units, on which day: nothing else makes a difference

    async def look(self, hub: Hub) -> int:
        """How many were put there."""
        told = 0
        while some := await self._tell_some(hub):
            told += some
        return told

    async def _tell_some(self, hub: Hub) -> int:
        now = datetime.now(UTC)
        async with hub.database.write_session() as session:
            catalogue, rules = await hub.catalogues.current(session), await self._rules.current(session)
            desk = Desk(catalogue, rules, hub.settings, hub.pepper, self._identities, now, None)
            looked = (catalogue.units_version, desk.local.date())
            if looked == self._looked:
                return 0
            turned = turns(catalogue, desk.local, hub.settings.tz)
            facts = {
                "units": list(turned), "moments": list(turned.values()), "newest": max(turned.values(), default=now),
                "most": _MOST,
            }  # fmt: skip
            untold = list(await session.scalars(text(_UNTOLD), facts))
            report = models.Report
            query = select(report).where(report.id.in_(untold)).order_by(report.id).with_for_update()
            for one in await session.scalars(query):
                await touch(session, desk, one, quietly=True)
        if not untold:
            self._looked = looked
        return len(untold)


def turns(catalogue: Catalogue, now: datetime, zone: tzinfo) -> Mapping[int, datetime]:
    """When (aware) it last changed who answers for a unit: with its place in the tree, that of a unit above it, or of one that it went into."""

    def local(moment: datetime) -> datetime:
        return moment.astimezone(zone).replace(tzinfo=None)

    own: dict[int, datetime] = {}
    for edge in catalogue.edges:
        recorded = local(edge.recorded_at)
        moments = [max(edge.start, recorded), max(edge.end, recorded)]
        if edge.superseded_at is not None:
            moments.append(local(edge.superseded_at))
        if passed := [one for one in moments if one <= now]:
            own[edge.child.id] = max([own.get(edge.child.id, datetime.min), *passed])
    found: dict[int, datetime] = {}
    for key, at in sorted(own.items(), key=lambda one: one[1], reverse=True):
        waiting = [key]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found[one] = at.replace(tzinfo=zone)
                waiting += [edge.child.id for edge in catalogue.edges_below.get(one, ())]
                waiting += [before.unit.id for before in catalogue.predecessors.get(one, ())]
    return found
