"""The application: middleware, problem handlers, routers, and what lives as long as the server."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from importlib.metadata import version

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp

from app import problems
from app.catalogue.cache import CatalogueCache
from app.description import describe
from app.hub import Hub
from app.middleware import BoundedBody, RequestContext
from app.readings.intake import Intake
from app.reports.identity import identity_keys
from app.reports.photo_store import open_photo_store
from app.reports.rules import RulesCache
from app.reports.uploads import LARGEST_FORM, LARGEST_PIECE, Uploads
from app.reports.visitors import Arrivals
from app.rollups.stored import Lookups
from app.routers import (
    aggregates,
    catalogue,
    displays,
    home,
    notices,
    open311,
    operations,
    pages,
    photos,
    readings,
    reports,
    screens,
    targets,
    webhooks,
)
from app.routers.shortcut import Shortcut, Shortcuts
from app.screens.live import Walls
from app.settings import Settings

DESCRIPTION = """The data hub behind a city's intelligent operations centre: KPI readings in, exact aggregates out.

Numbers are exact decimals. Errors are RFC 9457 problem details. Names and messages come in Vietnamese, or in English with
`Accept-Language: en`. What is public needs no key."""


def create_app(settings: Settings, url: str | None = None, catalogues: CatalogueCache | None = None) -> FastAPI:
    """The hub on a database that exists and is migrated. Without a URL only the description (OpenAPI) can be had."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        assert url is not None
        hub = Hub.open(settings, url, catalogues)
        await hub.warm_up()
        app.state.hub = hub
        app.state.intake = intake = Intake(hub.database)
        app.state.walls = walls = Walls(hub)
        app.state.rules = RulesCache()
        app.state.identities = identity_keys(settings)
        app.state.uploads = Uploads(hub.database, open_photo_store(settings))
        app.state.arrivals = Arrivals()
        app.state.lookups = Lookups(hub.database.ask)
        listening = asyncio.create_task(hub.changes.listen())
        try:
            yield
        finally:
            await walls.end()
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening
            await intake.close()
            await hub.close()

    app = FastAPIOffline(  # /docs without anything from outside: centres are closed networks
        title="IOC Hub",
        version=version("ioc-hub"),
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/openapi.json",
        docs_url="/docs",
        redoc_url=None,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
        },  # the hub's own are enough; to look for others costs
    )
    framework = app.build_middleware_stack

    def limit_of(path: str, media_type: str) -> int:
        # Only batches and photos may be large, and their sender is known before they are read (but for the forms of Open311, in
        # which the key is). Large parts of forms go to the disk.
        if path == "/v1/readings":
            return settings.max_body_bytes
        if path == "/v1/reports" and media_type == "multipart/form-data":
            return min(LARGEST_FORM, settings.max_body_bytes)
        if (path.startswith("/v1/reports/") and "/photos/" in path) or path.startswith("/open311/v2/requests."):
            return min(LARGEST_PIECE, settings.max_body_bytes)
        return min(2**21, settings.max_body_bytes)

    def surrounded() -> ASGIApp:
        """Ours goes around the framework's own, through which a shortcut need not go."""
        return RequestContext(BoundedBody(Shortcuts(framework(), _SHORTCUTS), limit_of))

    app.build_middleware_stack = surrounded  # type: ignore[method-assign]
    problems.install(app)
    app.openapi = functools.cache(functools.partial(describe, app))  # type: ignore[method-assign]
    # In the order in which they are asked most.
    for module in (
        readings,
        catalogue,
        aggregates,
        screens,
        reports,
        photos,
        home,
        notices,
        open311,
        targets,
        displays,
        webhooks,
        operations,
        pages,
    ):
        app.include_router(module.router)
    return app


_SHORTCUTS = [
    Shortcut.to("POST", "/v1/readings", readings.post_plainly),
    Shortcut.to("GET", "/v1/screens/{slug}/data", screens.get_snapshot_plainly),
    Shortcut.to("GET", "/v1/aggregates", aggregates.get_plainly),
    Shortcut.to("GET", "/v1/screens/{slug}/events", screens.get_events_plainly),
]
