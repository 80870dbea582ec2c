"""The manuals, as a newcomer takes them: every command of the tour prints what the page says, and the sender sends."""

import contextlib
import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from tests.journeys.conftest import environment, hub_process, verb

README = Path(__file__).parents[2] / "README.md"
SENDING = README.with_name("docs") / "sending.md"


def test_the_tour_prints_what_the_readme_says(tmp_path: Path) -> None:
    steps = tour(README.read_text(encoding="utf-8"))
    assert len(steps) >= 7

    with hub_process(tmp_path / "hub", "--no-demo") as hub:
        # A newcomer needs longer for the next line than the hub for its rollups; a script has to wait.
        rolled_up = "until curl -s $HUB/metrics | grep -q '^ioc_stale_marks 0'; do :; done"
        script = "\n".join(
            f"{rolled_up if number else ''}\necho @@@; {command}" for number, (command, _) in enumerate(steps)
        )
        script = script.replace("http://127.0.0.1:8000", hub.url).replace(
            ".venv/bin/ioc-hub", f"{sys.executable} -m app.cli"
        )
        done = subprocess.run(
            ["bash", "-c", f"exec 2>&1\n{script}"],
            env=environment(hub.data),
            capture_output=True,
            text=True,
            check=True,
        )

    shown = [without_chance(answer) for answer in done.stdout.split("@@@\n")[1:]]
    assert shown == [without_chance(answer) for _, answer in steps]


def tour(page: str) -> list[tuple[str, str]]:
    """The commands of the console blocks (a quote may go over several lines), each with what it prints."""
    steps: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", page, flags=re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            command = [lines.pop(0)]
            while "\n".join(command).count("'") % 2:
                command.append(lines.pop(0))
            steps.append(("\n".join(command), "\n".join(lines)))
    return steps


def without_chance(answer: str) -> str:
    """Batch numbers depend on what was sent before."""
    return re.sub(r'"batch":\d+', '"batch":0', answer).strip()


def test_the_sender_of_the_manual_outlives_the_absence_of_the_hub(
    tmp_path: Path, free_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"IOC_PORT": str(free_tcp_port)}
    [program] = re.findall(r"```python\n(.*?)```", SENDING.read_text(encoding="utf-8"), flags=re.DOTALL)
    (tmp_path / "sender.py").write_text(program, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    manual = importlib.import_module("sender")
    reading = {"indicator": "health.emergency", "unit": "25840", "period": "2026-11-19", "value": 3}

    with hub_process(tmp_path, "--no-demo", settings=settings) as hub:
        key = verb(tmp_path, "key", "create", "--source", "tram-y-te", "--scope", "readings:write").stdout.strip()
    with contextlib.ExitStack() as later:
        rests = []

        def rest(seconds: float) -> None:
            rests.append(seconds)
            later.enter_context(hub_process(tmp_path, "--no-demo", settings=settings))

        monkeypatch.setattr(manual, "time", SimpleNamespace(sleep=rest))
        first, again = (manual.send(hub.url, key, [reading]) for _ in range(2))
        with pytest.raises(httpx.HTTPStatusError, match="422"):
            manual.send(hub.url, key, [reading | {"value": "three"}])

    assert rests == [5]
    assert (first["created"], again["unchanged"]) == (1, 1)
