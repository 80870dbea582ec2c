"""Where does this number come from: the laws in words, the reporting units, and the readings with their sources and times."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalogue.catalogue import Catalogue, Indicator, Source, Unit
from app.errors import Text, TooManyReadings
from app.periods import Grain, Period, bucket_start
from app.rollups.laws import Contribution, Figure, Laws, bucket_in_force
from app.rollups.observations import AS_OF, PRESENT, Span, merged
from app.rollups.series import Question, count_readings, prepare

MOST_READINGS = 1000  # that are listed
MOST_BEHIND = 150_000  # that are looked at


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
    corrections: int


@dataclass(frozen=True, slots=True)
class BehindUnit:
    """What one reporting unit contributes: the value of its base periods by the law of time, how many, and from when to when."""

    indicator: Indicator
    unit: Unit
    value: Decimal
    base_periods: int
    first: Period
    last: Period


class PartOfRatio(NamedTuple):
    indicator: Indicator
    period: Period
    figure: Figure


@dataclass(frozen=True, slots=True)
class Explanation:
    figure: Figure
    rule: Text
    numerator: PartOfRatio | None
    denominator: PartOfRatio | None
    units: Sequence[BehindUnit]
    readings: Sequence[BehindReading]
    readings_total: int


class _Apart(NamedTuple):
    """A figure taken apart by the laws: what was reported for exactly it, or what the units that reported bring to it."""

    figure: Figure
    ratio: Sequence[PartOfRatio]  # nothing, or numerator and denominator
    reported: Sequence[tuple[Indicator, Period]]
    behind: Sequence[tuple[Indicator, Contribution]]


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
    """Take one figure apart. The newest `MOST_READINGS` readings are listed, and all are counted.

    Raises:
        TooManyReadings: more stands behind it than can be looked at while somebody waits.
    """
    question = Question([indicator], [unit], [bucket], as_of=as_of)
    if await count_readings(session, catalogue, question, most=MOST_BEHIND + 1) > MOST_BEHIND:
        raise TooManyReadings(limit=MOST_BEHIND)
    laws = await prepare(session, catalogue, question, now=now)
    # In a thread of its own: it may be a hundred thousand base periods, and others are waiting for less.
    apart = await asyncio.to_thread(_take_apart, laws, indicator, unit, bucket)
    readings, total = await _readings(session, catalogue, unit, apart, as_of)
    numerator, denominator = apart.ratio or (None, None)
    return Explanation(
        figure=apart.figure,
        rule=_rule(indicator, apart.figure),
        numerator=numerator,
        denominator=denominator,
        units=[_unit_behind(part, one) for part, one in apart.behind],
        readings=readings,
        readings_total=total,
    )


def _take_apart(laws: Laws, indicator: Indicator, unit: Unit, bucket: Period) -> _Apart:
    figure = laws.figure(indicator, unit, bucket)
    ratio = _ratio_of(laws, indicator, unit, bucket, figure)
    reported: list[tuple[Indicator, Period]] = []
    behind: list[tuple[Indicator, Contribution]] = []
    for part, cell, shown in ratio or [PartOfRatio(indicator, bucket, figure)]:
        if shown.origin == "reported":
            reported.append((part, cell))
        elif shown.value is not None:
            start, end = max(cell.start, unit.start), min(cell.end, unit.end)
            behind += [(part, one) for one in laws.contributions(part, unit, start, end)]
    return _Apart(figure, ratio, reported, behind)


def _ratio_of(laws: Laws, indicator: Indicator, unit: Unit, bucket: Period, figure: Figure) -> list[PartOfRatio]:
    if indicator.over_time != "ratio" or figure.origin == "reported":
        return []
    over, under = laws.ratio_parts(indicator)
    in_force = bucket_in_force(under, bucket)
    return [
        PartOfRatio(part, cell, laws.figure(part, unit, cell)) for part, cell in ((over, bucket), (under, in_force))
    ]


def _unit_behind(indicator: Indicator, one: Contribution) -> BehindUnit:
    return BehindUnit(
        indicator=indicator,
        unit=one.unit,
        value=one.value,
        base_periods=len(one.seen),
        first=_base_period(indicator, one.seen[0].anchor),
        last=_base_period(indicator, one.seen[-1].anchor),
    )


def _base_period(indicator: Indicator, anchor: datetime) -> Period:
    return Period(indicator.base, bucket_start(indicator.base, anchor))


# An hour that was itself reported beats its instants. That is found by a window: a join of what is behind with itself is planned by
# guesses of how much that is, and once took minutes.
_BEHIND = """
WITH seen AS (
    SELECT v.*, bool_or(v.grain = {hour}) OVER (PARTITION BY v.indicator_id, v.unit_id, date_trunc('hour', v.period_start)) AS as_hour
      FROM unnest(CAST(:indicators AS int[]), CAST(:units AS int[]), CAST(:finest AS int[]), CAST(:coarsest AS int[]),
                  CAST(:starts AS timestamp[]), CAST(:ends AS timestamp[]))
           AS c(indicator_id, unit_id, finest, coarsest, starts, ends)
      JOIN ({values}) v
        ON v.indicator_id = c.indicator_id AND v.unit_id = c.unit_id AND v.grain BETWEEN c.finest AND c.coarsest
       AND v.period_start >= c.starts AND v.period_start < c.ends
     WHERE v.value IS NOT NULL
), newest AS (
    SELECT *, count(*) OVER () AS total
      FROM seen
     WHERE grain > {instant} OR NOT as_hour
     ORDER BY period_start DESC, indicator_id, unit_id
     LIMIT :most
)
SELECT n.*, (SELECT count(*)
               FROM reading_history w
              WHERE (w.indicator_id, w.unit_id, w.grain, w.period_start) = (n.indicator_id, n.unit_id, n.grain, n.period_start)
                AND w.received_at < n.received_at) AS corrections
  FROM newest n
 ORDER BY n.period_start DESC, n.indicator_id, n.unit_id
"""


async def _readings(
    session: AsyncSession,
    catalogue: Catalogue,
    unit: Unit,
    apart: _Apart,
    as_of: datetime | None,
) -> tuple[list[BehindReading], int]:
    """The readings of the reported cell, or of the base periods that contribute (for an hour: its instants).

    A flow of year-to-date figures also has the one that was taken off.
    """
    cells = [
        (part, unit, cell.grain, cell.grain, cell.start, cell.start + timedelta(microseconds=1))
        for part, cell in apart.reported
    ]
    # Of a unit together: what is taken off in one stay below a parent may be what counts in the stay before.
    spans: dict[tuple[Indicator, Unit], list[Span]] = {}
    for part, one in apart.behind:
        runs = [*one.runs, (one.before, one.before)] if one.before else one.runs
        spans.setdefault((part, one.unit), []).extend(
            Span(bucket_start(part.base, first.anchor), last.end) for first, last in runs
        )
    for (part, who), of in spans.items():
        cells += [(part, who, part.finest, part.base, span.start, span.end) for span in merged(of)]
    if not cells:
        return [], 0
    rows = (
        await session.execute(
            text(
                _BEHIND.format(
                    values=PRESENT if as_of is None else AS_OF, hour=int(Grain.hour), instant=int(Grain.instant)
                )
            ),
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
            corrections=row.corrections,
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
