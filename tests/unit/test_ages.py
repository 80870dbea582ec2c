"""When a newer figure can be expected, as a table; the 20th of November 2026 is a Friday."""

from datetime import datetime

import pytest

from app.screens.age import age_at, due_and_late
from tests.unit.test_laws import indicators_of


@pytest.mark.parametrize(("periodicity", "observed", "due", "late"), [
    ("daily", "2026-11-19T00:00", "2026-11-20T12:00", "2026-11-22T00:00"),
    ("daily", "2026-11-21T00:00", "2026-11-22T12:00", "2026-11-24T00:00"),  # Friday's: Monday's can be had on the 24th
    ("hourly", "2026-11-20T15:00", "2026-11-20T16:30", "2026-11-20T18:00"),
    ("realtime", "2026-11-20T15:00", "2026-11-20T15:20", "2026-11-20T16:00"),  # the quarter past may come at a quarter past
    ("weekly", "2026-11-16T00:00", "2026-11-26T12:00", "2026-12-07T00:00"),
    ("monthly", "2026-11-01T00:00", "2026-12-16T00:00", "2027-02-01T00:00"),
    ("yearly", "2026-01-01T00:00", "2027-07-02T12:00", "2029-01-01T00:00"),
])  # fmt: skip
def test_a_newer_figure_is_due_when_it_can_be_there(periodicity: str, observed: str, due: str, late: str) -> None:
    indicator = indicators_of(f"{periodicity} last/sum")["x"]

    turns = due_and_late(indicator, datetime.fromisoformat(observed))

    assert turns == (datetime.fromisoformat(due), datetime.fromisoformat(late))
    assert [age_at(moment, *turns) for moment in (datetime.fromisoformat(observed), *turns)] == ["fresh", "due", "late"]
