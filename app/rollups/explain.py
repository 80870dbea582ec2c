"""Where does this number come from: the laws in words, the reporting units, and the readings with their sources and times."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.catalogue import Catalogue, Indicator, Source, Unit
from app.errors import Text
from app.periods import Grain, Period, bucket_start
from app.rollups.laws import Figure, Observation, bucket_in_force
from app.rollups.observations import AS_OF, PRESENT
from app.rollups.series import Question, prepare

MOST_READINGS = 1000


@dataclass(frozen=True, slots=True)
class BehindReading:
    indicator: Indicator
    unit: Unit
    period: Period
    value: Decimal
    status: int
    note: str | None
    source: Source
    batch: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class BehindUnit:
    """What one reporting unit contributes: how many base periods, from the first to the last."""

    indicator: Indicator
    unit: Unit
    base_periods: int
    first: Period
    last: Period


@dataclass(frozen=True, slots=True)
class Explanation:
    figure: Figure
    rule: Text
    numerator: tuple[Period, Figure] | None
    denominator: tuple[Period, Figure] | None
    units: Sequence[BehindUnit]
    readings: Sequence[BehindReading]
    readings_total: int


async def explain(
    session: AsyncSession,
    catalogue: Catalogue,
    indicator: Indicator,
    unit: Unit,
    bucket: Period,
    *,
    as_of: datetime | None,
    now: datetime,
) -> Explanation:
    """Take one figure apart. The newest `MOST_READINGS` readings are listed, and all are counted."""
    laws = await prepare(session, catalogue, Question([indicator], [unit], [bucket], as_of=as_of), now=now)
    figure = laws.figure(indicator, unit, bucket)
    numerator = denominator = None
    cells = [(indicator, bucket)]
    if indicator.over_time == "ratio" and figure.origin != "reported":
        over, under = laws.ratio_parts(indicator)
        in_force = bucket_in_force(under, bucket)
        numerator = (bucket, laws.figure(over, unit, bucket))
        denominator = (in_force, laws.figure(under, unit, in_force))
        cells = [(over, bucket), (under, in_force)]
    behind: list[tuple[Indicator, Unit, Observation]] = []
    reported: list[tuple[Indicator, Period]] = []
    for part, cell in cells:
        shown = laws.figure(part, unit, cell)
        if shown.origin == "reported":
            reported.append((part, cell))
        elif shown.value is not None:
            start, end = max(cell.start, unit.start), min(cell.end, unit.end)
            behind += [(part, who, seen) for who, seen in laws.contributions(part, unit, start, end)]
    readings, total = await _readings(session, catalogue, unit, reported, behind, as_of)
    return Explanation(
        figure=figure,
        rule=_rule(indicator, figure),
        numerator=numerator,
        denominator=denominator,
        units=_units(behind),
        readings=readings,
        readings_total=total,
    )


def _units(behind: Sequence[tuple[Indicator, Unit, Observation]]) -> list[BehindUnit]:
    grouped: dict[tuple[int, int], list[tuple[Indicator, Unit, Observation]]] = {}
    for one in behind:
        grouped.setdefault((one[0].id, one[1].id), []).append(one)
    return [
        BehindUnit(
            indicator=of[0][0],
            unit=of[0][1],
            base_periods=len(of),
            first=_base_period(of[0][0], min(seen.anchor for _, _, seen in of)),
            last=_base_period(of[0][0], max(seen.anchor for _, _, seen in of)),
        )
        for of in grouped.values()
    ]


def _base_period(indicator: Indicator, anchor: datetime) -> Period:
    return Period(indicator.base, bucket_start(indicator.base, anchor))


_BEHIND = """
SELECT v.*, count(*) OVER () AS total
  FROM unnest(CAST(:indicators AS int[]), CAST(:units AS int[]), CAST(:finest AS int[]), CAST(:coarsest AS int[]),
              CAST(:starts AS timestamp[]), CAST(:ends AS timestamp[]))
       AS c(indicator_id, unit_id, finest, coarsest, starts, ends)
  JOIN ({values}) v
    ON v.indicator_id = c.indicator_id AND v.unit_id = c.unit_id AND v.grain BETWEEN c.finest AND c.coarsest
   AND v.period_start >= c.starts AND v.period_start < c.ends
 WHERE v.value IS NOT NULL
 ORDER BY v.period_start DESC, v.indicator_id, v.unit_id
 LIMIT :most
"""


async def _readings(
    session: AsyncSession,
    catalogue: Catalogue,
    unit: Unit,
    reported: Sequence[tuple[Indicator, Period]],
    behind: Sequence[tuple[Indicator, Unit, Observation]],
    as_of: datetime | None,
) -> tuple[list[BehindReading], int]:
    """The readings of the reported cell, or of the base periods that contribute (for an hour: its instants)."""
    cells = [
        (part, unit, cell.grain, cell.grain, cell.start, cell.start + timedelta(microseconds=1))
        for part, cell in reported
    ]
    for part, who, seen in behind:
        start = bucket_start(part.base, seen.anchor)
        cells.append((part, who, part.finest, part.base, start, seen.end))
    if not cells:
        return [], 0
    rows = (
        await session.execute(
            text(_BEHIND.format(values=PRESENT if as_of is None else AS_OF)),
            {
                "indicators": [part.id for part, *_ in cells],
                "units": [who.id for _, who, *_ in cells],
                "finest": [finest.value for _, _, finest, *_ in cells],
                "coarsest": [coarsest.value for _, _, _, coarsest, *_ in cells],
                "starts": [start for *_, start, _ in cells],
                "ends": [end for *_, end in cells],
                "most": MOST_READINGS,
            }
            | ({} if as_of is None else {"as_of": as_of}),
        )
    ).all()
    readings = [
        BehindReading(
            indicator=catalogue.indicators_by_id[row.indicator_id],
            unit=catalogue.units[row.unit_id],
            period=Period(Grain(row.grain), row.period_start),
            value=row.value,
            status=row.status,
            note=row.note,
            source=catalogue.sources[row.source_id],
            batch=row.batch_id,
            received_at=row.received_at,
        )
        for row in rows
    ]
    return readings, rows[0].total if rows else 0


# --- the laws in words ---

_TIME = {
    "sum": Text("cộng các kỳ", "the sum of its periods"),
    "mean": Text("bình quân các kỳ", "the mean of its periods"),
    "last": Text("số đo cuối cùng trong kỳ", "the last one measured in the period"),
    "min": Text("số nhỏ nhất trong kỳ", "the smallest in the period"),
    "max": Text("số lớn nhất trong kỳ", "the largest in the period"),
    "cumulative": Text(
        "số lũy kế cuối kỳ trừ số lũy kế trước kỳ trong cùng năm",
        "the last year-to-date figure in the period less the last one before it in the same year",
    ),
    "none": Text("không gộp theo thời gian", "not added up along time"),
}
_UNITS = {
    "sum": Text("cộng các đơn vị", "summed over the units"),
    "mean": Text("bình quân các đơn vị", "the mean of the units"),
    "min": Text("nhỏ nhất trong các đơn vị", "the smallest of the units"),
    "max": Text("lớn nhất trong các đơn vị", "the largest of the units"),
    "none": Text("không gộp theo đơn vị", "not added up over units"),
}


def _rule(indicator: Indicator, figure: Figure) -> Text:
    if figure.origin == "reported":
        return Text("Số do chính đơn vị này báo cáo cho đúng kỳ này.", "Reported by this unit for exactly this period.")
    if indicator.over_time == "ratio":
        return Text(
            f"Tổng tử số chia tổng mẫu số, nhân {indicator.factor}; mỗi số gộp theo luật của nó.",
            f"Sum of numerators over sum of denominators, times {indicator.factor}; each added up by its own law.",
        )
    time, units = _TIME[indicator.over_time], _UNITS[indicator.over_units]
    if indicator.over_time == "sum":
        return Text(f"Từng kỳ: {units.vi}; sau đó {time.vi}.", f"Period by period {units.en}; then {time.en}.")
    return Text(f"Trong mỗi đơn vị: {time.vi}; sau đó {units.vi}.", f"Inside each unit {time.en}; then {units.en}.")
