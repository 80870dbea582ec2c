"""Notices on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.errors import NotValid, Text
from app.schemas.catalogue import Address
from app.schemas.reports import Line, Moment

Body = Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000, pattern=r"^[^\x00]*$")]


class NoticeIn(BaseModel):
    """What everybody of a unit and of all below it is to read, for a time. Plain text."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "unit": "25813",
                    "title_vi": "Cắt điện để sửa chữa",
                    "title_en": "Power cut for repairs",
                    "body_vi": "Đường Hùng Vương, từ 7 giờ đến 11 giờ.",
                    "valid_until": "2026-11-24T11:00:00+07:00",
                }
            ]
        },
    )

    unit: Address = Field(description="Code of the unit whose people it is for, those below it too.")
    title_vi: Line
    title_en: Line | None = Field(None, description="Default: the Vietnamese one.")
    body_vi: Body = ""
    body_en: Body | None = Field(None, description="Default: the Vietnamese one.")
    valid_from: Moment | None = Field(None, description="Default: now, or as it was.")
    valid_until: Moment | None = Field(None, description="Shown no more from then on; null: until it is taken away.")

    @model_validator(mode="after")
    def _in_order(self) -> "NoticeIn":
        if self.valid_from is not None and self.valid_until is not None and self.valid_until <= self.valid_from:
            raise NotValid(Text("valid_until phải sau valid_from", "valid_until must be after valid_from"))
        return self


class NoticeOut(BaseModel):
    id: UUID
    unit: str
    unit_name: str
    title: str
    body: str
    valid_from: datetime
    valid_until: datetime | None
    changed_at: datetime


class NoticeList(BaseModel):
    items: list[NoticeOut]
