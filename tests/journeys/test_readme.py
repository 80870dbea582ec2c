"""The tour of the README, as a newcomer types it: every command runs and prints what the page says."""

import re
import subprocess
import sys
from pathlib import Path

from tests.journeys.conftest import environment, hub_process

README = Path(__file__).parents[2] / "README.md"


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
