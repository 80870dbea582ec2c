"""The tables, one noun per module."""

from app.models.access import ApiKey
from app.models.catalogue import (
    Domain,
    Indicator,
    Target,
    Unit,
    UnitParent,
    UnitSuccessor,
)
from app.models.changes import Change
from app.models.readings import Batch, Reading, ReadingHistory, Source, StoredAnswer

__all__ = [
    "ApiKey",
    "Batch",
    "Change",
    "Domain",
    "Indicator",
    "Reading",
    "ReadingHistory",
    "Source",
    "StoredAnswer",
    "Target",
    "Unit",
    "UnitParent",
    "UnitSuccessor",
]
