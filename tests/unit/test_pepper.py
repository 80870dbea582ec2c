"""The secret of a hub that was given none: made once, whoever starts first, and for its owner only."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.auth import pepper
from app.settings import Settings


def test_all_that_start_together_have_the_same_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as starting:
        for number in range(50):
            settings = Settings(data_dir=tmp_path / str(number))
            found = set(starting.map(pepper, [settings] * 8))

            assert len(found) == 1
            assert len(found.pop()) == 64


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    pepper(Settings(data_dir=tmp_path))

    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("secret", 0o600)]
