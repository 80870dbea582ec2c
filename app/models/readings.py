"""What was observed: sources, batches, readings and their earlier values.

`reading` and `reading_history` have the same columns; together they hold every value that was ever accepted, each with
the time in which it was the hub's answer: `[received_at, superseded_at)`. Neither has foreign keys, which would cost more than
the reading: indicators and units are never deleted, and that its source is there is checked once, for its batch.
"""

from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    SmallInteger,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Instant, LocalTime


class Source(Base):
    """The system that supplies readings. It owns what it was the first to report."""

    __tablename__ = "source"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name_vi: Mapped[str] = mapped_column()
    name_en: Mapped[str] = mapped_column()
    synthetic: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="its figures are made up for demonstration; every answer says so"
    )


class Batch(Base):
    """One accepted request: who sent what when, and what became of it."""

    __tablename__ = "batch"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey(Source.id), index=True)
    key_prefix: Mapped[str | None] = mapped_column(comment="which API key sent it; null: loaded by the operator")
    received_at: Mapped[Instant] = mapped_column(server_default=func.clock_timestamp())
    received: Mapped[int] = mapped_column()
    created: Mapped[int] = mapped_column()
    unchanged: Mapped[int] = mapped_column()
    corrected: Mapped[int] = mapped_column()
    rejected: Mapped[int] = mapped_column()


class Ownership(Base):
    """Which source reports an indicator of a unit: the first that did. Every reading has its (indicator, unit) here."""

    __tablename__ = "ownership"

    indicator_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source_id: Mapped[int] = mapped_column()


class _Observation:
    """The columns of a value. Every unique key has `indicator_id`, so that both tables can be distributed by it."""

    value: Mapped[Decimal | None] = mapped_column(Numeric, comment="null: withdrawn")
    status: Mapped[int] = mapped_column(SmallInteger, comment="0 estimated, 1 provisional, 2 final")
    note: Mapped[str | None] = mapped_column()
    source_id: Mapped[int] = mapped_column()
    batch_id: Mapped[int] = mapped_column(BigInteger)


class Reading(_Observation, Base):
    """The present value of one indicator for one unit and one period, as its source last sent it (số liệu).

    Partitioned by month: `app.readings.partitions` makes them ahead; `reading_default` is the home of everything else.
    """

    __tablename__ = "reading"
    __table_args__ = ({"postgresql_partition_by": "RANGE (period_start)"},)

    indicator_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    grain: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, comment="periods.Grain")
    period_start: Mapped[LocalTime] = mapped_column(primary_key=True, comment="wall time of the local calendar")
    received_at: Mapped[Instant] = mapped_column()


class ReadingHistory(_Observation, Base):
    """A value that was corrected or withdrawn, and until when it was the answer."""

    __tablename__ = "reading_history"

    indicator_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    grain: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    period_start: Mapped[LocalTime] = mapped_column(primary_key=True)
    received_at: Mapped[Instant] = mapped_column(primary_key=True)
    superseded_at: Mapped[Instant] = mapped_column()


class Forgotten(Base):
    """Up to which local time something was deleted for good. `instants`: those of realtime indicators; their hours stay."""

    __tablename__ = "forgotten"

    what: Mapped[str] = mapped_column(primary_key=True)
    before: Mapped[LocalTime] = mapped_column()


class StoredAnswer(Base):
    """The answer to a request that carried an `Idempotency-Key`, kept for seven days."""

    __tablename__ = "stored_answer"
    __table_args__ = (Index("stored_answer_stored_at_idx", "stored_at"),)

    key_prefix: Mapped[str] = mapped_column(primary_key=True, comment="the API key: others cannot see the answer")
    route: Mapped[str] = mapped_column(primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes] = mapped_column()
    answer: Mapped[bytes | None] = mapped_column()
    stored_at: Mapped[Instant] = mapped_column(server_default=func.clock_timestamp())
