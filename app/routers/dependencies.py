"""What handlers ask for by type: the session of this request, the catalogue it sees, who calls, in which language."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request, Security, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.security import APIKeyHeader
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import Caller
from app.catalogue.catalogue import Catalogue
from app.errors import InvalidRequest, RowError, Text
from app.hub import Hub
from app.problems import preferred_language
from app.readings.intake import Intake


async def get_hub(request: Request) -> Hub:
    hub = request.app.state.hub
    assert isinstance(hub, Hub)
    return hub


HubDep = Annotated[Hub, Depends(get_hub)]


async def get_intake(request: Request) -> Intake:
    intake = request.app.state.intake
    assert isinstance(intake, Intake)
    return intake


IntakeDep = Annotated[Intake, Depends(get_intake)]


_key_header = APIKeyHeader(
    name="X-API-Key",
    auto_error=False,
    scheme_name="ApiKey",
    description="From `ioc-hub key create`; public figures need none.",
)


PresentedKey = Annotated[str | None, Security(_key_header)]


async def current_caller(hub: HubDep, key: PresentedKey) -> Caller | None:
    """Nobody without a key; a key that is not good is refused even where none is needed."""
    return None if key is None else await hub.keys.caller(key)


CallerDep = Annotated[Caller | None, Depends(current_caller)]


# Who calls is settled before the session takes a connection: requests that held one and asked the pool for a second would
# wait for each other as soon as there are as many of them as connections.
async def read_session(hub: HubDep, _: CallerDep) -> AsyncIterator[AsyncSession]:
    heard = hub.changes.latest
    async with hub.database.read_session() as session:
        session.info["heard"] = heard  # the session sees all of it, and perhaps more
        yield session


async def write_session(hub: HubDep, _: CallerDep) -> AsyncIterator[AsyncSession]:
    async with hub.database.write_session() as session:
        yield session


# Scope "function": the transaction ends before the answer is sent, so that a commit that fails is an error and not a 200.
ReadSession = Annotated[AsyncSession, Depends(read_session, scope="function")]
WriteSession = Annotated[AsyncSession, Depends(write_session, scope="function")]


async def read_catalogue(hub: HubDep, session: ReadSession) -> Catalogue:
    return await hub.catalogues.current(session)


async def write_catalogue(hub: HubDep, session: WriteSession) -> Catalogue:
    return await hub.catalogues.current(session)


ReadCatalogue = Annotated[Catalogue, Depends(read_catalogue, scope="function")]
WriteCatalogue = Annotated[Catalogue, Depends(write_catalogue, scope="function")]


_KNOWN: dict[tuple[str, str], frozenset[str]] = {}


async def refuse_unknown_parameters(request: Request) -> None:
    """A misspelt parameter must not be ignored: `form=2024` would silently answer another question."""
    route = request.scope["route"]
    known = _KNOWN.get((request.method, route.path))
    if known is None:  # once for each route: it walks all dependencies
        query = (one.alias for one in get_flat_params(route.dependant) if isinstance(one.field_info, params.Query))
        known = _KNOWN[request.method, route.path] = frozenset(query)
    if unknown := [name for name in request.query_params if name not in known]:
        facts = {"fields": ", ".join(sorted(known)) or "–"}
        mistakes = [RowError("unknown-field", pointer=f"/query/{name[:100]}", facts=facts) for name in unknown[:20]]
        raise InvalidRequest(count=len(mistakes), errors=mistakes)


async def get_language(request: Request) -> str:
    return preferred_language(request.headers.get("accept-language"))


Language = Annotated[str, Depends(get_language)]


_AN_INSTANT = Text("viết như 2024-11-30T08:00:00+07:00", "write it like 2024-11-30T08:00:00+07:00")


async def get_as_of(
    hub: HubDep,
    as_of: Annotated[
        str | None,
        Query(
            alias="asOf",
            description="The answer as the hub knew it at this instant (RFC 3339; without an offset: local time; a day: its start).",
            examples=["2024-11-30T08:00:00+07:00"],
        ),
    ] = None,
) -> datetime | None:
    if as_of is None:
        return None
    try:
        # An unescaped + in a query arrives as a space.
        moment = datetime.fromisoformat(as_of.replace(" ", "+") if "T" in as_of else as_of)
        return moment if moment.tzinfo else moment.replace(tzinfo=hub.settings.tz)
    except (ValueError, OverflowError) as error:
        mistake = RowError("invalid", pointer="/query/asOf", value=as_of[:100], facts={"why": _AN_INSTANT})
        raise InvalidRequest(count=1, errors=[mistake]) from error


AsOf = Annotated[datetime | None, Depends(get_as_of)]
