"""Following somebody else's report instead of sending it again."""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.errors import UnknownReport
from app.reports.desk import Desk
from app.reports.submission import touch


async def follow(session: AsyncSession, desk: Desk, report_id: UUID, subject: str) -> tuple[models.Report, bool]:
    """Count a citizen of the caller's among those who want to know; once, however often it is said, and never who sent it.
    Returns also whether they are one more.

    A follower sees what the public sees; who is waiting for a report that is not public yet sees it once it is.

    Raises:
        UnknownReport: there is none that everybody may know of.
    """
    report = await _turn(session, report_id)
    if report is None or not (desk.sees(report) or desk.is_outlined(report)):
        raise UnknownReport(value=report_id)
    if desk.acts_for(report, subject):
        return report, False
    row = insert(models.ReportFollower).values(
        report_id=report_id, subject=desk.subject_of(subject), followed_at=desk.now
    )
    made = (await session.execute(row.on_conflict_do_nothing().returning(models.ReportFollower.report_id))).all()
    await _count(session, desk, report, len(made))
    return report, bool(made)


async def unfollow(session: AsyncSession, desk: Desk, report_id: UUID, subject: str) -> models.Report:
    """The opposite, also of a report that nobody may see any more.

    Raises:
        UnknownReport: there is none that everybody may know of, or that the citizen followed.
    """
    report = await _turn(session, report_id)
    table = models.ReportFollower
    mine = (table.report_id == report_id, table.subject == desk.subject_of(subject))
    gone = (await session.execute(delete(table).where(*mine).returning(table.report_id))).all()
    if report is None or not (gone or desk.sees(report) or desk.is_outlined(report)):
        raise UnknownReport(value=report_id)
    await _count(session, desk, report, -len(gone))
    return report


async def _turn(session: AsyncSession, report_id: UUID) -> models.Report | None:
    query = select(models.Report).where(models.Report.id == report_id).with_for_update()
    return (await session.scalars(query)).one_or_none()


async def _count(session: AsyncSession, desk: Desk, report: models.Report, more: int) -> None:
    if more:
        report.followers += more
        await touch(session, desk, report, quietly=True)  # a message for each of thousands would say no more
