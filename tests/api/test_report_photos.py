"""Photos of reports: piece by piece over a bad line, without a trace of who took them, for those who have a link."""

import hashlib
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import time_machine
from PIL import ExifTags, Image
from sqlalchemy import text
from structlog.testing import capture_logs

from app.errors import PhotoStoreUnavailable, UnknownPhoto
from app.reports import uploads
from app.reports.photo_store import PhotoStore, photo_key
from app.reports.photos import SIZES
from tests.api.test_reports import TO_THE_PUBLIC, Centre, a_report, centre

__all__ = ["centre"]  # the fixture


def a_photo(seed: int = 1, size: tuple[int, int] = (640, 480)) -> bytes:
    """As a phone writes it: with the place, the camera and the time."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera of An"
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", (11.0, 11.0, 21.48)
    gps[ExifTags.GPS.GPSLongitudeRef], gps[ExifTags.GPS.GPSLongitude] = "E", (106.0, 36.0, 21.96)
    gps[ExifTags.GPS.GPSImgDirection] = 90.0
    taken = exif.get_ifd(ExifTags.IFD.Exif)
    taken[ExifTags.Base.DateTimeOriginal], taken[ExifTags.Base.OffsetTimeOriginal] = "2026:11:21 19:30:00", "+07:00"
    picture = Image.frombytes("RGB", (32, 24), Random(seed).randbytes(32 * 24 * 3)).resize(size)
    out = BytesIO()
    picture.save(out, "JPEG", exif=exif, quality=90)
    return out.getvalue()


def what_it_tells(file: Path) -> str:
    return subprocess.run(["exiftool", "-a", "-G1", file], capture_output=True, text=True, check=True).stdout


async def put(
    centre: Centre, report: Mapping[str, Any], content: bytes, who: str = "app", n: int = 1, range_: str | None = None
) -> httpx.Response:
    headers = {} if range_ is None else {"content-range": range_}
    return await centre.ask("PUT", f"/{report['id']}/photos/{n}", who, content=content, headers=headers)


async def photos(centre: Centre, report: Mapping[str, Any], who: str | None = "moderate") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await centre.seen(report, who)).json()["photos"]
    return found


async def at_once(centre: Centre, photo: bytes) -> httpx.Response:
    report = await centre.sent()
    done = await put(centre, report, photo)
    assert done.json()["complete"] is True
    return done


async def in_pieces(centre: Centre, photo: bytes) -> httpx.Response:
    report, size, half = await centre.sent(), len(photo), len(photo) // 2
    await put(centre, report, photo[:half], range_=f"bytes 0-{half - 1}/{size}")
    return await put(centre, report, photo[half:], range_=f"bytes {half}-{size - 1}/{size}")


async def with_the_report(centre: Centre, photo: bytes) -> httpx.Response:
    said: list[tuple[str, Any]] = [("report", (None, json.dumps(a_report()))), ("photos", ("IMG_0001.jpg", photo))]
    return await centre.ask("POST", "", "app", files=said)


async def by_open311(centre: Centre, photo: bytes) -> httpx.Response:
    form = {"api_key": await centre.key("app"), "service_code": "road", "lat": "11.1893", "long": "106.6061"}
    files = {"media": ("IMG_0001.jpg", photo)}
    return await centre.hub.client.post("/open311/v2/requests.json", data=form, files=files)


# Every way in which a photo comes in.
WAYS = (at_once, in_pieces, with_the_report, by_open311)


@pytest.mark.parametrize("way", WAYS)
async def test_whichever_way_a_photo_comes_it_keeps_time_and_heading_only(
    centre: Centre, tmp_path: Path, way: Callable[[Centre, bytes], Awaitable[httpx.Response]]
) -> None:
    done = await way(centre, a_photo())
    [report] = await centre.listed("moderate")
    [photo] = await photos(centre, {"id": report})

    assert done.status_code == 201, done.text
    assert (photo["n"], photo["kind"], photo["width"], photo["height"]) == (1, "before", 640, 480)
    assert (photo["taken_at"], photo["heading"]) == ("2026-11-21T19:30:00+07:00", 90)
    for size in ("full", "screen", "thumb"):
        shown = await centre.hub.client.get(photo[size])
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
        file = tmp_path / f"{size}.jpg"
        file.write_bytes(shown.content)
        told = what_it_tells(file)
        assert not any(word in told for word in ("GPS", "Camera of An", "[IFD0]", "Date/Time Original", "[XMP"))


async def test_no_camera_makes_its_report_unreadable(centre: Centre) -> None:
    report, exif, out = await centre.sent(), Image.Exif(), BytesIO()
    taken = exif.get_ifd(ExifTags.IFD.Exif)
    taken[ExifTags.Base.DateTimeOriginal], taken[ExifTags.Base.OffsetTimeOriginal] = "9999:12:31 23:59:59", "+00:00"
    Image.new("RGB", (64, 48)).save(out, "JPEG", exif=exif)

    sent = await put(centre, report, out.getvalue())

    assert (sent.status_code, (await centre.seen(report, "app")).status_code) == (201, 200)


async def test_over_a_bad_line_it_goes_on_where_it_broke(centre: Centre) -> None:
    report, photo = await centre.sent(), a_photo()
    size, half = len(photo), len(photo) // 2

    first = await put(centre, report, photo[:half], range_=f"bytes 0-{half - 1}/{size}")
    unheard = await put(centre, report, photo[:half], range_=f"bytes 0-{half - 1}/{size}")
    gap = await put(centre, report, photo[half + 1 :], range_=f"bytes {half + 1}-{size - 1}/{size}")
    asked = await put(centre, report, b"", range_=f"bytes */{size}")
    nothing_yet = await photos(centre, report)
    last = await put(centre, report, photo[half:], range_=f"bytes {half}-{size - 1}/{size}")
    again = await put(centre, report, photo[half:], range_=f"bytes {half}-{size - 1}/{size}")

    assert [(one.status_code, one.json()["received"]) for one in (first, unheard, asked)] == [(202, half)] * 3
    assert (gap.status_code, nothing_yet) == (422, [])
    assert f"{half} bytes are here" in gap.json()["errors"][0]["detail"]
    assert [one.status_code for one in (last, again)] == [201, 201]
    assert len(await photos(centre, report)) == 1


async def test_the_same_number_is_the_same_photo(centre: Centre) -> None:
    report = await centre.sent()
    sent = await put(centre, report, a_photo(1))

    same, other = await put(centre, report, a_photo(1)), await put(centre, report, a_photo(2))
    second = await put(centre, report, a_photo(2), n=2)

    assert [one.status_code for one in (sent, same, other, second)] == [201, 201, 409, 201]
    assert [photo["n"] for photo in await photos(centre, report)] == [1, 2]


async def test_who_gives_up_sends_another_whole_one(centre: Centre) -> None:
    report, photo = await centre.sent(), a_photo()
    await put(centre, report, photo[:100], range_=f"bytes 0-99/{len(photo)}")

    done = await put(centre, report, a_photo(2))

    assert done.status_code == 201
    assert len(await photos(centre, report)) == 1


async def test_a_photo_that_was_under_way_when_its_report_was_published_waits_to_be_looked_at(centre: Centre) -> None:
    report, photo = await centre.sent(), a_photo()
    await centre.moved(report, *TO_THE_PUBLIC[:-1])

    async def slowly() -> AsyncIterator[bytes]:
        yield photo[:100]
        await centre.moved(report, TO_THE_PUBLIC[-1])
        yield photo[100:]

    done = await centre.ask("PUT", f"/{report['id']}/photos/1", "app", content=slowly())

    assert done.status_code == 201
    assert (len(await photos(centre, report)), await photos(centre, report, None)) == (1, [])


async def test_a_photo_that_is_all_here_is_not_replaced_while_it_waits(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, photo, other = await centre.sent(), a_photo(1), a_photo(2)
    store: PhotoStore = centre.hub.app.state.uploads.store

    async def full(key: str, jpeg: bytes) -> None:
        raise PhotoStoreUnavailable(retry_after=5)

    with monkeypatch.context() as patch:
        patch.setattr(store, "put", full)
        waits = await put(centre, report, photo)
        second = await put(centre, report, other)
    first = await put(centre, report, photo)

    assert [one.status_code for one in (waits, second, first)] == [503, 409, 201]
    [made] = await photos(centre, report)
    assert hashlib.sha256(photo).hexdigest() in made["full"]


async def test_where_too_many_wait_a_photo_is_kept_and_its_end_sent_again(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, photo = await centre.sent(), a_photo()

    with monkeypatch.context() as patch:
        patch.setattr(uploads, "MOST_WAITING", 0)
        waits = await put(centre, report, photo)
        form = [("report", (None, json.dumps(a_report()))), ("photos", ("IMG_0001.jpg", photo))]
        refused = await centre.ask("POST", "", "app", files=form)
    done = await put(centre, report, b"", range_=f"bytes */{len(photo)}")

    assert [(one.status_code, one.json()["code"]) for one in (waits, refused)] == [(503, "too-many-photos")] * 2
    assert int(waits.headers["retry-after"]) >= 0
    assert (done.status_code, done.json()["complete"]) == (201, True)
    assert len(await photos(centre, report)) == 1


async def test_files_that_no_report_got_are_deleted_and_those_of_a_report_never(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, other, shared, lost = await centre.sent(), await centre.sent(), a_photo(1), a_photo(2)
    store: PhotoStore = centre.hub.app.state.uploads.store

    async def killed(*_: Any) -> bool:
        raise RuntimeError("killed between storing and recording")

    with monkeypatch.context() as patch, capture_logs():  # to print what it knows of the failure takes half a minute
        patch.setattr(uploads, "_record", killed)
        for photo, n in ((shared, 1), (lost, 2)):
            assert (await put(centre, report, photo, n=n)).status_code == 500
    assert (await put(centre, other, shared)).status_code == 201

    async def swept(days: int) -> tuple[int, list[bool]]:
        async with centre.hub.session() as session:
            await session.execute(
                text("UPDATE photo_underway SET since = since - make_interval(days => :days)"), {"days": days}
            )
            deleted = await uploads.forget_orphans(session, store)
        return deleted, [await kept(store, photo) for photo in (shared, lost)]

    assert await swept(0) == (0, [True, True])
    assert await swept(2) == (1, [True, False])
    assert await swept(2) == (0, [True, False])
    again = await put(centre, report, lost, n=2)
    assert (again.status_code, await kept(store, lost)) == (201, True)
    assert await swept(2) == (0, [True, True])


async def kept(store: PhotoStore, photo: bytes) -> bool:
    try:
        return all([await store.get(photo_key(hashlib.sha256(photo).hexdigest(), size)) for size in SIZES])
    except UnknownPhoto:
        return False


@pytest.mark.parametrize(("content", "status", "code"), [
    (b"MZ\x90\x00 this program cannot be run in DOS mode", 415, "not-a-photo"),
    (a_photo()[:2000], 422, "photo-damaged"),
    (b"", 415, "not-a-photo"),
])  # fmt: skip
async def test_what_is_no_photo_is_refused_and_may_be_sent_anew(
    centre: Centre, content: bytes, status: int, code: str
) -> None:
    report = await centre.sent()

    refused = await put(centre, report, content)
    mended = await put(centre, report, a_photo())

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert mended.status_code == 201


@pytest.mark.parametrize(
    "range_", ["bytes 0-9/5", "bytes 5-1/9", "0-9/10", "bytes 0-9/99999999999", "bytes */5", "bytes 0-3/10"]
)
async def test_a_range_that_is_none_is_named(centre: Centre, range_: str) -> None:
    report = await centre.sent()

    response = await put(centre, report, b"0123456789", range_=range_)

    assert response.status_code == 422
    assert [one["pointer"] for one in response.json()["errors"]] == ["/header/content-range"]


async def test_a_photo_of_too_many_bytes_is_refused_before_it_comes(centre: Centre) -> None:
    report = await centre.sent()

    response = await put(centre, report, b"x", range_=f"bytes 0-0/{21 * 2**20}")

    assert (response.status_code, response.json()["code"]) == (413, "photo-too-large")


async def test_only_who_sent_the_report_or_acts_on_it_adds_photos(centre: Centre) -> None:
    report = await centre.sent()
    await centre.moved(report, ("moderate", "accepted"))

    after = await put(centre, report, a_photo(3), "handle", n=2)
    refused = [await put(centre, report, a_photo(), who, n=3) for who in ("moderate", "other-app")]

    assert after.status_code == 201
    assert [one.status_code for one in refused] == [403, 404]
    assert [(photo["n"], photo["kind"]) for photo in await photos(centre, report)] == [(2, "after")]


async def test_a_link_ends_and_cannot_be_made_up(centre: Centre) -> None:
    report = await centre.sent()
    await put(centre, report, a_photo())
    await put(centre, report, a_photo(2), n=2)
    one, two = await photos(centre, report)
    client = centre.hub.client

    path, _, query = one["full"].partition("?")
    longer = query.replace("expires=", "expires=9")
    other = f"{two['full'].partition('?')[0]}?{query}"
    answers = [await client.get(link) for link in (one["full"], f"{path}?{longer}", other, path)]
    with time_machine.travel(10**10):
        late = await client.get(one["full"])

    assert [answer.status_code for answer in answers] == [200, 403, 403, 422]
    assert late.status_code == 403


async def test_the_public_sees_the_photos_of_what_is_published(centre: Centre) -> None:
    report = await centre.sent()
    await put(centre, report, a_photo())
    await centre.moved(report, *TO_THE_PUBLIC)

    [photo] = await photos(centre, report, None)

    assert (await centre.hub.client.get(photo["thumb"])).status_code == 200


def test_the_tests_photo_has_what_must_go(tmp_path: Path) -> None:
    (tmp_path / "sent.jpg").write_bytes(a_photo())

    told = what_it_tells(tmp_path / "sent.jpg")

    assert "GPS Position" in told
    assert "Camera of An" in told
