"""Readings that are wrong: each mistake is named with its row, its place, its value, and what would be right."""

from typing import Any

from app.errors import ROW_TEXTS
from tests.conftest import HubUnderTest

DOSSIERS = "tthc.dossier.received"
GOOD: dict[str, Any] = {"indicator": DOSSIERS, "unit": "25813", "period": "2025-08-01", "value": 42}

# What is changed in a good row; code, field and value of the error; words of its sentence.
MISTAKES: list[tuple[dict[str, Any], str, str, Any, str]] = [
    # the shape
    ({"unit": ...}, "missing", "unit", None, "This field is missing."),
    ({"value": ...}, "value-missing", "value", None, "leave the row out, or write null to withdraw"),
    ({"source": "me"}, "unknown-field", "source", "me", "the fields are: indicator, unit, period, value, status, note."),
    ({"stat": "final"}, "unknown-field", "stat", "final", "no such field (did you mean 'status'?); the fields are: "),
    ({"a/b~c": 1}, "unknown-field", "a~1b~0c", 1, "There is no such field"),
    ({"unit": 25813}, "wrong-type", "unit", 25813, "It must be a string."),
    ({"note": ["x"]}, "wrong-type", "note", '["x"]', "It must be a string."),
    ({"note": {"vì": [1.5, True, None]}}, "wrong-type", "note", '{"vì":[1.5,true,null]}', "It must be a string."),
    ({"note": [10**20]}, "wrong-type", "note", f"[{10**20}]", "It must be a string."),
    ({"status": "chính thức"}, "not-one-of", "status", "chính thức", "one of: 'estimated', 'provisional', 'final'."),
    ({"status": None}, "not-one-of", "status", None, "one of: 'estimated', 'provisional', 'final'."),
    ({"indicator": ""}, "out-of-range", "indicator", "", "at least 1 character"),
    ({"note": "x" * 1001}, "out-of-range", "note", "x" * 200, "at most 1000 characters"),
    ({"note": "a\0b"}, "invalid", "note", "a\0b", "The value is not valid"),
    # the value
    ({"value": True}, "value-not-number", "value", True, "not a finite decimal; write it like 1234.5"),
    ({"value": "abc"}, "value-not-number", "value", "abc", "'abc' is not a finite decimal"),
    ({"value": "1.234,5"}, "value-not-number", "value", "1.234,5", "without group separators"),
    ({"value": ""}, "value-not-number", "value", "", "not a finite decimal"),
    ({"value": "NaN"}, "value-not-number", "value", "NaN", "not a finite decimal"),
    ({"value": "-Infinity"}, "value-not-number", "value", "-Infinity", "not a finite decimal"),
    ({"value": {"amount": 1}}, "value-not-number", "value", '{"amount":1}', "not a finite decimal"),
    ({"value": "0.1234567890123"}, "value-too-long", "value", "0.1234567890123", "at most 20 before and 12 after"),
    ({"value": 10**20}, "value-too-long", "value", "1" + "0" * 20, "at most 20 before and 12 after"),
    ({"value": -(10**300)}, "value-too-long", "value", "-1" + "0" * 198, "at most 20 before and 12 after"),
    ({"value": "1e99999"}, "value-too-long", "value", "1e99999", "at most 20 before and 12 after"),
    # the indicator
    (
        {"indicator": "tthc.dossier.recieved"},
        "unknown-indicator",
        "indicator",
        "tthc.dossier.recieved",
        "There is no indicator 'tthc.dossier.recieved'. Nearest: tthc.dossier.received, ",
    ),
    # the unit
    ({"unit": "25813x"}, "unknown-unit", "unit", "25813x", "There is no unit '25813x'. Nearest: 25813 (Ben Cat Ward), "),
    ({"unit": "xyz?"}, "unknown-unit", "unit", "xyz?", "There is no unit 'xyz?'. Find the code with /v1/units?q=."),
    ({"unit": "721"}, "unit-not-valid", "unit", "721", "it exists: Ben Cat City before 2025-07-01."),
    ({"unit": "25813@2025-02-30"}, "unit-not-valid", "unit", "25813@2025-02-30", "Ben Cat Ward since 2025-07-01."),
    ({"unit": "25840", "period": "2025"}, "unit-ambiguous", "unit", "25840", "25840@1900-01-01, 25840@2025-07-01."),
    # the period
    ({"period": "01/08/2025"}, "period-malformed", "period", "01/08/2025", "the forms are: 2024, 2024-Q3, 2024-10, "),
    ({"period": "2025-02-29"}, "period-malformed", "period", "2025-02-29", "'2025-02-29' is not a period"),
    ({"period": "2025-W53"}, "period-malformed", "period", "2025-W53", "'2025-W53' is not a period"),
    ({"period": "2025-08-01T14"}, "period-too-fine", "period", "2025-08-01T14", "This indicator is daily; "),
    ({"period": "2025-08-01T15"}, "period-too-fine", "period", "2025-08-01T15", "2025-08-01."),
    ({"period": "2199-01-01"}, "period-in-future", "period", "2199-01-01", "the latest that is taken now."),
    (
        {"indicator": "budget.revenue.total", "period": "2025-08"},
        "cumulative-period",
        "period",
        "2025-08",
        "send it for the last period in it: 2025-08-31.",
    ),
]  # fmt: skip

# Told as stories of their own, here or in test_sending_readings and test_keys.
IN_STORIES = {
    "instant-too-old",  # tests/db/test_rollups.py
    "value-ambiguous",  # tests/unit/test_batch.py
    "malformed-json", "malformed-csv", "domain-inactive", "duplicate-conflict", "outside-scope", "other-source",
    "withdrawn", "nothing-to-withdraw", "ratio-computed", "count-negative", "count-fraction", "period-ahead",
    "photo-refused",  # tests/api/test_report_forms.py
    # of the definition of a screen: tests/api/test_screens.py, and of a display: test_displays.py
    "outside-grid", "overlaps", "id-taken", "not-additive", "other-measure", "unknown-screen",
}  # fmt: skip


def changed(change: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (GOOD | change).items() if value is not ...}


def test_every_code_of_a_row_has_its_example() -> None:
    assert {code for _, code, *_ in MISTAKES} | IN_STORIES == set(ROW_TEXTS)


async def test_every_mistake_is_named_with_its_row_place_value_and_what_would_be_right(hub: HubUnderTest) -> None:
    for change, code, name, value, words in MISTAKES:
        answer = await hub.send(GOOD, changed(change))

        assert answer.status_code == 422, (change, answer.text)
        [error] = answer.json()["errors"]
        found = (error["row"], error["code"], error["pointer"], error["value"])
        assert found == (2, code, f"/readings/1/{name}", value), change
        assert words in error["detail"], error["detail"]
    assert await hub.reported(DOSSIERS, "25813") == []

    whole = await hub.send(*(changed(change) for change, *_ in MISTAKES), mode="partial")
    assert whole.json()["rejected"] == len(MISTAKES)
    assert [error["code"] for error in whole.json()["errors"]] == [code for _, code, *_ in MISTAKES]


async def test_a_row_with_many_mistakes_has_them_all_listed(hub: HubUnderTest) -> None:
    answer = await hub.send(GOOD, {"indicator": 7, "value": "x", "who": 1}, GOOD, {})

    assert [(error["row"], error["pointer"], error["code"]) for error in answer.json()["errors"]] == [
        (2, "/readings/1/indicator", "wrong-type"),
        (2, "/readings/1/unit", "missing"),
        (2, "/readings/1/period", "missing"),
        (2, "/readings/1/value", "value-not-number"),
        (2, "/readings/1/who", "unknown-field"),
        (4, "/readings/3/indicator", "missing"),
        (4, "/readings/3/unit", "missing"),
        (4, "/readings/3/period", "missing"),
        (4, "/readings/3/value", "value-missing"),
    ]
    not_rows = await hub.post('{"readings": [7, [], null, "x"]}')
    assert {(error["code"], error["detail"]) for error in not_rows.json()["errors"]} == {
        ("wrong-type", "It must be a JSON object.")
    }
    assert [error["pointer"] for error in not_rows.json()["errors"]] == [f"/readings/{place}" for place in range(4)]


async def test_the_same_mistakes_are_told_in_vietnamese(hub: HubUnderTest) -> None:
    answer = await hub.client.post(
        "/v1/readings",
        json={
            "readings": [
                GOOD | {"indicator": "tthc.dossier.recieved"},
                GOOD | {"unit": "721"},
                GOOD | {"value": "1.234,5"},
                GOOD | {"period": "2025-08-01T14"},
                GOOD | {"status": "final!"},
            ]
        },
        headers={"X-API-Key": await hub.key(), "accept-language": "vi-VN"},
    )

    problem = answer.json()
    assert answer.headers["content-language"] == "vi"
    assert problem["title"] == "Lô số liệu bị từ chối"
    assert problem["detail"].startswith("5 trong 5 dòng sai nên không dòng nào được lưu;")
    details = [error["detail"] for error in problem["errors"]]
    assert details[0].startswith("Không có chỉ tiêu 'tthc.dossier.recieved'. Gần nhất: tthc.dossier.received, ")
    assert details[1] == (
        "Đơn vị '721' không tồn tại vào kỳ 2025-08-01; nó tồn tại: Thành phố Bến Cát trước 2025-07-01. Kế thừa: 25768 Phường Phú An, 25813 Phường Bến Cát,"
        " 25837 Phường Chánh Phú Hòa, 25840 Phường Long Nguyên, 25843 Phường Tây Nam, 25846 Phường Thới Hòa,"
        " 25849 Phường Hòa Lợi."
    )
    assert (
        details[2]
        == "'1.234,5' không phải số thập phân hữu hạn; viết như 1234.5, dùng dấu chấm, không có dấu phân nhóm."
    )
    assert details[3].startswith("Chỉ tiêu này có kỳ theo ngày, '2025-08-01T14' nhỏ hơn; ví dụ đúng: ")
    assert details[4] == "Phải là một trong: 'estimated', 'provisional', 'final'."


async def test_a_broken_line_is_only_that_rows_mistake(hub: HubUnderTest) -> None:
    lines = (
        b'{"indicator": "tthc.dossier.received", "unit": "25813", "period": "2025-08-01", "value": 1}\n'
        b"\n"
        b'{"indicator": "tthc.dossier.rec\n'
        b'{"value": NaN}\n'
        b'{"value": 1, "value": 2}\n'
        b'{"note": "\xff"}\n'
        b'{"indicator": "tthc.dossier.received", "unit": "25813", "period": "2025-08-02", "value": 2} x\n'
    )

    receipt = (await hub.post(lines, "application/x-ndjson", mode="partial")).json()

    assert (receipt["received"], receipt["created"], receipt["rejected"]) == (6, 1, 5)
    assert [(error["row"], error["code"]) for error in receipt["errors"]] == [
        (row, "malformed-json") for row in (3, 4, 5, 6, 7)
    ]
    assert all(error["detail"].startswith("This line is not JSON: ") for error in receipt["errors"])


async def test_a_csv_row_with_a_cell_too_many_is_only_that_rows_mistake(hub: HubUnderTest) -> None:
    table = (
        "indicator,unit,period,value\n"
        "tthc.dossier.received,25813,2025-08-01,1\n"
        "tthc.dossier.received,25813,2025-08-02,12,5\n"
        "\n"
        "tthc.dossier.received,25813,2025-08-03\n"
        "tthc.dossier.received,25813,2025-08-04,NaN\n"
    )

    receipt = (await hub.post(table, "text/csv", mode="partial")).json()

    assert (receipt["received"], receipt["created"], receipt["rejected"]) == (4, 1, 3)
    errors = receipt["errors"]
    assert [(error["row"], error["code"], error["pointer"]) for error in errors] == [
        (3, "malformed-csv", None),
        (5, "malformed-csv", None),
        (6, "value-not-number", "value"),
    ]
    assert errors[0]["detail"] == "The CSV row is broken: it has 5 cells, the header 4."


async def test_a_domain_that_is_switched_off_takes_no_readings(hub: HubUnderTest) -> None:
    admin = await hub.key("admin", ["catalogue:write"])
    headers = {"X-API-Key": admin}
    await hub.sent(GOOD)
    off = await hub.client.patch("/v1/domains/tthc", json={"active": False}, headers=headers)
    assert off.status_code == 200

    refused = await hub.send(GOOD | {"value": 43}, GOOD | {"indicator": "report.received"})

    [error] = [error for error in refused.json()["errors"] if error["row"] == 1]
    assert (error["code"], error["pointer"], error["value"]) == ("domain-inactive", "/readings/0/indicator", DOSSIERS)
    assert error["detail"] == "The domain 'tthc' is switched off here."
    await hub.client.patch("/v1/domains/tthc", json={"active": True}, headers=headers)
    await hub.sent(GOOD | {"value": 43})


async def test_a_coarser_reading_is_taken_and_a_year_to_date_figure_of_a_whole_year_too(hub: HubUnderTest) -> None:
    await hub.sent(
        (DOSSIERS, "25846", "2024", 900),
        (DOSSIERS, "25846", "2025-W31", 12),
        ("budget.revenue.total", "25846", "2024", 118_250_000_000),
        ("budget.revenue.total", "25846", "2025-08-31", 80_000_000_000),
    )


async def test_how_far_ahead_a_reading_may_be(hub: HubUnderTest) -> None:
    now = hub.hub.now()
    await hub.sent(
        GOOD | {"unit": "25846", "period": f"{now:%Y-%m-%d}"}, GOOD | {"unit": "25846", "period": f"{now:%Y}"}
    )

    refused = await hub.send(GOOD | {"unit": "25846", "period": f"{now.year + 1}-02-03"})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["code"] == "period-in-future"


async def test_a_flood_of_unknown_codes_does_not_use_up_the_hints_of_later_batches(hub: HubUnderTest) -> None:
    flood = await hub.send(*(GOOD | {"unit": f"no-{number}"} for number in range(200)), mode="partial")
    assert flood.json()["rejected"] == 200

    refused = await hub.send(GOOD | {"unit": "25813x"})

    assert "Nearest: 25813" in refused.json()["errors"][0]["detail"]
