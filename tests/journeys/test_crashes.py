"""The hub under kill -9, lost connections and a full disk: what it acknowledged is there once, and what it refused is not.

The cluster has the settings of the product (what is committed is on disk) and is this process's own; `ioc-hub serve` and `ioc-hub
worker` are processes that reach it by `IOC_DATABASE_URL`. So each of the three can be killed alone.
"""

import asyncio
import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
import psycopg
import pytest
from sqlalchemy.engine import make_url

from app import auth
from app.catalogue.reference import INDICATOR_COLUMNS, load_indicators
from app.catalogue.units import record_units
from app.changes import CHANNEL
from app.database import Database
from app.embedded import EmbeddedPostgres
from app.migrate import migrate
from app.readings.seed import NewSource, require_source
from app.schemas.catalogue import LinkIn, UnitIn
from tests.journeys.conftest import COMMAND, child_processes, environment
from tests.journeys.senders import (
    Key,
    Ledger,
    Request,
    Sender,
    assert_proven,
    assert_unavailable,
    find,
    present,
    readings_of,
)

SEED = 2026
SECRET = "a pepper that only the tests know, 40 characters"  # noqa: S105
START_SECONDS: Final = 10.0  # after a crash; a requirement of the product
LONGEST: Final = 60.0  # to wait for what happens at once unless something is broken

SERVER_KILLS, WORKER_KILLS, POSTMASTER_KILLS, BACKEND_KILLS = 5, 6, 6, 12

# --- a small world ------------------------------------------------------------------------------------------------

INDICATORS: Final = {  # periodicity, law over time, law over units
    "crash.flow": ("daily", "sum", "sum"),
    "crash.level": ("daily", "last", "sum"),
    "crash.peak": ("realtime", "max", "max"),
    "crash.year": ("daily", "cumulative", "sum"),
}
DISTRICTS: Final = [f"d{number}" for number in range(3)]
COMMUNES: Final = {f"c{number:02}": DISTRICTS[number % len(DISTRICTS)] for number in range(24)}
DAYS: Final = [str(date(2024, 12, 9) + timedelta(number)) for number in range(45)]  # across a year, a month, weeks
INSTANTS: Final = [f"{day}T{hour:02}:{minute:02}:00" for day in DAYS for hour, minute in ((6, 10), (6, 50))]


async def make_world(url: str, sources: int) -> list[str]:
    """A catalogue, a province of three districts, and a key for each source."""
    database = Database(url, pool_size=1)
    rows = [
        dict.fromkeys(INDICATOR_COLUMNS, "")
        | {"code": code, "domain_code": "crash", "domain_vi": "x", "domain_en": "x", "name_vi": "x", "name_en": "x"}
        | {"periodicity": periodicity, "over_time": over_time, "over_units": over_units}
        | {"measure": "items", "direction": "neutral", "public": "yes", "source": "x"}
        for code, (periodicity, over_time, over_units) in INDICATORS.items()
    ]
    units = [UnitIn(code="p", kind="province", name_vi="p")]
    units += [UnitIn(code=code, kind="district", name_vi=code, parents=[LinkIn(unit="p")]) for code in DISTRICTS]
    units += [
        UnitIn(code=code, kind="commune", name_vi=code, parents=[LinkIn(unit=above)])
        for code, above in COMMUNES.items()
    ]
    keys = []
    try:
        async with database.write_session() as session:
            await load_indicators(session, rows, lambda *_: None)
            await record_units(session, units)
            for number in range(sources):
                source = await require_source(session, NewSource(f"source-{number}", "x", "x"))
                key = auth.create_key(
                    session, source, scopes=["readings:write"], unit_ids=None, domains=None, expires_at=None,
                    pepper=SECRET.encode(),
                )  # fmt: skip
                keys.append(await key)
    finally:
        await database.close()
    return keys


# --- what is killed -----------------------------------------------------------------------------------------------


class Program:
    """`ioc-hub` with a verb, in a process that is killed and started again. To end by itself is a failure."""

    def __init__(self, verb: str, settings: Mapping[str, str], log: Path) -> None:
        self._verb, self._settings, self._log = verb, settings, log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *COMMAND, self._verb, env=self._settings, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def end(self, signum: signal.Signals) -> int:
        assert self._process is not None
        assert self._process.returncode is None, f"ioc-hub {self._verb} has ended by itself: {self.said}"
        children = child_processes(self._process.pid)
        self._process.send_signal(signum)
        if signum == signal.SIGKILL:  # all of them, as when a machine loses its power
            for child in children:
                await _end(child)
        return await self.ended()

    async def lose_one(self, chance: Random) -> None:
        """Kill one of the processes that answer; the one that keeps them starts another."""
        assert self._process is not None
        await _end(chance.choice(child_processes(self._process.pid)))

    async def ended(self) -> int:
        """Wait for its own end."""
        assert self._process is not None
        async with asyncio.timeout(LONGEST):
            return await self._process.wait()

    @property
    def said(self) -> str:
        return self._log.read_text()[-2000:]

    async def __aenter__(self) -> "Program":
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@dataclass(frozen=True)
class Cluster:
    postgres: EmbeddedPostgres
    folder: Path

    def url(self, database: str) -> str:
        return make_url(self.postgres.url).set(database=database).render_as_string()

    async def set(self, statement: str) -> None:
        """As the superuser: settings of the server."""
        url = make_url(self.postgres.url).set(database="postgres", username="postgres").render_as_string()
        async with await connected(url) as connection:
            await connection.execute(statement.encode())
            await connection.execute("SELECT pg_reload_conf()")

    @property
    def postmaster(self) -> int:
        return int((self.folder / "postgres" / "postmaster.pid").read_text().split("\n")[0])


def conninfo_of(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string()


async def connected(url: str) -> psycopg.AsyncConnection:
    """A connection, as soon as there can be one."""
    async with asyncio.timeout(LONGEST):
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                return await psycopg.AsyncConnection.connect(conninfo_of(url), autocommit=True)
            await asyncio.sleep(0.05)


async def ask(url: str, question: str) -> list[tuple[Any, ...]]:
    """The answer of the database, when it is there."""
    async with asyncio.timeout(LONGEST):
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                async with await connected(url) as connection:
                    return await (await connection.execute(question.encode())).fetchall()


async def until(url: str, question: str) -> list[tuple[Any, ...]]:
    """Ask until there are rows."""
    async with asyncio.timeout(LONGEST):
        while True:
            if rows := await ask(url, question):
                return rows
            await asyncio.sleep(0.05)


def free_port() -> int:
    """One of those that no outgoing connection is given: a port of ours stays ours while nobody listens on it."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = Random(os.urandom(8)).randrange(first - 12_000, first)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@dataclass(frozen=True)
class Place:
    """A database with the small world, and the way to a server on it."""

    cluster: Cluster
    url: str
    keys: list[str]
    port: int
    folder: Path

    @property
    def settings(self) -> dict[str, str]:
        return environment(self.folder) | {
            "IOC_DATABASE_URL": self.url, "IOC_SECRET": SECRET, "IOC_PORT": str(self.port), "IOC_POOL_SIZE": "5",
            "IOC_WORKER": "false", "IOC_PROCESSES": "2", "IOC_DEMO": "false", "IOC_MIN_FREE_DISK_MB": "0",
        }  # fmt: skip

    def program(self, verb: str, number: int = 0) -> Program:
        return Program(verb, self.settings, self.folder / f"{verb}-{number}.log")

    def client(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=None)
        headers = {"accept-language": "en"}
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}", timeout=LONGEST, limits=limits, headers=headers
        )

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[httpx.AsyncClient]:
        """A server that is ready."""
        async with self.program("serve"), self.client() as client:
            await ready(client)
            yield client


async def ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(LONGEST):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get("/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("crashes")
    postgres = EmbeddedPostgres(folder)
    with postgres:
        yield Cluster(postgres, folder)


def place_on(cluster: Cluster, folder: Path, *, sources: int = 1) -> Place:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"crash_{time.monotonic_ns()}"
    with psycopg.connect(conninfo_of(cluster.postgres.url), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    url = cluster.url(name)
    migrate(url)
    keys = asyncio.run(make_world(url, sources))
    return Place(cluster, url, keys, free_port(), folder)


@pytest.fixture
def place(cluster: Cluster, tmp_path: Path) -> Place:
    return place_on(cluster, tmp_path)


# --- the storm ----------------------------------------------------------------------------------------------------


@dataclass
class Storm:
    """Kills at random moments of the ingest, each followed by a start whose time is taken."""

    place: Place
    ledger: Ledger
    chance: Random
    kills: int = 0
    starts: list[tuple[float, str]] = field(default_factory=list)
    _latest: float = 0.0  # when Postgres, which the others need, was killed the last time

    async def _moment(self) -> None:
        """Between one and some more acknowledged requests from now, and then anywhere in the next ones."""
        async with asyncio.timeout(LONGEST):
            await self.ledger.acknowledges(self.chance.randint(1, 25))
        await asyncio.sleep(self.chance.uniform(0, 0.15))

    async def _crash(self, what: str, kill: Callable[[], Awaitable[float]], recovered: Awaitable[object]) -> None:
        begin = await kill()
        self.kills += 1
        await recovered
        self.starts.append((time.monotonic() - max(begin, self._latest), what))

    async def _killed(self, program: Program) -> float:
        """Now and then again while it starts; the last of its starts is timed."""
        await program.end(signal.SIGKILL)
        begin = time.monotonic()
        await program.start()
        if self.chance.random() < 0.2:
            await asyncio.sleep(self.chance.uniform(0, 1))
            self.kills += 1
            return await self._killed(program)
        return begin

    async def on_server(self, server: Program, times: int) -> None:
        """All of its processes, and in between one of them."""
        async with self.place.client() as client:
            for _ in range(times):
                await self._moment()
                await self._crash("server", partial(self._killed, server), ready(client))
                await self._moment()
                await server.lose_one(self.chance)
                self.kills += 1

    async def on_workers(self, workers: list[Program], times: int) -> None:
        """Half of the time there are two of them. A worker runs when something is rolled up."""
        for number in range(times):
            await self._moment()
            if number == times // 2:
                await workers.pop().end(signal.SIGKILL)
                self.kills += 1
            worker = self.chance.choice(workers)
            [(last,)] = await ask(self.place.url, "SELECT coalesce(max(id), 0) FROM change")
            rolled = until(self.place.url, f"SELECT id FROM change WHERE topic = 'readings' AND id > {last} LIMIT 1")
            await self._crash("worker", partial(self._killed, worker), rolled)

    async def on_postgres(self, victims: Sequence[Callable[[], Awaitable[int]]]) -> None:
        """It has recovered when the connections from before are gone and there can be new ones."""
        for victim in self.chance.sample(victims, len(victims)):
            await self._moment()
            async with await connected(self.place.url) as witness:
                back = ask(self.place.url, "SELECT 1")
                await self._crash("Postgres", partial(self._felled, victim, witness), back)

    async def _felled(self, victim: Callable[[], Awaitable[int]], witness: psycopg.AsyncConnection) -> float:
        """Kill until all connections are lost: a backend may have ended in peace just before."""
        async with asyncio.timeout(LONGEST):
            while True:
                await _end(await victim())
                self._latest = time.monotonic()
                try:
                    async for _ in witness.notifies(timeout=2):
                        pass
                except psycopg.OperationalError:
                    return self._latest

    async def postmaster(self) -> int:
        await ask(self.place.url, "SELECT 1")
        return self.place.cluster.postmaster

    async def backend(self) -> int:
        """One of the hub's, rather one that is doing something."""
        busy = (
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'ioc-hub%' AND datname = current_database() "
            "ORDER BY state = 'idle', md5(pid::text || clock_timestamp()::text) LIMIT 1"
        )
        return int((await until(self.place.url, busy))[0][0])


async def _end(pid: int) -> None:
    """Kill, and wait until it is dead."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        await asyncio.to_thread(ended.poll, LONGEST * 1000)
    finally:
        os.close(handle)


def senders(place: Place, client: httpx.AsyncClient) -> list[Sender]:
    """Eight of single readings, which go through group commit, three of batches, one of batches that never tries twice."""
    found = []
    communes = iter(COMMUNES)
    days = readings_of(["crash.flow", "crash.level", "crash.year"], ["{}"], DAYS)
    readings = [*days, *readings_of(["crash.peak"], ["{}"], INSTANTS)]
    for number, key in enumerate(place.keys):
        single = number < 8
        units = [next(communes) for _ in range(1 if single else 3)]
        found.append(
            Sender(
                name=f"sender{number}",
                client=client,
                key=key,
                chance=Random(f"{SEED}-{number}"),
                readings=[(indicator, unit, period) for unit in units for indicator, _, period in readings],
                rows=1 if single else 200,
                pause=0.1 if single else 1.0,
                patient=number != len(place.keys) - 1,
            )
        )
    return found


async def rolled_up(url: str) -> None:
    """Wait until nothing is stale any more; the worker says when it has done something."""
    async with asyncio.timeout(LONGEST), await connected(url) as connection:
        await connection.execute(f"LISTEN {CHANNEL}".encode())
        while await (await connection.execute("SELECT 1 FROM stale_mark LIMIT 1")).fetchone():
            async for _ in connection.notifies(timeout=1, stop_after=1):
                pass


def test_kills_lose_nothing_and_repeat_nothing(cluster: Cluster, tmp_path: Path) -> None:
    place = place_on(cluster, tmp_path, sources=12)
    with cluster.postgres.kept_running():
        asyncio.run(storm(place))


async def storm(place: Place) -> None:
    ledger, over = Ledger(), asyncio.Event()
    the_storm = Storm(place, ledger, Random(SEED))
    server, workers = place.program("serve"), [place.program("worker", number) for number in range(2)]
    async with server, workers[0], workers[1], place.client() as client:
        await ready(client)
        async with asyncio.TaskGroup() as sending:
            for sender in senders(place, client):
                sending.create_task(sender.run(ledger, over))
            async with asyncio.TaskGroup() as killing:
                killing.create_task(the_storm.on_server(server, SERVER_KILLS))
                killing.create_task(the_storm.on_workers(workers, WORKER_KILLS))
                victims = [the_storm.postmaster] * POSTMASTER_KILLS + [the_storm.backend] * BACKEND_KILLS
                killing.create_task(the_storm.on_postgres(victims))
            over.set()
        await rolled_up(place.url)

        assert the_storm.kills >= 30
        slowest = max(the_storm.starts)
        assert slowest[0] < START_SECONDS, f"slow starts: {sorted(the_storm.starts)[-5:]}"

        found = await find(client, INDICATORS, COMMUNES)
        assert_proven(ledger.requests, found)
        await assert_counted(place.url)
        await assert_verified(place)
        await assert_added_up(client, present(found))
        assert any(not one.acknowledged for one in ledger.requests), "nobody was interrupted"
        assert [await one.end(signal.SIGTERM) for one in (server, *workers)] == [0, 0]


async def assert_counted(url: str) -> None:
    """The batches say what there is: nothing was counted twice or without being stored."""
    [row] = await ask(
        url,
        "SELECT sum(created), sum(corrected), sum(received - created - corrected - unchanged), "
        "(SELECT count(*) FROM reading), (SELECT count(*) FROM reading_history) FROM batch",
    )
    created, corrected, rejected, readings, history = row
    assert (created, corrected, rejected) == (readings, history, 0)


async def assert_verified(place: Place) -> None:
    """By the hub's own proof; nothing waits, so nothing is left out."""
    verifier = place.program("verify")
    async with verifier:
        assert await verifier.ended() == 0, verifier.said
    assert " 0 of them are not what the readings say" in verifier.said
    assert "left out" not in verifier.said


async def assert_added_up(client: httpx.AsyncClient, there: Mapping[Key, int]) -> None:
    """Sums and maxima of the districts and the province, added up here as simply as can be."""
    for indicator, fold in (("crash.flow", sum), ("crash.peak", max)):
        for grain, length in (("day", 10), ("month", 7), ("year", 4)):
            expected: dict[tuple[str, str], list[int]] = {}
            for (code, commune, period), value in there.items():
                if code == indicator:
                    for unit in ("p", COMMUNES[commune]):
                        expected.setdefault((unit, period[:length]), []).append(value)
            query = {"indicator": indicator, "unit": ",".join(["p", *DISTRICTS]), "grain": grain}
            query |= {"from": DAYS[0][:length], "to": DAYS[-1][:length]}
            response = await client.get("/v1/aggregates", params=query)
            assert response.status_code == 200, response.text
            shown = {
                (series["unit"], point["period"]): point["value"]
                for series in response.json()["series"]
                for point in series["points"]
                if point["value"] is not None
            }
            assert shown == {key: fold(values) for key, values in expected.items()}, f"{indicator} by {grain}"


# --- the database goes away under a request -----------------------------------------------------------------------


def some_requests() -> list[Request]:
    """Single readings, with and without a key for the answer, and a batch."""
    batch = readings_of(["crash.flow", "crash.level"], ["c20", "c21", "c22"], DAYS)[:200]
    singles = [
        Request(f"single-{number}", {("crash.flow", f"c{number:02}", DAYS[0]): number}, idempotency_key=key)
        for number in range(12)
        for key in [f"key-{number}" if number % 2 else None]
    ]
    return [*singles, Request("batch", {key: number for number, key in enumerate(batch)})]


async def assert_once(place: Place, client: httpx.AsyncClient, requests: list[Request]) -> None:
    assert all(request.acknowledged for request in requests)
    assert_proven(requests, await find(client, INDICATORS, COMMUNES))
    await assert_counted(place.url)


async def test_a_database_that_stops_under_a_request_is_a_503_and_nothing_is_stored(place: Place) -> None:
    requests = some_requests()
    postgres = place.cluster.postgres
    async with place.served() as client:
        locked = await connected(place.url)
        await locked.execute("BEGIN")
        await locked.execute("LOCK TABLE reading IN ACCESS EXCLUSIVE MODE")
        answers = [asyncio.create_task(request.attempt(client, place.keys[0])) for request in requests]
        await until(place.url, "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        await asyncio.to_thread(postgres.stop)
        for answer in answers:
            assert_unavailable(await answer)
        await locked.close()

        await asyncio.to_thread(postgres.start)
        assert await find(client, INDICATORS, COMMUNES) == {}
        for request in requests:
            request.acknowledge(await request.attempt(client, place.keys[0]))
        await assert_once(place, client, requests)


@contextlib.asynccontextmanager
async def nobody_hears_of_commits(place: Place) -> AsyncIterator[str]:
    """What is committed here is not acknowledged, for want of a standby. Yields who waits for one, as a question.

    Postgres takes the setting over some time after it was told to, so commits are tried until one waits.
    """
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

    async def commit_until_it_waits() -> None:
        async with await connected(place.url) as connection:
            while True:
                await connection.execute("SELECT pg_logical_emit_message(true, 'crash', '')")

    await place.cluster.set("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    trying = asyncio.create_task(commit_until_it_waits())
    try:
        [(pid,)] = await until(place.url, waiting)
        yield f"{waiting} AND pid <> {pid}"
    finally:
        await place.cluster.set("ALTER SYSTEM RESET synchronous_standby_names")
        trying.cancel()
        await asyncio.wait([trying])


@pytest.mark.parametrize("idempotency_key", [None, "key"])
async def test_a_commit_of_which_nobody_hears_is_not_repeated(place: Place, idempotency_key: str | None) -> None:
    request = Request("unheard", {("crash.flow", "c00", day): 1 for day in DAYS}, idempotency_key=idempotency_key)
    first = Request("first", {("crash.flow", "c01", DAYS[0]): 1})
    async with place.served() as client:
        first.acknowledge(await first.attempt(client, place.keys[0]))
        async with nobody_hears_of_commits(place) as waiting:
            answer = asyncio.create_task(request.attempt(client, place.keys[0]))
            [(pid,)] = await until(place.url, waiting)
            await _end(pid)
            refused = await answer
        assert_unavailable(refused)

        again = await request.attempt(client, place.keys[0])
        request.acknowledge(again)
        assert again.json()["created" if idempotency_key else "unchanged"] == len(DAYS), "it had been committed"
        await assert_once(place, client, [first, request])


# --- no room ------------------------------------------------------------------------------------------------------

FULL: Final = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
"""
AT_A_ROW: Final = "CREATE TRIGGER full_disk AFTER INSERT ON reading FOR EACH ROW WHEN (NEW.value = 7)"
AT_THE_COMMIT: Final = (
    "CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON batch DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
)


@pytest.mark.parametrize("trigger", [AT_A_ROW, AT_THE_COMMIT], ids=["at a row", "at the commit"])
async def test_without_room_the_answer_is_503_and_later_the_same_body_is_taken(place: Place, trigger: str) -> None:
    requests = some_requests()
    async with place.served() as client:
        async with await connected(place.url) as connection:
            await connection.execute(f"{FULL} {trigger} EXECUTE FUNCTION full_disk()".encode())
        for request, answer in await attempts(client, place.keys[0], requests):
            if answer.status_code == 200:  # a single reading that found a small place
                assert (trigger, len(request.rows)) == (AT_A_ROW, 1)
                request.acknowledge(answer)
            else:
                assert_unavailable(answer)
        await assert_only_acknowledged(place, client, requests)

        async with await connected(place.url) as connection:
            await connection.execute(b"DROP FUNCTION full_disk CASCADE")
        await resend(client, place.keys[0], requests)
        await assert_once(place, client, requests)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own; only who may mount one has it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=192m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_is_really_full_loses_nothing(small_disk: Path, tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(small_disk, {"shared_buffers": "16MB", "max_wal_size": "64MB", "min_wal_size": "32MB"})
    with postgres, postgres.kept_running():
        asyncio.run(fill_the_disk(place_on(Cluster(postgres, small_disk), tmp_path / "hub"), small_disk))


async def fill_the_disk(place: Place, disk: Path) -> None:
    requests: list[Request] = []
    async with place.served() as client:
        ballast = disk / "ballast"
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free)
        units = list(COMMUNES)
        for number, unit in enumerate(units):
            requests.append(Request(f"batch-{number}", {("crash.peak", unit, instant): 1 for instant in INSTANTS}))
            answer = await requests[-1].attempt(client, place.keys[0])
            if answer.status_code == 200:
                requests[-1].acknowledge(answer)
            else:
                assert_unavailable(answer)
        assert any(not request.acknowledged for request in requests), "there was room for everything"
        await assert_only_acknowledged(place, client, requests)

        ballast.unlink()
        await resend(client, place.keys[0], requests)
        await assert_once(place, client, requests)


async def attempts(
    client: httpx.AsyncClient, key: str, requests: list[Request]
) -> list[tuple[Request, httpx.Response]]:
    """All at once, so that single readings are stored together."""
    answers = await asyncio.gather(*(request.attempt(client, key) for request in requests))
    return list(zip(requests, answers, strict=True))


async def resend(client: httpx.AsyncClient, key: str, requests: list[Request]) -> None:
    for request, answer in await attempts(client, key, [one for one in requests if not one.acknowledged]):
        request.acknowledge(answer)
        assert answer.json()["created"] == len(request.rows)


async def assert_only_acknowledged(place: Place, client: httpx.AsyncClient, requests: list[Request]) -> None:
    """Of the others there is no trace. To read takes no room."""
    assert_proven([one for one in requests if one.acknowledged], await find(client, INDICATORS, COMMUNES))
    assert await ask(place.url, "SELECT count(*) FROM batch") == [(sum(one.acknowledged for one in requests),)]
    assert await ask(place.url, "SELECT FROM stored_answer WHERE idempotency_key LIKE 'key%'") == [
        () for one in requests if one.acknowledged and one.idempotency_key
    ]
