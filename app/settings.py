"""Settings: one frozen object, read from the environment (prefix `IOC_`) once, checked at start."""

import base64
import difflib
import os
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_NOT_SHOWN = {
    "IOC_SECRET",
    "IOC_IDENTITY_KEY",
    "IOC_DATABASE_URL",
    "IOC_PHOTO_STORE",
}  # or what is like a password in them
_MOST_PROCESSES = 4  # each takes some 150 MB, and Postgres wants cores too


class SettingsError(Exception):
    """One sentence per mistake, for the person who starts the hub."""


class Settings(BaseSettings):
    """All that an operator may set. Every name stands in the environment with the prefix `IOC_`."""

    model_config = SettingsConfigDict(env_prefix="IOC_", frozen=True, extra="forbid")

    # Where things are
    data_dir: Path = Field(Path(".hub"), description="Folder of the embedded Postgres, the secret and the logs.")
    database_url: str | None = Field(
        None,
        repr=False,
        description="PostgreSQL 16 or newer to use instead of the embedded one, postgresql://user:pass@host/db.",
    )
    photo_store: str | None = Field(
        None,
        description="Where photos are kept: s3://bucket/prefix?endpoint=https://…&region=…, with the credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Without it in the data folder.",
    )
    host: str = Field("127.0.0.1", description="Address to serve on.")
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    pool_size: Annotated[int, Field(ge=1, le=200)] = Field(
        10, description="Database connections of one process; two more store readings, one listens."
    )

    # Who may do what
    secret: SecretStr | None = Field(
        None,
        description="Pepper of API keys, tokens of displays and secrets of webhooks, at least 32 characters. Without it one is made in the data folder.",
    )

    webhook_private_addresses: bool = Field(
        False,
        description="Webhooks may go to addresses of the own network and machine, and by http. No: to public ones by https only.",
    )

    identity_key: SecretStr | None = Field(
        None,
        description="Key that the identities of citizens who report are encrypted under: 32 bytes in base64. To change it, put the new one before the old one, with a comma. Without it one is made in the data folder.",
    )

    # The calendar
    zone: str = Field("Asia/Ho_Chi_Minh", description="Zone of the local calendar; it must have a fixed offset.")
    max_future_days: Annotated[int, Field(ge=0, le=3660)] = Field(
        31, description="How many days ahead of now a reading's period may start."
    )

    keep_instants_days: Annotated[int | None, Field(ge=1, le=36500)] = Field(
        None, description="Days that instants of realtime indicators are kept; their hours stay. Empty: for ever."
    )

    # Field reports
    area: str | None = Field(
        None,
        description="Code of the unit whose field reports are taken here; empty: wherever the catalogue knows a commune.",
    )

    contact: str | None = Field(
        None, description="How people reach the operator, in words: shown where Open311 is discovered."
    )
    moderate_comments: bool = Field(
        True, description="A citizen's comment on a public report is public once a moderator has read it; no: at once."
    )
    public_reports: bool = Field(
        True, description="Everybody may send reports on the page /reports; no: only who has a key."
    )

    keep_contacts_days: Annotated[int | None, Field(ge=1, le=36500)] = Field(
        None,
        description="Days after its end that it is known who sent a report; then who it was is forgotten for good. Empty: for ever.",
    )

    # Limits of one request
    max_rows: Annotated[int, Field(ge=1)] = 50_000
    max_body_bytes: Annotated[int, Field(ge=1024)] = 32 * 1024 * 1024
    max_points: Annotated[int, Field(ge=1)] = Field(20_000, description="Points that one aggregates answer may have.")

    # How it runs
    processes: Annotated[int, Field(ge=1, le=64)] = Field(
        default_factory=lambda: min(len(os.sched_getaffinity(0)), _MOST_PROCESSES),
        description=f"Processes that answer requests; by default one for each core, at most {_MOST_PROCESSES}.",
    )
    worker: bool = Field(True, description="Do the background work here; no: `ioc-hub worker` does it.")
    demo: bool = Field(True, description="Load the synthetic source of the demo and keep it running.")
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"
    min_free_disk_mb: Annotated[int, Field(ge=0)] = Field(200, description="Below this /readyz says no.")

    @field_validator("zone")
    @classmethod
    def _fixed_offset(cls, name: str) -> str:
        # Periods are stored as wall-clock labels; an hour that happens twice a year would make them ambiguous.
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder of zones, such as Asia
            raise ValueError(f"'{name}' is not a time zone; an example is Asia/Ho_Chi_Minh") from error
        now = datetime.now(UTC)
        if len({(now + timedelta(days=30 * month)).astimezone(zone).utcoffset() for month in range(-24, 24)}) > 1:
            raise ValueError(f"'{name}' changes its clocks during the year; the hub needs a zone with a fixed offset")
        return name

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < 32:
            raise ValueError("it must have at least 32 characters")
        return secret

    @field_validator("identity_key")
    @classmethod
    def _keys(cls, listed: SecretStr | None) -> SecretStr | None:
        if listed is not None:
            decode_keys(listed.get_secret_value())
        return listed

    @field_validator("photo_store")
    @classmethod
    def _bucket(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        options = parse_qs(parts.query, keep_blank_values=True)
        if "@" in parts.netloc:
            raise ValueError("credentials do not belong into it but into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        if parts.scheme != "s3" or not parts.netloc or parts.fragment or not options.keys() <= {"endpoint", "region"}:
            raise ValueError("it must look like s3://bucket/prefix?endpoint=https://s3.example.vn&region=vn-1")
        return url

    @field_validator("database_url")
    @classmethod
    def _psycopg(cls, url: str | None) -> str | None:
        if url is None:
            return None
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in {"postgresql", "postgres", "postgresql+psycopg"}:
            raise ValueError("it must look like postgresql://user:password@host:5432/database")
        return f"postgresql+psycopg://{rest}"

    @cached_property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


def decode_keys(listed: str) -> list[bytes]:
    """Keys of 32 bytes, in base64 with commas between.

    Raises:
        ValueError: one of them is none.
    """
    try:
        keys = [base64.b64decode(key.strip(), validate=True) for key in listed.split(",")]
    except ValueError as error:
        raise ValueError("it must be base64, like the output of: openssl rand -base64 32") from error
    if any(len(key) != 32 for key in keys):
        raise ValueError("each key must have 32 bytes, like the output of: openssl rand -base64 32")
    return keys


def load_settings(**overrides: Any) -> Settings:
    """Read the environment; `overrides` come from the command line and win.

    Raises:
        SettingsError: with one sentence per mistake, misspelt names included.
    """
    known = {f"IOC_{name}".upper() for name in Settings.model_fields}
    mistakes = []
    for name in sorted(os.environ):
        if name.upper().startswith("IOC_") and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1)
            mistakes.append(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else "."))
    try:
        settings = Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        for mistake in error.errors():
            name = f"IOC_{mistake['loc'][0]}".upper()
            shown = "" if name in _NOT_SHOWN else f" (it is {mistake['input']!r})"
            mistakes.append(f"{name}: {mistake['msg'].removeprefix('Value error, ')}{shown}.")
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return settings
