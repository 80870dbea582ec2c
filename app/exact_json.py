"""JSON with exact decimals: 0.1 sent is 0.1 served, and 18 digits survive.

`json` and pydantic-core read a JSON number through a binary double; jiter keeps its digits. orjson writes a `Decimal` as the
JSON number with its own digits.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import jiter
import orjson

MalformedJson = ValueError


def loads(body: bytes) -> Any:
    """Numbers with a fraction or an exponent become `Decimal`, others `int`. NaN, Infinity and repeated names are refused.

    Raises:
        MalformedJson: with the place and the reason.
    """
    return jiter.from_json(
        body, float_mode="decimal", allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys"
    )


def dumps(value: Any) -> bytes:
    return orjson.dumps(value, default=_default, option=orjson.OPT_NON_STR_KEYS)


def plain(value: Decimal) -> str:
    """The shortest plain notation: no exponent, no trailing zeros after the point."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(plain(value).encode())
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(type(value))
