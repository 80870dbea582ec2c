"""Several processes that answer: they are one hub to whoever asks, and none outlives the one that keeps them."""

import contextlib
import os
import pickle
import select
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from app.serving import take_port
from tests.conftest import fresh_database
from tests.journeys.conftest import RunningHub, child_processes, hub_process

LONGEST = 60
PROCESSES = 2


def several_on(database: str) -> Mapping[str, str]:
    return {"IOC_PROCESSES": str(PROCESSES), "IOC_DATABASE_URL": database.replace("+psycopg", "")}


@pytest.fixture
def settings(reference_database: str) -> Mapping[str, str]:
    return several_on(reference_database)


@pytest.fixture
def hub(tmp_path: Path, settings: Mapping[str, str]) -> Iterator[RunningHub]:
    """For a test that ends it."""
    with hub_process(tmp_path / "hub", "--no-demo", settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def lasting_hub(
    cluster: str, reference_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningHub]:
    """For those after which it goes on."""
    with (
        fresh_database(cluster, reference_template) as database,
        hub_process(tmp_path_factory.mktemp("lasting-hub"), "--no-demo", settings=several_on(database)) as running,
    ):
        yield running


def serving(hub: RunningHub, without: int | None = None) -> list[int]:
    """Its processes that answer, as soon as all are there."""
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        found = child_processes(hub.process.pid)
        if len(found) == PROCESSES and without not in found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"processes that answer: {found}")


def wait_for_end(handles: list[int]) -> None:
    ended = select.poll()
    for handle in handles:
        ended.register(handle, select.POLLIN)
    deadline = time.monotonic() + LONGEST
    while handles and time.monotonic() < deadline:
        for handle, _ in ended.poll(1000):
            ended.unregister(handle)
            os.close(handle)
            handles.remove(handle)
    assert not handles, "a process did not end"


def kill_and_see_it_gone(process: int) -> None:
    """As long as it is dying the kernel still gives it connections, which end with it."""
    end = os.pidfd_open(process)
    try:
        os.kill(process, signal.SIGKILL)
        assert select.select([end], [], [], LONGEST)[0]
    finally:
        os.close(end)


def test_a_process_that_dies_is_replaced_and_nobody_waits_for_it(lasting_hub: RunningHub) -> None:
    victim = serving(lasting_hub)[0]

    kill_and_see_it_gone(victim)

    for _ in range(20):
        assert httpx.get(f"{lasting_hub.url}/healthz", timeout=LONGEST).status_code == 200
    assert victim not in serving(lasting_hub, without=victim)


def test_one_that_dies_while_it_is_asked_for_a_sign_of_life_is_replaced_at_once(lasting_hub: RunningHub) -> None:
    victim = serving(lasting_hub)[0]
    os.kill(victim, signal.SIGSTOP)  # it does not answer: from now on it is waited for
    time.sleep(2)  # the keeper asks twice a second
    began = time.monotonic()

    kill_and_see_it_gone(victim)

    assert victim not in serving(lasting_hub, without=victim)
    assert time.monotonic() - began < LONGEST / 2


def test_one_that_hangs_keeps_nobody_from_stopping_the_hub(hub: RunningHub) -> None:
    handles = [os.pidfd_open(process) for process in serving(hub)]
    os.kill(serving(hub)[1], signal.SIGSTOP)  # it hears nothing any more, and answers no sign of life

    hub.process.terminate()

    hub.process.wait(LONGEST / 2)
    wait_for_end(handles)


def wait_until_all_listen(hub: RunningHub) -> None:
    port = f":{int(hub.url.rpartition(':')[2]):04X} "
    deadline = time.monotonic() + LONGEST
    while Path("/proc/net/tcp").read_text().count(f"{port}00000000:0000 0A") < PROCESSES:
        assert time.monotonic() < deadline, "a process does not listen"
        time.sleep(0.05)


def sockets_of(process: int) -> int:
    return sum(os.readlink(file).startswith("socket:") for file in Path(f"/proc/{process}/fd").iterdir())


def test_connections_are_dealt_out_among_them(lasting_hub: RunningHub) -> None:
    wait_until_all_listen(lasting_hub)
    processes = serving(lasting_hub)
    before = {process: sockets_of(process) for process in processes}

    with contextlib.ExitStack() as kept:
        for _ in range(90):
            kept.enter_context(httpx.Client()).get(f"{lasting_hub.url}/healthz", timeout=LONGEST).raise_for_status()
        taken = [sockets_of(process) - before[process] for process in processes]

    assert all(number >= 10 for number in taken), taken


def test_none_outlives_the_one_that_keeps_them(hub: RunningHub, settings: Mapping[str, str]) -> None:
    handles = [os.pidfd_open(process) for process in serving(hub)]

    hub.process.kill()

    wait_for_end(handles)
    with hub_process(hub.data, "--no-demo", "--port", hub.url.rpartition(":")[2], settings=settings) as again:
        assert httpx.get(f"{again.url}/readyz", timeout=LONGEST).json()["ready"]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_to_stop_it_or_to_close_its_terminal_ends_all_of_them(hub: RunningHub, signum: signal.Signals) -> None:
    handles = [os.pidfd_open(process) for process in serving(hub)]

    assert hub.stop(signum) == 0
    wait_for_end(handles)


def test_metrics_are_those_of_all_of_them(lasting_hub: RunningHub) -> None:
    def counted() -> float:
        metrics = httpx.get(f"{lasting_hub.url}/metrics", timeout=LONGEST).text
        [line] = [
            line for line in metrics.splitlines() if line.startswith("ioc_http_requests_total{") and "healthz" in line
        ]
        return float(line.split()[-1])

    serving(lasting_hub)
    before = counted()
    for _ in range(30):  # each on a connection of its own, which any of them may take
        httpx.get(f"{lasting_hub.url}/healthz", timeout=LONGEST)

    assert counted() == before + 30


def test_a_hub_that_is_stopped_lets_its_viewers_go(hub: RunningHub) -> None:
    with httpx.stream("GET", f"{hub.url}/v1/screens/chuyen-doi-so/events", timeout=LONGEST) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: snapshot"
        begin = time.monotonic()
        hub.process.send_signal(signal.SIGTERM)

        assert [line for line in lines if line.startswith("event")] == ["event: reconnect"]
    assert hub.process.wait(LONGEST) == 0
    assert time.monotonic() - begin < 8, "it waited for them until uvicorn lost patience"


def test_who_comes_back_to_another_process_has_missed_nothing(lasting_hub: RunningHub) -> None:
    """The state of a wall means the same to each of them: what comes is the whole or nothing, never a gap."""
    seen: set[str] = set()
    for _ in range(12):  # each on a connection of its own, which any of them may take
        with httpx.stream("GET", f"{lasting_hub.url}/v1/screens/chuyen-doi-so/events", timeout=LONGEST) as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: snapshot"
            seen.add(next(lines))
    assert len(seen) == 1


def test_a_port_is_taken_before_anybody_listens_on_it() -> None:
    with take_port("127.0.0.1", 0, processes=2) as taken:
        address = taken.getsockname()

        for ready_to_share in (False, True):
            with socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, ready_to_share)
                with pytest.raises(OSError, match="in use"):
                    other.bind(address)

        listening = pickle.loads(pickle.dumps(taken))  # noqa: S301 (as a process gets it)
        with listening, socket.create_connection(address), listening.accept()[0] as accepted:
            assert accepted.getsockname() == address


def test_a_hub_listens_on_an_address_of_the_newer_kind_too() -> None:
    with take_port("::1", 0, processes=1) as one, take_port("::1", 0, processes=2) as several:
        assert one.getsockname()[0] == several.getsockname()[0] == "::1"
