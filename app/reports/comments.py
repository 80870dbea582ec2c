"""What is said about a report beside its moves: by citizens, and by staff to everybody or among themselves."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.errors import CommentConflict, RowError, Text, UnknownComment, UnknownReport
from app.reports.desk import SUBMIT, Desk, wrong
from app.reports.handling import require_report
from app.reports.submission import touch
from app.reports.workflow import Actor
from app.schemas.reports import CommentIn


async def comment(
    session: AsyncSession, desk: Desk, report_id: UUID, sent: CommentIn
) -> tuple[models.ReportComment, bool]:
    """Say something about a report; the same again is the same comment. Returns also whether it is new.

    Staff are those concerned, unless they name a citizen. A citizen may speak of a report of their own, and of one that is public; the
    public reads it after a moderator has, unless the settings let it through.

    Raises:
        UnknownReport: there is none, or the caller has no say in it.
        CommentConflict: its id has other content.
        InvalidRequest: a citizen has nothing to say among staff.
    """
    report = await require_report(session, desk, report_id, lock=True)
    by_staff = desk.staff(report) if sent.subject is None else []
    own = not by_staff and desk.acts_for(report, sent.subject)
    if not (by_staff or own or (desk.may(SUBMIT) and report.published_at is not None)):
        raise UnknownReport(value=report_id)
    if sent.internal and not by_staff:
        why = Text("chỉ cán bộ phụ trách", "only for the staff concerned")
        raise wrong(RowError("invalid", pointer="/internal", value=True, facts={"why": why}))
    at_once = report.published_at is not None and not desk.settings.moderate_comments
    digest = desk.digest(f"{report_id} {desk.caller and desk.caller.source_code} {sent.model_dump_json()}")
    table = models.ReportComment
    made = await session.scalars(
        insert(table)
        .values(
            id=sent.id,
            report_id=report_id,
            digest=digest,
            at=desk.now,
            actor=by_staff[0] if by_staff else Actor.citizen,
            own=own,
            key_prefix=None if desk.caller is None else desk.caller.key_prefix,
            person=sent.person if by_staff else None,
            internal=sent.internal,
            words=sent.words,
            shown_at=desk.now if not sent.internal and (by_staff or at_once) else None,
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(table)
    )
    said = made.one_or_none()
    if said is None:
        known = await session.get_one(table, sent.id)
        if known.digest != digest:
            raise CommentConflict(value=sent.id)
        return known, False
    await touch(session, desk, report, quietly=said.shown_at is None)
    return said, True


async def moderate_comment(
    session: AsyncSession, desk: Desk, report_id: UUID, comment_id: UUID, *, shown: bool
) -> models.ReportComment:
    """Let the public read a comment, or no longer. What staff said among themselves stays among them.

    Raises:
        UnknownReport: there is none that the caller moderates.
        UnknownComment: it has no such comment for others to read.
    """
    report = await require_report(session, desk, report_id, lock=True)
    if Actor.moderator not in desk.roles(report):
        raise UnknownReport(value=report_id)
    said = await session.get(models.ReportComment, comment_id)
    if said is None or said.report_id != report_id or said.internal:
        raise UnknownComment(value=comment_id)
    if shown != (said.shown_at is not None):
        said.shown_at = desk.now if shown else None
        await touch(session, desk, report)
    return said


async def comments_of(
    session: AsyncSession, desk: Desk, report: models.Report, after: int, limit: int
) -> Sequence[models.ReportComment]:
    """Those that the caller may read, in their order, after the number of one.

    Staff concerned read all; who sent the report what they said themselves and what staff told them; everybody what is shown, as long
    as the report is public.
    """
    table = models.ReportComment
    readable: ColumnElement[bool] = and_(~table.internal, table.shown_at.is_not(None))
    if desk.staff(report):
        readable = true()
    elif report.published_at is None:
        readable = and_(readable, table.actor != Actor.citizen)
    if desk.roles(report):
        readable = or_(readable, table.own)
    query = select(table).where(table.report_id == report.id, readable, table.number > after)
    return (await session.scalars(query.order_by(table.number).limit(limit))).all()
