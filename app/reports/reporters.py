"""Who reported: read by the few who may, found again to be forgotten."""

from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, func, or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.errors import ReporterErased, ReporterUnknown, UnknownReport
from app.reports.desk import Desk
from app.reports.handling import require_report
from app.reports.identity import Contact, Erased, Identity, IdentityKeys, Sealed
from app.reports.workflow import Actor

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
    erased = await session.scalars(
        update(table)
        .where(or_(*conditions), table.erased_at.is_(None))
        .values(wrapped_key=None, ciphertext=b"", phone_index=None, email_index=None, erased_at=func.clock_timestamp())
        .returning(table.report_id)
    )
    return sorted(erased)
