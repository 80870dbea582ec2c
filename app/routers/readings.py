"""`/v1/readings`: what is observed comes in here and can be read back as it was reported."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from app import exact_json
from app.auth import require_caller
from app.catalogue.access import require_readable
from app.errors import (
    BodyTooLarge,
    HubError,
    IdempotencyMismatch,
    InvalidRequest,
    KeyRequired,
    MalformedBody,
    NotAcceptable,
    OutsideKeyUnits,
    RowError,
    RowsRejected,
    ScopeMissing,
    Text,
    TooManyRows,
    UnitNotValid,
    UnknownIndicator,
    UnknownUnit,
    UnsupportedMediaType,
)
from app.hub import Hub
from app.metrics import READINGS
from app.paging import decode_cursor, encode_cursor
from app.problems import preferred_language, row_problem
from app.readings.batch import MEDIA_TYPES
from app.readings.history import ReportedValue, find_readings
from app.readings.ingest import Receipt
from app.readings.intake import Intake
from app.readings.sending import Sent, Wishes, take_in
from app.routers.answers import CSV, JSON, answer, csv_answer, problems, wanted
from app.routers.asked import asked_indicators, asked_interval, asked_units
from app.routers.dependencies import (
    AsOf,
    CallerDep,
    HubDep,
    IntakeDep,
    Language,
    PresentedKey,
    ReadCatalogue,
    ReadSession,
    presented_key,
    refuse_unknown_parameters,
)
from app.schemas.readings import STATUSES, ReadingOut, ReadingPage
from app.schemas.readings import Receipt as ReceiptOut

router = APIRouter(prefix="/v1/readings", tags=["readings"], dependencies=[Depends(refuse_unknown_parameters)])

_CSV_EXAMPLE = "indicator,unit,period,value,status,note\ntthc.dossier.received,25813,2026-11-20,42,final,\n"
_NDJSON_EXAMPLE = '{"indicator":"tthc.dossier.received","unit":"25813","period":"2026-11-20","value":42}\n'


async def read_body(request: Request, hub: HubDep, key: PresentedKey) -> Sent:
    """All that can be refused before the body is; and the body, on whose slow line nothing waits that others need."""
    caller = None if key is None else (await hub.keys.presumed_caller(key)).caller
    try:
        sender = require_caller(caller, "readings:write", Text("để gửi số liệu", "to send readings"))
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in MEDIA_TYPES:
            raise UnsupportedMediaType(value=media_type or "–", offered=", ".join(MEDIA_TYPES))
        return Sent(str(key), sender, media_type, await request.body())
    except HubError:
        if key is not None:
            await hub.keys.caller(key)  # one that was revoked is told so, and nothing else
        raise


_NO_WISHES = Wishes()


async def post_plainly(request: Request) -> Response | None:
    """Readings sent without parameters, as nearly all are."""
    if request.scope["query_string"] or "idempotency-key" in request.headers:
        return None
    state, headers = request.app.state, request.headers
    sent = await read_body(request, state.hub, presented_key(headers))
    return await _take_in(state.hub, state.intake, sent, _NO_WISHES, preferred_language(headers.get("accept-language")))


@router.post(
    "",
    response_model=ReceiptOut,
    responses=problems(
        KeyRequired,
        ScopeMissing,
        BodyTooLarge,
        TooManyRows,
        UnsupportedMediaType,
        MalformedBody,
        RowsRejected,
        IdempotencyMismatch,
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/ReadingsIn"}},
                "application/x-ndjson": {"schema": {"type": "string"}, "example": _NDJSON_EXAMPLE},
                "text/csv": {"schema": {"type": "string"}, "example": _CSV_EXAMPLE},
            },
        }
    },
)
async def post_readings(
    sent: Annotated[Sent, Depends(read_body)],
    hub: HubDep,
    intake: IntakeDep,
    language: Language,
    mode: Annotated[
        Literal["atomic", "partial"],
        Query(
            description="atomic: one bad row and nothing is stored. partial: the good rows are stored, the bad ones listed."
        ),
    ] = "atomic",
    reinstate: Annotated[bool, Query(description="Let this batch bring withdrawn readings back.")] = False,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$")] = None,
) -> Response:
    """Send readings as JSON, NDJSON or CSV, gzipped or not.

    A reading is identified by indicator, unit and period: sending it again changes nothing, another value corrects it
    (the earlier one is kept), null withdraws it. So a batch may be repeated whenever the sender is unsure; with an
    `Idempotency-Key` the very same answer comes back for seven days.
    """
    return await _take_in(hub, intake, sent, Wishes(mode == "partial", reinstate, idempotency_key), language)


async def _take_in(hub: Hub, intake: Intake, sent: Sent, wishes: Wishes, language: str) -> Response:
    def answered(receipt: Receipt) -> bytes:
        return exact_json.dumps(receipt_out(receipt, language))

    try:
        outcome = await take_in(hub, intake, sent, wishes, answered)
    except HubError:
        await hub.keys.caller(sent.key)
        raise
    if isinstance(outcome, bytes):
        return Response(outcome, media_type=JSON, headers={"idempotency-replayed": "true"})
    for verdict, count in _COUNTS:
        if number := getattr(outcome, verdict):
            count.inc(number)
    return answer(receipt_out(outcome, language), language)


_COUNTS = [(verdict, READINGS.labels(verdict)) for verdict in ("created", "unchanged", "corrected", "rejected")]


@router.get(
    "",
    response_model=ReadingPage,
    responses=problems(
        KeyRequired, ScopeMissing, OutsideKeyUnits, UnknownIndicator, UnknownUnit, UnitNotValid, NotAcceptable
    ),
)
async def get_readings(
    request: Request,
    hub: HubDep,
    session: ReadSession,
    catalogue: ReadCatalogue,
    caller: CallerDep,
    language: Language,
    indicator: Annotated[list[str], Query(description="Codes; repeat it or separate them by commas.", max_length=100)],
    unit: Annotated[
        list[str], Query(description="Codes, or code@day; repeat it or separate them by commas.", max_length=500)
    ],
    as_of: AsOf,
    from_: Annotated[str, Query(alias="from", description="First period.", examples=["2024-01"])] = "1900",
    to: Annotated[str, Query(description="Last period.", examples=["2024-12"])] = "2200",
    include_history: Annotated[bool, Query(alias="includeHistory", description="With every earlier value.")] = False,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """What was reported, exactly as it was sent; JSON, or CSV by `Accept`."""
    media_type = wanted(request, JSON, CSV)
    indicators = asked_indicators(catalogue, indicator)
    require_readable(caller, indicators)
    start, end = asked_interval(hub.settings, from_, to)
    found = await find_readings(
        session, catalogue,
        indicators=indicators, units=asked_units(catalogue, unit, start, end, f"{from_}…{to}"), start=start, end=end,
        as_of=as_of, include_history=include_history,
        after=None if cursor is None else _decode(cursor), limit=limit + 1,
    )  # fmt: skip
    items = [reading_out(value) for value in found[:limit]]
    following = _encode(found[limit - 1]) if len(found) > limit else None
    if media_type == CSV:
        headers = {"link": f'<{request.url.include_query_params(cursor=following)}>; rel="next"'} if following else {}
        response = csv_answer(
            list(ReadingOut.model_fields),
            [item.values() for item in items],
            language,
        )
        response.headers.update(headers)
        return response
    return answer({"items": items, "next": following}, language)


def _encode(value: ReportedValue) -> str:
    indicator, unit, grain, start, received_at = value.cursor
    return encode_cursor([indicator, unit, grain, start.isoformat(), received_at.isoformat()])


def _decode(cursor: str) -> tuple[int, int, int, datetime, datetime]:
    indicator, unit, grain, start, received_at = decode_cursor(cursor, [int, int, int, str, str])
    try:
        key = (indicator, unit, grain, datetime.fromisoformat(start), datetime.fromisoformat(received_at))
        if (
            max(indicator, unit) < 2**31
            and min(indicator, unit) >= 0
            and 0 <= grain < 10
            and key[4].tzinfo
            and not key[3].tzinfo
        ):
            return key
    except ValueError:
        pass
    mistake = RowError("invalid", pointer="/query/cursor", value=cursor, facts={"why": "cursor"})
    raise InvalidRequest(count=1, errors=[mistake])


# --- shapes ---


def receipt_out(receipt: Receipt, language: str) -> dict[str, Any]:
    return {
        "batch": receipt.batch,
        "received": receipt.received,
        "created": receipt.created,
        "unchanged": receipt.unchanged,
        "corrected": receipt.corrected,
        "rejected": receipt.rejected,
        "errors": [row_problem(error, language) for error in receipt.errors],
        "warnings": [row_problem(warning, language) for warning in receipt.warnings],
    }


def reading_out(value: ReportedValue) -> dict[str, Any]:
    return {
        "indicator": value.indicator.code,
        "unit": value.unit.code,
        "unit_valid_from": value.unit.valid_from,
        "period": str(value.period),
        "value": value.value,
        "status": STATUSES[value.status],
        "note": value.note,
        "source": value.source.code,
        "synthetic": value.source.synthetic,
        "batch": value.batch,
        "received_at": value.received_at,
        "superseded_at": value.superseded_at,
    }
