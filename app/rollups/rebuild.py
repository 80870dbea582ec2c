"""Roll up what is stale, or everything again: every mark that could be made is made, indicator by indicator."""

from collections.abc import Callable, Sequence

from sqlalchemy import text

from app.hub import Hub
from app.marks import mark_indicators
from app.rollups.roller import newest_mark, roll


async def catch_up(hub: Hub, progress: Callable[[int], None]) -> None:
    """Roll until nothing is stale; `progress` gets the number of marks of each pass."""
    while True:
        async with hub.database.write_session() as session:
            rolled = await roll(session, hub.catalogues)
        if not rolled.marks:
            return
        progress(rolled.marks)


async def rebuild(hub: Hub, indicator_ids: Sequence[int], progress: Callable[[], None]) -> int:
    """Roll until all that was stale of these indicators is not; `progress` after each. Returns how many marks it took.

    Who sends meanwhile makes marks of his own, which are the worker's: to wait for these would be to wait until nobody sends. A
    roller that runs beside it takes its share; what is read meanwhile is what was there, or the same computed anew.
    """
    marks = 0
    for indicator_id in indicator_ids:
        async with hub.database.write_session() as session:
            marks += await mark_indicators(session, [indicator_id])
            last = await newest_mark(session)
        stale = True
        while stale:
            async with hub.database.write_session() as session:
                await roll(session, hub.catalogues)
            async with hub.database.read_session() as session:
                of_it = "SELECT EXISTS (SELECT FROM stale_mark WHERE indicator_id = :indicator AND id <= :last)"
                stale = bool(await session.scalar(text(of_it), {"indicator": indicator_id, "last": last}))
        progress()
    return marks
