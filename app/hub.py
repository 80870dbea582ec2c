"""What one running process shares between its requests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from app.auth import Keys, pepper
from app.catalogue.cache import CatalogueCache
from app.changes import ChangeFeed
from app.database import Database
from app.displays import Displays
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Hub:
    settings: Settings
    database: Database
    changes: ChangeFeed
    pepper: bytes
    catalogues: CatalogueCache = field(default_factory=CatalogueCache)
    explaining: asyncio.Semaphore = field(default_factory=asyncio.Semaphore)  # it takes long: one at a time
    keys: Keys = field(init=False)
    displays: Displays = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", Keys(self.database, self.pepper))
        object.__setattr__(self, "displays", Displays(self.database, self.changes, self.pepper))

    @classmethod
    def open(cls, settings: Settings, url: str, catalogues: CatalogueCache | None = None) -> "Hub":
        database = Database(url, pool_size=settings.pool_size)
        return cls(settings, database, ChangeFeed(url), pepper(settings), catalogues or CatalogueCache())

    async def warm_up(self) -> None:
        """Read what every request needs, so that the first one need not wait for it. Without the database they will."""
        with contextlib.suppress(SQLAlchemyError, OSError, TimeoutError):
            await self.keys.refresh()
            await self.displays.refresh()
            async with self.database.read_session() as session:
                await self.catalogues.current(session)

    async def close(self) -> None:
        await self.database.close()
        self.catalogues.forget()  # FastAPI remembers every application that a process made, and with it what this holds

    def now(self) -> datetime:
        """Local wall time, naive: the calendar of periods."""
        return datetime.now(self.settings.tz).replace(tzinfo=None)


@contextlib.asynccontextmanager
async def hub_of(settings: Settings, url: str) -> AsyncIterator[Hub]:
    """A hub on a database, for who does not serve."""
    hub = Hub.open(settings, url)
    try:
        yield hub
    finally:
        await hub.close()
