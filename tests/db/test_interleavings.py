"""Several writers and two rollers at once: whatever the order in which they meet, at rest every rollup equals its readings.

Each world of `tests.worlds` is written to a database of its own by writers that send batches, correct each other, withdraw, and
move units in the tree, while two rollers roll. In the middle everyone stops for a moment, and what is answered then must be
what `asOf` that moment is answered at the end.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from sqlalchemy import select, text, update

from app import models
from app.auth import Caller
from app.catalogue.cache import CatalogueCache
from app.catalogue.catalogue import Catalogue
from app.changes import announce
from app.database import Database
from app.marks import Restated, mark_units
from app.periods import Grain, Period
from app.rollups.roller import newest_mark, roll, roll_rare
from app.rollups.series import Question, aggregate
from app.rollups.verify import verify
from tests.conftest import fresh_database
from tests.db.test_aggregates_property import check, make_world, send_batch
from tests.naive import NaiveEdge, NaiveReading, NaiveWorld
from tests.worlds import History, Submission, histories, questions

WRITERS, ROLLERS, WORLDS = 3, 2, 7
GRAINS = {grain.value: grain.name for grain in Grain}
STATUSES = ("estimated", "provisional", "final")


class Scene:
    """One world in a database, and who acts in it."""

    def __init__(self, url: str, history: History, chance: Random) -> None:
        self.database = Database(url, pool_size=WRITERS + ROLLERS + 2)
        self.catalogues = CatalogueCache()
        self.history = history
        self.chance = chance
        self.caller: Caller

    async def play(self) -> None:
        async with self.database.write_session() as session:
            _, self.caller = await make_world(session, self.history)
            await announce(session, "units")
            await announce(session, "catalogue")
        submissions = list(self.history.submissions)
        half = len(submissions) // 2
        await self._act(submissions[:half])
        await self._roll_until_rest()
        middle = datetime.now(UTC)
        then = await self._answers(None)
        await self._act(submissions[half:] + [self._otherwise(one) for one in submissions[:half:3]])
        await self._roll_until_rest()
        await self._compare_with_naive()
        async with self.database.read_session() as session:
            report = await verify(session, await self.catalogues.current(session), sample=None)
        assert (report.differences, report.waiting) == ([], 0)
        assert await self._answers(middle) == then
        await self.database.close()

    def _otherwise(self, submission: Submission) -> Submission:
        """A correction that somebody else sends at the same time."""
        return replace(submission, value=Decimal(self.chance.randint(-9, 99)))

    async def _act(self, submissions: Sequence[Submission]) -> None:
        """All writers at once, each with its share, while the rollers roll."""
        shares: list[list[Submission]] = [[] for _ in range(WRITERS)]
        for submission in submissions:
            shares[self.chance.randrange(WRITERS)].append(submission)
        rollers = [asyncio.create_task(self._roll_forever()) for _ in range(ROLLERS)]
        try:
            async with asyncio.TaskGroup() as writers:
                for share in shares:
                    writers.create_task(self._write(share))
                writers.create_task(self._move_an_edge())
        finally:
            for roller in rollers:
                roller.cancel()
            results = await asyncio.gather(*rollers, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results), results

    async def _write(self, share: Sequence[Submission]) -> None:
        """In batches of a few rows. What withdraws a reading that another writer has yet to send is refused, row by row."""
        place = 0
        while place < len(share):
            batch = {one.key: one for one in share[place : place + self.chance.randint(1, 6)]}
            place += len(batch)
            async with self.database.write_session() as session:
                catalogue = await self.catalogues.current(session)
                await send_batch(session, catalogue, self.caller, list(batch.values()), partial=True)
                await asyncio.sleep(0)  # others may come in between before this one commits

    async def _move_an_edge(self) -> None:
        """A unit leaves its parent on another day than was thought, in the middle of everything."""
        async with self.database.write_session() as session:
            edges = (
                await session.scalars(select(models.UnitParent).where(models.UnitParent.superseded_at.is_(None)))
            ).all()
            if not edges:
                return
            edge = self.chance.choice(edges)
            day = datetime(2025, 1, self.chance.choice((6, 15, 20))).date()
            if (edge.valid_from or day) >= day or (edge.valid_to and edge.valid_to <= day):
                return
            table = models.UnitParent
            await session.execute(
                update(table).where(table.id == edge.id).values(superseded_at=text("clock_timestamp()"))
            )
            session.add(
                table(child_id=edge.child_id, parent_id=edge.parent_id, valid_from=edge.valid_from, valid_to=day)
            )
            await session.flush()
            catalogue = await self.catalogues.current(session)
            below = [edge.parent_id, *(unit.id for unit in catalogue.units.values())]
            year = timedelta(days=366)
            await mark_units(
                session,
                [Restated(edge.parent_id, below, datetime(2024, 1, 1) - year, datetime(2026, 1, 1) + year)],
            )
            await announce(session, "units")
            await announce(session, "catalogue")

    async def _roll_forever(self) -> None:
        while True:
            async with self.database.write_session() as session:
                seen = await newest_mark(session) - self.chance.randint(0, 12)
                rolled = await roll(session, self.catalogues, most=self.chance.randint(1, 12))
            async with self.database.write_session() as session:
                await roll_rare(session, self.catalogues, seen)
            if not rolled.marks:
                await asyncio.sleep(0.003)

    async def _roll_until_rest(self) -> None:
        marks = 1
        while marks:
            async with self.database.write_session() as session:
                marks = (await roll(session, self.catalogues)).marks

    async def _answers(self, as_of: datetime | None) -> list[Any]:
        async with self.database.read_session() as session:
            catalogue = await self.catalogues.current(session)
            found = []
            for question in self._questions(catalogue, as_of):
                found += [
                    (series.indicator.code, series.unit.id, point)
                    for series in await aggregate(session, catalogue, question, now=self.history.now)
                    for point in series.points
                ]
            return found

    def _questions(self, catalogue: Catalogue, as_of: datetime | None) -> list[Question]:
        asked: dict[Grain, set[datetime]] = {}
        for _, _, grain, start in questions(self.history):
            asked.setdefault(Grain[grain], set()).add(start)
        return [
            Question(
                indicators=list(catalogue.indicators.values()),
                units=list(catalogue.units.values()),
                buckets=[Period(grain, start) for start in sorted(starts)],
                compare=frozenset({"previous", "year_ago", "ytd"}),
                as_of=as_of,
            )
            for grain, starts in asked.items()
        ]

    async def _compare_with_naive(self) -> None:
        """With a world built from what the tables say now, not from what was sent in which order."""
        async with self.database.read_session() as session:
            codes = {
                row.id: row.code for row in await session.execute(select(models.Indicator.id, models.Indicator.code))
            }
            readings = [
                NaiveReading(
                    codes[row.indicator_id], row.unit_id, GRAINS[row.grain], row.period_start, row.value or Decimal(0), STATUSES[row.status]
                )
                for row in (await session.scalars(select(models.Reading).where(models.Reading.value.is_not(None)))).all()
            ]  # fmt: skip
            table = models.UnitParent
            edges = [
                NaiveEdge(row.parent_id, row.child_id, row.valid_from, row.valid_to)
                for row in (await session.scalars(select(table).where(table.superseded_at.is_(None)))).all()
            ]
        world = NaiveWorld(
            units={unit.id: unit for unit in self.history.units},
            edges=edges,
            indicators={indicator.code: indicator for indicator in self.history.indicators},
            readings=readings,
        )
        async with self.database.read_session() as session:
            catalogue = await self.catalogues.current(session)
            for question in self._questions(catalogue, None):
                for series in await aggregate(session, catalogue, question, now=self.history.now):
                    for point in series.points:
                        check(world, series.indicator.code, series.unit, point, self.history.now)


def worlds(number: int) -> list[History]:
    """The same ones every time."""
    found: list[History] = []

    @seeded(number)
    @settings(max_examples=WORLDS, database=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
    @given(history=histories())
    def draw(history: History) -> None:
        if len(history.submissions) >= 10:
            found.append(history)

    draw()
    return found


@pytest.mark.parametrize("number", range(4))
def test_at_rest_every_rollup_equals_its_readings(cluster: str, empty_template: str, number: int) -> None:
    played = 0
    for history in worlds(number):
        with fresh_database(cluster, empty_template) as url:
            asyncio.run(Scene(url, history, Random(number * 1000 + played)).play())
            played += 1
    assert played >= WORLDS // 2
