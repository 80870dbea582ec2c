"""Targets (chỉ tiêu giao, kế hoạch): what should be, with who set it and in which document.

An indicator, unit and period may have several, one for each setter: the province assigns 50 %, the district aims at 100 %.
A changed target is superseded, not overwritten, so that `asOf` finds the one of that time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.catalogue.catalogue import Catalogue, Indicator, Unit
from app.changes import announce
from app.periods import Grain, Period

if TYPE_CHECKING:
    from app.rollups.series import Question


@dataclass(frozen=True, slots=True)
class Target:
    id: int
    indicator: Indicator
    unit: Unit
    period: Period
    value: Decimal
    setter: str
    document: str | None
    on_track_pct: Decimal
    at_risk_pct: Decimal
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class NewTarget:
    indicator: Indicator
    unit: Unit
    period: Period
    value: Decimal | None
    setter: str
    document: str | None
    on_track_pct: Decimal | None
    at_risk_pct: Decimal | None

    @property
    def bounds(self) -> tuple[Decimal, Decimal]:
        """`on_track_pct` and `at_risk_pct`, with the defaults of the direction."""
        at_risk = Decimal(110 if self.indicator.direction == "down_good" else 90)
        return (
            Decimal(100) if self.on_track_pct is None else self.on_track_pct,
            at_risk if self.at_risk_pct is None else self.at_risk_pct,
        )


async def change_target(session: AsyncSession, new: NewTarget) -> models.Target:
    """Set, replace or (value null) take back one setter's target. Setting the same again changes nothing."""
    table = models.Target
    same_cell = and_(
        table.indicator_id == new.indicator.id,
        table.unit_id == new.unit.id,
        table.grain == new.period.grain.value,
        table.period_start == new.period.start,
        table.setter == new.setter,
        table.superseded_at.is_(None),
    )
    # Two setters of the same cell at once: the second waits here and then supersedes the first.
    await session.execute(
        select(
            func.pg_advisory_xact_lock(
                func.hashtextextended(f"target {new.indicator.id} {new.unit.id} {new.period} {new.setter}", 0)
            )
        )
    )
    present = (await session.scalars(select(table).where(same_cell))).one_or_none()
    moment = await session.scalar(select(func.clock_timestamp()))
    on_track_pct, at_risk_pct = new.bounds
    content = (new.value, new.document, on_track_pct, at_risk_pct)
    if present is not None:
        if (present.value, present.document, present.on_track_pct, present.at_risk_pct) == content:
            return present
        await session.execute(update(table).where(table.id == present.id).values(superseded_at=moment))
    recorded = table(
        indicator_id=new.indicator.id,
        unit_id=new.unit.id,
        grain=new.period.grain.value,
        period_start=new.period.start,
        value=new.value,
        setter=new.setter,
        document=new.document,
        on_track_pct=on_track_pct,
        at_risk_pct=at_risk_pct,
        recorded_at=moment,
    )
    session.add(recorded)
    await session.flush()
    await session.refresh(recorded)
    await announce(session, "targets")
    return recorded


async def find_targets(
    session: AsyncSession, catalogue: Catalogue, question: "Question"
) -> Mapping[tuple[int, int, Period], Sequence[Target]]:
    """The targets of every cell of a question, by setter."""
    found: dict[tuple[int, int, Period], list[Target]] = {}
    starts = [bucket.start for bucket in question.buckets]
    if not starts:
        return found
    targets = await list_targets(
        session, catalogue, indicators=question.indicators, units=question.units,
        start=min(starts), end=max(starts), as_of=question.as_of,
    )  # fmt: skip
    for target in targets:
        found.setdefault((target.indicator.id, target.unit.id, target.period), []).append(target)
    return found


async def list_targets(
    session: AsyncSession,
    catalogue: Catalogue,
    *,
    indicators: Sequence[Indicator] | None = None,
    units: Sequence[Unit] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    as_of: datetime | None = None,
    after: int = 0,
    limit: int | None = None,
) -> list[Target]:
    """Targets whose period starts in `[start, end]`, in the order of recording."""
    table = models.Target
    known: ColumnElement[bool]
    if as_of is None:
        known = table.superseded_at.is_(None)
    else:
        known = and_(table.recorded_at <= as_of, or_(table.superseded_at.is_(None), table.superseded_at > as_of))
    query = select(table).where(known, table.value.is_not(None), table.id > after)
    if indicators is not None:
        query = query.where(table.indicator_id.in_([indicator.id for indicator in indicators]))
    if units is not None:
        query = query.where(table.unit_id.in_([unit.id for unit in units]))
    if start is not None:
        query = query.where(table.period_start >= start)
    if end is not None:
        query = query.where(table.period_start <= end)
    rows = await session.scalars(query.order_by(table.id).limit(limit))
    return [
        Target(
            id=row.id,
            indicator=catalogue.indicators_by_id[row.indicator_id],
            unit=catalogue.units[row.unit_id],
            period=Period(Grain(row.grain), row.period_start),
            value=row.value,
            setter=row.setter,
            document=row.document,
            on_track_pct=row.on_track_pct,
            at_risk_pct=row.at_risk_pct,
            recorded_at=row.recorded_at,
        )
        for row in rows
        if row.value is not None
    ]
