"""What who sent a report thinks of its answer: one rating for each round (đánh giá mức độ hài lòng)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.errors import RatingNotAllowed, Text
from app.reports.desk import Desk
from app.reports.handling import events_of, reopens_until, require_report
from app.reports.submission import touch
from app.reports.workflow import RATED, Moved, State, rounds
from app.schemas.reports import RatingIn


async def rate(
    session: AsyncSession, desk: Desk, report_id: UUID, sent: RatingIn
) -> tuple[models.ReportRating, datetime | None]:
    """Rate the last round. It may be changed as long as the report could be reopened; returns also until when that is.

    Raises:
        UnknownReport: there is none, or not for this caller.
        RatingNotAllowed: it was not this citizen's report, has no answer yet, or was rated for good.
    """
    report = await require_report(session, desk, report_id, lock=True)
    if not desk.acts_for(report, sent.subject):
        raise RatingNotAllowed(why=Text("chỉ người gửi được đánh giá", "only who sent it may"))
    if report.state not in RATED:
        raise RatingNotAllowed(why=Text("chưa có kết quả xử lý được duyệt", "it has no approved answer yet"))
    events = await events_of(session, report)
    number = rounds([Moved(State(event.to_state), event.at) for event in events])
    until = reopens_until(desk, report, events)
    known = await session.get(models.ReportRating, (report_id, number))
    if known is not None and (known.stars, known.words) == (sent.stars, sent.words):
        return known, until
    if known is not None and until is not None and desk.now > until:
        day = desk.on_wall(until).strftime("%d-%m-%Y %H:%M")
        raise RatingNotAllowed(why=Text(f"chỉ được sửa đến {day}", f"it could be changed until {day}"))
    values = {"stars": sent.stars, "words": sent.words, "rated_at": desk.now}
    row = insert(models.ReportRating).values(report_id=report_id, round=number, **values)
    made = await session.scalars(
        row.on_conflict_do_update(index_elements=["report_id", "round"], set_=values).returning(models.ReportRating),
        execution_options={"populate_existing": True},
    )
    rating = made.one()
    await touch(session, desk, report, quietly=True)
    return rating, until


async def ratings_of(session: AsyncSession, desk: Desk, report: models.Report) -> Sequence[models.ReportRating]:
    """Round by round, for who has to do with the report; the public reads them only in aggregates."""
    if not desk.roles(report):
        return ()
    table = models.ReportRating
    return (await session.scalars(select(table).where(table.report_id == report.id).order_by(table.round))).all()
