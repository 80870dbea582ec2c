"""Citizens' field reports on the wire."""

import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.errors import NotValid, Text
from app.schemas.catalogue import Address, Day, Name
from app.schemas.problems import Problem
from app.schemas.readings import Code
from app.schemas.screens import Slug
from app.schemas.wire import Number

Visibility = Literal["public", "withheld", "private"]
Channel = Literal["app", "hotline", "zalo", "web", "staff"]
Urgency = Literal["urgent", "normal", "complex"]
StateName = Literal[
    "submitted", "need_info", "rejected", "accepted", "assigned", "returned", "processing", "extended", "resolved",
    "approved", "published", "reopened", "closed",
]  # fmt: skip
OutcomeName = Literal["fixed", "partly", "not_ours", "duplicate", "cannot_find", "no_budget"]
StageName = Literal["received", "in_hand", "answered"]
RejectionName = Literal["spam", "duplicate", "out_of_scope", "not_verifiable", "defamatory", "withdrawn"]
ActorName = Literal["citizen", "moderator", "agency", "system"]


def _visible(words: str) -> str:
    """Whoever reads it must see something: marks of direction, joiners and fillers alone are nothing."""
    if not any(unicodedata.category(one)[0] in "LNPS" and one not in _BLANK for one in words):
        raise NotValid(Text("phải có chữ nhìn thấy được", "there must be something to see in it"))
    return words


_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")  # letters and signs by their category, which show nothing
# NUL is the one character that Postgres cannot keep in a text.
_Words = StringConstraints(strip_whitespace=True, min_length=1, max_length=5_000, pattern=r"^[^\x00]+$")
_Line = StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00\r\n]+$")
Words = Annotated[str, _Words, AfterValidator(_visible)]
Line = Annotated[str, _Line, AfterValidator(_visible)]


def _written_out(value: object) -> object:
    """Pydantic alone takes 0 and "0" for the beginning of 1970."""
    if not isinstance(value, str) or not _INSTANT.match(value):
        raise PydanticCustomError("datetime_type", "not an instant")
    return value


# Until 1911 the clocks of Vietnam were seven hours, six and a half minutes ahead, which no RFC 3339 can write.
_INSTANT = re.compile(r"(?:19[2-9]|2\d\d)\d-\d\d-\d\d[Tt ]", re.ASCII)
# In UTC: the same instant with another offset is the same content.
Moment = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(lambda moment: moment.astimezone(UTC))]
Subject = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


class PointIn(BaseModel):
    """A place on the ground: WGS 84, degrees."""

    model_config = ConfigDict(extra="forbid")

    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False)
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False)


class PointOut(BaseModel):
    latitude: float
    longitude: float


class ContactIn(BaseModel):
    """How the citizen may be reached: kept apart from the case, encrypted, and shown to nobody who handles it."""

    model_config = ConfigDict(extra="forbid")

    name: Line | None = None
    phone: Line | None = None
    email: Line | None = None


class ContactOut(BaseModel):
    name: str | None
    phone: str | None
    email: str | None


class ReportIn(BaseModel):
    """A report as a citizen sends it, or somebody for a citizen. The same id and content again is the same report."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "id": "7a0e4a52-9c37-4c11-9d4e-0f5c3f0d7c11",
                    "category": "trees-lighting",
                    "description": "Đèn đường trước số 12 đường Hùng Vương không sáng đã ba đêm.",
                    "point": {"latitude": 11.1536, "longitude": 106.6061},
                    "address": "12 Hùng Vương",
                    "occurred_at": "2026-11-21T19:30:00+07:00",
                    "channel": "app",
                }
            ]
        },
    )

    id: UUID = Field(description="Made by the sender, once for each report: sending again is harmless.")
    category: Code = Field(description="Code, see GET /v1/reports/categories.")
    description: Words
    point: PointIn | None = None
    address: Line | None = Field(None, description="In words; with or without a point.")
    occurred_at: Moment | None = Field(None, description="Default: when it was received.")
    visibility: Visibility = Field(
        "public",
        description="What the citizen wishes. withheld: published without a word of who, the place only roughly; private: never published.",
    )
    channel: Channel = "app"
    contact: ContactIn | None = None
    subject: Subject | None = Field(
        None, description="The citizen as the sender's own system names them: opaque, never a national id."
    )

    @model_validator(mode="after")
    def _somewhere(self) -> "ReportIn":
        if self.point is None and self.address is None:
            raise NotValid(Text("cần point hoặc address", "point or address is needed"))
        return self


class MoveIn(BaseModel):
    """What is to become of a report. Which fields are needed depends on the move; the answer to a wrong one says."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"to": "accepted"},
                {
                    "to": "rejected",
                    "rejection": "out_of_scope",
                    "reason": "Thuộc quốc lộ, xin gửi Khu Quản lý đường bộ.",
                },
                {"to": "resolved", "outcome": "fixed", "reply": "Đã thay bóng đèn ngày 22-11."},
            ]
        },
    )

    to: StateName
    reason: Words | None = Field(None, description="Why; the citizen reads it.")
    rejection: RejectionName | None = Field(
        None, description="`withdrawn`: who sent it takes it back, before anybody acts on it; nobody else."
    )
    agency: Address | None = Field(None, description="Code of the unit that is to act.")
    deadline: Moment | None = Field(None, description="The new one.")
    outcome: OutcomeName | None = None
    reply: Words | None = Field(None, description="The answer to the citizen.")
    unit: Address | None = Field(None, description="A moderator who knows better where it is: code of the commune.")
    category: Code | None = Field(None, description="A moderator who knows better what it is about.")
    duplicate_of: UUID | None = Field(None, description="The report that this one repeats.")
    subject: Subject | None = Field(None, description="The citizen who moves it, as in the report.")
    person: Line | None = Field(None, description="Who of the staff does it, as their system says; kept, never public.")


class MovesIn(MoveIn):
    """The same move for many reports."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ids": ["5f0c1c4e-8f0b-4d0e-9d8e-3f1f0e6f2a10"], "to": "accepted"}]}
    )

    ids: list[UUID] = Field(min_length=1, max_length=200)


class Verdict(BaseModel):
    """What became of one of many."""

    id: UUID
    moved: bool
    state: StateName | None = Field(description="Where it is now; null: it was not moved.")
    problem: Problem | None = Field(description="Why it was not.")


class Verdicts(BaseModel):
    moved: int
    refused: int
    items: list[Verdict]


class WithdrawalIn(BaseModel):
    """Why the public is to see a report no longer."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "Ảnh có biển số xe."}]})

    reason: Words
    person: Line | None = Field(None, description="Who of the staff does it; kept, never public.")


class FollowOut(BaseModel):
    id: UUID
    following: bool
    followers: int | None = Field(description="null: the report is not public yet.")


class RatingIn(BaseModel):
    """What who sent the report thinks of its answer."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"stars": 5, "words": "Nhanh, cảm ơn."}]})

    stars: int = Field(ge=1, le=5, strict=True)
    words: Words | None = None
    subject: Subject | None = Field(None, description="The citizen who rates, as in the report.")


class RatingOut(BaseModel):
    round: int
    stars: int
    words: str | None
    rated_at: datetime


class RatingGiven(RatingOut):
    changeable_until: datetime | None


class CommentIn(BaseModel):
    """Something to say about a report. The same id and content again is the same comment."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"id": "3e0c7d0e-6a0b-4a53-9b1c-0c6f3a1f9b11", "words": "Tối nay đèn lại tắt."}]
        },
    )

    id: UUID = Field(description="Made by the sender, once for each comment.")
    words: Words
    internal: bool = Field(False, strict=True, description="Of staff, for the staff concerned only.")
    subject: Subject | None = Field(None, description="The citizen who says it; absent where staff speak.")
    person: Line | None = Field(None, description="Who of the staff says it; kept, never public.")


class ShownIn(BaseModel):
    """A moderator's verdict on a comment."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"shown": True}]})

    shown: bool = Field(strict=True, description="Everybody may read it, as long as the report is public.")


class CommentOut(BaseModel):
    id: UUID
    at: datetime
    by: Literal["citizen", "moderator", "agency"]
    own: bool = Field(description="By who sent the report.")
    internal: bool
    shown: bool = Field(description="Everybody may read it, as long as the report is public.")
    words: str
    person: str | None = Field(None, description="For staff only.")


class CommentPage(BaseModel):
    items: list[CommentOut]
    next: str | None


class PhotoOut(BaseModel):
    """A photo, with links that show it for an hour."""

    n: int
    kind: Literal["before", "after"]
    width: int
    height: int
    taken_at: datetime | None
    heading: Number | None = Field(description="Where the camera looked, in degrees clockwise from north.")
    full: str = Field(description="At most 2048 pixels long.")
    screen: str
    thumb: str


class UploadOut(BaseModel):
    """How much of a photo is here."""

    received: int = Field(description="Bytes: the next piece starts there.")
    size: int
    complete: bool


class EventOut(BaseModel):
    at: datetime
    by: ActorName
    from_: StateName | None = Field(alias="from")
    to: StateName
    label: str = Field(description="The state in words.")
    reason: str | None = None
    rejection: RejectionName | None = None
    outcome: OutcomeName | None = None
    reply: str | None = None
    agency: str | None = None
    agency_name: str | None = None
    handling_due_at: datetime | None = None
    person: str | None = Field(None, description="For staff only.")


class ReportOut(BaseModel):
    """A report. Everybody may see the case of a published one, never the person; the last fields are for who has to do with it."""

    id: UUID
    number: int
    category: str
    category_name: str
    urgency: Urgency
    unit: str | None
    unit_name: str | None
    agency: str | None
    agency_name: str | None
    description: str
    address: str | None
    point: PointOut | None
    coarse: bool = Field(description="The point is the middle of a square of some 500 m in which it is.")
    occurred_at: datetime
    received_at: datetime
    state: StateName
    label: str
    outcome: OutcomeName | None
    reply: str | None
    published_at: datetime | None
    followers: int = Field(description="How many others wait for it, too.")
    duplicate_of: UUID | None

    channel: Channel | None = None
    visibility: Visibility | None = None
    intake_due_at: datetime | None = None
    handling_due_at: datetime | None = None
    late: bool | None = Field(None, description="The clock that runs has passed its deadline.")


class Original(BaseModel):
    """The report that another one repeats: its answer is that one's too, once it is public."""

    id: UUID
    number: int
    stage: StageName
    outcome: OutcomeName | None
    reply: str | None
    published_at: datetime | None


class ReportDetail(ReportOut):
    bounces: int = Field(description="How many times an agency sent it back as not its own.")
    round: int = Field(description="How many times it has been worked on.")
    photos: list[PhotoOut]
    events: list[EventOut]
    moves: list[StateName] = Field(description="What the caller may make of it now.")
    original: Original | None = Field(description="The report that it repeats.")
    ratings: list[RatingOut] = Field(description="One for each round; for who has to do with it.")


class ReportSent(ReportDetail):
    follow_up: str | None = Field(
        None,
        description="Of a report without a subject: who has it in the header X-Report-Token sees it, comments on it and rates it, without a key. Only here; only a hash of it is stored.",
    )


class Tombstone(BaseModel):
    """A report that the caller could see and sees no more."""

    id: UUID
    gone: Literal[True]


class ReportPage(BaseModel):
    items: list[ReportOut | Tombstone] = Field(description="Tombstones are only in the feed (order=changed).")
    next: str | None


class SimilarReport(ReportOut):
    metres: int


class ReportOutline(BaseModel):
    """An open report that is not public: enough to follow it instead of sending it again."""

    id: UUID
    category: str
    category_name: str
    stage: StageName
    point: PointOut = Field(description="The middle of a square of some 500 m in which it is.")
    coarse: Literal[True]
    received_on: date
    metres: int = Field(description="To the middle of the square.")


class SimilarPage(BaseModel):
    items: list[SimilarReport | ReportOutline]


class GeometryOut(BaseModel):
    type: Literal["Point"]
    coordinates: list[float] = Field(description="Longitude, latitude.")


class FeatureOut(BaseModel):
    type: Literal["Feature"]
    id: str | None = None
    geometry: GeometryOut | None
    properties: dict[str, Any]


class FeatureCollection(BaseModel):
    """GeoJSON, RFC 7946."""

    type: Literal["FeatureCollection"]
    features: list[FeatureOut]
    next: str | None = Field(None, description="Cursor of the next page.")


class CategoryOut(BaseModel):
    code: str
    name: str
    urgency: Urgency
    public: bool
    coarse: bool
    valid_from: date
    origin: str


class CategoryList(BaseModel):
    items: list[CategoryOut]


class AreaPlace(BaseModel):
    unit: str
    unit_name: str
    latitude: float
    longitude: float


class AreaOut(BaseModel):
    """Where reports are taken, for a map."""

    places: list[AreaPlace]
    key_needed: bool = Field(description="Nobody may send without one: IOC_PUBLIC_REPORTS is off.")


# --- the rules ---

Weekday = Annotated[int, Field(ge=0, le=6, strict=True, description="Monday is 0.")]
Since = Field(None, description="In force from this day on; default today.")


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CategoryRow(_Row):
    """What a report may be about."""

    code: Slug
    valid_from: Day | None = Since
    name_vi: Name
    name_en: Name
    position: int = Field(ge=0, le=10_000, strict=True, description="Order in lists.")
    urgency: Urgency
    public: bool = Field(True, strict=True, description="Reports of it may be published.")
    coarse: bool = Field(False, strict=True, description="The public sees the place only roughly.")
    active: bool = Field(True, strict=True, description="false: from that day on no new ones.")


class TargetRow(_Row):
    """How long a step may take."""

    step: Literal["intake", "handling", "reopening"]
    urgency: Urgency
    category: Slug | None = Field(None, description="null: any without a row of its own.")
    valid_from: Day | None = Since
    amount: int = Field(ge=1, le=100_000, strict=True)
    measure: Literal["minutes", "working-hours", "working-days"] = Field(description="Minutes are those of the clock.")
    extensions: int = Field(0, ge=0, le=10, strict=True)


class RouteRow(_Row):
    """Who acts in a unit and all below it."""

    category: Slug | None = Field(None, description="null: any without a row of its own.")
    unit: Address
    valid_from: Day | None = Since
    agency: Address | None = Field(description="null: the route ends.")


class ShiftRow(_Row):
    """When people work on a weekday."""

    weekday: Weekday
    valid_from: Day | None = Since
    hours: list[Annotated[str, StringConstraints(pattern=r"^[0-2]\d:[0-5]\d-[0-2]\d:[0-5]\d$")]] = Field(
        max_length=6, description="Such as 07:30-11:30, in order; none: a day off."
    )

    @field_validator("hours")
    @classmethod
    def _in_order(cls, hours: list[str]) -> list[str]:
        ends = [end for shift in hours for end in shift.split("-")]
        if ends != sorted(set(ends)) or any(end > "23:59" for end in ends):
            raise NotValid(
                Text("các ca phải theo thứ tự, không chồng nhau", "the shifts must be in order and not overlap")
            )
        return hours


class DayRow(_Row):
    """A day that is not like others of its weekday. To take one back, let it be worked like its own weekday."""

    day: Day
    works_like: Weekday | None = Field(None, description="The weekday whose shifts it has; null: off.")
    name_vi: Name
    name_en: Name


class RulesIn(BaseModel):
    """Rows to be put in force, all or none; each takes the place of the one with its key and day."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"routes": [{"category": "electricity", "unit": "bencat", "agency": "25813"}]},
                {"days": [{"day": "2027-02-12", "works_like": None, "name_vi": "Nghỉ thêm", "name_en": "Day off"}]},
            ]
        },
    )

    categories: list[CategoryRow] = Field([], max_length=1000)
    targets: list[TargetRow] = Field([], max_length=1000)
    routes: list[RouteRow] = Field([], max_length=1000)
    shifts: list[ShiftRow] = Field([], max_length=100)
    days: list[DayRow] = Field([], max_length=1000)


class _KeptRow(BaseModel):
    origin: str = Field(description="Where the row comes from: whose key, or the starting set.")


class CategoryRowOut(_KeptRow, CategoryRow):
    model_config = ConfigDict(extra="ignore")


class TargetRowOut(_KeptRow, TargetRow):
    model_config = ConfigDict(extra="ignore")


class RouteRowOut(_KeptRow, RouteRow):
    model_config = ConfigDict(extra="ignore")


class ShiftRowOut(_KeptRow, ShiftRow):
    model_config = ConfigDict(extra="ignore")


class DayRowOut(_KeptRow, DayRow):
    model_config = ConfigDict(extra="ignore")


class RulesOut(BaseModel):
    """All rows, those of later days too."""

    categories: list[CategoryRowOut]
    targets: list[TargetRowOut]
    routes: list[RouteRowOut]
    shifts: list[ShiftRowOut]
    days: list[DayRowOut]
