"""Closing what nobody reopened: the worker's part of the life of a report."""

from datetime import UTC, datetime

from sqlalchemy import func, select

from app import models
from app.hub import Hub
from app.reports.desk import Desk
from app.reports.handling import close_lapsed, open_until
from app.reports.identity import identity_keys
from app.reports.rules import RulesCache
from app.reports.workflow import MOVES, Actor, State

_WAITING = [source for (source, target), step in MOVES.items() if target is State.closed and Actor.system in step.by]
_MOST = 500  # in one look


class Closing:
    """Looks for reports whose time to be reopened is over, and closes each in a transaction of its own."""

    def __init__(self, hub: Hub) -> None:
        self._rules = RulesCache()
        self._identities = identity_keys(hub.settings)

    async def look(self, hub: Hub) -> int:
        """How many were closed. One that somebody moves meanwhile is left alone."""
        now = datetime.now(UTC)
        async with hub.database.read_session() as session:
            catalogue, rules = await hub.catalogues.current(session), await self._rules.current(session)
            desk = Desk(catalogue, rules, hub.settings, hub.pepper, self._identities, now, None)
            report, event = models.Report, models.ReportEvent
            answered = func.max(event.at)
            answers = await session.execute(
                select(report, answered)
                .join(event, event.report_id == report.id)
                .where(report.state.in_(_WAITING), event.from_state == State.resolved, event.to_state == State.approved)
                .group_by(report.id)
                .having(answered < now - rules.soonest("reopening"))
                .order_by(answered)
            )
            lapsed = [waiting.id for waiting, at in answers if open_until(desk, waiting, at) < now]
        closed = 0
        for report_id in lapsed[:_MOST]:
            async with hub.database.write_session() as session:
                closed += await close_lapsed(session, desk, report_id)
        return closed
