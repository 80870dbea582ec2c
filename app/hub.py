"""What one running process shares between its requests."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.auth import Keys, pepper
from app.catalogue.cache import CatalogueCache
from app.changes import ChangeFeed
from app.database import Database
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Hub:
    settings: Settings
    database: Database
    changes: ChangeFeed
    pepper: bytes
    catalogues: CatalogueCache = field(default_factory=CatalogueCache)
    keys: Keys = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", Keys(self.database, self.pepper))

    @classmethod
    def open(cls, settings: Settings, url: str) -> "Hub":
        return cls(settings, Database(url, pool_size=settings.pool_size), ChangeFeed(url), pepper(settings))

    def now(self) -> datetime:
        """Local wall time, naive: the calendar of periods."""
        return datetime.now(UTC).astimezone(self.settings.tz).replace(tzinfo=None)
