"""Where photos are kept: a folder for real, and a server that speaks S3. And the links that show one for a while."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from app.errors import PhotoLinkRefused, PhotoStoreUnavailable, UnknownPhoto
from app.reports.photo_store import PhotoStore, open_photo_store, photo_key, sign, verify
from app.settings import Settings

PEPPER = b"0123456789abcdef0123456789abcdef"
KEY = photo_key("ab" * 32, "full")
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The endpoint of a server that speaks S3."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    made = httpx.put(
        f"{endpoint}/photos",
        headers={"Authorization": "AWS4-HMAC-SHA256 Credential=x/20261122/us-east-1/s3/aws4_request"},
    )
    assert made.status_code == 200, made.text
    yield endpoint
    server.stop()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "hub")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not a secret")


@pytest.fixture(params=["folder", "s3"])
def settings(request: pytest.FixtureRequest, credentials: None, tmp_path: Path) -> Settings:
    url = None
    if request.param == "s3":
        url = f"s3://photos/{tmp_path.name}?endpoint={request.getfixturevalue('s3')}&region=us-east-1"
    return Settings(data_dir=tmp_path, photo_store=url, secret=SecretStr(PEPPER.decode()))


@pytest.fixture
def store(settings: Settings) -> PhotoStore:
    return open_photo_store(settings)


async def collected(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


# --- keeping ---


async def test_what_was_put_is_there_whole_and_in_pieces(store: PhotoStore, settings: Settings) -> None:
    photo = os.urandom(3_000_000)
    await store.put(KEY, photo)

    again = open_photo_store(settings)  # a hub that started again
    assert await again.get(KEY) == photo
    assert await collected(await again.stream(KEY)) == photo


async def test_to_put_again_changes_nothing(store: PhotoStore) -> None:
    for _ in range(3):
        await store.put(KEY, b"photo")

    assert await store.get(KEY) == b"photo"


async def test_sizes_and_photos_are_kept_apart(store: PhotoStore) -> None:
    keys = [photo_key(sha256, size) for sha256 in ("ab" * 32, "ac" * 32) for size in ("full", "screen", "thumb")]
    for key in keys:
        await store.put(key, key.encode())

    assert [(await store.get(key)).decode() for key in keys] == keys


async def test_what_was_deleted_is_gone_and_deleting_again_is_no_mistake(store: PhotoStore) -> None:
    await store.put(KEY, b"photo")

    for _ in range(2):
        await store.delete(KEY)
        with pytest.raises(UnknownPhoto):
            await store.get(KEY)
        with pytest.raises(UnknownPhoto):
            await store.stream(KEY)


async def test_a_folder_has_no_half_files_and_is_for_its_owner_only(tmp_path: Path) -> None:
    store = open_photo_store(Settings(data_dir=tmp_path))
    await store.put(KEY, b"photo")

    files = [file for file in (tmp_path / "photos").rglob("*") if file.is_file()]
    assert files == [tmp_path / "photos" / KEY]
    assert (tmp_path / "photos").stat().st_mode & 0o777 == 0o700


async def test_who_reads_while_another_puts_sees_one_of_the_two(tmp_path: Path) -> None:
    store = open_photo_store(Settings(data_dir=tmp_path))
    photos = {bytes([number]) * 2_000_000 for number in range(4)}
    for photo in photos:
        await store.put(KEY, photo)
        opened = await store.stream(KEY)
        await store.put(KEY, next(iter(photos)))
        assert await collected(opened) == photo
        assert (tmp_path / "photos" / KEY).read_bytes() in photos


@pytest.mark.parametrize("key", ["../secret", "/../secret", "ab/../../secret", "%2e%2e/secret"])
async def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    (tmp_path / "secret").write_bytes(PEPPER)
    store = open_photo_store(Settings(data_dir=tmp_path))

    with pytest.raises((UnknownPhoto, PhotoStoreUnavailable)):
        await store.get(key)


async def test_a_store_that_cannot_write_says_when_to_come_again(tmp_path: Path) -> None:
    store = open_photo_store(Settings(data_dir=tmp_path))
    (tmp_path / "photos" / "ab").write_bytes(b"a file where the folder should be")

    with pytest.raises(PhotoStoreUnavailable) as told:
        await store.put(KEY, b"photo")
    assert told.value.headers == {"retry-after": "5"}


@pytest.mark.parametrize("bucket", ["gone", "photos"])
async def test_a_bucket_that_is_not_there_or_does_not_answer_is_unavailable(
    s3: str, credentials: None, tmp_path: Path, bucket: str
) -> None:
    endpoint = s3 if bucket == "gone" else "http://127.0.0.1:1"
    url = f"s3://{bucket}?endpoint={endpoint}&region=us-east-1"

    with pytest.raises(PhotoStoreUnavailable):
        await open_photo_store(Settings(data_dir=tmp_path, photo_store=url)).put(KEY, b"photo")


_PUTS_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from app.reports.photo_store import open_photo_store
from app.settings import Settings

async def put():
    store = open_photo_store(Settings(data_dir=Path(sys.argv[1])))
    while True:
        for letter in b"ab":
            await store.put(sys.argv[2], bytes([letter]) * 8_000_000)
            print(flush=True)

asyncio.run(put())
"""


def test_whoever_is_killed_while_putting_leaves_no_half_photo(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _PUTS_FOR_EVER, str(tmp_path), KEY], stdout=subprocess.PIPE) as hub:
        assert hub.stdout is not None
        for _ in range(5):
            hub.stdout.readline()
        hub.kill()

    assert (tmp_path / "photos" / KEY).read_bytes() in {b"a" * 8_000_000, b"b" * 8_000_000}


# --- links ---


async def test_a_link_shows_one_photo_for_a_while(settings: Settings, store: PhotoStore) -> None:
    await store.put(KEY, b"photo")
    link = await store.link(KEY, NOW, 5 * MINUTE)

    if settings.photo_store is None:
        path, _, query = link.partition("?")
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        assert path == f"/v1/photos/{KEY}"
        verify(KEY, int(asked["expires"]), asked["signature"], PEPPER, NOW + 5 * MINUTE - timedelta(seconds=1))
        with pytest.raises(PhotoLinkRefused):
            verify(KEY, int(asked["expires"]), asked["signature"], PEPPER, NOW + 5 * MINUTE)
    else:
        async with httpx.AsyncClient() as client:
            shown = await client.get(link)
        assert (shown.content, shown.headers["content-type"]) == (b"photo", "image/jpeg")
        assert parse_qs(urlsplit(link).query)["X-Amz-Expires"] == ["300"]
        assert "not a secret" not in link


def signed(key: str = KEY, expires_at: datetime = NOW + MINUTE, pepper: bytes = PEPPER) -> tuple[int, str]:
    asked = parse_qs(sign(key, expires_at, pepper))
    return int(asked["expires"][0]), asked["signature"][0]


def test_a_link_works_until_it_expires() -> None:
    expires, signature = signed()

    verify(KEY, expires, signature, PEPPER, NOW)
    verify(KEY, expires, signature, PEPPER, NOW + MINUTE - timedelta(seconds=1))
    with pytest.raises(PhotoLinkRefused, match="expired at 2026-11-22 08:01 UTC"):
        verify(KEY, expires, signature, PEPPER, NOW + MINUTE)


@pytest.mark.parametrize(("key", "later", "pepper"), [
    (photo_key("ab" * 32, "thumb"), 0, PEPPER),
    (photo_key("ac" * 32, "full"), 0, PEPPER),
    (f"{KEY}/", 0, PEPPER),
    (f"0\n{KEY}", 0, PEPPER),
    (KEY, 1, PEPPER),
    (KEY, -1, PEPPER),
    (KEY, 10**12, PEPPER),
    (KEY, 0, PEPPER[::-1]),
])  # fmt: skip
def test_a_link_is_for_one_photo_until_one_time(key: str, later: int, pepper: bytes) -> None:
    expires, signature = signed()

    with pytest.raises(PhotoLinkRefused, match="was not given by the hub"):
        verify(key, expires + later, signature, pepper, NOW)


@given(st.text(max_size=60))
def test_no_signature_can_be_made_up(signature: str) -> None:
    expires, right = signed()
    for made_up in (signature, f"{signature}.{right}", f"{right}{signature}=", right[:-1]):
        with pytest.raises(PhotoLinkRefused):
            verify(KEY, expires, made_up, PEPPER, NOW)
