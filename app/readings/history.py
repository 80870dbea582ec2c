"""What was reported: readings as they stand, as they stood, and every earlier value."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.catalogue import Catalogue, Indicator, Source, Unit
from app.periods import Grain, Period

# One page starts after this key; the last part tells the values of one reading apart.
Cursor = tuple[int, int, int, datetime, datetime]


@dataclass(frozen=True, slots=True)
class ReportedValue:
    indicator: Indicator
    unit: Unit
    period: Period
    value: Decimal | None
    status: int
    note: str | None
    source: Source
    batch: int
    received_at: datetime
    superseded_at: datetime | None

    @property
    def cursor(self) -> Cursor:
        return (self.indicator.id, self.unit.id, self.period.grain.value, self.period.start, self.received_at)


_PRESENT = "SELECT r.*, NULL::timestamptz AS superseded_at FROM reading r"
_COLUMNS = """indicator_id, unit_id, grain, period_start, value, status, note, source_id, batch_id, received_at"""
_EVERY = f"""
    SELECT {_COLUMNS}, NULL::timestamptz AS superseded_at FROM reading
    UNION ALL
    SELECT {_COLUMNS}, superseded_at FROM reading_history
"""
_PAGE = """
SELECT * FROM ({values}) v
 WHERE indicator_id = ANY (CAST(:indicators AS int[])) AND unit_id = ANY (CAST(:units AS int[]))
   AND period_start >= :starts AND period_start < :ends
   AND (CAST(:after_indicator AS int) IS NULL
        OR (indicator_id, unit_id, grain, period_start{received})
           > (:after_indicator, CAST(:after_unit AS int), CAST(:after_grain AS smallint), CAST(:after_start AS timestamp)
              {after_received}))
   {known}
 ORDER BY indicator_id, unit_id, grain, period_start, received_at
 LIMIT :limit
"""


async def find_readings(
    session: AsyncSession,
    catalogue: Catalogue,
    *,
    indicators: Sequence[Indicator],
    units: Sequence[Unit],
    start: datetime,
    end: datetime,
    as_of: datetime | None,
    include_history: bool,
    after: Cursor | None,
    limit: int,
) -> list[ReportedValue]:
    """Readings whose period starts in `[start, end)`, in the order of indicator, unit, grain, period, time of receipt.

    With `as_of`, what the hub knew then: each value that had been received and, unless `include_history`, was not yet
    superseded.
    """
    known = ""
    if as_of is not None:
        known = "AND received_at <= :as_of"
        if not include_history:
            known += " AND (superseded_at IS NULL OR superseded_at > :as_of)"
    every = include_history or as_of is not None
    # Only with history has a reading several values; otherwise one that is corrected meanwhile must not come twice.
    key = {"received": "", "after_received": ""}
    if include_history:
        key = {"received": ", received_at", "after_received": ", CAST(:after_received AS timestamptz)"}
    place = after or (None, None, None, None, None)
    facts = dict(
        zip(("after_indicator", "after_unit", "after_grain", "after_start", "after_received"), place, strict=True)
    )
    rows = await session.execute(
        text(_PAGE.format(values=_EVERY if every else _PRESENT, known=known, **key)),
        {
            "indicators": [indicator.id for indicator in indicators],
            "units": [unit.id for unit in units],
            "starts": start,
            "ends": end,
            "limit": limit,
            **{name: value for name, value in facts.items() if include_history or name != "after_received"},
        }
        | ({} if as_of is None else {"as_of": as_of}),
    )
    return [
        ReportedValue(
            indicator=catalogue.indicators_by_id[row.indicator_id],
            unit=catalogue.units[row.unit_id],
            period=Period(Grain(row.grain), row.period_start),
            value=row.value,
            status=row.status,
            note=row.note,
            source=catalogue.sources[row.source_id],
            batch=row.batch_id,
            received_at=row.received_at,
            superseded_at=row.superseded_at
            if as_of is None or row.superseded_at is None or row.superseded_at <= as_of
            else None,
        )
        for row in rows
    ]
