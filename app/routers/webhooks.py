"""`/v1/webhooks`: who is told what happens, and what became of telling them."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response

from app import models
from app.auth import require_caller
from app.catalogue.access import addresses_of
from app.catalogue.catalogue import Catalogue
from app.errors import (
    KeyRequired,
    OutsideKeyUnits,
    ScopeMissing,
    Text,
    TooManyWebhooks,
    UnknownDelivery,
    UnknownWebhook,
    WebhookDisabled,
)
from app.paging import decode_cursor, encode_cursor
from app.routers.answers import answer, problems
from app.routers.dependencies import (
    CallerDep,
    HubDep,
    Language,
    ReadCatalogue,
    ReadSession,
    WriteCatalogue,
    WriteSession,
    refuse_unknown_parameters,
)
from app.routers.exact import ExactRoute
from app.schemas.webhooks import (
    DeliveryOut,
    DeliveryPage,
    DeliveryState,
    ReplayIn,
    ReplayOut,
    WebhookAdded,
    WebhookChange,
    WebhookIn,
    WebhookOut,
    WebhookPage,
)
from app.webhooks.deliveries import list_deliveries, replay_since
from app.webhooks.subscriptions import (
    add_webhook,
    change_webhook,
    check_url,
    list_webhooks,
    ping,
    remove_webhook,
    replay_delivery,
    require_active,
    require_delivery,
    require_webhook,
    rotate_secret,
)

router = APIRouter(
    prefix="/v1/webhooks", tags=["webhooks"], route_class=ExactRoute, dependencies=[Depends(refuse_unknown_parameters)]
)

_SCOPE, _WHY = "webhooks:write", Text("để quản lý webhook", "to manage webhooks")
_SECRET = {"cache-control": "no-store"}
_LARGEST = 2**63 - 1

Number = Annotated[int, Path(alias="webhook", ge=1, le=2**31 - 1)]
DeliveryNumber = Annotated[int, Path(alias="delivery", ge=1, le=_LARGEST)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=500, description="From `next` of the page before.")]


@router.post(
    "",
    status_code=201,
    response_model=WebhookAdded,
    responses=problems(KeyRequired, ScopeMissing, OutsideKeyUnits, TooManyWebhooks),
)
async def post_webhook(
    asked: WebhookIn, hub: HubDep, session: WriteSession, caller: CallerDep, language: Language
) -> Response:
    """Subscribe: events are sent to the URL from now on, signed with the secret of this answer, which is shown once.

    `ioc.indicator.changed.v1`: a figure of these indicators may be another than before; at most every ten seconds.
    `ioc.report.changed.v1`: a citizen's report was published, or moved on since; `gone`: it was withdrawn from the public.
    """
    caller = require_caller(caller, _SCOPE, _WHY)
    await check_url(asked.url, private=hub.settings.webhook_private_addresses)
    # Not by its type: the name of the URL was looked up without a connection of the database.
    catalogue = await hub.catalogues.current(session)
    webhook, secret = await add_webhook(session, catalogue, caller, asked, now=datetime.now(UTC), pepper=hub.pepper)
    return answer(_out(webhook, catalogue) | {"secret": secret}, language, status=201, headers=_SECRET)


@router.get("", response_model=WebhookPage, responses=problems(KeyRequired, ScopeMissing))
async def get_webhooks(
    session: ReadSession,
    catalogue: ReadCatalogue,
    caller: CallerDep,
    language: Language,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The webhooks of the key, without their secrets."""
    caller = require_caller(caller, _SCOPE, _WHY)
    after = 0 if cursor is None else max(0, min(decode_cursor(cursor, [int])[0], 2**31 - 1))
    found = await list_webhooks(session, caller, after=after, limit=limit + 1)
    items = [_out(one, catalogue) for one in found[:limit]]
    return answer({"items": items, "next": encode_cursor([items[-1]["id"]]) if len(found) > limit else None}, language)


@router.get("/{webhook}", response_model=WebhookOut, responses=problems(KeyRequired, ScopeMissing, UnknownWebhook))
async def get_webhook(
    number: Number, session: ReadSession, catalogue: ReadCatalogue, caller: CallerDep, language: Language
) -> Response:
    """One of them."""
    caller = require_caller(caller, _SCOPE, _WHY)
    return answer(_out(await require_webhook(session, caller, number), catalogue), language)


@router.patch(
    "/{webhook}",
    response_model=WebhookOut,
    responses=problems(KeyRequired, ScopeMissing, OutsideKeyUnits, UnknownWebhook),
)
async def patch_webhook(
    number: Number, change: WebhookChange, hub: HubDep, session: WriteSession, caller: CallerDep, language: Language
) -> Response:
    """Change what is given; `active` switches it off, or on again after it was disabled."""
    caller = require_caller(caller, _SCOPE, _WHY)
    await check_url(change.url, private=hub.settings.webhook_private_addresses)
    catalogue = await hub.catalogues.current(session)
    webhook = await change_webhook(session, catalogue, caller, number, change, now=datetime.now(UTC))
    return answer(_out(webhook, catalogue), language)


@router.delete(
    "/{webhook}",
    status_code=204,
    response_class=Response,
    responses=problems(KeyRequired, ScopeMissing, UnknownWebhook),
)
async def delete_webhook(number: Number, session: WriteSession, caller: CallerDep) -> Response:
    """Unsubscribe. What is on its way is not sent any more."""
    await remove_webhook(session, require_caller(caller, _SCOPE, _WHY), number)
    return Response(status_code=204)


@router.post(
    "/{webhook}/rotate", response_model=WebhookAdded, responses=problems(KeyRequired, ScopeMissing, UnknownWebhook)
)
async def post_rotate(
    number: Number,
    hub: HubDep,
    session: WriteSession,
    catalogue: WriteCatalogue,
    caller: CallerDep,
    language: Language,
) -> Response:
    """A new secret, shown once. For 24 hours messages are signed with both, so that the receiver can change over in between."""
    caller = require_caller(caller, _SCOPE, _WHY)
    webhook, secret = await rotate_secret(session, caller, number, now=datetime.now(UTC), pepper=hub.pepper)
    return answer(_out(webhook, catalogue) | {"secret": secret}, language, headers=_SECRET)


_sends = problems(KeyRequired, ScopeMissing, UnknownWebhook, WebhookDisabled)


@router.post("/{webhook}/ping", status_code=202, response_model=DeliveryOut, responses=_sends)
async def post_ping(number: Number, session: WriteSession, caller: CallerDep, language: Language) -> Response:
    """Send a message of the type `ioc.webhook.ping.v1`, to try the way. What became of it is in the log of deliveries."""
    caller = require_caller(caller, _SCOPE, _WHY)
    return answer(_delivery(await ping(session, caller, number, now=datetime.now(UTC))), language, status=202)


@router.post("/{webhook}/replay", status_code=202, response_model=ReplayOut, responses=_sends)
async def post_replay(
    number: Number, asked: ReplayIn, session: WriteSession, caller: CallerDep, language: Language
) -> Response:
    """Send once more what was recorded since a time: after a receiver was down for long, or has lost what it had."""
    webhook = await require_active(session, require_caller(caller, _SCOPE, _WHY), number)
    count = await replay_since(session, webhook.id, asked.since, datetime.now(UTC), delivered=asked.delivered)
    return answer({"deliveries": count}, language, status=202)


@router.get(
    "/{webhook}/deliveries", response_model=DeliveryPage, responses=problems(KeyRequired, ScopeMissing, UnknownWebhook)
)
async def get_deliveries(
    number: Number,
    session: ReadSession,
    caller: CallerDep,
    language: Language,
    state: DeliveryState | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The log, the newest first: kept for seven days."""
    webhook = await require_webhook(session, require_caller(caller, _SCOPE, _WHY), number)
    before = _LARGEST if cursor is None else max(0, min(decode_cursor(cursor, [int])[0], _LARGEST))
    found = await list_deliveries(session, webhook.id, state=state, before=before, limit=limit + 1)
    items = [_delivery(one) for one in found[:limit]]
    return answer({"items": items, "next": encode_cursor([items[-1]["id"]]) if len(found) > limit else None}, language)


@router.get(
    "/{webhook}/deliveries/{delivery}",
    response_model=DeliveryOut,
    responses=problems(KeyRequired, ScopeMissing, UnknownWebhook, UnknownDelivery),
)
async def get_delivery(
    number: Number, delivery: DeliveryNumber, session: ReadSession, caller: CallerDep, language: Language
) -> Response:
    """One of them."""
    caller = require_caller(caller, _SCOPE, _WHY)
    return answer(_delivery(await require_delivery(session, caller, number, delivery)), language)


@router.post(
    "/{webhook}/deliveries/{delivery}/replay",
    status_code=202,
    response_model=DeliveryOut,
    responses=problems(KeyRequired, ScopeMissing, UnknownWebhook, UnknownDelivery, WebhookDisabled),
)
async def post_replay_delivery(
    number: Number, delivery: DeliveryNumber, session: WriteSession, caller: CallerDep, language: Language
) -> Response:
    """Send one event once more, with the webhook-id that it had, whatever became of it before."""
    caller = require_caller(caller, _SCOPE, _WHY)
    again = await replay_delivery(session, caller, number, delivery, now=datetime.now(UTC))
    return answer(_delivery(again), language, status=202)


# --- shapes ---


def _out(webhook: models.Webhook, catalogue: Catalogue) -> dict[str, Any]:
    ids = webhook.indicator_ids
    return {
        "id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "types": webhook.types,
        "indicators": None if ids is None else sorted(catalogue.indicators_by_id[key].code for key in ids),
        "domains": webhook.domains,
        "units": None if webhook.unit_ids is None else addresses_of(webhook.unit_ids, catalogue),
        "categories": webhook.categories,
        "active": webhook.disabled_at is None,
        "disabled_at": webhook.disabled_at,
        "disabled_why": webhook.disabled_why,
        "failing_since": webhook.failing_since,
        "previous_secret_until": webhook.previous_until,
        "created_at": webhook.created_at,
    }


def _delivery(row: Any) -> dict[str, Any]:
    return dict(row._mapping)
