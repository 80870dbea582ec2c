"""Reports as readings: what they add up to is counted by the hub and taken in like anybody's figures.

Who moves a report leaves a mark in the same transaction (`submission.touch`); `Counter` counts again what is marked: whole
(unit, day) cells, out of the reports as they are, so that nothing is added to anything and nothing can drift. A mark is taken away
in the transaction that stores the figures: none is lost, and to count twice is to find nothing changed. It is not done
in the transaction of the move itself, because all moves of a commune would then wait for each other, most of all when a storm
brings a hundred times as many; and because what is late becomes late without any move.

**Where and when.** A report counts in the commune where it is, on the local day on which something became of it. Nothing is counted
for a report of which nobody has said yet where it is. The communes of `IOC_AREA` and those that ever had a report are
counted every day and hour: that nothing came in is a nought and no gap.

**What.** An answer counts when it stands, that is, when the centre has not sent it back; it is on time by the deadline
that held then, extended or not. It took from when the report was accepted, or last reopened, by the clock on the wall; to accept it
took from when it came in.
What a citizen thinks of an answer counts on the day of that answer; with four or five stars of five it satisfies.
`processing` are those that wait for an answer at the end of an hour, `processing_late` those whose deadline had passed then.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.catalogue.access import units_above, units_below
from app.catalogue.catalogue import Catalogue
from app.hub import Hub
from app.periods import Grain, add_months, label, midnight
from app.readings.batch import Row, Rows
from app.readings.ingest import record_readings
from app.readings.seed import operator_of, require_source
from app.reports.indicators import (
    DAILY,
    INTAKE_TIME,
    LATE,
    MEDIAN,
    OF_CATEGORY,
    PROCESSING,
    PROCESSING_TIME,
    RECEIVED,
    SOURCE,
    groups,
    of_category,
)
from app.reports.workflow import HANDLING_RUNS, INTAKE_RUNS, WAITS

log = structlog.get_logger(__name__)

_COUNT_LOCK = 720_727
_MARKS = 200  # reports that are counted in one transaction
_DAYS = 300  # of units, that are counted in one transaction when there are no marks
_LOOKS_EVERY = timedelta(seconds=5)  # whether a deadline has passed
_CLOCKS = {"intake": list(map(str, INTAKE_RUNS)), "handling": list(map(str, HANDLING_RUNS))}
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)

Day = tuple[int, date]  # of a unit


class _Cell(NamedTuple):
    """Where a figure stands."""

    indicator: str
    unit: int
    grain: Grain
    start: datetime


class Counter:
    """Counts what is marked, and what only the clock has changed. Several may run: they take turns."""

    def __init__(self) -> None:
        self._looked: datetime | None = None

    async def look(self, hub: Hub) -> bool:
        """One pass; whether there may be more to do."""
        more = False
        [(marked,)] = await hub.database.ask("SELECT EXISTS (SELECT FROM report_mark)", {})
        if marked:
            async with hub.database.write_session() as session:
                if await session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _COUNT_LOCK}):
                    await count_days(session, hub, await _claim(session, hub))
                    more = True
        now = datetime.now(UTC)  # in a storm, too, the clock goes on
        if self._looked is None or now - self._looked >= _LOOKS_EVERY:
            await self._look_at_the_clock(hub, now)
            self._looked = now
        return more

    async def _look_at_the_clock(self, hub: Hub, now: datetime) -> None:
        """Hours and days that have begun since they were counted last, and deadlines that have passed since the last look."""
        async with hub.database.read_session() as session:
            catalogue = await hub.catalogues.current(session)
            days = dict.fromkeys(await _begun(session, hub, catalogue), False)
            if self._looked is not None:
                facts = {
                    "since": self._looked,
                    "now": now,
                    "intake": list(INTAKE_RUNS),
                    "handling": list(HANDLING_RUNS),
                }
                late = await session.scalars(text(_PASSED), facts)
                days |= {(unit, hub.now().date()): False for unit in late}
        listed = list(days)
        for begin in range(0, len(listed), _DAYS):
            async with hub.database.write_session() as session:
                await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _COUNT_LOCK})
                await count_days(session, hub, dict.fromkeys(listed[begin : begin + _DAYS], False))


async def mark_all(session: AsyncSession) -> int:
    """Have all figures counted again; returns how many reports there are."""
    return len((await session.execute(text(_MARK_ALL))).all())


async def catch_up_counting(hub: Hub) -> None:
    """Until everything is counted."""
    counter = Counter()
    while await counter.look(hub):
        pass


async def count_days(session: AsyncSession, hub: Hub, days: Mapping[Day, bool]) -> None:
    """Count whole days of units and store what is not stored so; True: also the medians that they belong to."""
    catalogue = await hub.catalogues.current(session)
    first = catalogue.indicators.get(RECEIVED)
    if not days or first is None or not first.domain.active:
        return
    # Nothing is counted beyond a gap: the last hour that is stored tells up to where all of them are.
    earliest = dict(sorted(days, reverse=True))  # of each unit the last one stays
    days = {**dict.fromkeys(await _missing(session, hub, catalogue, earliest), False), **days}
    cells = await _count(session, hub, catalogue, list(days))
    cells |= await _medians(session, hub, catalogue, [day for day, answered in days.items() if answered])
    sources = await _sources(session, hub, catalogue, {cell.unit for cell in cells})
    known = {
        cell: value for cell, value in cells.items() if cell.indicator in catalogue.indicators and cell.unit in sources
    }
    changed = await _differing(session, catalogue, sources, known)
    for source_id in sorted({sources[cell.unit] for cell in changed}):
        rows = [
            Row(cell.indicator, catalogue.units[cell.unit].address, label(cell.grain, cell.start), known[cell])
            for cell in changed
            if sources[cell.unit] == source_id
        ]
        source = await session.get_one(models.Source, source_id)
        receipt = await record_readings(
            session, operator_of(source), catalogue, Rows.of(rows, tabular=True), partial=True, reinstate=True,
            now=hub.now(), settings=hub.settings,
        )  # fmt: skip
        for error in receipt.errors[:5]:  # a commune that was no more on that day
            log.warning("a count of reports was refused", row=error.row, value=error.value, why=error.detail("en"))


# --- what is to be counted ---

# A report's figures stand on the days of its events. One that came to a unit or left it also waited there on the days between.
_CLAIM = """
WITH claimed AS (
    DELETE FROM report_mark WHERE id IN (SELECT id FROM report_mark ORDER BY id LIMIT :most)
    RETURNING report_id, unit_id, throughout
), mark AS (
    SELECT report_id, unit_id, bool_or(throughout) AS throughout FROM claimed GROUP BY 1, 2
), lived AS (
    SELECT m.report_id, m.unit_id, m.throughout, (e.at AT TIME ZONE :zone)::date AS day,
           bool_or(e.to_state = 'resolved') OVER (PARTITION BY m.report_id, m.unit_id) AS answered
      FROM mark m JOIN report_event e USING (report_id)
), day AS (
    SELECT unit_id, day, answered FROM lived
    UNION ALL
    SELECT unit_id, generate_series(min(day), CAST(:today AS date), interval '1 day')::date, bool_or(answered)
      FROM lived WHERE throughout GROUP BY report_id, unit_id
)
SELECT unit_id, day, bool_or(answered) FROM day GROUP BY 1, 2
"""

_MARK_ALL = """
INSERT INTO report_mark (report_id, unit_id, throughout)
SELECT id, unit_id, true FROM report WHERE unit_id IS NOT NULL ORDER BY number RETURNING id
"""

# Since when each unit has reports, and up to which hour it was counted.
_FIRST = """
SELECT unit_id, (min(received_at) AT TIME ZONE :zone)::date FROM report WHERE unit_id IS NOT NULL GROUP BY 1
"""
_COUNTED = """
SELECT u.unit_id, r.period_start
  FROM unnest(CAST(:units AS int[])) AS u(unit_id)
 CROSS JOIN LATERAL (SELECT period_start FROM reading
                      WHERE indicator_id = :indicator AND unit_id = u.unit_id AND grain = :grain
                      ORDER BY period_start DESC LIMIT 1) r
"""

_PASSED = """
SELECT DISTINCT unit_id FROM report
 WHERE unit_id IS NOT NULL AND (   state = ANY (:intake) AND intake_due_at >= :since AND intake_due_at < :now
                                OR state = ANY (:handling) AND handling_due_at >= :since AND handling_due_at < :now)
"""


async def _claim(session: AsyncSession, hub: Hub) -> dict[Day, bool]:
    facts = {"most": _MARKS, "zone": hub.settings.zone, "today": hub.now().date()}
    return {(unit, day): answered for unit, day, answered in await session.execute(text(_CLAIM), facts)}


async def _begun(session: AsyncSession, hub: Hub, catalogue: Catalogue) -> list[Day]:
    """Of all units that are counted the days of which hours are missing up to now."""
    first: dict[int, date] = dict((await session.execute(text(_FIRST), {"zone": hub.settings.zone})).all())
    if first and hub.settings.area is not None:
        today, since = hub.now().date(), min(first.values())
        area = catalogue.require_unit(hub.settings.area, None, today)
        below = units_below([area.id], catalogue, today)
        first |= {one: min(since, first.get(one, since)) for one in below if catalogue.units[one].kind == "commune"}
    return await _missing(session, hub, catalogue, first)


async def _missing(session: AsyncSession, hub: Hub, catalogue: Catalogue, first: Mapping[int, date]) -> list[Day]:
    """The days of units of which hours are missing up to now; of one that was never counted from its first day on."""
    if (indicator := catalogue.indicators.get(PROCESSING)) is None:
        return []
    facts = {"units": list(first), "indicator": indicator.id, "grain": Grain.hour.value}
    counted: dict[int, datetime] = dict((await session.execute(text(_COUNTED), facts)).all())
    now = hub.now()
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    return [
        (unit, day)
        for unit, since in first.items()
        if counted.get(unit, datetime.min) < this_hour
        for day in _days(counted[unit].date() if unit in counted else since, now.date())
        if catalogue.units[unit].valid_at(midnight(day))
    ]


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += _DAY


# --- counting ---

# Every event of the reports of which something became on the days, with what came before and after it.
_LIVED = """
WITH touched AS (
    SELECT day::timestamp AT TIME ZONE :zone AS since, (day + 1)::timestamp AT TIME ZONE :zone AS until
      FROM (SELECT DISTINCT day FROM unnest(CAST(:days AS date[])) AS d(day)) AS days
), concerned AS (
    SELECT DISTINCT e.report_id FROM touched t JOIN report_event e ON e.at >= t.since AND e.at < t.until
), lived AS (
    SELECT r.id, r.unit_id, r.category, r.channel, r.visibility, e.from_state, e.to_state, e.rejection,
           1 + count(*) FILTER (WHERE e.to_state = 'reopened') OVER (mine ROWS UNBOUNDED PRECEDING) AS round,
           e.at AT TIME ZONE :zone AS at,
           e.to_state = 'resolved' AND lead(e.to_state) OVER mine IS DISTINCT FROM 'processing' AS answered,
           e.at <= e.handling_due_at AS in_time,
           row_number() OVER (PARTITION BY e.report_id, e.to_state ORDER BY e.id) = 1 AS first,
           round(extract(epoch FROM e.at - coalesce(
               max(e.at) FILTER (WHERE e.to_state IN ('accepted', 'reopened')) OVER (mine ROWS UNBOUNDED PRECEDING),
               min(e.at) OVER mine)) / 3600, 2) AS hours,
           round(extract(epoch FROM e.at - min(e.at) OVER mine) / 3600, 2) AS waited
      FROM concerned c JOIN report r ON r.id = c.report_id JOIN report_event e ON e.report_id = r.id
     WHERE r.unit_id = ANY (CAST(:units AS int[]))
    WINDOW mine AS (PARTITION BY e.report_id ORDER BY e.id)
)
"""
_FLOWS = f"""{_LIVED}
SELECT unit_id, date_trunc('hour', at), category, name, sum(amount)
  FROM lived l
  LEFT JOIN report_rating g ON l.answered AND (g.report_id, g.round) = (l.id, l.round)
 CROSS JOIN LATERAL (VALUES
       ('received', from_state IS NULL, 1),
       ('received.' || channel, from_state IS NULL, 1),
       ('received.anonymous', from_state IS NULL AND visibility = 'withheld', 1),
       ('refused', to_state = 'rejected' AND rejection IS DISTINCT FROM 'withdrawn', 1),
       ('assigned', to_state = 'assigned' AND first, 1),
       ('accepted', to_state = 'accepted' AND first, 1),
       ('intake_hours', to_state = 'accepted' AND first, waited),
       ('resolved', answered, 1),
       ('resolved_ontime', answered AND in_time, 1),
       ('resolved_late', answered AND NOT in_time, 1),
       ('handling_hours', answered, hours),
       ('returned', to_state = 'returned', 1),
       ('extended', to_state = 'extended' AND from_state <> 'need_info' AND first, 1),
       ('reopened', to_state = 'reopened' AND first, 1),
       ('published', to_state = 'published' AND first, 1),
       ('rated', g.stars IS NOT NULL, 1),
       ('rated_satisfied', g.stars >= 4, 1),
       ('rating_points', g.stars IS NOT NULL, g.stars)) AS fact(name, counts, amount)
 WHERE counts GROUP BY 1, 2, 3, 4
"""

# Who waited at the end of each hour, or now: a report is in a state from an event up to the next.
_LEVELS = """
WITH hour AS (
    SELECT unit_id, hour, least(hour + interval '1 hour', CAST(:now AS timestamp)) AT TIME ZONE :zone AS until
      FROM unnest(CAST(:units AS int[]), CAST(:days AS date[])) AS d(unit_id, day),
           generate_series(day::timestamp, day::timestamp + interval '23 hours', interval '1 hour') AS hour
     WHERE hour < CAST(:now AS timestamp)
), begin AS (
    SELECT min(hour) AT TIME ZONE :zone AS at FROM hour
), concerned AS (
    SELECT id FROM report WHERE unit_id = ANY (CAST(:units AS int[])) AND state = ANY (:waits)
     UNION
    SELECT report_id FROM report_event WHERE at >= (SELECT at FROM begin)
), span AS (
    SELECT r.unit_id, e.to_state AS state, e.at AS since,
           coalesce(lead(e.at) OVER (PARTITION BY e.report_id ORDER BY e.id), 'infinity') AS until,
           CASE WHEN e.to_state = ANY (:intake) THEN e.intake_due_at WHEN e.to_state = ANY (:handling) THEN e.handling_due_at END AS due
      FROM concerned c JOIN report r ON r.id = c.id JOIN report_event e ON e.report_id = r.id
     WHERE r.unit_id = ANY (CAST(:units AS int[]))
)
SELECT h.unit_id, h.hour, count(s.state), count(s.state) FILTER (WHERE s.due < h.until)
  FROM hour h LEFT JOIN span s ON s.unit_id = h.unit_id AND s.state = ANY (:waits) AND s.since < h.until AND s.until >= h.until
 GROUP BY 1, 2
"""


async def _count(
    session: AsyncSession, hub: Hub, catalogue: Catalogue, days: Sequence[Day]
) -> dict[_Cell, Decimal | None]:
    now = hub.now() + timedelta(microseconds=1)  # what was done at this very moment has been done
    facts: dict[str, Any] = {
        "units": [unit for unit, _ in days], "days": [day for _, day in days], "zone": hub.settings.zone,
    }  # fmt: skip
    found: dict[tuple[int, str, datetime], Decimal] = {}
    for unit, hour, category, name, amount in await session.execute(text(_FLOWS), facts):
        names = [name]
        match name:
            case "received":
                found[unit, name, hour] = found.get((unit, name, hour), Decimal(0)) + amount
                names = [of_category(category), *groups().get(category, ())]
            case "resolved" | "resolved_ontime":
                names.append(f"{of_category(category)}.{name}")
        for one in names:
            key = (unit, one, datetime(hour.year, hour.month, hour.day))
            found[key] = found.get(key, Decimal(0)) + amount
    cells: dict[_Cell, Decimal | None] = {}
    grouped = {name for names in groups().values() for name in names}
    of_categories = {f"{name}{suffix}" for name in _categories(catalogue) for suffix in OF_CATEGORY}
    daily = [*DAILY, *sorted(grouped | of_categories)]
    for unit, day in days:
        start = midnight(day)
        for name in daily:
            cells[_Cell(f"report.{name}", unit, Grain.day, start)] = found.get((unit, name, start), Decimal(0))
        for name, hours, count in (
            (INTAKE_TIME, "intake_hours", "accepted"),
            (PROCESSING_TIME, "handling_hours", "resolved"),
        ):
            cells[_Cell(f"report.{name}", unit, Grain.day, start)] = _mean(found, unit, start, hours, count)
        for hour in (start + number * _HOUR for number in range(24)):
            if hour < now:
                cells[_Cell(RECEIVED, unit, Grain.hour, hour)] = found.get((unit, "received", hour), Decimal(0))
    moment = {"now": now, "waits": list(map(str, WAITS))}
    for unit, hour, waiting, late in await session.execute(text(_LEVELS), facts | _CLOCKS | moment):
        cells[_Cell(PROCESSING, unit, Grain.hour, hour)] = Decimal(waiting)
        cells[_Cell(LATE, unit, Grain.hour, hour)] = Decimal(late)
    return cells


def _mean(
    found: Mapping[tuple[int, str, datetime], Decimal], unit: int, start: datetime, hours: str, count: str
) -> Decimal | None:
    number = found.get((unit, count, start))
    return None if not number else (found[unit, hours, start] / number).quantize(_HUNDREDTH, ROUND_HALF_UP)


_HUNDREDTH = Decimal("0.01")


def _categories(catalogue: Catalogue) -> list[str]:
    """Those that are counted, as their indicators are called: of others nobody ever made the further ones."""
    ending = ".resolved_ontime"
    return [
        code.removeprefix("report.").removesuffix(ending)
        for code in catalogue.indicators
        if code.startswith("report.category.") and code.endswith(ending)
    ]


# --- medians ---

# A median adds up to nothing, so each unit above has its own, of the day and of the month, out of the reports themselves.
_MEDIANS = f"""{_LIVED}
SELECT b.number, l.category, round((percentile_cont(0.5) WITHIN GROUP (ORDER BY l.hours))::numeric, 2)
  FROM unnest(CAST(:numbers AS int[]), CAST(:since AS timestamp[]), CAST(:until AS timestamp[])) AS b(number, since, until)
  JOIN unnest(CAST(:buckets AS int[]), CAST(:members AS int[])) AS m(number, unit_id) USING (number)
  JOIN lived l ON l.unit_id = m.unit_id AND l.answered AND l.at >= b.since AND l.at < b.until
 GROUP BY GROUPING SETS ((b.number), (b.number, l.category))
""".replace(
    "ON e.at >= t.since AND e.at < t.until", "ON e.at >= t.since AND e.at < t.until AND e.to_state = 'resolved'"
)


async def _medians(
    session: AsyncSession, hub: Hub, catalogue: Catalogue, days: Sequence[Day]
) -> dict[_Cell, Decimal | None]:
    if not days:
        return {}
    buckets: dict[tuple[int, Grain, datetime, datetime], list[int]] = {}
    with_reports = [
        unit for (unit,) in await session.execute(text("SELECT DISTINCT unit_id FROM report WHERE unit_id IS NOT NULL"))
    ]
    for unit, day in days:
        start = midnight(day)
        month = start.replace(day=1)
        for above in units_above(catalogue.units[unit], catalogue, start):
            for grain, since, until in ((Grain.day, start, start + _DAY), (Grain.month, month, add_months(month, 1))):
                if (above.id, grain, since, until) not in buckets:
                    # As of the last day of it, or today: who has left a region takes the reports along.
                    asked = min(until - _DAY, midnight(hub.now().date()))
                    below = units_below([above.id], catalogue, max(asked, since).date())
                    buckets[above.id, grain, since, until] = [one for one in with_reports if one in below]
    every_day = sorted({day for _, _, since, until in buckets for day in _days(since.date(), (until - _DAY).date())})
    facts = {
        "zone": hub.settings.zone,
        "days": every_day,
        "units": with_reports,
        "numbers": list(range(len(buckets))),
        "since": [since for _, _, since, _ in buckets],
        "until": [until for _, _, _, until in buckets],
        "buckets": [number for number, members in enumerate(buckets.values()) for _ in members],
        "members": [one for members in buckets.values() for one in members],
    }
    found = {
        (number, f"{of_category(category)}." if category else ""): value
        for number, category, value in await session.execute(text(_MEDIANS), facts)
    }
    names = ["", *(f"{name}." for name in _categories(catalogue))]
    return {
        _Cell(f"report.{name}{MEDIAN}", unit, grain, since): found.get((number, name))
        for number, (unit, grain, since, _) in enumerate(buckets)
        for name in names
    }


# --- in whose name, and what of it is new ---

# Who counted there before, and where the demo makes up reports.
_COUNTERS = """
SELECT DISTINCT unit_id, source_id FROM ownership
 WHERE indicator_id = ANY (CAST(:indicators AS int[])) AND unit_id = ANY (CAST(:units AS int[])) AND source_id = ANY (CAST(:sources AS int[]))
"""
_MADE_UP = "SELECT DISTINCT unit_id, source_id FROM report WHERE source_id = ANY (CAST(:synthetic AS int[])) AND unit_id IS NOT NULL"


async def _sources(session: AsyncSession, hub: Hub, catalogue: Catalogue, units: Collection[int]) -> dict[int, int]:
    """Who counts in each unit: the hub; but where the demo makes up reports, and above, the demo: what is counted there is marked so."""
    own = (await require_source(session, SOURCE)).id
    facts = {
        "indicators": [catalogue.indicators[code].id for code in (RECEIVED, f"report.{MEDIAN}") if code in catalogue.indicators],
        "units": list(units), "sources": [own, *catalogue.synthetic], "synthetic": list(catalogue.synthetic),
    }  # fmt: skip
    made_up = {
        above.id: source
        for unit, source in await session.execute(text(_MADE_UP), facts)
        for above in units_above(catalogue.units[unit], catalogue, hub.now())
    }
    counters: dict[int, int] = dict((await session.execute(text(_COUNTERS), facts)).all())
    return {unit: counters.get(unit, made_up.get(unit, own)) for unit in units}


# What another system reports is that system's: it is left alone.
_DIFFERING = """
SELECT c.number
  FROM unnest(CAST(:indicators AS int[]), CAST(:units AS int[]), CAST(:grains AS smallint[]), CAST(:starts AS timestamp[]),
              CAST(:amounts AS numeric[]), CAST(:sources AS int[])) WITH ORDINALITY
       AS c(indicator_id, unit_id, grain, period_start, value, source_id, number)
  LEFT JOIN LATERAL (SELECT value FROM reading r
                      WHERE (r.indicator_id, r.unit_id, r.grain, r.period_start)
                          = (c.indicator_id, c.unit_id, c.grain, c.period_start) LIMIT 1) AS there ON true
  LEFT JOIN LATERAL (SELECT source_id FROM ownership o
                      WHERE (o.indicator_id, o.unit_id) = (c.indicator_id, c.unit_id) LIMIT 1) AS owner ON true
 WHERE there.value IS DISTINCT FROM c.value AND coalesce(owner.source_id, c.source_id) = c.source_id
 ORDER BY c.number
"""


async def _differing(
    session: AsyncSession, catalogue: Catalogue, sources: Mapping[int, int], cells: Mapping[_Cell, Decimal | None]
) -> list[_Cell]:
    """The cells whose figure is not the one that is stored."""
    listed = list(cells)
    facts = {
        "indicators": [catalogue.indicators[one.indicator].id for one in listed],
        "units": [one.unit for one in listed],
        "grains": [one.grain.value for one in listed],
        "starts": [one.start for one in listed],
        "amounts": list(cells.values()),
        "sources": [sources[one.unit] for one in listed],
    }
    return [listed[number - 1] for (number,) in await session.execute(text(_DIFFERING), facts)]
