"""The hub as its callers meet it: behind HTTP, in processes of its own, on a loaded catalogue."""

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType

import httpx
import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from app import auth, exact_json
from app.catalogue.reference import load_indicators, load_reference
from app.hub import Hub
from app.migrate import migrate
from app.periods import add_months
from app.readings.partitions import MONTHS_AHEAD, make_partitions
from app.readings.seed import NewSource, require_source
from app.reports.rules import load_starting_rules
from app.settings import Settings
from bench.client import Client, Load, Outcome, post
from bench.workload import communes, indicators

IOC_HUB = str(Path(sys.executable).with_name("ioc-hub"))
CONSTANT = (sys.executable, "-m", "uvicorn", "bench.constant:app", "--no-access-log")
BARE = (sys.executable, "-m", "uvicorn", "bench.bare:app", "--no-access-log")
SETTINGS = {"IOC_DEMO": "false", "IOC_MAX_FUTURE_DAYS": "3660"}


@dataclass(frozen=True, slots=True)
class Running:
    """A hub that answers on a port."""

    conninfo: str
    port: int
    process: subprocess.Popen[bytes]  # it rolls up, and keeps those that answer

    @property
    def servers(self) -> list[int]:
        process = self.process.pid
        return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())) or [process]

    def rolled_up(self) -> float:
        """Wait until nothing is marked as stale; when that was, as `time.monotonic` says it."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            while connection.execute("SELECT FROM stale_mark LIMIT 1").fetchone() is not None:
                if self.process.poll() is not None:
                    raise RuntimeError("The hub has ended before everything was rolled up.")
                time.sleep(0.02)
            return time.monotonic()


@dataclass(frozen=True, slots=True)
class Bench:
    """A database with the catalogue and the copies of indicators, a key that may send everything, and the client."""

    url: str
    folder: Path
    key: str
    client: Client

    @classmethod
    def load(cls, url: str, folder: Path, client: Client) -> "Bench":
        return cls(url, folder, asyncio.run(_load(url, folder)), client)

    @property
    def conninfo(self) -> str:
        return self.url.replace("postgresql+psycopg:", "postgresql:")

    @property
    def environment(self) -> Mapping[str, str]:
        """That of the hub's processes; settings of whoever runs the benchmark are left out."""
        own = {**SETTINGS, "IOC_DATABASE_URL": self.url, "IOC_DATA_DIR": str(self.folder)}
        return {name: value for name, value in os.environ.items() if not name.upper().startswith("IOC_")} | own

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.conninfo, autocommit=True)

    def ask(self, question: str) -> str:
        """The one value that a query gives."""
        with self.connect() as connection:
            return str((connection.execute(question.encode()).fetchone() or [""])[0])

    def clear(self) -> None:
        """Forget every reading. No hub may be running: it remembers what it has stored."""
        with self.connect() as connection:
            connection.execute("TRUNCATE reading, reading_history, ownership, rollup, stale_mark, batch")

    def copy(self, name: str) -> "Bench":
        """The same in a database of its own. No hub may be running."""
        url = make_url(self.url)
        with psycopg.connect(
            replace(self, url=_text(url.set(database="postgres"))).conninfo, autocommit=True
        ) as connection:
            template = sql.Identifier(url.database or "")
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), template))
        return replace(self, url=_text(url.set(database=name)))

    @contextlib.contextmanager
    def hub(self, settings: Mapping[str, str] | None = None) -> Iterator[Running]:
        """Run a hub, once it has taken one reading and rolled it up; `settings` beside those of every run."""
        row = {"indicator": "tthc.dossier.received", "unit": communes()[0], "period": "2026-01-01", "value": 1}
        environment = {**self.environment, **(settings or {})}
        log = self.folder / f"{make_url(self.url).database}.log"
        with serving((IOC_HUB, "serve"), "/readyz", log, environment) as (port, process):
            self.client.send(Load(port, [self.post(exact_json.dumps({"readings": [row]}))], connections=1))
            hub = Running(self.conninfo, port, process)
            hub.rolled_up()
            yield hub

    def post(self, body: bytes) -> bytes:
        return post("/v1/readings", self.key, body)

    def ingest(self, load: Load, rows: int, verdict: str = "created") -> Outcome:
        """Send readings. Every row must get the verdict, and be in the table."""
        before = self._stored()
        outcome = self.client.send(load)
        receipts = [exact_json.loads(answer.body) for answer in outcome.answers]
        acknowledged = sum(receipt[verdict] for receipt in receipts)
        stored = [after - count for after, count in zip(self._stored(), before, strict=True)]
        expected = {"created": [rows, 0], "unchanged": [0, 0], "corrected": [0, rows]}[verdict]
        if (acknowledged, stored) != (rows, expected):
            raise RuntimeError(
                f"{rows} rows sent, {acknowledged} acknowledged as {verdict}, new readings and history: {stored}"
            )
        return outcome

    def _stored(self) -> list[int]:
        return [int(self.ask(f"SELECT count(*) FROM {table}")) for table in ("reading", "reading_history")]


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


async def _load(url: str, folder: Path) -> str:
    """What a hub has that has been running since July 2025; returns the key of a source that may send everything."""
    migrate(url)
    hub = Hub.open(Settings(data_dir=folder), url)
    async with hub.database.write_session() as session:
        for months in range(0, 20, 1 + MONTHS_AHEAD):
            await make_partitions(session, add_months(datetime(2025, 7, 1), months))
        await load_reference(session, lambda *_: None)
        await load_indicators(session, indicators(), lambda *_: None)
        await load_starting_rules(session)
        source = await require_source(session, NewSource("bench", "Đo tốc độ", "Benchmark"))
        key = await auth.create_key(
            session, source, scopes=["readings:write", "reports:submit"], unit_ids=None, domains=None, expires_at=None,
            pepper=hub.pepper,
        )  # fmt: skip
    await hub.database.close()
    return key


@contextlib.contextmanager
def running(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        yield process
    except RuntimeError as error:
        error.add_note(f"{log.name} ends with:\n{log.read_text()[-2000:]}")
        raise
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def serving(
    command: Sequence[str], probe: str, log: Path, environment: Mapping[str, str]
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run a server on a free port of the loopback: its port and process, once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running([*command, "--port", str(port)], log, environment) as process:
        deadline = time.monotonic() + 60
        while not _answers(f"http://127.0.0.1:{port}{probe}"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(command)} does not serve.")
            time.sleep(0.05)
        yield port, process


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url).is_success
    return False


class Watched:
    """What processes take together (Linux), looked at ten times a second for as long as the block runs.

    A page that several processes share, as they do their libraries, is divided among them: the proportional set size, what a
    machine would get back if all of them ended.
    """

    def __init__(self, processes: Sequence[int]) -> None:
        self._processes = processes
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.peak = 0.0  # MiB

    def __enter__(self) -> "Watched":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            together = sum(_kilobytes(process, "smaps_rollup", "Pss") for process in self._processes)
            self.peak = max(self.peak, together / 1024)
            if self._done.wait(0.1):
                return


def peak_memory(process: int) -> float:
    """The largest resident set since the process began (Linux), in MiB."""
    return _kilobytes(process, "status", "VmHWM") / 1024


def memory(process: int) -> int:
    """The resident set (Linux), in KiB."""
    return _kilobytes(process, "status", "VmRSS")


def _kilobytes(process: int, file: str, what: str) -> int:
    [kilobytes] = re.findall(rf"^{what}:\s+(\d+) kB", Path(f"/proc/{process}/{file}").read_text(), re.MULTILINE)
    return int(kilobytes)
