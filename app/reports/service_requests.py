"""Reports as GeoReport v2 knows them: service requests that are open or closed, and updates of them.

A translation only. What is taken goes through `submit` and `move`, what is shown through `Desk.seen`, like everything else.

**Repetitions.** A GeoReport client makes no id, and a phone on a bad line sends twice. So the hub makes the id of what is sent: with an
`Idempotency-Key` from that, without one from all that the form says and the day. The same key of the hub and the same form within a day
are one report, whatever the line did; another day's are two.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, null, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app import exact_json, models
from app.errors import InvalidRequest, NotValid, Text, UnknownReport, UnknownService
from app.reports.desk import Desk
from app.reports.handling import events_of, move, require_report
from app.reports.rules import Category
from app.reports.search import Wanted, conditions_of
from app.reports.submission import same_contact, submit
from app.reports.workflow import Actor, State
from app.schemas.open311 import RequestForm, Status, UpdateForm
from app.schemas.reports import ContactIn, MoveIn, PointIn, ReportIn

SPAN = timedelta(days=90)  # of one question, by the standard
REPEATED = timedelta(days=1)
# Whoever sent it need not wait for anything more. `resolved` and `approved` are not yet that: the centre looks at the answer first.
_CLOSED = frozenset({State.rejected, State.published, State.closed})
_ALONE = ("api_key", "jurisdiction_id", "media_url")  # what says nothing of which report it is
_CONTACT = ("first_name", "last_name", "phone", "email")


def status_of(state: str) -> Status:
    """All that `status` may say of a state."""
    return "closed" if state in _CLOSED else "open"


def states_of(statuses: Sequence[Status]) -> list[str]:
    return [state for state in State if status_of(state) in statuses]


def require_service(desk: Desk, code: str) -> Category:
    """One that takes reports today. Raises: UnknownService."""
    found = desk.rules.categories_on(desk.local.date())
    for category in found:
        if category.code == code:
            return category
    raise UnknownService(value=code[:100], known=", ".join(one.code for one in found))


# --- taking ---


async def take_request(
    session: AsyncSession, desk: Desk, form: RequestForm, idempotency_key: str | None
) -> tuple[models.Report, bool]:
    """Take a report in. The same one again is given back as it stands now. Returns also whether it is new.

    Raises:
        UnknownService: see `services`.
        InvalidRequest, OutsideArea, OutsideKeyUnits: as `submit`.
        ReportConflict: the idempotency key was used for another one.
    """
    category = require_service(desk, form.service_code)
    sent = ReportIn(
        id=await _id(session, desk, form, idempotency_key),
        category=form.service_code,
        description=form.description or category.name.vi,
        point=None if form.lat is None or form.long is None else PointIn(latitude=form.lat, longitude=form.long),
        address=form.address_string,
        occurred_at=None if form.occurred_at is None else form.occurred_at.isoformat(),
        visibility=form.visibility,
        contact=_contact(form),
        subject=form.account_id,
    )
    try:
        return await submit(session, desk, sent)
    except InvalidRequest as error:
        mistakes = [replace(one, pointer=_FIELDS.get(one.pointer or "", one.pointer)) for one in error.errors]
        raise InvalidRequest(count=len(mistakes), errors=mistakes) from error


_FIELDS = {
    "/category": "service_code", "/occurred_at": "attribute[occurred_at]", "/contact/phone": "phone",
    "/contact/email": "email",
}  # fmt: skip


def _contact(form: RequestForm) -> ContactIn | None:
    name = " ".join(filter(None, (form.last_name, form.first_name)))  # the family's name comes first
    if not (name or form.phone or form.email):
        return None
    return ContactIn(name=name or None, phone=form.phone, email=form.email)


async def _id(session: AsyncSession, desk: Desk, form: RequestForm, idempotency_key: str | None) -> UUID:
    """The same for a repetition; made with the hub's secret, so that nobody else can tell it from what is sent.

    And not from the contact, of which nothing may be left once it is erased: whoever says the same with another one has the next id.
    """
    if idempotency_key is not None:
        return _derived(desk, "key", idempotency_key)
    said = form.model_dump(mode="json", exclude={*_ALONE, *_CONTACT})
    content, contact = exact_json.dumps(said).decode(), _contact(form)
    for number in count():
        today, yesterday = (
            _derived(desk, str(day.date()), str(number), content) for day in (desk.local, desk.local - REPEATED)
        )
        known = await session.get(models.Report, yesterday)  # sent before midnight, and again after it
        if known is None or desk.now - known.received_at > REPEATED:
            known = await session.get(models.Report, today)
        if known is None or await same_contact(session, desk, known, contact):
            return today if known is None else known.id
    raise AssertionError("there is always a next one")


def _derived(desk: Desk, *said: str) -> UUID:
    assert desk.caller is not None
    content = exact_json.dumps(["open311", desk.caller.source_code, *said])
    return UUID(bytes=hmac.digest(desk.pepper, content, "sha256")[:16], version=4)


async def take_update(session: AsyncSession, desk: Desk, form: UpdateForm) -> models.ReportEvent:
    """What a citizen says of a report that the caller sent: content, not content, or an answer. The same again is given back.

    Raises:
        UnknownReport: there is none, or not for this caller.
        MoveNotAllowed, InvalidRequest: as `move`.
    """
    report = await require_report(session, desk, require_id(form.service_request_id), lock=True)
    if Actor.citizen not in desk.roles(report):  # published, but of others
        raise UnknownReport(value=report.id)
    last = (await events_of(session, report))[-1]
    said = (form.description, form.status)
    if last.actor == Actor.citizen and last.from_state is not None and said == (last.reason, status_of(last.to_state)):
        return last
    to = State.closed if form.status == "closed" else State.reopened
    if report.state == State.need_info and last.from_state is not None and to is State.reopened:
        to = State(last.from_state)  # an answer to where it was asked from
    order = MoveIn(to=to.value, reason=form.description, subject=form.account_id)
    report = await move(session, desk, report.id, order)
    return (await events_of(session, report))[-1]


# --- finding ---


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another, both in it."""

    start: datetime | None
    end: datetime | None

    def holds(self, moment: ColumnElement[datetime]) -> list[ColumnElement[bool]]:
        found = [] if self.start is None else [moment >= self.start]
        return found if self.end is None else [*found, moment <= self.end]


def span(start: datetime | None, end: datetime | None, now: datetime) -> Span:
    """What `start_date` and `end_date` mean: without both the last 90 days, without one the 90 days from or to the other.

    Raises:
        NotValid: they are more than 90 days apart, or the wrong way round.
    """
    if start is None:
        end = end or now
        return Span(end - SPAN, end)
    end = end or start + SPAN
    if not start <= end <= start + SPAN:
        raise NotValid(
            Text("từ start_date đến end_date, nhiều nhất 90 ngày", "start_date to end_date, at most 90 days")
        )
    return Span(start, end)


async def find_requests(
    session: AsyncSession, desk: Desk, wanted: Wanted, requested: Span, updated: Span, page: int, size: int
) -> Sequence[models.Report]:
    """A page (counted from 1) of reports, the newest first."""
    table = models.Report
    query = select(table).where(
        desk.seen,
        *conditions_of(desk, wanted),
        *requested.holds(table.received_at.expression),
        *updated.holds(table.changed_at.expression),
    )
    query = query.order_by(table.number.desc()).limit(size).offset((page - 1) * size)
    return (await session.scalars(query)).all()


async def requests_by_id(session: AsyncSession, desk: Desk, ids: Sequence[str]) -> Sequence[models.Report]:
    """Those of them that there are for the caller, the newest first."""
    table = models.Report
    known = [key for one in ids if (key := _uuid(one)) is not None]
    query = select(table).where(desk.seen, table.id.in_(known)).order_by(table.number.desc())
    return (await session.scalars(query)).all()


def require_id(text: str) -> UUID:
    """Raises: UnknownReport: no report has such an id."""
    if (found := _uuid(text)) is None:
        raise UnknownReport(value=text[:100])
    return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


async def first_photos(
    session: AsyncSession, desk: Desk, reports: Sequence[models.Report], kind: str
) -> Mapping[UUID, models.ReportPhoto]:
    """Of each report the first photo of a kind (before, after) that the caller may see."""
    table, by_id = models.ReportPhoto, {report.id: report for report in reports}
    query = select(table).where(table.report_id.in_(by_id), table.kind == kind).order_by(table.number.desc())
    shown = [one for one in await session.scalars(query) if desk.shows(by_id[one.report_id], one.received_at)]
    return {one.report_id: one for one in shown}


@dataclass(frozen=True, slots=True)
class Update:
    """A move of a report, or what was said about it to everybody, as it is told.

    Attributes:
        id: another one for each.
        at: when the caller could know it: the public at the (first) publication what had gone before.
        state: that it came to, or was in.
        reason: of a move, for who has to do with the report.
        words: what was said; of a publication the answer that was published with it.
        comment: it was said and not done.
    """

    id: str
    report: models.Report
    at: datetime
    state: State
    reason: str | None
    words: str | None
    comment: bool


async def find_updates(
    session: AsyncSession, desk: Desk, ids: Sequence[str], told: Span, page: int, size: int
) -> Sequence[Update]:
    """A page (counted from 1) of what happened, in the order in which it could be known.

    Nothing is told of an update later that was not told at first, so who asks for one span after another misses nothing: an answer of
    an agency comes with its publication, not with the move that it was written for, and what a citizen said when a moderator shows it.
    """
    event, comment, report, other = models.ReportEvent, models.ReportComment, models.Report, aliased(models.ReportEvent)

    def known_at(at: ColumnElement[datetime], key: ColumnElement[UUID]) -> ColumnElement[datetime]:
        published = (
            select(func.min(other.at))
            .where(other.report_id == key, other.to_state == State.published)
            .scalar_subquery()
        )
        return case((desk.concerned, at), else_=func.greatest(at, published))

    shown: ColumnElement[Any] = comment.shown_at.expression
    moved = known_at(event.at.expression, event.report_id.expression)
    said = known_at(shown, comment.report_id.expression)
    moves = select(moved.label("at"), event.id.label("number"), event.id.label("event"), null().label("comment"))
    moves = moves.join(report, report.id == event.report_id).where(desk.seen, *told.holds(moved))
    # Of a report that is not public a citizen who is concerned reads what staff said, and not what others did.
    readable = (~comment.internal, or_(report.published_at.is_not(None), comment.actor != Actor.citizen))
    words = select(said, comment.number, null(), comment.id)
    words = words.join(report, report.id == comment.report_id)
    words = words.where(desk.seen, comment.shown_at.is_not(None), *readable, *told.holds(said))
    if told.start is not None:  # what is told then is of then, or from before, told with a publication of then
        published = select(other.report_id).where(other.to_state == State.published, *told.holds(other.at.expression))
        moves = moves.where(event.report_id.in_(select(other.report_id).where(*told.holds(other.at.expression))))
        words = words.where(or_(and_(*told.holds(shown)), comment.report_id.in_(published)))
    if ids:
        known = [key for one in ids if (key := _uuid(one)) is not None]
        moves, words = moves.where(report.id.in_(known)), words.where(report.id.in_(known))
    both = union_all(moves, words).subquery()
    query = select(both).order_by(both.c.at, both.c.comment.is_not(None), both.c.number).limit(size)
    rows = (await session.execute(query.offset((page - 1) * size))).all()
    done = await _moves(session, [row.event for row in rows if row.event is not None])
    heard = await _words(session, [row.comment for row in rows if row.comment is not None])
    return [replace(done[row.event] if row.comment is None else heard[row.comment], at=row.at) for row in rows]


async def _moves(session: AsyncSession, ids: Sequence[int]) -> Mapping[int, Update]:
    event, other = models.ReportEvent, aliased(models.ReportEvent)
    answer = (
        select(other.reply)
        .where(other.report_id == event.report_id, other.id < event.id, other.reply.is_not(None))
        .order_by(other.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(event, models.Report, case((event.to_state == State.published, answer)))
    rows = await session.execute(query.join(models.Report).where(event.id.in_(ids)))
    return {
        move.id: Update(str(move.id), report, move.at, State(move.to_state), move.reason, reply, comment=False)
        for move, report, reply in rows
    }


async def _words(session: AsyncSession, ids: Sequence[UUID]) -> Mapping[UUID, Update]:
    comment, event = models.ReportComment, models.ReportEvent
    state = (
        select(event.to_state)
        .where(event.report_id == comment.report_id, event.at <= comment.at)
        .order_by(event.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = await session.execute(select(comment, models.Report, state).join(models.Report).where(comment.id.in_(ids)))
    return {
        said.id: Update(str(said.id), report, said.at, State(then), None, said.words, comment=True)
        for said, report, then in rows
    }
