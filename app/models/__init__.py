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
from app.models.notices import Notice
from app.models.readings import Batch, Forgotten, Ownership, Reading, ReadingHistory, Source, StoredAnswer
from app.models.reports import (
    CalendarDay,
    PhotoPiece,
    PhotoUnderway,
    Report,
    ReportCategory,
    ReportComment,
    Reporter,
    ReportEvent,
    ReportFollower,
    ReportMark,
    ReportPhoto,
    ReportRating,
    ReportRoute,
    ReportTarget,
    Shift,
)
from app.models.rollups import Rollup, StaleMark
from app.models.screens import Display, Pairing, Screen
from app.models.webhooks import Webhook, WebhookDelivery, WebhookEvent

__all__ = [
    "ApiKey",
    "Batch",
    "CalendarDay",
    "Change",
    "Display",
    "Domain",
    "Forgotten",
    "Indicator",
    "Notice",
    "Ownership",
    "Pairing",
    "PhotoPiece",
    "PhotoUnderway",
    "Reading",
    "ReadingHistory",
    "Report",
    "ReportCategory",
    "ReportComment",
    "ReportEvent",
    "ReportFollower",
    "ReportMark",
    "ReportPhoto",
    "ReportRating",
    "ReportRoute",
    "ReportTarget",
    "Reporter",
    "Rollup",
    "Screen",
    "Shift",
    "Source",
    "StaleMark",
    "StoredAnswer",
    "Target",
    "Unit",
    "UnitParent",
    "UnitSuccessor",
    "Webhook",
    "WebhookDelivery",
    "WebhookEvent",
]
