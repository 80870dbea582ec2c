"""`/v1/aggregates`, `/v1/aggregates/explain`, `/v1/rankings`: what it adds up to, and where a number comes from."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import QueryParams

from app.auth import Caller
from app.catalogue.access import require_readable
from app.catalogue.catalogue import Catalogue, Indicator, Unit
from app.changes import latest_change
from app.errors import (
    Busy,
    HubError,
    KeyRequired,
    NotAcceptable,
    ScopeMissing,
    TooManyPoints,
    TooManyReadings,
    UnitNotValid,
    UnknownIndicator,
    UnknownUnit,
)
from app.hub import Hub
from app.periods import Grain, Period, count_base_periods
from app.problems import preferred_language
from app.rollups.explain import Explanation, PartOfRatio, explain
from app.rollups.laws import COUNTERPARTS, Comparison
from app.rollups.points import figure_out, point_out
from app.rollups.series import (
    Question,
    Ranked,
    Series,
    aggregate,
    aggregate_plain,
    rank,
    series_buckets,
    units_under,
)
from app.routers.answers import CSV, JSON, NOT_MODIFIED, answer, csv_answer, etag, not_modified, problems, wanted
from app.routers.asked import asked_indicators, asked_interval, asked_period, asked_units, refused, split
from app.routers.dependencies import (
    AsOf,
    CallerDep,
    HubDep,
    Language,
    ReadCatalogue,
    ReadSession,
    presented_key,
    refuse_unknown_parameters,
)
from app.schemas.aggregates import Aggregates, BucketGrain, Ranking
from app.schemas.aggregates import Explanation as ExplanationOut
from app.schemas.catalogue import UnitKind
from app.schemas.readings import STATUSES

router = APIRouter(prefix="/v1", tags=["aggregates"], dependencies=[Depends(refuse_unknown_parameters)])

COMPARISONS = (*COUNTERPARTS, "target", "ytd")

_refusals = problems(
    KeyRequired, ScopeMissing, UnknownIndicator, UnknownUnit, UnitNotValid, NotAcceptable, TooManyPoints
)

IndicatorCodes = Annotated[list[str], Query(description="Codes; repeat it or separate them by commas.", max_length=100)]
OneCode = Annotated[str, Query(max_length=100)]


async def _tag(
    request: Request, hub: Hub, session: AsyncSession, catalogue: Catalogue, indicators: Iterable[Indicator]
) -> str:
    if hub.changes.live:
        return _live_tag(request, hub, catalogue, indicators, session.info["heard"])
    return _tag_of(request, hub, await latest_change(session))


def _live_tag(request: Request, hub: Hub, catalogue: Catalogue, indicators: Iterable[Indicator], heard: int) -> str:
    """Of the last change of these indicators and their parts: what else happens in the hub leaves the answer as it is.

    No newer than what had been heard before the answer was looked up: a tag must never be ahead of its answer.
    """
    parts = [part.id for one in indicators for part in (one, *catalogue.parts_of(one))]
    of_indicators, of_targets = hub.changes.of_indicators(parts), hub.changes.of_topic("targets")
    return _tag_of(request, hub, (min(of_indicators, heard), min(of_targets, heard), catalogue.version))


def _tag_of(request: Request, hub: Hub, change: object) -> str:
    # What changes with nobody writing: whether a bucket has ended (buckets end on the hour), and that what was written waits.
    return etag(request, change, hub.now().replace(minute=0, second=0, microsecond=0), hub.changes.waiting_since)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request for aggregates says, still in words."""

    indicator: list[str]
    unit: list[str]
    children_of: list[str]
    from_: str
    to: str
    grain: Grain
    compare: list[str] = field(default_factory=list)
    as_of: datetime | None = None

    def understood(self, hub: Hub, caller: Caller | None, catalogue: Catalogue) -> Question:
        indicators = asked_indicators(catalogue, self.indicator)
        require_readable(caller, indicators)
        start, end = asked_interval(hub.settings, self.from_, self.to)
        when = f"{self.from_}…{self.to}"
        units = _units(catalogue, self.unit, self.children_of, start, end, when, self.as_of)
        question = Question(indicators, units, (), _comparisons(self.compare), self.as_of)
        _require_few(hub, catalogue, question, self.grain, start, end)
        return question.over(series_buckets(self.grain, start, end))


async def get_plainly(request: Request) -> Response | None:
    """The answer to what is plainly asked by this process's copies; None when it is not so plain, or they may be outdated.

    What is wrong with a question is not said here: the framework's way looks at it anew.
    """
    hub: Hub = request.app.state.hub
    catalogue, heard = hub.catalogues.latest, hub.changes.latest
    asked = _plainly_asked(request.query_params)
    if asked is None or catalogue is None or not hub.changes.live:
        return None
    if hub.changes.of_topic("catalogue") > catalogue.version:
        return None
    language = preferred_language(request.headers.get("accept-language"))
    key = presented_key(request.headers)
    caller = None if key is None else await hub.keys.caller(key)
    try:
        question = asked.understood(hub, caller, catalogue)
        if wanted(request, JSON, CSV) != JSON:
            return None
    except HubError:
        return None
    tag = _live_tag(request, hub, catalogue, question.indicators, heard)
    if fresh := not_modified(request, tag):
        return fresh
    series = await aggregate_plain(request.app.state.lookups, catalogue, question, now=hub.now())
    if series is None:
        return None
    return answer(aggregates_out(hub, catalogue, series, asked.grain, language), language, tag=tag)


def _plainly_asked(query: QueryParams) -> _Asked | None:
    """What a query without comparisons and `asOf` says. None: there is more in it, or something wrong."""
    said: dict[str, list[str]] = {name: [] for name in _PLAIN}
    for name, value in query.multi_items():
        if name not in said:
            return None
        said[name].append(value)
    if any(len(values) > _PLAIN[name] for name, values in said.items()):
        return None
    grain = said["grain"][0] if said["grain"] else "month"
    if not (said["from"] and said["to"] and grain in get_args(BucketGrain)):
        return None
    return _Asked(said["indicator"], said["unit"], said["children_of"], said["from"][0], said["to"][0], Grain[grain])


_PLAIN = {"indicator": 100, "unit": 500, "children_of": 20, "from": 1, "to": 1, "grain": 1}  # and how often at most


@router.get("/aggregates", response_model=Aggregates, responses=_refusals | NOT_MODIFIED)
async def get_aggregates(
    request: Request,
    hub: HubDep,
    session: ReadSession,
    catalogue: ReadCatalogue,
    caller: CallerDep,
    language: Language,
    as_of: AsOf,
    indicator: IndicatorCodes,
    from_: Annotated[str, Query(alias="from", description="First period, of any grain.", examples=["2024-01"])],
    to: Annotated[str, Query(description="Last period.", examples=["2024-12"])],
    unit: Annotated[list[str] | None, Query(description="Codes, or code@day; repeat it.", max_length=500)] = None,
    children_of: Annotated[list[str] | None, Query(description="All children of these units.", max_length=20)] = None,
    grain: BucketGrain = "month",
    compare: Annotated[
        list[str] | None, Query(description="Any of previous, week_ago, year_ago, target, ytd.", max_length=10)
    ] = None,
) -> Response:
    """Series of figures: each with its origin, status, coverage, and the comparisons asked for. JSON, or CSV by `Accept`."""
    media_type, length = wanted(request, JSON, CSV), Grain[grain]
    asked = _Asked(indicator, unit or [], children_of or [], from_, to, length, compare or [], as_of)
    question = asked.understood(hub, caller, catalogue)
    tag = await _tag(request, hub, session, catalogue, question.indicators)
    if fresh := not_modified(request, tag):
        return fresh
    series = await aggregate(session, catalogue, question, now=hub.now())
    if media_type == CSV:
        return csv_answer(
            _COLUMNS, [row for one in series for row in _rows(catalogue, one, language)], language, tag=tag
        )
    return answer(aggregates_out(hub, catalogue, series, length, language, as_of), language, tag=tag)


async def explaining(hub: HubDep) -> AsyncIterator[None]:
    """One's turn: anybody may ask, and it may take seconds. Who waits holds no connection of the database."""
    try:
        async with asyncio.timeout(_TURN):
            await hub.explaining.acquire()
    except TimeoutError as error:
        raise Busy(retry_after=_TURN, headers={"retry-after": str(_TURN)}) from error
    try:
        yield
    finally:
        hub.explaining.release()


_TURN = 10  # seconds that one waits for it


@router.get(
    "/aggregates/explain",
    response_model=ExplanationOut,
    responses=problems(KeyRequired, ScopeMissing, UnknownIndicator, UnknownUnit, UnitNotValid, TooManyReadings, Busy)
    | NOT_MODIFIED,
)
async def get_explanation(
    request: Request,
    hub: HubDep,
    _: Annotated[None, Depends(explaining, scope="function")],
    session: ReadSession,
    catalogue: ReadCatalogue,
    caller: CallerDep,
    language: Language,
    as_of: AsOf,
    indicator: OneCode,
    unit: OneCode,
    period: Annotated[str, Query(max_length=40, examples=["2024-10"])],
) -> Response:
    """Where does this number come from: the law, the units behind it, the readings, their sources, batches and times."""
    what = catalogue.require_indicator(indicator)
    require_readable(caller, [what, *catalogue.parts_of(what)])  # it shows the readings of the parts
    bucket = _bucket(hub, period)
    who = asked_units(catalogue, [unit], bucket.start, bucket.end, period)
    if len(who) > 1:
        choices = ", ".join(one.address for one in who)
        raise refused("unit", "unit-ambiguous", unit, period=period, choices=choices)
    tag = await _tag(request, hub, session, catalogue, [what])
    if fresh := not_modified(request, tag):
        return fresh
    found = await explain(session, catalogue, what, who[0], bucket, as_of=as_of, now=hub.now())
    names = {"name": what.name.fill(language, {}), "measure": what.measure, "unit_name": who[0].name.fill(language, {})}
    body = {"indicator": what.code, "unit": who[0].code, "period": str(bucket), **names}
    laws = {"over_time": what.over_time, "over_units": what.over_units}
    waiting = {"waiting_since": _waiting_since(hub, as_of)}
    return answer(body | laws | waiting | explanation_out(catalogue, found, bucket, language), language, tag=tag)


@router.get("/rankings", response_model=Ranking, responses=_refusals | NOT_MODIFIED)
async def get_ranking(
    request: Request,
    hub: HubDep,
    session: ReadSession,
    catalogue: ReadCatalogue,
    caller: CallerDep,
    language: Language,
    as_of: AsOf,
    indicator: OneCode,
    children_of: OneCode,
    period: Annotated[str, Query(max_length=40, examples=["2024-10"])],
    kind: Annotated[
        UnitKind | None, Query(description="All units of this kind below; default the direct children.")
    ] = None,
) -> Response:
    """Units by their value in one period, best first; units without a value come last, without a rank. JSON or CSV."""
    media_type = wanted(request, JSON, CSV)
    what = catalogue.require_indicator(indicator)
    require_readable(caller, [what])
    bucket = _bucket(hub, period)
    above = asked_units(catalogue, [children_of], bucket.start, bucket.end, period)
    tree = catalogue.tree_as_of(as_of)
    units = [one for parent in above for one in units_under(tree, parent, kind, bucket.start, bucket.end)]
    tag = await _tag(request, hub, session, catalogue, [what])
    if fresh := not_modified(request, tag):
        return fresh
    ranked = await rank(session, catalogue, what, units, bucket, as_of=as_of, now=hub.now())
    items = [ranked_out(catalogue, one, language) for one in ranked]
    if media_type == CSV:
        columns = ("rank", "unit", "unit_name", "period", "value", "reason", "partial", "synthetic")
        rows = [[{"period": str(bucket), "synthetic": False, **item}.get(name) for name in columns] for item in items]
        return csv_answer(columns, rows, language, tag=tag)
    head = {"indicator": what.code, "name": what.name.fill(language, {}), "measure": what.measure}
    body = head | {
        "direction": what.direction, "period": str(bucket), "items": items, "waiting_since": _waiting_since(hub, as_of),
    }  # fmt: skip
    return answer(body, language, tag=tag)


# --- what is asked ---


def _units(
    catalogue: Catalogue,
    addresses: list[str],
    parents: list[str],
    start: datetime,
    end: datetime,
    when: str,
    as_of: datetime | None,
) -> list[Unit]:
    if not split(addresses) and not split(parents):
        raise refused("unit", "missing", None)
    units = asked_units(catalogue, addresses, start, end, when) if split(addresses) else []
    if split(parents):
        tree = catalogue.tree_as_of(as_of)
        for parent in asked_units(catalogue, parents, start, end, when):
            units += units_under(tree, parent, None, start, end)
    return list({unit.id: unit for unit in units}.values())


def _comparisons(asked: list[str]) -> frozenset[str]:
    kinds = split(asked)
    if wrong := [kind for kind in kinds if kind not in COMPARISONS]:
        raise refused("compare", "not-one-of", wrong[0][:100], expected=", ".join(COMPARISONS))
    return frozenset(kinds)


def _bucket(hub: Hub, text: str) -> Period:
    period = asked_period(hub.settings, "period", text)
    if period.grain is Grain.instant:
        raise refused("period", "period-malformed", text)
    return period


_MOST_WORK = 1_000_000


def _require_few(
    hub: Hub, catalogue: Catalogue, question: Question, grain: Grain, start: datetime, end: datetime
) -> None:
    buckets = count_base_periods(grain, start, end) + 1
    count = buckets * len(question.units) * len(question.indicators)
    limit = hub.settings.max_points
    if not question.plain:
        # What is not stored looks at all communes of a province, and once more for each comparison.
        below = catalogue.tree_as_of(question.as_of).subtree(question.units, start, end)
        each = max(1, len(below) // max(1, len(question.units))) * (1 + len(question.compare))
        limit = min(limit, _MOST_WORK // each)
    if count > limit:
        raise TooManyPoints(count=count, limit=limit)


# --- shapes ---


def _sources(catalogue: Catalogue, keys: frozenset[int]) -> list[str]:
    return sorted([catalogue.sources[key].code for key in keys])


def aggregates_out(
    hub: Hub, catalogue: Catalogue, series: Iterable[Series], grain: Grain, language: str, as_of: datetime | None = None
) -> dict[str, Any]:
    return {
        "series": [series_out(catalogue, one, grain, language) for one in series],
        "waiting_since": _waiting_since(hub, as_of),
    }


def _waiting_since(hub: Hub, as_of: datetime | None) -> datetime | None:
    """What is told as of an instant comes out of the readings, and waits for nothing."""
    return hub.changes.waiting_since if as_of is None else None


def series_out(catalogue: Catalogue, series: Series, grain: Grain, language: str) -> dict[str, Any]:
    return {
        "indicator": series.indicator.code,
        "name": series.indicator.name.fill(language, {}),
        "measure": series.indicator.measure,
        "unit": series.unit.code,
        "unit_name": series.unit.name.fill(language, {}),
        "unit_valid_from": series.unit.valid_from,
        "grain": grain.name,
        "sources": _sources(catalogue, series.sources),
        "points": [point_out(catalogue, point, series.with_ytd) for point in series.points],
    }


_COLUMNS = (
    "indicator", "measure", "unit", "unit_name", "unit_valid_from", "period", "value", "reason", "origin", "status", "partial",
    "units_present", "units_expected", "periods_present", "periods_expected", "synthetic", "sources", "note",
    "previous", "previous_until", "previous_partial", "previous_change_pct",
    "week_ago", "week_ago_until", "week_ago_partial", "week_ago_change_pct",
    "year_ago", "year_ago_until", "year_ago_partial", "year_ago_change_pct", "ytd",
)  # fmt: skip


def _rows(catalogue: Catalogue, series: Series, language: str) -> list[list[Any]]:
    head = [
        series.indicator.code,
        series.indicator.measure,
        series.unit.code,
        series.unit.name.fill(language, {}),
        series.unit.valid_from,
    ]
    return [
        [
            *head,
            str(point.bucket),
            point.figure.value,
            point.figure.reason,
            point.figure.origin,
            None if point.figure.status is None else STATUSES[point.figure.status],
            point.figure.partial,
            *point.figure.coverage.units,
            *point.figure.coverage.periods,
            not point.figure.sources.isdisjoint(catalogue.synthetic),
            " ".join(_sources(catalogue, point.figure.sources)),
            point.figure.note,
            *_comparison_cells(point.previous),
            *_comparison_cells(point.week_ago),
            *_comparison_cells(point.year_ago),
            point.ytd,
        ]
        for point in series.points
    ]


def _comparison_cells(comparison: Comparison | None) -> list[Any]:
    if comparison is None:
        return [None] * 4
    other = comparison.other
    return [other.value, other.until, not other.complete, comparison.change_pct]


def ranked_out(catalogue: Catalogue, ranked: Ranked, language: str) -> dict[str, Any]:
    unit, point = ranked.series.unit, ranked.series.points[0]
    out = figure_out(catalogue, point.bucket, point.figure)
    del out["period"]
    return {"rank": ranked.rank, "unit": unit.code, "unit_name": unit.name.fill(language, {}), **out}


def explanation_out(catalogue: Catalogue, found: Explanation, bucket: Period, language: str) -> dict[str, Any]:
    def part(one: PartOfRatio | None) -> dict[str, Any] | None:
        if one is None:
            return None
        what = one.indicator
        named = {"indicator": what.code, "name": what.name.fill(language, {}), "measure": what.measure}
        return named | figure_out(catalogue, one.period, one.figure)

    return {
        "rule": found.rule.fill(language, {}),
        "figure": figure_out(catalogue, bucket, found.figure),
        "numerator": part(found.numerator),
        "denominator": part(found.denominator),
        "parts": [
            {
                "indicator": one.indicator.code,
                "unit": one.unit.code,
                "unit_name": one.unit.name.fill(language, {}),
                "value": one.value,
                "base_periods": one.base_periods,
                "first_period": str(one.first),
                "last_period": str(one.last),
            }
            for one in found.units
        ],
        "readings_total": found.readings_total,
        "readings": [
            {
                "indicator": one.indicator.code,
                "unit": one.unit.code,
                "unit_name": one.unit.name.fill(language, {}),
                "period": str(one.period),
                "value": one.value,
                "status": STATUSES[one.status],
                "note": one.note,
                "source": one.source.code,
                "source_name": one.source.name.fill(language, {}),
                "synthetic": one.source.synthetic,
                "batch": one.batch,
                "received_at": one.received_at,
                "corrections": one.corrections,
            }
            for one in found.readings
        ],
    }
