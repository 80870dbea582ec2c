"""Reading a body of readings: which rows it has, where each stands, and what a flood may cost."""

import tracemalloc
from decimal import Decimal

import pytest

from app.errors import HubError, MalformedBody, TooManyRows, UnsupportedMediaType
from app.readings.batch import Rows, read_rows, rejected_rows

JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"
ROW = b'{"indicator":"a.b","unit":"79","period":"2025","value":1}'
HEADER = b"indicator,unit,period,value,note\n"


def read(body: bytes, media_type: str, max_rows: int = 100) -> Rows:
    return read_rows(body, media_type, max_rows=max_rows)


@pytest.mark.parametrize(
    ("body", "media_type", "numbers"),
    [
        (b'{"readings":[' + ROW + b"," + ROW + b"]}", JSON, [1, 2]),
        (ROW + b"\n\n" + ROW, NDJSON, [1, 3]),
        (HEADER + b"a.b,79,2025,1,\na.b,79,2025,1,\n", CSV, [2, 3]),
        (HEADER + b'a.b,79,2025,1,"two\nlines"\n\na.b,79,2025,1,\n', CSV, [2, 4]),  # as a spreadsheet counts
        (HEADER.replace(b"\n", b"\r") + b"a.b,79,2025,1,\r", CSV, [2]),
    ],
)
def test_a_row_has_the_number_under_which_its_sender_finds_it(body: bytes, media_type: str, numbers: list[int]) -> None:
    rows = read(body, media_type)

    assert list(rows.numbers) == numbers
    assert (rows.received, rows.errors) == (len(numbers), [])


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        (b"0.1", "0.1"),
        (b"1e3", "1e3"),
        (b"12345678901234567.8", "12345678901234567.8"),
        (b"99999999999999999999.999999999999", "99999999999999999999.999999999999"),
        (b'"12.50"', "12.50"),
        (b"-7", "-7"),
    ],
)
def test_a_number_never_passes_through_binary_floating_point(sent: bytes, value: str) -> None:
    [row] = read(b'{"readings":[' + ROW.replace(b":1}", b":" + sent + b"}") + b"]}", JSON).good

    assert row.value == Decimal(value)


def _json(row: bytes) -> bytes:
    return b'{"readings":[' + ROW + b"," + row + b"]}"


@pytest.mark.parametrize(
    ("row", "code", "pointer"),
    [
        (b'{"indicator":"a.b","unit":"79","period":"2025","value":1,"status":null}', "not-one-of", "status"),
        (b'{"indicator":"a.b","unit":"79","period":"2025","value":"NaN"}', "value-not-number", "value"),
        (b'{"indicator":"a.b","unit":"79","period":"2025","value":"1_000"}', "value-not-number", "value"),
        (b'{"indicator":"a.b","unit":"79","period":"2025","value":true}', "value-not-number", "value"),
        (b'{"indicator":"a.b","unit":"79","period":"2025","value":1e30}', "value-too-long", "value"),
        (b'{"indicator":"a.b","unit":"79","period":"2025","value":0.1234567890123}', "value-too-long", "value"),
        (b'{"indicator":"a.b","unit":"79","period":"2025"}', "value-missing", "value"),
        (b'{"indicator":"a.b","unit":"","period":"2025","value":1}', "out-of-range", "unit"),
        (b'{"indicator":"a.b","unit":"\\u0000","period":"2025","value":1}', "invalid", "unit"),
        (b'{"indicator":"a.b","unit":79,"period":"2025","value":1}', "wrong-type", "unit"),
        (b'{"indicator":"a.b","unit":"79","period":"2025","value":1,"odd":1}', "unknown-field", "odd"),
    ],
)
def test_a_mistake_is_found_at_its_field(row: bytes, code: str, pointer: str) -> None:
    rows = read(_json(row), JSON)

    assert [(error.row, error.code, error.pointer) for error in rows.errors] == [(2, code, f"/readings/1/{pointer}")]
    assert list(rows.numbers) == [1]


@pytest.mark.parametrize(
    "fields", [b'"value":1,"value":1', b'"value":1,"note":"a","note":"a"', b'"value":1,"\\u0076alue":1']
)
def test_a_name_that_comes_twice_is_refused(fields: bytes) -> None:
    row = b'{"indicator":"a.b","unit":"79","period":"2025",' + fields + b"}"

    with pytest.raises(MalformedBody):
        read(_json(row), JSON)
    assert [error.code for error in read(row, NDJSON).errors] == ["malformed-json"]


@pytest.mark.parametrize(
    "row",
    [
        b'{"note":null,"value":-0.50,"period":"2025","unit":"79","indicator":"a.b"}',
        b' {"indicator" : "a.b", "unit": "79", "period": "2025", "value": "-0.5", "status": "final"}',
        b'{"indicator":"a.\\u0062","unit":"79","period":"2025","value":-5E-1}',
        b'{"indicator":"a.b","unit":"79","period":"2025","value":-0.500000000000,"note":null,"status":"final"}',
    ],
)
def test_one_reading_may_be_written_in_many_ways(row: bytes) -> None:
    for body, media_type in ((b'{"readings":[' + row + b"]}", JSON), (row, NDJSON)):
        [read_row] = read(body, media_type).good

        assert (read_row.indicator, read_row.unit, read_row.period) == ("a.b", "79", "2025")
        assert (read_row.value, read_row.status in {None, "final"}, read_row.note) == (Decimal("-0.5"), True, None)


@pytest.mark.parametrize(
    ("cell", "value"),
    [(b"1.5", Decimal("1.5")), (b" 2 ", Decimal(2)), (b"null", None), (b"1e2", Decimal(100))],
)
def test_a_cell_is_a_number_or_the_word_null(cell: bytes, value: Decimal | None) -> None:
    [row] = read(HEADER + b"a.b,79,2025," + cell + b",\n", CSV).good

    assert row.value == value


@pytest.mark.parametrize("cell", [b"", b'""', b"NULL", b"nil", b"-", b"1,5,2", b"1.234", b"1.234.567"])
def test_any_other_cell_is_a_mistake_and_withdraws_nothing(cell: bytes) -> None:
    rows = read(HEADER.replace(b",", b";") + b"a.b;79;2025;" + cell + b";\n", CSV)

    assert list(rows.good) == []
    assert [(error.row, error.pointer) for error in rows.errors] == [(2, "value")]


def test_a_file_with_semicolons_has_a_decimal_comma() -> None:
    rows = read(HEADER.replace(b",", b";") + b"a.b;79;2025;12,5;\na.b;79;2024;12.5;\n", CSV)

    assert [row.value for row in rows.good] == [Decimal("12.5")] * 2


def test_good_rows_are_kept_beside_bad_ones() -> None:
    rows = read(b"\n".join([ROW, b"{}", b"[1]", b"{", ROW]), NDJSON)

    assert list(rows.numbers) == [1, 5]
    assert (rows.received, rejected_rows(rows.errors)) == (5, 3)


def test_a_row_of_a_thousand_unknown_fields_is_one_mistake() -> None:
    fields = ",".join(f'"field {number}":{number}' for number in range(1000)).encode()

    rows = read(b'{"readings":[{"unit":"79",' + fields + b"}," + ROW + b"]}", JSON)

    [error] = rows.errors
    assert (error.row, error.code, error.pointer) == (1, "unknown-field", "/readings/0/field 0")
    assert list(rows.numbers) == [2]


def test_notes_full_of_brackets_and_commas_are_not_a_flood() -> None:
    note = b"[x], {y}; " * 4
    body = b'{"readings":[' + b",".join([ROW.replace(b":1}", b':1,"note":"' + note + b'"}')] * 100) + b"]}"

    assert len(read(body, JSON, max_rows=100).good) == 100


_SIZE = 31 * 2**20


@pytest.mark.parametrize(
    ("body", "media_type", "error"),
    [
        (b'{"readings":[' + b"{}," * (_SIZE // 3) + b"{}]}", JSON, TooManyRows),
        (b'{"readings":[' + b"[]," * (_SIZE // 3) + b"[]]}", JSON, TooManyRows),
        (b'{"readings":[' + b"1," * (_SIZE // 2) + b"1]}", JSON, TooManyRows),
        (b'{"readings":' + b"[" * _SIZE, JSON, TooManyRows),
        (b'{"readings":' + b'{"":' * 50_000, JSON, MalformedBody),
        (b'{"readings":[{"value":' + b"9" * _SIZE + b"}]}", JSON, MalformedBody),
        (b"[" + b"{}," * (_SIZE // 3) + b"{}]", NDJSON, TooManyRows),
        (b"\n" * _SIZE, NDJSON, TooManyRows),
        (b"{}\n" * 50_001, NDJSON, TooManyRows),
        (HEADER + b"," * _SIZE, CSV, TooManyRows),
        (HEADER.replace(b",", b";") + b";" * _SIZE, CSV, TooManyRows),
        (HEADER + b"\n" * _SIZE, CSV, TooManyRows),
        (b"," * _SIZE, CSV, TooManyRows),
        (b"{}", "application/xml", UnsupportedMediaType),
    ],
    ids=[
        "objects", "lists", "numbers", "nested lists", "nested objects", "one long number", "a line of objects",
        "empty lines", "a row too many", "cells", "cells of Excel", "empty rows", "columns", "another format",
    ],
)  # fmt: skip
def test_a_flood_is_refused_before_it_is_built(body: bytes, media_type: str, error: type[HubError]) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(error):
            read(body, media_type, max_rows=50_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 16 * 2**20
