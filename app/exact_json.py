"""JSON with exact decimals: 0.1 sent is 0.1 served, and 18 digits survive.

`json` and pydantic-core read a JSON number through a binary double; jiter keeps its digits. orjson writes a `Decimal` as the
JSON number with its own digits.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import jiter
import orjson

from app.errors import NotValid, Text

_MOST_DIGITS = 400  # more than any double has


class MalformedJson(NotValid):
    """No JSON, or not for the hub: why, and at which line and column."""


def loads(body: bytes) -> Any:
    """Numbers with a fraction or an exponent become `Decimal`, others `int`. NaN, Infinity and repeated names are refused.

    Raises:
        MalformedJson: with the place and the reason.
    """
    try:
        value = jiter.from_json(
            body, float_mode="decimal", allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys"
        )
    except ValueError as error:
        raise MalformedJson(_in_both(str(error))) from error
    _refuse_beyond_all_figures(value)
    return value


def _refuse_beyond_all_figures(value: Any) -> None:
    """Ten bytes may say a number of a billion digits, and whoever takes it for a whole number writes them all down."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, Decimal) and abs(one.adjusted()) > _MOST_DIGITS:
            raise MalformedJson(
                Text(f"{one} có quá {_MOST_DIGITS} chữ số", f"{one} is a number of more than {_MOST_DIGITS} digits")
            )


def _in_both(said: str) -> Text:
    """The parser speaks English; its end says where."""
    what, _, where = said.rpartition(" at line ")
    line, _, column = where.partition(" column ")
    mistakes = (vi for en, vi in _MISTAKES.items() if what.startswith(en))
    return Text(f"{next(mistakes, 'sai cú pháp JSON')} ở dòng {line}, cột {column}", said)


_MISTAKES = {
    "EOF": "JSON bị cắt ngang",
    "Detected duplicate key": "tên này đã có trong cùng đối tượng JSON",
    "trailing comma": "thừa dấu phẩy",
    "trailing characters": "thừa ký tự sau khi JSON đã hết",
    "key must be a string": "tên phải đặt trong dấu ngoặc kép",
    "recursion limit": "JSON lồng quá sâu",
}


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
