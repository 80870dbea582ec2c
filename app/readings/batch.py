"""Read a body of readings: JSON, NDJSON or CSV become the same rows, and every mistake keeps its row.

Nothing here knows the catalogue or the database; `ingest` judges what the rows mean.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from operator import itemgetter
from types import NoneType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app import exact_json
from app.errors import MalformedBody, RowError, Text, TooManyRows, UnsupportedMediaType, row_error
from app.schemas.readings import STATUSES, ReadingIn

MEDIA_TYPES = ("application/json", "application/x-ndjson", "text/csv")
COLUMNS = ("indicator", "unit", "period", "value", "status", "note")

_ROWS: TypeAdapter[list[ReadingIn]] = TypeAdapter(list[ReadingIn])
_FACTS = {"fields": ", ".join(COLUMNS)}
_MOST_FIELDS = 2 * len(COLUMNS)


@dataclass(slots=True)
class Rows:
    """The rows of a batch that have the right shape, and the mistakes of those that have not."""

    received: int
    good: list[tuple[int, ReadingIn]] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    tabular: bool = False

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
    try:
        document = exact_json.loads(body)
    except exact_json.MalformedJson as error:
        raise MalformedBody(why=str(error)) from error
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
    rows = Rows(received=0, tabular=True)
    found: list[tuple[int, Any]] = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        if not line.strip():
            continue
        rows.received += 1
        if rows.received > max_rows:
            raise TooManyRows(limit=max_rows)
        try:
            found.append((number, exact_json.loads(line)))
        except exact_json.MalformedJson as error:
            rows.errors.append(RowError("malformed-json", number, facts={"why": str(error)}))
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
    if _plainly_right([row for _, row in found]):
        rows.good = found
        return
    if any(len(row) > _MOST_FIELDS for _, row in found if isinstance(row, dict)):
        found = _without_overfull(rows, found)
    try:
        rows.good = list(
            zip((number for number, _ in found), _ROWS.validate_python([row for _, row in found]), strict=True)
        )
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
                rows.errors.append(row_error(mistake, row=number, pointer=pointer, facts=_FACTS))
        good = [row for place, row in enumerate(found) if place not in wrong]
        rows.good = list(
            zip((number for number, _ in good), _ROWS.validate_python([row for _, row in good]), strict=True)
        )


_REQUIRED = itemgetter(*COLUMNS[:4])
_PLAIN_DIGITS = 12


def _plainly_right(rows: Sequence[Any]) -> bool:
    """Whether all rows are as nearly all rows are, told column by column at half of what `ReadingIn` costs.

    It knows less than `ReadingIn`: what it does not say yes to may be right all the same.
    """
    try:
        indicators, units, periods, values = zip(*map(_REQUIRED, rows), strict=True)
        statuses = [row["status"] for row in rows if "status" in row]
        notes = [row["note"] for row in rows if "note" in row]
        fields = 4 * len(rows) + len(statuses) + len(notes)
        if sum(map(len, rows)) != fields or not set(statuses) <= _STATUSES:
            return False
    except (TypeError, KeyError, ValueError):  # not an object, a field less, no row at all
        return False
    codes = {*indicators, *units, *periods} if _only(str, indicators, units, periods) else {""}
    written = ",".join(map(str, values))
    return (
        set(map(type, rows)) == {dict}
        and all(0 < len(code) <= 100 and "\0" not in code for code in codes)
        and set(map(type, values)) <= {int, Decimal, NoneType}
        and "E" not in written
        and max(map(len, written.split(","))) <= _PLAIN_DIGITS
        and set(map(type, notes)) <= {str, NoneType}
        and all(note is None or (len(note) <= 1000 and "\0" not in note) for note in notes)
    )


def _only(kind: type, *columns: Sequence[Any]) -> bool:
    return all(set(map(type, column)) == {kind} for column in columns)


_STATUSES = frozenset(STATUSES)


def _without_overfull(rows: Rows, found: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """A row of a million unknown fields is one mistake, at the first of them, and not a million."""
    kept = []
    for number, row in found:
        if isinstance(row, dict) and len(row) > _MOST_FIELDS:
            name = next(name for name in row if name not in COLUMNS)
            rows.errors.append(RowError("unknown-field", number, rows.pointer(number, name[:100]), facts=_FACTS))
        else:
            kept.append((number, row))
    return kept


def rejected_rows(errors: Iterable[RowError]) -> int:
    return len({error.row for error in errors})
