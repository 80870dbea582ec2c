"""A synthetic source for a lively demo: made-up figures for the seven communes that succeed Bến Cát, and marked so.

Every value is a pure function of (indicator, unit, period), so the feed can be made again for any stretch of time, by
several processes at once, and is always the same. Nothing in it is a measurement.
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import structlog
from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.catalogue.cache import load_catalogue
from app.catalogue.catalogue import Catalogue
from app.changes import announce
from app.hub import Hub
from app.periods import Grain, label
from app.readings.batch import Row, Rows
from app.readings.ingest import MARKED_FROM, record_readings
from app.readings.seed import NewSource, operator_of, require_source
from app.settings import Settings

log = structlog.get_logger(__name__)

SOURCE = NewSource(
    "demo",
    "Dữ liệu TỔNG HỢP để trình diễn (không phải số thật)",
    "SYNTHETIC demo data (not real figures)",
    synthetic=True,
)
DAYS = 40
COMMUNES_SINCE = datetime(2025, 7, 1)
# Phường Bến Cát, Phú An, Chánh Phú Hòa, Long Nguyên, Tây Nam, Thới Hòa, Hòa Lợi; the weights are made up.
COMMUNES = {"25813": 1.3, "25768": 0.8, "25837": 1.0, "25840": 0.6, "25843": 0.7, "25846": 1.1, "25849": 0.9}
_BATCH = 50_000


@dataclass(frozen=True, slots=True)
class Stream:
    """One indicator of the feed."""

    indicator: str
    grain: Grain
    value: Callable[[str, datetime], Decimal]


def chance(*key: object) -> float:
    """A number in [0, 1) that depends on the key alone."""
    return int.from_bytes(hashlib.blake2b(repr(key).encode(), digest_size=7).digest()) / 2**56


def _revenue_of_day(unit: str, day: date) -> int:
    """Đồng, whole thousands: less on weekends, a wave in the month of the quarter's taxes."""
    weekend = 0.25 if day.weekday() >= 5 else 1.0
    quarter = 1.6 if day.month in {1, 4, 7, 10} and day.day > 20 else 1.0
    return int(COMMUNES[unit] * weekend * quarter * (0.7 + 0.6 * chance("revenue", unit, day)) * 2_400_000) * 1000


def _revenue_to_date(unit: str, at: datetime) -> Decimal:
    days = (at.date() - date(at.year, 1, 1)).days + 1
    return Decimal(sum(_revenue_of_day(unit, date(at.year, 1, 1) + timedelta(days=n)) for n in range(days)))


def _dossiers(unit: str, at: datetime) -> Decimal:
    weekend = 0.2 if at.weekday() >= 5 else 1.0
    return Decimal(int(COMMUNES[unit] * weekend * (40 + 50 * chance("dossiers", unit, at))))


def _dossiers_online(unit: str, at: datetime) -> Decimal:
    return Decimal(int(_dossiers(unit, at) * Decimal(str(round(0.7 + 0.25 * chance("online", unit, at), 3)))))


def _tickets(unit: str, at: datetime) -> Decimal:
    open_hours = 7 <= at.hour < 17 and at.hour != 12 and at.weekday() < 5
    return Decimal(int(COMMUNES[unit] * (6 + 12 * chance("tickets", unit, at)))) if open_hours else Decimal(0)


def _vehicles(unit: str, at: datetime) -> Decimal:
    """A minute of a commune's cameras: two rush hours a day."""
    hour = at.hour + at.minute / 60
    rush = math.exp(-((hour - 7.2) ** 2) / 1.5) + math.exp(-((hour - 17.3) ** 2) / 2.0)
    night = 0.08 if hour < 5 or hour > 22 else 0.35
    return Decimal(int(COMMUNES[unit] * (night + rush) * (70 + 40 * chance("vehicles", unit, at))))


STREAMS = (
    Stream("budget.revenue.total", Grain.day, _revenue_to_date),
    Stream("tthc.dossier.received", Grain.day, _dossiers),
    Stream("tthc.dossier.received.online", Grain.day, _dossiers_online),
    Stream("tthc.queue.tickets", Grain.hour, _tickets),
    Stream("traffic.flow.total", Grain.instant, _vehicles),
)
_STEP = {Grain.day: timedelta(days=1), Grain.hour: timedelta(hours=1), Grain.instant: timedelta(minutes=1)}


def made_up(stream: Stream, since: datetime, until: datetime) -> Iterator[Row]:
    """The readings of every commune for the periods that ended in `(since, until]`."""
    step = _STEP[stream.grain]
    midnight = datetime.combine(since.date(), time())
    at = midnight + math.floor((since - midnight) / step) * step
    while at + step <= until:
        if at + step > since:
            period = label(stream.grain, at)
            for unit in COMMUNES:
                yield Row(stream.indicator, unit, period, stream.value(unit, at))
        at += step


async def load_demo(
    session: AsyncSession, settings: Settings, now: datetime, progress: Callable[[str, int], None], *, days: int = DAYS
) -> None:
    """The past days. Revenue is year-to-date, so it starts with the year of the first day."""
    source = await require_source(session, SOURCE)
    catalogue = await load_catalogue(session, -1)
    first = datetime.combine(now.date() - timedelta(days=days), time())
    for stream in STREAMS:
        since = datetime(first.year, 1, 1) if stream.indicator == "budget.revenue.total" else first
        await _record(
            session,
            settings,
            catalogue,
            source,
            made_up(stream, max(since, COMMUNES_SINCE), now),
            now,
            progress,
        )


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
    await session.delete(source)
    await session.flush()
    await announce(session, "keys")
    await announce(session, "catalogue")
    return len(removed.all())


async def _record(
    session: AsyncSession,
    settings: Settings,
    catalogue: Catalogue,
    source: models.Source,
    readings: Iterator[Row],
    now: datetime,
    progress: Callable[[str, int], None],
) -> None:
    rows = list(readings)
    for start in range(0, len(rows), _BATCH):
        chunk = rows[start : start + _BATCH]
        batch = Rows.of(chunk, tabular=True)
        await record_readings(session, operator_of(source), catalogue, batch, partial=True, now=now, settings=settings)
        progress("demo", len(chunk))


async def feed_demo(hub: Hub) -> None:
    """Bring the feed up to now; after a night's stop that is the night. Without the source there is nothing to do."""
    now = hub.now()
    async with hub.database.write_session() as session:
        source = (await session.scalars(select(models.Source).where(models.Source.code == SOURCE.code))).one_or_none()
        if source is None:
            return
        catalogue = await hub.catalogues.current(session)
        for stream in STREAMS:
            indicator = catalogue.indicators.get(stream.indicator)
            if indicator is None or not indicator.domain.active:
                continue
            last = await session.scalar(
                select(func.max(models.Reading.period_start)).where(
                    models.Reading.indicator_id == indicator.id,
                    models.Reading.unit_id
                    == catalogue.units_at(next(iter(COMMUNES)), now, now + timedelta(hours=1))[0].id,
                    models.Reading.grain == stream.grain.value,
                )
            )
            oldest = now - timedelta(days=DAYS)
            since = max(oldest, last + _STEP[stream.grain]) if last else oldest
            await _record(session, hub.settings, catalogue, source, made_up(stream, since, now), now, lambda *_: None)
