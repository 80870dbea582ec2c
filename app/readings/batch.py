"""Read a body of readings: JSON, NDJSON or CSV become the same rows, and every mistake keeps its row.

Nothing here knows the catalogue or the database; `ingest` judges what the rows mean.
"""

import contextlib
import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from pydantic import TypeAdapter, ValidationError

from app import exact_json
from app.errors import MalformedBody, RowError, Text, TooManyRows, UnsupportedMediaType
from app.mistakes import MOST_HINTS, row_error, unknown_field
from app.schemas.readings import ReadingIn, Status

MEDIA_TYPES = ("application/json", "application/x-ndjson", "text/csv")
COLUMNS = ("indicator", "unit", "period", "value", "status", "note")

_ROWS: TypeAdapter[list[ReadingIn]] = TypeAdapter(list[ReadingIn])
_MOST_FIELDS = 2 * len(COLUMNS)

_Code = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Row(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A `ReadingIn` that is right. Without a status it is final."""

    indicator: _Code
    unit: _Code
    period: _Code
    value: Decimal | None
    status: Status | None = None
    note: Annotated[str, msgspec.Meta(max_length=1000)] | None = None


@dataclass(slots=True)
class Rows:
    """The rows of a batch that have the right shape, each with its number, and the mistakes of those that have not."""

    received: int
    numbers: Sequence[int] = ()
    good: Sequence[Row] = ()
    errors: list[RowError] = field(default_factory=list)
    tabular: bool = False
    odd: Sequence[int] | None = None  # which of the good ones have a sign or a fraction; None: not looked at

    @classmethod
    def of(cls, good: Sequence[Row], *, tabular: bool = False, odd: Sequence[int] | None = None) -> "Rows":
        """Rows that are all right, in their order."""
        return cls(len(good), range(1, 1 + len(good)), good, tabular=tabular, odd=odd)

    def pointer(self, row: int, name: str) -> str:
        """Where a field stands: a JSON pointer, or the column of a table."""
        return name if self.tabular else f"/readings/{row - 1}/{name.replace('~', '~0').replace('/', '~1')}"


def read_rows(body: bytes, media_type: str, *, max_rows: int) -> Rows:
    """Parse and check the shape of every row.

    Raises:
        UnsupportedMediaType: not one of `MEDIA_TYPES`.
        MalformedBody: not what it says it is, as a whole (a broken line of NDJSON is only that row's mistake).
        TooManyRows: before the rows are built.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    _refuse_flood(body, max_rows)
    match media_type:
        case "application/json":
            return _read_json(body, max_rows)
        case "application/x-ndjson":
            return _read_ndjson(body, max_rows)
        case "text/csv":
            return _read_csv(body, max_rows)
    raise UnsupportedMediaType(value=media_type, offered=", ".join(MEDIA_TYPES))


def _refuse_flood(body: bytes, max_rows: int) -> None:
    # A batch within the limit has one brace and at most seven separators a row; the slack is for those in notes.
    # What is far beyond would only cost memory on its way to the same refusal. A short body cannot be.
    if len(body) <= 4 * max_rows + 1000:
        return
    brackets = max(body.count(b"{"), body.count(b"["))
    separators = body.count(b",") + body.count(b";") + body.count(b"\n")
    if brackets > 4 * max_rows + 1000 or separators > 40 * max_rows + 1000:
        raise TooManyRows(limit=max_rows)


def _read_json(body: bytes, max_rows: int) -> Rows:
    if (plain := _plain_document(body)) is not None and plain.received <= max_rows:
        return plain
    try:
        document = exact_json.loads(body)
    except exact_json.MalformedJson as error:
        raise MalformedBody(why=error.why) from error
    if not isinstance(document, dict) or not isinstance(document.get("readings"), list) or len(document) > 1:
        raise MalformedBody(why=Text('phải là {"readings": [ … ]}', 'it must be {"readings": [ … ]} and nothing else'))
    found = document["readings"]
    if len(found) > max_rows:
        raise TooManyRows(limit=max_rows)
    rows = Rows(received=len(found))
    _check_shape(rows, list(enumerate(found, start=1)))
    return rows


def _read_ndjson(body: bytes, max_rows: int) -> Rows:
    if body.count(b"\n") > 2 * max_rows:
        raise TooManyRows(limit=max_rows)
    lines = [(number, line) for number, line in enumerate(body.split(b"\n"), start=1) if line.strip()]
    if len(lines) > max_rows:
        raise TooManyRows(limit=max_rows)
    rows = Rows(received=len(lines), tabular=True)
    if (plain := _plain_lines(body, [line for _, line in lines])) is not None:
        plain.numbers = [number for number, _ in lines]
        return plain
    found: list[tuple[int, Any]] = []
    for number, line in lines:
        try:
            found.append((number, exact_json.loads(line)))
        except exact_json.MalformedJson as error:
            rows.errors.append(RowError("malformed-json", number, facts={"why": error.why}))
    _check_shape(rows, found)
    return rows


def _read_csv(body: bytes, max_rows: int) -> Rows:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise MalformedBody(why=Text("phải là UTF-8", f"it must be UTF-8; byte {error.start} is not")) from error
    header, _, _ = text.partition("\n")
    # Excel with Vietnamese settings separates by semicolons and writes a decimal comma.
    vietnamese = ";" in header and "," not in header
    table = csv.reader(io.StringIO(text, newline=""), delimiter=";" if vietnamese else ",", strict=True)
    rows = Rows(received=0, tabular=True)
    found: list[tuple[int, Any]] = []
    try:
        columns = [name.strip().lower() for name in next(table, [])]
        _check_header(columns)
        for number, cells in enumerate(table, start=2):  # rows and not lines: a note may have several lines
            if not any(cell.strip() for cell in cells):
                continue
            rows.received += 1
            if rows.received > max_rows:
                raise TooManyRows(limit=max_rows)
            if len(cells) != len(columns):
                why = Text(
                    f"có {len(cells)} ô, cần {len(columns)}", f"it has {len(cells)} cells, the header {len(columns)}"
                )
                rows.errors.append(RowError("malformed-csv", number, facts={"why": why}))
                continue
            row = _from_cells(columns, cells)
            if vietnamese and isinstance(row.get("value"), str):
                if _GROUPED.fullmatch(row["value"]):
                    rows.errors.append(RowError("value-ambiguous", number, "value", row["value"]))
                    continue
                row["value"] = row["value"].replace(",", ".", 1)
            found.append((number, row))
    except csv.Error as error:
        raise MalformedBody(
            why=Text(f"CSV dòng {table.line_num}: {error}", f"CSV line {table.line_num}: {error}")
        ) from error
    _check_shape(rows, found)
    return rows


# 1.234 in such a file: one and a bit, or one thousand two hundred and thirty-four?
_GROUPED = re.compile(r"-?\d{1,3}(\.\d{3})+")


def _check_header(columns: Sequence[str]) -> None:
    """Raises: MalformedBody, naming the columns that are missing, unknown or there twice."""
    wrong = {name for name in columns if name not in COLUMNS or columns.count(name) > 1}
    missing = [name for name in COLUMNS[:4] if name not in columns]
    if wrong or missing:
        said = ", ".join([*(f"-{name}" for name in missing), *(f"+{name[:40]}" for name in sorted(wrong))])
        raise MalformedBody(
            why=Text(
                f"dòng đầu phải là tên cột {', '.join(COLUMNS)} (hai cột cuối tùy chọn); thiếu (-) hoặc lạ (+): {said}",
                f"the first row must name the columns {', '.join(COLUMNS)} (the last two are optional); missing (-) or odd (+): {said}",
            )
        )


def _from_cells(columns: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    """Empty cells are absent; the word `null` as a value withdraws, which an empty cell must never do by accident."""
    row: dict[str, Any] = {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if cell.strip()}
    if row.get("value") == "null":
        row["value"] = None
    return row


def _check_shape(rows: Rows, found: list[tuple[int, Any]]) -> None:
    """Validate all rows at once; only if something is wrong look again at the good ones alone."""
    if any(len(row) > _MOST_FIELDS for _, row in found if isinstance(row, dict)):
        found = _without_overfull(rows, found)
    try:
        good = _ROWS.validate_python([row for _, row in found])
    except ValidationError as error:
        wrong: set[int] = set()
        for mistake in error.errors(include_url=False, include_context=True):
            place = int(mistake["loc"][0])
            wrong.add(place)
            number = found[place][0]
            name = str(mistake["loc"][1]) if len(mistake["loc"]) > 1 else ""
            pointer = rows.pointer(number, name).rstrip("/") or None
            if mistake["type"] == "missing" and name == "value":
                rows.errors.append(RowError("value-missing", number, pointer))
            else:
                rows.errors.append(
                    row_error(mistake, row=number, pointer=pointer, fields=COLUMNS, hint=len(rows.errors) < MOST_HINTS)
                )
        found = [row for place, row in enumerate(found) if place not in wrong]
        good = _ROWS.validate_python([row for _, row in found])
    rows.numbers = [number for number, _ in found]
    rows.good = [Row(**row) for row in good]


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    readings: list[Row]


_DOCUMENT, _LINE = msgspec.json.Decoder(_Document), msgspec.json.Decoder(Row)
_PLAIN_DIGITS = 12
_QUOTES = 2 * (4 + 3)  # of four names and three codes


def _plain_document(body: bytes) -> Rows | None:
    """The rows of a document that is as nearly all are, at a sixth of what the careful way costs.

    Of others it knows nothing: they may be right all the same.
    """
    if _may_be_plain(body):
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            rows = _DOCUMENT.decode(body).readings
            values = _written(rows)
            if _say_it_all(rows, values, body, quotes=2):
                return Rows.of(rows, odd=_odd(values))
    return None


def _plain_lines(body: bytes, lines: Sequence[bytes]) -> Rows | None:
    """The same of NDJSON."""
    if _may_be_plain(body):
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            rows = [_LINE.decode(line) for line in lines]
            values = _written(rows)
            if _say_it_all(rows, values, body, quotes=0):
                return Rows.of(rows, tabular=True, odd=_odd(values))
    return None


def _may_be_plain(body: bytes) -> bool:
    """Without escapes, and not so long for its rows that one of its numbers could fill the memory."""
    return b"\\" not in body and len(body) <= 1000 * body.count(b"{")


def _written(rows: Sequence[Row]) -> str:
    return ",".join([str(row.value) for row in rows])


def _odd(values: str) -> Sequence[int]:
    if "." not in values and "-" not in values:  # nearly always, and quicker than to ask each of them
        return ()
    return [place for place, value in enumerate(values.split(",")) if not value.isdigit()]


def _say_it_all(rows: Sequence[Row], values: str, body: bytes, *, quotes: int) -> bool:
    """Whether the body says nothing beside the rows, and their numbers are short and without exponents.

    A name that comes twice, a null for a status and a number in quotes are each a pair of quotes more than the rows need.
    """
    statuses, notes = [row.status for row in rows], [row.note for row in rows]
    quotes += _QUOTES * len(rows) + 4 * (2 * len(rows) - statuses.count(None) - notes.count(None))
    return body.count(b'"') == quotes and "E" not in values and max(map(len, values.split(","))) <= _PLAIN_DIGITS


def _without_overfull(rows: Rows, found: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """A row of a million unknown fields is one mistake, at the first of them, and not a million."""
    kept = []
    for number, row in found:
        if isinstance(row, dict) and len(row) > _MOST_FIELDS:
            name = next(name for name in row if name not in COLUMNS)
            facts = unknown_field(COLUMNS, None)
            rows.errors.append(RowError("unknown-field", number, rows.pointer(number, name[:100]), facts=facts))
        else:
            kept.append((number, row))
    return kept


def rejected_rows(errors: Iterable[RowError]) -> int:
    return len({error.row for error in errors})
