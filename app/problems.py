"""Errors as RFC 9457 problem details, in the caller's language, for every way a request can fail."""

from collections.abc import Mapping
from typing import Any

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path

from app import errors, exact_json, georeport
from app.errors import HubError, RowError
from app.mistakes import MOST_HINTS, fields_at, row_error

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
# By what an answer is another, problems included: whom a report is hidden from hears 404. How, and who asks.
VARY = "Accept, Accept-Language, X-API-Key, Authorization, X-Report-Token, X-Visitor-Token"


def preferred_language(header: str | None) -> str:
    """`en` when the caller prefers it to Vietnamese, else `vi`."""
    best = {"vi": 0.0, "en": 0.0}
    for item in (header or "").split(","):
        tag, _, weight = item.partition(";")
        language = tag.strip().lower().partition("-")[0]
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if language in best:
            best[language] = max(best[language], quality)
    return "en" if best["en"] > best["vi"] else "vi"


def problem_body(error: HubError, language: str, request_id: str) -> dict[str, Any]:
    return {
        "type": f"/problems/{error.code}",
        "title": error.title.fill(language, {}),
        "status": error.status,
        "detail": error.detail(language),
        "code": error.code,
        "request_id": request_id,
        "errors": [row_problem(one, language) for one in error.errors],
    }


def row_problem(error: RowError, language: str) -> dict[str, Any]:
    return {
        "row": error.row,
        "pointer": error.pointer,
        "code": error.code,
        "value": error.value,
        "detail": error.detail(language),
    }


def problem_response(request: Request, error: HubError) -> Response:
    language = preferred_language(request.headers.get("accept-language"))
    request_id = getattr(request.state, "request_id", "-")
    # The id again here: what nobody foresaw is answered outside the middleware that gives it to every answer.
    headers: Mapping[str, str] = {
        "content-language": language, "vary": VARY, "x-request-id": request_id, **error.headers
    }  # fmt: skip
    if (form := georeport.form_of(request.url.path)) is not None:  # a standard with errors of its own
        status, found = georeport.errors(error, language)
        body = georeport.dumps("errors", found, form)
        return Response(body, status, headers, media_type=georeport.MEDIA_TYPES[form])
    body = exact_json.dumps(problem_body(error, language, request_id))
    return Response(body, error.status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """One handler for the hub's own errors; the framework's and the driver's are translated into those."""

    async def hub_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HubError)
        return problem_response(request, error)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem_response(request, _of_http(request, error))

    async def validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(request, _of_validation(request, error))

    async def database_error(request: Request, error: Exception) -> Response:
        log.error("database unavailable", error=str(error))
        unavailable = errors.Unavailable(
            retry_after=errors.RETRY_AFTER, headers={"retry-after": str(errors.RETRY_AFTER)}
        )
        return problem_response(request, unavailable)

    async def driver_error(request: Request, error: Exception) -> Response:
        cause = error.orig if isinstance(error, DBAPIError) else error
        # 53: out of disk, memory or connections; 40: a deadlock or a serialisation failure. Both pass.
        state = getattr(cause, "sqlstate", None) or ""
        if isinstance(cause, psycopg.OperationalError) or state[:2] in {"53", "57", "08", "40"}:
            return await database_error(request, error)
        return await unexpected(request, error)

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=400)  # nobody hears it; it is counted, and no failure of ours

    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("request failed", exc_info=error)
        return problem_response(request, errors.InternalError())

    app.add_exception_handler(HubError, hub_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    for kind in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(kind, database_error)
    app.add_exception_handler(DBAPIError, driver_error)
    app.add_exception_handler(psycopg.Error, driver_error)  # the ingest speaks to the driver itself
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(Exception, unexpected)


async def answer_to(request: Request, error: Exception) -> Response:
    """The answer to what was raised where the framework does not catch it."""
    handlers = request.app.exception_handlers
    handler = next(handlers[kind] for kind in type(error).__mro__ if kind in handlers)
    answer: Response = await handler(request, error)
    return answer


def _of_http(request: Request, error: HTTPException) -> HubError:
    match error.status_code:
        case 404:
            return errors.NotFound(path=request.url.path)
        case 405:
            allow = ", ".join(sorted(_methods(request))) or (error.headers or {}).get("Allow", "GET")
            return errors.MethodNotAllowed(
                path=request.url.path, method=request.method, allow=allow, headers={"allow": allow}
            )
        case 400:
            # Where FastAPI itself reads the body it hides what the middleware found wrong with it.
            if isinstance(error.__cause__, HubError):
                return error.__cause__
            return errors.MalformedBody(why=str(error.detail))
    return errors.InternalError()


def _methods(request: Request) -> set[str]:
    """The methods of every route with this path, by the description; the framework names those of the first one only."""
    paths = request.app.openapi()["paths"]
    asked = request.url.path
    # `/v1/displays/me` is not one of `/v1/displays/{display}`.
    alike = [asked] if asked in paths else [path for path in paths if compile_path(path)[0].match(asked)]
    return {method.upper() for path in alike for method in paths[path]}


def _of_validation(request: Request, error: RequestValidationError) -> HubError:
    found, body = [], request.scope["route"].body_field
    for number, mistake in enumerate(error.errors()):
        where = [str(step).replace("~", "~0").replace("/", "~1") for step in _place(mistake, error.body)]
        names = [] if body is None else fields_at(body.field_info.annotation, mistake["loc"][1:-1])
        found.append(row_error(mistake, pointer="/" + "/".join(where), fields=names, hint=number < MOST_HINTS))
    return errors.InvalidRequest(count=len(found), errors=found)


def _place(mistake: Mapping[str, Any], body: Any) -> list[str | int]:
    """Where in the body it is, or in the query. Which of several shapes was meant is no place, though pydantic says it as one."""
    steps = list(mistake["loc"])
    if not steps or steps[0] != "body":
        return steps
    place: list[str | int] = []
    here, entered = body, False
    for number, step in enumerate(steps[1:], start=2):
        if isinstance(here, dict):
            tag = entered and here.get("kind") == step  # a widget of kind "text" has a field of that name, too
            last, entered = number == len(steps), False
            # What is wrong with a shape as a whole ends with its tag; otherwise the last step is a field, perhaps one that is missing.
            if (tag and (not last or mistake["type"] == "value_error")) or (step not in here and not last):
                continue
            here = here.get(step)
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here, entered = here[step], True
        place.append(step)
    if mistake["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        place.append(mistake["ctx"]["discriminator"].strip("'"))
    return place
