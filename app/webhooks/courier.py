"""Carries deliveries: one background task for each subscription that has something due, so many at a time.

The request is made outside of every transaction: a delivery is looked up, sent, and noted. What dies in between is sent again.
"""

import asyncio
import random
import ssl
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpcore
import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.hub import Hub
from app.webhooks.addresses import AddressRefused, GuardedNetwork
from app.webhooks.deliveries import Attempt, Outcome, leave_subscription, next_due, record_outcome, take_subscriptions
from app.webhooks.outbox import has_news, tell_changes
from app.webhooks.signing import secret_of, signed_headers

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 16  # subscriptions that are sent to at the same time, by one worker
_MOST_IN_A_TURN = 100  # deliveries to one of them, before others have their turn
TIMEOUT = 15.0  # seconds of one attempt, from the name to the last byte that is read
_MOST_READ, _MOST_KEPT = 4096, 1000  # bytes of an answer; characters of them in the log of deliveries


class Courier:
    """One worker's. `look` is to be called again and again; who leaves the block ends what is on its way, as a crash would."""

    def __init__(self, hub: Hub, trusted: ssl.SSLContext | None = None) -> None:
        self._hub = hub
        self._turns: set[asyncio.Task[None]] = set()
        # httpcore and not httpx: it follows no redirects, obeys no proxy of the environment, and lets us connect for it. A connection is for
        # one request, so that its address is looked at each time, and that none is used which the other side has just closed.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trusted or ssl.create_default_context(),
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=GuardedNetwork(private=hub.settings.webhook_private_addresses),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        turns = list(self._turns)
        for turn in turns:
            turn.cancel()
        await asyncio.gather(*turns, return_exceptions=True)
        await self._pool.aclose()

    async def look(self, hub: Hub) -> None:
        """Tell subscriptions what has changed, and start for those that have something due. It does not wait for the answers."""
        now = datetime.now(UTC)
        async with hub.database.read_session() as session:
            news = await has_news(session, now)
        if news:
            async with hub.database.write_session() as session:
                await tell_changes(session, await hub.catalogues.current(session), now)
        if free := MOST_AT_ONCE - len(self._turns):
            async with hub.database.write_session() as session:
                taken = await take_subscriptions(session, now, free)
            for webhook_id, lease in taken.items():
                turn = asyncio.create_task(self._turn(webhook_id, lease))
                self._turns.add(turn)
                turn.add_done_callback(self._turns.discard)

    async def finish(self) -> None:
        """Wait for what is on its way."""
        await asyncio.gather(*self._turns)

    async def _turn(self, webhook_id: int, lease: datetime) -> None:
        try:
            await self._send_what_is_due(webhook_id, lease)
        except (SQLAlchemyError, OSError) as error:  # it is free again when its time is over
            log.warning("webhook deliveries interrupted", webhook=webhook_id, error=str(error))
        except Exception:
            log.exception("webhook deliveries interrupted", webhook=webhook_id)

    async def _send_what_is_due(self, webhook_id: int, lease: datetime) -> None:
        """One after the other, until nothing is due or one is not taken: others have their turn before the next one."""
        for _ in range(_MOST_IN_A_TURN):
            async with self._hub.database.write_session() as session:
                attempt = await next_due(session, webhook_id, lease, datetime.now(UTC))
            if attempt is None:
                return
            lease = attempt.lease
            outcome = await self._post(attempt)
            async with self._hub.database.write_session() as session:
                chance = random.random()  # noqa: S311 (nobody gains by guessing it)
                if not await record_outcome(session, attempt, outcome, datetime.now(UTC), chance=chance):
                    log.info("webhook delivery not taken", webhook=webhook_id, delivery=attempt.delivery_id,
                             status=outcome.status, error=outcome.error)  # fmt: skip
                    return
        async with self._hub.database.write_session() as session:
            await leave_subscription(session, webhook_id, lease, datetime.now(UTC))

    async def _post(self, attempt: Attempt) -> Outcome:
        began = time.monotonic()

        def lasted() -> timedelta:
            return timedelta(seconds=time.monotonic() - began)

        keys = [secret_of(salt, self._hub.pepper) for salt in attempt.salts]
        headers = {
            "host": urlsplit(attempt.url).netloc,
            "user-agent": "ioc-hub",
            "content-type": "application/cloudevents+json; charset=utf-8",
            **signed_headers(attempt.event_id, datetime.now(UTC), attempt.body, keys),
        }
        answer, read = None, b""
        try:
            async with (
                asyncio.timeout(TIMEOUT),
                self._pool.stream("POST", attempt.url, headers=list(headers.items()), content=attempt.body) as answer,
            ):
                async for part in answer.aiter_stream():
                    read += part
                    if len(read) >= _MOST_READ:
                        break
        except (AddressRefused, TimeoutError, OSError, *_NO_ANSWER) as error:
            if answer is None:  # otherwise it said whether it takes the message, and only its words are cut off
                why = f"no answer within {TIMEOUT:.0f} seconds" if isinstance(error, TimeoutError) else str(error)
                return Outcome(lasted(), error=why[:_MOST_KEPT] or type(error).__name__)
        said = read[:_MOST_READ].decode("utf-8", "replace").replace("\x00", "\ufffd")[:_MOST_KEPT]
        pause = next((value for name, value in answer.headers if name.lower() == b"retry-after"), b"")
        return Outcome(lasted(), answer.status, response=said or None, retry_after=_pause(pause, datetime.now(UTC)))


_NO_ANSWER = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)


def _pause(header: bytes, now: datetime) -> timedelta | None:
    """`Retry-After`: seconds, or an HTTP date; None when it says nothing that can be understood."""
    said = header.decode("latin-1").strip()
    if said.isascii() and said.isdigit() and len(said) < 10:
        return timedelta(seconds=int(said))
    try:
        return max(parsedate_to_datetime(said) - now, timedelta(0))
    except (ValueError, TypeError, OverflowError):
        return None
