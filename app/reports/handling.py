"""How a report moves: by the table of `workflow`, under the clocks of `deadlines`, one event for each step."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.catalogue.access import scope_of
from app.catalogue.catalogue import Unit
from app.errors import HubError, MoveNotAllowed, OutsideKeyUnits, RowError, Text, UnknownReport
from app.reports.deadlines import LONGEST, Measure, deadline, resumed
from app.reports.desk import Desk, wrong
from app.reports.submission import mark, touch
from app.reports.workflow import LABELS, MOVES, Actor, Move, Need, Rejection, State, resumes
from app.schemas.reports import MoveIn, MovesIn, WithdrawalIn

_MARKING_LOCK = 720_729
_ACTORS = (Actor.moderator, Actor.agency, Actor.citizen)  # in whose name a caller moves that could do so in several
_PLACED = frozenset({State.accepted, State.assigned})  # where a moderator may say what and where it really is


async def require_report(session: AsyncSession, desk: Desk, report_id: UUID, *, lock: bool = False) -> models.Report:
    """Raises: UnknownReport (there is none, or not for this caller)."""
    query = select(models.Report).where(models.Report.id == report_id, desk.seen)
    if lock:
        query = query.with_for_update()
    if (report := (await session.scalars(query)).one_or_none()) is None:
        raise UnknownReport(value=report_id)
    return report


async def take_turns(session: AsyncSession, ids: Iterable[UUID], original: UUID | None = None) -> None:
    """Lock reports, those whose answer theirs is, and the one that they shall repeat: first in a transaction and always in the
    order of their ids, so that of two that mark each other as duplicates one waits for the other, and not each for the other.

    Who marks waits for who marks: what repeats a report could become more while its lock is waited for, and would be locked too late.
    """
    table, asked = models.Report, list(ids)
    if original is not None:
        await session.execute(select(func.pg_advisory_xact_lock(_MARKING_LOCK)))
    first = select(table.duplicate_of).where(table.id == original)
    query = select(table.id).where(
        or_(table.id.in_([*asked, original]), table.duplicate_of.in_(asked), table.id.in_(first))
    )
    await session.execute(query.order_by(table.id).with_for_update())


async def events_of(session: AsyncSession, report: models.Report) -> Sequence[models.ReportEvent]:
    """In their order."""
    query = select(models.ReportEvent).where(models.ReportEvent.report_id == report.id).order_by(models.ReportEvent.id)
    return (await session.scalars(query)).all()


def moves(
    desk: Desk, report: models.Report, events: Sequence[models.ReportEvent], repeats: Sequence[models.Report]
) -> list[State]:
    """What the caller may make of a report now, in the order of the states."""
    return [
        to
        for to in State
        if (move := MOVES.get((State(report.state), to))) is not None
        and (actor := _actor(desk, report, move)) is not None
        and _hindrance(desk, report, events, repeats, move, actor) is None
    ]


async def move(session: AsyncSession, desk: Desk, report_id: UUID, order: MoveIn) -> models.Report:
    """Make one step.

    Raises:
        UnknownReport: there is none, or not for this caller.
        MoveNotAllowed: not from this state, not by this caller, or not any more; with what is.
        InvalidRequest: something that belongs to the move is missing or wrong.
    """
    await take_turns(session, [report_id], order.duplicate_of)
    return await move_in_turn(session, desk, report_id, order)


async def move_in_turn(session: AsyncSession, desk: Desk, report_id: UUID, order: MoveIn) -> models.Report:
    """`move`, for who has taken turns already."""
    report = await require_report(session, desk, report_id, lock=True)
    events = await events_of(session, report)
    repeats = await repeats_of(session, report)
    step = MOVES.get((State(report.state), State(order.to)))
    actor = None if step is None else _actor(desk, report, step, order)
    if step is None or actor is None:
        raise _refusal(desk, report, events, repeats, order, _NO_WAY if step is None else _NOT_YOU)
    if (why := _hindrance(desk, report, events, repeats, step, actor)) is not None:
        raise _refusal(desk, report, events, repeats, order, why)
    unit_id = report.unit_id
    _correct(session, desk, report, order, step, actor)
    agency = _agency(desk, report, order, step)
    await _check(session, desk, report, order, step, actor, agency)
    _run_clocks(desk, report, events, order, step)
    if step.target is State.assigned and agency is not None:
        report.agency_id = agency.id
    if step.target is State.resolved:
        report.outcome, report.reply = order.outcome, order.reply
        if order.outcome != "duplicate":
            report.duplicate_of = None
    if step.target is State.published:
        report.published_at, report.withdrawn_at = desk.now, None
    if step.source is State.published and step.target is State.approved:
        report.published_at, report.withdrawn_at = None, desk.now
    left = unit_id if unit_id != report.unit_id else None
    _append(session, desk, report, step.target, actor, order, left=left)
    if step.target is State.accepted and agency is not None:
        report.agency_id = agency.id
        _append(session, desk, report, State.assigned, Actor.moderator if order.agency else Actor.system)
    await _tell(session, desk, report, repeats)
    return report


async def move_many(session: AsyncSession, desk: Desk, order: MovesIn) -> Mapping[UUID, models.Report | HubError]:
    """Make the same step with many reports; each is moved, or has the reason why not, and none keeps the others."""
    ids = list(dict.fromkeys(order.ids))
    await take_turns(session, ids, order.duplicate_of)
    verdicts: dict[UUID, models.Report | HubError] = {}
    for report_id in ids:
        try:
            async with session.begin_nested():
                verdicts[report_id] = await move_in_turn(session, desk, report_id, order)
        except HubError as error:
            verdicts[report_id] = error
    return verdicts


async def withdraw(session: AsyncSession, desk: Desk, report_id: UUID, order: WithdrawalIn) -> models.Report:
    """Take a report back from the public, whatever its state; one that is published becomes approved again.

    Raises:
        UnknownReport: there is none that the caller moderates.
        MoveNotAllowed: the public does not see it.
    """
    await take_turns(session, [report_id])
    report = await require_report(session, desk, report_id, lock=True)
    if Actor.moderator not in desk.roles(report):
        raise UnknownReport(value=report_id)
    if report.published_at is None:
        why = Text("chưa công khai", "it is not public")
        raise MoveNotAllowed(value="withdrawn", state=LABELS[State(report.state)], why=why, allowed="–")
    if report.state == State.published:
        return await move_in_turn(
            session, desk, report_id, MoveIn(to="approved", reason=order.reason, person=order.person)
        )
    report.published_at, report.withdrawn_at = None, desk.now
    note(session, desk, report, order.reason, order.person)
    await _tell(session, desk, report, await repeats_of(session, report))
    return report


async def close_lapsed(session: AsyncSession, desk: Desk, report_id: UUID) -> bool:
    """Close a report that can be reopened no more; whether that was so."""
    await take_turns(session, [report_id])
    report = await session.get_one(models.Report, report_id)
    events = await events_of(session, report)
    step, until = MOVES.get((State(report.state), State.closed)), reopens_until(desk, report, events)
    if step is None or Actor.system not in step.by or until is None or desk.now <= until:
        return False
    _append(session, desk, report, step.target, Actor.system)
    await _tell(session, desk, report, await repeats_of(session, report))
    return True


async def repeats_of(session: AsyncSession, report: models.Report) -> Sequence[models.Report]:
    """Its duplicates: what becomes of it is their answer, too."""
    table = models.Report
    return (await session.scalars(select(table).where(table.duplicate_of == report.id).order_by(table.id))).all()


async def _tell(session: AsyncSession, desk: Desk, report: models.Report, repeats: Sequence[models.Report]) -> None:
    for one in repeats:
        if report.duplicate_of is not None:  # of a chain of duplicates the first
            one.duplicate_of = report.duplicate_of
    for one in (report, *repeats):
        await touch(session, desk, one)


def note(session: AsyncSession, desk: Desk, report: models.Report, words: str, person: str | None) -> None:
    """Leave word for the staff concerned."""
    session.add(
        models.ReportComment(
            id=uuid4(), report_id=report.id, digest=b"", at=desk.now, actor=Actor.moderator, own=False,
            key_prefix=desk.caller and desk.caller.key_prefix, person=person, internal=True, words=words,
        )
    )  # fmt: skip


def _append(
    session: AsyncSession,
    desk: Desk,
    report: models.Report,
    to: State,
    actor: Actor,
    order: MoveIn | None = None,
    *,
    left: int | None = None,
) -> None:
    caller = desk.caller
    session.add(
        models.ReportEvent(
            report_id=report.id,
            at=desk.now,
            actor=actor,
            key_prefix=None if caller is None or actor is Actor.system else caller.key_prefix,
            person=order and order.person,
            from_state=report.state,
            to_state=to,
            reason=order and order.reason,
            rejection=order and order.rejection,
            outcome=order and order.outcome,
            reply=order and order.reply,
            agency_id=report.agency_id if to is State.assigned else None,
            unit_id=left,
            intake_due_at=report.intake_due_at,
            handling_due_at=report.handling_due_at,
        )
    )
    report.state = to


# --- who, and whether ---

_NO_WAY = Text("không có bước này", "there is no such step")
_NOT_YOU = Text("bước này là của người khác", "that step is somebody else's")


def _actor(desk: Desk, report: models.Report, step: Move, order: MoveIn | None = None) -> Actor | None:
    roles = desk.roles(report)
    if order is not None and Actor.citizen in roles and not desk.acts_for(report, order.subject):
        roles.remove(Actor.citizen)
    found = [actor for actor in _ACTORS if actor in step.by and actor in roles]
    withdraws = order is not None and order.rejection == Rejection.withdrawn and Actor.citizen in found
    return Actor.citizen if withdraws else next(iter(found), None)


def _hindrance(
    desk: Desk,
    report: models.Report,
    events: Sequence[models.ReportEvent],
    repeats: Sequence[models.Report],
    step: Move,
    actor: Actor,
) -> Text | None:
    """Why a step of the table cannot be made now."""
    last = events[-1]
    if step.target is State.rejected and actor is Actor.citizen:
        if step.source is State.need_info and last.from_state != State.submitted:
            return Text("đã có cơ quan xử lý", "somebody acts on it already")
        if repeats:
            return Text("có phản ánh khác chờ kết quả của phản ánh này", "other reports wait for its answer")
    if step.source is State.need_info and step.target is not State.rejected:
        # It goes back to where it was asked; a moderator who has all answers may accept at once what was asked at intake.
        before = State(last.from_state or State.submitted)
        if before is not (State.submitted if step.target is State.accepted else step.target):
            return Text(f"trước đó ở '{LABELS[before].vi}'", f"before it was '{LABELS[before].en}'")
    if Need.deadline in step.needs:
        promise = desk.rules.promise("handling", report.urgency, report.category, desk.local.date())
        extended = (event for event in _this_round(events) if event.to_state == State.extended)
        if sum(event.from_state != State.need_info for event in extended) >= promise.extensions:
            most = promise.extensions
            return Text(f"được gia hạn tối đa {most} lần", f"it may be extended {most} times")
    if step.target is State.published and not desk.is_for_public(report):
        return Text("không công khai được", "it is not to be public")
    if step.target is State.reopened and Actor.moderator not in desk.roles(report):
        until = reopens_until(desk, report, events)
        if until is not None and desk.now > until:
            day = until.astimezone(desk.settings.tz).strftime("%d-%m-%Y %H:%M")
            return Text(f"chỉ được mở lại đến {day}", f"it could be reopened until {day}")
    return None


def _this_round(events: Sequence[models.ReportEvent]) -> Sequence[models.ReportEvent]:
    first = max((place for place, event in enumerate(events) if event.to_state == State.reopened), default=0)
    return events[first:]


def reopens_until(desk: Desk, report: models.Report, events: Sequence[models.ReportEvent]) -> datetime | None:
    """How long the citizen may say that the last answer will not do. None: there is none yet."""
    approved = (State.resolved, State.approved)
    answered = max((event.at for event in events if (event.from_state, event.to_state) == approved), default=None)
    return None if answered is None else open_until(desk, report, answered)


def open_until(desk: Desk, report: models.Report, answered: datetime) -> datetime:
    """The same, of an answer that was approved at a moment."""
    local = desk.on_wall(answered)
    target = desk.rules.promise("reopening", report.urgency, report.category, local.date()).target
    return deadline(desk.calendar, local, target).replace(tzinfo=desk.settings.tz)


def _refusal(
    desk: Desk,
    report: models.Report,
    events: Sequence[models.ReportEvent],
    repeats: Sequence[models.Report],
    order: MoveIn,
    why: Text,
) -> MoveNotAllowed:
    allowed = moves(desk, report, events, repeats)
    words = [Text(*(f"{one.value} ({name})" for name in LABELS[one])) for one in allowed]
    return MoveNotAllowed(
        value=LABELS[State(order.to)],
        state=LABELS[State(report.state)],
        why=why,
        allowed=Text(*(", ".join(one) or "–" for one in zip(*words, strict=True))) if words else "–",
    )


# --- what comes with it ---


def _correct(session: AsyncSession, desk: Desk, report: models.Report, order: MoveIn, step: Move, actor: Actor) -> None:
    """What does not belong to the move is refused; a moderator may know better where a report belongs than its sender or the nearest point did."""
    moderated = actor is Actor.moderator and step.source is not State.need_info
    belongs = {
        "unit": moderated and step.target in _PLACED,
        "agency": moderated and step.target in _PLACED,
        "category": moderated and step.target is State.accepted,  # what was promised goes by it
        "rejection": Need.rejection in step.needs,
        "deadline": Need.deadline in step.needs,
        "outcome": Need.outcome in step.needs,
        "reply": Need.reply in step.needs,
        "duplicate_of": "duplicate" in (order.rejection, order.outcome),
    }
    why = Text("không thuộc bước này", "it does not belong to this move")
    mistakes = [
        RowError("invalid", pointer=f"/{name}", value=str(value), facts={"why": why})
        for name, fits in belongs.items()
        if (value := getattr(order, name)) is not None and not fits
    ]
    if mistakes:
        raise wrong(*mistakes)
    if order.unit is not None:
        unit = _unit(desk, "unit", order.unit)
        if desk.units is not None and unit.id not in desk.units and desk.caller is not None:
            raise OutsideKeyUnits(value=unit.address, scope=scope_of(desk.caller, desk.catalogue))
        if unit.kind != "commune":  # its figures would hide those of the communes below it
            facts = {"why": Text("không phải xã, phường", "it is no commune")}
            raise wrong(RowError("invalid", pointer="/unit", value=order.unit, facts=facts))
        if unit.id != report.unit_id:
            mark(session, report, throughout=True)
            report.unit_id = unit.id
            mark(session, report, throughout=True)
    if order.category is not None:
        category = desk.require_category(order.category)
        report.category, report.urgency = category.code, category.urgency
        report.coarse = report.coarse or category.coarse


def _agency(desk: Desk, report: models.Report, order: MoveIn, step: Move) -> Unit | None:
    """Whom the move names, or the rules: only where it goes to somebody. Who was asked goes back to whom it was with."""
    if step.target not in _PLACED or (step.source is State.need_info and step.target is State.assigned):
        return None
    if order.agency is not None:
        return _unit(desk, "agency", order.agency)
    if report.unit_id is None:
        return None
    return desk.rules.agency(desk.catalogue, report.category, desk.catalogue.units[report.unit_id], desk.local.date())


def _unit(desk: Desk, name: str, address: str) -> Unit:
    try:
        return desk.catalogue.require_unit(address, None, desk.local.date())
    except HubError as error:
        raise wrong(RowError("unknown-unit", pointer=f"/{name}", value=address, facts=error.facts)) from error


async def _check(
    session: AsyncSession,
    desk: Desk,
    report: models.Report,
    order: MoveIn,
    step: Move,
    actor: Actor,
    agency: Unit | None,
) -> None:
    given = {
        Need.reason: order.reason, Need.rejection: order.rejection, Need.agency: agency, Need.deadline: order.deadline,
        Need.reply: order.reply, Need.outcome: order.outcome,
    }  # fmt: skip
    mistakes = [RowError("missing", pointer=f"/{need}") for need in Need if need in step.needs and given[need] is None]
    repeats = "duplicate" in (order.rejection, order.outcome)
    if repeats and order.duplicate_of is None:
        mistakes.append(RowError("missing", pointer="/duplicate_of"))
    if order.rejection is not None and (order.rejection == Rejection.withdrawn) != (actor is Actor.citizen):
        fitting = [one for one in Rejection if (one is Rejection.withdrawn) == (actor is Actor.citizen)]
        facts = {"expected": ", ".join(fitting)}
        mistakes.append(RowError("not-one-of", pointer="/rejection", value=order.rejection, facts=facts))
    if mistakes:
        raise wrong(*mistakes)
    if order.deadline is not None:
        latest, longest = max(report.handling_due_at or desk.now, desk.now), desk.now + LONGEST
        if not latest < order.deadline <= longest:
            bounds = (moment.astimezone(desk.settings.tz).isoformat(timespec="minutes") for moment in (latest, longest))
            facts = {"why": "> {}, ≤ {}".format(*bounds)}
            raise wrong(RowError("out-of-range", pointer="/deadline", value=order.deadline.isoformat(), facts=facts))
    if repeats and order.duplicate_of is not None:
        report.duplicate_of = await _original(session, desk, report, order.duplicate_of)


async def _original(session: AsyncSession, desk: Desk, report: models.Report, key: UUID) -> UUID:
    """The report that is repeated; of a chain of duplicates the first."""
    try:
        first = await require_report(session, desk, key)
    except UnknownReport as error:
        why = Text(f"không có phản ánh {key}", f"there is no report {key}")
        raise wrong(RowError("invalid", pointer="/duplicate_of", value=str(key), facts={"why": why})) from error
    while first.duplicate_of is not None and first.id != report.id:
        first = await session.get_one(models.Report, first.duplicate_of)
    if first.id == report.id:
        why = Text("là chính phản ánh này", "it is this very report")
        raise wrong(RowError("invalid", pointer="/duplicate_of", value=str(key), facts={"why": why}))
    return first.id


# --- the clocks ---


def _run_clocks(
    desk: Desk, report: models.Report, events: Sequence[models.ReportEvent], order: MoveIn, step: Move
) -> None:
    """What is promised after the step. What was promised before it stands in the event before."""
    if resumes(step):
        _resume(desk, report, events[-1])
    if step.target in (State.accepted, State.reopened):
        promise = desk.rules.promise("handling", report.urgency, report.category, desk.local.date())
        report.handling_due_at = desk.due(promise.target)
        report.handling_measure = promise.target.measure
    if Need.deadline in step.needs:
        report.handling_due_at = order.deadline


def _resume(desk: Desk, report: models.Report, paused: models.ReportEvent) -> None:
    """The clock that stood still while the citizen was asked, or the centre looked at the answer, goes on."""

    def later(due: datetime, measure: str | None) -> datetime:
        due, paused_at, resumed_at = (desk.on_wall(moment) for moment in (due, paused.at, desk.now))
        kind: Measure = measure  # type: ignore[assignment] # as it was taken from a target
        return resumed(desk.calendar, due, paused_at, resumed_at, kind).replace(tzinfo=desk.settings.tz)

    if paused.from_state == State.submitted:
        report.intake_due_at = later(report.intake_due_at, report.intake_measure)
    elif report.handling_due_at is not None:
        report.handling_due_at = later(report.handling_due_at, report.handling_measure)
