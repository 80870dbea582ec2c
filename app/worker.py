"""The background loops: inside the server by default, or `ioc-hub worker` as a process of its own.

Running in several processes at once is harmless: each deed is idempotent.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.changes import forget_changes
from app.hub import Hub
from app.readings.demo import feed_demo
from app.readings.idempotency import forget_old_answers
from app.readings.partitions import make_partitions
from app.readings.retention import forget_instants
from app.reports.closing import Closing
from app.reports.counting import Counter
from app.reports.demo import feed_demo_reports
from app.reports.handover import Handover
from app.reports.photo_store import open_photo_store
from app.reports.reporters import forget_reporters
from app.reports.uploads import forget_orphans, forget_pieces
from app.rollups.roller import LARGE_PASS, SMALL_PASS, roll, roll_rare
from app.webhooks.courier import Courier
from app.webhooks.outbox import forget_events

log = structlog.get_logger(__name__)


async def run_loops(hub: Hub) -> None:
    """Until cancelled."""
    await hub.warm_up()  # or the first readings would not be on any wall before the catalogue is read
    async with Courier(hub) as courier, asyncio.TaskGroup() as tasks:
        tasks.create_task(_forever(hub, _make_partitions, every=3600))
        tasks.create_task(_forever(hub, _roll, every=0.1))
        tasks.create_task(_forever(hub, Counter().look, every=0.2))
        tasks.create_task(_forever(hub, courier.look, every=1))
        tasks.create_task(_forever(hub, _forget, every=3600))
        tasks.create_task(_forever(hub, _forget_orphans, every=3600))
        tasks.create_task(_forever(hub, Closing(hub).look, every=600))
        tasks.create_task(_forever(hub, Handover(hub).look, every=60))
        if hub.settings.demo:
            tasks.create_task(_forever(hub, feed_demo, every=60))
            tasks.create_task(_forever(hub, feed_demo_reports, every=60))


async def _forever(hub: Hub, deed: Callable[[Hub], Awaitable[object]], *, every: float) -> None:
    """A loop outlives the database's bad moments, and a mistake in one deed must not end the others: it is tried again."""
    while True:
        try:
            await deed(hub)
        except (SQLAlchemyError, psycopg.Error, OSError) as error:
            log.warning("background work failed", deed=deed.__name__, error=str(error))
        except Exception:
            log.exception("background work failed", deed=deed.__name__)
        await asyncio.sleep(every)


async def _roll(hub: Hub) -> None:
    """Pass after pass only while there is more than one of them takes: what comes meanwhile is cheaper together.

    While senders bring more than passes take, which nobody keeps up with, four fifths of the time are theirs: they wait for each
    answer, and the figures, which are late already, catch up when the flood is over. After each pass those of whom little comes have
    their turn.
    """
    full, cells, seen = True, SMALL_PASS, Seen()
    while full:
        began = time.monotonic()
        async with hub.database.write_session() as session:
            rolled = await roll(session, hub.catalogues, cells=cells)
        full, cells = rolled.full, SMALL_PASS if rolled.flooded else LARGE_PASS
        if full:
            await rest(hub, 4 * (time.monotonic() - began) if rolled.flooded else 0, seen)


@dataclass(slots=True)
class Seen:
    """Up to which marks what is rare has been looked for: up to `newest`, but for what was committed late, and surely up to `all`."""

    all: int = 0
    newest: int = 0


async def rest(hub: Hub, seconds: float, seen: Seen) -> None:
    """For so long, or until nobody brings any more: roll up no more than what is rare among what has not been seen."""
    end = time.monotonic() + seconds
    while True:
        async with hub.database.write_session() as session:
            glance = await roll_rare(session, hub.catalogues, seen.all)
        quiet = glance.newest <= seen.newest
        if not glance.more:
            seen.all, seen.newest = seen.newest, glance.newest
            if quiet:
                return
        if time.monotonic() >= end:
            return
        await asyncio.sleep(_GLANCE)


_GLANCE = 0.1  # seconds


async def _make_partitions(hub: Hub) -> None:
    async with hub.database.write_session() as session:
        made = await make_partitions(session, hub.now())
    if made:
        log.info("partitions made", names=made)


async def _forget_orphans(hub: Hub) -> None:
    async with hub.database.write_session() as session:
        photos = await forget_orphans(session, open_photo_store(hub.settings))
    if photos:
        log.info("photos of no report deleted", photos=photos)


async def _forget(hub: Hub) -> None:
    async with hub.database.write_session() as session:
        answers, changes = await forget_old_answers(session), await forget_changes(session)
        days = hub.settings.keep_instants_days
        events = await forget_events(session, datetime.now(UTC))
        pieces = await forget_pieces(session)
        instants = 0 if days is None else await forget_instants(session, hub.now(), days)
        known = hub.settings.keep_contacts_days
        reporters = [] if known is None else await forget_reporters(session, datetime.now(UTC), known)
    if answers or changes or events or pieces or instants or reporters:
        log.info(
            "forgotten", stored_answers=answers, changes=changes, webhook_events=events, photo_pieces=pieces,
            instants=instants, reporters=len(reporters),
        )  # fmt: skip
