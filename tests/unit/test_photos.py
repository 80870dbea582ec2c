"""Photos: whatever a phone, an app or somebody with bad intentions sends, what is kept is a clean picture, or a refusal says why."""

import hashlib
import io
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how_often
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from app.errors import NotAPhoto, PhotoDamaged, PhotoTooLarge, PhotoTooManyPixels
from app.reports.photos import SIZES, Limits, Photo, prepare

# What the decoder warns of is no error for the hub, either.
pytestmark = pytest.mark.filterwarnings("ignore:::PIL")
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
RED, GREEN, BLUE, WHITE = (220, 20, 20), (20, 160, 20), (20, 20, 220), (255, 255, 255)
ORIENTATION = ExifTags.Base.Orientation
REFUSALS = (NotAPhoto, PhotoDamaged, PhotoTooLarge, PhotoTooManyPixels)


# --- pictures to send ---


def street(width: int = 640, height: int = 480) -> Image.Image:
    """Red, green, blue and white quarters, in that reading order: which way is up can be told."""
    image = Image.new("RGB", (2, 2))
    image.putdata([RED, GREEN, BLUE, WHITE])
    return image.resize((width, height), Image.Resampling.NEAREST)


@cache
def mottled() -> Image.Image:
    """Full of detail, so that its file is large and its fingerprint its own."""
    dice = random.Random(7)
    return Image.frombytes("RGB", (40, 30), dice.randbytes(3600)).resize((1200, 900), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, image_format: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    if isinstance(
        options.get("exif"), Image.Exif
    ):  # in bytes pillow_heif sees how the phone was held, and writes it its own way
        options["exif"] = options["exif"].tobytes()
    image.save(out, image_format, **options)
    return out.getvalue()


def heic(image: Image.Image, **options: Any) -> bytes:
    return encoded(image, "HEIF", quality=90, **options)


def prepared(sent: bytes, **limits: int) -> Photo:
    return prepare(sent, ZONE, Limits(**limits))


def shown(photo: Photo, size: str = "full") -> Image.Image:
    return Image.open(io.BytesIO(photo.sizes[size]))  # type: ignore[index]


def quarters(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours in the middle of each quarter."""
    width, height = image.size
    found = [image.getpixel((width * x // 4, height * y // 4)) for y in (1, 3) for x in (1, 3)]
    return [pixel for pixel in found if isinstance(pixel, tuple)]


def alike(image: Image.Image, expected: list[tuple[int, int, int]], tolerance: int = 12) -> bool:
    return all(
        abs(one - other) <= tolerance
        for pixel, colour in zip(quarters(image), expected, strict=True)
        for one, other in zip(pixel, colour, strict=True)
    )


def bits_apart(one: Photo, other: Photo) -> int:
    return ((one.fingerprint ^ other.fingerprint) & (2**64 - 1)).bit_count()


def with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    """A PNG with one more chunk before its picture."""
    place = png.index(b"IDAT") - 4
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return png[:place] + chunk + png[place:]


def with_segment(jpeg: bytes, marker: int, data: bytes) -> bytes:
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data + jpeg[2:]


def by_camera(**noted: Any) -> Image.Exif:
    exif = Image.Exif()
    photo, gps = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    for name, value in noted.items():
        (gps if name in ExifTags.GPS.__members__ else photo)[
            ExifTags.GPS[name] if name in ExifTags.GPS.__members__ else ExifTags.Base[name]
        ] = value
    return exif


_IN_A_PROCESS = """
import re, sys
from pathlib import Path
from zoneinfo import ZoneInfo
from PIL import Image
from app.errors import HubError
from app.reports.photos import prepare

def most():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

first, *files = sys.argv[1:]
prepare(Path(first).read_bytes(), ZoneInfo("Asia/Ho_Chi_Minh"))
before = most()
for file in files:
    try:
        prepare(Path(file).read_bytes(), ZoneInfo("Asia/Ho_Chi_Minh"))
        print("prepared")
    except HubError as refusal:
        print(refusal.code)
print(most() - before)
"""


def outcomes_and_memory(folder: Path, *sent: bytes) -> tuple[list[str], int]:
    """What becomes of the photos one after another in a process of their own, and by how many MB it grew at most."""
    files = [folder / str(number) for number in range(len(sent) + 1)]
    for file, content in zip(files, (encoded(street()), *sent), strict=True):
        file.write_bytes(content)
    done = subprocess.run([sys.executable, "-c", _IN_A_PROCESS, *files], capture_output=True, text=True, check=True)
    *outcomes, memory = done.stdout.split()
    return outcomes, int(memory)


# --- what is kept ---


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_every_format_of_phones_becomes_a_jpeg_in_three_sizes(image_format: str) -> None:
    photo = prepared(encoded(street(3000, 1500), image_format))

    for size, longest in SIZES.items():
        kept = shown(photo, size)
        assert (kept.format, kept.mode, kept.size) == ("JPEG", "RGB", (longest, longest // 2))
        assert alike(kept, [RED, GREEN, BLUE, WHITE])
    assert (photo.width, photo.height) == (2048, 1024)


@pytest.mark.parametrize(("image_format", "size"), [
    *((image_format, size) for image_format in ("JPEG", "PNG", "WEBP", "HEIF") for size in ((1, 1), (3, 2), (500, 300))),
    *((image_format, size) for image_format in ("JPEG", "PNG", "WEBP") for size in ((7000, 2), (2, 7000))),
    ("HEIF", (2100, 64)),
])  # fmt: skip
def test_a_small_or_a_narrow_photo_is_never_enlarged(image_format: str, size: tuple[int, int]) -> None:
    photo = prepared(encoded(street(*size), image_format))

    for kind, longest in SIZES.items():
        width, height = shown(photo, kind).size
        assert max(width, height) == min(max(size), longest)
        assert min(width, height) <= min(size)


def test_the_same_file_has_the_same_hash_and_another_another() -> None:
    sent = encoded(street())

    assert prepared(sent).sha256 == hashlib.sha256(sent).hexdigest()
    assert prepared(sent) == prepared(sent)
    assert prepared(sent).sha256 != prepared(sent + b"\0").sha256


def test_photos_that_look_alike_have_fingerprints_alike() -> None:
    original = prepared(encoded(mottled(), quality=95))
    smaller = mottled().resize((400, 300))
    again = [
        prepared(encoded(smaller, "WEBP", quality=50)),
        prepared(encoded(smaller, quality=30)),
        prepared(heic(smaller)),
    ]
    other = prepared(encoded(mottled().transpose(Image.Transpose.FLIP_LEFT_RIGHT)))

    assert all(bits_apart(original, one) <= 4 for one in again)
    assert bits_apart(original, other) > 16
    assert all(-(2**63) <= one.fingerprint < 2**63 for one in (original, other, *again))


# --- which way is up ---


_TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # how a camera that is held like this sees the street: the inverse of what makes it upright


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_however_the_phone_was_held_the_photo_is_upright(image_format: str, orientation: int) -> None:
    turn = _TURNS[orientation]
    seen = street(640, 400) if turn is None else street(640, 400).transpose(turn)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation

    photo = prepared(encoded(seen, image_format, exif=exif))

    assert (photo.width, photo.height) == (640, 400)
    assert alike(shown(photo), [RED, GREEN, BLUE, WHITE], 20)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_is_none_is_none(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation

    assert alike(shown(prepared(encoded(street(), exif=exif))), [RED, GREEN, BLUE, WHITE])


# --- what the camera noted ---


@pytest.mark.parametrize(("noted", "taken_at"), [
    ({"DateTimeOriginal": "2026:11:22 14:05:09"}, datetime(2026, 11, 22, 7, 5, 9, tzinfo=UTC)),
    ({"DateTimeOriginal": "2026:11:22 14:05:09", "OffsetTimeOriginal": "+09:00"},
     datetime(2026, 11, 22, 5, 5, 9, tzinfo=UTC)),
    ({"DateTimeOriginal": "2026:11:22 14:05:09", "OffsetTimeOriginal": "+99:99"},
     datetime(2026, 11, 22, 7, 5, 9, tzinfo=UTC)),
    ({"DateTimeOriginal": "2026:11:22 14:05:09", "OffsetTimeOriginal": ""}, datetime(2026, 11, 22, 7, 5, 9, tzinfo=UTC)),
    ({"DateTimeOriginal": "0000:00:00 00:00:00"}, None),
    ({"DateTimeOriginal": "    :  :     :  :  "}, None),
    ({"DateTimeOriginal": "0001:01:01 00:00:00"}, None),
    ({"DateTimeOriginal": "9999:12:31 23:59:59", "OffsetTimeOriginal": "-12:00"}, None),
    ({"DateTimeOriginal": "9999:12:31 23:59:59", "OffsetTimeOriginal": "+00:00"}, None),
    ({"DateTimeOriginal": "0001:01:01 00:00:00", "OffsetTimeOriginal": "-07:00"}, None),
    ({"DateTimeOriginal": "hôm qua"}, None),
    ({"OffsetTimeOriginal": "+07:00"}, None),
    ({}, None),
])  # fmt: skip
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_when_it_was_taken_is_kept(image_format: str, noted: dict[str, str], taken_at: datetime | None) -> None:
    assert prepared(encoded(street(64, 48), image_format, exif=by_camera(**noted))).taken_at == taken_at


@pytest.mark.parametrize(("direction", "heading"), [
    ("271.46", "271.5"), ("0", "0.0"), ("360", "0.0"), ("359.96", "0.0"), ("361", None), ("1e9", None),
])  # fmt: skip
def test_which_way_the_camera_looked_is_kept(direction: str, heading: str | None) -> None:
    exif = by_camera(
        GPSImgDirectionRef="T", GPSImgDirection=float(direction), GPSLatitudeRef="N", GPSLatitude=(11.0, 1, 2)
    )
    photo = prepared(encoded(street(64, 48), exif=exif))

    assert photo.heading == (None if heading is None else Decimal(heading))


@pytest.mark.parametrize("change", [
    lambda exif: b"Exif\0\0",
    lambda exif: b"Exif\0\0" + b"\xff" * 200,
    lambda exif: exif[:30],
    lambda exif: exif.replace(b"2026:11", b"\xff\0\xfe26:1"),
    lambda exif: exif[:-40] + b"\xff" * 40,
])  # fmt: skip
def test_odd_metadata_are_no_reason_to_refuse_a_photo(change: Any) -> None:
    exif = by_camera(DateTimeOriginal="2026:11:22 14:05:09", GPSImgDirection=10.0)
    exif[ORIENTATION] = 1

    assert alike(shown(prepared(encoded(street(), exif=change(exif.tobytes())))), [RED, GREEN, BLUE, WHITE])


# --- what is not kept ---


@pytest.fixture(scope="session")
def exiftool() -> str:
    found = shutil.which("exiftool")
    if found is None:
        missing = "exiftool is missing (apt-get install libimage-exiftool-perl)."
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    return found


def metadata(exiftool: str, file: Path) -> dict[str, Any]:
    told = subprocess.run([exiftool, "-j", "-G1", "-a", "-u", "-U", "-ee3", str(file)], capture_output=True, check=True)
    found: dict[str, Any] = json.loads(told.stdout)[0]
    return found


def telltale(exiftool: str, folder: Path, image_format: str, *, profile: bool) -> bytes:
    """A photo that tells everything: where, with what, by whom, and what was cropped away."""
    exif = by_camera(
        DateTimeOriginal="2026:11:22 14:05:09", MakerNote=b"SECRET-MAKER-NOTE", UserComment=b"ASCII\0\0\0SECRET-USER",
        BodySerialNumber="SECRET-SERIAL", GPSLatitudeRef="N", GPSLatitude=(11.0, 8.0, 12.5), GPSLongitudeRef="E",
        GPSLongitude=(106.0, 36.0, 1.5), GPSImgDirection=271.5,
    )  # fmt: skip
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Artist] = "SECRET-MAKE", "SECRET-ARTIST"
    file = folder / f"sent.{image_format.lower().replace('heif', 'heic')}"
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="SECRET-XMP"/></rdf:RDF></x:xmpmeta>'
    options: dict[str, Any] = {"exif": exif}
    if profile:
        options["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if image_format == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", "SECRET-TEXT")
        text.add_itxt("XML:com.adobe.xmp", xmp.decode())
        options["pnginfo"] = text
    else:
        options["xmp"] = xmp
    file.write_bytes(encoded(street(), image_format, **options))
    if image_format == "JPEG":
        thumbnail = folder / "thumbnail.jpg"
        thumbnail.write_bytes(encoded(street(160, 120)))
        subprocess.run(
            [exiftool, "-q", "-overwrite_original", "-IPTC:By-line=SECRET-IPTC", "-Photoshop:CopyrightFlag=true",
             "-Comment=SECRET-COMMENT", f"-ThumbnailImage<={thumbnail}", str(file)], check=True,
        )  # fmt: skip
        file.write_bytes(file.read_bytes() + b"PK\x03\x04 SECRET-TRAILER")
    return file.read_bytes()


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize("profile", [True, False])
def test_nothing_is_left_of_the_sender(exiftool: str, tmp_path: Path, image_format: str, profile: bool) -> None:
    sent = telltale(exiftool, tmp_path, image_format, profile=profile)
    before = metadata(exiftool, next(tmp_path.glob("sent.*")))
    groups = {name.partition(":")[0] for name in before}
    expected = {"ExifIFD", "GPS", "IFD0", "XMP-dc"} | ({"ICC-header"} if profile else set())
    assert groups >= expected | ({"IPTC", "IFD1", "Photoshop"} if image_format == "JPEG" else set()), (
        "the test sends it"
    )
    assert "SECRET-XMP" in json.dumps(before)

    photo = prepared(sent)

    assert (photo.taken_at, photo.heading) == (datetime(2026, 11, 22, 7, 5, 9, tzinfo=UTC), Decimal("271.5"))
    for size, jpeg in photo.sizes.items():
        file = tmp_path / f"{size}.jpg"
        file.write_bytes(jpeg)
        left = metadata(exiftool, file)
        assert {name.partition(":")[0] for name in left} <= {
            "SourceFile",
            "ExifTool",
            "System",
            "File",
            "JFIF",
            "Composite",
        }
        assert {name for name in left if name.startswith("Composite")} <= {
            "Composite:ImageSize",
            "Composite:Megapixels",
        }
        assert not re.search(
            "SECRET|2026:11:22 14|106|Comment", json.dumps({k: v for k, v in left.items() if "File" not in k})
        )
        assert b"SECRET" not in jpeg
        assert jpeg.count(b"\xff\xd8\xff") == 1, "no thumbnail"
        assert jpeg.endswith(b"\xff\xd9")


# --- colours ---


def test_a_palette_with_transparency_is_on_white() -> None:
    image = street().quantize(8)
    clear = image.getpixel((10, 10))
    photo = prepared(encoded(image, "PNG", transparency=clear))

    assert alike(shown(photo), [WHITE, GREEN, BLUE, WHITE])


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "HEIF"])
def test_what_is_transparent_is_white_and_what_is_half_so_is_half_white(image_format: str) -> None:
    image = street().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 320, 240))
    image.paste((*BLUE, 128), (320, 0, 640, 240))

    assert alike(shown(prepared(encoded(image, image_format, quality=95))), [WHITE, (137, 137, 237), BLUE, WHITE])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16"])
def test_grey_stays_grey(mode: str) -> None:
    dark, light = (0, 255) if mode == "1" else (64, 192)
    image = Image.new("L", (40, 20), dark)
    image.paste(light, (20, 0, 40, 20))
    if mode == "I;16":
        image = Image.frombytes(mode, image.size, b"".join(bytes([0, grey]) for grey in image.tobytes()))

    sent = encoded(image if mode == "I;16" else image.convert(mode), "PNG")

    assert alike(shown(prepared(sent)), [(dark,) * 3, (light,) * 3] * 2, 4)


def test_sixteen_bits_of_colour_become_eight() -> None:
    pixel = struct.pack(">3H", *(value << 8 for value in GREEN))
    rows = (b"\0" + pixel * 8) * 8
    header = struct.pack(">II5B", 8, 8, 16, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        png += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    assert alike(shown(prepared(png)), [GREEN] * 4)


def test_the_inks_of_a_press_become_colours_of_a_screen() -> None:
    image = Image.new("CMYK", (40, 20), (0, 0, 0, 0))
    image.paste((0, 255, 255, 0), (20, 0, 40, 20))

    assert alike(shown(prepared(encoded(image, quality=95))), [WHITE, (255, 0, 0)] * 2)


def other_profile() -> bytes:
    """sRGB with red and green taken for each other: who goes by the profile sees the difference."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * 30, 12)}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    profile[red + 4 : red + 12], profile[green + 4 : green + 12] = (
        profile[green + 4 : green + 12], profile[red + 4 : red + 12],
    )  # fmt: skip
    return bytes(profile)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_colours_are_those_of_the_embedded_profile(image_format: str) -> None:
    image = Image.new("RGB", (40, 20), (255, 0, 0))

    kept = shown(prepared(encoded(image, image_format, icc_profile=other_profile())))

    assert alike(kept, [(0, 255, 0)] * 4)
    assert "icc_profile" not in kept.info


@pytest.mark.parametrize("profile", [b"no profile", other_profile()[:200], random.Random(3).randbytes(3000)])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_profile_that_is_broken_is_left_out(profile: bytes, mode: str) -> None:
    assert prepared(encoded(Image.new(mode, (40, 20)), icc_profile=profile)).width == 40


def test_a_profile_of_another_kind_of_picture_is_left_out() -> None:
    assert alike(
        shown(prepared(encoded(Image.new("L", (40, 20), 99), icc_profile=other_profile()))), [(99, 99, 99)] * 4
    )


def test_a_profile_that_is_huge_is_left_out() -> None:
    huge = struct.pack(">I", 5_000_000) + other_profile()[4:]
    sent = encoded(Image.new("RGB", (40, 20), (255, 0, 0)), icc_profile=huge.ljust(5_000_000, b"\0"))

    assert alike(shown(prepared(sent)), [(255, 0, 0)] * 4)


# --- several pictures in one file ---


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "MPO", "HEIF"])
def test_of_several_frames_the_first_is_kept(image_format: str) -> None:
    others = [Image.new("RGB", (640, 480), colour) for colour in (RED, BLUE)]
    sent = encoded(street(), image_format, save_all=True, append_images=others)

    assert alike(shown(prepared(sent)), [RED, GREEN, BLUE, WHITE], 20)


# --- refusals ---


@pytest.mark.parametrize("sent", [
    b"",
    b"\x7fELF\x02\x01\x01" + b"\0" * 200,
    b"MZ\x90\0\x03" + b"\0" * 200,
    b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
    b"<!doctype html><html><script>alert(1)</script>",
    b"%PDF-1.7\n" + b"0" * 200,
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file",
    b"PK\x03\x04" + b"\0" * 200,
    b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + b"\0" * 200,
    b"P6 1 1 255\n\0\0\0",
    Path(sys.executable).read_bytes()[:9999],
    b"Bao cao su co",
], ids=lambda sent: repr(sent[:12]))  # fmt: skip
def test_what_is_no_photo_is_refused_whatever_it_is_called(sent: bytes) -> None:
    with pytest.raises(NotAPhoto):
        prepared(sent)


@pytest.mark.parametrize("image_format", ["GIF", "TIFF", "BMP", "PDF", "AVIF", "ICO", "JPEG2000", "TGA", "EPS", "ICNS"])
def test_pictures_of_other_formats_are_refused(image_format: str) -> None:
    with pytest.raises(NotAPhoto):
        prepared(encoded(street(64, 64), image_format))


def test_the_refusal_tells_what_it_was_in_both_languages() -> None:
    with pytest.raises(NotAPhoto) as pdf:
        prepared(b"%PDF-1.7\n")
    with pytest.raises(NotAPhoto) as unknown:
        prepared(b"?")

    assert "application/pdf" in pdf.value.detail("vi")
    assert "không rõ loại" in unknown.value.detail("vi")
    assert "of no known type" in unknown.value.detail("en")


@pytest.mark.parametrize("part", [0.02, 0.1, 0.3, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("sent", [
    encoded(mottled(), quality=90), encoded(mottled(), quality=90, progressive=True), encoded(mottled(), "PNG"),
    encoded(mottled(), "WEBP", lossless=True), encoded(mottled(), "WEBP", quality=90), heic(mottled()),
], ids=["jpeg", "progressive", "png", "webp-lossless", "webp", "heic"])  # fmt: skip
def test_a_photo_that_was_cut_short_is_refused(sent: bytes, part: float) -> None:
    with pytest.raises(PhotoDamaged):
        prepared(sent[: int(len(sent) * part)])


def test_too_many_bytes_are_refused_before_anybody_looks() -> None:
    sent = encoded(street())

    assert prepared(sent, size=len(sent))
    with pytest.raises(PhotoTooLarge) as told:
        prepared(sent, size=len(sent) - 1)
    assert (told.value.facts["size"], told.value.facts["limit"]) == (len(sent), len(sent) - 1)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_too_many_pixels_are_refused(image_format: str) -> None:
    sent = encoded(street(400, 300), image_format)

    assert prepared(sent, camera_pixels=400 * 300, other_pixels=400 * 300)
    with pytest.raises(PhotoTooManyPixels) as told:
        prepared(sent, camera_pixels=400 * 300 - 1, other_pixels=400 * 300 - 1)
    assert told.value.facts["limit"] == 400 * 300 - 1


def test_a_png_may_have_half_the_pixels_of_a_jpeg() -> None:
    with pytest.raises(PhotoTooManyPixels):
        prepare(claiming("PNG", 5100, 5000), ZONE)
    assert prepare(claiming("JPEG", 5100, 5000), ZONE).width == 2048


def claiming(image_format: str, width: int, height: int) -> bytes:
    """A small file that says it were large."""
    small = encoded(Image.new("L" if image_format == "JPEG" else "RGB", (8, 8)), image_format, lossless=False)
    match image_format:
        case "JPEG":
            at = small.index(b"\xff\xc0") + 5
            return small[:at] + struct.pack(">HH", height, width) + small[at + 4 :]
        case "PNG":
            header = struct.pack(">II", width, height) + small[24:29]
            return small[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + small[33:]
        case "WEBP":
            extended = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
            body = b"WEBPVP8X" + struct.pack("<I", 10) + extended + small[12:]
            return b"RIFF" + struct.pack("<I", len(body)) + body
        case _:
            return heic(Image.new("RGB", (64, 64))).replace(
                struct.pack(">II", 64, 64), struct.pack(">II", width, height)
            )


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_a_header_that_promises_a_giant_is_refused_and_costs_nothing(tmp_path: Path, image_format: str) -> None:
    giants = ((8000, 8000), (10_000, 10_000), (16_000, 16_000), (60_000, 60_000), (65_000, 1000))

    outcomes, memory = outcomes_and_memory(tmp_path, *(claiming(image_format, *size) for size in giants))

    assert set(outcomes) <= (
        {"photo-too-many-pixels"} if image_format in {"JPEG", "PNG"} else {"photo-too-many-pixels", "photo-damaged"}
    )
    assert memory < 30


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_the_largest_that_is_allowed_needs_half_a_gigabyte(tmp_path: Path, image_format: str) -> None:
    if image_format == "JPEG":
        sent = encoded(Image.new("RGB", (8192, 6144), GREEN), progressive=True)
    else:
        sent = encoded(Image.new("RGBA", (5000, 5000), (*GREEN, 99)), image_format)

    outcomes, memory = outcomes_and_memory(tmp_path, sent)

    assert outcomes == ["prepared"]
    assert memory < 512


def test_an_heic_whose_picture_is_larger_than_it_says_is_refused() -> None:
    sent = heic(Image.new("RGB", (1500, 1500), GREEN)).replace(
        struct.pack(">II", 1500, 1500), struct.pack(">II", 64, 64)
    )

    with pytest.raises(PhotoDamaged):
        prepared(sent, camera_pixels=10_000)


def test_what_unpacks_to_a_flood_beside_the_picture_is_not_unpacked(tmp_path: Path) -> None:
    flood, photo = zlib.compress(b"\0" * 200_000_000), encoded(street(), "PNG")
    floods = [
        with_chunk(photo, kind, name + flood)
        for kind, name in ((b"zTXt", b"x\0\0"), (b"iTXt", b"x\0\1\0\0\0"), (b"iCCP", b"x\0\0"))
    ]
    in_pieces = photo
    for _ in range(80):
        in_pieces = with_chunk(in_pieces, b"zTXt", b"x\0\0" + zlib.compress(b"\0" * 1_000_000))

    outcomes, memory = outcomes_and_memory(tmp_path, *floods)
    assert outcomes == ["photo-damaged"] * 3
    assert memory < 30
    outcomes, memory = outcomes_and_memory(tmp_path, in_pieces)
    assert outcomes == ["photo-damaged"]
    assert memory < 100


def test_a_picture_that_unpacks_to_more_than_it_has_rows_for_is_cut_off(tmp_path: Path) -> None:
    photo = encoded(street(8, 8), "PNG")
    rest = zlib.compress((b"\0" + b"\x80" * 24) * 8 + b"\0" * 300_000_000)
    chunk = struct.pack(">I", len(rest)) + b"IDAT" + rest + struct.pack(">I", zlib.crc32(b"IDAT" + rest))

    outcomes, memory = outcomes_and_memory(tmp_path, photo[: photo.index(b"IDAT") - 4] + chunk + photo[-12:])

    assert outcomes == ["prepared"]
    assert memory < 30


def test_an_exif_directory_in_which_every_entry_is_all_of_it_costs_little(tmp_path: Path) -> None:
    entries = 2500
    size = 60_000 - 12 * entries
    entry = b"".join(struct.pack("<HHLL", 0xA000 + number, 7, size, 8) for number in range(entries))
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<H", entries) + entry + b"\0" * (60_000 - 12 * entries)

    outcomes, memory = outcomes_and_memory(tmp_path, with_segment(encoded(street()), 0xE1, b"Exif\0\0" + tiff))

    assert outcomes == ["prepared"]
    assert memory < 30


@pytest.mark.parametrize("progressive", [True, False])
def test_a_jpeg_that_is_sent_scan_after_scan_is_refused_before_it_is_decoded(progressive: bool) -> None:
    sent = encoded(Image.new("RGB", (4000, 4000), GREEN), progressive=progressive)
    scan = sent[sent.rindex(b"\xff\xda") : -2] if progressive else bytes.fromhex("ffda 0008 01 0100 003f00")
    start = sent[:-2] if progressive else sent[: sent.index(b"\xff\xda")]

    assert prepared(start + scan * 80 + b"\xff\xd9").width == 2048
    with pytest.raises(PhotoDamaged):
        prepared(start + scan * 100_000 + b"\xff\xd9")


def test_a_film_behind_the_photo_is_no_scan() -> None:
    film = b"\0\0\0\x18ftypmp42" + random.Random(1).randbytes(8_000_000)

    assert film.count(b"\xff\xda") > 100
    assert alike(shown(prepared(encoded(street()) + film)), [RED, GREEN, BLUE, WHITE])


# --- whatever is sent ---


@cache
def seeds() -> list[bytes]:
    small = mottled().resize((60, 40))
    exif = by_camera(DateTimeOriginal="2026:11:22 14:05:09", GPSImgDirection=10.0)
    exif[ORIENTATION] = 6
    common: dict[str, Any] = {"exif": exif, "icc_profile": other_profile()}
    return [
        encoded(small, **common), encoded(small, progressive=True), encoded(small.convert("CMYK")),
        encoded(small, "PNG", **common), encoded(small.quantize(16), "PNG", transparency=1),
        encoded(small, "WEBP", **common), encoded(small.convert("RGBA"), "WEBP", lossless=True),
        encoded(small, "WEBP", save_all=True, append_images=[small]), encoded(small, "MPO", save_all=True, append_images=[small]),
        heic(small, **common), heic(small.convert("RGBA")),
    ]  # fmt: skip


def photo_or_refusal(sent: bytes) -> None:
    with suppress(*REFUSALS):
        photo = prepared(sent, size=1_000_000, camera_pixels=1_000_000, other_pixels=1_000_000)
        assert [shown(photo, size).format for size in SIZES] == ["JPEG"] * 3


@how_often(deadline=None, max_examples=200)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBPVP8 ",
                                                 b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"]))  # fmt: skip
def test_noise_is_refused(noise: bytes, beginning: bytes) -> None:
    with pytest.raises(REFUSALS):
        prepared(beginning + noise)


@how_often(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_photo_that_was_tampered_with_is_a_photo_or_refused(data: st.DataObject) -> None:
    sent = bytearray(data.draw(st.sampled_from(seeds())))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(sent) - 1))
        match data.draw(st.sampled_from(["change", "change", "remove", "insert", "repeat"])):
            case "change":
                sent[at] = data.draw(st.integers(0, 255))
            case "remove":
                del sent[at : at + data.draw(st.integers(1, 50))]
            case "insert":
                sent[at:at] = data.draw(st.binary(max_size=50))
            case "repeat":
                sent[at:at] = sent[at : at + data.draw(st.integers(1, 500))]
        if not sent:
            break

    photo_or_refusal(bytes(sent))
