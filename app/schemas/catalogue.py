"""The catalogue on the wire."""

import re
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from app.errors import NotValid, Text

Periodicity = Literal["realtime", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly"]
TimeLaw = Literal["sum", "mean", "last", "min", "max", "cumulative", "ratio", "none"]
UnitLaw = Literal["sum", "mean", "min", "max", "ratio", "none"]
Direction = Literal["up_good", "down_good", "neutral"]
UnitKind = Literal["province", "district", "commune", "region", "agency", "site"]


class DomainOut(BaseModel):
    """One of the fields an IOC watches (lĩnh vực)."""

    code: str
    name: str
    active: bool
    indicators: int


class DomainList(BaseModel):
    items: list[DomainOut]


class DomainChange(BaseModel):
    """Switch a domain on or off: a district has 24 of the 27."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"active": True}]})

    active: Annotated[bool, Field(strict=True)]


class IndicatorOut(BaseModel):
    """What is measured, and by which laws it adds up (chỉ tiêu)."""

    code: str
    domain: str
    name: str
    measure: str
    periodicity: Periodicity
    over_time: TimeLaw
    over_units: UnitLaw
    numerator: str | None
    denominator: str | None
    direction: Direction
    public: bool
    origin: str = Field(
        description="Where the definition comes from; [v] verified in a text, [m] from memory, [i] inferred."
    )


class IndicatorPage(BaseModel):
    items: list[IndicatorOut]
    next: str | None


class UnitOut(BaseModel):
    """A node of the reporting tree. The code together with the time of validity is its identity."""

    code: str
    address: str = Field(description="code@day: stays right when the code is used again.")
    kind: UnitKind
    name: str
    valid_from: date | None = Field(description="First day; null: since before our records.")
    valid_to: date | None = Field(description="First day on which it is no more; null: still valid.")
    latitude: float | None
    longitude: float | None


class UnitPage(BaseModel):
    items: list[UnitOut]
    next: str | None


class UnitLink(BaseModel):
    unit: str = Field(description="Address of the other unit, code@day.")
    name: str
    kind: UnitKind
    valid_from: date | None
    valid_to: date | None


class SuccessionOut(BaseModel):
    unit: str
    name: str
    on: date
    kind: Literal["rename", "merge", "split", "transfer"]
    divided: bool = Field(description="Only a part of the land: figures restated over this link are estimates.")


class UnitDetail(UnitOut):
    parents: list[UnitLink]
    predecessors: list[SuccessionOut]
    successors: list[SuccessionOut]


UnitCode = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
Address = Annotated[
    str, StringConstraints(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9._-]+(@\d{4}-\d\d-\d\d)?$")
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00]+$")]


def _written_out(value: object) -> object:
    """Otherwise a number, even one in a text, would count as seconds since 1970."""
    if not isinstance(value, date) and not re.fullmatch(r"\d{4}-\d\d-\d\d", str(value), re.ASCII):
        raise NotValid(Text("phải là ngày, viết như 2025-07-01", "it must be a day like 2025-07-01"))
    return value


Day = Annotated[date, BeforeValidator(_written_out)]


class Lasting(BaseModel):
    """Valid for some days, `[valid_from, valid_to)`; either end may be open."""

    model_config = ConfigDict(extra="forbid")

    valid_from: Day | None = None
    valid_to: Day | None = None

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.valid_from and self.valid_to and self.valid_to <= self.valid_from:
            raise NotValid(
                Text(
                    f"valid_to {self.valid_to} phải sau valid_from {self.valid_from}",
                    f"valid_to {self.valid_to} must be after valid_from {self.valid_from}",
                )
            )
        return self


class LinkIn(Lasting):
    """Another unit, and for which days; without days for the common life of both."""

    unit: Address


class UnitIn(Lasting):
    """A region, agency, site or any other unit. The same (code, valid_from) again changes it."""

    code: UnitCode
    kind: UnitKind
    name_vi: Name
    name_en: Name | None = Field(None, description="Default: name_vi.")
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    parents: list[LinkIn] | None = Field(
        None,
        max_length=100,
        description="Its parents. Regions are added to those it has; others take the place of its others. Absent: as they are.",
    )
    members: list[LinkIn] | None = Field(
        None, max_length=1000, description="All its children, for a region; absent: as they are."
    )


class UnitsIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "units": [
                        {
                            "code": "cam-ngatuboncot",
                            "kind": "site",
                            "name_vi": "Camera ngã tư Bồn Cột",
                            "valid_from": "2025-07-01",
                            "parents": [{"unit": "25813"}],
                        }
                    ]
                }
            ]
        },
    )

    units: list[UnitIn] = Field(min_length=1, max_length=5000)


class UnitsReceipt(BaseModel):
    created: int
    changed: int
    unchanged: int
