"""Where photos are kept: a folder, or a bucket of a store that speaks S3. And links to those that are not public.

A photo has one object for each size, named by the hash of what was sent. So the same file sent twice is kept once, putting it again
changes nothing, and whoever deletes one has to know that no other report shows it.

Nothing is public by itself: the way to a photo is a link that expires. S3 signs its own; those of the folder carry the hub's HMAC.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from app.auth import pepper
from app.errors import RETRY_AFTER, PhotoLinkRefused, PhotoStoreUnavailable, Text, UnknownPhoto
from app.reports.photos import Size
from app.settings import Settings

if TYPE_CHECKING:
    from obstore.store import S3Config  # a name of the stubs only

LINKED = "/v1/photos/"  # where the hub serves those of the folder
_CHUNK = 256 * 1024  # bytes
# Somebody waits for the answer: the defaults of the library would keep on trying for three minutes.
_PATIENCE = timedelta(seconds=10)
_TRIES = 3


def photo_key(sha256: str, size: Size) -> str:
    """Two characters make the folder: a file system does not like a million names in one."""
    return f"{sha256[:2]}/{sha256}/{size}.jpg"


class PhotoStore:
    """Every method but `link` raises PhotoStoreUnavailable when the store cannot be reached, refuses, or is full."""

    def __init__(self, store: LocalStore | S3Store, pepper: bytes) -> None:
        self._store = store
        self._pepper = pepper

    async def put(self, key: str, jpeg: bytes) -> None:
        """Keep it, in place of what has this key. Whoever looks sees all of it or nothing: a folder gets it renamed into place."""
        kind = {"Content-Type": "image/jpeg"} if isinstance(self._store, S3Store) else None
        with _heard():
            await obstore.put_async(self._store, key, jpeg, attributes=kind, use_multipart=False)

    async def get(self, key: str) -> bytes:
        """Raises: UnknownPhoto."""
        with _heard(key):
            found = await obstore.get_async(self._store, key)
            return bytes(await found.bytes_async())

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """In pieces; that there is none is known before the first of them.

        Raises:
            UnknownPhoto: there is none.
        """
        with _heard(key):
            found = await obstore.get_async(self._store, key)
        return _pieces(key, found)

    async def delete(self, key: str) -> None:
        """One that is not there (any longer) is deleted already."""
        with suppress(UnknownPhoto), _heard(key):
            await obstore.delete_async(self._store, key)

    async def link(self, key: str, now: datetime, lasting: timedelta) -> str:
        """A URL that shows the photo to whoever has it, for a while; that of the folder is a path of the hub.

        That of S3 begins with the endpoint of the settings, which has to be one that browsers reach.
        """
        if isinstance(self._store, S3Store):
            return await obstore.sign_async(self._store, "GET", key, lasting)
        return f"{LINKED}{key}?{sign(key, now + lasting, self._pepper)}"


def open_photo_store(settings: Settings) -> PhotoStore:
    """As `IOC_PHOTO_STORE` says; S3 is not called yet."""
    if settings.photo_store is None:
        folder = settings.data_dir / "photos"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return PhotoStore(LocalStore(folder), pepper(settings))
    url = urlsplit(settings.photo_store)
    options = {name: values[0] for name, values in parse_qs(url.query).items()}
    endpoint = options.get("endpoint")
    store = S3Store(
        url.netloc,
        prefix=url.path.strip("/") or None,
        config=cast("S3Config", options),
        client_options={"allow_http": endpoint is not None and endpoint.startswith("http://"), "timeout": _PATIENCE},
        retry_config={"max_retries": _TRIES, "retry_timeout": _PATIENCE},
    )
    return PhotoStore(store, pepper(settings))


@contextmanager
def _heard(looked_for: str | None = None) -> Iterator[None]:
    """What the store says, in the hub's words. Who looks for nothing cannot miss it: then it is the bucket that is not there."""
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        # The library's own NotFoundError is a FileNotFoundError; a ValueError says that the key is no path.
        if looked_for is not None and isinstance(error, FileNotFoundError | ValueError):
            raise UnknownPhoto(value=looked_for) from error
        raise PhotoStoreUnavailable(retry_after=RETRY_AFTER, headers={"retry-after": str(RETRY_AFTER)}) from error


async def _pieces(key: str, found: "obstore.GetResult") -> AsyncIterator[bytes]:
    with _heard(key):
        async for piece in found.stream(_CHUNK):
            yield bytes(piece)


# --- links of the hub itself ---


def sign(key: str, expires_at: datetime, pepper: bytes) -> str:
    """The query of a link that shows this photo until then, to the second."""
    expires = int(expires_at.timestamp())
    return f"expires={expires}&signature={_signature(key, expires, pepper)}"


def verify(key: str, expires: int, signature: str, pepper: bytes, now: datetime) -> None:
    """Raises: PhotoLinkRefused, when the hub did not sign just this, or it has expired."""
    # Compare before anything else is said, in constant time, so that a guesser learns nothing from the answer.
    if not hmac.compare_digest(_signature(key, expires, pepper).encode(), signature.encode()):
        raise PhotoLinkRefused(why=Text("không do trung tâm dữ liệu cấp", "was not given by the hub"))
    if now.timestamp() >= expires:
        until = datetime.fromtimestamp(expires, UTC)
        raise PhotoLinkRefused(
            why=Text(f"đã hết hạn lúc {until:%Y-%m-%d %H:%M} UTC", f"expired at {until:%Y-%m-%d %H:%M} UTC")
        )


def _signature(key: str, expires: int, pepper: bytes) -> str:
    # The pepper keys the hashes of API keys, too; no API key begins like this.
    signed = hmac.digest(pepper, f"photo link\n{expires}\n{key}".encode(), hashlib.sha256)
    return urlsafe_b64encode(signed).rstrip(b"=").decode()
