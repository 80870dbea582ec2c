"""What one running process shares between its requests."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.auth import pepper
from app.catalogue.cache import CatalogueCache
from app.database import Database
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Hub:
    settings: Settings
    database: Database
    pepper: bytes
    catalogues: CatalogueCache = field(default_factory=CatalogueCache)

    @classmethod
    def open(cls, settings: Settings, url: str) -> "Hub":
        return cls(settings, Database(url, pool_size=settings.pool_size), pepper(settings))

    def now(self) -> datetime:
        """Local wall time, naive: the calendar of periods."""
        return datetime.now(UTC).astimezone(self.settings.tz).replace(tzinfo=None)
