"""How a report comes in: once, whatever the line does, at the place where it happened, with a promise."""

from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.catalogue.access import scope_of, units_above
from app.catalogue.catalogue import Unit
from app.changes import announce
from app.database import put_off
from app.errors import NotValid, OutsideKeyUnits, ReportConflict, RowError
from app.periods import CLOCKS_DIFFER
from app.reports.desk import Desk, wrong
from app.reports.identity import CannotOpen, Contact, Identity, Sealed
from app.reports.places import Point, require_commune
from app.reports.rules import Category
from app.reports.workflow import Actor, State
from app.schemas.reports import ContactIn, ReportIn
from app.webhooks.outbox import record_event

TOPIC = "reports"


@dataclass(frozen=True, slots=True)
class Acceptable:
    """A report that nothing speaks against, with what is known of it."""

    digest: bytes
    category: Category
    unit: Unit | None  # the commune where it is; None: only an address so far
    reporter: models.Reporter | None


async def judge(session: AsyncSession, desk: Desk, sent: ReportIn) -> Acceptable | models.Report:
    """What `submit` would find: nothing against a report, or that it is here already. Nothing is stored.

    Raises:
        InvalidRequest: no such category, or it happens in the future.
        OutsideArea: others answer for the place.
        OutsideKeyUnits: so may others with another key.
        ReportConflict: its id has another content, or is somebody else's.
    """
    caller = desk.caller
    assert caller is not None
    digest = desk.digest(sent.model_dump_json(exclude={"contact"}))  # which must leave no trace once it is erased
    if (known := await session.get(models.Report, sent.id)) is not None:
        return await _same(session, desk, known, sent, digest)
    day = desk.local.date()
    category = desk.require_category(sent.category)
    if sent.occurred_at is not None and sent.occurred_at > desk.now + CLOCKS_DIFFER:
        why = f"> {desk.now.astimezone(desk.settings.tz).isoformat(timespec='minutes')}"
        value = sent.occurred_at.isoformat()
        raise wrong(RowError("out-of-range", pointer="/occurred_at", value=value, facts={"why": why}))
    reporter = None if sent.contact is None else _sealed(desk, sent.id, sent.contact)
    unit = None
    if sent.point is not None:
        point = Point(sent.point.latitude, sent.point.longitude)
        unit = require_commune(desk.catalogue, point, day, desk.settings.area)
        if desk.units is not None and unit.id not in desk.units:
            raise OutsideKeyUnits(value=unit.address, scope=scope_of(caller, desk.catalogue))
    return Acceptable(digest, category, unit, reporter)


async def submit(session: AsyncSession, desk: Desk, sent: ReportIn) -> tuple[models.Report, bool]:
    """Take a report. The same one again is given back as it stands now. Returns also whether it is new.

    Raises:
        InvalidRequest, OutsideArea, OutsideKeyUnits, ReportConflict: as `judge`.
    """
    judged = await judge(session, desk, sent)
    if isinstance(judged, models.Report):
        return judged, False
    caller, category, unit, digest = desk.caller, judged.category, judged.unit, judged.digest
    assert caller is not None
    promise = desk.rules.promise("intake", category.urgency, category.code, desk.local.date())
    due = desk.due(promise.target)
    made = await session.execute(
        insert(models.Report)
        .values(
            id=sent.id,
            digest=digest,
            source_id=caller.source_id,
            subject=desk.subject_of(sent.subject),
            channel=sent.channel if desk.visitor is None else "web",
            category=category.code,
            urgency=category.urgency,
            unit_id=None if unit is None else unit.id,
            description=sent.description,
            address=sent.address,
            latitude=None if sent.point is None else sent.point.latitude,
            longitude=None if sent.point is None else sent.point.longitude,
            coarse=category.coarse or sent.visibility != "public",
            visibility=sent.visibility,
            occurred_at=sent.occurred_at or desk.now,
            received_at=desk.now,
            state=State.submitted,
            intake_due_at=due,
            intake_measure=promise.target.measure,
            follow_up=None if sent.subject is not None else desk.hashed_token(desk.follow_up(sent.id, digest)),
            change=0,
            changed_at=desk.now,
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(models.Report)
    )
    report = made.scalar_one_or_none()
    if report is None:  # the same report on another connection was quicker
        return await _same(session, desk, await session.get_one(models.Report, sent.id), sent, digest), False
    session.add(
        models.ReportEvent(
            report_id=report.id, at=desk.now, actor=Actor.citizen, key_prefix=caller.key_prefix, from_state=None,
            to_state=State.submitted, intake_due_at=due,
        )
    )  # fmt: skip
    if judged.reporter is not None:
        session.add(judged.reporter)
    await touch(session, desk, report)
    return report, True


def _sealed(desk: Desk, report_id: UUID, contact: ContactIn) -> models.Reporter:
    """Raises: InvalidRequest, where nobody could be reached so."""
    indexes: dict[Contact, bytes | None] = {}
    said: tuple[tuple[Contact, str | None], ...] = (("phone", contact.phone), ("email", contact.email))
    for kind, value in said:
        try:
            indexes[kind] = None if value is None else desk.identities.indexes(kind, value)[0]
        except NotValid as error:
            raise wrong(
                RowError("invalid", pointer=f"/contact/{kind}", value=value, facts={"why": error.why})
            ) from error
    sealed = desk.identities.seal(report_id, _identity(contact))
    return models.Reporter(
        report_id=report_id, key_id=sealed.key_id, wrapped_key=sealed.wrapped_key, ciphertext=sealed.ciphertext,
        phone_index=indexes["phone"], email_index=indexes["email"],
    )  # fmt: skip


async def touch(session: AsyncSession, desk: Desk, report: models.Report, *, quietly: bool = False) -> None:
    """Have everybody hear that a report has changed; `quietly`: only who reads the feed, for it is nothing that the public sees.

    The numbers of changes are counted in turn, and whoever has one keeps all others waiting until the commit: so that is put off to
    the end, and what is read for the answer keeps nobody waiting.
    """
    mark(session, report)
    report.changed_at = desk.now  # takes the row before the turn: in the other order two could wait for each other
    await session.flush()
    put_off(session, partial(_announced, session, desk, report, quietly=quietly))


async def _announced(session: AsyncSession, desk: Desk, report: models.Report, *, quietly: bool) -> None:
    told: dict[str, Any] | None = None  # of others nothing: a subscriber is anybody
    if report.published_at is not None:
        outcome = report.outcome if desk.answer_is_public(report) else None
        told = {"id": report.id, "number": report.number, "state": report.state, "outcome": outcome}
    elif report.withdrawn_at == desk.now:  # just now: who keeps a copy is to forget it
        told = {"id": report.id, "number": report.number, "gone": True}
    if told is not None and not quietly:
        unit = None if report.unit_id is None else desk.catalogue.units[report.unit_id]
        within = [] if unit is None else [one.id for one in units_above(unit, desk.catalogue, desk.local)]
        about = f"/v1/reports/{report.id}"
        await record_event(session, "ioc.report.changed.v1", about, told, within=within, category=report.category)
    number = await announce(session, TOPIC)
    await session.execute(update(models.Report).where(models.Report.id == report.id).values(change=number))


def mark(session: AsyncSession, report: models.Report, *, throughout: bool = False) -> None:
    """Have the figures of its unit counted again; `throughout`: for all days since it came in."""
    if report.unit_id is not None:
        session.add(models.ReportMark(report_id=report.id, unit_id=report.unit_id, throughout=throughout))


async def _same(
    session: AsyncSession, desk: Desk, known: models.Report, sent: ReportIn, digest: bytes
) -> models.Report:
    own = desk.sent(known)
    if not own or known.digest != digest or not await same_contact(session, desk, known, sent.contact):
        raise ReportConflict(value=known.id, stored=known.digest.hex() if own else "–", sent=digest.hex())
    return known


async def same_contact(session: AsyncSession, desk: Desk, known: models.Report, contact: ContactIn | None) -> bool:
    """Whether the report came with this contact. With any, where nobody can read it any more: else one could guess who was forgotten."""
    reporter = await session.get(models.Reporter, known.id)
    if reporter is None:
        return contact is None
    try:
        identity = desk.identities.open(known.id, Sealed(reporter.key_id, reporter.wrapped_key, reporter.ciphertext))
    except CannotOpen:
        return True
    return contact is not None and identity == _identity(contact)


def _identity(contact: ContactIn) -> Identity:
    said = (contact.name, contact.phone, contact.email)
    return Identity(*(None if value is None else SecretStr(value) for value in said))
