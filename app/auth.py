"""API keys: 256 random bits shown once, stored as a keyed hash, with a scope.

A key looks like `ioc_k7m2x9qa_…`. The middle part names it in lists and logs; the rest is the secret. The secret is random, so
a fast keyed hash (HMAC-SHA256 with `IOC_SECRET`) is as safe as a slow one, and a slow one on each call would be a
denial of service of our own making.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import announce, latest_change
from app.database import Database
from app.errors import KeyRefused, KeyRequired, ScopeMissing, Text
from app.models import ApiKey, Source
from app.settings import Settings

SCOPES = (
    "readings:write", "readings:read", "catalogue:write", "targets:write", "screens:write",
    "reports:submit", "reports:moderate", "reports:handle", "reports:identify", "reports:configure", "notices:write", "webhooks:write",
)  # fmt: skip
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_LAST_USE_PRECISION = timedelta(minutes=1)
DISPLAY_PREFIX = "iocd_"  # how the token of a display begins (app/displays.py), so that none is taken for the other
ONLY_LOOKS = Text("là của một màn hình, chỉ được xem", "is that of a display, which may only look at its screens")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, by the API key."""

    key_prefix: str | None  # None: the operator, loading files
    source_id: int
    source_code: str
    scopes: frozenset[str]
    unit_ids: frozenset[int] | None
    domains: frozenset[str] | None

    def require(self, scope: str) -> None:
        """Raises: ScopeMissing."""
        if scope not in self.scopes:
            raise ScopeMissing(scope=scope, scopes=", ".join(sorted(self.scopes)))


def require_caller(caller: Caller | None, scope: str, why: Text) -> Caller:
    """Raises: KeyRequired (nobody), ScopeMissing (somebody, but not for this)."""
    if caller is None:
        raise KeyRequired(why=why)
    caller.require(scope)
    return caller


def pepper(settings: Settings) -> bytes:
    """`IOC_SECRET`, or one that is made once in the data folder, readable for its owner only."""
    if settings.secret is not None:
        return settings.secret.get_secret_value().encode()
    return made_once(settings.data_dir / "secret", secrets.token_urlsafe(48).encode())


def made_once(path: Path, content: bytes) -> bytes:
    """What the file holds. Where there is none it is made with this content, readable for its owner only."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Of several processes that start together the first one's becomes the secret, and nobody sees it half written.
        with tempfile.NamedTemporaryFile(dir=path.parent) as file:  # readable for its owner only
            file.write(content)
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
        return path.read_bytes()


def hash_secret(secret: str, key: bytes) -> bytes:
    return hmac.digest(key, secret.encode(), hashlib.sha256)


async def create_key(
    session: AsyncSession,
    source: Source,
    *,
    scopes: Sequence[str],
    unit_ids: Sequence[int] | None,
    domains: Sequence[str] | None,
    expires_at: datetime | None,
    pepper: bytes,
) -> str:
    """Make a key and return it; nobody can ever see it again."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    secret = secrets.token_urlsafe(32)
    session.add(
        ApiKey(
            prefix=prefix,
            secret_hash=hash_secret(secret, pepper),
            source_id=source.id,
            scopes=sorted(set(scopes)),
            unit_ids=sorted(set(unit_ids)) if unit_ids is not None else None,
            domains=sorted(set(domains)) if domains is not None else None,
            expires_at=expires_at,
        )
    )
    await session.flush()
    await announce(session, "keys")
    return f"ioc_{prefix}_{secret}"


async def revoke_key(session: AsyncSession, prefix: str) -> bool:
    """Whether there was such a key; revoking twice keeps the first time."""
    revoked = await session.execute(
        update(ApiKey)
        .where(ApiKey.prefix == prefix, ApiKey.revoked_at.is_(None))
        .values(revoked_at=datetime.now(UTC))
        .returning(ApiKey.prefix)
    )
    if revoked.first() is not None:
        await announce(session, "keys")
        return True
    return await session.get(ApiKey, prefix) is not None


@dataclass(frozen=True, slots=True)
class _Key:
    caller: Caller
    secret_hash: bytes
    expires_at: datetime | None
    revoked_at: datetime | None


class Presumed(NamedTuple):
    """Who sends by a copy of the keys, and which copy that is: while somebody waits another may take its place."""

    caller: Caller
    version: int


class Keys:
    """One process's copy of the API keys, replaced when the change counter says so."""

    def __init__(self, database: Database, pepper: bytes) -> None:
        self._database = database
        self._pepper = pepper
        self._keys: Mapping[str, _Key] = {}
        self._last_used: dict[str, datetime] = {}
        self.version = -1

    async def caller(self, presented: str) -> Caller:
        """Who holds this key, now.

        Raises:
            KeyRefused: it is not a key, unknown, expired or revoked; one sentence each.
        """
        await self.refresh()
        return await self._noted(self._holder(presented))

    async def presumed_caller(self, presented: str) -> Presumed:
        """Who held it by the copy of a version: for who finds out in its own transaction whether that is still right.

        Raises:
            KeyRefused: as `caller`; what is refused is never presumed.
        """
        try:
            presumed = Presumed(self._holder(presented), self.version)
        except KeyRefused:
            await self.refresh()
            presumed = Presumed(self._holder(presented), self.version)
        await self._noted(presumed.caller)
        return presumed

    async def refresh(self) -> None:
        async with self._database.read_session() as session:
            version = await latest_change(session, "keys")
            if version == self.version:
                return
            rows = await session.execute(select(ApiKey, Source.code).join(Source, Source.id == ApiKey.source_id))
            keys = {key.prefix: (key, code) for key, code in rows}
        self._keys = {
            prefix: _Key(_caller(key, code), key.secret_hash, key.expires_at, key.revoked_at)
            for prefix, (key, code) in keys.items()
        }
        self._last_used = {
            prefix: key.last_used_at for prefix, (key, _) in keys.items() if key.last_used_at is not None
        }
        self.version = version

    def _holder(self, presented: str) -> Caller:
        if presented.startswith(DISPLAY_PREFIX):
            raise KeyRefused(why=ONLY_LOOKS)
        parts = presented.split("_", 2)
        if len(parts) != 3 or parts[0] != "ioc" or not presented.isascii():
            raise KeyRefused(why=Text("không đúng dạng ioc_…_…", "does not look like ioc_…_…"))
        _, prefix, secret = parts
        key = self._keys.get(prefix)
        # Compare before anything else is said, in constant time, so that a guesser learns nothing from the answer.
        if key is None or not hmac.compare_digest(key.secret_hash, hash_secret(secret, self._pepper)):
            raise KeyRefused(why=Text("không tồn tại", "is not known"))
        if key.revoked_at is not None:
            raise KeyRefused(why=was_revoked(key.revoked_at))
        if key.expires_at is not None and key.expires_at <= datetime.now(UTC):
            raise KeyRefused(
                why=Text(
                    f"đã hết hạn lúc {key.expires_at:%Y-%m-%d %H:%M} UTC",
                    f"expired at {key.expires_at:%Y-%m-%d %H:%M} UTC",
                )
            )
        return key.caller

    async def _noted(self, caller: Caller) -> Caller:
        """Note the use of the key, once a minute, so that a busy key is not written each time."""
        prefix, now = str(caller.key_prefix), datetime.now(UTC)
        last = self._last_used.get(prefix)
        if last is None or now - last > _LAST_USE_PRECISION:
            self._last_used[prefix] = now
            async with self._database.write_session() as session:
                await session.execute(update(ApiKey).where(ApiKey.prefix == prefix).values(last_used_at=now))
        return caller


def was_revoked(at: datetime) -> Text:
    return Text(f"đã bị thu hồi lúc {at:%Y-%m-%d %H:%M} UTC", f"was revoked at {at:%Y-%m-%d %H:%M} UTC")


def _caller(key: ApiKey, source_code: str) -> Caller:
    return Caller(
        key_prefix=key.prefix,
        source_id=key.source_id,
        source_code=source_code,
        scopes=frozenset(key.scopes),
        unit_ids=None if key.unit_ids is None else frozenset(key.unit_ids),
        domains=None if key.domains is None else frozenset(key.domains),
    )
