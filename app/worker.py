"""The background loops: inside the server by default, or `ioc-hub worker` as a process of its own.

Running in several processes at once is harmless: each deed is idempotent.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.hub import Hub
from app.readings.demo import feed_demo
from app.readings.idempotency import forget_old_answers

log = structlog.get_logger(__name__)


async def run_loops(hub: Hub) -> None:
    """Until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_forever(hub, _forget, every=3600))
        if hub.settings.demo:
            tasks.create_task(_forever(hub, feed_demo, every=60))


async def _forever(hub: Hub, deed: Callable[[Hub], Awaitable[None]], *, every: float) -> None:
    """A loop outlives the database's bad moments: it logs them and tries again at the next turn."""
    while True:
        try:
            await deed(hub)
        except (SQLAlchemyError, OSError) as error:
            log.warning("background work failed", deed=deed.__name__, error=str(error))
        await asyncio.sleep(every)


async def _forget(hub: Hub) -> None:
    async with hub.database.write_session() as session:
        forgotten = await forget_old_answers(session)
    if forgotten:
        log.info("stored answers forgotten", count=forgotten)
