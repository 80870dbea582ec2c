"""Who sends a report on the hub's own page: nobody in particular, known by a token that the browser has made for itself.

The token is to a visitor what a subject is to an app's users. The hub keeps only its keyed hash, as the report's subject; who has
lost it sees of the report what the public sees.
"""

import ipaddress
import time
from collections import deque

from app.auth import Caller
from app.catalogue.catalogue import Catalogue
from app.errors import TooManyReports
from app.reports.desk import SUBMIT
from app.reports.indicators import WEB

MOST = 30  # new reports of an address in `WITHIN`, of each process: a whole school may share one
WITHIN = 3600.0  # seconds
_MOST_ADDRESSES = 20_000


def visitor_of(catalogue: Catalogue) -> Caller | None:
    """The page as a caller. None: the hub is not prepared for it."""
    source = next((one for one in catalogue.sources.values() if one.code == WEB.code), None)
    return None if source is None else Caller(None, source.id, source.code, frozenset({SUBMIT}), None, None)


class Arrivals:
    """What came from where within the last hour, as this process saw it; addresses are in no table and no log."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = {}

    def require_room(self, address: str) -> None:
        """Raises: TooManyReports."""
        times, now = self._times(address), time.monotonic()
        if len(times) >= MOST:
            seconds = int(times[0] + WITHIN - now) + 1
            raise TooManyReports(limit=MOST, retry_after=seconds, headers={"retry-after": str(seconds)})

    def note(self, address: str) -> None:
        """A new report was taken."""
        times = self._times(address)
        times.append(time.monotonic())
        self._seen[_network(address)] = times
        while len(self._seen) > _MOST_ADDRESSES:
            self._seen.pop(next(iter(self._seen)))

    def _times(self, address: str) -> deque[float]:
        times = self._seen.get(_network(address), deque())
        while times and times[0] <= time.monotonic() - WITHIN:
            times.popleft()
        return times


def _network(address: str) -> str:
    """Of IPv6 a household has 2^64 addresses."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((known, 64), strict=False)) if known.version == 6 else address
