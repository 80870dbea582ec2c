"""Displays on the wire: the walls that may look without anybody logging in, and how they are paired."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.schemas.catalogue import Address
from app.schemas.screens import MOST_PAGES, Slug

DisplayName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00]+$")
]


class DisplayIn(BaseModel):
    """A display, and what it may show."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "Sảnh tầng 1", "screens": ["tong-quan"], "units": ["bencat"], "code": "K7M-2QX"},
                {"name": "Phòng họp"},
            ]
        },
    )

    name: DisplayName
    screens: list[Slug] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="The screens it may show, the one to begin with first; null: all.",
    )
    units: list[Address] | None = Field(
        None, min_length=1, max_length=100, description="It may show these and what reports to them; null: all."
    )
    code: Annotated[str, StringConstraints(max_length=20)] | None = Field(
        None, description="What the wall shows that is to be paired; without it the answer has a token."
    )


class ShownDisplay(BaseModel):
    """What a display is told about itself."""

    id: int
    name: str
    screens: list[str] | None
    units: list[str] | None = Field(description="Addresses, code@day.")


class DisplayOut(ShownDisplay):
    """A display as its operator sees it."""

    created_at: datetime
    revoked_at: datetime | None
    last_seen_at: datetime | None = Field(description="To the minute.")
    screen: str | None = Field(description="What it said it shows.")
    page: int | None
    paired: bool = Field(description="It has a token; false while its wall has not come for it.")


class DisplayAdded(DisplayOut):
    token: str | None = Field(None, description="Shown once; absent with a code: then the wall itself comes for it.")


class DisplayPage(BaseModel):
    items: list[DisplayOut]
    next: str | None


class PairingOut(BaseModel):
    """A wall that waits. The id is a secret that the wall keeps; the code is for everybody to read."""

    id: str
    code: str = Field(examples=["K7M-2QX"])
    expires_in: int = Field(description="Seconds.")


class PairingState(BaseModel):
    paired: bool
    display: ShownDisplay | None = Field(None, description="Once confirmed; absent before.")


class SessionIn(BaseModel):
    """The token of a display, as it stands behind the `#` of its URL."""

    model_config = ConfigDict(extra="forbid")

    token: Annotated[str, StringConstraints(max_length=200)]


class ShownPage(BaseModel):
    """What a display shows now."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"screen": "tong-quan", "page": 1}]})

    screen: Slug
    page: int = Field(ge=1, le=MOST_PAGES, strict=True, description="Counted from 1.")
