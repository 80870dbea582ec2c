"""Who sends a report on the hub's own page: nobody in particular, known by a token that the browser has made for itself.

The token is to a visitor what a subject is to an app's users. The hub keeps only its keyed hash, as the report's subject; who has
lost it sees of the report what the public sees.
"""

import ipaddress
import time
from collections import deque
from collections.abc import Mapping
from enum import StrEnum

from app.auth import Caller
from app.catalogue.catalogue import Catalogue
from app.errors import Text, TooMuchFromAddress
from app.reports.desk import SUBMIT
from app.reports.indicators import WEB


class Sent(StrEnum):
    """What a visitor sends that others have to keep."""

    report = "report"
    comment = "comment"
    follow = "follow"
    photo = "photo"  # bytes of photos of which the rest is not here yet; what is complete is kept small


# Of an address in `WITHIN`, of each process: a whole school may share one, and a token is made by who likes.
MOST: Mapping[Sent, int] = {Sent.report: 30, Sent.comment: 60, Sent.follow: 60, Sent.photo: 256 * 1024 * 1024}
WITHIN = 3600.0  # seconds
_TOGETHER = 60.0  # seconds: what comes in small pieces is not remembered piece by piece
_MOST_ADDRESSES = 20_000
_NAMES: Mapping[Sent, Text] = {
    Sent.report: Text("phản ánh", "reports"),
    Sent.comment: Text("bình luận", "comments"),
    Sent.follow: Text("lượt theo dõi", "followers"),
    Sent.photo: Text("byte ảnh chưa gửi xong", "bytes of unfinished photos"),
}


def visitor_of(catalogue: Catalogue) -> Caller | None:
    """The page as a caller. None: the hub is not prepared for it."""
    source = next((one for one in catalogue.sources.values() if one.code == WEB.code), None)
    return None if source is None else Caller(None, source.id, source.code, frozenset({SUBMIT}), None, None)


class Arrivals:
    """What came from where within the last hour, as this process saw it, by `network`; addresses are in no table and no log."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Sent, str], deque[tuple[float, int]]] = {}

    def require_room(self, sent: Sent, address: str) -> None:
        """Raises: TooMuchFromAddress."""
        counted, now = self._counted(sent, address), time.monotonic()
        if sum(amount for _, amount in counted) >= MOST[sent]:
            seconds = int(counted[0][0] + WITHIN - now) + 1
            headers = {"retry-after": str(seconds)}
            raise TooMuchFromAddress(limit=MOST[sent], what=_NAMES[sent], retry_after=seconds, headers=headers)

    def note(self, sent: Sent, address: str, amount: int = 1) -> None:
        """So much was taken; less than nothing is given back."""
        counted, since = self._counted(sent, address), time.monotonic()
        if counted and since - counted[-1][0] < _TOGETHER:
            since, before = counted.pop()
            amount += before
        counted.append((since, amount))
        self._seen[sent, address] = counted
        while len(self._seen) > _MOST_ADDRESSES:
            self._seen.pop(next(iter(self._seen)))

    def take(self, sent: Sent, address: str) -> None:
        """Note one more. Raises: TooMuchFromAddress."""
        self.require_room(sent, address)
        self.note(sent, address)

    def _counted(self, sent: Sent, address: str) -> deque[tuple[float, int]]:
        counted = self._seen.get((sent, address), deque())
        while counted and counted[0][0] <= time.monotonic() - WITHIN:
            counted.popleft()
        return counted


def network(address: str) -> str:
    """What counts as one address: of IPv6 a household has 2^64."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((known, 64), strict=False)) if known.version == 6 else address
