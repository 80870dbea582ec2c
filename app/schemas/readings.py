"""Readings on the wire."""

import re
from decimal import Decimal
from typing import Annotated, Literal, NotRequired

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from app.schemas.wire import Number

MAX_WHOLE_DIGITS, MAX_DECIMALS = 20, 12

Status = Literal["estimated", "provisional", "final"]
STATUSES: tuple[Status, ...] = ("estimated", "provisional", "final")  # weakest first; stored as its place

# NUL is the one character that Postgres cannot keep in a text.
Code = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
Note = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]


def _written_plainly(value: object) -> object:
    """`Decimal` itself would take "1_000" and digits of other scripts."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise PydanticCustomError("decimal_parsing", "not a decimal")
    return value


_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,6})?", re.ASCII)
ExactValue = Annotated[
    Decimal,
    Field(max_digits=MAX_WHOLE_DIGITS + MAX_DECIMALS, decimal_places=MAX_DECIMALS, allow_inf_nan=False),
    BeforeValidator(_written_plainly),
]


@with_config(ConfigDict(extra="forbid"))
class ReadingIn(TypedDict):
    """One row of a batch. A typed dict and not a model: fifty thousand of them come in one request."""

    indicator: Code
    unit: Code
    period: Code
    value: ExactValue | None
    status: NotRequired[Status]
    note: NotRequired[Note | None]


class ReadingsIn(BaseModel):
    """The JSON body of `POST /v1/readings`, for the documentation; `app.readings.batch` reads it row by row."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "readings": [
                        {"indicator": "tthc.dossier.received", "unit": "25813", "period": "2026-11-20", "value": 42},
                        {
                            "indicator": "budget.revenue.total",
                            "unit": "25813",
                            "period": "2026-11-20",
                            "value": 118250000000.5,
                            "status": "provisional",
                            "note": "chưa gồm hoàn thuế",
                        },
                    ]
                }
            ]
        },
    )

    readings: list[ReadingIn]


class RowProblem(BaseModel):
    """One mistake (or warning): in which row, at which field, with which value, and what would be right."""

    row: int | None = Field(None, description="Counted from 1; in a CSV the header is row 1.")
    pointer: str | None = Field(None, description="JSON pointer into the body, or the column.")
    code: str
    value: object = None
    detail: str


class Receipt(BaseModel):
    """What became of a batch. `received = created + unchanged + corrected + rejected`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "batch": 17, "received": 2, "created": 1, "unchanged": 0, "corrected": 1, "rejected": 0,
                    "errors": [], "warnings": [],
                }
            ]
        }
    )  # fmt: skip

    batch: int
    received: int
    created: int
    unchanged: int
    corrected: int = Field(description="Changed values, withdrawals and reinstatements; the earlier values are kept.")
    rejected: int
    errors: list[RowProblem]
    warnings: list[RowProblem] = Field(
        description="What was taken, but may be a slip, such as a count with a fraction: of each indicator the first row."
    )


class ReadingOut(BaseModel):
    """One value as it was reported."""

    indicator: str
    unit: str
    unit_valid_from: str | None = Field(description="With the code it identifies the unit: codes were used again.")
    period: str
    value: Number | None = Field(description="null: withdrawn")
    status: Status
    note: str | None
    source: str
    synthetic: bool
    batch: int
    received_at: str
    superseded_at: str | None = Field(description="Set on earlier values, which includeHistory adds.")


class ReadingPage(BaseModel):
    items: list[ReadingOut]
    next: str | None
