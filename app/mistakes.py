"""What pydantic finds wrong, in the hub's words: what it is, and what would be right."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from app import exact_json
from app.errors import NotValid, RowError, Text

MOST_HINTS = 32  # to look for like names takes time, and nobody reads more


def row_error(
    mistake: Mapping[str, Any],
    *,
    row: int | None = None,
    pointer: str | None = None,
    fields: Sequence[str] = (),
    hint: bool = True,
) -> RowError:
    """One of pydantic's mistakes (`ValidationError.errors()`) in the hub's words.

    `fields` are those that may stand there; with `hint` the one that was probably meant is named.
    """
    kind: str = mistake["type"]
    value = mistake.get("input")
    context: Mapping[str, Any] = mistake.get("ctx", {})
    # JSON is written with integers of 64 bits at most.
    small = value is None or (isinstance(value, int) and abs(value) < 2**63)
    shown = value if small else _written(value)[:200]
    more: dict[str, Any] = {}
    match kind:
        case "missing":
            code, shown = "missing", None
        case "extra_forbidden" | "unexpected_keyword_argument":
            code, more = "unknown-field", unknown_field(fields, mistake["loc"][-1] if hint else None)
        case "decimal_parsing" | "decimal_type" | "finite_number" | "is_instance_of":
            code = "value-not-number"
        case "decimal_max_digits" | "decimal_max_places" | "decimal_whole_digits":
            code = "value-too-long"
            more |= {"integers": 20, "decimals": 12}
        case "union_tag_invalid":
            code, shown = "not-one-of", str(context["tag"])[:200]
            more["expected"] = str(context["expected_tags"])
        case "union_tag_not_found":
            code, shown = "missing", None
        case "literal_error" | "enum":
            code = "not-one-of"
            more["expected"] = str(context.get("expected", "")).replace("' or '", "', '")
        case _ if kind in _EXPECTED:
            code = "wrong-type"
            more["expected"] = _EXPECTED[kind]
        case _ if kind in _BOUNDS:
            code = "out-of-range"
            more["why"] = _bound(kind, context)
        case _:
            code = "invalid"
            more["why"] = _why(mistake, context)
    return RowError(code, row, pointer, shown, more)


def _written(value: Any) -> str:
    """A value as the sender wrote it, or nearly so: objects and lists as JSON."""
    if isinstance(value, dict | list):
        try:
            return exact_json.dumps(value).decode()
        except TypeError:  # a whole number of more than 64 bits is in it
            pass
    return str(value)


def unknown_field(fields: Sequence[str], name: object) -> dict[str, Any]:
    """The facts of `unknown-field`: which fields there are, and which of them was probably meant (name None: not asked)."""
    near = [] if name is None else difflib.get_close_matches(str(name)[:100], fields, n=1)
    return {
        "fields": ", ".join(fields) or Text("xem /docs", "see /docs"),
        "meant": Text(f" (có phải '{near[0]}'?)", f" (did you mean '{near[0]}'?)") if near else "",
    }


def _bound(kind: str, context: Mapping[str, Any]) -> Text:
    name, words = _BOUNDS[kind]
    bound = context.get(name, "–")
    en = words.en.format(bound)
    return Text(words.vi.format(bound), en.removesuffix("s") if bound == 1 else en)


def _why(mistake: Mapping[str, Any], context: Mapping[str, Any]) -> Text:
    """What pydantic has no other kind for; its own words are English, and no message is half Vietnamese."""
    error = context.get("error")
    if isinstance(error, NotValid):
        return error.why
    if mistake["type"] == "string_pattern_mismatch" and context.get("pattern") in PATTERNS:
        return PATTERNS[context["pattern"]]
    return Text("xem các giá trị nhận được ở /docs", str(mistake["msg"]).removeprefix("Value error, "))


_OBJECT, _WHOLE = Text("một đối tượng JSON", "a JSON object"), Text("số nguyên", "a whole number")
_TRUTH, _DAY = Text("true hoặc false", "true or false"), Text("ngày có thật, như 2025-07-01", "a day, like 2025-07-01")
_INSTANT = Text(
    "thời điểm có múi giờ, như 2026-11-21T19:30:00+07:00", "an instant with an offset, like 2026-11-21T19:30:00+07:00"
)
_UUID = Text("UUID, như 7a0e4a52-9c37-4c11-9d4e-0f5c3f0d7c11", "a UUID, like 7a0e4a52-9c37-4c11-9d4e-0f5c3f0d7c11")
_EXPECTED: Mapping[str, Text] = {
    "string_type": Text("chuỗi ký tự", "a string"),
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "list_type": Text("một danh sách", "a list"),
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": Text("số", "a number"),
    "float_parsing": Text("số", "a number"),
    "date_type": _DAY,
    "date_parsing": _DAY,
    "date_from_datetime_parsing": _DAY,
    "date_from_datetime_inexact": _DAY,
    "datetime_type": _INSTANT,
    "datetime_parsing": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
    "datetime_object_invalid": _INSTANT,
    "timezone_aware": _INSTANT,
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
}
# The name of the bound among what pydantic tells, and what would be right.
_BOUNDS: Mapping[str, tuple[str, Text]] = {
    "greater_than": ("gt", Text("phải lớn hơn {}", "it must be more than {}")),
    "greater_than_equal": ("ge", Text("phải từ {} trở lên", "it must be at least {}")),
    "less_than": ("lt", Text("phải nhỏ hơn {}", "it must be less than {}")),
    "less_than_equal": ("le", Text("nhiều nhất là {}", "it must be at most {}")),
    "string_too_short": ("min_length", Text("phải có ít nhất {} ký tự", "it must have at least {} characters")),
    "string_too_long": ("max_length", Text("chỉ được có tối đa {} ký tự", "it must have at most {} characters")),
    "too_short": ("min_length", Text("phải có ít nhất {} mục", "it must have at least {} items")),
    "too_long": ("max_length", Text("chỉ được có tối đa {} mục", "it must have at most {} items")),
}
_NO_NUL = Text("không được có ký tự NUL", "it must not have the character NUL in it")
# Every pattern of a schema or a parameter, as what would be right.
PATTERNS: Mapping[str, Text] = {
    r"^[a-z0-9]+(-[a-z0-9]+)*$": Text(
        "chỉ gồm chữ thường không dấu và chữ số, nối bằng dấu gạch ngang, như tong-quan",
        "only the letters a to z and digits, joined by hyphens, like tong-quan",
    ),
    r"^[A-Za-z0-9._-]+$": Text(
        "chỉ gồm chữ không dấu, chữ số và các dấu . _ -", "only the letters A to Z and a to z, digits and . _ -"
    ),
    r"^[A-Za-z0-9._-]+(@\d{4}-\d\d-\d\d)?$": Text(
        "là mã đơn vị, có thể kèm ngày, như 25813 hoặc 25813@2025-07-01",
        "the code of a unit, with a day if need be, like 25813 or 25813@2025-07-01",
    ),
    r"^[A-Za-z0-9_-]{32,200}$": Text(
        "gồm 32 đến 200 chữ không dấu, chữ số, _ hoặc -", "32 to 200 letters of ASCII, digits, _ or -"
    ),
    r"^[\x20-\x7e]+$": Text("chỉ gồm chữ không dấu, chữ số và dấu câu", "only letters, digits and signs of ASCII"),
    r"^[\x21-\x7e]+$": Text(
        "chỉ gồm chữ không dấu, chữ số và dấu câu, không có dấu cách",
        "only letters, digits and signs of ASCII, no spaces",
    ),
    r"^[^\x00]+$": _NO_NUL,
    r"^[^\x00]*$": _NO_NUL,
    r"^[0-2]\d:[0-5]\d-[0-2]\d:[0-5]\d$": Text("giờ làm việc như 07:30-11:30", "hours like 07:30-11:30"),
    r"^[^\x00\r\n]+$": Text("chỉ một dòng, không có ký tự NUL", "only one line, without the character NUL"),
}


# --- which fields there are -----------------------------------------------------------------------------------------


def fields_at(body: Any, place: Sequence[str | int]) -> list[str]:
    """The names that the object at a place of a body may use; `body` is its type, and a place that of pydantic (`loc`)."""
    kinds = list(_plain(body))
    for step in place:
        kinds = [inner for kind in kinds for inner in _inside(kind, step, tagged=len(kinds) > 1)]
    return list(dict.fromkeys(name for kind in kinds if _is_model(kind) for name in kind.model_fields))


def _plain(kind: Any) -> Iterator[Any]:
    """The types that something may be of."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _plain(get_args(kind)[0])
    elif origin in {Union, UnionType}:
        for one in get_args(kind):
            yield from _plain(one)
    else:
        yield kind


def _inside(kind: Any, step: str | int, *, tagged: bool) -> Iterable[Any]:
    """The types one step further. Which of several models was meant is a step, too."""
    if get_origin(kind) in {list, tuple} and isinstance(step, int):
        return _plain(get_args(kind)[0])
    if get_origin(kind) is dict:
        return _plain(get_args(kind)[1])
    if not _is_model(kind):
        return ()
    if tagged:
        tags = (field.annotation for field in kind.model_fields.values() if get_origin(field.annotation) is Literal)
        return (kind,) if any(step in get_args(tag) for tag in tags) else ()
    field = kind.model_fields.get(step)
    return () if field is None else _plain(field.annotation)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
