"""A synthetic source for a lively demo: made-up figures for the seven wards that succeed Bến Cát, and marked so.

What it makes up is in `app.readings.streams`. A few made-up targets go with it, whose setter says what they are.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import islice

import structlog
from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.catalogue.cache import load_catalogue
from app.catalogue.catalogue import Catalogue
from app.changes import announce
from app.hub import Hub
from app.periods import Grain, Period, add_months, next_start
from app.readings.batch import Row, Rows
from app.readings.ingest import MARKED_FROM, record_readings
from app.readings.seed import BEN_CAT, NewSource, operator_of, require_source
from app.readings.streams import BY_INDICATOR, STREAMS, WARDS, Stream, made_up
from app.rollups.targets import NewTarget, change_target
from app.settings import Settings

log = structlog.get_logger(__name__)

SOURCE = NewSource(
    "demo",
    "Dữ liệu MÔ PHỎNG để trình diễn (không phải số thật)",
    "SYNTHETIC demo data (not real figures)",
    synthetic=True,
)
SETTER = "MÔ PHỎNG (trình diễn)"
# For a year, of the region; those of the second kind also of each ward.
REGION_TARGETS = {
    "invest.public.disbursed_rate": 95,
    "enterprise.new.count": 1_350,
    "labour.jobs.created": 10_500,
    "traffic.accident.total": 190,
}
WARD_TARGETS = {"tthc.dossier.ontime_rate": 96, "tthc.dossier.online_rate": 80}
_BATCH = 50_000


def _recent(stream: Stream, now: datetime) -> datetime | None:
    """Since when it has every period; None: always."""
    match stream.grain:
        case Grain.instant | Grain.hour:
            return datetime.combine(now.date(), time()) - timedelta(days=7)
        case Grain.day:  # a month can be compared with the one before
            return add_months(datetime(now.year, now.month, 1), -1)
        case _:
            return None


def _past(stream: Stream, now: datetime, earliest: datetime = datetime.min) -> Iterator[Row]:
    """What it sends when it has sent nothing yet: this year and last, but where that is much, only what is recent."""
    recent, last_year = _recent(stream, now), datetime(now.year - 1, 1, 1)
    if stream.long or recent is None:
        return made_up(stream, max(last_year, earliest), now)
    if stream.cumulative:
        return made_up(stream, max(last_year, earliest), now, daily_since=recent)
    return made_up(stream, max(recent, earliest), now)


async def load_demo(
    session: AsyncSession,
    settings: Settings,
    now: datetime,
    progress: Callable[[str, int], None],
    *,
    days: int | None = None,
) -> None:
    """The past of every stream, or its last days only; and the targets of this year and the next."""
    source = await require_source(session, SOURCE)
    catalogue = await load_catalogue(session, -1)
    earliest = datetime.min if days is None else datetime.combine(now.date() - timedelta(days=days), time())
    readings = (reading for stream in STREAMS for reading in _past(stream, now, earliest))
    await _record(session, settings, catalogue, source, readings, now, progress)
    await _set_targets(session, catalogue, now)


async def _set_targets(session: AsyncSession, catalogue: Catalogue, now: datetime) -> None:
    estimate = BY_INDICATOR["budget.revenue.estimate"]
    cells = [(code, BEN_CAT.code, Decimal(value)) for code, value in (REGION_TARGETS | WARD_TARGETS).items()]
    cells += [(code, ward, Decimal(value)) for code, value in WARD_TARGETS.items() for ward in WARDS]
    for year in (Period(Grain.year, datetime(number, 1, 1)) for number in (now.year, now.year + 1)):
        # What is planned to be collected is the estimate (dự toán), which the wards send as well.
        planned = sum((estimate.value(ward, year.start) or Decimal(0) for ward in WARDS), Decimal(0))
        for code, unit, value in [*cells, ("budget.revenue.total", BEN_CAT.code, planned)]:
            [found] = catalogue.units_at(unit, year.start, year.end)
            new = NewTarget(catalogue.indicators[code], found, year, value, SETTER, None, None, None)
            await change_target(session, new)


_MARK_ALL = f"""
INSERT INTO stale_mark (indicator_id, grain, period_start, unit_ids)
SELECT indicator_id, grain, {MARKED_FROM}, array_agg(DISTINCT unit_id)
  FROM reading WHERE source_id = :source AND value IS NOT NULL GROUP BY 1, 2, 3
"""


async def remove_demo(session: AsyncSession) -> int:
    """Take away the synthetic source with all it sent, so that real systems can report those figures. Returns how much it was."""
    source = (await session.scalars(select(models.Source).where(models.Source.code == SOURCE.code))).one_or_none()
    if source is None:
        return 0
    # Nothing may come in from here on that takes the source to be there: readings have no foreign keys.
    await session.execute(text("LOCK TABLE reading IN SHARE ROW EXCLUSIVE MODE"))
    await session.execute(text(_MARK_ALL), {"source": source.id})
    removed = await session.execute(
        delete(models.Reading).where(models.Reading.source_id == source.id).returning(models.Reading.unit_id)
    )
    for table in (models.ReadingHistory, models.Ownership, models.Batch, models.ApiKey):
        await session.execute(delete(table).where(table.source_id == source.id))
    await session.execute(delete(models.Target).where(models.Target.setter == SETTER))
    await session.delete(source)
    await session.flush()
    await announce(session, "targets")
    await announce(session, "keys")
    await announce(session, "catalogue")
    return len(removed.all())


async def _record(
    session: AsyncSession,
    settings: Settings,
    catalogue: Catalogue,
    source: models.Source,
    readings: Iterable[Row],
    now: datetime,
    progress: Callable[[str, int], None] = lambda *_: None,
) -> None:
    rows = iter(readings)
    while chunk := list(islice(rows, _BATCH)):
        batch = Rows.of(chunk, tabular=True)
        await record_readings(session, operator_of(source), catalogue, batch, partial=True, now=now, settings=settings)
        progress("demo", len(chunk))


# How far each stream has come. One that others report in all wards, from before the demo knew it, has a row without a period.
_NEWEST = """
SELECT k.indicator_id, max(r.period_start) AS newest
  FROM unnest(CAST(:indicators AS int[]), CAST(:grains AS int[])) AS k(indicator_id, grain)
  JOIN ownership o ON o.indicator_id = k.indicator_id AND o.unit_id = ANY (CAST(:wards AS int[]))
  LEFT JOIN LATERAL (
       SELECT period_start FROM reading
        WHERE indicator_id = k.indicator_id AND unit_id = o.unit_id AND grain = k.grain
        ORDER BY period_start DESC LIMIT 1) r ON o.source_id = :source
 GROUP BY 1
"""


async def feed_demo(hub: Hub) -> None:
    """Bring the feed up to now; after a night's stop that is the night. Without the source there is nothing to do."""
    now = hub.now()
    async with hub.database.write_session() as session:
        source = (await session.scalars(select(models.Source).where(models.Source.code == SOURCE.code))).one_or_none()
        if source is None:
            return
        catalogue = await hub.catalogues.current(session)
        known = [(catalogue.indicators.get(stream.indicator), stream) for stream in STREAMS]
        streams = {one.id: stream for one, stream in known if one is not None and one.domain.active}
        facts = {
            "indicators": list(streams),
            "grains": [stream.grain.value for stream in streams.values()],
            "wards": [catalogue.units_at(ward, now, now + timedelta(hours=1))[0].id for ward in WARDS],
            "source": source.id,
        }
        newest = {row.indicator_id: row.newest for row in await session.execute(text(_NEWEST), facts)}
        due = _due(streams, newest, now)
        await _record(session, hub.settings, catalogue, source, due, now)


def _due(streams: dict[int, Stream], newest: dict[int, datetime | None], now: datetime) -> Iterator[Row]:
    """What every stream has not yet sent."""
    for key, stream in streams.items():
        if key not in newest:
            yield from _past(stream, now)
        elif (last := newest[key]) is not None:
            if stream.grain > Grain.hour:
                yield from made_up(stream, next_start(stream.grain, last), now)
            else:  # after a long stop not all of it
                step = timedelta(minutes=stream.minutes) if stream.grain is Grain.instant else timedelta(hours=1)
                yield from made_up(stream, max(_recent(stream, now) or last, last + step), now)
