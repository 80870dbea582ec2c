"""The figures of the five articles, as a reader of the wall asks for them."""

import pytest

from tests.conftest import HubUnderTest


@pytest.mark.parametrize(
    ("indicator", "unit", "period", "grain", "value"),
    [
        ("digital.bts.viettel.4g", "720", "2024-Q4", "quarter", 98),  # Dầu Tiếng
        ("digital.target.done", "721", "2024-Q3", "quarter", 21),  # Bến Cát: 21 of 41 targets
        ("digital.task.total", "721", "2024-Q3", "quarter", 80),
        ("digital.dti.rank", "74", "2021", "year", 22),  # Bình Dương: 22 of 63
        ("digital.team.total", "750", "2022-Q4", "quarter", 94),  # Châu Đức
        ("tthc.dossier.received", "682", "2022", "year", 2563),  # Đạ Tẻh, before its code went to another district
        ("tthc.payment.online_rate", "721", "2024-09-30", "day", 86),
    ],
)
async def test_an_articles_figure_is_shown_as_it_was_printed(
    hub: HubUnderTest, indicator: str, unit: str, period: str, grain: str, value: int
) -> None:
    point = await hub.point(indicator, unit, period, grain)

    assert (point["value"], point["origin"], point["status"]) == (value, "reported", "final")
    assert "synthetic" not in point


async def test_the_qualifier_of_a_figure_is_kept_as_its_note(hub: HubUnderTest) -> None:
    answer = await hub.client.get("/v1/readings", params={"indicator": "digital.ewallet.accounts", "unit": "720"})

    [reading] = answer.json()["items"]
    assert (reading["value"], reading["note"], reading["source"]) == (8300, "trên (over)", "bao-dau-tieng-2024")
