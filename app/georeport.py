"""GeoReport v2 on the wire (wiki.open311.org/GeoReport_v2): one answer, as JSON or as XML, and its errors.

In JSON a collection is a bare array; in XML it has a root, and its items a name of their own. What is not known is null in JSON and an
empty element in XML. Requests are never XML.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal
from xml.etree import ElementTree

from app import exact_json
from app.errors import HubError

Form = Literal["json", "xml"]

PREFIX = "/open311/"
MEDIA_TYPES: Mapping[Form, str] = {"json": "application/json; charset=utf-8", "xml": "text/xml; charset=utf-8"}
_ITEMS = {
    "services": "service", "attributes": "attribute", "values": "value", "service_requests": "request",
    "service_request_updates": "request_update", "errors": "error", "endpoints": "endpoint", "formats": "format",
}  # fmt: skip
# A text may hold what XML 1.0 (2.2) cannot, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def form_of(path: str) -> Form | None:
    """In which form an answer at this path is; None: it is no path of GeoReport. XML is what every client must know."""
    if not path.startswith(PREFIX):
        return None
    return "json" if path.endswith(".json") else "xml"


def dumps(root: str, value: Any, form: Form) -> bytes:
    """Mappings, sequences, texts, numbers, truth and None; `root` is the name of the outermost in XML."""
    if form == "json":
        return exact_json.dumps(value)
    written = ElementTree.tostring(_element(root, value), encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{written}\n'.encode()


def _element(name: str, value: Any) -> ElementTree.Element:
    element = ElementTree.Element(name)
    if isinstance(value, Mapping):
        element.extend(_element(key, one) for key, one in value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        element.extend(_element(_ITEMS[name], one) for one in value)
    else:
        element.text = _text(value)
    return element


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return exact_json.plain(Decimal(repr(value)))
    return _NOT_XML.sub("\ufffd", str(value))


def errors(error: HubError, language: str) -> tuple[int, list[dict[str, Any]]]:
    """The status and the body of a refusal: one entry for each mistake.

    GeoReport knows 403 (the key), 404 (the service, the request, the jurisdiction) and 400 for everything else that is the caller's
    mistake. 405 stays, for it is about the method, and so does what is the hub's fault.
    """
    status = error.status
    if status == 401:
        status = 403
    elif status < 500 and status not in {403, 404, 405}:
        status = 400
    found = [f"{_field(one.pointer)}{one.detail(language)}" for one in error.errors]
    return status, [{"code": status, "description": one} for one in found or [error.detail(language)]]


def _field(pointer: str | None) -> str:
    """`/query/start_date` is called start_date there."""
    name = re.sub("^/(query/|path/|header/)?", "", pointer or "")
    return f"{name}: " if name else ""
