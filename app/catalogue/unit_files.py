"""Units from an operator's spreadsheet saved as CSV."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.catalogue.reference import FileError, Row, file_rows
from app.schemas.catalogue import UnitIn

_OPTIONAL = ("name_en", "valid_from", "valid_to", "latitude", "longitude")


def read_units(path: Path) -> list[UnitIn]:
    """Columns code, kind, name_vi; optional ones may be absent or empty. `parents` and `members` are addresses with spaces between.

    Raises:
        FileError: with every row that is wrong, and why.
    """
    units, mistakes = [], []
    for number, row in enumerate(file_rows(path, ("code", "kind", "name_vi")), start=2):
        try:
            units.append(UnitIn.model_validate(_fields(row)))
        except ValidationError as error:
            for mistake in error.errors():
                mistakes.append(
                    f"row {number}, {'.'.join(map(str, mistake['loc']))}: {mistake['msg']} (it is {mistake['input']!r})"
                )
    if mistakes:
        raise FileError("\n".join(mistakes))
    return units


def _fields(row: Row) -> dict[str, Any]:
    fields: dict[str, Any] = {name: (row[name] or "").strip() for name in ("code", "kind", "name_vi")}
    fields |= {name: row[name].strip() for name in _OPTIONAL if (row.get(name) or "").strip()}
    for name in ("parents", "members"):
        if addresses := (row.get(name) or "").split():
            fields[name] = _links(addresses)
    return fields


def _links(addresses: Sequence[str]) -> list[dict[str, str]]:
    return [{"unit": address} for address in addresses]
