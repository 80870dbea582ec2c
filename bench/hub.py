"""The hub as its callers meet it: a process of its own behind HTTP, on a loaded catalogue."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import httpx
import psycopg

from app import auth, exact_json
from app.catalogue.reference import load_indicators, load_reference
from app.hub import Hub
from app.migrate import migrate
from app.readings.seed import NewSource, require_source
from app.settings import Settings
from bench.measured import Run, timed
from bench.workload import additive_indicators

SERVE = (str(Path(sys.executable).with_name("ioc-hub")), "serve")
SETTINGS = {"IOC_WORKER": "false", "IOC_DEMO": "false", "IOC_MAX_FUTURE_DAYS": "3660"}
CONSTANT = (sys.executable, "-m", "uvicorn", "bench.constant:app", "--no-access-log")


async def load(url: str, folder: Path) -> str:
    """Schema, reference catalogue, the copies of indicators; returns the key of a source that may write everything."""
    migrate(url)
    hub = Hub.open(Settings(data_dir=folder), url)
    async with hub.database.write_session() as session:
        await load_reference(session, lambda *_: None)
        await load_indicators(session, additive_indicators()[1], lambda *_: None)
        source = await require_source(session, NewSource("bench", "Đo tốc độ", "Benchmark"))
        key = await auth.create_key(
            session, source, scopes=["readings:write"], unit_ids=None, domains=None, expires_at=None, pepper=hub.pepper
        )
    await hub.database.close()
    return key


@contextlib.contextmanager
def serving(command: Sequence[str], probe: str, log: Path, settings: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """Run a server on a free port of the loopback: its URL and process id, once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("IOC_")}
    with log.open("wb") as out:
        process = subprocess.Popen([*command, "--port", port], env={**inherited, **settings}, stdout=out, stderr=out)
    try:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while not _answers(url + probe):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text())
            time.sleep(0.05)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url).is_success
    return False


def peak_memory(pid: int) -> str:
    """The largest resident set since the process began (Linux)."""
    [kilobytes] = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return f"{int(kilobytes) / 1024:.0f} MB"


def clear(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("TRUNCATE reading, reading_history, batch")


def send(url: str, key: str, conninfo: str, bodies: Sequence[bytes], rows: int, verdict: str, connections: int) -> Run:
    """Send all over keep-alive connections. Every row must get the verdict, and be in the table."""
    headers = {"x-api-key": key, "content-type": "application/json"}
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(headers=headers, timeout=60)) for _ in range(connections)]
        workers = [partial(_post, client, f"{url}/v1/readings") for client in clients]
        run, answers = timed(rows, bodies, workers)
    acknowledged = sum(exact_json.loads(answer.raise_for_status().content)[verdict] for answer in answers)
    with psycopg.connect(conninfo) as connection:
        counts = "SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM reading_history)"
        stored = connection.execute(counts).fetchone()
    if (acknowledged, stored) != (rows, (rows, rows if verdict == "corrected" else 0)):
        raise RuntimeError(
            f"{rows} rows sent, {acknowledged} acknowledged as {verdict}, readings and history: {stored}"
        )
    return run


def _post(client: httpx.Client, url: str, body: bytes) -> httpx.Response:
    return client.post(url, content=body)
