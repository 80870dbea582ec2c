"""A phone's first view on the wire."""

from pydantic import BaseModel, Field

from app.schemas.notices import NoticeOut
from app.schemas.reports import ReportOut
from app.schemas.screens import DomainTile, UnitName


class OwnReports(BaseModel):
    items: list[ReportOut] = Field(description="The newest 20.")
    more: bool = Field(description="There are older ones: GET /v1/reports has them.")
    unseen: int | None = Field(
        description="How many were refused, asked about or answered since `since`; null: it was not given."
    )


class Home(BaseModel):
    """What a phone shows first."""

    unit: UnitName
    figures: list[DomainTile] = Field(description="The public headlines of the fields, as the screen has them.")
    notices: list[NoticeOut] = Field(description="Of the unit and of all above it, the newest first.")
    reports: OwnReports | None = Field(description="The citizen's own; null: nobody in particular asks.")
