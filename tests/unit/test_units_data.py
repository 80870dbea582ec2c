"""The seed data of administrative units say what is known about Việt Nam's reorganisation.

Reads the committed CSV files only; `scripts/generate_units.py` made them and is not needed here.
"""

import csv
from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

DATA = Path(__file__).parents[2] / "app" / "catalogue" / "data"

BEFORE_DA_HUOAI, DA_HUOAI = "2024-11-30", "2024-12-01"
LAST_OLD_DAY, REFORM = "2025-06-30", "2025-07-01"

Row = dict[str, str]


@cache
def table(name: str) -> tuple[Row, ...]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def is_valid(row: Row, on: str) -> bool:
    """ISO dates sort as text; an empty bound is open."""
    return (row["valid_from"] or "0000") <= on < (row["valid_to"] or "9999")


@cache
def lives() -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in table("units.csv"):
        found[row["code"]].append(row)
    return found


def unit(address: str) -> Row:
    """Resolve `code@date`; the loader must find exactly one as well."""
    code, _, on = address.partition("@")
    (found,) = (row for row in lives()[code] if is_valid(row, on))
    return found


def name(code: str, on: str) -> str:
    return unit(f"{code}@{on}")["name_vi"]


def children(code: str, on: str) -> set[str]:
    return {row["code"] for row in table("unit_parents.csv") if row["parent_code"] == code and is_valid(row, on)}


def successors(address: str) -> dict[str, tuple[str, bool]]:
    """Code of each successor with the kind of the change and whether it divides."""
    return {
        row["to"].partition("@")[0]: (row["kind"], row["divided"] == "yes")
        for row in table("unit_successors.csv")
        if row["from"] == address
    }


@pytest.mark.parametrize(
    ("on", "provinces", "districts", "communes"),
    [
        (BEFORE_DA_HUOAI, 63, 698, 10_039),  # three districts where there is one from December
        (LAST_OLD_DAY, 63, 696, 10_035),
        (REFORM, 34, 0, 3_321),
    ],
)
def test_the_country_has_the_official_number_of_units(on: str, provinces: int, districts: int, communes: int) -> None:
    counts = Counter(row["kind"] for row in table("units.csv") if is_valid(row, on))
    assert (counts["province"], counts["district"], counts["commune"]) == (provinces, districts, communes)


def test_codes_are_zero_padded_text() -> None:
    digits = {"province": 2, "district": 3, "commune": 5}
    assert all(row["code"].isdigit() and len(row["code"]) == digits[row["kind"]] for row in table("units.csv"))
    assert name("00004", REFORM) == "Phường Ba Đình"


def test_no_two_units_have_the_same_code_at_the_same_time() -> None:
    for rows in lives().values():
        for earlier, later in pairwise(rows):
            assert "" < earlier["valid_to"] <= later["valid_from"], (earlier, later)


def test_every_unit_below_a_province_has_one_parent_all_its_life() -> None:
    edges: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for edge in table("unit_parents.csv"):
        child = unit(f"{edge['code']}@{edge['on']}")
        edges[child["code"], child["valid_from"]].append(edge)
    for row in table("units.csv"):
        parents = edges[row["code"], row["valid_from"]]
        if row["kind"] == "province":
            assert not parents
            continue
        assert parents[0]["valid_from"] == row["valid_from"], row
        assert parents[-1]["valid_to"] == row["valid_to"], row
        assert all(a["valid_to"] == b["valid_from"] != "" for a, b in pairwise(parents)), row


def test_a_parent_lives_as_long_as_the_edge_to_it() -> None:
    for edge in table("unit_parents.csv"):
        parent = unit(f"{edge['parent_code']}@{edge['on']}")
        assert is_valid(edge, edge["on"])
        assert parent["valid_from"] <= edge["valid_from"], edge
        assert (edge["valid_to"] or "9999") <= (parent["valid_to"] or "9999"), edge


def test_every_unit_that_ends_has_a_successor_and_every_new_one_a_predecessor() -> None:
    ended = {(row["from"].partition("@")[0], row["on"]) for row in table("unit_successors.csv")}
    begun = {(row["to"].partition("@")[0], row["on"]) for row in table("unit_successors.csv")}
    for row in table("units.csv"):
        assert not row["valid_to"] or (row["code"], row["valid_to"]) in ended, row
        assert not row["valid_from"] or (row["code"], row["valid_from"]) in begun, row


def test_the_addresses_of_a_succession_are_the_day_before_it_and_the_day_itself() -> None:
    day_before = {DA_HUOAI: BEFORE_DA_HUOAI, REFORM: LAST_OLD_DAY}
    for row in table("unit_successors.csv"):
        assert row["from"].endswith(f"@{day_before[row['on']]}"), row
        assert row["to"].endswith(f"@{row['on']}"), row
        unit(row["from"])
        unit(row["to"])


@pytest.mark.parametrize(
    ("district", "on", "full_name", "province", "communes"),
    [
        (
            "720",
            LAST_OLD_DAY,
            "Huyện Dầu Tiếng",
            "74",
            {
                "25777": "Thị trấn Dầu Tiếng",
                "25780": "Xã Minh Hòa",
                "25783": "Xã Minh Thạnh",
                "25786": "Xã Minh Tân",
                "25789": "Xã Định An",
                "25792": "Xã Long Hòa",
                "25795": "Xã Định Thành",
                "25798": "Xã Định Hiệp",
                "25801": "Xã An Lập",
                "25804": "Xã Long Tân",
                "25807": "Xã Thanh An",
                "25810": "Xã Thanh Tuyền",
            },
        ),
        (
            "721",
            LAST_OLD_DAY,
            "Thành phố Bến Cát",
            "74",
            {
                "25813": "Phường Mỹ Phước",
                "25837": "Phường Chánh Phú Hòa",
                "25840": "Phường An Điền",
                "25843": "Phường An Tây",
                "25846": "Phường Thới Hòa",
                "25849": "Phường Hòa Lợi",
                "25852": "Phường Tân Định",
                "25855": "Xã Phú An",
            },
        ),
        (
            "750",
            LAST_OLD_DAY,
            "Huyện Châu Đức",
            "77",
            {
                "26574": "Xã Bàu Chinh",
                "26575": "Thị trấn Ngãi Giao",
                "26578": "Xã Bình Ba",
                "26581": "Xã Suối Nghệ",
                "26584": "Xã Xuân Sơn",
                "26587": "Xã Sơn Bình",
                "26590": "Xã Bình Giã",
                "26593": "Xã Bình Trung",
                "26596": "Xã Xà Bang",
                "26599": "Xã Cù Bị",
                "26602": "Xã Láng Lớn",
                "26605": "Xã Quảng Thành",
                "26608": "Thị trấn Kim Long",
                "26611": "Xã Suối Rao",
                "26614": "Xã Đá Bạc",
                "26617": "Xã Nghĩa Thành",
            },
        ),
        (
            "682",
            BEFORE_DA_HUOAI,
            "Huyện Đạ Tẻh",
            "68",
            {
                "25126": "Thị trấn Đạ Tẻh",
                "25129": "Xã An Nhơn",
                "25132": "Xã Quốc Oai",
                "25135": "Xã Mỹ Đức",
                "25138": "Xã Quảng Trị",
                "25141": "Xã Đạ Lây",
                "25147": "Xã Triệu Hải",
                "25153": "Xã Đạ Kho",
                "25156": "Xã Đạ Pal",
            },
        ),
    ],
)
def test_the_districts_of_the_articles_are_complete(
    district: str, on: str, full_name: str, province: str, communes: dict[str, str]
) -> None:
    assert name(district, on) == full_name
    assert district in children(province, on)
    assert {code: name(code, on) for code in children(district, on)} == communes


@pytest.mark.parametrize(
    ("district", "heirs"),
    [
        (
            "720",
            {
                "25777": "Xã Dầu Tiếng",
                "25780": "Xã Minh Thạnh",
                "25792": "Xã Long Hòa",
                "25807": "Xã Thanh An",
                "25843": "Phường Tây Nam",
            },
        ),
        (
            "721",
            {
                "25768": "Phường Phú An",
                "25813": "Phường Bến Cát",
                "25837": "Phường Chánh Phú Hòa",
                "25840": "Phường Long Nguyên",
                "25843": "Phường Tây Nam",
                "25846": "Phường Thới Hòa",
                "25849": "Phường Hòa Lợi",
            },
        ),
        (
            "750",
            {
                "26575": "Xã Ngãi Giao",
                "26584": "Xã Xuân Sơn",
                "26590": "Xã Bình Giã",
                "26596": "Xã Châu Đức",
                "26608": "Xã Kim Long",
                "26617": "Xã Nghĩa Thành",
            },
        ),
    ],
)
def test_a_district_is_succeeded_by_the_communes_on_its_land(district: str, heirs: dict[str, str]) -> None:
    found = successors(f"{district}@{LAST_OLD_DAY}")
    assert {code: name(code, REFORM) for code in found} == heirs
    assert {kind for kind, _ in found.values()} == {"transfer"}
    assert heirs.keys() <= children("79", REFORM)


def test_a_recycled_code_is_two_units() -> None:
    assert name("25840", LAST_OLD_DAY) == "Phường An Điền"
    assert name("25840", REFORM) == "Phường Long Nguyên"
    assert name("25780", LAST_OLD_DAY) == "Xã Minh Hòa"
    assert name("25780", REFORM) == "Xã Minh Thạnh"
    assert len(lives()["25783"]) == 1  # the old Minh Thạnh: its code is gone


def test_code_682_lives_as_da_teh_then_as_da_huoai_then_not_at_all() -> None:
    assert [(row["name_en"], row["valid_from"], row["valid_to"]) for row in lives()["682"]] == [
        ("Da Teh District", "", DA_HUOAI),
        ("Da Huoai District", DA_HUOAI, REFORM),
    ]
    assert children("682", DA_HUOAI) > children("682", BEFORE_DA_HUOAI) - {"25147"}
    assert len(children("682", DA_HUOAI)) == 23


@pytest.mark.parametrize(("district", "old_name"), [("681", "Đạ Huoai"), ("682", "Đạ Tẻh"), ("683", "Cát Tiên")])
def test_three_districts_of_nine_communes_merged_into_da_huoai(district: str, old_name: str) -> None:
    assert name(district, BEFORE_DA_HUOAI) == f"Huyện {old_name}"
    assert len(children(district, BEFORE_DA_HUOAI)) == 9
    assert successors(f"{district}@{BEFORE_DA_HUOAI}") == {"682": ("merge", False)}


def test_the_commune_quang_tri_lived_three_lives_under_one_code() -> None:
    assert [row["name_vi"] for row in lives()["25138"]] == ["Xã Quảng Trị", "Xã Quảng Trị", "Xã Đạ Tẻh 2"]
    assert successors(f"25147@{BEFORE_DA_HUOAI}") == {"25138": ("merge", False)}


def test_a_commune_that_is_split_says_so_at_each_successor() -> None:
    assert successors(f"25783@{LAST_OLD_DAY}") == {"25780": ("split", True), "25792": ("split", True)}
    split = {code for code in children("720", LAST_OLD_DAY) if len(successors(f"{code}@{LAST_OLD_DAY}")) > 1}
    assert split == {"25783", "25786", "25798", "25801", "25810"}
    assert {code for code in children("721", LAST_OLD_DAY) if len(successors(f"{code}@{LAST_OLD_DAY}")) > 1} == {
        "25813"
    }


def test_divided_marks_exactly_the_communes_with_several_successors() -> None:
    links = [row for row in table("unit_successors.csv") if unit(row["from"])["kind"] == "commune"]
    shares = Counter(row["from"] for row in links)
    assert all((row["divided"] == "yes") == (shares[row["from"]] > 1) == (row["kind"] == "split") for row in links)
    assert sum(share > 1 for share in shares.values()) == 442


def test_a_whole_district_is_succeeded_without_division() -> None:
    assert not any(divided for _, divided in successors(f"750@{LAST_OLD_DAY}").values())
    ben_cat = successors(f"721@{LAST_OLD_DAY}")
    assert {code for code, (_, divided) in ben_cat.items() if not divided} == {"25846", "25849"}


def test_namesakes_far_apart_do_not_share_successors() -> None:
    """The source joined by name: Tân Thạnh of Cần Thơ and of Sóc Trăng each had both successors."""
    assert successors(f"31268@{LAST_OLD_DAY}") == {"31288": ("merge", False)}
    assert set(successors(f"31666@{LAST_OLD_DAY}")) <= {"31666"}


def test_a_unit_that_the_reform_left_alone_is_one_unit_with_two_parents_in_turn() -> None:
    untouched = [row for row in table("units.csv") if not row["valid_from"] and not row["valid_to"]]
    assert Counter(row["kind"] for row in untouched) == {"province": 11, "commune": 124}
    assert {"01", "46"} <= {row["code"] for row in untouched}
    edges = defaultdict(list)
    for edge in table("unit_parents.csv"):
        edges[edge["code"]].append((len(edge["parent_code"]), edge["valid_from"], edge["valid_to"]))
    assert all(
        edges[row["code"]] == [(3, "", REFORM), (2, REFORM, "")] for row in untouched if row["kind"] == "commune"
    )


def test_a_province_that_took_others_in_is_a_new_unit_under_its_old_code() -> None:
    assert [row["valid_to"] for row in lives()["79"]] == [REFORM, ""]
    for code in ("74", "77", "79"):
        assert successors(f"{code}@{LAST_OLD_DAY}") == {"79": ("merge", False)}


@pytest.mark.parametrize(
    ("code", "on", "vietnamese", "english"),
    [
        ("721", LAST_OLD_DAY, "Thành phố Bến Cát", "Ben Cat City"),
        ("25813", REFORM, "Phường Bến Cát", "Ben Cat Ward"),
        ("750", LAST_OLD_DAY, "Huyện Châu Đức", "Chau Duc District"),
        ("77", LAST_OLD_DAY, "Tỉnh Bà Rịa - Vũng Tàu", "Ba Ria - Vung Tau Province"),
        ("760", LAST_OLD_DAY, "Quận 1", "District 1"),
        ("26732", REFORM, "Đặc khu Côn Đảo", "Con Dao Special Zone"),
    ],
)
def test_names_carry_their_prefix_and_a_plain_english_form(code: str, on: str, vietnamese: str, english: str) -> None:
    found = unit(f"{code}@{on}")
    assert (found["name_vi"], found["name_en"]) == (vietnamese, english)


def test_english_names_are_plain_letters() -> None:
    assert [row["name_en"] for row in table("units.csv") if not row["name_en"].isascii()] == []


def test_points_are_in_viet_nam_and_no_two_communes_of_a_time_share_one() -> None:
    located = [row for row in table("units.csv") if row["latitude"]]
    assert all(7 < float(row["latitude"]) < 24 and 102 < float(row["longitude"]) < 118 for row in located)
    for on in (LAST_OLD_DAY, REFORM):
        points = Counter(
            (row["latitude"], row["longitude"]) for row in located if row["kind"] == "commune" and is_valid(row, on)
        )
        assert [point for point, units in points.items() if units > 1] == []
