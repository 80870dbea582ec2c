"""What is sent: copies of the catalogue's additive indicators for 90 communes, period after period.

Every row is a key of its own. A batch of 1,000 rows is what a city's system sends: some eleven indicators of every
commune for one period.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import NamedTuple

from app import exact_json
from app.catalogue.catalogue import BASE_GRAIN, COUNTED
from app.catalogue.reference import Row, data_rows
from app.periods import Period, bucket_start

COPIES = 2_200  # so many that a batch of eleven comes again after ten seconds at 20,000 readings a second
INDICATORS, COMMUNES, BATCH = 1_000, 90, 1_000
PROVINCE = "19"  # Thái Nguyên: 92 communes since July 2025, so two of them stay silent
FIRST = datetime(2026, 1, 1)  # every commune of today existed; the server must allow years that are to come


class NewReading(NamedTuple):
    indicator: str
    unit: str
    period: Period
    value: Decimal


@cache
def indicators() -> Sequence[Row]:
    """Hourly, daily and monthly ones that add up over time and units, in the mix of the catalogue; all public."""
    additive = [
        row
        for row in data_rows("indicators.csv")
        if row["over_time"] == row["over_units"] == "sum" and row["periodicity"] in {"hourly", "daily", "monthly"}
    ]
    turns = ((turn, row) for turn in range(1, COPIES) for row in additive)
    return [row | {"code": f"bench.{turn}.{row['code']}", "public": "yes"} for turn, row in islice(turns, COPIES)]


@cache
def communes() -> Sequence[str]:
    edges = (row for row in data_rows("unit_parents.csv") if row["parent_code"] == PROVINCE and not row["valid_to"])
    return sorted(row["code"] for row in edges)[:COMMUNES]


def new_readings(number: int) -> list[NewReading]:
    """So many: 1,000 indicators of every commune for their first period of 2026, then for the next one."""
    cells = ((row, unit, turn) for turn in range(number) for row in indicators()[:INDICATORS] for unit in communes())
    return list(islice(_readings(cells), number))


def in_batches(readings: Sequence[NewReading]) -> list[Sequence[NewReading]]:
    return [readings[start : start + BATCH] for start in range(0, len(readings), BATCH)]


def batches_of(breadth: int, number: int) -> list[list[NewReading]]:
    """So many batches, each of `breadth` indicators that come again as late as possible; see `turns_of`."""
    periods = BATCH // COMMUNES // breadth
    batches = []
    for place in range(number):
        turn, slot = divmod(place, turns_of(breadth))
        rows = indicators()[slot * breadth : (slot + 1) * breadth]
        starts = range(turn * periods, (turn + 1) * periods)
        batches.append(list(_readings((row, unit, start) for start in starts for row in rows for unit in communes())))
    return batches


def turns_of(breadth: int) -> int:
    """After so many batches of `batches_of` the same indicators come again."""
    return COPIES // breadth


def _readings(cells: Iterable[tuple[Row, str, int]]) -> Iterator[NewReading]:
    for place, (row, unit, turn) in enumerate(cells):
        value = Decimal(place % 99_991)  # what is counted has no fractions
        yield NewReading(
            row["code"], unit, _period(row["periodicity"], turn), value if row["measure"] in COUNTED else value / 4
        )


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
