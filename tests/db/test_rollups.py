"""What is stored of what readings add up to: kept right by the roller, whatever happens around it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, LiteralString

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.catalogue.cache import CatalogueCache
from app.catalogue.catalogue import Catalogue
from app.catalogue.reference import load_indicators
from app.changes import announce
from app.marks import mark_indicators
from app.readings.partitions import make_partitions
from app.readings.retention import forget_instants
from app.rollups import rebuild as rebuilding
from app.rollups import roller
from app.rollups.rebuild import rebuild
from app.rollups.roller import roll
from app.worker import Seen, rest
from tests.conftest import SETTINGS, HubUnderTest, running_on_reference

DOSSIERS, VEHICLES, REVENUE = "tthc.dossier.received", "traffic.flow.total", "budget.revenue.total"
BEN_CAT, THOI_HOA, PROVINCE = "25813", "25846", "79"


async def rollups(hub: HubUnderTest, indicator: str, unit: str) -> dict[tuple[int, str], Any]:
    """The stored rows of an indicator of a unit of today: (grain, start) → row."""
    async with hub.session() as session:
        catalogue = await hub.hub.catalogues.current(session)
        key = catalogue.require_unit(unit, None, hub.hub.now().date()).id
        table = models.Rollup
        rows = await session.scalars(
            select(table).where(table.indicator_id == catalogue.indicators[indicator].id, table.unit_id == key)
        )
        return {(row.grain, str(row.period_start.date())): row for row in rows}


async def marks(hub: HubUnderTest) -> int:
    async with hub.session() as session:
        return int(await session.scalar(select(func.count()).select_from(models.StaleMark)) or 0)


async def test_a_reading_is_in_every_rollup_it_touches_up_to_the_province_and_the_year(hub: HubUnderTest) -> None:
    await hub.sent((DOSSIERS, BEN_CAT, "2026-11-19", 7), (DOSSIERS, THOI_HOA, "2026-11-19", 5))

    of_commune = await rollups(hub, DOSSIERS, BEN_CAT)
    of_province = await rollups(hub, DOSSIERS, PROVINCE)

    buckets = {(3, "2026-11-16"), (4, "2026-11-01"), (5, "2026-10-01"), (6, "2026-01-01")}
    assert {key: row.value for key, row in of_commune.items()} == {(4, "2026-11-01"): 7}
    assert {key: row.value for key, row in of_province.items()} == dict.fromkeys({(2, "2026-11-19")} | buckets, 12)


async def test_a_late_reading_costs_what_it_touches(hub: HubUnderTest) -> None:
    await hub.sent(*((DOSSIERS, BEN_CAT, f"2026-{month:02}-10", month) for month in range(1, 12)))
    units = (BEN_CAT, PROVINCE)
    before = [{key: row.computed_at for key, row in (await rollups(hub, DOSSIERS, unit)).items()} for unit in units]

    await hub.sent((DOSSIERS, BEN_CAT, "2026-08-12", 1))

    after = [{key: row.computed_at for key, row in (await rollups(hub, DOSSIERS, unit)).items()} for unit in units]
    again = [{key for key in now if was.get(key) != now[key]} for was, now in zip(before, after, strict=True)]
    assert again == [
        {(4, "2026-08-01")},
        {(2, "2026-08-12"), (3, "2026-08-10"), (4, "2026-08-01"), (5, "2026-07-01"), (6, "2026-01-01")},
    ]


async def test_the_year_of_a_reform_is_no_dearer_than_others(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thới Hòa went on as it was when its district ended on 1 July 2025 and another province took it over."""

    async def reading_by_reading(*_: object) -> None:
        raise AssertionError("a year of readings was fetched")

    monkeypatch.setattr(roller, "store_by_laws", reading_by_reading)
    await hub.sent(*((VEHICLES, THOI_HOA, f"2025-{month:02}-10T08", month) for month in range(1, 13)))
    await hub.sent((VEHICLES, THOI_HOA, "2025-05-11T09", 100))

    before, after = 1 + 2 + 3 + 4 + 5 + 6 + 100, 7 + 8 + 9 + 10 + 11 + 12
    for unit, value, hours, days in (
        ("721@2025-01-01", before, 7, 181), ("74@2025-01-01", before, 7, 181),
        ("79@2025-12-31", after, 6, 184), ("bencat", after, 6, 184), (THOI_HOA, before + after, 13, 365),
    ):  # fmt: skip
        point = await hub.point(VEHICLES, unit, "2025", "year")
        assert (point["value"], point["coverage"]["periods"]) == (value, [hours, days * 24]), unit


async def test_weeks_quarters_and_years_of_a_commune_are_read_off_its_days_and_months(hub: HubUnderTest) -> None:
    days = [f"2026-{month:02}-{day:02}" for month in (2, 7, 11) for day in (9, 10, 12)]
    await hub.sent(*((DOSSIERS, BEN_CAT, day, number) for number, day in enumerate(days, start=1)))
    await hub.sent(
        *((VEHICLES, BEN_CAT, f"{day}T08:{number:02}:00", number) for number, day in enumerate(days, start=1))
    )

    for indicator, periods_of_a_day, finest in ((DOSSIERS, 1, {4}), (VEHICLES, 24, {1, 2, 4})):
        assert {grain for grain, _ in await rollups(hub, indicator, BEN_CAT)} == finest
        for grain, bucket, value, periods in (
            ("week", "2026-W46", 24, [3, 7]), ("quarter", "2026-Q3", 15, [3, 92]), ("year", "2026", 45, [9, 365]),
        ):  # fmt: skip
            point = await hub.point(indicator, BEN_CAT, bucket, grain)
            coverage = {"units": [1, 1], "periods": [periods[0], periods[1] * periods_of_a_day]}
            assert (point["value"], point["origin"], point["coverage"]) == (value, "derived", coverage)
            assert (await hub.point(indicator, PROVINCE, bucket, grain))["value"] == value


async def test_a_week_of_a_unit_that_has_children_is_its_own_only_as_long_as_they_are_silent(hub: HubUnderTest) -> None:
    await hub.sent((DOSSIERS, PROVINCE, "2026-11-18", 900))
    assert {grain for grain, _ in await rollups(hub, DOSSIERS, PROVINCE)} == {4}
    assert (await hub.point(DOSSIERS, PROVINCE, "2026-W47", "week"))["value"] == 900

    await hub.sent((DOSSIERS, BEN_CAT, "2026-11-19", 7))
    assert (await rollups(hub, DOSSIERS, PROVINCE))[3, "2026-11-16"].value == 907

    await hub.sent((DOSSIERS, BEN_CAT, "2026-11-19", None))
    assert {grain for grain, _ in await rollups(hub, DOSSIERS, PROVINCE)} == {4}
    for bucket, grain in (("2026-W47", "week"), ("2026-11", "month"), ("2026-Q4", "quarter"), ("2026", "year")):
        assert (await hub.point(DOSSIERS, PROVINCE, bucket, grain))["value"] == 900


async def test_a_correction_of_a_year_to_date_figure_changes_the_month_after_it_too(hub: HubUnderTest) -> None:
    await hub.sent((REVENUE, BEN_CAT, "2026-01-31", 100), (REVENUE, BEN_CAT, "2026-03-31", 250))

    await hub.sent((REVENUE, BEN_CAT, "2026-01-31", 120))

    points = await hub.points(REVENUE, BEN_CAT, "month", "2026-01", "2026-03")
    assert [point["value"] for point in points] == [120, None, 130]


async def test_what_is_withdrawn_leaves_no_rollup_behind(hub: HubUnderTest) -> None:
    await hub.sent((DOSSIERS, BEN_CAT, "2026-11-19", 7))
    await hub.sent((DOSSIERS, BEN_CAT, "2026-11-19", None))

    assert await rollups(hub, DOSSIERS, BEN_CAT) == {}
    assert await rollups(hub, DOSSIERS, PROVINCE) == {}


async def test_a_unit_that_reports_itself_after_its_children_did(hub: HubUnderTest) -> None:
    await hub.sent((DOSSIERS, BEN_CAT, "2026-11-18", 7), (DOSSIERS, BEN_CAT, "2026-11-19", 5))

    await hub.sent((DOSSIERS, PROVINCE, "2026-11-19", 900))

    assert (2, "2026-11-19") not in await rollups(hub, DOSSIERS, PROVINCE)
    assert (await hub.point(DOSSIERS, PROVINCE, "2026-11", "month"))["value"] == 907  # each day by itself


async def test_what_a_dead_roller_had_claimed_is_rolled_up_by_another(hub: HubUnderTest) -> None:
    await hub.send((DOSSIERS, BEN_CAT, "2026-11-19", 7), settled=False)

    async with hub.session() as session:
        assert (await roll(session, hub.hub.catalogues)).marks == 1
        await session.rollback()  # what Postgres does when its client dies

    assert await marks(hub) == 1
    assert await rollups(hub, DOSSIERS, PROVINCE) == {}
    await hub.settle()
    assert await marks(hub) == 0
    assert (await rollups(hub, DOSSIERS, PROVINCE))[6, "2026-01-01"].value == 7


async def test_of_a_backlog_one_indicator_after_the_other_is_rolled_up(hub: HubUnderTest) -> None:
    """Its hours and days come in turn with those of others, and have their months and years in common."""
    for day in (17, 18, 19):
        await hub.send((DOSSIERS, BEN_CAT, f"2026-11-{day}", day), settled=False)
        await hub.send((VEHICLES, BEN_CAT, f"2026-11-{day}T08", day), settled=False)

    passes = []
    for _ in range(2):
        async with hub.session() as session:
            passes.append((await roll(session, hub.hub.catalogues, most=3)).buckets)
            await session.commit()

    days, week, month, quarter, year, hours = 3, 1, 1, 1, 1, 3
    assert passes == [days + week + month + quarter + year, hours + days + week + month + quarter + year]
    assert await marks(hub) == 0


async def test_two_rollers_never_claim_the_same_mark(hub: HubUnderTest) -> None:
    await hub.send((DOSSIERS, BEN_CAT, "2026-11-19", 7), settled=False)
    await hub.send((VEHICLES, BEN_CAT, "2026-11-19T08", 60), settled=False)

    async with hub.session() as one, hub.session() as other:
        assert (await roll(one, hub.hub.catalogues, most=1)).marks == 1
        free = "SELECT count(*) FROM (SELECT FROM stale_mark FOR UPDATE SKIP LOCKED) AS free"
        assert await other.scalar(text(free)) == 1  # it neither waits nor takes what the first one has

    await hub.settle()
    assert (await rollups(hub, DOSSIERS, PROVINCE))[6, "2026-01-01"].value == 7
    assert (await rollups(hub, VEHICLES, PROVINCE))[6, "2026-01-01"].value == 60


async def test_a_second_roller_waits_for_what_the_first_one_computes_of_an_indicator(hub: HubUnderTest) -> None:
    await hub.send((DOSSIERS, BEN_CAT, "2026-11-19", 7), settled=False)
    await hub.send((DOSSIERS, THOI_HOA, "2026-11-19", 5), settled=False)

    async def second() -> None:
        async with hub.session() as session:
            assert (await roll(session, hub.hub.catalogues)).marks == 1

    async with hub.session() as session:
        assert (await roll(session, hub.hub.catalogues, most=1)).marks == 1
        other = asyncio.create_task(second())
        await waiting_for_a_lock(hub)
        assert not other.done()
    await other

    # Without the wait it would have summed up without the first one's commune.
    assert (await hub.point(DOSSIERS, PROVINCE, "2026", "year"))["value"] == 12


class Sending(CatalogueCache):
    """Asked for in the middle of a pass, when two more readings have just come."""

    def __init__(self, hub: HubUnderTest) -> None:
        super().__init__()
        self._hub = hub

    async def current(self, session: AsyncSession) -> Catalogue:
        for day in ("2026-11-20", "2026-11-21"):
            await self._hub.send((DOSSIERS, BEN_CAT, day, 7), settled=False)
        return await super().current(session)


async def test_a_pass_tells_whether_more_came_than_it_took(hub: HubUnderTest) -> None:
    await hub.send((DOSSIERS, BEN_CAT, "2026-11-18", 7), settled=False)
    await hub.send((DOSSIERS, BEN_CAT, "2026-11-19", 7), settled=False)

    async with hub.session() as session:
        rolled = await roll(session, hub.hub.catalogues, most=1)
        assert (rolled.full, rolled.flooded) == (True, False)  # what waits was there before
    async with hub.session() as session:
        rolled = await roll(session, Sending(hub), most=1)
        assert (rolled.full, rolled.flooded) == (True, True)


async def test_what_is_rare_does_not_wait_behind_a_flood(hub: HubUnderTest) -> None:
    async with hub.session() as session:
        catalogue = await hub.hub.catalogues.current(session)
    communes = [unit.code for unit in catalogue.units.values() if unit.kind == "commune" and unit.valid_to is None][:40]
    for day in ("2026-11-17", "2026-11-18"):
        await hub.send(*((DOSSIERS, commune, day, 1) for commune in communes), settled=False)
    await hub.send(("health.emergency", BEN_CAT, "2026-11-18", 7), settled=False)

    await rest(hub.hub, 3600, Seen())

    assert (await hub.point("health.emergency", PROVINCE, "2026", "year"))["value"] == 7
    assert await marks(hub) == 2  # the flood's; it has its turn
    await hub.settle()
    assert await marks(hub) == 0


async def test_of_more_that_is_rare_than_fits_a_pass_nothing_is_forgotten(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roller, "MOST_RARE", 2)
    for indicator in ("health.emergency", "health.referral", "health.inpatient", DOSSIERS, "health.visit.outpatient"):
        await hub.send((indicator, BEN_CAT, "2026-11-18", 7), settled=False)

    await rest(hub.hub, 3600, Seen())

    assert await marks(hub) == 0


async def test_what_is_rare_and_committed_late_does_not_wait_either(hub: HubUnderTest) -> None:
    """A mark has its number before others see it: by then the roller may have looked at higher ones."""
    seen = Seen()
    await hub.send(("health.emergency", BEN_CAT, "2026-11-17", 1), settled=False)
    await rest(hub.hub, 3600, seen)
    async with hub.session() as late:
        mark = "INSERT INTO stale_mark (indicator_id, grain, period_start, unit_ids) SELECT id, 2, '2026-11-18', ARRAY[1] FROM indicator"
        await late.execute(text(f"{mark} WHERE code = 'health.referral'"))
        await hub.send(("health.emergency", BEN_CAT, "2026-11-18", 7), settled=False)
        await rest(hub.hub, 0, seen)
        assert await marks(hub) == 0

    assert await marks(hub) == 1
    await hub.send(("health.emergency", BEN_CAT, "2026-11-19", 7), settled=False)
    await rest(hub.hub, 0, seen)

    assert await marks(hub) == 0


async def waiting_for_a_lock(hub: HubUnderTest) -> None:
    async with asyncio.timeout(60), hub.session() as session:
        blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        while not await session.scalar(text(blocked)):
            pass


async def test_the_tree_is_looked_at_only_when_nobody_else_computes_the_indicator(hub: HubUnderTest) -> None:
    await hub.send((DOSSIERS, BEN_CAT, "2026-11-19", 7), settled=False)
    locked = []

    class Watched(CatalogueCache):
        async def current(self, session: AsyncSession) -> Catalogue:
            """By an older tree a roller would overwrite what another has just computed by the new one."""
            mine = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()"
            locked.append(await session.scalar(text(mine)))
            return await super().current(session)

    async with hub.session() as session:
        await roll(session, Watched())

    assert locked == [1]


async def test_fifty_thousand_rows_of_one_indicator_are_rolled_up(hub: HubUnderTest) -> None:
    start = datetime(2026, 1, 1)
    times = [(start + timedelta(minutes=number)).isoformat() for number in range(25_000)]
    await hub.sent(*((VEHICLES, unit, time, 2) for unit in (BEN_CAT, THOI_HOA) for time in times))

    assert (await hub.point(VEHICLES, PROVINCE, "2026", "year"))["value"] == 100_000
    assert (await hub.point(VEHICLES, BEN_CAT, "2026-01-02T05", "hour"))["value"] == 120


async def test_another_law_for_an_indicator_adds_everything_up_again(hub: HubUnderTest) -> None:
    await hub.sent((DOSSIERS, BEN_CAT, "2026-11-18", 7), (DOSSIERS, BEN_CAT, "2026-11-19", 5))
    row = {
        "code": DOSSIERS, "domain_code": "tthc", "name_vi": "x", "name_en": "x", "measure": "dossiers",
        "periodicity": "daily", "over_time": "max", "over_units": "sum", "numerator": "", "denominator": "",
        "direction": "neutral", "public": "yes", "source": "test",
    }  # fmt: skip

    async with hub.session() as session:
        catalogue = await hub.hub.catalogues.current(session)
        row["domain_code"] = catalogue.indicators[DOSSIERS].domain.code
        await load_indicators(session, [row], lambda *_: None)
        await announce(session, "catalogue")
    await hub.settle()

    assert (await hub.point(DOSSIERS, PROVINCE, "2026-11", "month"))["value"] == 7


async def test_rebuilding_mends_what_somebody_has_broken_by_hand(hub: HubUnderTest) -> None:
    await hub.sent((DOSSIERS, BEN_CAT, "2026-11-19", 7))
    async with hub.session() as session:
        broken = (await hub.hub.catalogues.current(session)).indicators[DOSSIERS].id
        for deed in (
            "UPDATE rollup SET value = value + 1 WHERE grain = 5",
            "DELETE FROM rollup WHERE grain = 4 AND NOT own",
            "UPDATE rollup SET period_start = '2019-01-01' WHERE grain = 6 AND NOT own",
            "UPDATE rollup SET own = true WHERE grain = 3",
            "INSERT INTO rollup SELECT indicator_id, unit_id, 3, '2026-11-16', value, total, status, source_ids, until,"
            " 1, 1, 1, 7, true FROM rollup WHERE own AND grain = 4",
        ):
            await session.execute(text(f"{deed} AND indicator_id = :indicator"), {"indicator": broken})

    await rebuild(hub.hub, [broken], lambda: None)

    assert {key[0]: row.value for key, row in (await rollups(hub, DOSSIERS, PROVINCE)).items()} == {
        2: 7, 3: 7, 4: 7, 5: 7, 6: 7,
    }  # fmt: skip
    assert (6, "2019-01-01") not in await rollups(hub, DOSSIERS, PROVINCE)
    async with hub.session() as session:
        of_it = "SELECT array_agg(DISTINCT grain) FROM rollup WHERE own AND indicator_id = :indicator"
        assert await session.scalar(text(of_it), {"indicator": broken}) == [4]


async def test_rebuilding_ends_though_somebody_sends_without_rest(
    hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hub.sent((DOSSIERS, BEN_CAT, "2026-11-18", 7))
    await hub.settle()
    async with hub.session() as session:
        sent_on = (await hub.hub.catalogues.current(session)).indicators[DOSSIERS].id
        await session.execute(
            text("UPDATE rollup SET value = 8 WHERE indicator_id = :indicator"), {"indicator": sent_on}
        )

    async def roll_while_somebody_sends(session: AsyncSession, catalogues: CatalogueCache) -> Any:
        rolled = await roll(session, catalogues)
        mark = "INSERT INTO stale_mark (indicator_id, grain, period_start, unit_ids) VALUES (:indicator, 2, '2026-11-19', '{1}')"
        await session.execute(text(mark), {"indicator": sent_on})
        return rolled

    monkeypatch.setattr(rebuilding, "roll", roll_while_somebody_sends)
    async with asyncio.timeout(10):
        await rebuild(hub.hub, [sent_on], lambda: None)

    assert (await rollups(hub, DOSSIERS, PROVINCE))[4, "2026-11-01"].value == 7
    assert await marks(hub) > 0


# --- what changes is told ---


async def test_a_change_of_one_indicator_leaves_the_tags_of_others(hub: HubUnderTest) -> None:
    await hub.sent((DOSSIERS, BEN_CAT, "2026-11-19", 7), (VEHICLES, BEN_CAT, "2026-11-19T08", 60))
    question = {"unit": PROVINCE, "grain": "month", "from": "2026-11", "to": "2026-11"}
    tags = {}
    for indicator in (DOSSIERS, VEHICLES):
        answer = await hub.client.get("/v1/aggregates", params=question | {"indicator": indicator})
        tags[indicator] = answer.headers["etag"]

    await hub.sent((DOSSIERS, BEN_CAT, "2026-11-20", 1))

    statuses = [
        (
            await hub.client.get(
                "/v1/aggregates", params=question | {"indicator": indicator}, headers={"if-none-match": tag}
            )
        ).status_code
        for indicator, tag in tags.items()
    ]
    assert statuses == [200, 304]


async def test_the_feed_catches_up_after_its_connection_was_lost(hub: HubUnderTest) -> None:
    feed = hub.hub.changes
    await feed.reached(1)  # it listens
    async with hub.session() as session:
        killed = await session.scalar(
            text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name = 'ioc-hub changes' AND datname = current_database()"
            )
        )
        assert killed == 1
    await hub.sent((DOSSIERS, BEN_CAT, "2026-11-19", 7))  # settles: waits until the feed has heard of it

    async with hub.session() as session:
        latest = await session.scalar(text("SELECT max(id) FROM change"))
        catalogue = await hub.hub.catalogues.current(session)
    assert feed.latest == latest
    assert feed.live
    assert feed.of_indicators([catalogue.indicators[DOSSIERS].id]) == latest


# --- time passes ---


async def test_months_get_partitions_ahead_and_what_came_before_moves_in(hub: HubUnderTest) -> None:
    now = hub.hub.now()
    day = f"{now:%Y-%m-%d}"
    await hub.sent((DOSSIERS, BEN_CAT, day, 7), (DOSSIERS, BEN_CAT, "2025-08-01", 1))

    async with hub.session() as session:
        made = await make_partitions(session, now)
        assert len(made) == 4
        assert await make_partitions(session, now) == []
        mine = "SELECT id FROM source WHERE code = 'tax-office'"
        rows = await session.execute(
            text(f"SELECT period_start::date::text, tableoid::regclass::text FROM reading WHERE source_id = ({mine})")
        )
        where = {row.period_start: row.tableoid for row in rows}
    assert where == {day: f"reading_{now:%Y_%m}", "2025-08-01": "reading_default"}
    await hub.sent((DOSSIERS, BEN_CAT, day, 8))
    values = [one["value"] for one in await hub.reported(DOSSIERS, BEN_CAT, includeHistory="true", **{"from": day})]
    assert values == [7, 8]


async def test_who_looks_while_a_month_moves_in_sees_its_readings(hub: HubUnderTest) -> None:
    """A statement waits for what moves; when it goes on, it knows where everything is."""
    now, ask = hub.hub.now(), hub.hub.database.ask
    await hub.sent((DOSSIERS, BEN_CAT, f"{now:%Y-%m-%d}", 7))

    async def look() -> object:
        return await ask("SELECT count(*) FROM reading WHERE period_start >= current_date - 1", {})

    await asyncio.gather(*(look() for _ in range(3)))  # connections that know the parts of the table
    async with hub.session() as session:
        await make_partitions(session, now)
        waiting = [asyncio.create_task(look()) for _ in range(3)]
        blocked: LiteralString = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        async with asyncio.timeout(60):
            while await ask(blocked, {}) != [(3,)]:  # in a transaction it would see the same for ever
                pass

    assert await asyncio.gather(*waiting) == [[(1,)]] * 3


async def test_workers_that_start_together_make_each_partition_once(hub: HubUnderTest) -> None:
    async def make() -> int:
        async with hub.session() as session:
            return len(await make_partitions(session, hub.hub.now()))

    assert sorted(await asyncio.gather(make(), make(), make())) == [0, 0, 4]


async def test_forgotten_instants_leave_their_hours(hub: HubUnderTest) -> None:
    now = hub.hub.now()
    old = (now - timedelta(days=40)).replace(minute=0, second=0, microsecond=0)
    hour, day = f"{old:%Y-%m-%dT%H}", f"{old:%Y-%m-%d}"
    await hub.sent(*((VEHICLES, BEN_CAT, f"{hour}:{minute:02}:00", 10) for minute in range(60)))

    async with hub.session() as session:
        assert await forget_instants(session, now, keep_days=30) == 60
    # A rebuild, and a neighbour's late hour, compute everything again but what has no instants left.
    async with hub.session() as session:
        catalogue = await hub.hub.catalogues.current(session)
        await mark_indicators(session, [catalogue.indicators[VEHICLES].id])
    await hub.sent((VEHICLES, THOI_HOA, hour, 1))

    assert (await hub.point(VEHICLES, BEN_CAT, hour, "hour"))["value"] == 600
    assert (await hub.point(VEHICLES, PROVINCE, day, "day"))["value"] == 601
    # The same out of the readings, with the hours in the place of the instants.
    later = (now + timedelta(minutes=1)).isoformat()
    assert (await hub.point(VEHICLES, PROVINCE, day, "day", asOf=f"{later}+07:00"))["value"] == 601


async def test_an_instant_that_would_be_forgotten_at_once_is_refused(reference_database: str) -> None:
    settings = SETTINGS.model_copy(update={"keep_instants_days": 30})
    async with running_on_reference(reference_database, settings) as hub:
        now = hub.hub.now()
        old, young = (f"{now - timedelta(days=days):%Y-%m-%dT%H:00:00}" for days in (31, 29))
        await hub.sent((VEHICLES, BEN_CAT, young, 1))

        refused = (await hub.send((VEHICLES, BEN_CAT, old, 1))).json()["errors"]

    assert [(error["code"], error["pointer"]) for error in refused] == [("instant-too-old", "/readings/0/period")]
    assert f"written like {old[:13]}." in refused[0]["detail"]


async def test_an_instant_of_a_time_of_which_they_were_forgotten_is_refused_whatever_the_setting(
    hub: HubUnderTest,
) -> None:
    now = hub.hub.now()
    old, older = (f"{now - timedelta(days=days):%Y-%m-%dT%H:00:00}" for days in (20, 40))
    await hub.sent((VEHICLES, BEN_CAT, old, 1), (VEHICLES, BEN_CAT, older, 1))
    async with hub.session() as session:
        assert (
            await forget_instants(session, now, keep_days=30) == 1
        )  # by a worker that has the setting; this process has not

    refused = (await hub.send((VEHICLES, THOI_HOA, older, 1))).json()["errors"]

    assert [(error["code"], error["pointer"]) for error in refused] == [("instant-too-old", "/readings/0/period")]
    await hub.sent((VEHICLES, THOI_HOA, old, 1))
