"""What a centre tells everybody: notices, each for a unit and all below it, for as long as it holds."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.auth import Caller
from app.catalogue.access import scope_of, units_above, units_below
from app.catalogue.catalogue import Catalogue, Unit
from app.errors import InvalidRequest, OutsideKeyUnits, RowError, Text, UnknownNotice
from app.schemas.notices import NoticeIn

TO_NOTIFY = Text("để đăng thông báo", "to write notices")
WRITE = "notices:write"
MOST = 100  # that are shown together


async def put_notice(
    session: AsyncSession,
    catalogue: Catalogue,
    caller: Caller,
    notice_id: UUID,
    sent: NoticeIn,
    *,
    now: datetime,
    today: datetime,
) -> tuple[models.Notice, bool]:
    """Write a notice, or write it anew; `today` is local. Returns also whether it is new.

    Raises:
        UnknownUnit, UnitNotValid: the unit that it is for.
        OutsideKeyUnits: that one, or the one that it was for, is not the key's.
        InvalidRequest: it would end before it begins.
    """
    unit = catalogue.require_unit(sent.unit, None, today.date())
    known = await session.get(models.Notice, notice_id, with_for_update=True)
    for one in (unit.id, *([known.unit_id] if known is not None else [])):
        _require_own(catalogue, caller, catalogue.units[one], today)
    since = sent.valid_from or (known.valid_from if known is not None else now)
    if sent.valid_until is not None and sent.valid_until <= since:
        why = Text(f"phải sau {since.isoformat()}", f"it must be after {since.isoformat()}")
        mistake = RowError("invalid", pointer="/valid_until", value=sent.valid_until.isoformat(), facts={"why": why})
        raise InvalidRequest(count=1, errors=[mistake])
    notice = known or models.Notice(id=notice_id)
    notice.unit_id, notice.source_id = unit.id, caller.source_id
    notice.title_vi, notice.title_en = sent.title_vi, sent.title_en or sent.title_vi
    notice.body_vi, notice.body_en = sent.body_vi, sent.body_vi if sent.body_en is None else sent.body_en
    notice.valid_from, notice.valid_until, notice.changed_at = since, sent.valid_until, now
    session.add(notice)
    await session.flush()
    return notice, known is None


async def remove_notice(
    session: AsyncSession, catalogue: Catalogue, caller: Caller, notice_id: UUID, *, today: datetime
) -> None:
    """Raises: UnknownNotice, OutsideKeyUnits."""
    notice = await session.get(models.Notice, notice_id, with_for_update=True)
    if notice is None:
        raise UnknownNotice(value=notice_id)
    _require_own(catalogue, caller, catalogue.units[notice.unit_id], today)
    await session.delete(notice)
    await session.flush()


async def notices_for(
    session: AsyncSession, catalogue: Catalogue, unit: Unit | None, *, now: datetime, today: datetime
) -> Sequence[models.Notice]:
    """Those that hold now, the newest first: of a unit and of all above it (a ward's people are the city's, too); else all."""
    table = models.Notice
    query = select(table).where(table.valid_from <= now, or_(table.valid_until.is_(None), table.valid_until > now))
    if unit is not None:
        query = query.where(table.unit_id.in_([one.id for one in units_above(unit, catalogue, today)]))
    return (await session.scalars(query.order_by(table.valid_from.desc(), table.id).limit(MOST))).all()


async def notices_of(
    session: AsyncSession, catalogue: Catalogue, caller: Caller, *, today: datetime
) -> Sequence[models.Notice]:
    """Those that the caller may change, also those of earlier and later days, the newest first."""
    table = models.Notice
    query = select(table).order_by(table.valid_from.desc(), table.id).limit(MOST)
    if caller.unit_ids is not None:
        query = query.where(table.unit_id.in_(units_below(caller.unit_ids, catalogue, today.date())))
    return (await session.scalars(query)).all()


def _require_own(catalogue: Catalogue, caller: Caller, unit: Unit, today: datetime) -> None:
    if caller.unit_ids is not None and unit.id not in units_below(caller.unit_ids, catalogue, today.date()):
        raise OutsideKeyUnits(value=unit.address, scope=scope_of(caller, catalogue))
