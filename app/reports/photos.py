"""A photo as a phone sends it, made safe to keep and to show. Every photo goes through `prepare`, whichever way it came.

What was sent is never kept. It is decoded and encoded anew, so that nothing of it is left but the picture: no position, no serial
number of the camera, no name, no comment, no thumbnail of what was cropped away, no second file behind the first.

Two things that the camera noted stay, as data: when the photo was taken and which way the camera looked. **Its position does not.**
A report has a point of its own, which the citizen set on a map; that of a photo may be a home (one that was picked from the gallery),
and what is not kept cannot leak, nor be asked for (data minimisation: Law 91/2025/QH15 on personal data).
"""

import hashlib
import math
import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from io import BytesIO
from typing import Any, Literal

import filetype
import pillow_heif
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError
from PIL.TiffImagePlugin import IFDRational

from app.errors import HubError, NotAPhoto, PhotoDamaged, PhotoTooLarge, PhotoTooManyPixels, Text
from app.periods import LAST_YEAR

# Only the picture itself: a thumbnail that the sender put in could be decoded in its place, and need not be the same.
pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
warnings.simplefilter("error", Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", module=r"PIL\.")  # of metadata that are off; none of them are kept

Size = Literal["full", "screen", "thumb"]
# The longer side, in pixels. A hole in a road and a number plate can be made out on `full`, which fills a monitor of the centre and has
# some 500 kB; `screen` fills a telephone; `thumb` is for lists and maps, at two pixels to the point.
SIZES: Mapping[Size, int] = {"full": 2048, "screen": 1024, "thumb": 320}
_LARGEST = max(SIZES.values())

_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")  # the decoders that may look at it
_TYPES = frozenset({"image/jpeg", "image/png", "image/apng", "image/webp", "image/heic"})  # as `filetype` calls theirs
_NOTHING_KNOWN = Text("không rõ loại", "of no known type")
_QUALITY = 85
_LARGEST_PROFILE = 4 * 1024 * 1024  # bytes; those of presses have 2 MB
_MOST_SCANS = (
    100  # of a JPEG; encoders write some 10. Each takes as long as the whole picture, and need not have 100 bytes.
)
_SCAN = re.compile(
    rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)"
)  # ITU-T T.81, B.2.3; a film behind it has none by chance

_NO_CAMERA_BEFORE = (
    1990  # that noted a date. The last second of the year 9999 is none any more seven hours further east
)

_ORIENTATION = ExifTags.Base.Orientation
_UPRIGHT: Mapping[Any, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a photo may measure.

    Attributes:
        size: bytes, as sent.
        camera_pixels: of JPEG and HEIC, which cameras write: 8192 × 6144 is what those with 50 megapixels take.
        other_pixels: of PNG and WebP, which need twice the memory to decode and come from screens, not from cameras.
    """

    size: int = 20 * 1024 * 1024
    camera_pixels: int = 50_500_000
    other_pixels: int = 25_000_000

    def pixels(self, image_format: str | None) -> int:
        return self.other_pixels if image_format in {"PNG", "WEBP"} else self.camera_pixels


@dataclass(frozen=True, slots=True)
class Photo:
    """What is kept of a photo.

    Attributes:
        sha256: of the bytes that were sent, in hexadecimal: the same file again is the same photo.
        fingerprint: a difference hash of what is seen, 64 bits as a signed integer. Photos that look alike differ in few bits, whatever
            their size and compression.
        width, height: of `full`, upright.
        sizes: JPEG in sRGB without metadata. A photo is never enlarged.
        taken_at: by the camera's clock, in UTC.
        heading: which way the camera looked, in degrees clockwise from north, `[0, 360)`. Whether true or magnetic north is not kept:
            in Vietnam they are less than two degrees apart, and a phone's compass is less sure than that.
    """

    sha256: str
    fingerprint: int
    width: int
    height: int
    sizes: Mapping[Size, bytes]
    taken_at: datetime | None
    heading: Decimal | None


def prepare(sent: bytes, zone: tzinfo, limits: Limits = Limits()) -> Photo:
    """Judge, clean and shrink a photo. Of several frames it is the first, of an HEIC the primary picture.

    It keeps a core busy for a second (hostile ones for three), and needs up to half a gigabyte for the largest that is allowed: call
    it in a thread, and few at a time.

    Args:
        sent: the file; what its name or its sender says it is does not matter.
        zone: where the camera's clock was set, when the photo does not say (OffsetTimeOriginal).

    Raises:
        PhotoTooLarge: more bytes than `limits.size`; nothing was looked at.
        NotAPhoto: not JPEG, PNG, WebP or HEIC by its content.
        PhotoTooManyPixels: by its header; nothing was decoded.
        PhotoDamaged: cut short, or not decodable.
    """
    if len(sent) > limits.size:
        raise PhotoTooLarge(size=len(sent), limit=limits.size)
    try:
        with Image.open(BytesIO(sent), formats=_FORMATS) as opened:
            most = limits.pixels(opened.format)
            if opened.width * opened.height > most:
                raise PhotoTooManyPixels(limit=most)
            if opened.format in {"JPEG", "MPO"} and len(_SCAN.findall(sent)) > _MOST_SCANS:
                raise PhotoDamaged
            small = _shrunk(opened)
            exif = _exif(opened)
            picture = _in_srgb(_on_white(_upright(small, exif)), opened.info.get("icc_profile"))
    except UnidentifiedImageError as error:
        kind = filetype.guess_mime(sent)
        raise (PhotoDamaged if kind in _TYPES else NotAPhoto(value=kind or _NOTHING_KNOWN)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PhotoTooManyPixels(limit=limits.camera_pixels) from error
    except (HubError, MemoryError):
        raise
    except Exception as error:  # decoders raise anything, from struct.error to RuntimeError, for what they cannot read
        raise PhotoDamaged from error
    return Photo(
        sha256=hashlib.sha256(sent).hexdigest(),
        fingerprint=_fingerprint(picture),
        width=picture.width,
        height=picture.height,
        sizes={size: _jpeg(picture, longest) for size, longest in SIZES.items()},
        taken_at=_taken_at(_directory(exif, ExifTags.IFD.Exif), zone),
        heading=_heading(_directory(exif, ExifTags.IFD.GPSInfo)),
    )


# --- the picture ---


def _shrunk(opened: Image.Image) -> Image.Image:
    """No larger than `full`. All that follows is done with the small one, so that only this needs memory for the large one."""
    part = _LARGEST / max(opened.size)
    if part < 1:  # a JPEG can be decoded at a half, a quarter or an eighth
        opened.draft(None, (math.ceil(opened.width * part), math.ceil(opened.height * part)))
    opened.load()
    image = opened
    if image.mode.startswith("I"):  # 16 bits of grey
        image = image.point(lambda value: value / 256).convert("L")
    elif image.mode == "1" or "transparency" in image.info:
        image = image.convert("RGBA" if "transparency" in image.info else "L")
    elif image.mode not in {"L", "LA", "RGB", "RGBA", "CMYK"}:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail((_LARGEST, _LARGEST), Image.Resampling.LANCZOS)
    return image


def _upright(image: Image.Image, exif: Image.Exif) -> Image.Image:
    # Not ImageOps.exif_transpose: it writes the metadata anew, and fails where they are odd.
    turn = _UPRIGHT.get(exif.get(_ORIENTATION))
    return image if turn is None else image.transpose(turn)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode not in {"LA", "RGBA"}:
        return image
    paper = Image.new(image.mode.removesuffix("A"), image.size, "white")
    paper.paste(image.convert(paper.mode), mask=image.getchannel("A"))
    return paper


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """By its profile, where it has one that can be used: a broken one does not make a photo unusable."""
    if profile and len(profile) <= _LARGEST_PROFILE:
        with suppress(OSError, ImageCms.PyCMSError):
            own = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
            assert converted is not None  # it is only when the image is converted in place
            return converted
    return image.convert("RGB")


def _jpeg(picture: Image.Image, longest: int) -> bytes:
    image = picture.copy()
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    image.info.clear()  # the encoder would write the comment of the original
    out = BytesIO()
    image.save(out, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return out.getvalue()


def _fingerprint(picture: Image.Image) -> int:
    """The difference hash: of eight rows of nine greys, whether each is darker than its right neighbour."""
    greys = picture.convert("L").resize((9, 8), Image.Resampling.LANCZOS).tobytes()
    darker = (greys[place] < greys[place + 1] for row in range(8) for place in range(9 * row, 9 * row + 8))
    return int.from_bytes(
        sum(bit << place for place, bit in zip(range(63, -1, -1), darker, strict=True)).to_bytes(8), signed=True
    )


# --- what the camera noted ---


def _exif(image: Image.Image) -> Image.Exif:
    """Nothing where it cannot be read. That of a PNG may come after the picture, so this is for an image that is loaded."""
    try:
        return image.getexif()
    except Exception:  # as above
        return Image.Exif()


def _directory(exif: Image.Exif, which: ExifTags.IFD) -> Mapping[int, Any]:
    try:
        return exif.get_ifd(which)
    except Exception:  # as above
        return {}


def _taken_at(noted: Mapping[int, Any], zone: tzinfo) -> datetime | None:
    with suppress(ValueError):
        zone = datetime.strptime(str(noted.get(ExifTags.Base.OffsetTimeOriginal)), "%z").tzinfo or zone
    with suppress(ValueError):  # no date, such as 0000:00:00
        taken = datetime.strptime(str(noted.get(ExifTags.Base.DateTimeOriginal)), "%Y:%m:%d %H:%M:%S")
        if _NO_CAMERA_BEFORE <= taken.year <= LAST_YEAR:
            return taken.replace(tzinfo=zone).astimezone(UTC)
    return None


def _heading(noted: Mapping[int, Any]) -> Decimal | None:
    said = noted.get(ExifTags.GPS.GPSImgDirection)
    if not isinstance(said, IFDRational) or not said.denominator:
        return None
    degrees = Decimal(int(said.numerator)) / Decimal(int(said.denominator))
    return degrees.quantize(Decimal("0.1")) % 360 if 0 <= degrees <= 360 else None
