"""`/open311/v2`: the field reports for programs that speak Open311 GeoReport v2 (wiki.open311.org/GeoReport_v2), as JSON and as XML.

What a service request is to the hub stands in `app.reports.service_requests`; how errors look here in `app.georeport`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import FormData, UploadFile

from app import models
from app.auth import Caller, require_caller
from app.errors import HubError, InvalidRequest, NotValid, RowError, Text, UnknownJurisdiction, UnsupportedMediaType
from app.georeport import MEDIA_TYPES, Form, dumps
from app.hub import Hub
from app.mistakes import row_error
from app.problems import VARY
from app.reports.desk import SUBMIT, Desk
from app.reports.handling import require_report
from app.reports.photo_store import photo_key
from app.reports.places import Point, box
from app.reports.rules import Category
from app.reports.search import Wanted
from app.reports.service_requests import (
    Span,
    Update,
    find_requests,
    find_updates,
    first_photos,
    requests_by_id,
    require_id,
    require_service,
    span,
    states_of,
    status_of,
    take_request,
    take_update,
)
from app.reports.uploads import MOST, Piece, Uploads
from app.reports.workflow import LABELS, State
from app.routers.asked import refused, split
from app.routers.dependencies import (
    CallerDep,
    HubDep,
    Language,
    ReadSession,
    asked_instant,
    refuse_unknown_parameters,
)
from app.routers.reports.desks import Address, IdentitiesDep, ReadDesk, RulesDep, UploadsDep, sender_of
from app.routers.reports.shown import report_out
from app.schemas.open311 import (
    Discovery,
    Open311Error,
    RequestForm,
    RequestTaken,
    RequestToken,
    RequestUpdate,
    Service,
    ServiceDefinition,
    ServiceRequest,
    UpdateForm,
    UpdateTaken,
    form_schema,
)
from app.schemas.reports import Visibility

router = APIRouter(prefix="/open311", tags=["open311"], dependencies=[Depends(refuse_unknown_parameters)])

_SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"
_CHANGED = "2026-11-22T00:00:00+07:00"  # when what is served here last changed
_LASTING = timedelta(hours=1)  # of a link to a photo
_LONGEST_FIELD = 64 * 1024  # bytes
_MOST_FIELDS = 100
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_TO_SEND = Text("cũng có thể là trường api_key của biểu mẫu", "it may also be the field api_key of the form")

_A_FORM = TypeVar("_A_FORM", bound=BaseModel)

In = Annotated[Form, Path(alias="format", description="Of the answer.")]
Jurisdiction = Annotated[
    str | None,
    Query(max_length=100, description="Not needed. If given, it must be the one that is served: `IOC_AREA`."),
]
Page = Annotated[int, Query(ge=1, le=1_000_000)]
PageSize = Annotated[int, Query(ge=1, le=1000, description="A page with fewer is the last one.")]
Instant = Annotated[str | None, Query(max_length=40, description="W3C date and time; without an offset local time.")]
RequestIds = Annotated[list[str] | None, Query(max_length=100, description="Repeat it or separate them by commas.")]


def described(model: Any) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: both formats, and the errors of the standard."""
    return {
        200: {"model": model, "content": {"text/xml": {}}},
        400: _REFUSED | {"description": "Something in the question or in the form is wrong."},
        403: _REFUSED | {"description": "The API key is missing or refused, or it is not for this."},
        404: _REFUSED | {"description": "There is no such jurisdiction, service or report."},
        "default": _REFUSED | {"description": "Anything else that goes wrong, in the same form."},
    }


_REFUSED: dict[str, Any] = {"model": list[Open311Error], "content": {"text/xml": {}}}


async def check_jurisdiction(hub: HubDep, jurisdiction_id: Jurisdiction = None) -> None:
    """The hub serves one."""
    require_jurisdiction(hub, jurisdiction_id)


def require_jurisdiction(hub: Hub, asked: str | None) -> None:
    """Raises: UnknownJurisdiction."""
    area = hub.settings.area
    if asked and asked != area:
        leave_out = Text("bỏ trống tham số này", "leave it out")
        instead = leave_out if area is None else Text(f"ghi {area} hoặc bỏ trống", f"write {area} or leave it out")
        raise UnknownJurisdiction(value=asked[:100], instead=instead)


_ASKED = [Depends(check_jurisdiction)]


def _answer(root: str, value: Any, form: Form, language: str, status: int = 200) -> Response:
    headers = {"content-language": language, "vary": VARY}
    return Response(dumps(root, value, form), status, headers, media_type=MEDIA_TYPES[form])


# --- what there is ---


@router.get("/discovery.{format}", response_model=Discovery, responses=described(Discovery))
@router.get("/v2/discovery.{format}", response_model=Discovery, responses=described(Discovery), include_in_schema=False)
async def get_discovery(request: Request, hub: HubDep, language: Language, form: In) -> Response:
    """Where and how GeoReport is spoken here."""
    settings = hub.settings
    contact = Text("Người vận hành trung tâm này", "The operator of this centre").fill(language, {})
    key = Text(
        "Người vận hành cấp khóa có quyền reports:submit: ioc-hub key create.",
        "The operator gives keys with the scope reports:submit: ioc-hub key create.",
    )
    endpoint = {
        "specification": _SPECIFICATION,
        "url": f"{_base(request)}/open311/v2",
        "changeset": _CHANGED,
        "type": "test" if settings.demo else "production",
        "formats": ["text/xml", "application/json"],
    }
    found = {
        "changeset": _CHANGED,
        "contact": settings.contact or contact,
        "key_service": key.fill(language, {}),
        "endpoints": [endpoint],
    }
    return _answer("discovery", found, form, language)


@router.get(
    "/v2/services.{format}", response_model=list[Service], responses=described(list[Service]), dependencies=_ASKED
)
async def get_services(desk: ReadDesk, language: Language, form: In) -> Response:
    """What may be reported today: the categories."""
    found = [_service_out(one, language) for one in desk.rules.categories_on(desk.local.date())]
    return _answer("services", found, form, language)


@router.get(
    "/v2/services/{service_code}.{format}",
    response_model=ServiceDefinition,
    responses=described(ServiceDefinition),
    dependencies=_ASKED,
)
async def get_service(
    desk: ReadDesk, language: Language, service_code: Annotated[str, Path(max_length=100)], form: In
) -> Response:
    """What may be said of a report beyond the fields of the standard: when it happened, and who may see it."""
    category = require_service(desk, service_code)
    attributes = [_attribute_out(order, one, language) for order, one in enumerate(_ATTRIBUTES, start=1)]
    found = {"service_code": category.code, "attributes": attributes}
    return _answer("service_definition", found, form, language)


_URGENCY = {
    "urgent": Text("Khẩn", "Urgent"),
    "normal": Text("Bình thường", "Normal"),
    "complex": Text("Phức tạp", "Complex"),
}
_ATTRIBUTES: Sequence[tuple[str, str, Text, Text, Mapping[Visibility, Text]]] = (
    (
        "occurred_at", "datetime", Text("Xảy ra lúc nào?", "When did it happen?"),
        Text("có múi giờ, như 2026-11-21T19:30:00+07:00", "with an offset, like 2026-11-21T19:30:00+07:00"), {},
    ),
    (
        "visibility", "singlevaluelist", Text("Ai được xem phản ánh?", "Who may see the report?"),
        Text("mặc định: công khai", "public by default"),
        {
            "public": Text("Công khai", "Everybody"),
            "withheld": Text("Công khai, giấu danh tính và vị trí chính xác", "Everybody; not who, and only roughly where"),
            "private": Text("Không công khai", "Only who handles it"),
        },
    ),
)  # fmt: skip


def _service_out(category: Category, language: str) -> dict[str, Any]:
    name = category.name.fill(language, {})
    hidden = Text("{name}. Không công khai.", "{name}. Never published.")
    return {
        "service_code": category.code,
        "service_name": name,
        "description": name if category.public else hidden.fill(language, {"name": name}),
        "metadata": True,
        "type": "realtime",
        "keywords": f"{category.name.vi}, {category.name.en}",
        "group": _URGENCY[category.urgency].fill(language, {}),
    }


def _attribute_out(
    order: int, attribute: tuple[str, str, Text, Text, Mapping[Visibility, Text]], language: str
) -> dict[str, Any]:
    code, datatype, question, hint, values = attribute
    return {
        "variable": True,
        "code": code,
        "datatype": datatype,
        "required": False,
        "datatype_description": hint.fill(language, {}),
        "order": order,
        "description": question.fill(language, {}),
        "values": [{"key": key, "name": name.fill(language, {})} for key, name in values.items()],
    }


# --- requests ---


@router.get(
    "/v2/requests.{format}",
    response_model=list[ServiceRequest],
    responses=described(list[ServiceRequest]),
    dependencies=_ASKED,
)
async def get_requests(
    request: Request,
    hub: HubDep,
    session: ReadSession,
    desk: ReadDesk,
    uploads: UploadsDep,
    language: Language,
    form: In,
    service_request_id: RequestIds = None,
    service_code: Annotated[list[str] | None, Query(max_length=100)] = None,
    start_date: Instant = None,
    end_date: Instant = None,
    status: Annotated[list[str] | None, Query(max_length=10, description="open, closed")] = None,
    updated_after: Instant = None,
    updated_before: Instant = None,
    lat: Annotated[float | None, Query(ge=-90, le=90, description="With long.")] = None,
    long: Annotated[float | None, Query(ge=-180, le=180)] = None,
    radius: Annotated[float, Query(gt=0, le=50_000, description="Metres from lat and long to each side.")] = 1_000,
    page: Page = 1,
    page_size: PageSize = 1000,
    extensions: Annotated[bool, Query(description="There are no more fields than these.")] = False,
) -> Response:
    """Reports, the newest first: the public's are those that are published; with a key also those that the caller handles or sent.

    `service_request_id` wins over everything else. Without `start_date` and `end_date` (of when it was received; at most 90 days) the
    last 90 days are meant, or all days when it is asked by `updated_after` or `updated_before`.
    """
    if service_request_id is not None:
        found = await requests_by_id(session, desk, split(service_request_id))
    else:
        moments = {"start_date": start_date, "end_date": end_date}
        requested = _span(hub, desk, moments, defaults=updated_after is None and updated_before is None)
        updated = Span(*_moments(hub, {"updated_after": updated_after, "updated_before": updated_before}))
        wanted = Wanted(
            corners=_corners(lat, long, radius),
            categories=_codes(desk, service_code or ()),
            states=_states(status or ()),
        )
        found = await find_requests(session, desk, wanted, requested, updated, page, page_size)
    return await _requests_answer(request, session, desk, uploads, found, form, language)


@router.get(
    "/v2/requests/{service_request_id}.{format}",
    response_model=list[ServiceRequest],
    responses=described(list[ServiceRequest]),
    dependencies=_ASKED,
)
async def get_request(
    request: Request,
    session: ReadSession,
    desk: ReadDesk,
    uploads: UploadsDep,
    language: Language,
    service_request_id: Annotated[str, Path(max_length=100)],
    form: In,
) -> Response:
    """One report, in a list of one."""
    found = await require_report(session, desk, require_id(service_request_id))
    return await _requests_answer(request, session, desk, uploads, [found], form, language)


@router.get(
    "/v2/tokens/{token}.{format}",
    response_model=list[RequestToken],
    responses=described(list[RequestToken]),
    dependencies=_ASKED,
)
async def get_token(
    session: ReadSession, desk: ReadDesk, language: Language, token: Annotated[str, Path(max_length=100)], form: In
) -> Response:
    """The report of a token. Each has its id as soon as it is sent, which is its token, too."""
    report = await require_report(session, desk, require_id(token))
    found = [{"service_request_id": report.id, "token": report.id}]
    return _answer("service_requests", found, form, language)


@router.post(
    "/v2/requests.{format}",
    status_code=201,
    response_model=list[RequestTaken],
    responses=described(list[RequestTaken]) | {201: {"content": {"text/xml": {}}, "description": "Taken."}},
    openapi_extra=form_schema(RequestForm, files=True),
)
async def post_request(
    request: Request,
    hub: HubDep,
    cache: RulesDep,
    identities: IdentitiesDep,
    uploads: UploadsDep,
    address: Address,
    caller: CallerDep,
    language: Language,
    form: In,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$")] = None,
) -> Response:
    """Send a report, as a form; photos as files in `media`. It is stored when this answers.

    The same form again within a day, with the same key, is the same report (200), and so is the same `Idempotency-Key`. A photo that is
    not taken does not hold up its report: `service_notice` says why.
    """
    sent, photos = await _read(request, RequestForm)
    caller = await _sender(hub, caller, sent)
    said = _checked(RequestForm, sent)
    require_jurisdiction(hub, said.jurisdiction_id)
    async with hub.database.write_session() as session:
        catalogue, rules = await hub.catalogues.current(session), await cache.current(session)
        desk = Desk(catalogue, rules, hub.settings, hub.pepper, identities, datetime.now(UTC), caller)
        report, is_new = await take_request(session, desk, said, idempotency_key)
        report_id = report.id
    notices = [_NOT_FETCHED.fill(language, {})] if said.media_url else []
    notices += [
        f"media {number}: {why}"
        for number, photo in enumerate(photos, start=1)
        if (why := await _keep(uploads, desk, address, report_id, number, photo, language)) is not None
    ]
    taken = {
        "service_request_id": report_id,
        "service_notice": " ".join(notices) or None,
        "account_id": said.account_id,
    }
    return _answer("service_requests", [taken], form, language, status=201 if is_new else 200)


_NOT_FETCHED = Text(
    "Ảnh ở media_url không được tải về; hãy gửi kèm tệp trong media.",
    "What media_url shows is not fetched; send the file itself in media.",
)


async def _keep(
    uploads: Uploads, desk: Desk, address: str, report_id: UUID, number: int, photo: bytes, language: str
) -> str | None:
    """Take a photo; or why not, when that is the photo's fault."""
    try:
        await uploads.keep(desk, report_id, number, Piece(0, len(photo), photo))
        await uploads.finish(desk, report_id, number, len(photo), sender_of(desk, address))
    except HubError as error:
        if error.status >= 500:
            raise
        return error.detail(language)
    return None


# --- updates: the extension of FixMyStreet ---


@router.get(
    "/v2/servicerequestupdates.{format}",
    response_model=list[RequestUpdate],
    responses=described(list[RequestUpdate]),
    dependencies=_ASKED,
)
async def get_updates(
    request: Request,
    hub: HubDep,
    session: ReadSession,
    desk: ReadDesk,
    uploads: UploadsDep,
    language: Language,
    form: In,
    service_request_id: RequestIds = None,
    start_date: Instant = None,
    end_date: Instant = None,
    page: Page = 1,
    page_size: PageSize = 1000,
) -> Response:
    """What became of reports, the oldest first, by when it could be known: one span of time after another has everything, once."""
    told = _span(hub, desk, {"start_date": start_date, "end_date": end_date}, defaults=not service_request_id)
    found = await find_updates(session, desk, split(service_request_id or ()), told, page, page_size)
    photos = await first_photos(session, desk, [one.report for one in found], "after")
    items = [
        {
            "update_id": one.id,
            "service_request_id": one.report.id,
            "status": status_of(one.state),
            "updated_datetime": desk.shown(one.at),
            "description": _told(desk, one, language),
            "media_url": await _link(request, uploads, desk, photos.get(one.report.id))
            if one.state == State.published and not one.comment
            else None,
        }
        for one in found
    ]
    return _answer("service_request_updates", items, form, language)


@router.post(
    "/v2/servicerequestupdates.{format}",
    response_model=list[UpdateTaken],
    responses=described(list[UpdateTaken]),
    openapi_extra=form_schema(UpdateForm, files=False),
)
async def post_update(
    request: Request,
    hub: HubDep,
    cache: RulesDep,
    identities: IdentitiesDep,
    caller: CallerDep,
    language: Language,
    form: In,
) -> Response:
    """Say for a citizen that a report may be closed, is to be opened again, or what was asked about it. The same again changes nothing."""
    sent, _ = await _read(request, UpdateForm)
    caller = await _sender(hub, caller, sent)
    said = _checked(UpdateForm, sent)
    require_jurisdiction(hub, said.jurisdiction_id)
    async with hub.database.write_session() as session:
        catalogue, rules = await hub.catalogues.current(session), await cache.current(session)
        desk = Desk(catalogue, rules, hub.settings, hub.pepper, identities, datetime.now(UTC), caller)
        event = await take_update(session, desk, said)
        taken = {"update_id": str(event.id)}
    return _answer("service_request_updates", [taken], form, language)


# --- forms ---


async def _read(request: Request, form: type[BaseModel]) -> tuple[dict[str, Any], list[bytes]]:
    """The fields of a form, as they are, and its photos. An empty field is none, lists are those of `form`.

    Raises:
        UnsupportedMediaType, MalformedBody: it is no form, or broken.
        InvalidRequest: a field stands there twice, or a file where none belongs.
    """
    said = request.headers.get("content-type", "")
    media_type, parameters = parse_options_header(said)
    # The framework would decode by any codec that Python has: some fail, and that of punycode takes minutes.
    if media_type.decode("latin-1") not in _FORMS or parameters.get(b"charset", b"utf-8").lower() != b"utf-8":
        raise UnsupportedMediaType(value=said[:100] or "–", offered="; charset=utf-8, ".join(_FORMS))
    async with request.form(
        max_files=MOST, max_fields=_MOST_FIELDS, max_part_size=_LONGEST_FIELD
    ) as read:  # of forms without files, too
        lists = {name for name, field in form.model_fields.items() if field.default == []}
        return _fields(read, lists), [await one.read() for one in read.getlist("media") if isinstance(one, UploadFile)]


def _fields(read: FormData, lists: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    mistakes = []
    for name, value in read.multi_items():
        if isinstance(value, UploadFile):
            if name != "media":
                mistakes.append(_mistake(name, Text("tệp chỉ gửi trong media", "files belong into media")))
        elif not value.strip():
            continue
        elif name in lists:
            found.setdefault(name, []).append(value)
        elif name in found:
            mistakes.append(_mistake(name, Text("chỉ gửi một lần", "it may be sent only once")))
        else:
            found[name] = value
    if mistakes:
        raise InvalidRequest(count=len(mistakes), errors=mistakes)
    return found


def _mistake(name: str, why: Text) -> RowError:
    return RowError("invalid", pointer=f"/{name[:100]}", facts={"why": why})


async def _sender(hub: Hub, caller: Caller | None, sent: Mapping[str, Any]) -> Caller:
    """Who sends, by the key in the header or in the form. Raises: KeyRequired, KeyRefused, ScopeMissing."""
    if caller is None and (key := sent.get("api_key")) is not None:
        caller = await hub.keys.caller(key)
    return require_caller(caller, SUBMIT, _TO_SEND)


def _checked(form: type[_A_FORM], sent: Mapping[str, Any]) -> _A_FORM:
    """Raises: InvalidRequest."""
    try:
        return form.model_validate(sent)
    except ValidationError as error:
        names = [field.alias or name for name, field in form.model_fields.items()]
        mistakes = [
            row_error(one, pointer="/" + str(one["loc"][0])[:100] if one["loc"] else None, fields=names)
            for one in error.errors()
        ]
        raise InvalidRequest(count=len(mistakes), errors=mistakes) from error


# --- questions ---


def _moments(hub: Hub, asked: Mapping[str, str | None]) -> list[datetime | None]:
    return [None if text is None else asked_instant(hub, name, text) for name, text in asked.items()]


def _span(hub: Hub, desk: Desk, asked: Mapping[str, str | None], *, defaults: bool) -> Span:
    """Of two moments; where none is given everything, or what the standard means then."""
    start, end = _moments(hub, asked)
    if start is None and end is None and not defaults:
        return Span(None, None)
    try:
        return span(start, end, desk.now)
    except NotValid as error:
        raise refused("end_date", "invalid", asked["end_date"], why=error.why) from error


def _codes(desk: Desk, asked: Sequence[str]) -> list[str]:
    """Those of earlier days may be asked for, too."""
    codes = split(asked)
    for code in codes:
        if code not in desk.rules.categories:
            require_service(desk, code)
    return codes


def _states(asked: Sequence[str]) -> list[str]:
    statuses = split(asked)
    for one in statuses:
        if one not in {"open", "closed"}:
            raise refused("status", "not-one-of", one[:100], expected="open, closed")
    return states_of(statuses)  # type: ignore[arg-type] # as was just checked


def _corners(lat: float | None, long: float | None, radius: float) -> tuple[Point, Point] | None:
    if lat is None and long is None:
        return None
    if lat is None or long is None:
        raise refused("lat" if lat is None else "long", "missing", None)
    return box(Point(lat, long), radius / 1000)


# --- answers ---


def _base(request: Request) -> str:
    """Where the hub is, as the caller called it."""
    return str(request.base_url).rstrip("/")


async def _requests_answer(
    request: Request,
    session: AsyncSession,
    desk: Desk,
    uploads: Uploads,
    found: Sequence[models.Report],
    form: Form,
    language: str,
) -> Response:
    photos = await first_photos(session, desk, found, "before")
    items = [
        _request_out(desk, one, await _link(request, uploads, desk, photos.get(one.id)), language) for one in found
    ]
    return _answer("service_requests", items, form, language)


def _request_out(desk: Desk, report: models.Report, media_url: str | None, language: str) -> dict[str, Any]:
    """From what `/v1/reports` shows the same caller; in the notes never more than the public may read."""
    shown = report_out(desk, report, language)
    point = shown["point"] or {"latitude": None, "longitude": None}
    reply = report.reply if desk.answer_is_public(report) else None
    return {
        "service_request_id": report.id,
        "status": status_of(report.state),
        "status_notes": ": ".join(filter(None, (shown["label"], reply))),
        "service_name": shown["category_name"],
        "service_code": report.category,
        "description": shown["description"],
        "agency_responsible": shown["agency_name"],
        "service_notice": None,
        "requested_datetime": shown["received_at"],
        "updated_datetime": desk.shown(report.changed_at),
        "expected_datetime": shown.get("handling_due_at"),
        "address": shown["address"],
        "address_id": None,
        "zipcode": None,
        "lat": point["latitude"],
        "long": point["longitude"],
        "media_url": media_url,
    }


def _told(desk: Desk, update: Update, language: str) -> str:
    """In words: what was said, or where it came to, what was answered; and why, for who has to do with it."""
    if update.comment:
        return update.words or ""
    label = LABELS[update.state].fill(language, {})
    reason = update.reason if desk.roles(update.report) else None
    return ": ".join(filter(None, (label, reason or update.words)))


async def _link(request: Request, uploads: Uploads, desk: Desk, photo: models.ReportPhoto | None) -> str | None:
    """A picture to look at on a screen, for an hour."""
    if photo is None:
        return None
    link = await uploads.store.link(photo_key(photo.sha256, "screen"), desk.now, _LASTING)
    return f"{_base(request)}{link}" if link.startswith("/") else link
