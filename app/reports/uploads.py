"""How photos come up a bad line: in pieces, each kept when it is answered, so that a dropped line goes on where it broke.

A photo is known by its report and number. Its pieces wait in the database until the last one is there; then it is prepared
(`photos.prepare`) and stored, and only then shown. Whoever was killed in between sends the last piece again.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.database import Database
from app.errors import (
    RETRY_AFTER,
    HubError,
    MoveNotAllowed,
    NotAPhoto,
    PhotoStoreUnavailable,
    PhotoTaken,
    PhotoTooLarge,
    RowError,
    Text,
    TooManyPhotos,
    UnknownReport,
)
from app.reports.desk import Desk, wrong
from app.reports.handling import require_report
from app.reports.photo_store import PhotoStore, photo_key
from app.reports.photos import SIZES, Limits, Photo, prepare
from app.reports.submission import touch
from app.reports.workflow import ENDS, LABELS, Actor, State

MOST = 10  # photos of a report, before and after
LIMITS = Limits()
LARGEST_PIECE = 8 * 1024 * 1024  # bytes: many that come at once are in memory together
LARGEST_FORM = 32 * 1024 * 1024  # bytes: a report with all its photos
MOST_UNFINISHED = 4 * 1024**3  # bytes of unfinished photos, beyond which those of visitors are taken no more
ABANDONED_DAYS = 1
MOST_WAITING = 16  # photos that are to be prepared, of each process: one takes a second, a hostile one three
_EMPTY = Text("rỗng", "empty")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a photo: from `start` on, of `size` in all."""

    start: int
    size: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file that comes together with a report; it is read when its turn has come."""

    name: str
    size: int
    read: Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A photo that is to be recorded with its report."""

    number: int
    size: int  # as sent
    photo: Photo


class Turns:
    """One photo is prepared at a time, for that takes a core and half a gigabyte at worst. How many wait is bounded, and that they are
    all of one sender: a second one waits for half of them at most, whatever the first one sends.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def next(self, sender: str) -> AsyncIterator[None]:
        """Wait for one's turn. Raises: TooManyPhotos."""
        count = self._waiting.total()
        if count >= MOST_WAITING or self._waiting[sender] >= MOST_WAITING // 2:
            raise TooManyPhotos(count=count, retry_after=RETRY_AFTER, headers={"retry-after": str(RETRY_AFTER)})
        self._waiting[sender] += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= Counter([sender])  # which forgets who has none


class Uploads:
    """Takes photos in."""

    def __init__(self, database: Database, store: PhotoStore) -> None:
        self._database = database
        self.store = store
        self._turns = Turns()

    async def keep(self, desk: Desk, report_id: UUID, number: int, piece: Piece) -> int:
        """Keep a piece; how many bytes are here now.

        Raises:
            UnknownReport: there is none, or it is not the caller's.
            MoveNotAllowed: the report has ended.
            InvalidRequest: the piece does not follow what is here; the message says what is.
            PhotoTaken: another photo has this number.
            PhotoTooLarge, NotAPhoto: by its size.
            PhotoStoreUnavailable: too many unfinished photos wait for a visitor to begin or go on with one.
        """
        if not piece.size:
            raise NotAPhoto(value=_EMPTY)
        if piece.size > LIMITS.size:
            raise PhotoTooLarge(size=piece.size, limit=LIMITS.size)
        async with self._database.write_session() as session:
            report = await require_open(session, desk, report_id, lock=True)
            if desk.visitor is not None and piece.content:
                await _require_room(session, len(piece.content))
            return await _keep(session, report, number, piece)

    async def finish(self, desk: Desk, report_id: UUID, number: int, size: int, sender: str) -> bool:
        """Make a photo of its pieces; whether that was not done before. No connection is held while it is prepared.

        Raises:
            PhotoTooManyPixels, NotAPhoto, PhotoDamaged: see `prepare`; its pieces are forgotten then.
            PhotoStoreUnavailable, TooManyPhotos: nothing is forgotten; send the last piece again.
        """
        async with self._turns.next(sender):
            async with self._database.read_session() as session:
                sent = await _whole(session, report_id, number)
            if not sent:
                return False
            try:
                photo = await asyncio.to_thread(partial(prepare, sent, desk.settings.tz, LIMITS))
            except Exception:
                async with self._database.write_session() as session:
                    await _forget(session, report_id, number)
                raise
            finally:
                del sent
            await self._store(photo)
            async with self._database.write_session() as session:
                report = await require_report(session, desk, report_id, lock=True)
                # It is here since now. By when its first byte came the public would see what nobody looked at before publishing.
                arrived = replace(desk, now=datetime.now(UTC))
                if await _record(session, arrived, report, number, size, photo):
                    await touch(session, arrived, report)
            return True

    async def enclosed(
        self, desk: Desk, report_id: UUID, files: Sequence[Enclosure], sender: str
    ) -> Sequence[Enclosed]:
        """Make photos of the files that come together with a report, numbered from 1 in their order; those that the report has
        already are left out. All of them or none: nothing is stored before each has been looked at.

        Raises:
            PhotoTaken: the report has another photo with that number.
            InvalidRequest: with each file that is no photo, and why.
            PhotoStoreUnavailable, TooManyPhotos: send all of it again.
        """
        here = models.ReportPhoto
        async with self._database.read_session() as session:
            of_report = select(here.number, here.sha256).where(here.report_id == report_id)
            known: dict[int, str] = dict((await session.execute(of_report)).all())
        made: list[Enclosed] = []
        mistakes: list[RowError] = []
        for number, file in enumerate(files, start=1):
            try:
                if (photo := await self._enclosed(desk, file, number, known.get(number), sender)) is not None:
                    made.append(photo)
            except (PhotoTaken, TooManyPhotos):
                raise
            except HubError as error:
                why = Text(*(error.detail(one).removesuffix(".") for one in ("vi", "en")))
                facts = {"number": number, "why": why}
                place = f"/photos/{number - 1}"
                mistakes.append(RowError("photo-refused", pointer=place, value=file.name, facts=facts))
        if mistakes:
            raise wrong(*mistakes)
        for one in made:
            await self._store(one.photo)
        return made

    async def _enclosed(
        self, desk: Desk, file: Enclosure, number: int, known: str | None, sender: str
    ) -> Enclosed | None:
        if not file.size:
            raise NotAPhoto(value=_EMPTY)
        if file.size > LIMITS.size:
            raise PhotoTooLarge(size=file.size, limit=LIMITS.size)
        async with self._turns.next(sender):
            sent = await file.read()
            if known is not None:
                _require_same(number, known, hashlib.sha256(sent).hexdigest())
                return None
            photo = await asyncio.to_thread(partial(prepare, sent, desk.settings.tz, LIMITS))
        return Enclosed(number, len(sent), photo)

    async def _store(self, photo: Photo) -> None:
        """Noted first: whoever is killed before a report shows the photo leaves files that `forget_orphans` finds."""
        table = models.PhotoUnderway
        note = insert(table).values(sha256=photo.sha256)
        fresh = {"since": func.clock_timestamp()}
        async with self._database.write_session() as session:
            await session.execute(note.on_conflict_do_update(index_elements=["sha256"], set_=fresh))
        for named, jpeg in photo.sizes.items():
            await self.store.put(photo_key(photo.sha256, named), jpeg)


async def add_photos(session: AsyncSession, desk: Desk, report: models.Report, made: Sequence[Enclosed]) -> None:
    """Record photos with their report.

    Raises:
        MoveNotAllowed: the report has ended.
        PhotoTaken: somebody else gave it another one with that number meanwhile.
    """
    if made:
        _require_not_ended(report)
        if any([await _record(session, desk, report, one.number, one.size, one.photo) for one in made]):
            await touch(session, desk, report)


async def photos_of(session: AsyncSession, report: models.Report) -> Sequence[models.ReportPhoto]:
    """In their order."""
    table = models.ReportPhoto
    return (await session.scalars(select(table).where(table.report_id == report.id).order_by(table.number))).all()


async def require_open(session: AsyncSession, desk: Desk, report_id: UUID, *, lock: bool = False) -> models.Report:
    """One to which the caller may add photos.

    Raises:
        UnknownReport, MoveNotAllowed: as `Uploads.keep`.
    """
    report = await require_report(session, desk, report_id, lock=lock)
    if not {Actor.citizen, Actor.agency}.intersection(desk.roles(report)):
        raise UnknownReport(value=report_id)
    _require_not_ended(report)
    return report


def _require_not_ended(report: models.Report) -> None:
    if report.state in ENDS:
        why = Text("phản ánh đã kết thúc", "the report has ended")
        raise MoveNotAllowed(value="photo", state=LABELS[State(report.state)], why=why, allowed="–")


def _require_same(number: int, stored: str, sent: str) -> None:
    if stored != sent:
        raise PhotoTaken(value=number, stored=stored, sent=sent)


async def _require_room(session: AsyncSession, more: int) -> None:
    waiting = await session.scalar(select(func.coalesce(func.sum(func.length(models.PhotoPiece.content)), 0))) or 0
    if waiting + more > MOST_UNFINISHED:
        raise PhotoStoreUnavailable(retry_after=_FORGOTTEN_EVERY, headers={"retry-after": str(_FORGOTTEN_EVERY)})


_FORGOTTEN_EVERY = 3600  # seconds, by the worker


async def _keep(session: AsyncSession, report: models.Report, number: int, piece: Piece) -> int:
    table, photo = models.PhotoPiece, models.ReportPhoto
    of_photo = (table.report_id == report.id, table.number == number)
    done = (
        await session.execute(
            select(photo.size, photo.sha256).where(photo.report_id == report.id, photo.number == number)
        )
    ).first()
    if done is not None:
        if len(piece.content) == piece.size:
            _require_same(number, done.sha256, hashlib.sha256(piece.content).hexdigest())
        if done.size != piece.size:
            raise PhotoTaken(value=number, stored=done.sha256)
        return piece.size
    here = await session.scalar(select(func.coalesce(func.sum(func.length(table.content)), 0)).where(*of_photo)) or 0
    sizes = set(await session.scalars(select(table.size).where(*of_photo)))
    if len(piece.content) == piece.size and sizes - {here}:  # all of it at once: what was only begun before is given up
        await _forget(session, report.id, number)
        here, sizes = 0, set()
    if sizes - {piece.size}:
        raise PhotoTaken(value=number)
    if not piece.content:
        return int(here)  # a question how far it is
    if piece.start < here and (end := piece.start + len(piece.content)) <= here:
        if await _bytes(session, report.id, number, piece.start, end) != piece.content:
            raise PhotoTaken(value=number)
        return int(here)  # a piece that was answered but not heard
    if piece.start != here:
        why = Text(f"đã nhận {here} byte", f"{here} bytes are here")
        raise wrong(RowError("out-of-range", pointer="/header/content-range", value=piece.start, facts={"why": why}))
    session.add(
        models.PhotoPiece(report_id=report.id, number=number, start=here, size=piece.size, content=piece.content)
    )
    await session.flush()
    return int(here) + len(piece.content)


async def _whole(session: AsyncSession, report_id: UUID, number: int) -> bytes:
    table = models.PhotoPiece
    query = select(table.content).where(table.report_id == report_id, table.number == number).order_by(table.start)
    return b"".join(await session.scalars(query))


async def _bytes(session: AsyncSession, report_id: UUID, number: int, start: int, end: int) -> bytes:
    """Some of them, without the others: whoever asks again and again for one byte must not have all twenty million read."""
    table = models.PhotoPiece
    first, last = func.greatest(table.start, start), func.least(table.start + func.length(table.content), end)
    query = select(func.substr(table.content, first - table.start + 1, last - first))
    query = query.where(table.report_id == report_id, table.number == number, first < last).order_by(table.start)
    return b"".join(await session.scalars(query))


async def _forget(session: AsyncSession, report_id: UUID, number: int) -> None:
    table = models.PhotoPiece
    await session.execute(delete(table).where(table.report_id == report_id, table.number == number))


async def _record(
    session: AsyncSession, desk: Desk, report: models.Report, number: int, size: int, photo: Photo
) -> bool:
    """Whether it is new."""
    agency = Actor.citizen not in desk.roles(report)
    made = await session.execute(
        insert(models.ReportPhoto)
        .values(
            report_id=report.id,
            number=number,
            kind="after" if agency else "before",
            size=size,
            sha256=photo.sha256,
            fingerprint=photo.fingerprint,
            width=photo.width,
            height=photo.height,
            taken_at=photo.taken_at,
            heading=photo.heading,
            received_at=desk.now,
        )
        .on_conflict_do_nothing()
        .returning(models.ReportPhoto.number)
    )
    await _forget(session, report.id, number)
    if made.first() is not None:
        return True
    here = await session.get_one(models.ReportPhoto, (report.id, number))  # another connection was quicker
    _require_same(number, here.sha256, photo.sha256)
    return False


async def forget_orphans(session: AsyncSession, store: PhotoStore) -> int:
    """Delete the files of photos that were stored a day ago for a report that never got them, and that no other shows.

    Who stores one of them anew just now waits for this transaction, and puts the files there after it.

    Raises:
        PhotoStoreUnavailable: they are looked for again.
    """
    table, shown = models.PhotoUnderway, models.ReportPhoto
    old = table.since < func.clock_timestamp() - func.make_interval(0, 0, 0, ABANDONED_DAYS)
    stored = set(await session.scalars(delete(table).where(old).returning(table.sha256)))
    orphans = stored - set(await session.scalars(select(shown.sha256).where(shown.sha256.in_(stored))))
    for sha256 in orphans:
        for size in SIZES:
            await store.delete(photo_key(sha256, size))
    return len(orphans)


async def forget_pieces(session: AsyncSession) -> int:
    """Delete the pieces of photos that nobody has gone on with for a day."""
    table = models.PhotoPiece
    old = table.received_at < func.clock_timestamp() - func.make_interval(0, 0, 0, ABANDONED_DAYS)
    return len((await session.execute(delete(table).where(old).returning(table.number))).all())
