"""The reports of one citizen, for the first view of a phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.reports.desk import Desk
from app.reports.search import Wanted, conditions_of, find_reports
from app.reports.workflow import Actor, State

MOST = 20  # that are shown at once
# Somebody has said something that the citizen waits for, or has to answer.
_TOLD = (State.rejected, State.need_info, State.resolved)


@dataclass(frozen=True, slots=True)
class OwnReports:
    """The newest first."""

    items: Sequence[models.Report]
    more: bool
    unseen: int | None  # told of since then; None: since when was not said


async def own_reports(
    session: AsyncSession, desk: Desk, subject: str | None, since: datetime | None
) -> OwnReports | None:
    """Of the citizen whom the caller names; else of who has the token of a browser or of a report. None: nobody in particular."""
    by_token = desk.visitor is not None or (desk.caller is None and desk.token is not None)
    if subject is None and not by_token:
        return None
    wanted = Wanted(mine=True) if subject is None else Wanted(subject=desk.subject_of(subject))
    found = await find_reports(session, desk, wanted, "newest", None, MOST + 1)
    unseen = None
    if since is not None:
        report, event = models.Report, models.ReportEvent
        told = (
            select(func.count(report.id.distinct()))
            .join(event, event.report_id == report.id)
            .where(
                desk.seen,
                *conditions_of(desk, wanted),
                event.at > since,
                event.to_state.in_(_TOLD),
                event.actor != Actor.citizen,
            )
        )
        unseen = (await session.execute(told)).scalar_one()
    return OwnReports(found[:MOST], len(found) > MOST, unseen)
