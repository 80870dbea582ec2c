"""What handlers ask for by type: the session of this request, the catalogue it sees, who calls, in which language."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request, Security, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import Headers

from app.auth import DISPLAY_PREFIX, ONLY_LOOKS, Caller
from app.catalogue.catalogue import Catalogue
from app.displays import Viewer
from app.errors import InvalidRequest, KeyRefused, RowError, Text
from app.hub import Hub
from app.mistakes import unknown_field
from app.periods import CLOCKS_DIFFER, FIRST_YEAR, LAST_YEAR
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


_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="Bearer",
    description="The same key (or the token of a display) as `Authorization: Bearer …`, for whoever cannot send X-API-Key.",
)


def presented_key(headers: Headers) -> str | None:
    """What a request brings along to say who it is: X-API-Key, or else a bearer."""
    if key := headers.get("x-api-key"):
        return key
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    return (bearer.strip() or None) if scheme.lower() == "bearer" else None


async def _presented(
    request: Request,
    _: Annotated[str | None, Security(_key_header)],
    __: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> str | None:
    return presented_key(request.headers)


PresentedKey = Annotated[str | None, Depends(_presented)]


DISPLAY_COOKIE = "ioc_display"

_display_cookie = APIKeyCookie(
    name=DISPLAY_COOKIE,
    auto_error=False,
    scheme_name="Display",
    description="A wall's, from its pairing or `POST /v1/displays/session`; its token may come in X-API-Key as well.",
)


async def somebody(hub: HubDep, request: Request, key: PresentedKey) -> Caller | Viewer | None:
    """Who asks: a system by its key, or a display by its token in the same header or in its cookie. Nobody without.

    What is not good in the header is refused even where none is needed. A cookie is never refused: a wall that was forgotten
    must still see what everybody may see. Nor is it deleted: after a database is restored it may be known again.
    """
    if key is None:
        cookie = request.cookies.get(DISPLAY_COOKIE)
        return None if cookie is None else await hub.displays.guest(cookie)
    return await (hub.displays.viewer(key) if key.startswith(DISPLAY_PREFIX) else hub.keys.caller(key))


Somebody = Annotated[Caller | Viewer | None, Depends(somebody)]


async def current_caller(who: Somebody, key: PresentedKey) -> Caller | None:
    """The system that asks, or nobody. A display is told that its token is none for this, unless only its cookie came along."""
    if not isinstance(who, Viewer):
        return who
    if key is not None:
        raise KeyRefused(why=ONLY_LOOKS)
    return None


CallerDep = Annotated[Caller | None, Depends(current_caller)]


async def current_viewer(who: Somebody, _: Annotated[str | None, Security(_display_cookie)]) -> Viewer | None:
    """The display that asks, if it is one."""
    return who if isinstance(who, Viewer) else None


ViewerDep = Annotated[Viewer | None, Depends(current_viewer)]


# Who asks is settled before the session takes a connection: requests that held one and asked the pool for a second would
# wait for each other as soon as there are as many of them as connections.
async def read_session(hub: HubDep, _: Somebody) -> AsyncIterator[AsyncSession]:
    heard = hub.changes.latest
    async with hub.database.read_session() as session:
        session.info["heard"] = heard  # the session sees all of it, and perhaps more
        yield session


async def write_session(hub: HubDep, _: Somebody) -> AsyncIterator[AsyncSession]:
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
        fields = sorted(known) or ["–"]
        mistakes = [
            RowError("unknown-field", pointer=f"/query/{name[:100]}", facts=unknown_field(fields, name))
            for name in unknown[:20]
        ]
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
    moment, now = asked_instant(hub, "asOf", as_of), hub.now().replace(tzinfo=hub.settings.tz)
    if moment > now + CLOCKS_DIFFER:  # what will be known then nobody knows
        at = now.isoformat(timespec="seconds")
        raise _no_instant(
            "asOf", as_of, Text(f"một lúc đã qua; bây giờ là {at}", f"an instant that has passed; it is {at}")
        )
    return moment


def asked_instant(hub: Hub, name: str, text: str) -> datetime:
    """An instant in a query (RFC 3339); without an offset local time. Raises: InvalidRequest."""
    try:
        # An unescaped + in a query arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except ValueError as error:
        raise _no_instant(name, text, _AN_INSTANT) from error
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise _no_instant(name, text, _AN_INSTANT)
    return moment if moment.tzinfo else moment.replace(tzinfo=hub.settings.tz)


def _no_instant(name: str, value: str, right: Text) -> InvalidRequest:
    mistake = RowError("invalid", pointer=f"/query/{name}", value=value[:100], facts={"why": right})
    return InvalidRequest(count=1, errors=[mistake])


AsOf = Annotated[datetime | None, Depends(get_as_of)]
