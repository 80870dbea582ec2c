"""Settings: a bad value stops the start with a sentence that its operator understands."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import SettingsError, load_settings

PEPPER = "0123456789abcdef0123456789abcdef"
IDENTITY_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("IOC_"):
            monkeypatch.delenv(name)


def refused(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value)


def test_nothing_needs_to_be_set() -> None:
    settings = load_settings()

    assert (settings.host, settings.port, settings.zone, settings.database_url) == (
        "127.0.0.1", 8000, "Asia/Ho_Chi_Minh", None,
    )  # fmt: skip
    assert str(settings.tz) == "Asia/Ho_Chi_Minh"


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOC_PORT", "9001")
    monkeypatch.setenv("ioc_host", "::1")
    monkeypatch.setenv("IOC_DATA_DIR", "/srv/hub")

    settings = load_settings(port=9002, host=None)

    assert (settings.port, settings.host, settings.data_dir) == (9002, "::1", Path("/srv/hub"))


@pytest.mark.parametrize(("name", "value", "sentence"), [
    ("IOC_PORT", "99999", "IOC_PORT: Input should be less than or equal to 65535 (it is '99999')."),
    ("IOC_POOL_SIZE", "0", "IOC_POOL_SIZE: Input should be greater than or equal to 1 (it is '0')."),
    ("IOC_DEMO", "perhaps", "IOC_DEMO: Input should be a valid boolean, unable to interpret input (it is 'perhaps')."),
    ("IOC_LOG_LEVEL", "loud",
     "IOC_LOG_LEVEL: String should match pattern '^(debug|info|warning|error)$' (it is 'loud')."),
    ("IOC_ZONE", "Asia/Hanoi",
     "IOC_ZONE: 'Asia/Hanoi' is not a time zone; an example is Asia/Ho_Chi_Minh (it is 'Asia/Hanoi')."),
    ("IOC_ZONE", "Asia", "IOC_ZONE: 'Asia' is not a time zone; an example is Asia/Ho_Chi_Minh (it is 'Asia')."),
    ("IOC_ZONE", "", "IOC_ZONE: '' is not a time zone; an example is Asia/Ho_Chi_Minh (it is '')."),
    ("IOC_ZONE", "../etc/passwd",
     "IOC_ZONE: '../etc/passwd' is not a time zone; an example is Asia/Ho_Chi_Minh (it is '../etc/passwd')."),
    ("IOC_SECRET", "short", "IOC_SECRET: it must have at least 32 characters."),
    ("IOC_IDENTITY_KEY", "c2hvcnQ=",
     "IOC_IDENTITY_KEY: each key must have 32 bytes, like the output of: openssl rand -base64 32."),
    ("IOC_IDENTITY_KEY", f"{IDENTITY_KEY},",
     "IOC_IDENTITY_KEY: each key must have 32 bytes, like the output of: openssl rand -base64 32."),
    ("IOC_IDENTITY_KEY", "không phải base64",
     "IOC_IDENTITY_KEY: it must be base64, like the output of: openssl rand -base64 32."),
    *(("IOC_PHOTO_STORE", url,
       "IOC_PHOTO_STORE: it must look like s3://bucket/prefix?endpoint=https://s3.example.vn&region=vn-1.")
      for url in ("/srv/photos", "s3:///photos", "gs://photos", "s3://photos?secret=hush", "s3://photos#x", "")),
    ("IOC_PHOTO_STORE", "s3://key:hush@photos",
     "IOC_PHOTO_STORE: credentials do not belong into it but into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."),
    ("IOC_DATABASE_URL", "mysql://hub:hush@db/hub",
     "IOC_DATABASE_URL: it must look like postgresql://user:password@host:5432/database."),
    ("IOC_DATABASE_URL", "", "IOC_DATABASE_URL: it must look like postgresql://user:password@host:5432/database."),
    ("IOC_DATABSE_URL", "postgresql://hub:hush@db/hub", "IOC_DATABSE_URL is not a setting; did you mean IOC_DATABASE_URL?"),
    ("IOC_SECRT", PEPPER, "IOC_SECRT is not a setting; did you mean IOC_SECRET?"),
    ("ioc_prot", "8000", "ioc_prot is not a setting; did you mean IOC_PORT?"),
    ("IOC_COFFEE_MACHINE_TEMPERATURE", "90", "IOC_COFFEE_MACHINE_TEMPERATURE is not a setting."),
])  # fmt: skip
def test_a_mistake_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    assert refused(monkeypatch, **{name: value}) == sentence


def test_every_mistake_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refused(monkeypatch, IOC_PROT="1", IOC_PORT="-1", IOC_MAX_ROWS="many", IOC_SECRET="short")  # noqa: S106

    assert [line.split(" ")[0].rstrip(":") for line in told.splitlines()] == [
        "IOC_PROT", "IOC_PORT", "IOC_SECRET", "IOC_MAX_ROWS",
    ]  # fmt: skip


def test_a_mistake_on_the_command_line_is_told_too() -> None:
    with pytest.raises(SettingsError, match=r"^IOC_PORT: .* \(it is 70000\)\.$"):
        load_settings(port=70_000)


def test_no_mistake_repeats_a_password_or_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    urls = {"IOC_DATABASE_URL": "oracle://hub:hush@db", "IOC_DATABASE_URI": "postgresql://u:hush@db"}
    told = refused(monkeypatch, IOC_SECRET="hush", **urls)  # noqa: S106

    assert len(told.splitlines()) == 3
    assert "hush" not in told


def test_settings_can_be_printed_without_giving_a_secret_away() -> None:
    given = {"secret": PEPPER, "identity_key": IDENTITY_KEY, "database_url": "postgresql://hub:hush@db/hub"}
    printed = repr(load_settings(**given, port=9001))

    assert "9001" in printed
    assert PEPPER not in printed
    assert IDENTITY_KEY not in printed
    assert "hush" not in printed


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Africa/Casablanca", "Australia/Sydney"])
def test_a_zone_that_changes_its_clocks_is_refused(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    assert "changes its clocks during the year" in refused(monkeypatch, IOC_ZONE=zone)


@pytest.mark.parametrize("zone", [
    "Asia/Ho_Chi_Minh", "Asia/Kolkata", "UTC",
    "America/Sao_Paulo",  # it stopped in 2019
])  # fmt: skip
def test_a_zone_with_a_fixed_offset_will_do(zone: str) -> None:
    assert load_settings(zone=zone).tz.key == zone


@pytest.mark.parametrize("url", ["postgresql://u:p@db:5432/hub", "postgres://u:p@db:5432/hub",
                                 "postgresql+psycopg://u:p@db:5432/hub"])  # fmt: skip
def test_a_postgres_url_goes_to_psycopg(url: str) -> None:
    assert load_settings(database_url=url).database_url == "postgresql+psycopg://u:p@db:5432/hub"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().port = 1  # type: ignore[misc]
