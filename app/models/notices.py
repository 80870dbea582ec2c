"""What a centre tells everybody (thông báo)."""

from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Instant
from app.models.catalogue import Unit
from app.models.readings import Source


class Notice(Base):
    """A notice for a unit and all below it, for as long as it holds: `[valid_from, valid_until)`."""

    __tablename__ = "notice"

    id: Mapped[UUID] = mapped_column(
        primary_key=True, comment="made by who wrote it, so that sending again is harmless"
    )
    unit_id: Mapped[int] = mapped_column(ForeignKey(Unit.id), index=True)
    title_vi: Mapped[str] = mapped_column()
    title_en: Mapped[str] = mapped_column()
    body_vi: Mapped[str] = mapped_column()
    body_en: Mapped[str] = mapped_column()
    valid_from: Mapped[Instant] = mapped_column()
    valid_until: Mapped[Instant | None] = mapped_column(comment="null: until it is taken away")
    source_id: Mapped[int] = mapped_column(ForeignKey(Source.id), comment="whose key wrote it last")
    changed_at: Mapped[Instant] = mapped_column()
