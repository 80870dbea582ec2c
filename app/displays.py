"""Displays: walls that look without anybody logging in, for as long as nobody revokes them.

The token of a display is `iocd_` and 256 random bits, stored as API keys are: as a keyed hash. Either an operator carries it to
the wall, in a URL; or the wall shows a code, the operator confirms it, and the wall comes for its token with the secret that it was
given together with the code. The token is made at that moment and is in that one answer only.
"""

import contextlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.auth import DISPLAY_PREFIX, Caller, hash_secret, was_revoked
from app.catalogue.access import addresses_of, scope_of, units_below
from app.catalogue.catalogue import Catalogue, Unit
from app.changes import ChangeFeed, announce, latest_change
from app.database import Database
from app.errors import (
    InvalidRequest,
    KeyRefused,
    OutsideDisplay,
    OutsideKeyUnits,
    PairingNotOpen,
    RowError,
    Text,
    TooManyPairings,
    UnitNotValid,
    UnknownDisplay,
    UnknownPairing,
    UnknownUnit,
)
from app.schemas.displays import DisplayIn, ShownPage

MOST_PAIRINGS = 200  # that wait at one time: anybody may ask for one
PAIRING_LIFE = timedelta(minutes=15)
# To be read across a room: of 2 and Z, U and V one only, of 0 O, 1 I L, 5 S and 8 B none.
_LETTERS = "ACDEFGHJKMNPQRTVWXY234679"
_PAIRING_LOCK = 720_724
_LAST_SEEN_PRECISION = timedelta(minutes=1)


# --- what a display may show ---


@dataclass(frozen=True, slots=True)
class Viewer:
    """A display that asks, by its token."""

    display_id: int
    name: str
    slugs: frozenset[str] | None
    unit_ids: frozenset[int] | None

    def allows(self, slug: str, unit: Unit, catalogue: Catalogue, on: date) -> bool:
        """Whether it may show a screen for a unit: one of its own, or one that reports to them on that day."""
        return self._allows_screen(slug) and self._allows_unit(unit, catalogue, on)

    def _allows_screen(self, slug: str) -> bool:
        return self.slugs is None or slug in self.slugs

    def _allows_unit(self, unit: Unit, catalogue: Catalogue, on: date) -> bool:
        if self.unit_ids is None or unit.id in self.unit_ids:  # mostly: no need to walk the tree
            return True
        return unit.id in units_below(self.unit_ids, catalogue, on)


def require_shown(viewer: Viewer, slug: str, unit: Unit, catalogue: Catalogue, on: date) -> None:
    """Raises: OutsideDisplay (the screen, or the unit, and what the display may show instead)."""
    if not viewer._allows_screen(slug):
        raise OutsideDisplay(value=slug, scope=", ".join(sorted(viewer.slugs or ())))
    if not viewer._allows_unit(unit, catalogue, on):
        raise OutsideDisplay(value=unit.address, scope=", ".join(addresses_of(viewer.unit_ids or (), catalogue)))


# --- those there are ---


async def add_display(
    session: AsyncSession,
    catalogue: Catalogue,
    caller: Caller | None,
    asked: DisplayIn,
    *,
    now: datetime,
    today: date,
    pepper: bytes,
) -> tuple[models.Display, str | None]:
    """Make a display. With a pairing code its wall comes for the token; without one the token is returned, never to be seen again.

    `caller` is None for whoever runs the hub. `today` is the day of the local calendar by which codes are units.

    Raises:
        InvalidRequest: with every screen and unit that there is not.
        OutsideKeyUnits: it would show more than the key may touch.
        PairingNotOpen: no wall waits with the code.
    """
    unit_ids = await _understood(session, catalogue, asked, today)
    _require_within(caller, catalogue, unit_ids, asked.name, today)
    slugs = None if asked.screens is None else list(dict.fromkeys(asked.screens))
    display = models.Display(name=asked.name, slugs=slugs, unit_ids=unit_ids)
    session.add(display)
    await session.flush()
    if asked.code is None:
        return display, await _give_token(session, display, pepper)
    await _confirm(session, display, asked.code, now)
    return display, None


async def list_displays(
    session: AsyncSession, catalogue: Catalogue, caller: Caller, *, today: date, after: int, limit: int
) -> Sequence[models.Display]:
    """The displays that the key could have made, in the order in which they were; revoked ones too."""
    table = models.Display
    query = select(table).where(table.id > after).order_by(table.id).limit(limit)
    if caller.domains is not None:
        return []
    if caller.unit_ids is not None:
        query = query.where(table.unit_ids.contained_by(sorted(units_below(caller.unit_ids, catalogue, today))))
    return (await session.scalars(query)).all()


async def revoke_display(
    session: AsyncSession,
    catalogue: Catalogue,
    caller: Caller | None,
    display_id: int,
    *,
    now: datetime,
    today: date,
) -> None:
    """End its token at once, or its pairing; revoking twice keeps the first time.

    Raises:
        UnknownDisplay: there never was one with this number.
        OutsideKeyUnits: the key could not have made it.
    """
    # Before the display, as a wall does that comes for its token: otherwise the two could wait for each other.
    await session.execute(delete(models.Pairing).where(models.Pairing.display_id == display_id))
    display = await session.get(models.Display, display_id, with_for_update=True)
    if display is None:
        raise UnknownDisplay(value=display_id)
    _require_within(caller, catalogue, display.unit_ids, display.name, today)
    if display.revoked_at is None:
        display.revoked_at = now
        await session.flush()
        await announce(session, "keys")


async def note_shown(session: AsyncSession, viewer: Viewer, shown: ShownPage, *, now: datetime) -> None:
    """What a display says it shows, for its operator to see. Nothing is decided by it."""
    table = models.Display
    change = update(table).where(table.id == viewer.display_id)
    await session.execute(change.values(screen=shown.screen, page=shown.page, last_seen_at=now))


async def _understood(session: AsyncSession, catalogue: Catalogue, asked: DisplayIn, today: date) -> list[int] | None:
    """The units asked for. A screen or unit that there is not would be a wall that stays dark."""
    table = models.Screen
    present = (
        select(table.slug).where(table.superseded_at.is_(None), table.definition.is_not(None)).order_by(table.slug)
    )
    known = list(await session.scalars(present)) if asked.screens else []
    mistakes = [
        RowError(
            "unknown-screen", pointer=f"/screens/{place}", value=slug, facts={"known": ", ".join(known[:20]) or "–"}
        )
        for place, slug in enumerate(asked.screens or ())
        if slug not in known
    ]
    unit_ids = set()
    for place, address in enumerate(asked.units or ()):
        try:
            unit_ids.add(catalogue.require_unit(address, None, today).id)
        except (UnknownUnit, UnitNotValid) as error:
            facts = {**error.facts, "period": today}
            mistakes.append(RowError(error.code, pointer=f"/units/{place}", value=address, facts=facts))
    if mistakes:
        raise InvalidRequest(count=len(mistakes), errors=mistakes)
    return None if asked.units is None else sorted(unit_ids)


def _require_within(
    caller: Caller | None, catalogue: Catalogue, unit_ids: Sequence[int] | None, name: str, today: date
) -> None:
    """A display shows whole screens, of all domains: a key that may not touch them all cannot let others look at them."""
    if caller is None or (caller.unit_ids is None and caller.domains is None):
        return
    inside = units_below(caller.unit_ids, catalogue, today) if caller.unit_ids is not None else None
    if caller.domains is not None or unit_ids is None or (inside is not None and not inside.issuperset(unit_ids)):
        raise OutsideKeyUnits(value=name, scope=scope_of(caller, catalogue))


async def _give_token(session: AsyncSession, display: models.Display, pepper: bytes) -> str:
    secret = secrets.token_urlsafe(32)
    display.token_hash = hash_secret(secret, pepper)
    await session.flush()
    await announce(session, "keys")
    return f"{DISPLAY_PREFIX}{secret}"


# --- pairing ---


@dataclass(frozen=True, slots=True)
class Pairing:
    """A wall that waits: the secret that it keeps, and the code that it shows."""

    secret: str
    code: str


async def open_pairing(session: AsyncSession, *, now: datetime, pepper: bytes) -> Pairing:
    """Let a wall wait for `PAIRING_LIFE`. Nobody need be known for it, so there is room for so many only.

    Raises:
        TooManyPairings: there is no room until one expires.
    """
    table = models.Pairing
    # One at a time: they are counted, and no two have the same code.
    await session.execute(select(func.pg_advisory_xact_lock(_PAIRING_LOCK)))
    await session.execute(delete(table).where(table.expires_at <= now))
    waiting = {row.code: row.expires_at for row in await session.execute(select(table.code, table.expires_at))}
    if len(waiting) >= MOST_PAIRINGS:
        seconds = int((min(waiting.values()) - now).total_seconds()) + 1
        raise TooManyPairings(limit=MOST_PAIRINGS, retry_after=seconds, headers={"retry-after": str(seconds)})
    while (code := _new_code()) in waiting:
        pass
    secret = secrets.token_urlsafe(32)
    session.add(table(id_hash=hash_secret(secret, pepper), code=code, expires_at=now + PAIRING_LIFE))
    await session.flush()
    return Pairing(secret, code)


async def fetch_token(
    session: AsyncSession, secret: str, *, now: datetime, pepper: bytes
) -> tuple[models.Display, str] | None:
    """The display that a waiting wall has become, and its token; once. None while nobody has confirmed the code.

    When the answer is lost on its way the wall finds no pairing any more, and asks for a new code.

    Raises:
        UnknownPairing: no wall waits with this secret (any more).
    """
    table = models.Pairing
    mine = (table.id_hash == hash_secret(secret, pepper), table.expires_at > now)
    # Of two that come at once one deletes the row, and the other waits for that and finds none.
    done = delete(table).where(*mine, table.display_id.is_not(None)).returning(table.display_id)
    display_id = (await session.execute(done)).scalar_one_or_none()
    if display_id is not None:
        display = await session.get_one(models.Display, display_id)
        return display, await _give_token(session, display, pepper)
    if (await session.execute(select(table.code).where(*mine))).first() is None:
        raise UnknownPairing()
    return None


async def _confirm(session: AsyncSession, display: models.Display, code: str, now: datetime) -> None:
    table = models.Pairing
    waiting = (table.code == _as_shown(code), table.display_id.is_(None), table.expires_at > now)
    # The wall gets its time anew: it may be a slow one, and the code was read in the last second.
    confirmed = update(table).where(*waiting).values(display_id=display.id, expires_at=now + PAIRING_LIFE)
    if (await session.execute(confirmed.returning(table.code))).first() is None:
        raise PairingNotOpen(value=code, minutes=int(PAIRING_LIFE.total_seconds()) // 60)


def _new_code() -> str:
    return _as_shown("".join(secrets.choice(_LETTERS) for _ in range(6)))


def _as_shown(code: str) -> str:
    """However a person types it: `k7m 2qx` is `K7M-2QX`."""
    letters = re.sub(r"[^A-Z0-9]", "", code.upper())
    return f"{letters[:3]}-{letters[3:]}"


# --- recognising them ---


@dataclass(frozen=True, slots=True)
class _Known:
    viewer: Viewer
    revoked_at: datetime | None


class Displays:
    """One process's copy of the displays, replaced when the change feed, or without it the change counter, says so."""

    def __init__(self, database: Database, changes: ChangeFeed, pepper: bytes) -> None:
        self._database = database
        self._changes = changes
        self._pepper = pepper
        self._known: Mapping[bytes, _Known] = {}
        self._present: frozenset[int] = frozenset()
        self._last_seen: dict[int, datetime] = {}
        self.version = -1

    async def viewer(self, token: str) -> Viewer:
        """Whose token this is, now; and note that the display was seen.

        Raises:
            KeyRefused: it is not one, unknown or revoked; one sentence each.
        """
        if self._is_current():
            # What is refused is looked up all the same: another process may have given the token a moment ago.
            with contextlib.suppress(KeyRefused):
                return await self._noted(self._holder(token))
        await self.refresh()
        return await self._noted(self._holder(token))

    async def guest(self, token: str) -> Viewer | None:
        """The same for a cookie, which nobody chooses to send: without a good one the caller is simply nobody."""
        try:
            return await self.viewer(token)
        except KeyRefused:
            return None

    async def remains(self, viewer: Viewer) -> bool:
        """Whether a display that was recognised is not revoked since: for what goes on after its request, such as a stream."""
        if not self._is_current():
            await self.refresh()
        return viewer.display_id in self._present

    async def refresh(self) -> None:
        async with self._database.read_session() as session:
            version = await latest_change(session, "keys")
            if version == self.version:
                return
            displays = (await session.scalars(select(models.Display))).all()
        self._known = {
            one.token_hash: _Known(_viewer(one), one.revoked_at) for one in displays if one.token_hash is not None
        }
        self._present = frozenset(one.id for one in displays if one.revoked_at is None)
        self._last_seen = {one.id: one.last_seen_at for one in displays if one.last_seen_at is not None}
        self.version = version

    def _is_current(self) -> bool:
        return self._changes.live and self._changes.of_topic("keys") <= self.version

    def _holder(self, token: str) -> Viewer:
        if not token.startswith(DISPLAY_PREFIX) or not token.isascii():
            raise KeyRefused(why=Text("không phải của một màn hình", "is not that of a display"))
        # To look up a keyed hash tells a guesser nothing by the time it takes.
        known = self._known.get(hash_secret(token.removeprefix(DISPLAY_PREFIX), self._pepper))
        if known is None:
            raise KeyRefused(why=Text("của màn hình không tồn tại", "of a display is not known"))
        if known.revoked_at is not None:
            raise KeyRefused(why=was_revoked(known.revoked_at))
        return known.viewer

    async def _noted(self, viewer: Viewer) -> Viewer:
        """Note that it was seen, once a minute, so that a wall that asks each second is not written each time."""
        now = datetime.now(UTC)
        last = self._last_seen.get(viewer.display_id)
        if last is None or now - last > _LAST_SEEN_PRECISION:
            self._last_seen[viewer.display_id] = now
            table = models.Display
            # The other processes see it too, and each of them notes it.
            unnoted = or_(table.last_seen_at.is_(None), table.last_seen_at < now - _LAST_SEEN_PRECISION)
            async with self._database.write_session() as session:
                await session.execute(
                    update(table).where(table.id == viewer.display_id, unnoted).values(last_seen_at=now)
                )
        return viewer


def _viewer(display: models.Display) -> Viewer:
    return Viewer(
        display_id=display.id,
        name=display.name,
        slugs=None if display.slugs is None else frozenset(display.slugs),
        unit_ids=None if display.unit_ids is None else frozenset(display.unit_ids),
    )
