"""Starting, stopping and killing the hub: the data is there again, and mistakes are sentences."""

import itertools
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.journeys.conftest import COMMAND, RunningHub, environment, hub_process, postgres_processes, verb


def figure(hub: RunningHub) -> object:
    query = {"indicator": "health.emergency", "unit": "25840", "grain": "day", "from": "2026-11-19", "to": "2026-11-19"}
    answer = httpx.get(f"{hub.url}/v1/aggregates", params=query)
    return answer.json()["series"][0]["points"][0]["value"]


def test_what_was_accepted_survives_stops_and_kills(tmp_path: Path) -> None:
    data = tmp_path / "hub"
    with hub_process(data, "--no-demo") as hub:
        key = verb(data, "key", "create", "--source", "s", "--scope", "readings:write").stdout.strip()
        reading = {"indicator": "health.emergency", "unit": "25840", "period": "2026-11-19", "value": 3}
        sent = httpx.post(f"{hub.url}/v1/readings", json={"readings": [reading]}, headers={"X-API-Key": key})
        assert sent.json()["created"] == 1

        second = verb(data, "up", "--no-demo")
        assert second.returncode == 1
        assert "in use by process" in second.stderr

        assert hub.stop(signal.SIGTERM) == 0
        assert postgres_processes(data) == []

    with hub_process(data, "--no-demo") as hub:
        assert figure(hub) == 3
        hub.process.kill()
        hub.process.wait()

    with hub_process(data, "--no-demo") as hub:
        assert figure(hub) == 3
        listed = verb(data, "key", "list")
        assert key.split("_")[1] in listed.stdout
        assert re.search(r"\d\d:\d\d\+07:00", listed.stdout), "on which clock it was made is said"
        assert key.split("_", 2)[2] not in listed.stdout

        hub.stop(signal.SIGINT)
        assert postgres_processes(data) == []


def test_a_start_does_not_wait_for_what_is_still_to_be_rolled_up(tmp_path: Path) -> None:
    idle = {"IOC_WORKER": "false"}
    with hub_process(tmp_path, "--no-demo", settings=idle) as hub:
        words = ("--source", "s", "--scope", "readings:write", "--units", "25840", "--units", "25813,25846")
        key = verb(tmp_path, "key", "create", *words).stdout.strip()
        reading = {"indicator": "health.emergency", "period": "2026-11-19", "value": 3}
        readings = [reading | {"unit": unit} for unit in ("25840", "25813", "25846")]
        sent = httpx.post(f"{hub.url}/v1/readings", json={"readings": readings}, headers={"X-API-Key": key})

    with hub_process(tmp_path, "--no-demo", settings=idle) as hub:
        ready = httpx.get(f"{hub.url}/readyz").json()

    assert sent.json()["created"] == 3
    assert ready["rollups"]["detail"].startswith("1 marks wait")


def test_a_database_that_is_killed_comes_back_by_itself(tmp_path: Path) -> None:
    with hub_process(tmp_path / "hub", "--no-demo") as hub:
        key = verb(hub.data, "key", "create", "--source", "s", "--scope", "readings:write").stdout.strip()
        postmaster = int((hub.data / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(postmaster, signal.SIGKILL)

        reading = {"indicator": "health.emergency", "unit": "25840", "period": "2026-11-19", "value": 3}
        answers = iter(
            lambda: (
                httpx.post(
                    f"{hub.url}/v1/readings", json={"readings": [reading]}, headers={"X-API-Key": key}
                ).status_code
            ),
            200,
        )
        refusals = list(itertools.islice(answers, 2000))

        assert set(refusals) <= {503}
        assert figure(hub) == 3


def test_a_port_in_use_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = verb(tmp_path, "up", "--port", str(port))

    assert refused.returncode == 1
    assert f"Port {port} on 127.0.0.1 cannot be used" in refused.stderr.replace("\n", " ")
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("IOC_PROT", "8000", "IOC_PROT is not a setting; did you mean IOC_PORT?"),
        ("IOC_PORT", "high", "IOC_PORT"),
        ("IOC_ZONE", "Europe/Berlin", "fixed offset"),
        ("IOC_DATABASE_URL", "mysql://x", "IOC_DATABASE_URL"),
    ],
)
def test_a_wrong_setting_is_a_sentence(tmp_path: Path, name: str, value: str, sentence: str) -> None:
    refused = subprocess.run(
        [*COMMAND, "up"], env=environment(tmp_path) | {name: value}, capture_output=True, text=True, check=False
    )

    assert refused.returncode == 1
    assert sentence in refused.stderr.replace("\n", " ")
    assert "Traceback" not in refused.stderr


def test_an_unreachable_database_is_a_sentence(tmp_path: Path) -> None:
    unreachable = environment(tmp_path) | {"IOC_DATABASE_URL": "postgresql://x:y@127.0.0.1:1/none"}
    refused = subprocess.run([*COMMAND, "up"], env=unreachable, capture_output=True, text=True, check=False)

    assert refused.returncode == 1
    assert "The database cannot be reached" in refused.stderr.replace("\n", " ")


def test_a_database_of_ones_own_serves_as_well(tmp_path: Path, empty_database: str) -> None:
    own = environment(tmp_path) | {"IOC_DATABASE_URL": empty_database.replace("+psycopg", ""), "IOC_DEMO": "false"}
    loaded = subprocess.run([*COMMAND, "load", "reference"], env=own, capture_output=True, text=True, check=False)
    again = subprocess.run([*COMMAND, "load", "reference"], env=own, capture_output=True, text=True, check=False)

    assert loaded.returncode == 0, loaded.stderr
    assert again.returncode == 1
    assert "loaded already" in again.stderr
