"""Group commit: what arrives while something is being written is written together, in one transaction.

Most of what a transaction of one reading costs is the transaction. Each submission keeps its own batch, receipt and
verdicts, is answered after the commit only, and fails alone: a group in which one is refused is undone, the others are
stored without it, and it by itself.
"""

import asyncio
from collections import deque
from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import psycopg
from psycopg.errors import ForeignKeyViolation, UniqueViolation

from app.database import Database
from app.readings.idempotency import Overtaken
from app.readings.ingest import (
    Contested,
    Outdated,
    Receipt,
    Stored,
    Submission,
    can_be_stored_at_once,
    store,
    store_at_once,
)
from app.readings.ownership import KnownOwners

_WRITERS = 4
_GROUP_ROWS = 500  # a group grows up to here; whoever has more than half of it is a group of its own
_BREATH = 0.002  # seconds after a group in which those who were answered may send their next; a transaction takes three times as long
_BODIES_AT_WORK = 64 * 2**20

Connection = psycopg.AsyncConnection[tuple[object, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    submission: Submission
    answer: "asyncio.Future[Receipt | bytes]"

    @property
    def alone(self) -> bool:
        return self.submission.doomed or len(self.submission.judged) > _GROUP_ROWS // 2

    def touches(self) -> set[Hashable]:
        """What no two of a group may have in common: readings, and the key of an answer."""
        judged, answering = self.submission.judged, self.submission.answering
        touched: set[Hashable] = {
            (place.indicator_id, unit.id, place.grain, place.start)
            for place, unit in zip(judged.places, judged.units, strict=True)
        }
        if answering is not None:
            touched.add(answering.identity)
        return touched


class Intake:
    """One process's way to the table of readings: a few writers with a connection each, and those who wait for them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owners = KnownOwners()
        self._repeating: set[int] = set()  # sources whose last batch was not all new
        self._waiting: deque[_Waiting] = deque()
        self._writers: set[asyncio.Task[None]] = set()
        self._gathering = False  # a group is being written, and who comes meanwhile is the next one
        self._connections: list[Connection] = []
        self._at_work = 0
        self._room: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, size: int) -> None:
        """Wait until a body of this size may be worked on: read into rows it takes ten times as much memory. Then `leave`."""
        if not self._room and (not self._at_work or self._at_work + size <= _BODIES_AT_WORK):
            self._at_work += size
            return
        turn = asyncio.get_running_loop().create_future()
        self._room.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(size)
            raise

    def leave(self, size: int) -> None:
        """It is worked on no longer."""
        self._at_work -= size
        while self._room and (not self._at_work or self._at_work + self._room[0][0] <= _BODIES_AT_WORK):
            size, turn = self._room.popleft()
            if not turn.done():
                self._at_work += size
                turn.set_result(None)

    async def submit(self, submission: Submission) -> Receipt | bytes:
        """Store it; returns after the commit. Bytes: the answer that this request's `Idempotency-Key` got before.

        Raises:
            RowsRejected: a row is wrong, and the submission is not `partial`.
            IdempotencyMismatch: the key was used for another body.
            Outdated: the rows must be judged again.
            psycopg.Error: the database failed; nothing was stored, unless the connection was lost at the very commit.
        """
        answer: asyncio.Future[Receipt | bytes] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(submission, answer)
        self._waiting.append(waiting)
        if len(self._writers) < _WRITERS and (waiting.alone or not self._gathering):
            self._writers.add(asyncio.create_task(self._write()))
        return await answer

    async def close(self) -> None:
        writers = list(self._writers)
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)
        for connection in self._connections:
            await connection.close()

    async def _write(self) -> None:
        """Write until nobody waits."""
        try:
            while group := self._next_group():
                await self._write_group(group)
                if len(group) > 1:
                    await self._breathe()
        finally:  # in the same turn as the last look for who waits: who comes from here on starts another
            self._writers.discard(cast(asyncio.Task[None], asyncio.current_task()))

    async def _breathe(self) -> None:
        """Who sends one by one sends again when he is answered: those of the last group join who came meanwhile."""
        self._gathering = True
        try:
            await asyncio.sleep(_BREATH)
        finally:
            self._gathering = False

    async def _write_group(self, group: Sequence[_Waiting]) -> None:
        gathers = not group[0].alone
        try:
            self._gathering |= gathers
            await self._settle(group)
        except BaseException as error:
            for one in group:
                _fail(one, error if isinstance(error, Exception) else psycopg.OperationalError("the hub stops"))
            if not isinstance(error, Exception):
                raise
        finally:
            self._gathering &= not gathers

    def _next_group(self) -> list[_Waiting]:
        """The first that waits, with those after it that fit; what it shares a reading with waits for the next group."""
        group: list[_Waiting] = []
        rows, touched, later = 0, set[Hashable](), list[_Waiting]()
        while self._waiting:
            one = self._waiting[0]
            if group and (one.alone or rows + len(one.submission.judged) > _GROUP_ROWS):
                break
            self._waiting.popleft()
            if one.answer.done():  # its client is gone
                continue
            if one.alone:
                group.append(one)
                break
            touches = one.touches()
            if touched.isdisjoint(touches):
                group.append(one)
                touched |= touches
                rows += len(one.submission.judged)
            else:
                later.append(one)
        self._waiting.extendleft(reversed(later))
        return group

    async def _settle(self, group: Sequence[_Waiting]) -> None:
        """Store the group; in pieces when not all of it can be stored."""
        try:
            stored = await self._attempt([one.submission for one in group])
        except Exception as error:
            if len(group) == 1 or _concerns_all(error):
                for one in group:
                    _fail(one, Outdated() if isinstance(error, ForeignKeyViolation) else error)
            else:
                for one in group:
                    await self._settle([one])
            return
        if stored.sound:
            for owned in stored.owned:
                self._owners.remember(owned)
            for one, outcome in zip(group, stored.outcomes, strict=True):
                if not one.answer.done() and not isinstance(outcome, Exception):
                    one.answer.set_result(outcome)
            return
        if len(group) == 1:
            [outcome] = stored.outcomes
            if isinstance(outcome, Overtaken):
                await self._settle(group)
            elif isinstance(outcome, Exception):
                _fail(group[0], outcome)
            return
        refused = [one for one, outcome in zip(group, stored.outcomes, strict=True) if isinstance(outcome, Exception)]
        if good := [one for one in group if one not in refused]:
            await self._settle(good)
        for one in refused:  # what it is told may have changed meanwhile
            await self._settle([one])

    async def _attempt(self, submissions: Sequence[Submission]) -> Stored:
        """One transaction. A connection that was lost since it was last used is replaced once.

        To look whether each reading is there costs a third of storing it. Whoever brought only new ones the last time is
        trusted to do so again; if not, it is done once more with care.
        """
        connection = self._connections.pop() if self._connections else await self._database.connect_writer()
        all_new = self._repeating.isdisjoint(one.caller.source_id for one in submissions)
        try:
            try:
                return await self._store(connection, submissions, all_new=all_new)
            except (UniqueViolation, Contested):
                return await self._store(connection, submissions)
            except psycopg.OperationalError:
                if not connection.broken:
                    raise
                connection = await self._database.connect_writer()
                return await self._store(connection, submissions)
        finally:
            if connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE:
                self._connections.append(connection)
            else:
                await connection.close()

    async def _store(
        self, connection: Connection, submissions: Sequence[Submission], *, all_new: bool = False
    ) -> Stored:
        async with connection.cursor() as cursor:
            if all_new and can_be_stored_at_once(submissions):
                stored = await store_at_once(cursor, submissions, self._owners)
            else:
                with suppress(psycopg.Rollback):  # it comes out when the connection is lost by now, which undoes it too
                    async with connection.transaction() as transaction:
                        stored = await store(cursor, submissions, self._owners, all_new=all_new)
                        if not stored.sound:
                            raise psycopg.Rollback(transaction)
        for one, outcome in zip(submissions, stored.outcomes, strict=True):
            if isinstance(outcome, Receipt) and outcome.created == outcome.received:
                self._repeating.discard(one.caller.source_id)
            else:
                self._repeating.add(one.caller.source_id)
        return stored


def _concerns_all(error: Exception) -> bool:
    """The connection is lost (no SQLSTATE), or the server stops (57), is out of disk or memory (53): one by one is no better."""
    return isinstance(error, psycopg.OperationalError) and (error.sqlstate or "57")[:2] in {"53", "57"}


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(error)
