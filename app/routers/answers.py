"""Answers: exact JSON or CSV, with a strong ETag, and 304 when the caller has it already."""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from fastapi import Request, Response

from app import exact_json
from app.errors import HubError, NotAcceptable, all_errors
from app.problems import MEDIA_TYPE, VARY

JSON, CSV = "application/json", "text/csv"


def problems(*kinds: type[HubError]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: its problems by status, and those that every route can have."""
    by_status: dict[int | str, list[type[HubError]]] = {}
    common = [
        error
        for error in all_errors()
        if error.code in {"invalid-request", "internal-error", "unavailable", "key-refused"}
    ]
    for kind in (*kinds, *common):
        by_status.setdefault(kind.status, []).append(kind)
    return {
        status: {
            "description": "; ".join(
                f"`{kind.code}`: {(kind.__doc__ or '').strip().splitlines()[0]}" for kind in of_status
            ),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, of_status in sorted(by_status.items(), key=str)
    }


NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "What the caller has (If-None-Match) is still right."}
}


def wanted(request: Request, *offered: str) -> str:
    """The best of the offered media types by `Accept`; the first when the caller does not mind.

    Raises:
        NotAcceptable: none of them will do.
    """
    header = request.headers.get("accept", "").strip()
    if not header:
        return offered[0]
    best: tuple[float, int, str] | None = None
    for item in header.split(","):
        media, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = next((_quality(one[2:]) for one in parameters if one.startswith("q=")), 1.0)
        for place, offer in enumerate(offered):
            kind = offer.partition("/")[0]
            if quality > 0 and media in {offer, f"{kind}/*", "*/*"} and (best is None or (quality, -place) > best[:2]):
                best = (quality, -place, offer)
    if best is None:
        raise NotAcceptable(value=header[:200], offered=", ".join(offered))
    return best[2]


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def etag(request: Request, *parts: object) -> str:
    """A strong tag for this question, this caller's language and format, and this state of the hub (a change number)."""
    question = (
        request.scope["path"],
        request.scope["query_string"].decode(),
        request.headers.get("accept"),
        request.headers.get("accept-language"),
        *parts,
    )
    return '"' + hashlib.blake2b(repr(question).encode(), digest_size=12).hexdigest() + '"'


def not_modified(request: Request, tag: str) -> Response | None:
    """304 when `If-None-Match` has the tag."""
    if not is_known(request.headers.get("if-none-match", ""), tag):
        return None
    return Response(status_code=304, headers={"etag": tag, "vary": VARY})


def is_known(header: str, tag: str) -> bool:
    """Whether `If-None-Match` has the tag."""
    return header.strip() == "*" or tag in {one.strip().removeprefix("W/") for one in header.split(",")}


def answer(
    body: Any, language: str, *, tag: str | None = None, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(exact_json.dumps(body), status, {**_headers(language, tag), **(headers or {})}, media_type=JSON)


def csv_answer(
    columns: Sequence[str], rows: Iterable[Iterable[Any]], language: str, *, tag: str | None = None
) -> Response:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return Response(out.getvalue(), headers=_headers(language, tag), media_type=f"{CSV}; charset=utf-8")


def _cell(value: Any) -> Any:
    """As JSON writes it, without the quotes; an absent value is an empty cell."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return exact_json.plain(value)
    return value.isoformat() if isinstance(value, date) else value


def _headers(language: str, tag: str | None) -> dict[str, str]:
    headers = {"content-language": language, "vary": VARY}
    return headers | {"etag": tag, "cache-control": "no-cache"} if tag else headers
