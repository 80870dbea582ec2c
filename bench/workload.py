"""What is sent: 1,000 additive indicators for 90 communes, period after period, until there are enough readings.

Every row is a key of its own. A batch of 1,000 rows is what a city's system sends: some eleven indicators of every
commune for one period.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from app import exact_json
from app.catalogue.catalogue import BASE_GRAIN
from app.catalogue.reference import Row, data_rows
from app.periods import Period, bucket_start

INDICATORS, COMMUNES, BATCH = 1_000, 90, 1_000
PROVINCE = "19"  # Thái Nguyên: 92 communes since July 2025, so two of them stay silent
SHOWN = "tthc.dossier.received"  # the indicator that the reads ask for: daily, a sum over time and units
FIRST = datetime(2026, 1, 1)  # every commune of today existed; the server must allow years that are to come


class NewReading(NamedTuple):
    indicator: str
    unit: str
    period: Period
    value: Decimal


def additive_indicators() -> tuple[list[Row], list[Row]]:
    """Those of the catalogue, `SHOWN` first, and the made-up copies that fill them up to 1,000."""
    additive = [row for row in data_rows("indicators.csv") if row["over_units"] == "sum"]
    additive.sort(key=lambda row: row["code"] != SHOWN)
    return additive, [row | {"code": f"bench.{row['code']}"} for row in additive[: INDICATORS - len(additive)]]


def communes() -> list[str]:
    edges = (row for row in data_rows("unit_parents.csv") if row["parent_code"] == PROVINCE and not row["valid_to"])
    return sorted(row["code"] for row in edges)[:COMMUNES]


def new_batches(number: int) -> list[list[NewReading]]:
    """So many readings, each of another key."""
    additive, copies = additive_indicators()
    pairs = [(row, unit) for row in (*additive, *copies) for unit in communes()]
    readings = [
        NewReading(row["code"], unit, _period(row["periodicity"], place // len(pairs)), Decimal(place % 99_991) / 4)
        for place in range(number)
        for row, unit in [pairs[place % len(pairs)]]
    ]
    return [readings[start : start + BATCH] for start in range(0, number, BATCH)]


@cache
def _period(periodicity: str, turn: int) -> Period:
    """The base period of an indicator that comes `turn` periods after the first of 2026."""
    grain = BASE_GRAIN[periodicity]
    return Period(grain, bucket_start(grain, FIRST)) if turn == 0 else Period(grain, _period(periodicity, turn - 1).end)


def body(batch: Sequence[NewReading], *, more: int = 0) -> bytes:
    """The JSON of one request, each value `more` than at first."""
    rows = [
        {"indicator": one.indicator, "unit": one.unit, "period": str(one.period), "value": one.value + more}
        for one in batch
    ]
    return exact_json.dumps({"readings": rows})
