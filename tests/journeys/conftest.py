"""The hub as its users start it: a process of its own, by the command line."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

COMMAND = (sys.executable, "-m", "app.cli")


@dataclass
class RunningHub:
    process: subprocess.Popen[str]
    data: Path
    url: str

    def stop(self, signum: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        return self.process.wait(60)


def environment(data: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IOC_")}
    return kept | {"IOC_DATA_DIR": str(data), "IOC_PORT": "0"}


@contextlib.contextmanager
def hub_process(data: Path, *options: str, settings: Mapping[str, str] | None = None) -> Iterator[RunningHub]:
    """`ioc-hub up` until it says where it serves; it is stopped, if it still runs, when the block ends."""
    command = [*COMMAND, "up", *options]
    process = subprocess.Popen(command, env=environment(data) | dict(settings or {}), stderr=subprocess.PIPE, text=True)
    try:
        url = _address(process)
        # Its log must go on being read: a full pipe would stop the server in the middle of a request.
        drain = threading.Thread(target=deque, args=(process.stderr, 0))
        drain.start()
        yield RunningHub(process, data, url)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
    drain.join()
    assert process.stderr is not None
    process.stderr.close()


def _address(process: subprocess.Popen[str]) -> str:
    """Read what it prints up to the greeting; then wait for the first answer."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "IOC Hub serves on" in line:
            url = line.split("serves on ")[1].split()[0]
            httpx.get(f"{url}/healthz", timeout=60)  # the socket listens already: this waits for the application
            return url
    raise AssertionError("".join(said))


def verb(data: Path, *words: str, settings: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], env=environment(data) | dict(settings or {}), capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def child_processes(process: int) -> list[int]:
    """Those of a hub's processes that answer requests."""
    found = []
    for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
        with contextlib.suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def postgres_processes(data: Path) -> Sequence[int]:
    """The database servers whose working folder is in the data folder."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and Path(os.readlink(entry / "cwd")).is_relative_to(data):
                found.append(int(entry.name))
    return found
