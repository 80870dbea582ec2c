"""Every bucket of every unit, held against a naive recomputation that shares no code with the laws.

Hypothesis builds a small world (an effective-dated tree, indicators of every law) and a history of readings with corrections and
withdrawals. It goes through the real ingest into Postgres and is rolled up, a few marks at a time, while it comes; then every figure
and every comparison is asked for, as it stands (out of rollups) and as of a moment in the middle of the history (out of the
readings). Each example runs in a transaction that is rolled back.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.auth import Caller
from app.catalogue.cache import CatalogueCache, load_catalogue
from app.catalogue.catalogue import Catalogue, Unit
from app.changes import latest_change
from app.database import Database
from app.periods import Grain, Period, label
from app.readings.batch import Row, Rows
from app.readings.ingest import record_readings
from app.rollups.explain import explain
from app.rollups.laws import unit_hash
from app.rollups.roller import roll
from app.rollups.series import Point, Question, Series, aggregate
from app.schemas.readings import STATUSES
from tests.conftest import SETTINGS, fresh_database
from tests.naive import NaiveIndicator, NaiveWorld, naive_figure, naive_previous, naive_year_ago, naive_ytd
from tests.worlds import History, Submission, histories, questions

EXAMPLES, SHARDS = 240, 8  # shards are tests of their own, so that workers share them
LATER = datetime(2100, 1, 1)  # nothing is in the future for the ingest
PERIODICITY = {
    "realtime": "realtime", "hour": "hourly", "day": "daily", "week": "weekly",
    "month": "monthly", "quarter": "quarterly", "year": "yearly",
}  # fmt: skip


class Prover:
    """A database and an event loop for many examples."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._database = Database(url, pool_size=1)

    def close(self) -> None:
        self._runner.run(self._database.close())
        self._runner.close()

    def prove(self, history: History) -> None:
        self._runner.run(self._prove(history))

    async def _prove(self, history: History) -> None:
        async with AsyncSession(self._database.engine, expire_on_commit=False) as session:
            catalogue, caller = await make_world(session, history)
            half = len(history.submissions) // 2
            await send(session, catalogue, caller, history.submissions[:half])
            middle = datetime.now(UTC)
            await roll(session, CatalogueCache(catalogue), most=half)
            await send(session, catalogue, caller, history.submissions[half:])
            while (await roll(session, CatalogueCache(catalogue), most=7)).marks:
                pass
            await compare(session, catalogue, history, history.world(), None)
            await compare(session, catalogue, history, history.world(half), middle)
            await session.rollback()


@pytest.fixture(scope="module")
def prover(cluster: str, empty_template: str) -> Iterator[Prover]:
    with fresh_database(cluster, empty_template) as url, contextlib.closing(Prover(url)) as prover:
        yield prover


def shard(number: int) -> Callable[[Callable[[Prover, History], None]], Callable[[Prover, History], None]]:
    def of(test: Callable[[Prover, History], None]) -> Callable[[Prover, History], None]:
        slow = settings(
            max_examples=EXAMPLES // SHARDS, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        return seed(number)(slow(given(history=histories())(test)))

    return of


def _test(number: int) -> Callable[[Prover, History], None]:
    @shard(number)
    def every_figure_equals_the_naive_recomputation(prover: Prover, history: History) -> None:
        prover.prove(history)

    return every_figure_equals_the_naive_recomputation


test_every_figure_equals_the_naive_recomputation_0 = _test(0)
test_every_figure_equals_the_naive_recomputation_1 = _test(1)
test_every_figure_equals_the_naive_recomputation_2 = _test(2)
test_every_figure_equals_the_naive_recomputation_3 = _test(3)
test_every_figure_equals_the_naive_recomputation_4 = _test(4)
test_every_figure_equals_the_naive_recomputation_5 = _test(5)
test_every_figure_equals_the_naive_recomputation_6 = _test(6)
test_every_figure_equals_the_naive_recomputation_7 = _test(7)


# --- the world goes into the database ---


async def make_world(session: AsyncSession, history: History) -> tuple[Catalogue, Caller]:
    source = models.Source(code="s", name_vi="s", name_en="s")
    domain = models.Domain(code="x", name_vi="x", name_en="x", position=1)
    session.add_all([source, domain])
    await session.flush()
    session.add_all(
        models.Unit(
            id=unit.id,
            code=f"u{unit.id}",
            kind=unit.kind,
            name_vi="u",
            name_en="u",
            valid_from=unit.valid_from,
            valid_to=unit.valid_to,
        )
        for unit in history.units
    )
    await session.flush()
    session.add_all(
        models.UnitParent(
            child_id=edge.child, parent_id=edge.parent, valid_from=edge.valid_from, valid_to=edge.valid_to
        )
        for edge in history.edges
    )
    ids: dict[str | None, int] = {}
    for number, indicator in enumerate(sorted(history.indicators, key=lambda one: one.is_ratio), start=1):
        session.add(_indicator_row(number, domain.id, indicator, ids))
        await session.flush()
        ids[indicator.code] = number
    catalogue = await load_catalogue(session, await latest_change(session, "catalogue"))
    return catalogue, Caller(None, source.id, source.code, frozenset(), None, None)


def _indicator_row(
    number: int, domain_id: int, indicator: NaiveIndicator, ids: dict[str | None, int]
) -> models.Indicator:
    return models.Indicator(
        id=number,
        code=indicator.code,
        domain_id=domain_id,
        name_vi="i",
        name_en="i",
        measure=indicator.measure,
        periodicity=PERIODICITY[indicator.base],
        over_time=indicator.over_time,
        over_units=indicator.over_units,
        numerator_id=ids.get(indicator.numerator),
        denominator_id=ids.get(indicator.denominator),
        direction="up_good",
        public=True,
        origin="test",
    )


async def send(session: AsyncSession, catalogue: Catalogue, caller: Caller, submissions: Sequence[Submission]) -> None:
    """In their order, in batches that end where a key comes again."""
    batch: dict[Any, Submission] = {}
    for submission in submissions:
        if submission.key in batch:
            await send_batch(session, catalogue, caller, list(batch.values()))
            batch = {}
        batch[submission.key] = submission
    await send_batch(session, catalogue, caller, list(batch.values()))


async def send_batch(
    session: AsyncSession, catalogue: Catalogue, caller: Caller, batch: Sequence[Submission], *, partial: bool = False
) -> None:
    readings = [
        Row(
            indicator=one.indicator,
            unit=f"u{one.unit}@{one.start.date()}",
            period=label(Grain[one.grain], one.start),
            value=one.value,
            status=one.status,  # type: ignore[arg-type]
        )
        for one in batch
    ]
    rows = Rows.of(readings)
    await record_readings(
        session, caller, catalogue, rows, partial=partial, reinstate=True, now=LATER, settings=SETTINGS
    )


# --- and comes out as it should ---


async def compare(
    session: AsyncSession, catalogue: Catalogue, history: History, world: NaiveWorld, as_of: datetime | None
) -> None:
    asked: dict[Grain, dict[datetime, set[str]]] = {}
    for code, _, name, start in questions(history):
        asked.setdefault(Grain[name], {}).setdefault(start, set()).add(code)
    units = list(catalogue.units.values())
    for grain, starts in asked.items():
        question = Question(
            indicators=[
                catalogue.indicators[code] for code in sorted({code for codes in starts.values() for code in codes})
            ],
            units=units,
            buckets=[Period(grain, start) for start in sorted(starts)],
            compare=frozenset({"previous", "year_ago", "ytd"}),
            as_of=as_of,
        )
        answer = await aggregate(session, catalogue, question, now=history.now)
        for series in answer:
            for point in series.points:
                check(world, series.indicator.code, series.unit, point, history.now)
        if summed := next(
            ((one, point) for one in reversed(answer) for point in one.points if is_summed(one, point)), None
        ):
            await check_parts(session, catalogue, *summed, as_of, history.now)


def check(world: NaiveWorld, code: str, unit: Unit, point: Point, now: datetime) -> None:
    where = (code, unit.id, point.bucket.grain.name, point.bucket.start)
    expected = naive_figure(world, *where, now=now)
    figure = point.figure
    shown = (
        figure.value, figure.reason, figure.origin, None if figure.status is None else STATUSES[figure.status],
        figure.coverage.units, figure.coverage.periods, figure.partial,
    )  # fmt: skip
    wanted = (
        expected.value, expected.reason, expected.origin, expected.status,
        expected.units, expected.periods, expected.partial,
    )  # fmt: skip
    assert shown == wanted, where
    if expected.who is not None:
        others = [] if expected.who == (unit.id,) else expected.who
        assert figure.coverage.behind == sum(unit_hash(one) for one in others), where
    assert point.previous is not None
    assert point.year_ago is not None
    same(point.previous.value, naive_previous(world, *where, now=now), (*where, "previous"))
    same(point.year_ago.value, naive_year_ago(world, *where, now=now), (*where, "year_ago"))
    same(point.ytd, naive_ytd(world, *where), (*where, "ytd"))


def is_summed(series: Series, point: Point) -> bool:
    what = series.indicator
    return point.figure.origin == "derived" and what.over_time != "ratio" and what.over_units == "sum"


async def check_parts(
    session: AsyncSession, catalogue: Catalogue, series: Series, point: Point, as_of: datetime | None, now: datetime
) -> None:
    """The parts of an explanation add up to the figure that it explains; each is what its own readings come to."""
    told = await explain(session, catalogue, series.indicator, series.unit, point.bucket, as_of=as_of, now=now)

    assert told.figure == point.figure
    assert point.figure.value is not None
    parts = sum((part.value for part in told.units), Decimal(0))
    # What a mean left over was rounded in each part and in the whole.
    assert abs(parts - point.figure.value) <= (Decimal("1E-9") if series.indicator.over_time == "mean" else 0)
    assert {part.unit.id for part in told.units} == {one.unit.id for one in told.readings}
    assert len(told.readings) == told.readings_total >= sum(part.base_periods for part in told.units)


def same(shown: Decimal | None, expected: Decimal | None, where: tuple[Any, ...]) -> None:
    assert shown == expected, where
