"""Screens on the wire: what a wall is made of (a definition), and what stands on it (a snapshot)."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.errors import NotValid, Text
from app.schemas.aggregates import BucketGrain, ComparisonOut, CoverageOut, Reason, TargetState, WaitingSince
from app.schemas.catalogue import Direction, UnitKind
from app.schemas.readings import Code, Status
from app.schemas.wire import Number

COLUMNS = 12
MOST_ROWS = 24
MOST_PAGES = 20
MOST_WIDGETS = 60  # on one page

Slug = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00]+$")]
PeriodText = Annotated[str, StringConstraints(min_length=4, max_length=40)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


# --- the definition ---


class WordsIn(_Strict):
    """Words in both languages; without English the Vietnamese stand."""

    vi: Words
    en: Words | None = None

    @model_validator(mode="before")
    @classmethod
    def _not_a_text(cls, given: object) -> object:
        if isinstance(given, str):
            raise NotValid(Text('viết {"vi": "…", "en": "…"}', 'write {"vi": "…", "en": "…"}'))
        return given

    def said(self, language: str) -> str:
        return self.en if language == "en" and self.en else self.vi


class Parameters(_Strict):
    """What a viewer may choose; this is what stands while nobody does."""

    unit: Code = Field(description="Code of the unit that the screen is about: one definition serves any unit.")
    formerly: list[Code] = Field(
        default=[],
        max_length=5,
        description="Units whose last figures stand in where the unit above has none; not for other units.",
    )
    period: PeriodText | None = Field(None, description="Fixed; without it each figure is the latest that there is.")


class _Widget(_Strict):
    """A place on the grid of twelve columns."""

    id: Slug
    x: int = Field(ge=0, lt=COLUMNS, description="Column of the left edge.")
    y: int = Field(ge=0, lt=MOST_ROWS, description="Row of the upper edge.")
    w: int = Field(ge=1, le=COLUMNS)
    h: int = Field(ge=1, le=MOST_ROWS)
    title: WordsIn | None = Field(None, description="Default: the name of what is shown.")


class _OfUnit(_Widget):
    unit: Code | None = Field(None, description="Default: the unit of the page.")
    period: PeriodText | None = Field(None, description="Default: the period of the screen, or the latest.")
    grain: BucketGrain | None = Field(None, description="Length of the period; default: as it is reported.")


class FigureIn(_OfUnit):
    """One indicator, large."""

    kind: Literal["figure"]
    indicator: Code
    compare: list[Literal["previous", "week_ago", "year_ago", "target"]] | None = Field(
        None,
        max_length=4,
        description="Default: days and hours with those of a week before, longer periods with the one before and that of a "
        "year before; and with the target.",
    )


class TrendIn(_OfUnit):
    """One indicator over time, last year's beside it."""

    kind: Literal["trend"]
    indicator: Code
    count: int = Field(24, ge=2, le=366, description="Periods up to the latest.")
    year_ago: bool = True


class RankingIn(_OfUnit):
    """The units below, best and worst first; of a unit without any, those of the screen's own unit, itself among them."""

    kind: Literal["ranking"]
    indicator: Code
    unit_kind: UnitKind | None = Field(None, description="All of this kind below; default: the direct children.")
    best: int = Field(5, ge=0, le=50)
    worst: int = Field(5, ge=0, le=50, description="Whoever shows the best alone has to say so: 0.")


class TableIn(_OfUnit):
    """The units below, by some indicators; of a unit without any, as in a ranking."""

    kind: Literal["table"]
    indicators: list[Code] = Field(min_length=1, max_length=12)
    unit_kind: UnitKind | None = None


class BreakdownIn(_OfUnit):
    """Parts of a whole: several indicators, or one over the units below."""

    kind: Literal["breakdown"]
    whole: Code = Field(description="The indicator of the whole.")
    parts: list[Code] = Field(default=[], max_length=12, description="Default: the whole in each child of the unit.")


Outcome = Literal["done", "expected", "ongoing", "not_started", "missed", "unmeasured"]


class ProgressPart(_Strict):
    outcome: Outcome
    indicator: Code


class ProgressIn(_OfUnit):
    """Targets or tasks by what became of them: done, expected, missed, not measurable."""

    kind: Literal["progress"]
    total: Code
    parts: list[ProgressPart] = Field(min_length=1, max_length=6)


class MapIn(_OfUnit):
    """The units below on their coordinates, by value and state; of a unit without any, as in a ranking. Or, with `reports`, published
    reports where they are."""

    kind: Literal["map"]
    indicator: Code | None = Field(None, description="Of the units below; needed without `reports`.")
    unit_kind: UnitKind | None = None
    reports: bool = Field(False, strict=True, description="The newest published reports of the unit and all below it.")

    @model_validator(mode="after")
    def _of_something(self) -> "MapIn":
        if self.reports == (self.indicator is not None):
            raise NotValid(Text("cần indicator hoặc reports, không cả hai", "indicator or reports is needed, not both"))
        return self


class DomainsIn(_OfUnit):
    """One tile for each domain that is switched on."""

    kind: Literal["domains"]
    headlines: dict[Code, Annotated[list[Code], Field(min_length=1, max_length=5)]] = Field(
        default={},
        max_length=100,
        description="By domain: the indicators to show, the first that has a figure; default: any that has.",
    )


class FeedIn(_Widget):
    """The newest published reports of the unit of the screen and all below it."""

    kind: Literal["feed"]
    count: int = Field(8, ge=1, le=50)


class TextIn(_Widget):
    """Words of the operator's own."""

    kind: Literal["text"]
    text: WordsIn = Field(
        description="Plain text; a line break begins a paragraph. Markdown and HTML stand there as they are written."
    )


class SourcesIn(_Widget):
    """Who has reported, and who is late: each source against the cadence of what it reports."""

    kind: Literal["sources"]


WidgetIn = Annotated[
    FigureIn
    | TrendIn
    | RankingIn
    | TableIn
    | BreakdownIn
    | ProgressIn
    | MapIn
    | DomainsIn
    | FeedIn
    | TextIn
    | SourcesIn,
    Field(discriminator="kind"),
]


class PageIn(_Strict):
    """What stands on the wall at one time."""

    title: WordsIn | None = None
    unit: Code | None = Field(None, description="Whom the page is about; default: the unit of the screen.")
    seconds: int = Field(30, ge=5, le=3600, description="How long it stands before the next page.")
    rows: int = Field(8, ge=1, le=MOST_ROWS, description="Into how many rows the height is divided.")
    widgets: list[WidgetIn] = Field(min_length=1, max_length=MOST_WIDGETS)


class ScreenIn(_Strict):
    """A wall as it is defined: pages of widgets on a grid of twelve columns."""

    title: WordsIn
    parameters: Parameters
    theme: Literal["dark", "light"] = "dark"
    pages: list[PageIn] = Field(min_length=1, max_length=MOST_PAGES)


class ScreenOut(BaseModel):
    slug: str
    version: int = Field(description="Also the `ETag`: send it as `If-Match` when you change the screen.")
    recorded_at: str
    definition: ScreenIn


class ScreenItem(BaseModel):
    slug: str
    title: str
    unit: str
    pages: int
    version: int
    recorded_at: str


class ScreenList(BaseModel):
    items: list[ScreenItem]


# --- the snapshot ---

NewestAt = Annotated[
    str | None, Field(description="Local time up to which the newest of the figures was measured; null: there is none.")
]
Age = Literal["fresh", "due", "late"]
State = Literal["on_track", "at_risk", "off_track"]
Absence = Reason | Literal["not-public", "no-such-unit"]
Empty = Annotated[
    Literal["no-units", "no-such-unit", "not-public", "no-data"] | None,
    Field(
        description="Why no units are shown: none below this one, it is gone itself, not for this viewer, no figure yet."
    ),
]


class UnitName(BaseModel):
    code: str
    address: str
    name: str
    kind: UnitKind


class ShownFigure(BaseModel):
    """A number with all that a viewer may ask about it. `value` is null exactly when `reason` says why."""

    indicator: str
    name: str
    measure: str
    direction: Direction
    unit: str = Field(description="Another than that of the screen where a former unit's last figure stands in.")
    unit_name: str = Field(description="Of a unit that is no more with `(cũ)`, in English `(former)`.")
    grain: BucketGrain
    period: str | None = Field(description="null: there is no period with a figure.")
    value: Number | None
    reason: Absence | None = None
    origin: Literal["reported", "derived"] | None = None
    status: Status | None = None
    partial: bool = False
    coverage: CoverageOut | None = None
    synthetic: bool = False
    note: str | None = None
    sources: list[str] | None = Field(None, description="Names of those whose readings stand behind it.")
    observed_at: str | None = Field(None, description="Local time up to which it was measured.")
    received_at: str | None = Field(None, description="When the newest of what stands behind it reached the hub.")
    age: Age | None = Field(
        None, description="Against the indicator's cadence; absent for a period that was asked for."
    )
    due_at: str | None = Field(None, description="From when on a newer one is due; viewers may age it themselves.")
    late_at: str | None = None
    previous: ComparisonOut | None = None
    week_ago: ComparisonOut | None = None
    year_ago: ComparisonOut | None = None
    targets: list[TargetState] | None = None
    state: State | None = Field(None, description="Against the first target.")


class FigureData(BaseModel):
    figure: ShownFigure


class TrendPoint(BaseModel):
    period: str
    value: Number | None
    reason: Reason | None = None
    partial: bool = False
    coverage: CoverageOut | None = Field(None, description="Where the figure is partial.")
    synthetic: bool = False
    falls_short: bool = Field(
        False,
        description="Of the last one: lower than it will be, because what adds up in it goes on, or because fewer units have "
        "reported than of the one before. That is no fall.",
    )
    year_ago: Number | None = Field(
        None, description="The same period of the year before; absent where the unit began only within that."
    )


class TrendData(BaseModel):
    figure: ShownFigure = Field(
        description="The latest; where that falls short, the one before, with the age of the latest."
    )
    latest: ShownFigure | None = Field(None, description="The latest, where it falls short.")
    points: list[TrendPoint]


class RankedFigure(BaseModel):
    rank: int | None
    tied: int = Field(
        description="How many units have this rank, itself among them; more than are shown where the list is cut."
    )
    unit: str
    unit_name: str
    value: Number | None
    reason: Absence | None = None
    partial: bool = False
    synthetic: bool = False


class RankingData(BaseModel):
    indicator: str
    name: str
    measure: str
    direction: Direction
    grain: BucketGrain
    period: str | None
    observed_at: NewestAt
    units: int = Field(description="How many there are.")
    without: int = Field(description="How many of them have no figure.")
    best: list[RankedFigure]
    worst: list[RankedFigure] = Field(description="The last one first.")
    reason: Empty = None


class TableColumn(BaseModel):
    indicator: str
    name: str
    measure: str
    direction: Direction
    observed_at: NewestAt


class Cell(BaseModel):
    period: str | None
    value: Number | None
    reason: Absence | None = None
    partial: bool = False
    synthetic: bool = False
    state: State | None = None


class TableRow(BaseModel):
    unit: str
    unit_name: str
    cells: list[Cell] = Field(description="In the order of the indicators.")


class TableData(BaseModel):
    indicators: list[TableColumn]
    rows: list[TableRow]
    reason: Empty = None


class BreakdownData(BaseModel):
    whole: ShownFigure
    parts: list[ShownFigure]
    rest: Number | None = Field(description="What of the whole no part has; null where it cannot be said.")
    reason: Empty = None


class ProgressOut(BaseModel):
    outcome: Outcome
    figure: ShownFigure


class ProgressData(BaseModel):
    total: ShownFigure
    parts: list[ProgressOut]


class MapPoint(BaseModel):
    unit: str
    unit_name: str
    latitude: float
    longitude: float
    value: Number | None
    reason: Absence | None = None
    synthetic: bool = False
    state: State | None = None


class MapData(BaseModel):
    indicator: str
    name: str
    measure: str
    direction: Direction
    grain: BucketGrain
    period: str | None
    observed_at: NewestAt
    points: list[MapPoint]
    elsewhere: int = Field(description="Units without coordinates.")
    reason: Empty = None


class DomainTile(BaseModel):
    domain: str
    name: str
    figure: ShownFigure | None = Field(description="null: nobody has reported anything of it.")


class DomainsData(BaseModel):
    tiles: list[DomainTile]


Progress = Annotated[
    Literal["open", "answered", "fixed"],
    Field(description="Worked on again; answered, but not repaired; repaired, at least partly."),
]


class FeedItem(BaseModel):
    """A published report."""

    id: str
    number: int
    at: str = Field(description="When it was published.")
    title: str = Field(description="What the citizen wrote, cut where it is long.")
    category: str
    unit_name: str
    state: str = Field(description="In words.")
    progress: Progress
    synthetic: bool = Field(False, description="Made up for a demonstration.")


class ReportPoint(FeedItem):
    latitude: float
    longitude: float


class Place(BaseModel):
    unit_name: str
    latitude: float
    longitude: float


class ReportMapData(BaseModel):
    reports: list[ReportPoint] = Field(description="The newest 500.")
    places: list[Place] = Field(description="The communes around them.")


class FeedData(BaseModel):
    items: list[FeedItem]


class TextData(BaseModel):
    text: str


class SourceFreshness(BaseModel):
    source: str
    name: str
    synthetic: bool
    received_at: str | None = Field(description="Its last reading.")
    indicators: int = Field(description="Series (indicator and unit) that it reports ...")
    fresh: int
    due: int
    late: int = Field(description="... and how many of them are late.")
    age: Age | None


class SourcesData(BaseModel):
    sources: list[SourceFreshness] = Field(
        description="Those that report; a publication that was loaded once does not."
    )


WidgetData = (
    FigureData | TrendData | RankingData | TableData | BreakdownData | ProgressData | MapData | ReportMapData
    | DomainsData | FeedData | TextData | SourcesData
)  # fmt: skip


class WidgetOut(BaseModel):
    """Where a widget stands; what stands in it is `data[id]` of the snapshot."""

    id: str
    kind: str
    x: int
    y: int
    w: int
    h: int
    title: str | None


class PageOut(BaseModel):
    title: str | None
    unit: str | None = Field(None, description="Where the page is about another than the screen.")
    unit_name: str | None = None
    seconds: int
    rows: int
    widgets: list[WidgetOut]


class Snapshot(BaseModel):
    """A screen with all its data, of one instant."""

    slug: str
    version: int
    title: str
    theme: Literal["dark", "light"]
    change: int = Field(description="The number of the last change that it shows; the `id` of events.")
    unit: UnitName
    period: str | None
    as_of: str | None
    waiting_since: WaitingSince
    display: bool = Field(False, description="A paired display asked.")
    pages: list[PageOut]
    data: dict[str, WidgetData]


class WidgetEvent(BaseModel):
    """The `data` of an event `widget` on the stream."""

    id: str
    change: int
    data: WidgetData
