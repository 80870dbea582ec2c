"""A real Postgres for every test worker, a fresh database for every test that asks for one.

`hub` is the way in for most tests: the application in this process on a database with the whole reference catalogue and the
articles' figures (no synthetic demo), and small builders for what a story needs.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import fastapi.dependencies.models
import httpx
import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession

from app import auth
from app.catalogue.cache import CatalogueCache
from app.catalogue.reference import load_reference
from app.changes import ChangeFeed, announce, latest_change
from app.database import Database
from app.embedded import EmbeddedPostgres
from app.hub import Hub
from app.main import create_app
from app.migrate import migrate
from app.readings.seed import NewSource, load_seed_figures, require_source
from app.reports.indicators import prepare_counting
from app.reports.rules import load_starting_rules
from app.rollups.roller import roll
from app.screens.definitions import load_presets
from app.settings import Settings

SETTINGS = Settings(worker=False, demo=False, secret="a pepper that only the tests know, 40 characters")  # noqa: S106

# Who sends when a test does not say who. It is there from the beginning: a new source is a change of the catalogue, which is
# then read anew with all units of the country.
TAX_OFFICE = NewSource("tax-office", "tax-office", "tax-office")

_numbers = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The journeys first: they are the longest, and nobody should be left alone with one of them when all else is done."""
    items.sort(key=lambda item: "journeys" not in item.path.parts)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a throw-away server: what it holds need not survive a power cut."""
    throw_away = {
        "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "128MB",
        "autovacuum": "off",  # its worker is a superuser's: a database that it looks at could not be dropped
    }  # fmt: skip
    with EmbeddedPostgres(tmp_path_factory.mktemp("cluster"), throw_away) as url:
        yield url


def _on_server(cluster: str, statement: str) -> None:
    url = make_url(cluster)
    with psycopg.connect(
        host=str(url.query["host"]),
        port=int(str(url.query["port"])),
        user=url.username,
        dbname="postgres",
        autocommit=True,
    ) as connection:
        connection.execute(statement)


def _database(cluster: str, name: str) -> str:
    return make_url(cluster).set(database=name).render_as_string(hide_password=False)


@contextlib.contextmanager
def fresh_database(cluster: str, template: str) -> Iterator[str]:
    """A copy of a template, for as long as the block runs."""
    name = f"test_{next(_numbers)}"
    _on_server(cluster, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    try:
        yield _database(cluster, name)
    finally:
        _on_server(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def empty_template(cluster: str) -> str:
    """A migrated database with nothing in it."""
    _on_server(cluster, "CREATE DATABASE empty")
    migrate(_database(cluster, "empty"))
    return "empty"


@pytest.fixture(scope="session")
def reference_template(cluster: str, empty_template: str) -> str:
    """The starting catalogue, the units of the country, the articles' figures."""
    _on_server(cluster, f"CREATE DATABASE reference TEMPLATE {empty_template}")

    async def load() -> None:
        database = Database(_database(cluster, "reference"), pool_size=1)
        async with database.write_session() as session:
            await load_reference(session, lambda *_: None)
            await load_seed_figures(session, SETTINGS, Hub(SETTINGS, database, ChangeFeed(""), b"").now())
            await load_starting_rules(session)
            await prepare_counting(session)
            await load_presets(session, await CatalogueCache().current(session), SETTINGS)
            await require_source(session, TAX_OFFICE)
            while (await roll(session, CatalogueCache())).marks:
                pass
        await database.close()

    asyncio.run(load())
    return "reference"


@pytest.fixture
def empty_database(cluster: str, empty_template: str) -> Iterator[str]:
    with fresh_database(cluster, empty_template) as url:
        yield url


@pytest.fixture
def reference_database(cluster: str, reference_template: str) -> Iterator[str]:
    with fresh_database(cluster, reference_template) as url:
        yield url


@dataclass
class HubUnderTest:
    """The running application and what a test says to it. Answers come in English unless a test asks otherwise."""

    app: FastAPI
    client: httpx.AsyncClient
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def hub(self) -> Hub:
        hub = self.app.state.hub
        assert isinstance(hub, Hub)
        return hub

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        async with self.hub.database.write_session() as session:
            yield session

    async def key(
        self,
        source: str = "tax-office",
        scopes: Sequence[str] = ("readings:write",),
        units: Sequence[str] | None = None,
        domains: Sequence[str] | None = None,
        **more: Any,
    ) -> str:
        """An API key, made as `ioc-hub key create` makes it."""
        async with self.session() as session:
            catalogue = await self.hub.catalogues.current(session)
            today = self.hub.now().date()
            unit_ids = None if units is None else [catalogue.require_unit(unit, None, today).id for unit in units]
            row = await require_source(session, NewSource(source, source, source))
            return await auth.create_key(
                session, row, scopes=scopes, unit_ids=unit_ids, domains=domains, expires_at=more.get("expires_at"),
                pepper=self.hub.pepper,
            )  # fmt: skip

    async def send(
        self,
        *rows: dict[str, Any] | tuple[str, str, str, Any],
        source: str = "tax-office",
        settled: bool = True,
        **params: Any,
    ) -> httpx.Response:
        """POST readings as a source that may write everywhere; rows as dicts or (indicator, unit, period, value)."""
        if source not in self.keys:
            self.keys[source] = await self.key(source)
        readings = [
            row if isinstance(row, dict) else dict(zip(("indicator", "unit", "period", "value"), row, strict=True))
            for row in rows
        ]
        response = await self.client.post(
            "/v1/readings", json={"readings": readings}, params=params, headers={"X-API-Key": self.keys[source]}
        )
        if settled:
            await self.settle()
        return response

    async def settle(self) -> None:
        """Let everything that was sent be rolled up and heard of, as the worker does within a second."""
        marks = 1
        while marks:
            async with self.session() as session:
                marks = (await roll(session, self.hub.catalogues)).marks
        async with self.session() as session:
            await self.hub.changes.reached(await latest_change(session))

    async def fall_behind(self, indicator: str, unit: str) -> None:
        """As if what this unit sent had been waiting for a worker for two minutes, and everybody had heard of it."""
        async with self.session() as session:
            await session.execute(
                text(
                    "INSERT INTO stale_mark (indicator_id, grain, period_start, unit_ids, marked_at)"
                    " SELECT i.id, 2, '2026-01-05', ARRAY[u.id], clock_timestamp() - interval '2 minutes'"
                    "   FROM indicator i, unit u WHERE i.code = :indicator AND u.code = :unit AND u.valid_to IS NULL"
                ),
                {"indicator": indicator, "unit": unit},
            )
            number = await announce(session, "keys")  # or it would be found out when it has been quiet for some seconds
        await self.hub.changes.reached(number)

    async def sent(
        self, *rows: dict[str, Any] | tuple[str, str, str, Any], source: str = "tax-office"
    ) -> dict[str, Any]:
        """Like `send`, for rows that must be accepted."""
        response = await self.send(*rows, source=source)
        assert response.status_code == 200, response.text
        receipt: dict[str, Any] = response.json()
        return receipt

    async def post(
        self,
        content: bytes | str | AsyncIterator[bytes],
        content_type: str = "application/json",
        *,
        source: str = "tax-office",
        headers: Mapping[str, str] | None = None,
        **params: Any,
    ) -> httpx.Response:
        """POST a body of readings exactly as it is."""
        if source not in self.keys:
            self.keys[source] = await self.key(source)
        headers = {"X-API-Key": self.keys[source], "content-type": content_type, **(headers or {})}
        response = await self.client.post("/v1/readings", content=content, params=params, headers=headers)
        await self.settle()
        return response

    async def reported(self, indicator: str, unit: str, **params: Any) -> list[dict[str, Any]]:
        """What `GET /v1/readings` shows."""
        response = await self.client.get("/v1/readings", params={"indicator": indicator, "unit": unit, **params})
        assert response.status_code == 200, response.text
        items: list[dict[str, Any]] = response.json()["items"]
        return items

    async def points(
        self, indicator: str, unit: str, grain: str, first: str, last: str | None = None, **params: Any
    ) -> list[dict[str, Any]]:
        """The points of one series."""
        query = {"indicator": indicator, "unit": unit, "grain": grain, "from": first, "to": last or first, **params}
        response = await self.client.get("/v1/aggregates", params=query)
        assert response.status_code == 200, response.text
        [series] = response.json()["series"]
        points: list[dict[str, Any]] = series["points"]
        return points

    async def point(self, indicator: str, unit: str, period: str, grain: str, **params: Any) -> dict[str, Any]:
        [point] = await self.points(indicator, unit, grain, period, **params)
        return point


@contextlib.asynccontextmanager
async def running(
    url: str, settings: Settings, catalogues: CatalogueCache | None = None
) -> AsyncIterator[HubUnderTest]:
    app = create_app(settings, url, catalogues)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"accept-language": "en"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://hub", headers=headers) as client,
    ):
        yield HubUnderTest(app, client)
    for remembered in _CLASSIFIED:
        remembered.cache_clear()


# FastAPI remembers every function that it ever looked at, and with some of them their whole application. One is nothing, but the
# hundreds of a test run are a gigabyte to walk for each garbage collection.
_CLASSIFIED = [one for one in vars(fastapi.dependencies.models).values() if hasattr(one, "cache_clear")]


_reference = CatalogueCache()


@contextlib.asynccontextmanager
async def running_on_reference(url: str, settings: Settings) -> AsyncIterator[HubUnderTest]:
    """Running on a copy of the reference database. All copies begin with the same catalogue: a worker reads it once."""
    database = Database(url, pool_size=1)
    async with database.read_session() as session:
        copy = await _reference.current(session)
    await database.close()
    async with running(url, settings, CatalogueCache(copy)) as under_test:
        yield under_test


@pytest.fixture
async def hub(reference_database: str, tmp_path: Path) -> AsyncIterator[HubUnderTest]:
    settings = SETTINGS.model_copy(update={"data_dir": tmp_path, "pool_size": 5})
    async with running_on_reference(reference_database, settings) as under_test:
        yield under_test
