"""A report together with its photos, as a form: `report` is its JSON, `photos` are files.

So do the libraries of telephones send both in one call. The JSON is that of a call without photos, so that there is one shape of a
report, and a client that falls back to sending the photos by themselves sends the same.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from app import exact_json
from app.errors import HubError, InvalidRequest, MalformedBody, RowError, Text
from app.mistakes import fields_at, row_error, unknown_field
from app.reports.uploads import MOST, Enclosure
from app.routers.exact import ExactRoute
from app.schemas.reports import ReportIn

FORM = "multipart/form-data"
FORM_SHAPE: dict[str, Any] = {
    "type": "object",
    "required": ["report"],
    "properties": {
        "report": {"$ref": "#/components/schemas/ReportIn"},
        "photos": {
            "type": "array",
            "maxItems": MOST,
            "items": {"type": "string", "format": "binary"},
            "description": "One part for each file, all of this name; numbered from 1 in their order.",
        },
    },
}
_PARTS = ("report", "photos")
_LONGEST_REPORT = 256 * 1024  # bytes
_TOO_MANY = 2 * MOST  # parts of a form that is not even read to its end


class FormRoute(ExactRoute):
    """A route for forms beside the one that has the same path for JSON."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower() != FORM:
            return Match.NONE, {}
        return super().matches(scope)


@asynccontextmanager
async def form_of(request: Request) -> AsyncIterator[FormData]:
    """What is large in it is on the disk, until the block ends.

    Raises:
        MalformedBody: it is broken, or has far too many parts.
        BodyTooLarge: see `app.main`.
    """
    try:
        form = await request.form(max_files=_TOO_MANY, max_fields=_TOO_MANY, max_part_size=_LONGEST_REPORT)
    except HTTPException as error:
        if isinstance(error.__cause__, HubError):
            raise error.__cause__ from error
        most, long = MOST, _LONGEST_REPORT // 1024
        why = Text(
            f"biểu mẫu bị hỏng hoặc có quá nhiều phần; cần một phần report (tối đa {long} kB) và tối đa {most} tệp photos",
            f"the form is broken or has too many parts; it needs one part report (at most {long} kB) and at most {most} files photos",
        )
        raise MalformedBody(why=why) from error
    try:
        yield form
    finally:
        await form.close()


async def read_form(form: FormData) -> tuple[ReportIn, list[Enclosure]]:
    """Raises: InvalidRequest: with all that is wrong with the parts, or with the report in them."""
    mistakes = [
        RowError("unknown-field", pointer=f"/{name[:100]}", facts=unknown_field(_PARTS, name))
        for name in dict.fromkeys(form)
        if name not in _PARTS
    ]
    reports, photos = form.getlist("report"), form.getlist("photos")
    files = [one for one in photos if isinstance(one, UploadFile)]
    if not reports:
        mistakes.append(RowError("missing", pointer="/report"))
    if len(reports) > 1:
        mistakes.append(_mistake("report", Text("chỉ gửi một lần", "it may be sent only once")))
    if len(files) < len(photos):
        mistakes.append(_mistake("photos", Text("phải là tệp, có tên tệp", "each must be a file, with a filename")))
    if len(photos) > MOST:
        why = Text(f"{len(photos)} ảnh, tối đa {MOST}", f"{len(photos)} photos, at most {MOST}")
        mistakes.append(RowError("out-of-range", pointer="/photos", value=len(photos), facts={"why": why}))
    if mistakes:
        raise InvalidRequest(count=len(mistakes), errors=mistakes)
    enclosures = [Enclosure((one.filename or "")[:100], one.size or 0, one.read) for one in files]
    return await _report_of(reports[0]), enclosures


async def _report_of(part: UploadFile | str) -> ReportIn:
    """Browsers and some libraries make a file of a JSON that says what it is."""
    content = part.encode() if isinstance(part, str) else await part.read(_LONGEST_REPORT)
    try:
        said = exact_json.loads(content)
    except exact_json.MalformedJson as error:
        why = Text(f"không phải JSON: {error.why.vi}", f"it is not JSON: {error.why.en}")
        raise InvalidRequest(count=1, errors=[_mistake("report", why)]) from error
    try:
        return ReportIn.model_validate(said)
    except ValidationError as error:
        mistakes = []
        for one in error.errors():
            place = "".join(f"/{step}" for step in one["loc"])[:200]
            names = fields_at(ReportIn, one["loc"][:-1])
            mistakes.append(row_error(one, pointer=f"/report{place}", fields=names))
        raise InvalidRequest(count=len(mistakes), errors=mistakes) from error


@contextmanager
def in_report() -> Iterator[None]:
    """What is wrong with the report is named by where it is in the form."""
    try:
        yield
    except InvalidRequest as error:
        mistakes = [replace(one, pointer=f"/report{one.pointer or ''}") for one in error.errors]
        raise InvalidRequest(count=len(mistakes), errors=mistakes) from error


def _mistake(name: str, why: Text) -> RowError:
    return RowError("invalid", pointer=f"/{name}", facts={"why": why})
