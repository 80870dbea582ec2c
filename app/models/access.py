"""API keys of systems. The secret itself is nowhere: only its keyed hash."""

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, Instant
from app.models.readings import Source


class ApiKey(Base):
    """A credential of a source, with what it may do and where."""

    __tablename__ = "api_key"

    prefix: Mapped[str] = mapped_column(primary_key=True, comment="shown in lists and logs; names the key")
    secret_hash: Mapped[bytes] = mapped_column(comment="HMAC-SHA256 of the secret, keyed with IOC_SECRET")
    source_id: Mapped[int] = mapped_column(ForeignKey(Source.id), index=True)
    scopes: Mapped[list[str]] = mapped_column()
    unit_ids: Mapped[list[int] | None] = mapped_column(comment="subtrees it may touch; null: all")
    domains: Mapped[list[str] | None] = mapped_column(comment="domain codes it may touch; null: all")
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock_timestamp())
    expires_at: Mapped[Instant | None] = mapped_column()
    last_used_at: Mapped[Instant | None] = mapped_column()
    revoked_at: Mapped[Instant | None] = mapped_column()
