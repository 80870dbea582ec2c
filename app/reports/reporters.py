"""Who reported: read by the few who may, found again to be forgotten."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app import models
from app.errors import ReporterErased, ReporterUnknown, UnknownReport
from app.reports.desk import Desk
from app.reports.handling import require_report
from app.reports.identity import Contact, Erased, Identity, IdentityKeys, Sealed
from app.reports.workflow import ENDS, Actor

log = structlog.get_logger(__name__)


async def read_reporter(session: AsyncSession, desk: Desk, report_id: UUID) -> Identity:
    """The identity, in clear. That it was read, and with which key, goes into the log.

    Raises:
        UnknownReport: there is none that the caller moderates.
        ReporterUnknown: the report came without a contact.
        ReporterErased: it was forgotten.
    """
    report = await require_report(session, desk, report_id)
    if Actor.moderator not in desk.roles(report):  # published, but of others
        raise UnknownReport(value=report_id)
    row = await session.get(models.Reporter, report.id)
    if row is None:
        raise ReporterUnknown(value=report_id)
    try:
        identity = desk.identities.open(report.id, Sealed(row.key_id, row.wrapped_key, row.ciphertext))
    except Erased as error:
        raise ReporterErased(value=report_id) from error
    key = None if desk.caller is None else desk.caller.key_prefix
    log.info("a reporter was looked up", report=str(report.id), key=key)
    return identity


async def erase_reporters(
    session: AsyncSession,
    keys: IdentityKeys,
    *,
    report_id: UUID | None = None,
    contacts: Sequence[tuple[Contact, str]] = (),
) -> list[UUID]:
    """Forget who sent a report, or all reports of a telephone or e-mail. The reports stay; returns which.

    Raises:
        NotValid: that is no telephone number or e-mail address.
    """
    table = models.Reporter
    columns = {"phone": table.phone_index, "email": table.email_index}
    conditions: list[ColumnElement[bool]] = [columns[kind].in_(keys.indexes(kind, value)) for kind, value in contacts]
    if report_id is not None:
        conditions.append(table.report_id == report_id)
    return await _erase(session, or_(*conditions))


async def forget_reporters(session: AsyncSession, now: datetime, days: int) -> list[UUID]:
    """Forget who sent the reports that ended more than so many days ago, some thousands at a time; returns which. Each is in the log.

    One that repeats another goes with it: its sender waits for the same answer.
    """
    report, original, event, table = models.Report, aliased(models.Report), models.ReportEvent, models.Reporter
    before = now - timedelta(days=days)
    lapsed = (
        select(report.id)
        .join(table, table.report_id == report.id)
        .outerjoin(original, original.id == report.duplicate_of)
        .where(
            table.erased_at.is_(None),
            report.state.in_(ENDS),
            or_(original.id.is_(None), original.state.in_(ENDS)),
            ~exists().where(event.report_id.in_((report.id, original.id)), event.at > before),
        )
        .limit(_MOST)
    )
    erased = await _erase(session, table.report_id.in_(lapsed))
    for report_id in erased:
        log.info("who sent a report was forgotten", report=str(report_id), days=days)
    return erased


_MOST = 5_000


async def _erase(session: AsyncSession, whom: ColumnElement[bool]) -> list[UUID]:
    table = models.Reporter
    erased = await session.scalars(
        update(table)
        .where(whom, table.erased_at.is_(None))
        .values(wrapped_key=None, ciphertext=b"", phone_index=None, email_index=None, erased_at=func.clock_timestamp())
        .returning(table.report_id)
    )
    return sorted(erased)
