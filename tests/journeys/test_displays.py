"""An operator hangs walls and takes them down, from the command line of a running hub."""

import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from app.cli import main
from tests.journeys.conftest import hub_process, verb


def test_an_operator_adds_lists_and_revokes_displays(tmp_path: Path) -> None:
    with hub_process(tmp_path, "--no-demo") as hub, httpx.Client(base_url=hub.url) as wall, httpx.Client() as other:
        added = datetime.now(ZoneInfo("Asia/Ho_Chi_Minh"))
        # Its token is carried to the wall ...
        made = verb(tmp_path, "display", "add", "Lobby [1]", "--units", "bencat,25777")
        token, url = made.stdout.split()
        assert url == f"{hub.url}/screens/tong-quan?unit=bencat#token={token}"
        assert wall.post("/v1/displays/session", json={"token": token}).status_code == 204
        shown = {"screen": "tong-quan", "page": 1}
        assert wall.put("/v1/displays/me", json=shown).status_code == 204
        # ... or the wall shows a code.
        pairing = other.post(f"{hub.url}/v1/displays/pairings").json()
        done = verb(tmp_path, "display", "add", "Meeting room", "--code", pairing["code"])
        assert (done.returncode, done.stdout, "display 2" in done.stderr) == (0, "", True)
        assert other.get(f"{hub.url}/v1/displays/pairings/{pairing['id']}").json()["paired"]

        listed = verb(tmp_path, "display", "list").stdout
        assert re.search(r"1 .* Lobby \[1\] .* all .* 25777@2025-07-01,bencat@2025-07-01 .* tong-quan 1 ", listed)
        assert re.search(r"2 .* Meeting room .* all .* all ", listed)
        minutes = (added + timedelta(minutes=number) for number in range(3))  # of the centre's clock
        assert any(f"{minute:%Y-%m-%d %H:%M}+07:00" in listed for minute in minutes)
        assert token not in listed

        assert "display 1 is revoked" in verb(tmp_path, "display", "revoke", "1").stderr
        assert wall.put("/v1/displays/me", json=shown).status_code == 401
        assert other.put(f"{hub.url}/v1/displays/me", json=shown).status_code == 204


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["add", "x", "--code", "AAAA"], "No display waits with the code"),
        (["add", "x", "--screens", "nowhere"], "There is no screen 'nowhere'."),
        (["add", "x", "--units", "nowhere"], "There is no unit 'nowhere'."),
        (["add", "x", "--units", ""], "units: Out of range: it must have at least 1 item."),
        (["add", " "], "name: Out of range: it must have at least 1 character."),
        (["revoke", "99"], "There is no display 99"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    words: list[str],
    sentence: str,
    reference_database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("IOC_DATABASE_URL", reference_database)
    monkeypatch.setenv("IOC_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["ioc-hub", "display", *words])

    with pytest.raises(SystemExit) as ended:
        main()

    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (1, "")
    assert sentence in " ".join(said.err.split())
