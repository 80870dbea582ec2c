"""Errors: every one has its words in both languages. With them what carries them: exact JSON, cursors, the language."""

import base64
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import core_schema

from app import exact_json
from app.errors import ROW_TEXTS, HubError, InvalidRequest, RowError, Text, UnknownUnit, all_errors
from app.mistakes import PATTERNS, row_error
from app.paging import decode_cursor, encode_cursor
from app.problems import preferred_language, problem_body
from app.schemas.catalogue import Lasting

LANGUAGES = ("vi", "en")
VIETNAMESE = re.compile(r"[ăâđêôơưàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ]", re.IGNORECASE)


# --- the catalogue of problems ---------------------------------------------------------------------------------------


def test_there_are_no_two_problems_of_one_code() -> None:
    codes = [error.code for error in all_errors()]
    assert len(codes) == len(set(codes)) > 20


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.code)
def test_every_problem_is_named_and_explained_in_both_languages(error: type[HubError]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code)
    assert 400 <= error.status < 600
    assert error.__doc__
    assert error.__doc__ != HubError.__doc__, "says what it means"
    for text in (error.title, error.text):
        assert VIETNAMESE.search(text.vi), text.vi
        assert not VIETNAMESE.search(text.en), text.en
    assert placeholders(error.text.vi) == placeholders(error.text.en)


@pytest.mark.parametrize("code", ROW_TEXTS)
def test_every_mistake_in_a_row_is_told_in_both_languages_whatever_is_known_of_it(code: str) -> None:
    text = ROW_TEXTS[code]
    assert VIETNAMESE.search(text.vi)
    assert not VIETNAMESE.search(text.en)
    assert placeholders(text.vi) == placeholders(text.en)
    for language in LANGUAGES:
        told = RowError(code, value="48 tỷ").detail(language)
        assert told.endswith(".")
        assert "{" not in told
        assert ("–" in told) == bool(placeholders(text.en) - {"value"})  # a dash for each fact that is missing


def placeholders(sentence: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", sentence))


@pytest.mark.parametrize(("language", "detail"), [
    ("vi", "Không có đơn vị 'bencat'. Gần nhất: 721."),
    ("en", "There is no unit 'bencat'. Nearest: 721."),
    ("fr", "Không có đơn vị 'bencat'. Gần nhất: 721."),
])  # fmt: skip
def test_a_problem_speaks_the_callers_language(language: str, detail: str) -> None:
    error = UnknownUnit(value="bencat", nearest=Text("Gần nhất: 721", "Nearest: 721"))
    body = problem_body(error, language, "r-1")
    assert (body["type"], body["status"], body["code"]) == ("/problems/unknown-unit", 404, "unknown-unit")
    assert (body["detail"], body["request_id"], body["errors"]) == (detail, "r-1", [])


def test_a_fact_may_be_in_two_languages_itself() -> None:
    error = RowError("wrong-type", facts={"expected": Text("số", "a number")})
    assert [error.detail(language) for language in LANGUAGES] == ["Phải là số.", "It must be a number."]


@pytest.mark.parametrize("name", ["Kho {A}", "Kho {", "Kho }", "{0}", "{value.__class__}", "{{}}"])
def test_braces_in_a_name_are_only_braces(name: str) -> None:
    assert Text(name, name).fill("vi", {}) == name
    error = RowError("unit-not-valid", value=name, facts={"period": "2024", "validity": Text(name, name)})
    assert error.detail("en") == f"Unit '{name}' does not exist in 2024; it exists: {name}. Its successors: –."


@pytest.mark.parametrize(("mistake", "code", "value"), [
    ({"type": "missing", "input": {"all": "of it"}, "msg": "Field required"}, "missing", None),
    ({"type": "extra_forbidden", "loc": ("x",), "input": 1, "msg": "Extra"}, "unknown-field", 1),
    ({"type": "string_type", "input": True, "msg": "a string"}, "wrong-type", True),
    ({"type": "string_type", "input": 10**30, "msg": "a string"}, "wrong-type", "1" + "0" * 30),
    ({"type": "string_type", "input": 2**63 - 1, "msg": "a string"}, "wrong-type", 2**63 - 1),
    ({"type": "decimal_parsing", "input": "1,5", "msg": "decimal"}, "value-not-number", "1,5"),
    ({"type": "decimal_whole_digits", "input": Decimal("1E+400"), "msg": "digits"}, "value-too-long", "1E+400"),
    ({"type": "literal_error", "input": "done", "msg": "x", "ctx": {"expected": "'a' or 'b'"}}, "not-one-of", "done"),
    ({"type": "string_too_long", "input": "x" * 999, "msg": "at most 300"}, "out-of-range", "x" * 200),
    ({"type": "value_error", "input": ["a"], "msg": "Value error, no"}, "invalid", '["a"]'),
    ({"type": "one_of_next_years_pydantic", "input": None, "msg": "?"}, "invalid", None),
])  # fmt: skip
def test_what_the_schema_finds_is_said_in_the_hubs_words(mistake: dict[str, Any], code: str, value: Any) -> None:
    error = row_error(mistake, row=3, pointer="/readings/2/unit")

    assert (error.code, error.value, error.row, error.pointer) == (code, value, 3, "/readings/2/unit")
    for language in LANGUAGES:
        assert exact_json.dumps(problem_body(InvalidRequest(count=1, errors=[error]), language, "r-1"))


_BOUNDS = {"ge": 1, "gt": 0, "le": 24, "lt": 12, "min_length": 1, "max_length": 300}


@pytest.mark.parametrize(("kind", "vi", "en"), [
    ("greater_than_equal", "phải từ 1 trở lên", "it must be at least 1"),
    ("greater_than", "phải lớn hơn 0", "it must be more than 0"),
    ("less_than_equal", "nhiều nhất là 24", "it must be at most 24"),
    ("less_than", "phải nhỏ hơn 12", "it must be less than 12"),
    ("string_too_short", "phải có ít nhất 1 ký tự", "it must have at least 1 character"),
    ("string_too_long", "chỉ được có tối đa 300 ký tự", "it must have at most 300 characters"),
    ("too_short", "phải có ít nhất 1 mục", "it must have at least 1 item"),
    ("too_long", "chỉ được có tối đa 300 mục", "it must have at most 300 items"),
])  # fmt: skip
def test_what_is_out_of_range_is_told_the_range_in_both_languages(kind: str, vi: str, en: str) -> None:
    error = row_error({"type": kind, "input": 30, "msg": "Input should be otherwise", "ctx": _BOUNDS})

    assert [error.detail(one) for one in LANGUAGES] == [f"Ngoài giới hạn: {vi}.", f"Out of range: {en}."]


@pytest.mark.parametrize("kind", get_args(core_schema.ErrorType))
def test_no_message_is_half_in_vietnamese_and_half_in_english(kind: str) -> None:
    context = {**_BOUNDS, "error": ValueError("English"), "tag": "dial", "expected_tags": "'figure'", "pattern": "^x$"}

    told = row_error({"type": kind, "loc": ("x",), "input": "x", "msg": "English", "ctx": context}).detail("vi")

    assert VIETNAMESE.search(told)
    assert "English" not in told


def test_what_a_validator_says_is_said_in_both_languages() -> None:
    with pytest.raises(ValidationError) as refused:
        Lasting.model_validate({"valid_from": "2025-07-01", "valid_to": "2025-07-01"})

    error = row_error(refused.value.errors()[0])
    assert error.detail("vi") == "Giá trị không hợp lệ: valid_to 2025-07-01 phải sau valid_from 2025-07-01."
    assert error.detail("en") == "The value is not valid: valid_to 2025-07-01 must be after valid_from 2025-07-01."


def test_every_pattern_is_told_as_what_would_be_right() -> None:
    described = (Path(__file__).parents[2] / "openapi" / "openapi.json").read_text(encoding="utf-8")
    patterns = {json.loads(one) for one in re.findall(r'"pattern": ?("(?:[^"\\\\]|\\\\.)*")', described)}

    assert patterns == set(PATTERNS)
    for text in PATTERNS.values():
        assert VIETNAMESE.search(text.vi)
        assert not VIETNAMESE.search(text.en)


@pytest.mark.parametrize(("count", "vi", "en"), [
    (1, "Có một chỗ sai; xem errors.", "1 place is wrong; see errors."),
    (2, "Có 2 chỗ sai; xem errors.", "2 places are wrong; see errors."),
])  # fmt: skip
def test_one_mistake_is_one(count: int, vi: str, en: str) -> None:
    error = InvalidRequest(count=count)

    assert [error.detail(one) for one in LANGUAGES] == [vi, en]


# --- the language ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("header", "language"), [
    (None, "vi"),
    ("", "vi"),
    ("vi", "vi"),
    ("en", "en"),
    ("EN-gb", "en"),
    ("en-US,en;q=0.9", "en"),
    ("vi-VN,vi;q=0.9,en;q=0.8", "vi"),
    ("vi;q=0.5, en;q=0.8", "en"),
    ("en;q=0.5, vi;q=0.8", "vi"),
    ("en, vi", "vi"),  # as dear as each other: the hub's own
    ("en;q=0", "vi"),
    ("vi;q=0, en;q=0", "vi"),
    ("fr", "vi"),
    ("fr, en;q=0.3", "en"),
    ("*", "vi"),
    ("en;q=high", "vi"),
    ("en;q=nan", "vi"),
    ("en ; q=0.7", "en"),
    (",,;;,", "vi"),
    ("english", "vi"),
])  # fmt: skip
def test_vietnamese_unless_the_caller_prefers_english(header: str | None, language: str) -> None:
    assert preferred_language(header) == language


# --- exact JSON ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "served"), [
    ("0.1", "0.1"),
    ("123456789012345678", "123456789012345678"),  # a double has 15 to 17 digits
    ("0.123456789012345678", "0.123456789012345678"),
    ("12345678901234567890.123456789012", "12345678901234567890.123456789012"),
    ("9223372036854775807", "9223372036854775807"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("1.50", "1.5"),
    ("100", "100"),
    ("100.0", "100"),
    ("0.0", "0"),
    ("-0", "0"),
    ("-0.0", "0"),
    ("-1.5", "-1.5"),
    ("1e3", "1000"),
    ("1E+3", "1000"),
    ("1.25e-7", "0.000000125"),
    ("12E-1", "1.2"),
])  # fmt: skip
def test_a_number_is_served_with_the_digits_it_was_sent_with(sent: str, served: str) -> None:
    assert exact_json.dumps(exact_json.loads(sent.encode())) == served.encode()


@pytest.mark.parametrize(("value", "text"), [
    ("1E+3", "1000"),
    ("10", "10"),
    ("-0", "0"),
    ("0E-12", "0"),
    ("-0E-12", "0"),
    ("1.500000000000", "1.5"),
    ("-0.000000000001", "-0.000000000001"),
    ("1E-12", "0.000000000001"),
])  # fmt: skip
def test_a_decimal_is_written_plainly(value: str, text: str) -> None:
    assert exact_json.plain(Decimal(value)) == text


@given(st.decimals(min_value=-(10**20), max_value=10**20, places=12))
def test_no_decimal_changes_on_its_way_out_and_back(value: Decimal) -> None:
    assert Decimal(exact_json.loads(exact_json.dumps([value]))[0]) == value


@pytest.mark.parametrize("body", [
    "NaN", "Infinity", "-Infinity", "nan", "1e99999999999999999999", "1" * 5000,
    '{"value": 1, "value": 2}', '{"readings": [{"unit": "721", "unit": "720"}]}',
    "", " ", "{", "[1,]", "01", "1.", ".5", "+1", "1,5", "'a'", "{1: 2}", "[1] [2]", "[" * 1000 + "]" * 1000,
    '"\\ud800"', "\ufeff[]",
])  # fmt: skip
def test_what_is_no_json_is_refused(body: str) -> None:
    with pytest.raises(exact_json.MalformedJson):
        exact_json.loads(body.encode())


@pytest.mark.parametrize(("body", "vi", "en"), [
    ('{"a": 1,\n "b": }', "sai cú pháp JSON ở dòng 2, cột 7", "expected value at line 2 column 7"),
    ('{"a": 1,}', "thừa dấu phẩy ở dòng 1, cột 9", "trailing comma at line 1 column 9"),
    ('["a"', "JSON bị cắt ngang ở dòng 1, cột 4", "EOF while parsing a list at line 1 column 4"),
])  # fmt: skip
def test_broken_json_is_told_in_both_languages_with_its_place(body: str, vi: str, en: str) -> None:
    with pytest.raises(exact_json.MalformedJson) as refused:
        exact_json.loads(body.encode())

    assert refused.value.why == Text(vi, en)
    assert str(refused.value) == en


def test_what_is_not_utf_8_is_refused() -> None:
    with pytest.raises(exact_json.MalformedJson):
        exact_json.loads(b'"\xff"')


# --- cursors ---------------------------------------------------------------------------------------------------------


@given(st.integers(-(2**63), 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_cursor_gives_its_key_back(number: int, text: str) -> None:
    cursor = encode_cursor([number, text])

    assert decode_cursor(cursor, [int, str]) == [number, text]
    assert re.fullmatch(r"[\w-]+", cursor, re.ASCII), "goes into a URL as it is"


def sealed(key: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


@pytest.mark.parametrize("cursor", [
    "", "A", "AAAA", "garbage", "%00", "é", "a b", "=", "====", "W10", "\x00", "'; DROP TABLE reading; --", "A" * 5000,
    sealed({"a": 1}), sealed("721"), sealed(None), sealed([]), sealed(["721"]), sealed([True]), sealed([1.0]),
    sealed([None]), sealed([1, 2]), sealed([[1]]), base64.urlsafe_b64encode(b"[99999999999999999999999]").decode(),
    base64.urlsafe_b64encode(b"\xff\xfe").decode(),
])  # fmt: skip
def test_what_is_no_cursor_of_the_list_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_cursor(cursor, [int])

    [mistake] = caught.value.errors
    assert (mistake.pointer, mistake.value) == ("/query/cursor", cursor)
