"""What a unit's own readings say of a bucket: which of it is stored, and out of what the rest is made.

A reading touches a bucket of every grain. Where a bucket has but a dozen pieces, looking them up is cheaper than a row that is
written again with every reading; so of a unit's own cells days and months are stored (and the base grain, where a base reading
is more than itself), while weeks, quarters and years are folded out of them by whoever needs them: `FOLD`, set by set.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from app.catalogue.catalogue import Indicator
from app.periods import Grain, Period, bucket_start

# Of these laws the finer cells of a bucket say all that is ever asked of the readings behind it.
FOLDED: Final = frozenset({"sum", "mean", "min", "max", "last"})

STEP: Final = {
    Grain.hour: "1 hour", Grain.day: "1 day", Grain.week: "7 days", Grain.month: "1 month", Grain.quarter: "3 months",
    Grain.year: "1 year",
}  # fmt: skip
_TO_THURSDAY = timedelta(days=3)


def is_folded(indicator: Indicator, grain: Grain) -> bool:
    """Whether what a unit's own readings alone say of a bucket of this grain is not stored."""
    coarser = grain > indicator.base and indicator.over_time in FOLDED
    return coarser and grain in {Grain.week, Grain.quarter, Grain.year}


def makes_base_cells(indicator: Indicator) -> bool:
    """Instants and year-to-date figures make more of a base reading than what was sent."""
    return indicator.periodicity == "realtime" or indicator.over_time == "cumulative"


@dataclass(frozen=True, slots=True)
class Pieces:
    """What the own part of a bucket is made of: what starts in `[since, until)` of base readings as sent, of own cells, or both."""

    grain: Grain
    sent: bool
    made: bool
    since: datetime
    until: datetime

    @property
    def columns(self) -> tuple[int, bool, bool, datetime, datetime]:
        return (self.grain.value, self.sent, self.made, self.since, self.until)

    def of(self, start: datetime, end: datetime) -> "Pieces":
        """Those of a unit that counts from `start` to `end`: for all its life, or for a part that cuts no cell (`are_cut`)."""
        if start <= self.since and self.until <= end:
            return self
        if not self.sent:
            first = bucket_start(self.grain, max(self.since, start))  # it may begin to live in the middle of a cell
            return Pieces(self.grain, False, self.made, max(self.since, first), min(self.until, end))
        shift = _to_anchor(self.grain)
        return Pieces(
            self.grain, True, self.made, max(self.since, _before(start, shift)), min(self.until, _before(end, shift))
        )

    def are_cut(self, start: datetime, end: datetime) -> bool:
        """Whether `[start, end)` takes a part of a cell. A base reading is there as a whole or not at all."""
        return not self.sent and any(
            self.since < moment < self.until and bucket_start(self.grain, moment) != moment for moment in (start, end)
        )


def pieces_of(indicator: Indicator, bucket: Period) -> Pieces:
    """Of a bucket that is coarser than the base."""
    grain = _finer_of(indicator.base, bucket.grain)
    shift = _to_anchor(grain)
    sent = grain is indicator.base and indicator.over_time != "cumulative"
    return Pieces(
        grain,
        sent,
        grain is not indicator.base or makes_base_cells(indicator),
        bucket.start - shift,
        bucket.end - shift,
    )


def _finer_of(base: Grain, grain: Grain) -> Grain:
    match grain:
        case Grain.day:
            return Grain.hour
        case Grain.week:
            return Grain.day
        case Grain.month:
            return Grain.week if base is Grain.week else Grain.day
        case Grain.quarter:
            return Grain.month
        case Grain.year:
            return Grain.quarter if base is Grain.quarter else Grain.month
    raise ValueError(grain)


def _to_anchor(grain: Grain) -> timedelta:
    return _TO_THURSDAY if grain is Grain.week else timedelta()


def _before(moment: datetime, shift: timedelta) -> datetime:
    return moment - shift if moment - datetime.min > shift else moment


# One row for each unit of each cell that has any piece. Units are looked up as a set: that is several times cheaper than one by one.
# `{cells}`: place, indicator_id, unit_ids, over_time, finer, sent, made, since, until, step.
_SENT: Final = """
    SELECT r.unit_id, r.period_start AS at, r.value, r.value AS total, 1 AS periods, r.status, r.source_id
      FROM reading r
     WHERE c.sent AND r.indicator_id = c.indicator_id AND r.unit_id = ANY (c.unit_ids) AND r.grain = c.finer
       AND r.period_start >= c.since AND r.period_start < c.until AND r.value IS NOT NULL
"""
_CELLS: Final = """
    SELECT r.unit_id, CASE WHEN c.sent THEN r.period_start ELSE r.until END AS at, r.value, coalesce(r.total, r.value) AS total,
           r.periods_present AS periods, r.status, r.source_ids[1] AS source_id
      FROM rollup r
     WHERE c.made AND r.indicator_id = c.indicator_id AND r.unit_id = ANY (c.unit_ids) AND r.grain = c.finer
       AND r.period_start >= c.since AND r.period_start < c.until AND r.own
"""


def fold(cells: LiteralString, *more: LiteralString, sent: bool = True, last: bool = True) -> LiteralString:
    """The SQL that folds `cells`, with `more` of their columns.

    Without `sent` or `last`: none of the cells is made of readings, or has that law.
    """
    kept: LiteralString = "".join([f", c.{column}" for column in more])
    pieces: LiteralString = f"{_CELLS} UNION ALL {_SENT}" if sent else _CELLS
    folded: LiteralString = f"""
    SELECT c.place, f.unit_id, f.value, f.total, f.status,
           CASE c.over_time WHEN 'none' THEN '{{}}'::int[] ELSE ARRAY[f.source_id] END AS source_ids,
           CASE WHEN c.sent THEN f.at + c.step ELSE f.at END AS until, f.periods{kept}
      FROM {cells} c
     CROSS JOIN LATERAL (
           SELECT p.unit_id, sum(p.periods)::integer AS periods, min(p.source_id) AS source_id,
                  CASE WHEN c.over_time <> 'none' THEN max(p.at) END AS at,
                  sum(p.total) FILTER (WHERE c.over_time = 'mean') AS total,
                  CASE c.over_time
                       WHEN 'sum' THEN sum(p.value) FILTER (WHERE c.over_time = 'sum')
                       WHEN 'mean' THEN trim_scale(round(sum(p.total) FILTER (WHERE c.over_time = 'mean'), 100) / sum(p.periods))
                       WHEN 'min' THEN min(p.value) FILTER (WHERE c.over_time = 'min')
                       WHEN 'max' THEN max(p.value) FILTER (WHERE c.over_time = 'max') END AS value,
                  CASE WHEN c.over_time <> 'none' THEN min(p.status) END AS status
             FROM ({pieces}) p
            GROUP BY p.unit_id) f
     WHERE c.over_time <> 'last'
    """
    if not last:
        return folded
    return f"""{folded}
    UNION ALL
    SELECT c.place, f.unit_id, f.value, NULL, f.status, ARRAY[f.source_id],
           CASE WHEN c.sent THEN f.at + c.step ELSE f.at END, f.periods{kept}
      FROM {cells} c
     CROSS JOIN LATERAL (
           SELECT DISTINCT ON (p.unit_id) p.unit_id, p.value, p.status, p.at, min(p.source_id) OVER w AS source_id,
                  (sum(p.periods) OVER w)::integer AS periods
             FROM ({pieces}) p
           WINDOW w AS (PARTITION BY p.unit_id)
            ORDER BY p.unit_id, p.at DESC) f
     WHERE c.over_time = 'last'
    """
