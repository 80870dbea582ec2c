"""Whatever happens to reports, their figures are what a slow and simple count of them finds."""

import random
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from statistics import mean, median
from typing import Any
from uuid import UUID

import pytest
import time_machine
from sqlalchemy import select, text

from app import models
from app.reports.counting import Counter, catch_up_counting, mark_all
from app.reports.submission import mark
from app.reports.workflow import HANDLING_RUNS, MOVES, RATED, State
from tests.conftest import HubUnderTest

ZONE = timedelta(hours=7)
WARDS = ("25813", "25840", "25768")
CATEGORIES = ("road", "waste", "urban-order")
GROUPS = {"road": "traffic", "waste": "environment"}
CHANNELS = ("app", "hotline", "zalo", "web", "staff")
HUNDREDTH = Decimal("0.01")
BEGIN = datetime(2026, 10, 28, 1, 0, tzinfo=UTC)

_SELDOM = {State.rejected, State.need_info, State.returned, State.closed}  # or few would ever be answered


class World:
    """Reports that are moved at random, by the table of moves, without the API's conditions."""

    def __init__(self, hub: HubUnderTest, seed: int) -> None:
        self.hub, self.dice, self.now = hub, random.Random(seed), BEGIN
        self.reports: dict[UUID, models.Report] = {}
        self.wards: list[int] = []

    async def begin(self) -> None:
        async with self.hub.session() as session:
            catalogue = await self.hub.hub.catalogues.current(session)
            self.wards = [catalogue.require_unit(code, None, self.now.date()).id for code in WARDS]
            self.source = (await session.scalars(select(models.Source.id))).first()

    async def send(self) -> None:
        dice, key = self.dice, UUID(int=self.dice.getrandbits(128))
        due = self.now + timedelta(hours=dice.randint(1, 12))
        report = models.Report(
            id=key, digest=b"", source_id=self.source, channel=dice.choice(CHANNELS), category=dice.choice(CATEGORIES),
            urgency="normal", unit_id=dice.choice([*self.wards, None]), description="-", address="-", coarse=False,
            visibility=dice.choice(["public", "withheld"]), occurred_at=self.now, received_at=self.now,
            state="submitted", intake_due_at=due, intake_measure="minutes", change=0, changed_at=self.now,
        )  # fmt: skip
        self.reports[key] = report
        await self._store(report, None)

    async def move(self) -> None:
        report = self.dice.choice(list(self.reports.values()))
        before = report.state
        promised = report.handling_due_at is not None
        ways = [to for frm, to in MOVES if frm == before and (promised or to not in HANDLING_RUNS - {State.accepted})]
        if not ways:
            return
        report.state = self.dice.choices(ways, [1 if to in _SELDOM else 5 for to in ways])[0]
        if report.state in (State.accepted, State.reopened, State.extended):
            report.handling_due_at = self.now + timedelta(hours=self.dice.randint(1, 60))
        left = report.unit_id
        if report.state == State.accepted and self.dice.random() < 0.4:
            report.unit_id, report.category = self.dice.choice(self.wards), self.dice.choice(CATEGORIES)
        await self._store(report, before, left)

    async def rate(self) -> None:
        answered = [one for one in self.reports.values() if one.state in RATED]
        if not answered:
            return
        report = self.dice.choice(answered)
        async with self.hub.session() as session:
            history = select(models.ReportEvent.to_state).where(models.ReportEvent.report_id == report.id)
            number = 1 + [*await session.scalars(history)].count("reopened")
            stars = self.dice.choice((1, 4, 5))
            await session.merge(models.ReportRating(report_id=report.id, round=number, stars=stars, rated_at=self.now))
            mark(session, report)

    async def _store(self, report: models.Report, before: str | None, left: int | None = None) -> None:
        async with self.hub.session() as session:
            if left != report.unit_id and left is not None:
                session.add(models.ReportMark(report_id=report.id, unit_id=left, throughout=True))
            await session.merge(report)
            mark(session, report, throughout=left != report.unit_id)
            await session.flush()
            session.add(
                models.ReportEvent(
                    report_id=report.id, at=self.now, actor="system", from_state=before, to_state=report.state,
                    intake_due_at=report.intake_due_at, handling_due_at=report.handling_due_at,
                )
            )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
async def test_figures_are_those_of_a_naive_count(hub: HubUnderTest, seed: int) -> None:
    world, counter = World(hub, seed), Counter()
    await world.begin()

    for _ in range(150):
        world.now += timedelta(minutes=world.dice.randint(1, 240))
        with time_machine.travel(world.now, tick=False):
            await (world.send() if world.dice.random() < 0.25 or not world.reports else world.move())
            if world.dice.random() < 0.5:
                await world.rate()
            if world.dice.random() < 0.3:
                while await counter.look(hub.hub):
                    pass
    with time_machine.travel(world.now, tick=False):
        while await counter.look(hub.hub):
            pass

    stored = await stored_figures(hub)
    assert stored == await naive_figures(hub, world.now)
    assert {
        "report.handling_time_median",
        "report.rated_satisfied",
        "report.intake_time",
        "report.category.traffic",
    } < {code for code, *_ in stored}
    with time_machine.travel(world.now, tick=False):
        async with hub.session() as session:
            await mark_all(session)
        batches = await count_of(hub, "batch")
        await catch_up_counting(hub.hub)
    assert await stored_figures(hub) == stored
    assert await count_of(hub, "batch") == batches  # what has not changed is not sent again


async def count_of(hub: HubUnderTest, table: str) -> int:
    async with hub.session() as session:
        return int((await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def stored_figures(hub: HubUnderTest) -> dict[tuple[Any, ...], Decimal]:
    """What is not nought, by indicator, unit, grain and start."""
    async with hub.session() as session:
        rows = await session.execute(
            text(
                "SELECT i.code, u.code, r.grain, r.period_start, r.value FROM reading r JOIN indicator i ON i.id = r.indicator_id"
                " JOIN unit u ON u.id = r.unit_id JOIN source s ON s.id = r.source_id WHERE s.code = 'ioc-hub.reports'"
                " AND r.value <> 0"
            )
        )
        return {(code, unit, grain, start): value for code, unit, grain, start, value in rows}


async def naive_figures(hub: HubUnderTest, now: datetime) -> dict[tuple[Any, ...], Decimal]:
    async with hub.session() as session:
        reports = {one.id: one for one in await session.scalars(select(models.Report))}
        lived: dict[UUID, list[models.ReportEvent]] = defaultdict(list)
        for event in await session.scalars(select(models.ReportEvent).order_by(models.ReportEvent.id)):
            lived[event.report_id].append(event)
        stars = {(one.report_id, one.round): one.stars for one in await session.scalars(select(models.ReportRating))}
        catalogue = await hub.hub.catalogues.current(session)
    hour, day, month = 1, 2, 4
    sums: Tally[tuple[Any, ...]] = Tally()
    times: Mapping[tuple[Any, ...], list[Decimal]] = defaultdict(list)
    means: Mapping[tuple[Any, ...], list[Decimal]] = defaultdict(list)
    for key, events in lived.items():
        report = reports[key]
        if report.unit_id is None:
            continue
        unit, seen, begun = catalogue.units[report.unit_id], set[str](), events[0].at
        category = f"category.{report.category.replace('-', '_')}"

        def add(name: str, at: datetime, amount: Decimal = Decimal(1), code: str = unit.code) -> None:
            sums[f"report.{name}", code, day, midnight(at)] += amount  # type: ignore[assignment]

        for place, event in enumerate(events):
            at = (event.at + ZONE).replace(tzinfo=None)
            if event.from_state is None:
                sums["report.received", unit.code, hour, at.replace(minute=0, second=0, microsecond=0)] += 1
                add(category, at)
                if report.category in GROUPS:
                    add(f"category.{GROUPS[report.category]}", at)
                if report.channel != "staff":
                    add(f"received.{report.channel}", at)
                if report.visibility == "withheld":
                    add("received.anonymous", at)
            if event.to_state in ("accepted", "reopened"):
                begun = event.at
            if event.to_state == "accepted" and "accepted" not in seen:
                waited = Decimal((event.at - events[0].at) // timedelta(seconds=1)) / 3600
                means["report.intake_time", unit.code, day, midnight(at)].append(
                    waited.quantize(HUNDREDTH, ROUND_HALF_UP)
                )
            match event.to_state:
                case "rejected":
                    add("refused", at)
                case "returned":
                    add("returned", at)
                case "assigned" | "reopened" | "published" if event.to_state not in seen:
                    add(event.to_state, at)
                case "extended" if event.to_state not in seen and event.from_state != "need_info":
                    add("extended", at)
                case "resolved" if place + 1 == len(events) or events[place + 1].to_state != "processing":
                    assert event.handling_due_at is not None
                    in_time = event.at <= event.handling_due_at
                    hours = Decimal((event.at - begun) // timedelta(seconds=1)) / 3600
                    hours = hours.quantize(HUNDREDTH, ROUND_HALF_UP)
                    add("resolved", at)
                    rating = stars.get((key, 1 + [one.to_state for one in events[:place]].count("reopened")))
                    if rating is not None:
                        add("rated", at)
                        add("rating_points", at, Decimal(rating))
                        if rating >= 4:
                            add("rated_satisfied", at)
                    add("resolved_ontime" if in_time else "resolved_late", at)
                    add("handling_hours", at, hours)
                    means["report.processing_time", unit.code, day, midnight(at)].append(hours)
                    add(f"{category}.resolved", at)
                    if in_time:
                        add(f"{category}.resolved_ontime", at)
                    for above in (unit.code, "bencat", "79"):
                        for prefix in ("", f"{category}."):
                            median_of = f"report.{prefix}handling_time_median"
                            times[median_of, above, day, midnight(at)].append(hours)
                            times[median_of, above, month, midnight(at).replace(day=1)].append(hours)
            seen.add(event.to_state)
        moment = midnight((events[0].at + ZONE).replace(tzinfo=None))
        last = (now + ZONE).replace(tzinfo=None)
        while moment <= last:
            until = min(moment + timedelta(hours=1), last + timedelta(microseconds=1))
            before = [one for one in events if (one.at + ZONE).replace(tzinfo=None) < until]
            if before and before[-1].to_state not in ("rejected", "resolved", "approved", "published", "closed"):
                sums["report.processing", unit.code, hour, moment] += 1
                state = State(before[-1].to_state)
                due = before[-1].intake_due_at if state is State.submitted else None
                due = before[-1].handling_due_at if state in HANDLING_RUNS else due
                if due is not None and (due + ZONE).replace(tzinfo=None) < until:
                    sums["report.processing_late", unit.code, hour, moment] += 1
            moment += timedelta(hours=1)
    medians = {key: Decimal(median(found)).quantize(HUNDREDTH, ROUND_HALF_UP) for key, found in times.items()}
    averages = {key: mean(found).quantize(HUNDREDTH, ROUND_HALF_UP) for key, found in means.items()}
    return {key: Decimal(value) for key, value in (sums | medians | averages).items() if value}


def midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
