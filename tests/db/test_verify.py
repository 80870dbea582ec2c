"""The proof of the rollups: it says nothing where they are right, and names the one that is not.

The table is filled here by the laws themselves, cell by cell, over the worlds of the property tests.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from typer.testing import CliRunner

from app import models
from app.catalogue.catalogue import Catalogue, Indicator, Unit
from app.cli import app
from app.database import Database
from app.periods import Grain, Period, anchor_of, bucket_start
from app.rollups.laws import Laws, Observations
from app.rollups.observations import Span, fetch_observations
from app.rollups.verify import Report, verify
from app.schemas.readings import STATUSES
from tests.conftest import fresh_database
from tests.db.test_aggregates_property import make_world
from tests.naive import NaiveEdge, NaiveIndicator, NaiveUnit
from tests.worlds import History, Submission, histories

EXAMPLES, SHARDS = 64, 4
ROLLUP = models.Rollup.__table__
ALL_TIME = Span(datetime(1900, 1, 1), datetime(2200, 1, 1))

Key = tuple[int, int, Grain, datetime]


class World:
    """A database and an event loop for many examples, each in a transaction that is rolled back."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._database = Database(url, pool_size=1)

    def close(self) -> None:
        self._runner.run(self._database.close())
        self._runner.close()

    def tell(self, history: History, story: Callable[[AsyncSession, Catalogue], Any]) -> None:
        async def run() -> None:
            async with AsyncSession(self._database.engine, expire_on_commit=False) as session:
                catalogue, _ = await make_world(session, history)
                await store(session, catalogue, history)
                await fill(session, catalogue)
                await story(session, catalogue)
                await session.rollback()

        self._runner.run(run())


@pytest.fixture(scope="module")
def world(cluster: str, empty_template: str) -> Iterator[World]:
    with fresh_database(cluster, empty_template) as url, contextlib.closing(World(url)) as world:
        yield world


async def store(session: AsyncSession, catalogue: Catalogue, history: History) -> None:
    """What stands at the end of the history, from three sources, mixed as they never are: a wrong union would show."""
    last = {one.key: one for one in history.submissions}
    for one in last.values():
        reading = models.Reading(
            indicator_id=catalogue.indicators[one.indicator].id, unit_id=one.unit, grain=Grain[one.grain],
            period_start=one.start, value=one.value, status=STATUSES.index(one.status), note=None,
            source_id=1 + (one.unit + one.start.day) % 3, batch_id=1, received_at=datetime.now(UTC),
        )  # fmt: skip
        session.add(reading)
    await session.flush()


# --- filling the table by the laws ---


async def fill(session: AsyncSession, catalogue: Catalogue) -> None:
    await session.execute(delete(models.Rollup))
    rows: list[dict[str, Any]] = []
    for indicator in catalogue.indicators.values():
        if indicator.over_time == "ratio":
            continue
        units = list(catalogue.units.values())
        observations = await fetch_observations(session, {indicator: [ALL_TIME]}, units, [], None)
        laws = Laws(catalogue.indicators_by_id, catalogue.tree, observations, now=datetime(2100, 1, 1))
        readings = select(models.Reading.period_start).where(models.Reading.indicator_id == indicator.id)
        anchors = {
            anchor_of(indicator.base, bucket_start(indicator.base, start))
            for start in await session.scalars(readings.where(models.Reading.grain <= indicator.base))
        }
        for grain in (grain for grain in Grain if grain >= indicator.base):
            for bucket in {Period(grain, bucket_start(grain, anchor)) for anchor in anchors}:
                for unit in units:
                    if (row := _row(laws, observations, indicator, unit, bucket)) is not None:
                        rows.append(row)
    if rows:
        await session.execute(insert(models.Rollup), rows)


def _row(
    laws: Laws, observations: Observations, indicator: Indicator, unit: Unit, bucket: Period
) -> dict[str, Any] | None:
    base = bucket.grain is indicator.base
    if base and observations.reported(indicator, unit, bucket) is not None and indicator.over_time != "cumulative":
        return None
    figure = laws.figure(indicator, unit, bucket)
    if figure.value is None and figure.reason != "not-additive":
        return None
    start, end = max(bucket.start, unit.start), min(bucket.end, unit.end)
    own = bool(observations.own(indicator, unit, start, end))
    if (
        own
        and not base
        and bucket.grain in {Grain.week, Grain.quarter, Grain.year}
        and indicator.over_time not in {"none", "cumulative"}
    ):
        behind = {one.unit.id for one in laws.contributions(indicator, unit, start, end)}
        if behind == {unit.id}:
            return None  # read off its days and months
    return {
        "indicator_id": indicator.id, "unit_id": unit.id, "grain": bucket.grain, "period_start": bucket.start,
        "value": figure.value, "status": figure.status, "source_ids": sorted(figure.sources), "until": figure.until,
        "units_present": figure.coverage.units[0], "units_expected": figure.coverage.units[1],
        "periods_present": figure.coverage.periods[0], "periods_expected": figure.coverage.periods[1],
        "units_behind": figure.coverage.behind, "own": own,
    }  # fmt: skip


# --- whole worlds ---


def _test(number: int) -> Callable[[World], None]:
    def true_rollups_pass_and_the_one_that_is_tampered_with_is_named(world: World) -> None:
        chance = Random(number)

        @seed(number)
        @settings(
            max_examples=EXAMPLES // SHARDS, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(history=histories())
        def prove(history: History) -> None:
            async def story(session: AsyncSession, catalogue: Catalogue) -> None:
                await _is_proved(session, catalogue, chance)

            world.tell(history, story)

        prove()

    return true_rollups_pass_and_the_one_that_is_tampered_with_is_named


test_true_rollups_pass_and_the_one_that_is_tampered_with_is_named_0 = _test(0)
test_true_rollups_pass_and_the_one_that_is_tampered_with_is_named_1 = _test(1)
test_true_rollups_pass_and_the_one_that_is_tampered_with_is_named_2 = _test(2)
test_true_rollups_pass_and_the_one_that_is_tampered_with_is_named_3 = _test(3)


async def _is_proved(session: AsyncSession, catalogue: Catalogue, chance: Random) -> None:
    whole = await verify(session, catalogue)
    count = (await session.execute(select(func.count()).select_from(models.Rollup))).scalar_one()
    assert (whole.checked, whole.waiting, whole.differences) == (count, 0, [])
    some = await verify(session, catalogue, sample=10)
    assert (some.waiting, some.differences) == (0, [])
    rows = (await session.execute(select(ROLLUP).order_by(*ROLLUP.c[:4]))).mappings().all()
    if not rows:
        return
    row = dict(chance.choice(rows))
    tamper = chance.choice(TAMPERINGS)
    async with session.begin_nested() as savepoint:
        key = await tamper(session, row)
        if key is not None:
            names_only(await verify(session, catalogue), catalogue, key)
            if count <= 30 and tamper is not missing:  # so few that each is in the sample, dead pages and all
                names_only(await verify(session, catalogue, sample=500), catalogue, key)
        await savepoint.rollback()


def names_only(report: Report, catalogue: Catalogue, key: Key) -> None:
    indicator_id, unit_id, grain, start = key
    wanted = (
        catalogue.indicators_by_id[indicator_id].code,
        catalogue.units[unit_id].address,
        str(Period(grain, start)),
    )
    assert [(one.indicator, one.unit, one.bucket) for one in report.differences] == [wanted]
    assert report.differing == 1


# --- one small world: a province with two communes, a count that comes every day, a level that comes in instants ---

COUNT = NaiveIndicator("count", "day", "sum", "sum")
LEVEL = NaiveIndicator("level", "realtime", "mean", "mean")
SMALL = History(
    units=(NaiveUnit(1, "province"), NaiveUnit(2, "commune"), NaiveUnit(3, "commune")),
    edges=(NaiveEdge(1, 2), NaiveEdge(1, 3)),
    indicators=(COUNT, LEVEL),
    submissions=(
        *(Submission("count", 2, "day", datetime(2024, 11, 28) + n * timedelta(days=1), Decimal(n)) for n in range(60)),
        *(
            Submission("level", 3, "instant", datetime(2025, 1, 5) + n * timedelta(minutes=25), Decimal(n))
            for n in range(9)
        ),
    ),
    now=datetime(2026, 1, 1),
)


def test_what_a_stale_mark_says_is_counted_and_left_out(world: World) -> None:
    async def story(session: AsyncSession, catalogue: Catalogue) -> None:
        count = catalogue.indicators["count"].id
        this_year = [models.Rollup.indicator_id == count, models.Rollup.period_start >= datetime(2024, 12, 30)]
        await session.execute(update(models.Rollup).where(*this_year).values(value=0))
        wrong = await verify(session, catalogue)
        session.add(models.StaleMark(indicator_id=count, grain=2, period_start=datetime(2025, 1, 3), unit_ids=[2]))
        await session.flush()
        # The days of 2025 and what lies around them, the week that began in 2024 as well; the days before are as they were.
        left_out = await verify(session, catalogue)
        assert wrong.differing > left_out.differing
        assert {one.bucket for one in left_out.differences} == {"2024-12-30", "2024-12-31"}
        assert left_out.waiting > 0
        assert left_out.checked + left_out.waiting == wrong.checked
        assert (await verify(session, catalogue, sample=500)).waiting > 0

    world.tell(SMALL, story)


def test_hours_whose_instants_are_forgotten_are_taken_as_they_stand(world: World) -> None:
    async def story(session: AsyncSession, catalogue: Catalogue) -> None:
        await session.execute(delete(models.Reading).where(models.Reading.grain == Grain.instant))
        forgotten = await verify(session, catalogue)
        assert forgotten.differing > 0
        for since in (datetime(2025, 1, 6), datetime(2025, 1, 5, 3, 30)):  # the second one inside the last hour
            assert (await verify(session, catalogue, instants_since=since)).differences == []
            assert (await verify(session, catalogue, instants_since=since, sample=500)).differences == []
        day = [models.Rollup.grain == Grain.day, models.Rollup.unit_id == 1, models.Rollup.units_present == 1]
        level = catalogue.indicators["level"]
        await session.execute(
            update(models.Rollup)
            .where(*day, models.Rollup.indicator_id == level.id)
            .values(value=models.Rollup.value + 1)
        )
        report = await verify(session, catalogue, instants_since=datetime(2025, 1, 6))
        assert [(one.indicator, one.unit, one.bucket) for one in report.differences] == [
            ("level", "u1@1900-01-01", "2025-01-05")
        ]

    world.tell(SMALL, story)


def test_at_most_fifty_are_named_and_all_are_counted(world: World) -> None:
    async def story(session: AsyncSession, catalogue: Catalogue) -> None:
        rows = (await session.execute(select(func.count()).select_from(models.Rollup))).scalar_one()
        await session.execute(delete(models.Rollup))
        report = await verify(session, catalogue)
        assert (report.checked, report.differing, len(report.differences)) == (rows, rows, 50)
        assert all(one.hub is None and one.readings is not None for one in report.differences)

    world.tell(SMALL, story)


def test_rollups_of_a_ratio_are_superfluous(world: World) -> None:
    async def story(session: AsyncSession, catalogue: Catalogue) -> None:
        row = (await session.execute(select(ROLLUP))).mappings().first()
        assert row is not None
        ratio = catalogue.indicators["ratio"].id
        await session.execute(insert(models.Rollup).values(dict(row) | {"indicator_id": ratio}))
        for report in (await verify(session, catalogue), await verify(session, catalogue, sample=500)):
            assert [one.indicator for one in report.differences] == ["ratio"]

    world.tell(
        replace(
            SMALL,
            indicators=(*SMALL.indicators, NaiveIndicator("ratio", "day", "ratio", "ratio", "%", "count", "level")),
        ),
        story,
    )


async def test_the_verb_ends_with_1_when_a_rollup_is_wrong(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IOC_DATABASE_URL", empty_database)
    runner = CliRunner()
    assert (await asyncio.to_thread(runner.invoke, app, ["verify"])).exit_code == 0
    database = Database(empty_database, pool_size=1)
    async with database.write_session() as session:
        row = {
            "indicator_id": 7, "unit_id": 7, "grain": Grain.month, "period_start": datetime(2025, 1, 1), "value": 1,
            "status": 2, "source_ids": [1], "until": datetime(2025, 2, 1), "units_present": 1, "units_expected": 1,
            "periods_present": 1, "periods_expected": 1, "own": True,
        }  # fmt: skip
        await session.execute(insert(models.Rollup).values(row))
    await database.close()
    ended = await asyncio.to_thread(runner.invoke, app, ["verify", "--sample", "10"])
    assert ended.exit_code == 1


# --- one wrong row ---


def _key(row: dict[str, Any]) -> Key:
    return row["indicator_id"], row["unit_id"], Grain(row["grain"]), row["period_start"]


def _of(row: dict[str, Any]) -> Any:
    return [column == row[column.name] for column in ROLLUP.c[:4]]


async def _changed(session: AsyncSession, row: dict[str, Any], **values: Any) -> Key:
    await session.execute(update(models.Rollup).where(*_of(row)).values(values))
    return _key(row)


async def value_off_in_the_last_place(session: AsyncSession, row: dict[str, Any]) -> Key | None:
    if row["value"] is None:
        return None
    return await _changed(session, row, value=row["value"] + Decimal("1E-12"))


async def value_lost(session: AsyncSession, row: dict[str, Any]) -> Key | None:
    return None if row["value"] is None else await _changed(session, row, value=None)


async def value_where_there_is_none(session: AsyncSession, row: dict[str, Any]) -> Key | None:
    return None if row["value"] is not None else await _changed(session, row, value=0)


async def another_status(session: AsyncSession, row: dict[str, Any]) -> Key:
    return await _changed(session, row, status=1 if row["status"] != 1 else 0)


async def another_source(session: AsyncSession, row: dict[str, Any]) -> Key:
    return await _changed(session, row, source_ids=[*row["source_ids"], 77])


async def another_end(session: AsyncSession, row: dict[str, Any]) -> Key:
    return await _changed(session, row, until=row["period_start"] - timedelta(hours=1))


def another(column: str) -> Callable[[AsyncSession, dict[str, Any]], Any]:
    async def changed(session: AsyncSession, row: dict[str, Any]) -> Key:
        return await _changed(session, row, **{column: row[column] + 1})

    return changed


async def not_own(session: AsyncSession, row: dict[str, Any]) -> Key:
    return await _changed(session, row, own=not row["own"])


async def missing(session: AsyncSession, row: dict[str, Any]) -> Key:
    await session.execute(delete(models.Rollup).where(*_of(row)))
    return _key(row)


async def superfluous(session: AsyncSession, row: dict[str, Any]) -> Key:
    more = row | {"period_start": row["period_start"].replace(year=2020, month=1, day=1), "unit_id": row["unit_id"]}
    await session.execute(insert(models.Rollup).values(more))
    return _key(more)


async def too_fine(session: AsyncSession, row: dict[str, Any]) -> Key:
    more = row | {"grain": Grain.instant}
    await session.execute(insert(models.Rollup).values(more))
    return _key(more)


TAMPERINGS: Sequence[Callable[[AsyncSession, dict[str, Any]], Any]] = (
    value_off_in_the_last_place, value_lost, value_where_there_is_none, another_status, another_source, another_end,
    another("units_present"), another("units_expected"), another("periods_present"), another("periods_expected"), another("units_behind"),
    not_own, missing, superfluous, too_fine,
)  # fmt: skip
