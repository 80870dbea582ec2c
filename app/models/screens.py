"""What the wall is made of, and the displays that may show it."""

from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Instant


class Screen(Base):
    """One version of a screen's definition (màn hình). A change is a new version, so that `asOf` finds the one of that time."""

    __tablename__ = "screen"
    __table_args__ = (Index("screen_current_key", "slug", unique=True, postgresql_where=text("superseded_at IS NULL")),)

    slug: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    definition: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True), comment="app.schemas.screens.ScreenIn; null: taken away"
    )
    recorded_at: Mapped[Instant] = mapped_column(server_default=func.clock_timestamp())
    superseded_at: Mapped[Instant | None] = mapped_column()


class Display(Base):
    """A screen on a wall that may look without anybody logging in. The token itself is nowhere: only its keyed hash."""

    __tablename__ = "display"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column()
    token_hash: Mapped[bytes | None] = mapped_column(
        unique=True, comment="HMAC-SHA256, keyed with IOC_SECRET; null: confirmed, but the wall has not come for it yet"
    )
    slugs: Mapped[list[str] | None] = mapped_column(comment="screens it may show; null: all")
    unit_ids: Mapped[list[int] | None] = mapped_column(comment="subtrees it may show; null: all")
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock_timestamp())
    revoked_at: Mapped[Instant | None] = mapped_column()
    last_seen_at: Mapped[Instant | None] = mapped_column()
    screen: Mapped[str | None] = mapped_column(comment="what it said it shows")
    page: Mapped[int | None] = mapped_column()


class Pairing(Base):
    """A code that a wall shows until an operator confirms it."""

    __tablename__ = "pairing"

    id_hash: Mapped[bytes] = mapped_column(primary_key=True, comment="of the secret that the asking wall keeps")
    code: Mapped[str] = mapped_column(unique=True, comment="what a person reads off the wall")
    display_id: Mapped[int | None] = mapped_column(
        ForeignKey(Display.id, ondelete="CASCADE"), index=True, comment="null: nobody has confirmed it yet"
    )
    expires_at: Mapped[Instant] = mapped_column()
