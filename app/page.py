"""The built page (`web/`, see `hatch_build.py`): its few files, read once, ready to be sent."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
_COMPRESSES = {".html", ".js", ".css", ".svg", ".json", ".webmanifest"}


@dataclass(frozen=True)
class PageFile:
    """One file. Those of `assets/` have a hash of what is in them in their name: they never change."""

    body: bytes
    gzipped: bytes | None
    media_type: str
    etag: str
    unchanging: bool


class Page:
    """The files of a folder. It may be empty: the build needs things that not every machine reaches."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder

    @property
    def is_built(self) -> bool:
        return (self._folder / "built").is_file()

    @cached_property
    def _files(self) -> dict[str, PageFile]:
        paths = (path for path in self._folder.rglob("*") if path.is_file())
        return {path.relative_to(self._folder).as_posix(): _read(path) for path in paths}

    def file(self, name: str) -> PageFile | None:
        """None: there is no such file, or no page."""
        return self._files.get(name) if self.is_built else None


def _read(path: Path) -> PageFile:
    body = path.read_bytes()
    gzipped = gzip.compress(body, mtime=0) if path.suffix in _COMPRESSES else None
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    return PageFile(body, gzipped, media_type, etag, unchanging=path.parent.name == "assets")
