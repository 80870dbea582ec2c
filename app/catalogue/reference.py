"""Load the catalogue from CSV files: the starting one that ships with the hub, and an operator's own.

The files and where they come from: `app/catalogue/data/README.md`.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any, get_args

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.changes import announce
from app.marks import start_over
from app.schemas.catalogue import Direction, Periodicity, TimeLaw, UnitLaw

Progress = Callable[[str, int], None]
Row = dict[str, str]


class FileError(Exception):
    """A sentence that names the row and what is wrong with it."""


def data_rows(name: str) -> list[Row]:
    """The rows of a CSV that ships with the hub."""
    content = resources.files("app.catalogue").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(content, newline="")))


def file_rows(path: Path, required: Sequence[str]) -> list[Row]:
    """The rows of an operator's CSV.

    Raises:
        FileError: it cannot be read, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{path} cannot be read: {error}") from error
    if missing := [name for name in required if name not in (reader.fieldnames or ())]:
        raise FileError(f"{path} lacks the columns {', '.join(missing)}")
    return rows


async def is_loaded(session: AsyncSession) -> bool:
    return (await session.scalar(select(func.count()).select_from(models.Domain))) != 0


async def load_reference(session: AsyncSession, progress: Progress) -> None:
    """Domains, indicators and the units of Việt Nam; into an empty database, once."""
    await load_indicators(session, data_rows("indicators.csv"), progress)
    await _load_units(session, progress)
    await announce(session, "units")
    await announce(session, "catalogue")


# --- domains and indicators ---

INDICATOR_COLUMNS = (
    "code", "domain_code", "domain_vi", "domain_en", "name_vi", "name_en", "measure", "periodicity", "over_time", "over_units",
    "numerator", "denominator", "direction", "public", "source",
)  # fmt: skip

_CHOICES: Mapping[str, Sequence[str]] = {
    "periodicity": get_args(Periodicity),
    "over_time": get_args(TimeLaw),
    "over_units": get_args(UnitLaw),
    "direction": get_args(Direction),
    "public": ("yes", "no"),
}


async def load_indicators(session: AsyncSession, rows: Sequence[Row], progress: Progress) -> None:
    """Add or change domains and indicators by code. Readings stay; by a changed law they are all added up again.

    Raises:
        FileError: with the first row that is wrong; nothing is changed then.
    """
    rows = [{name: (value or "").strip() for name, value in row.items() if name is not None} for row in rows]
    await _check_indicators(session, rows)
    await _load_domains(session, rows)
    domain_ids = dict((await session.execute(select(models.Domain.code, models.Domain.id))).all())
    # Parts of ratios first, so that a ratio finds them; a ratio cannot be a part.
    parts_first = sorted(rows, key=lambda row: row["over_time"] == "ratio")
    ids = dict((await session.execute(select(models.Indicator.code, models.Indicator.id))).all())
    laws = await _laws(session)
    for ratios in (False, True):
        for chunk in _chunks([row for row in parts_first if (row["over_time"] == "ratio") is ratios], 500):
            values = [
                {
                    "code": row["code"],
                    "domain_id": domain_ids[row["domain_code"]],
                    "name_vi": row["name_vi"],
                    "name_en": row["name_en"],
                    "measure": row["measure"],
                    "periodicity": row["periodicity"],
                    "over_time": row["over_time"],
                    "over_units": row["over_units"],
                    "numerator_id": ids[row["numerator"]] if ratios else None,
                    "denominator_id": ids[row["denominator"]] if ratios else None,
                    "direction": row["direction"],
                    "public": row["public"] == "yes",
                    "origin": row["source"],
                }
                for row in chunk
            ]
            statement = upsert(models.Indicator).values(values)
            changed = {name: statement.excluded[name] for name in values[0] if name != "code"}
            done = await session.execute(
                statement.on_conflict_do_update(index_elements=["code"], set_=changed).returning(
                    models.Indicator.code, models.Indicator.id
                )
            )
            ids |= dict(done.all())
            progress("indicators", len(chunk))
    now = await _laws(session)
    if others := [key for key in laws if laws[key] != now[key]]:
        await start_over(session, others)


async def _laws(session: AsyncSession) -> dict[int, tuple[str, ...]]:
    """What decides how readings add up."""
    table = models.Indicator
    rows = await session.execute(select(table.id, table.periodicity, table.over_time, table.over_units))
    return {key: (periodicity, over_time, over_units) for key, periodicity, over_time, over_units in rows}


async def _check_indicators(session: AsyncSession, rows: Sequence[Row]) -> None:
    laws = dict((await session.execute(select(models.Indicator.code, models.Indicator.over_time))).all())
    part_keys = select(models.Indicator.numerator_id).union_all(select(models.Indicator.denominator_id))
    are_parts = set(await session.scalars(select(models.Indicator.code).where(models.Indicator.id.in_(part_keys))))
    laws |= {row["code"]: row["over_time"] for row in rows}
    seen: set[str] = set()
    for number, row in enumerate(rows, start=2):
        _check_indicator(number, row, laws)
        if row["code"] in seen:
            raise FileError(f"row {number}: '{row['code']}' is there twice")
        if row["over_time"] == "ratio" and row["code"] in are_parts:
            raise FileError(f"row {number}: '{row['code']}' is a part of a ratio, so it cannot be one itself")
        seen.add(row["code"])
    await _refuse_hidden_readings(session, rows)


async def _refuse_hidden_readings(session: AsyncSession, rows: Sequence[Row]) -> None:
    """A coarser periodicity would make what was reported invisible."""
    known = await session.execute(
        select(models.Indicator.code, models.Indicator.periodicity).where(
            select(models.Reading.unit_id).where(models.Reading.indicator_id == models.Indicator.id).exists()
        )
    )
    reported = dict(known.all())
    for number, row in enumerate(rows, start=2):
        if reported.get(row["code"], row["periodicity"]) != row["periodicity"]:
            raise FileError(
                f"row {number}: '{row['code']}' has readings that are {reported[row['code']]}; give the {row['periodicity']} one a code of its own"
            )


async def _load_domains(session: AsyncSession, rows: Sequence[Row]) -> None:
    first = (await session.scalar(select(func.coalesce(func.max(models.Domain.position), 0)))) or 0
    known = set(await session.scalars(select(models.Domain.code)))
    named = {row["domain_code"]: row for row in rows}
    fresh = [row for code, row in named.items() if code not in known]
    if fresh:
        await session.execute(
            insert(models.Domain),
            [
                {
                    "code": row["domain_code"],
                    "name_vi": row["domain_vi"],
                    "name_en": row["domain_en"],
                    "position": position,
                }
                for position, row in enumerate(fresh, start=first + 1)
            ],
        )


def _check_indicator(number: int, row: Row, laws: Mapping[str, str]) -> None:
    for name, allowed in _CHOICES.items():
        if row[name] not in allowed:
            raise FileError(f"row {number}: {name} is '{row[name]}', it must be one of {', '.join(allowed)}")
    for name in ("code", "domain_code", "name_vi", "name_en", "measure", "source"):
        if not row[name]:
            raise FileError(f"row {number}: {name} is empty")
    for name in ("code", "domain_code"):
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", row[name]):
            raise FileError(f"row {number}: {name} '{row[name]}' may have letters, digits, . _ and - only")
    ratio = row["over_time"] == "ratio"
    if ratio != (row["over_units"] == "ratio") or ratio != bool(row["numerator"]) or ratio != bool(row["denominator"]):
        raise FileError(
            f"row {number}: a ratio has both laws 'ratio', a numerator and a denominator; others have neither"
        )
    for part in (row["numerator"], row["denominator"]) if ratio else ():
        if laws.get(part, "ratio") == "ratio":
            raise FileError(f"row {number}: '{part}' is not an indicator, or is itself a ratio")


# --- the units of Việt Nam ---


async def _load_units(session: AsyncSession, progress: Progress) -> None:
    rows = data_rows("units.csv")
    lives: dict[str, list[tuple[date | None, date | None, int]]] = {}
    for chunk in _chunks(rows, 2000):
        values = [
            {
                "code": row["code"],
                "kind": row["kind"],
                "name_vi": row["name_vi"],
                "name_en": row["name_en"],
                "valid_from": _day(row["valid_from"]),
                "valid_to": _day(row["valid_to"]),
                "latitude": _number(row["latitude"]),
                "longitude": _number(row["longitude"]),
            }
            for row in chunk
        ]
        keys = await session.scalars(
            insert(models.Unit).returning(models.Unit.id, sort_by_parameter_order=True), values
        )
        for value, key in zip(values, keys, strict=True):
            lives.setdefault(str(value["code"]), []).append((value["valid_from"], value["valid_to"], key))
        progress("units", len(chunk))

    def unit_on(code: str, day: date) -> int:
        return next(
            key for start, end, key in lives[code] if (start is None or start <= day) and (end is None or day < end)
        )

    def unit_at(address: str) -> int:
        code, _, day = address.partition("@")
        return unit_on(code, date.fromisoformat(day))

    for chunk in _chunks(data_rows("unit_parents.csv"), 2000):
        await session.execute(
            insert(models.UnitParent),
            [
                {
                    "child_id": unit_on(row["code"], date.fromisoformat(row["on"])),
                    "parent_id": unit_on(row["parent_code"], date.fromisoformat(row["on"])),
                    "valid_from": _day(row["valid_from"]),
                    "valid_to": _day(row["valid_to"]),
                }
                for row in chunk
            ],
        )
        progress("units", len(chunk))
    for chunk in _chunks(data_rows("unit_successors.csv"), 2000):
        await session.execute(
            insert(models.UnitSuccessor),
            [
                {
                    "unit_id": unit_at(row["from"]),
                    "successor_id": unit_at(row["to"]),
                    "on_day": date.fromisoformat(row["on"]),
                    "kind": row["kind"],
                    "divided": row["divided"] == "yes",
                }
                for row in chunk
            ],
        )
        progress("units", len(chunk))


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _number(text: str) -> float | None:
    return float(text) if text else None


def _chunks(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rows = iter(rows)
    while chunk := list(islice(rows, size)):
        yield chunk
