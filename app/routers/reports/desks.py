"""The desk at which a caller stands: with a key, with the token of one report, or as a visitor of the hub's own page."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Path, Request, Security
from fastapi.security import APIKeyHeader

from app.auth import Caller, hash_secret
from app.catalogue.catalogue import Catalogue
from app.errors import Text
from app.hub import Hub
from app.reports.desk import Desk
from app.reports.identity import IdentityKeys
from app.reports.rules import Rules, RulesCache
from app.reports.uploads import Uploads
from app.reports.visitors import Arrivals, network, visitor_of
from app.routers.dependencies import CallerDep, HubDep, ReadCatalogue, ReadSession, WriteCatalogue, WriteSession

TO_MOVE = Text("để xử lý phản ánh", "to handle reports")


def get_rules(request: Request) -> RulesCache:
    rules = request.app.state.rules
    assert isinstance(rules, RulesCache)
    return rules


def get_identities(request: Request) -> IdentityKeys:
    identities = request.app.state.identities
    assert isinstance(identities, IdentityKeys)
    return identities


IdentitiesDep = Annotated[IdentityKeys, Depends(get_identities)]


def get_uploads(request: Request) -> Uploads:
    uploads = request.app.state.uploads
    assert isinstance(uploads, Uploads)
    return uploads


UploadsDep = Annotated[Uploads, Depends(get_uploads)]
RulesDep = Annotated[RulesCache, Depends(get_rules)]


async def read_rules(cache: RulesDep, session: ReadSession) -> Rules:
    return await cache.current(session)


async def write_rules(cache: RulesDep, session: WriteSession) -> Rules:
    return await cache.current(session)


_token_header = APIKeyHeader(
    name="X-Report-Token",
    auto_error=False,
    scheme_name="ReportToken",
    description="`follow_up` of a report that was sent without a subject: opens that report, and no other.",
)
TokenDep = Annotated[str | None, Security(_token_header)]
VisitorToken = Annotated[
    str | None,
    Header(
        alias="X-Visitor-Token",
        pattern=r"^[A-Za-z0-9_-]{32,200}$",
        description="Of a browser on /reports: random, made by itself. It sends and follows reports without a key, where IOC_PUBLIC_REPORTS allows it.",
    ),
]


def desk_of(
    hub: Hub,
    catalogue: Catalogue,
    rules: Rules,
    identities: IdentityKeys,
    caller: Caller | None,
    token: str | None,
    browser: str | None,
) -> Desk:
    """For who has a key or the token of a report, or is a visitor of the hub's own page."""
    visitor = None
    if caller is None and browser is not None and hub.settings.public_reports:
        caller = visitor_of(catalogue)
        visitor = None if caller is None else hash_secret(f"reporter {browser}", hub.pepper)
    return Desk(catalogue, rules, hub.settings, hub.pepper, identities, datetime.now(UTC), caller, token, visitor)


async def read_desk(
    hub: HubDep,
    catalogue: ReadCatalogue,
    rules: Annotated[Rules, Depends(read_rules, scope="function")],
    caller: CallerDep,
    identities: IdentitiesDep,
    token: TokenDep,
    browser: VisitorToken = None,
) -> Desk:
    return desk_of(hub, catalogue, rules, identities, caller, token, browser)


async def write_desk(
    hub: HubDep,
    catalogue: WriteCatalogue,
    rules: Annotated[Rules, Depends(write_rules, scope="function")],
    caller: CallerDep,
    identities: IdentitiesDep,
    token: TokenDep,
    browser: VisitorToken = None,
) -> Desk:
    return desk_of(hub, catalogue, rules, identities, caller, token, browser)


def get_arrivals(request: Request) -> Arrivals:
    arrivals = request.app.state.arrivals
    assert isinstance(arrivals, Arrivals)
    return arrivals


ArrivalsDep = Annotated[Arrivals, Depends(get_arrivals)]


def get_address(request: Request) -> str:
    return network("" if request.client is None else request.client.host)


Address = Annotated[str, Depends(get_address)]


def sender_of(desk: Desk, address: str) -> str:
    """Whom the photos come from: the key; without one the address, for tokens are made by who likes."""
    return address if desk.caller is None or desk.caller.key_prefix is None else desk.caller.key_prefix


ReadDesk = Annotated[Desk, Depends(read_desk, scope="function")]
WriteDesk = Annotated[Desk, Depends(write_desk, scope="function")]
ReportId = Annotated[UUID, Path(alias="id", description="The id that its sender made.")]
