"""The demo's reports: made up, and marked so wherever they count; gone with the demo, as if they had never been."""

from sqlalchemy import func, select

from app import models
from app.readings.demo import SOURCE, remove_demo
from app.readings.seed import require_source
from app.reports.counting import catch_up_counting
from app.reports.demo import feed_demo_reports, remove_demo_reports
from tests.api.test_reports import Centre
from tests.conftest import HubUnderTest


async def how_many(hub: HubUnderTest) -> int:
    async with hub.session() as session:
        return await session.scalar(select(func.count()).select_from(models.Report)) or 0


async def test_what_is_made_up_is_marked_and_taken_away_again(hub: HubUnderTest) -> None:
    centre = Centre(hub)
    async with hub.session() as session:
        await require_source(session, SOURCE)
    await feed_demo_reports(hub.hub)
    made = await how_many(hub)
    await feed_demo_reports(hub.hub)  # what is there is not sent again
    assert made == await how_many(hub) > 50
    real = await centre.sent()
    await catch_up_counting(hub.hub)
    await hub.settle()

    year = str(hub.hub.now().year)
    total = await hub.point("report.received", "bencat", year, "year")
    assert (total["value"], total["synthetic"]) == (made + 1, True)
    month = label_of_month(hub)
    median = await hub.point("report.handling_time_median", "bencat", month, "month")
    assert median["synthetic"] is True
    for one in (await hub.client.get("/v1/reports", params={"limit": 1000})).json()["items"]:
        assert one["description"].startswith("[MÔ PHỎNG]")

    async with hub.session() as session:
        assert await remove_demo_reports(session) == made
        await remove_demo(session)
    await catch_up_counting(hub.hub)
    await hub.settle()

    assert await how_many(hub) == 1
    day = real["received_at"][:10]
    rest = await hub.point("report.received", "bencat", day, "day")
    assert (rest["value"], rest.get("synthetic", False)) == (1, False)


async def test_nothing_is_made_up_where_real_reports_are_counted(hub: HubUnderTest) -> None:
    centre = Centre(hub)
    await centre.sent()
    await catch_up_counting(hub.hub)
    async with hub.session() as session:
        source = await require_source(session, SOURCE)

    await feed_demo_reports(hub.hub)

    async with hub.session() as session:
        found = await session.execute(
            select(models.Unit.code)
            .join(models.Report, models.Report.unit_id == models.Unit.id)
            .where(models.Report.source_id == source.id)
            .distinct()
        )
        assert "25813" not in {code for (code,) in found}


def label_of_month(hub: HubUnderTest) -> str:
    return f"{hub.hub.now():%Y-%m}"
