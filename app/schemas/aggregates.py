"""Aggregates, rankings, explanations and targets on the wire."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from app.schemas.readings import Code, Note, Status
from app.schemas.wire import Number

BucketGrain = Literal["hour", "day", "week", "month", "quarter", "year"]
ComparisonKind = Literal["previous", "week_ago", "year_ago", "target", "ytd"]
Reason = Literal[
    "no-data",
    "not-additive",
    "missing-denominator",
    "zero-denominator",
    "grain-too-fine",
    "not-applicable",
    "no-counterpart",
]


WaitingSince = Annotated[
    AwareDatetime | None,
    Field(
        description="Readings that came then, and later, are not all in these figures yet, though they should be: nothing rolls them up, or more"
        " come than can be. Null: all are."
    ),
]


class CoverageOut(BaseModel):
    """How much stands behind a figure: `[present, expected]`."""

    units: tuple[int, int]
    periods: tuple[int, int]


class ComparisonOut(BaseModel):
    period: str | None = Field(description="The bucket that the figure is compared with.")
    until: str | None = Field(None, description="Set when only its part up to here was taken, like with like.")
    value: Number | None
    reason: Reason | None = None
    alike: bool = Field(
        description="The same units stand behind both sides, or all that are expected behind each, and what is compared is over. "
        "Else there is no change."
    )
    change: Number | None
    change_pct: Number | None = Field(description="null for rates and ranks: their change is in points or places")
    partial: bool = Field(description="Something expected is missing on this side.")
    coverage: CoverageOut


class TargetState(BaseModel):
    setter: str
    document: str | None
    value: Number
    achieved_pct: Number | None = Field(
        description="The value in % of the target; where down is good the target is a ceiling, and this is what is used up."
    )
    state: Literal["on_track", "at_risk", "off_track"] | None = Field(
        description="Of what accumulates while the target's period goes on: against the share of the target that would be reached "
        "evenly by now (`elapsed_pct`). null: neither more nor less is better, or nothing of the period is over."
    )
    elapsed_pct: Number | None = Field(
        description="How much of the target's period is over, in %, up to the last complete period behind the value. null: all of "
        "the target counts, because the period has ended or because nothing accumulates in it."
    )


class YearToDate(BaseModel):
    value: Number | None


class Point(BaseModel):
    """One bucket. `value` is null exactly when `reason` says why."""

    period: str
    value: Number | None
    reason: Reason | None = None
    origin: Literal["reported", "derived"] | None = None
    status: Status | None = None
    partial: bool = Field(description="The bucket has not ended, or something expected is missing.")
    coverage: CoverageOut
    synthetic: bool = Field(False, description="A source marked synthetic stands behind the value.")
    note: str | None = Field(None, description="What the source noted on a reported figure, such as over or about.")
    previous: ComparisonOut | None = None
    week_ago: ComparisonOut | None = Field(None, description="The same weekday of the week before; of days and hours.")
    year_ago: ComparisonOut | None = None
    targets: list[TargetState] | None = None
    ytd: YearToDate | None = None


class SeriesOut(BaseModel):
    indicator: str
    name: str
    measure: str
    unit: str
    unit_name: str
    unit_valid_from: str | None
    grain: BucketGrain
    sources: list[str] = Field(description="Codes of the sources whose readings stand behind the values.")
    points: list[Point]


class Aggregates(BaseModel):
    series: list[SeriesOut]
    waiting_since: WaitingSince


class RankedUnit(BaseModel):
    rank: int | None = Field(
        description="1 is best by the indicator's direction; equal values share a rank; null without a value"
    )
    unit: str
    unit_name: str
    value: Number | None
    reason: Reason | None = None
    origin: Literal["reported", "derived"] | None = None
    status: Status | None = None
    partial: bool
    coverage: CoverageOut
    synthetic: bool = False


class Ranking(BaseModel):
    indicator: str
    name: str
    measure: str
    direction: Literal["up_good", "down_good", "neutral"]
    period: str
    items: list[RankedUnit]
    waiting_since: WaitingSince


class ExplainedReading(BaseModel):
    """A reading behind the figure, with where it came from."""

    indicator: str
    unit: str
    unit_name: str
    period: str
    value: Number
    status: Status
    note: str | None
    source: str
    source_name: str
    synthetic: bool
    batch: int
    received_at: str
    corrections: int = Field(description="How many values it had before.")


class ExplainedPart(BaseModel):
    """What one reporting unit contributes."""

    indicator: str
    unit: str
    unit_name: str
    value: Number = Field(description="What the unit's own readings behind the figure come to by the law of time.")
    base_periods: int
    first_period: str
    last_period: str


class PartOfRatio(Point):
    """The figure of a numerator or a denominator."""

    indicator: str
    name: str
    measure: str


class Explanation(BaseModel):
    """Where a number comes from: the laws in words, the parts, the readings, their sources, batches and times."""

    indicator: str
    name: str
    measure: str
    unit: str
    unit_name: str
    period: str
    rule: str = Field(description="In the caller's language: how the value came about.")
    over_time: str
    over_units: str
    figure: Point
    numerator: PartOfRatio | None = None
    denominator: PartOfRatio | None = Field(None, description="With the period of the denominator in force.")
    parts: list[ExplainedPart]
    waiting_since: AwareDatetime | None = Field(
        description="What came then, and later, is not all in the figures of screens and aggregates yet. Here it is: an explanation comes "
        "out of the readings."
    )
    readings_total: int
    readings: list[ExplainedReading] = Field(
        description="The newest thousand at most. The others: ask about the unit of a part, or about a shorter period."
    )


Percent = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=6)]
Setter = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


class TargetIn(BaseModel):
    """What should be. The same (indicator, unit, period, setter) again replaces the value; null takes it back."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "indicator": "tthc.dossier.online_rate",
                    "unit": "750",
                    "period": "2023",
                    "value": 50,
                    "setter": "UBND tỉnh Bà Rịa - Vũng Tàu",
                    "document": "Kế hoạch 2023",
                }
            ]
        },
    )

    indicator: Code
    unit: Code
    period: Code
    value: Annotated[Decimal, Field(max_digits=32, decimal_places=12, allow_inf_nan=False), Number] | None
    setter: Setter
    document: Note | None = None
    on_track_pct: Percent | None = Field(None, description="Default 100.")
    at_risk_pct: Percent | None = Field(None, description="Default 90 when up is good, 110 when down is good.")


class TargetOut(BaseModel):
    indicator: str
    unit: str
    period: str
    value: Number | None
    setter: str
    document: str | None
    on_track_pct: Number
    at_risk_pct: Number
    recorded_at: str


class TargetPage(BaseModel):
    items: list[TargetOut]
    next: str | None
