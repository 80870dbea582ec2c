"""Definitions of screens: kept in versions, changed by who has read the last one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.catalogue.catalogue import Catalogue
from app.changes import announce
from app.errors import InvalidRequest, ScreenChanged, ScreenMissing, Text, UnknownScreen, VersionRequired
from app.schemas.screens import ScreenIn
from app.screens.layout import mistakes_of
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of a screen."""

    slug: str
    version: int
    recorded_at: datetime
    screen: ScreenIn


async def find_screen(session: AsyncSession, slug: str, as_of: datetime | None = None) -> Definition:
    """The present definition, or that of an earlier time.

    Raises:
        UnknownScreen: there is none (then).
    """
    found = await _read(session, models.Screen.slug == slug, as_of)
    if not found:
        others = [one.slug for one in await list_screens(session, as_of)]
        when = Text("hiện nay", "now") if as_of is None else Text(f"lúc {as_of.isoformat()}", f"at {as_of.isoformat()}")
        raise UnknownScreen(value=slug, when=when, nearest=", ".join(others[:20]) or "–")
    return found[0]


async def list_screens(session: AsyncSession, as_of: datetime | None = None) -> list[Definition]:
    """All screens, by name."""
    return await _read(session, models.Screen.slug.is_not(None), as_of)


async def _read(session: AsyncSession, which: ColumnElement[bool], as_of: datetime | None) -> list[Definition]:
    table = models.Screen
    known: ColumnElement[bool] = table.superseded_at.is_(None)
    if as_of is not None:
        known = and_(table.recorded_at <= as_of, or_(table.superseded_at.is_(None), table.superseded_at > as_of))
    rows = await session.scalars(select(table).where(which, known, table.definition.is_not(None)).order_by(table.slug))
    return [Definition(row.slug, row.version, row.recorded_at, ScreenIn.model_validate(row.definition)) for row in rows]


async def save_screen(
    session: AsyncSession,
    catalogue: Catalogue,
    settings: Settings,
    slug: str,
    screen: ScreenIn,
    *,
    read_version: int | None,
) -> tuple[Definition, bool]:
    """Make a screen, or a new version of it. The same again is no new version. Returns also whether it is new.

    Args:
        read_version: the version that the author has read; needed where there is one.

    Raises:
        InvalidRequest: with the place of every mistake; nothing is stored then.
        ScreenChanged: the author read another version than the present one.
        ScreenMissing: the author read a version of what is not there.
        VersionRequired: there is a present one, and the author has not said that it was read.
    """
    if mistakes := mistakes_of(screen, catalogue, settings):
        raise InvalidRequest(count=len(mistakes), errors=mistakes)
    last = await _last_version(session, slug)
    present = last if last is not None and last.definition is not None else None
    _require_read(slug, present, read_version)
    content = screen.model_dump(mode="json", exclude_none=True)
    if present is not None and present.definition == content:
        return Definition(slug, present.version, present.recorded_at, screen), False
    row = await _append(session, slug, last, content)
    return Definition(slug, row.version, row.recorded_at, screen), present is None


async def remove_screen(session: AsyncSession, slug: str, *, read_version: int | None) -> None:
    """Take a screen away; its versions stay for `asOf`.

    Raises:
        UnknownScreen, ScreenChanged, VersionRequired: as above.
    """
    last = await _last_version(session, slug)
    if last is None or last.definition is None:
        await find_screen(session, slug)
        raise AssertionError("a screen that is not there cannot be found")
    _require_read(slug, last, read_version)
    await _append(session, slug, last, None)


def _require_read(slug: str, present: models.Screen | None, read_version: int | None) -> None:
    version = None if present is None else present.version
    if read_version is None:
        if present is not None:
            raise VersionRequired(value=slug, version=version)
    elif version is None:
        raise ScreenMissing(value=slug)
    elif read_version != version:
        raise ScreenChanged(value=slug, version=version, sent=read_version)


async def _last_version(session: AsyncSession, slug: str) -> models.Screen | None:
    # Two authors at once, also of a screen that is not there yet: the second waits here and finds the first one's version.
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"screen {slug}", 0))))
    table = models.Screen
    query = select(table).where(table.slug == slug, table.superseded_at.is_(None))
    return (await session.scalars(query)).one_or_none()


async def _append(
    session: AsyncSession, slug: str, last: models.Screen | None, content: dict[str, object] | None
) -> models.Screen:
    moment = await session.scalar(select(func.clock_timestamp()))
    if last is not None:
        table = models.Screen
        present = and_(table.slug == slug, table.version == last.version)
        await session.execute(update(table).where(present).values(superseded_at=moment))
    version = 1 if last is None else last.version + 1
    row = models.Screen(slug=slug, version=version, definition=content, recorded_at=moment)
    session.add(row)
    await session.flush()
    await announce(session, "screens")
    return row


def presets() -> dict[str, ScreenIn]:
    """The screens that ship with the hub, by name."""
    folder = resources.files("app.screens").joinpath("presets")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".json")), key=lambda file: file.name)
    return {file.name.removesuffix(".json"): ScreenIn.model_validate_json(file.read_bytes()) for file in files}


async def load_presets(session: AsyncSession, catalogue: Catalogue, settings: Settings) -> Sequence[str]:
    """Make those presets of which there never was a version: what an operator changed or took away stays so."""
    known = set(await session.scalars(select(models.Screen.slug).distinct()))
    missing = {slug: screen for slug, screen in presets().items() if slug not in known}
    for slug, screen in missing.items():
        await save_screen(session, catalogue, settings, slug, screen, read_version=None)
    return list(missing)
