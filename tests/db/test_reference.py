"""An operator's own catalogue: what a file may change, and what it may not."""

import pytest

from app.catalogue.reference import FileError, data_rows, load_indicators
from app.changes import announce
from app.readings.demo import load_demo, remove_demo
from tests.conftest import HubUnderTest

VISITS = "health.visit.outpatient"


def row(code: str, /, **change: str) -> dict[str, str]:
    [found] = [one for one in data_rows("indicators.csv") if one["code"] == code]
    return found | change


async def load(hub: HubUnderTest, *rows: dict[str, str]) -> None:
    async with hub.session() as session:
        await load_indicators(session, rows, lambda *_: None)


async def test_a_name_may_change_and_a_new_indicator_may_come(hub: HubUnderTest) -> None:
    new = row(VISITS, code="health.visit.night", name_vi="Khám ban đêm", name_en="Night visits")
    async with hub.session() as session:
        await load_indicators(session, [row(VISITS, name_en="Visits"), new], lambda *_: None)
        await announce(session, "catalogue")

    assert (await hub.client.get(f"/v1/indicators/{VISITS}")).json()["name"] == "Visits"
    await hub.sent(("health.visit.night", "25813", "2026-10-05", 3))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"periodicity": "dayly"}, "periodicity is 'dayly', it must be one of realtime, hourly"),
        ({"name_vi": " "}, "name_vi is empty"),
        ({"over_time": "ratio"}, "a ratio has both laws 'ratio'"),
        (
            {"over_time": "ratio", "over_units": "ratio", "numerator": "no.such", "denominator": VISITS},
            "'no.such' is not",
        ),
    ],
)
async def test_a_wrong_row_is_named_and_nothing_is_changed(
    hub: HubUnderTest, change: dict[str, str], sentence: str
) -> None:
    with pytest.raises(FileError, match=f"row 3: .*{sentence}"):
        await load(hub, row(VISITS, name_en="Visits"), row("health.emergency", **change))

    assert (await hub.client.get(f"/v1/indicators/{VISITS}")).json()["name"] != "Visits"


async def test_a_periodicity_cannot_change_under_its_readings(hub: HubUnderTest) -> None:
    await hub.sent((VISITS, "25813", "2026-10-05", 3))

    with pytest.raises(FileError, match="has readings that are daily"):
        await load(hub, row(VISITS, periodicity="monthly"))


async def test_the_demo_goes_without_a_trace_and_leaves_its_figures_to_real_systems(hub: HubUnderTest) -> None:
    async with hub.session() as session:
        await load_demo(session, hub.hub.settings, hub.hub.now(), lambda *_: None, days=1)
    refused = await hub.send(("tthc.dossier.received", "25813", "2026-10-05", 3))
    assert "it is the demo" in refused.json()["errors"][0]["detail"]

    async with hub.session() as session:
        assert await remove_demo(session) > 0

    await hub.sent(("tthc.dossier.received", "25813", "2026-10-05", 3))
    year = hub.hub.now().year
    assert (await hub.point("budget.revenue.total", "bencat", f"{year}", "year"))["reason"] == "no-data"
