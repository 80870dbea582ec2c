"""The engine and the two kinds of session.

A request runs in one transaction that is opened and committed at the edge: `write_session` commits when the block
ends and rolls back when it raises; `read_session` is READ ONLY, REPEATABLE READ, so that everything one answer says
comes from one instant.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, ClassVar, LiteralString

import psycopg
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import DateTime, MetaData, Text
from sqlalchemy.dialects.postgresql import ARRAY, INTEGER
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase

Instant = Annotated[datetime, "aware, UTC in storage"]
LocalTime = Annotated[datetime, "naive wall time on the local calendar"]


class Base(DeclarativeBase):
    """All tables. The naming convention gives every constraint a name that code and migrations can rely on."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "fk": "%(table_name)s_%(column_0_name)s_fkey",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "ck": "%(table_name)s_%(constraint_name)s_check",
        }
    )
    type_annotation_map: ClassVar = {
        str: Text,
        Instant: DateTime(timezone=True),
        LocalTime: DateTime(timezone=False),
        list[int]: ARRAY(INTEGER),
        list[str]: ARRAY(Text),
    }


# jit costs more than it saves on queries of a few milliseconds.
_CONNECT: Mapping[str, Any] = {
    "options": "-c timezone=UTC -c jit=off", "application_name": "ioc-hub", "connect_timeout": 5,
}  # fmt: skip


_PUT_OFF = "put off"


def put_off(session: AsyncSession, step: Callable[[], Awaitable[None]]) -> None:
    """Do something right before the commit of a `write_session`, after all else: what others have to wait for until then."""
    session.info.setdefault(_PUT_OFF, []).append(step)


class Database:
    """One pool of connections, handed out as sessions."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=30,
            pool_pre_ping=True,
            connect_args={**_CONNECT},
            hide_parameters=True,  # the text of an error goes into the log, and what citizens write must not
        )
        _, arguments = self.engine.dialect.create_connect_args(self.engine.url)
        self._arguments = {**arguments, **_CONNECT}
        # Each statement here is a transaction of its own, which saves two of three round trips; and they are few and short, so
        # that to plan one anew each time would take longer than to run it.
        options = f"{_CONNECT['options']} -c plan_cache_mode=force_generic_plan"
        arguments = {**self._arguments, "options": options, "autocommit": True}
        self._snapshots = AsyncConnectionPool(min_size=0, max_size=pool_size, open=False, timeout=30, kwargs=arguments)
        self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @asynccontextmanager
    async def write_session(self) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            yield session
            for step in session.info.pop(_PUT_OFF, ()):
                await step()

    @asynccontextmanager
    async def read_session(self) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(self._reader, expire_on_commit=False) as session, session.begin():
            yield session

    async def connect_writer(self) -> psycopg.AsyncConnection[tuple[object, ...]]:
        """A connection beside the pool, for who keeps it and looks up by keys only; each statement is a transaction of its own.

        A plan that was made while a table was empty must not scan it when it is full.
        """
        options = f"{_CONNECT['options']} -c enable_seqscan=off"
        return await psycopg.AsyncConnection.connect(**{**self._arguments, "options": options, "autocommit": True})

    async def ask(self, question: LiteralString, facts: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of one SELECT, all of one instant. A connection that was lost since it was last used is replaced once.

        Raises:
            psycopg.OperationalError: the database cannot be reached.
        """
        if self._snapshots.closed:
            await self._snapshots.open()
        for last_try in (False, True):
            connection = await self._snapshots.getconn()
            try:
                return await (await connection.execute(question, facts, prepare=True)).fetchall()
            except psycopg.OperationalError:
                if last_try or not connection.broken:
                    raise
            finally:  # not `connection()`, which ends a transaction: there is none
                await self._snapshots.putconn(connection)
        raise AssertionError("the second try returns or raises")

    async def close(self) -> None:
        await self._snapshots.close()
        await self.engine.dispose()
