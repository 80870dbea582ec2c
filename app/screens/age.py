"""How old a figure may be before a viewer is told: pure."""

from datetime import datetime, timedelta

from app.catalogue.catalogue import Indicator
from app.periods import bucket_start, next_start

# What is called realtime comes each minute or each quarter of an hour: the catalogue does not say which. One that counts by
# quarters is not due before its next quarter could be there.
_REALTIME_DUE, _REALTIME_LATE = timedelta(minutes=20), timedelta(minutes=60)


def due_and_late(indicator: Indicator, observed: datetime) -> tuple[datetime, datetime]:
    """From when on a newer figure than one observed up to `observed` (local time) is due, and from when on it is late.

    A daily figure of the 20th is observed up to 0:00 of the 21st. That of the 21st cannot be had before the 22nd; half a day
    later it is due, and when the 23rd has passed too it is late. So of every cadence: due after one and a half periods,
    late after three.

    Which figures rest at weekends, or at night, the catalogue does not know, and the working calendar of reports is not theirs. The three
    periods are as many as a weekend needs: Friday's figure is due on Sunday at noon, and is not late before Monday's can be there.
    """
    if indicator.periodicity == "realtime":
        return observed + _REALTIME_DUE, observed + _REALTIME_LATE
    first = bucket_start(indicator.base, observed)
    following = next_start(indicator.base, first)
    third = next_start(indicator.base, next_start(indicator.base, following))
    since = observed - first  # nothing, where it was observed to the end of a period
    return following + (following - first) / 2 + since, third + since


def age_at(now: datetime, due: datetime, late: datetime) -> str:
    return "fresh" if now < due else "due" if now < late else "late"
