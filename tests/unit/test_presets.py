"""The screens that ship with the hub: each can be shown as it is, on the catalogue that ships with it."""

import csv
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

from app.models import ReportCategory
from app.readings.seed import BEN_CAT
from app.reports.indicators import rows_of_category
from app.reports.rules import data_rows
from app.schemas.screens import COLUMNS, ScreenIn

DATA = resources.files("app.catalogue").joinpath("data")
INDICATORS = {
    row["code"]: row for row in csv.DictReader(DATA.joinpath("indicators.csv").read_text("utf-8").splitlines())
}
for shipped in data_rows("categories.csv"):
    category = ReportCategory(code=shipped["code"], name_vi=shipped["name_vi"], name_en=shipped["name_en"])
    INDICATORS |= {row["code"]: row for row in rows_of_category(category, data_rows("indicators.csv")[0])}
INDICATORS |= {row["code"]: row for row in data_rows("indicators.csv")}
UNITS = {row["code"] for row in csv.DictReader(DATA.joinpath("units.csv").read_text("utf-8").splitlines())} | {
    BEN_CAT.code
}
FILES = sorted(resources.files("app.screens").joinpath("presets").iterdir(), key=lambda file: file.name)
PRESETS = {file.name.removesuffix(".json"): ScreenIn.model_validate_json(file.read_bytes()) for file in FILES}

every_preset = pytest.mark.parametrize("screen", PRESETS.values(), ids=PRESETS.keys())


def test_the_presets_are_those_of_an_operations_centre() -> None:
    assert list(PRESETS) == ["chuyen-doi-so", "du-lieu", "giao-thong", "mot-cua", "ngan-sach", "phan-anh", "tong-quan"]


@every_preset
def test_every_code_is_in_the_catalogue(screen: ScreenIn) -> None:
    named = dict(said(screen.model_dump()))

    assert {code for code, kind in named.items() if kind == "indicator"} <= INDICATORS.keys()
    assert {code for code, kind in named.items() if kind == "unit"} <= UNITS


@every_preset
def test_every_widget_has_its_own_place_on_the_grid_and_its_own_name(screen: ScreenIn) -> None:
    names = [widget.id for page in screen.pages for widget in page.widgets]
    assert len(names) == len(set(names))
    for page in screen.pages:
        cells = [
            (x, y) for one in page.widgets for x in range(one.x, one.x + one.w) for y in range(one.y, one.y + one.h)
        ]
        # A preset leaves no hole either: each cell is somebody's.
        assert sorted(cells) == [(x, y) for x in range(COLUMNS) for y in range(page.rows)], page.title
        assert len(page.widgets) <= 12


@every_preset
def test_everything_is_called_by_plain_words_in_both_languages(screen: ScreenIn) -> None:
    titles = [screen.title, *(page.title for page in screen.pages)]
    titles += [widget.title for page in screen.pages for widget in page.widgets if widget.kind != "domains"]

    assert all(
        title is not None and title.en and title.en.isascii() for title in titles
    )  # names as the catalogue writes them


@every_preset
def test_a_page_about_another_unit_says_so_itself(screen: ScreenIn) -> None:
    for page in screen.pages:
        units = {getattr(widget, "unit", None) for widget in page.widgets}
        assert page.unit is None or page.unit not in units, page.title
        assert len(units) > 1 or units == {None}, f"all of {page.title} is about {units}: it is the page that is"


@every_preset
def test_only_what_adds_up_is_shown_for_the_units_below(screen: ScreenIn) -> None:
    for widget in (widget for page in screen.pages for widget in page.widgets):
        match widget.kind:
            case "ranking" | "map":
                shown = [widget.indicator] if widget.indicator else []
            case "table":
                shown = widget.indicators
            case "breakdown" if not widget.parts:
                shown = [widget.whole]
            case _:
                continue
        assert all(INDICATORS[code]["over_units"] != "none" for code in shown), widget.id


def test_the_overview_has_a_headline_for_each_domain() -> None:
    [board] = PRESETS["tong-quan"].pages[0].widgets
    assert board.kind == "domains"

    assert board.headlines.keys() == {row["domain_code"] for row in INDICATORS.values()}
    assert all(INDICATORS[code]["domain_code"] == domain for domain, codes in board.headlines.items() for code in codes)


def said(part: Any) -> Iterator[tuple[str, str]]:
    """Every code that a definition names, and what it should be the code of."""
    kinds = {"indicator": "indicator", "indicators": "indicator", "whole": "indicator", "total": "indicator"}
    kinds |= {"unit": "unit", "formerly": "unit"}
    match part:
        case dict():
            for name, value in part.items():
                if name == "headlines":
                    yield from ((code, "indicator") for codes in value.values() for code in codes)
                elif name in kinds and value is not None:
                    yield from ((code, kinds[name]) for code in ([value] if isinstance(value, str) else value))
                elif name == "parts" and value and isinstance(value[0], str):
                    yield from ((code, "indicator") for code in value)
                else:
                    yield from said(value)
        case list():
            for one in part:
                yield from said(one)
