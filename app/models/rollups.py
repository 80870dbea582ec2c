"""What readings add up to, and what is to be added up again."""

from decimal import Decimal

from sqlalchemy import BigInteger, Identity, Index, Numeric, SmallInteger, func
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Instant, LocalTime


class Rollup(Base):
    """What an indicator of a unit adds up to in a bucket: V(unit, bucket) of docs/aggregation.md.

    There is a row wherever base readings stand behind a bucket, except for the bucket of a base reading itself, and for those
    weeks, quarters and years of which a unit's own days and months say all (`app.rollups.own`). Ratios have none: they are divided
    when they are asked for. What was reported for exactly the bucket beats the row when it is shown.
    """

    __tablename__ = "rollup"

    indicator_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    grain: Mapped[int] = mapped_column(
        SmallInteger, primary_key=True, autoincrement=False, comment="periods.Grain of the bucket"
    )
    period_start: Mapped[LocalTime] = mapped_column(primary_key=True, comment="wall time of the local calendar")
    value: Mapped[Decimal | None] = mapped_column(
        Numeric, comment="not rounded; null: a law `none` keeps it from adding up"
    )
    total: Mapped[Decimal | None] = mapped_column(
        Numeric, comment="own means: the sum of the base values, to go on from"
    )
    status: Mapped[int | None] = mapped_column(SmallInteger, comment="the weakest of its parts")
    source_ids: Mapped[list[int]] = mapped_column()
    until: Mapped[LocalTime | None] = mapped_column(comment="end of the latest base period behind the value")
    units_present: Mapped[int] = mapped_column()
    units_expected: Mapped[int] = mapped_column()
    periods_present: Mapped[int] = mapped_column()
    periods_expected: Mapped[int] = mapped_column()
    units_behind: Mapped[int] = mapped_column(
        BigInteger,
        server_default="0",
        comment="which units are present: the sum of the hash of each; 0: the unit itself, or none",
    )
    own: Mapped[bool] = mapped_column(comment="from the unit's own readings, not from its children's")
    computed_at: Mapped[Instant] = mapped_column(server_default=func.clock_timestamp())


class StaleMark(Base):
    """Rollups that must be computed again: of these units, and of all above them, in every bucket around the period.

    Appended in the transaction of the readings, never changed, deleted by the roller in the transaction that computes.
    """

    __tablename__ = "stale_mark"
    __table_args__ = (Index("stale_mark_id_idx", "id"),)  # the oldest first, however many wait

    indicator_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    grain: Mapped[int] = mapped_column(SmallInteger, comment="of the readings")
    period_start: Mapped[LocalTime] = mapped_column()
    unit_ids: Mapped[list[int]] = mapped_column()
    marked_at: Mapped[Instant] = mapped_column(server_default=func.clock_timestamp())
