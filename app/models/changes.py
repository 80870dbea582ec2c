"""The change counter: one row for every transaction that changed what the hub answers."""

from sqlalchemy import BigInteger, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Instant


class Change(Base):
    """Written last in its transaction, under a lock held to the commit: whoever sees number n sees all below it."""

    __tablename__ = "change"
    __table_args__ = (Index("change_topic_id_idx", "topic", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    topic: Mapped[str] = mapped_column(comment="catalogue, keys, readings, targets")
    indicator_ids: Mapped[list[int] | None] = mapped_column(comment="which indicators it is about; null: any")
    changed_at: Mapped[Instant] = mapped_column(server_default=func.clock_timestamp())
