"""Figures that are asked for at the same time are looked up together, and each gets its own."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, LiteralString

import pytest

from app.hub import Hub
from app.periods import Grain, Period
from app.rollups.series import Question, Series, aggregate_plain
from app.rollups.stored import Lookup, Lookups
from tests.conftest import HubUnderTest

INDICATOR, WARDS = "tthc.dossier.received", ("25813", "25840", "25843", "25846", "25849")
DAYS = [f"2026-11-{day:02}" for day in range(1, 16)]


class Statements:
    """Looks things up as the hub does, and counts."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.count = 0
        self.failing = False

    async def ask(self, question: LiteralString, facts: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        self.count += 1
        if self.failing:
            await asyncio.sleep(0)
            raise ConnectionError("the line is cut")
        return await self._hub.database.ask(question, facts)


@pytest.fixture
def statements(hub: HubUnderTest) -> Statements:
    return Statements(hub.hub)


async def questions(hub: HubUnderTest) -> list[Question]:
    """One for each ward and day."""
    rows = [
        (INDICATOR, ward, day, 100 * number + place)
        for number, ward in enumerate(WARDS)
        for place, day in enumerate(DAYS)
    ]
    await hub.sent(*rows)
    async with hub.session() as session:
        catalogue = await hub.hub.catalogues.current(session)
    indicator = catalogue.indicators[INDICATOR]
    periods = [Period(Grain.day, datetime.fromisoformat(day)) for day in DAYS]
    units = [catalogue.units_by_code[ward][-1] for ward in WARDS]
    return [Question([indicator], [unit], [period]) for unit in units for period in periods]


async def answered(hub: HubUnderTest, lookups: Lookups, question: Question) -> list[Series] | None:
    catalogue = hub.hub.catalogues.latest
    assert catalogue is not None
    return await aggregate_plain(lookups, catalogue, question, now=hub.hub.now())


async def test_many_questions_take_few_statements_and_each_gets_its_own_answer(
    hub: HubUnderTest, statements: Statements
) -> None:
    asked = await questions(hub)
    alone = [await answered(hub, hub.app.state.lookups, question) for question in asked]
    lookups = Lookups(statements.ask)
    together = await asyncio.gather(*(answered(hub, lookups, question) for question in asked))
    assert together == alone
    values = [series[0].points[0].figure.value for series in together if series]
    assert values == [100 * number + place for number in range(len(WARDS)) for place in range(len(DAYS))]
    assert statements.count <= len(asked) / 4


async def test_what_fails_fails_for_those_who_asked_and_not_for_who_comes_after(
    hub: HubUnderTest, statements: Statements
) -> None:
    asked = await questions(hub)
    lookups = Lookups(statements.ask)
    statements.failing = True
    failed = await asyncio.gather(*(answered(hub, lookups, question) for question in asked), return_exceptions=True)
    assert {type(one) for one in failed} == {ConnectionError}
    statements.failing = False
    assert await answered(hub, lookups, asked[0])


async def test_who_goes_away_takes_nobody_along(hub: HubUnderTest, statements: Statements) -> None:
    asked = await questions(hub)
    lookups = Lookups(statements.ask)
    waiting = [asyncio.create_task(answered(hub, lookups, question)) for question in asked]
    await asyncio.sleep(0)  # all have asked
    for task in waiting[::2]:
        task.cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in results[::2])
    assert all(isinstance(one, list) for one in results[1::2])


async def test_who_asks_at_the_moment_in_which_the_last_statements_end_is_answered() -> None:
    together = asyncio.Event()

    async def ask(question: LiteralString, facts: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        await together.wait()
        return []

    lookups, nothing = Lookups(ask), Lookup.of([], [], ())

    async def asks(times: int) -> None:
        for _ in range(times):
            await lookups.fetch(nothing)

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for times in (2, 1):
            tasks.create_task(asks(times))
            for _ in range(2):
                await asyncio.sleep(0)  # until its statement runs
        together.set()
