"""A body of readings from the bytes to the receipt."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from app.auth import Caller
from app.errors import RETRY_AFTER, Unavailable
from app.hub import Hub
from app.readings.batch import read_rows
from app.readings.idempotency import Answering
from app.readings.ingest import Outdated, Receipt, Seen, Submission
from app.readings.intake import Intake
from app.readings.judge import judge

_ROUTE = "POST /v1/readings"
_TRIES = 5


class Sent(NamedTuple):
    """A body of readings and who sent it, by a key that is still to be confirmed."""

    key: str
    caller: Caller
    media_type: str
    content: bytes


class Wishes(NamedTuple):
    """How the sender wants it to be taken in."""

    partial: bool = False
    reinstate: bool = False
    idempotency_key: str | None = None


async def take_in(
    hub: Hub, intake: Intake, sent: Sent, wishes: Wishes, answer: Callable[[Receipt], bytes]
) -> Receipt | bytes:
    """Read, judge and store; returns after the commit. Bytes: the answer that the same request got before.

    It is judged by this process's copies of the catalogue and the keys. The transaction tells when one of them is
    outdated; then it is judged again.

    Raises:
        MalformedBody, TooManyRows: see `read_rows`.
        RowsRejected, IdempotencyMismatch: nothing was stored.
        KeyRefused: the key was revoked meanwhile, or is no longer valid.
    """
    await intake.enter(len(sent.content))
    try:
        return await _take_in(hub, intake, sent, wishes, _answering(sent, wishes, answer))
    finally:
        intake.leave(len(sent.content))


async def _take_in(
    hub: Hub, intake: Intake, sent: Sent, wishes: Wishes, answering: Answering[Receipt] | None
) -> Receipt | bytes:
    rows = read_rows(sent.content, sent.media_type, max_rows=hub.settings.max_rows)
    catalogue = hub.catalogues.latest
    for _ in range(_TRIES):
        caller, keys = await hub.keys.presumed_caller(sent.key)  # again: the body may have been hours on its way
        if catalogue is None:
            async with hub.database.read_session() as session:
                catalogue = await hub.catalogues.current(session)
        judged = judge(rows, caller, catalogue, now=hub.now(), settings=hub.settings)
        seen = Seen(catalogue.version, keys)
        submission = Submission(
            caller, catalogue, rows, judged, wishes.partial, wishes.reinstate, seen=seen, answering=answering
        )
        try:
            return await intake.submit(submission)
        except Outdated:
            await hub.keys.refresh()
            catalogue = None
    raise Unavailable(retry_after=RETRY_AFTER, headers={"retry-after": str(RETRY_AFTER)})


def _answering(sent: Sent, wishes: Wishes, answer: Callable[[Receipt], bytes]) -> Answering[Receipt] | None:
    if wishes.idempotency_key is None:
        return None
    said = (sent.media_type, "partial" if wishes.partial else "atomic", wishes.reinstate)
    digest = hashlib.sha256(repr(said).encode() + sent.content).digest()
    return Answering(str(sent.caller.key_prefix), _ROUTE, wishes.idempotency_key, digest, answer)
