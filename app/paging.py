"""Keyset paging: a page ends with a cursor that says after which row the next one starts."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import orjson

from app.errors import InvalidRequest, RowError


def encode_cursor(key: Sequence[Any]) -> str:
    """The cursor for "after this key"; opaque to callers, stable while rows come and go."""
    return base64.urlsafe_b64encode(orjson.dumps(list(key))).decode().rstrip("=")


def decode_cursor(cursor: str, kinds: Sequence[type]) -> list[Any]:
    """The key in a cursor, checked against the kinds of its parts.

    Raises:
        InvalidRequest: the text is not a cursor of this list.
    """
    try:
        key = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        key = None
    if (
        not isinstance(key, list)
        or len(key) != len(kinds)
        or not all(type(part) is kind for part, kind in zip(key, kinds, strict=True))
    ):
        raise InvalidRequest(
            count=1, errors=[RowError("invalid", pointer="/query/cursor", value=cursor, facts={"why": "cursor"})]
        )
    return key
