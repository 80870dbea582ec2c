"""What the demo makes up: the same whoever makes it again, and of a kind with the catalogue."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from app.periods import Grain, bucket_start
from app.readings.streams import BY_INDICATOR, STREAMS, WARDS, Stream, made_up
from tests.unit.test_presets import INDICATORS, PRESETS

NOW = datetime(2027, 2, 10, 12, 13)
GRAINS = {"realtime": "instant", "hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month"}
GRAINS |= {"quarterly": "quarter", "yearly": "year"}

every_stream = pytest.mark.parametrize("stream", STREAMS, ids=BY_INDICATOR)


@every_stream
def test_a_stream_is_of_the_kind_of_its_indicator(stream: Stream) -> None:
    row = INDICATORS[stream.indicator]

    assert stream.grain.name == GRAINS[row["periodicity"]]
    assert stream.cumulative == (row["over_time"] == "cumulative")
    assert row["over_time"] != "ratio"  # those are computed
    assert row["over_units"] != "none"  # those are of a place, not of its wards


@every_stream
def test_a_stream_is_the_same_from_wherever_it_is_made(stream: Stream) -> None:
    days = {Grain.instant: 1, Grain.hour: 3}.get(stream.grain, 60)
    later = datetime(NOW.year, NOW.month, NOW.day) - timedelta(days=days)
    all_of_it = [str(reading) for reading in made_up(stream, later - timedelta(days=days), NOW)]
    end_of_it = [str(reading) for reading in made_up(stream, later, NOW)]

    assert len(all_of_it) >= len(end_of_it)
    assert all_of_it[len(all_of_it) - len(end_of_it) :] == end_of_it


def test_a_sum_since_january_begins_anew_with_the_first_week_of_the_year() -> None:
    weeks = {
        reading.period: reading.value
        for reading in made_up(BY_INDICATOR["invest.public.disbursed"], datetime(2025, 12, 1), datetime(2026, 2, 1))
        if reading.unit == "25813"
    }

    assert list(weeks)[3:6] == ["2025-W52", "2026-W01", "2026-W02"]
    assert (weeks["2025-W52"] or 0) > (weeks["2026-W02"] or 0) > (weeks["2026-W01"] or 0) > 0


@pytest.mark.parametrize("stream", [one for one in STREAMS if one.of], ids=lambda one: one.indicator)
def test_a_part_is_never_more_than_its_whole(stream: Stream) -> None:
    whole = BY_INDICATOR[stream.of or ""]
    for hour in range(24 * 14):
        at = bucket_start(stream.grain, datetime(2026, 11, 2) + timedelta(hours=hour))
        for ward in WARDS:
            most = whole.value(ward, bucket_start(whole.grain, at))
            assert most is not None
            assert Decimal(0) <= (stream.value(ward, at) or 0) <= most


def test_what_real_systems_send_in_the_readmes_tour_is_left_to_them() -> None:
    assert {"health.visit.outpatient", "health.emergency"}.isdisjoint(BY_INDICATOR)


def test_nearly_every_domain_has_a_headline_that_moves() -> None:
    [board] = PRESETS["tong-quan"].pages[0].widgets
    assert board.kind == "domains"
    moving = set(BY_INDICATOR) | {code for code, row in INDICATORS.items() if row["numerator"] in BY_INDICATOR}

    still = {domain for domain, codes in board.headlines.items() if moving.isdisjoint(codes)}

    # The region has no forest to speak of; of the digital targets the article's figures stand; reports are counted.
    assert still == {"forest", "digital", "report"}
