"""How a report looks to who asks for it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.reports.desk import Desk
from app.reports.handling import events_of, moves, repeats_of
from app.reports.photo_store import photo_key
from app.reports.photos import SIZES
from app.reports.ratings import ratings_of
from app.reports.search import Similar, place_of, running_deadline
from app.reports.uploads import Uploads, photos_of
from app.reports.workflow import LABELS, Actor, Moved, State, bounces, rounds, stage

_LASTING = timedelta(hours=1)  # of a link to a photo


def report_out(desk: Desk, report: models.Report, language: str) -> dict[str, Any]:
    """A report as the caller may see it: the public the case, staff and who sent it what is promised, too."""
    concerned = bool(desk.roles(report))
    answered = concerned or desk.answer_is_public(report)
    place = place_of(desk, report)
    out = {
        "id": report.id,
        "number": report.number,
        **_category_out(desk, report, language),
        "urgency": report.urgency,
        **_unit_out(desk, "unit", report.unit_id, language),
        **_unit_out(desk, "agency", report.agency_id, language),
        "description": report.description,
        "address": report.address if concerned or not report.coarse else None,
        "point": None if place is None else {"latitude": place.latitude, "longitude": place.longitude},
        "coarse": report.coarse and not concerned,
        "occurred_at": desk.shown(report.occurred_at),
        "received_at": desk.shown(report.received_at),
        "state": report.state,
        "label": LABELS[State(report.state)].fill(language, {}),
        "outcome": report.outcome if answered else None,
        "reply": report.reply if answered else None,
        "published_at": desk.shown(report.published_at),
        "followers": report.followers,
        "duplicate_of": report.duplicate_of,
    }
    if not concerned:
        return out
    due = running_deadline(report)
    return out | {
        "channel": report.channel,
        "visibility": report.visibility,
        "intake_due_at": desk.shown(report.intake_due_at),
        "handling_due_at": desk.shown(report.handling_due_at),
        "late": due is not None and due < desk.now,
    }


async def detail_out(
    session: AsyncSession, desk: Desk, uploads: Uploads, report: models.Report, language: str
) -> dict[str, Any]:
    events = await events_of(session, report)
    lived = [Moved(State(event.to_state), event.at) for event in events]
    return report_out(desk, report, language) | {
        "bounces": bounces(lived),
        "round": rounds(lived),
        "photos": [
            await _photo_out(desk, uploads, one)
            for one in await photos_of(session, report)
            if desk.shows(report, one.received_at)
        ],
        "events": [_event_out(desk, report, event, language) for event in events],
        "moves": moves(desk, report, events, await repeats_of(session, report)),
        "original": await _original(session, desk, report),
        "ratings": [rating_out(desk, one) for one in await ratings_of(session, desk, report)],
    }


async def _original(session: AsyncSession, desk: Desk, report: models.Report) -> Mapping[str, Any] | None:
    """What the public sees of the report that this one repeats."""
    if report.duplicate_of is None:
        return None
    first = await session.get_one(models.Report, report.duplicate_of)
    answered = desk.answer_is_public(first)
    return {
        "id": first.id,
        "number": first.number,
        "stage": stage(State(first.state)),
        "outcome": first.outcome if answered else None,
        "reply": first.reply if answered else None,
        "published_at": desk.shown(first.published_at),
    }


def _category_out(desk: Desk, report: models.Report, language: str) -> dict[str, str]:
    category = desk.category_of(report)
    name = report.category if category is None else category.name.fill(language, {})
    return {"category": report.category, "category_name": name}


def outline_out(desk: Desk, similar: Similar, language: str) -> dict[str, Any]:
    report = similar.report
    return {
        "id": report.id,
        **_category_out(desk, report, language),
        "stage": stage(State(report.state)),
        "point": {"latitude": similar.place.latitude, "longitude": similar.place.longitude},
        "coarse": True,
        "received_on": desk.on_wall(report.received_at).date(),
    }


def rating_out(desk: Desk, rating: models.ReportRating) -> dict[str, Any]:
    return {
        "round": rating.round,
        "stars": rating.stars,
        "words": rating.words,
        "rated_at": desk.shown(rating.rated_at),
    }


def comment_out(desk: Desk, said: models.ReportComment, *, staff: bool) -> dict[str, Any]:
    out = {
        "id": said.id,
        "at": desk.shown(said.at),
        "by": said.actor,
        "own": said.own,
        "internal": said.internal,
        "shown": said.shown_at is not None,
        "words": said.words,
    }
    return out | {"person": said.person} if staff and said.person is not None else out


async def _photo_out(desk: Desk, uploads: Uploads, photo: models.ReportPhoto) -> dict[str, Any]:
    links: dict[str, str] = {
        size: await uploads.store.link(photo_key(photo.sha256, size), desk.now, _LASTING) for size in SIZES
    }
    return {
        "n": photo.number,
        "kind": photo.kind,
        "width": photo.width,
        "height": photo.height,
        "taken_at": desk.shown(photo.taken_at),
        "heading": photo.heading,
        **links,
    }


def _event_out(desk: Desk, report: models.Report, event: models.ReportEvent, language: str) -> Mapping[str, Any]:
    roles, shown = desk.roles(report), desk.shows(report, event.at)
    out = {
        "at": desk.shown(event.at),
        "by": event.actor,
        "from": event.from_state,
        "to": event.to_state,
        "label": LABELS[State(event.to_state)].fill(language, {}),
        "reason": event.reason if roles else None,
        "rejection": event.rejection,
        "outcome": event.outcome if shown else None,
        "reply": event.reply if shown else None,
        "handling_due_at": desk.shown(event.handling_due_at) if roles else None,
        "person": event.person if {Actor.moderator, Actor.agency}.intersection(roles) else None,
    }
    if event.agency_id is not None:
        out |= _unit_out(desk, "agency", event.agency_id, language)
    return {name: value for name, value in out.items() if value is not None or name == "from"}


def _unit_out(desk: Desk, name: str, unit_id: int | None, language: str) -> dict[str, str | None]:
    unit = None if unit_id is None else desk.catalogue.units[unit_id]
    return {
        name: None if unit is None else unit.code,
        f"{name}_name": None if unit is None else unit.name.fill(language, {}),
    }
