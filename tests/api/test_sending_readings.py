"""Sending readings: what comes in, what is said of it, and what can be read back."""

import asyncio
import gzip
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from tests.conftest import HubUnderTest

DOSSIERS = "tthc.dossier.received"  # daily
PROCESSING_TIME = "tthc.dossier.processing_time"  # monthly, days
BEN_CAT = "25813"

ROWS: list[dict[str, Any]] = [
    {"indicator": DOSSIERS, "unit": BEN_CAT, "period": "2025-08-01", "value": 42, "status": "provisional"},
    {"indicator": DOSSIERS, "unit": BEN_CAT, "period": "2025-08-02", "value": 7.5, "note": "chưa gồm chi nhánh"},
]
NDJSON = "\n".join(json.dumps(row) for row in ROWS) + "\n"
CSV = (
    "indicator,unit,period,value,status,note\n"
    "tthc.dossier.received,25813,2025-08-01,42,provisional,\n"
    "tthc.dossier.received,25813,2025-08-02,7.5,,chưa gồm chi nhánh\n"
)


def tally(receipt: dict[str, Any]) -> tuple[int, ...]:
    return tuple(receipt[name] for name in ("received", "created", "unchanged", "corrected", "rejected"))


async def test_what_was_sent_can_be_read_back_by_anybody(hub: HubUnderTest) -> None:
    receipt = await hub.sent(*ROWS, source="one-stop")

    assert tally(receipt) == (2, 2, 0, 0, 0)
    assert (receipt["errors"], [one["code"] for one in receipt["warnings"]]) == ([], ["count-fraction"])
    first, second = await hub.reported(DOSSIERS, BEN_CAT)
    assert first | {"received_at": ""} == {
        "indicator": DOSSIERS,
        "unit": BEN_CAT,
        "unit_valid_from": "2025-07-01",
        "period": "2025-08-01",
        "value": 42,
        "status": "provisional",
        "note": None,
        "source": "one-stop",
        "synthetic": False,
        "batch": receipt["batch"],
        "received_at": "",
        "superseded_at": None,
    }
    assert (second["value"], second["status"], second["note"]) == (7.5, "final", "chưa gồm chi nhánh")


async def test_the_same_readings_are_the_same_in_every_format(hub: HubUnderTest) -> None:
    assert tally(await hub.sent(*ROWS)) == (2, 2, 0, 0, 0)

    excel = "\ufeff" + CSV.replace(",", ";").replace("\n", "\r\n")
    other_columns = (
        "value,period,unit,indicator,Note , status\n42,2025-08-01, 25813,tthc.dossier.received,,provisional\n"
    )
    bodies: list[tuple[str | bytes, str, dict[str, str]]] = [
        (NDJSON, "application/x-ndjson", {}),
        (NDJSON.replace("\n", "\r\n\n").rstrip(), "application/x-ndjson; charset=utf-8", {}),
        (CSV, "text/csv", {}),
        (CSV.rstrip("\n"), "Text/CSV;charset=UTF-8", {}),
        (excel, "text/csv", {}),
        (other_columns, "text/csv", {}),
        (gzip.compress(CSV.encode()), "text/csv", {"content-encoding": "gzip"}),
        (gzip.compress(json.dumps({"readings": ROWS}).encode()), "application/json", {"content-encoding": "GZIP"}),
    ]
    for body, media_type, headers in bodies:
        answer = await hub.post(body, media_type, headers=headers)

        assert answer.status_code == 200, answer.text
        received = 1 if body is other_columns else 2
        assert tally(answer.json()) == (received, 0, received, 0, 0), (media_type, body)
    for empty, media_type in [
        ('{"readings": []}', "application/json"),
        ("", "application/x-ndjson"),
        ("indicator,unit,period,value\n\n,,,\n", "text/csv"),
    ]:
        answer = await hub.post(empty, media_type)
        assert (answer.status_code, tally(answer.json())) == (200, (0, 0, 0, 0, 0))


async def test_a_quoted_note_keeps_its_commas_quotes_and_lines(hub: HubUnderTest) -> None:
    body = (
        "indicator,unit,period,value,note\n"
        f'{DOSSIERS},{BEN_CAT},2025-08-01,1,"gồm ""một cửa"", trừ\nchi nhánh"\n'
        f"{DOSSIERS},{BEN_CAT},2025-08-02,x,\n"
    )

    receipt = (await hub.post(body, "text/csv", mode="partial")).json()

    assert [(error["row"], error["pointer"]) for error in receipt["errors"]] == [(3, "value")]  # rows, not lines
    [reading] = await hub.reported(DOSSIERS, BEN_CAT)
    assert reading["note"] == 'gồm "một cửa", trừ\nchi nhánh'


# --- again, otherwise, not at all ---------------------------------------------------------------------------------


async def test_a_batch_that_is_sent_again_changes_nothing(hub: HubUnderTest) -> None:
    await hub.sent(*ROWS)
    before = await hub.reported(DOSSIERS, BEN_CAT, includeHistory=True)

    receipt = await hub.sent(*ROWS)

    assert tally(receipt) == (2, 0, 2, 0, 0)
    assert await hub.reported(DOSSIERS, BEN_CAT, includeHistory=True) == before


async def test_a_correction_keeps_the_earlier_value_and_the_time_it_stood(hub: HubUnderTest) -> None:
    for value in (40, 41, 42):
        await hub.sent((DOSSIERS, BEN_CAT, "2025-08-01", value))

    [present] = await hub.reported(DOSSIERS, BEN_CAT)
    assert (present["value"], present["superseded_at"]) == (42, None)
    story = await hub.reported(DOSSIERS, BEN_CAT, includeHistory=True)
    assert [one["value"] for one in story] == [40, 41, 42]
    first, second, third = story
    assert first["superseded_at"] == second["received_at"]
    assert second["superseded_at"] == third["received_at"]
    assert len({one["batch"] for one in story}) == 3

    # As of an instant: what stood then; with the history, what had stood until then.
    assert await hub.reported(DOSSIERS, BEN_CAT, asOf="2025-01-01") == []
    [then] = await hub.reported(DOSSIERS, BEN_CAT, asOf=second["received_at"])
    assert (then["value"], then["superseded_at"]) == (41, None)
    known = await hub.reported(DOSSIERS, BEN_CAT, asOf=second["received_at"], includeHistory=True)
    assert [(one["value"], one["superseded_at"] is None) for one in known] == [(40, False), (41, True)]
    point = await hub.point(DOSSIERS, BEN_CAT, "2025-08", "month", asOf=first["received_at"])
    assert point["value"] == 40

    # Page by page it is the same story.
    pages: list[dict[str, Any]] = []
    cursor: str | None = ""
    for _ in story:
        query: dict[str, Any] = {"indicator": DOSSIERS, "unit": BEN_CAT, "includeHistory": True, "limit": 1}
        page = (await hub.client.get("/v1/readings", params=query | ({"cursor": cursor} if cursor else {}))).json()
        pages += page["items"]
        cursor = page["next"]
    assert pages == story
    assert cursor is None


async def test_another_status_or_note_is_a_correction_too(hub: HubUnderTest) -> None:
    row: dict[str, Any] = {"indicator": DOSSIERS, "unit": BEN_CAT, "period": "2025-08-01", "value": 42}
    await hub.sent(row | {"status": "estimated"})

    assert tally(await hub.sent(row | {"status": "final"})) == (1, 0, 0, 1, 0)
    assert tally(await hub.sent(row)) == (1, 0, 1, 0, 0)  # final is what is meant without a word
    assert tally(await hub.sent(row | {"note": "đã đối soát"})) == (1, 0, 0, 1, 0)
    assert tally(await hub.sent(row | {"note": None})) == (1, 0, 0, 1, 0)

    story = await hub.reported(DOSSIERS, BEN_CAT, includeHistory=True)
    assert [(one["value"], one["status"], one["note"]) for one in story] == [
        (42, "estimated", None),
        (42, "final", None),
        (42, "final", "đã đối soát"),
        (42, "final", None),
    ]


async def test_null_withdraws_a_reading_until_somebody_means_to_bring_it_back(hub: HubUnderTest) -> None:
    at = (DOSSIERS, BEN_CAT, "2025-08-01")
    await hub.sent((*at, 42))

    assert tally(await hub.sent((*at, None))) == (1, 0, 0, 1, 0)
    [withdrawn] = await hub.reported(DOSSIERS, BEN_CAT)
    assert withdrawn["value"] is None
    point = await hub.point(DOSSIERS, BEN_CAT, "2025-08-01", "day")
    assert (point["value"], point["reason"]) == (None, "no-data")
    assert tally(await hub.sent((*at, None))) == (1, 0, 1, 0, 0)  # it is withdrawn already

    refused = await hub.send((*at, 42))
    assert refused.status_code == 422
    [error] = refused.json()["errors"]
    since = datetime.fromisoformat(withdrawn["received_at"]).isoformat(timespec="seconds")
    assert (error["code"], error["row"], error["pointer"], error["value"]) == (
        "withdrawn",
        1,
        "/readings/0/value",
        "42",
    )
    assert error["detail"] == f"This reading was withdrawn at {since}; to bring it back, send it with reinstate=true."

    assert tally((await hub.send((*at, 43), reinstate=True)).json()) == (1, 0, 0, 1, 0)
    story = await hub.reported(DOSSIERS, BEN_CAT, includeHistory=True)
    assert [one["value"] for one in story] == [42, None, 43]


async def test_in_csv_the_word_null_withdraws_and_an_empty_cell_never_does(hub: HubUnderTest) -> None:
    await hub.sent((DOSSIERS, BEN_CAT, "2025-08-01", 42))
    table = f"indicator,unit,period,value\n{DOSSIERS},{BEN_CAT},2025-08-01,{{}}\n"

    for empty in ("", "  ", '""'):
        answer = await hub.post(table.format(empty), "text/csv")
        [error] = answer.json()["errors"]
        assert (answer.status_code, error["code"], error["row"], error["pointer"]) == (422, "value-missing", 2, "value")
    assert [one["value"] for one in await hub.reported(DOSSIERS, BEN_CAT)] == [42]

    answer = await hub.post(table.format("null"), "text/csv")
    assert tally(answer.json()) == (1, 0, 0, 1, 0)
    assert [one["value"] for one in await hub.reported(DOSSIERS, BEN_CAT)] == [None]


async def test_there_must_be_something_to_withdraw(hub: HubUnderTest) -> None:
    await hub.sent((DOSSIERS, BEN_CAT, "2025-08-01", 42))

    answer = await hub.send((DOSSIERS, BEN_CAT, "2025-08-02", None), (DOSSIERS, "25840", "2025-08-02", None))

    assert answer.status_code == 422
    assert [(error["row"], error["code"], error["pointer"]) for error in answer.json()["errors"]] == [
        (1, "nothing-to-withdraw", "/readings/0/value"),
        (2, "nothing-to-withdraw", "/readings/1/value"),
    ]


# --- all or the good ones -----------------------------------------------------------------------------------------


async def test_one_bad_row_refuses_an_atomic_batch_and_every_bad_row_is_listed(hub: HubUnderTest) -> None:
    await hub.sent((DOSSIERS, "25846", "2025-08-01", 1), source="statistics")
    rows: list[dict[str, Any]] = [
        {"indicator": DOSSIERS, "unit": BEN_CAT, "period": "2025-08-01", "value": 42},
        {"indicator": DOSSIERS, "unit": BEN_CAT, "period": "2025-08-02", "value": "12,5"},
        {"indicator": "tthc.dossier.recieved", "unit": BEN_CAT, "period": "2025-08-03", "value": 1},
        {"indicator": DOSSIERS, "unit": "25846", "period": "2025-08-01", "value": 2},
    ]

    refused = await hub.send(*rows)

    assert refused.status_code == 422
    problem = refused.json()
    assert problem["code"] == "rows-rejected"
    assert problem["detail"].startswith("3 of 4 rows are wrong, so nothing was stored;")
    # A mistake of form, one against the catalogue, one against what is stored: all at once.
    assert [(error["row"], error["code"], error["pointer"], error["value"]) for error in problem["errors"]] == [
        (2, "value-not-number", "/readings/1/value", "12,5"),
        (3, "unknown-indicator", "/readings/2/indicator", "tthc.dossier.recieved"),
        (4, "other-source", "/readings/3/indicator", "2"),
    ]
    assert await hub.reported(DOSSIERS, BEN_CAT) == []

    receipt = (await hub.send(*rows, mode="partial")).json()
    assert tally(receipt) == (4, 1, 0, 0, 3)
    assert receipt["errors"] == problem["errors"]
    assert [one["period"] for one in await hub.reported(DOSSIERS, BEN_CAT)] == ["2025-08-01"]

    everything_wrong = await hub.send(*rows[1:], mode="partial")
    assert tally(everything_wrong.json()) == (3, 0, 0, 0, 3)

    unknown = await hub.send(*rows, mode="Partial")  # is not guessed
    [error] = unknown.json()["errors"]
    assert (unknown.status_code, error["code"], error["pointer"]) == (422, "not-one-of", "/query/mode")
    assert error["detail"] == "It must be one of: 'atomic', 'partial'."


async def test_the_same_reading_twice_in_a_batch_must_say_the_same(hub: HubUnderTest) -> None:
    twice = [(DOSSIERS, BEN_CAT, "2025-08-01", 42), (DOSSIERS, "25813@2025-08-01", "2025-08-01", 42.0)]
    assert tally(await hub.sent(*twice)) == (2, 1, 1, 0, 0)

    other = [
        (DOSSIERS, BEN_CAT, "2025-08-02", 1),
        (DOSSIERS, BEN_CAT, "2025-08-03", 5),
        (DOSSIERS, BEN_CAT, "2025-08-02", 2),
        (DOSSIERS, BEN_CAT, "2025-08-02", 1),
    ]
    receipt = (await hub.send(*other, mode="partial")).json()

    # Which of them is right is not the hub's to guess: not even the one that was said twice.
    assert tally(receipt) == (4, 1, 0, 0, 3)
    assert [(error["row"], error["code"], error["value"], error["detail"][-31:]) for error in receipt["errors"]] == [
        (1, "duplicate-conflict", "1", "d as row 3, with another value."[-31:]),
        (3, "duplicate-conflict", "2", "d as row 1, with another value."[-31:]),
        (4, "duplicate-conflict", "1", "d as row 3, with another value."[-31:]),
    ]
    assert (await hub.send(*other)).status_code == 422
    assert [one["period"] for one in await hub.reported(DOSSIERS, BEN_CAT)] == ["2025-08-01", "2025-08-03"]

    # What is refused is refused as often as it was sent.
    again = (DOSSIERS, BEN_CAT, "2025-08-04", 5)
    receipt = (await hub.send(again, again, source="statistics", mode="partial")).json()
    assert tally(receipt) == (2, 0, 0, 0, 2)
    assert [(error["row"], error["code"]) for error in receipt["errors"]] == [(1, "other-source"), (2, "other-source")]


async def test_a_ratio_that_is_also_computed_is_taken_with_a_warning(hub: HubUnderTest) -> None:
    await hub.sent((DOSSIERS, BEN_CAT, "2025-08-01", 200), ("tthc.dossier.received.online", BEN_CAT, "2025-08-01", 150))

    receipt = await hub.sent(
        ("tthc.dossier.online_rate", BEN_CAT, "2025-08-01", 74), ("tthc.dossier.online_rate", "25840", "2025-08-01", 80)
    )

    assert tally(receipt) == (2, 2, 0, 0, 0)
    [warning] = receipt["warnings"]
    assert (warning["row"], warning["code"], warning["value"]) == (1, "ratio-computed", "74")
    assert "tthc.dossier.received.online / tthc.dossier.received" in warning["detail"]
    assert (await hub.point("tthc.dossier.online_rate", BEN_CAT, "2025-08-01", "day"))["value"] == 74


async def test_what_may_be_a_slip_is_taken_with_a_warning(hub: HubUnderTest) -> None:
    ahead = str((datetime.now(UTC) + timedelta(hours=7)).date() + timedelta(days=3))
    rows: list[dict[str, Any] | tuple[str, str, str, Any]] = [
        ("industry.power.output", BEN_CAT, "2025-08-01", -1.5),  # kWh
        (PROCESSING_TIME, BEN_CAT, "2025-08", 2.5),  # days
        (DOSSIERS, BEN_CAT, "2025-08-01", 42),
        (DOSSIERS, BEN_CAT, "2025-08-02", -42),
        (DOSSIERS, BEN_CAT, "2025-08-03", 12.5),
        (DOSSIERS, BEN_CAT, "2025-08-04", 0.5),
        (DOSSIERS, BEN_CAT, "2025-08-05", "13.0"),
        (DOSSIERS, BEN_CAT, ahead, 7),
        {"indicator": DOSSIERS, "unit": "25840", "period": ahead, "value": 8, "status": "estimated"},
    ]
    told = [
        (4, "/readings/3/value", "count-negative", "-42", "counts dossiers; a negative number is rarely right."),
        (5, "/readings/4/value", "count-fraction", "12.5", "'12.5' is not a whole number (and 1 more row)."),
        (8, "/readings/7/period", "period-ahead", ahead, "has not begun yet"),
    ]

    receipt = await hub.sent(*rows)
    assert tally(receipt) == (9, 9, 0, 0, 0)
    assert [tuple(one[name] for name in ("row", "pointer", "code", "value")) for one in receipt["warnings"]] == [
        one[:4] for one in told
    ]
    for warning, (*_, words) in zip(receipt["warnings"], told, strict=True):
        assert words in warning["detail"]

    # Of a batch in which some rows are refused the others are warned of by their own numbers.
    mixed = (await hub.send(("no.such", BEN_CAT, "2025-08-01", 1), *rows[2:5], mode="partial")).json()
    assert [(one["row"], one["code"]) for one in mixed["warnings"]] == [(3, "count-negative"), (4, "count-fraction")]
    lines = f"indicator,unit,period,value\n{DOSSIERS},{BEN_CAT},2025-08-03,12.5\n"
    [by_table] = (await hub.post(lines, "text/csv")).json()["warnings"]
    assert (by_table["row"], by_table["pointer"]) == (2, "value")
    assert (await hub.send(*rows[2:3])).json()["warnings"] == []


# --- exactly ------------------------------------------------------------------------------------------------------


async def test_numbers_are_served_with_the_digits_they_were_sent_with(hub: HubUnderTest) -> None:
    numbers = {
        "0.1": "0.1",
        "0.10": "0.1",
        "1e3": "1000",
        "1.5E-3": "0.0015",
        "-12.75": "-12.75",
        "-0.0": "0",
        "0": "0",
        "123456789012345678": "123456789012345678",
        "1234567890.12345678": "1234567890.12345678",
        "99999999999999999999.999999999999": "99999999999999999999.999999999999",
        "0.000000000001": "0.000000000001",
        "9007199254740993": "9007199254740993",
        '"12.50"': "12.5",
        '"-1e2"': "-100",
    }
    rows = [
        f'{{"indicator": "{PROCESSING_TIME}", "unit": "25813", "period": "{2011 + month // 12}-{month % 12 + 1:02}",'
        f' "value": {sent}}}'.replace('"25813"', '"25846"')
        for month, sent in enumerate(numbers)
    ]
    body = '{"readings": [' + ", ".join(rows) + "]}"

    assert tally((await hub.post(body)).json()) == (len(numbers), len(numbers), 0, 0, 0)
    assert tally((await hub.post("\n".join(rows), "application/x-ndjson")).json())[2] == len(numbers)

    query = {"indicator": PROCESSING_TIME, "unit": "25846"}
    shown = (await hub.client.get("/v1/readings", params=query)).text
    assert [part.partition(",")[0] for part in shown.split('"value":')[1:]] == list(numbers.values())
    table = (await hub.client.get("/v1/readings", params=query, headers={"accept": "text/csv"})).text
    assert [line.split(",")[4] for line in table.splitlines()[1:]] == list(numbers.values())
    series = await hub.client.get(
        "/v1/aggregates", params=query | {"grain": "month", "from": "2011-01", "to": "2012-02"}
    )
    assert [part.partition(",")[0] for part in series.text.split('"value":')[1:]] == list(numbers.values())


async def test_an_instant_is_moved_to_the_local_calendar(hub: HubUnderTest) -> None:
    flow = "environment.wastewater.flow"
    await hub.sent((flow, BEN_CAT, "2025-08-01T20:30:00Z", 3), (flow, BEN_CAT, "2025-08-02T04:15", 5))

    readings = await hub.reported(flow, BEN_CAT)

    assert [one["period"] for one in readings] == ["2025-08-02T03:30:00", "2025-08-02T04:15:00"]
    again = await hub.sent((flow, BEN_CAT, "2025-08-02T03:30:00+07:00", 3), (flow, BEN_CAT, "2025-08-02T03:30", 3))
    assert tally(again) == (2, 0, 2, 0, 0)


# --- to which unit ------------------------------------------------------------------------------------------------


async def test_a_code_that_was_used_again_means_the_unit_of_the_period(hub: HubUnderTest) -> None:
    """25840 was phường An Điền until 30 June 2025 and is phường Long Nguyên since."""
    await hub.sent(
        (DOSSIERS, "25840", "2025-06-30", 1),
        (DOSSIERS, "25840", "2025-07-01", 2),
        (DOSSIERS, "25840@2025-06-01", "2025-06-29", 3),
        (DOSSIERS, "25840@2026-01-01", "2025-07-02", 4),
    )

    readings = await hub.reported(DOSSIERS, "25840")
    assert {one["period"]: one["unit_valid_from"] for one in readings} == {
        "2025-06-29": None,
        "2025-06-30": None,
        "2025-07-01": "2025-07-01",
        "2025-07-02": "2025-07-01",
    }
    assert [one["value"] for one in await hub.reported(DOSSIERS, "25840@2025-06-30")] == [3, 1]

    both = await hub.send((DOSSIERS, "25840", "2025", 9))
    [error] = both.json()["errors"]
    assert error["code"] == "unit-ambiguous"
    assert error["detail"] == (
        "The code '25840' is several units in 2025; add a date: 25840@1900-01-01, 25840@2025-07-01."
    )
    for address in ("25840@1900-01-01", "25840@2025-07-01"):  # the addresses that the message offers do work
        await hub.sent((DOSSIERS, address, "2025", 9))

    gone = await hub.send((DOSSIERS, "721", "2025-07-01", 5), (DOSSIERS, "25840@2025-06-30", "2025-07-01", 5))
    assert [(error["code"], error["pointer"], error["detail"]) for error in gone.json()["errors"]] == [
        (
            "unit-not-valid",
            "/readings/0/unit",
            "Unit '721' does not exist in 2025-07-01; it exists: Ben Cat City before 2025-07-01."
            " Its successors: 25768 Phu An Ward, 25813 Ben Cat Ward, 25837 Chanh Phu Hoa Ward, 25840 Long Nguyen Ward,"
            " 25843 Tay Nam Ward, 25846 Thoi Hoa Ward, 25849 Hoa Loi Ward.",
        ),
        (
            "unit-not-valid",
            "/readings/1/unit",
            "Unit '25840@2025-06-30' does not exist in 2025-07-01; it exists:"
            " An Dien Ward before 2025-07-01; Long Nguyen Ward since 2025-07-01."
            " Its successors: 25840 Long Nguyen Ward.",
        ),
    ]
    await hub.sent((DOSSIERS, "721", "2025-06-30", 5))


# --- all at once --------------------------------------------------------------------------------------------------


async def every_value(hub: HubUnderTest) -> list[Any]:
    """Every value that was ever accepted for the dossiers of August 2025, in the order of readings and receipt."""
    async with hub.session() as session:
        found = await session.execute(
            text(
                """
                SELECT unit_id, period_start, value, received_at, NULL AS superseded_at FROM reading WHERE batch_id > :seed
                UNION ALL
                SELECT unit_id, period_start, value, received_at, superseded_at FROM reading_history
                 ORDER BY unit_id, period_start, received_at
                """
            ),
            {"seed": 5},
        )
        return list(found)


async def test_batches_that_meet_neither_deadlock_nor_lose_a_value(hub: HubUnderTest) -> None:
    """Twice as many senders as database connections, each with the same readings in another order."""
    keys = [(DOSSIERS, unit, f"2025-08-{day:02}") for unit in ("25813", "25840", "25846") for day in range(1, 9)]
    shuffled = random.Random(1)
    batches = [[(*key, value) for key in shuffled.sample(keys, len(keys))] for value in range(10)]
    await hub.sent(*[(*key, -1) for key in keys[::2]])

    receipts = await asyncio.gather(*(hub.sent(*batch) for batch in batches))

    assert sum(one["created"] for one in receipts) == len(keys) // 2
    assert sum(one["created"] + one["corrected"] for one in receipts) == len(keys) * len(batches)
    values: dict[Any, list[Any]] = {}
    for row in await every_value(hub):
        values.setdefault((row.unit_id, row.period_start), []).append(row)
    assert len(values) == len(keys)
    for story in values.values():
        assert sorted(row.value for row in story if row.value >= 0) == list(range(10))
        assert [row.superseded_at for row in story[:-1]] == [row.received_at for row in story[1:]]
        assert story[-1].superseded_at is None


async def test_a_batch_that_races_with_itself_is_stored_once(hub: HubUnderTest) -> None:
    batch = [(DOSSIERS, BEN_CAT, f"2025-08-{day:02}", day) for day in range(1, 21)]

    receipts = await asyncio.gather(*(hub.sent(*batch) for _ in range(8)))

    assert sorted(tally(one) for one in receipts) == [(20, 0, 20, 0, 0)] * 7 + [(20, 20, 0, 0, 0)]
    assert [row.value for row in await every_value(hub)] == list(range(1, 21))


async def test_two_sources_that_report_a_figure_first_at_once_do_not_both_own_it(hub: HubUnderTest) -> None:
    units = ("25813", "25840", "25843", "25846", "25849")
    for source in ("one-stop", "statistics"):
        hub.keys[source] = await hub.key(source)

    answers = await asyncio.gather(
        *(
            hub.send((DOSSIERS, unit, day, 1), source=source)
            for unit in units
            for source, day in (("one-stop", "2025-08-01"), ("statistics", "2025-08-02"))
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200] * len(units) + [422] * len(units)
    for unit in units:
        assert len(await hub.reported(DOSSIERS, unit, **{"from": "2025-08"})) == 1


async def test_more_callers_than_connections_wait_for_each_other_and_not_for_ever(hub: HubUnderTest) -> None:
    await hub.sent(*ROWS)
    headers = {"X-API-Key": hub.keys["tax-office"]}
    query = {"indicator": DOSSIERS, "unit": BEN_CAT}

    async with asyncio.timeout(20):
        answers = await asyncio.gather(
            *(hub.client.get("/v1/readings", params=query, headers=headers) for _ in range(8)),
            *(hub.send(*ROWS) for _ in range(8)),
        )

    assert {answer.status_code for answer in answers} == {200}


async def test_a_reading_corrected_between_two_pages_comes_once(hub: HubUnderTest) -> None:
    await hub.sent(*((DOSSIERS, "25813", f"2025-08-{day:02}", day) for day in range(1, 6)))
    query: dict[str, Any] = {"indicator": DOSSIERS, "unit": "25813", "limit": 3}
    first = (await hub.client.get("/v1/readings", params=query)).json()

    await hub.sent((DOSSIERS, "25813", first["items"][-1]["period"], 99))
    second = (await hub.client.get("/v1/readings", params=query | {"cursor": first["next"]})).json()

    assert [item["period"] for item in first["items"] + second["items"]] == [f"2025-08-{day:02}" for day in range(1, 6)]


CANCEL_WHO_WAITS = """
SELECT bool_or(pg_cancel_backend(pid)) FROM pg_stat_activity
 WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


async def test_a_statement_that_the_database_cancels_may_be_sent_again(hub: HubUnderTest) -> None:
    await hub.sent((DOSSIERS, "25813", "2025-08-01", 1))
    async with hub.session() as holder:
        await holder.execute(text("SELECT 1 FROM reading FOR UPDATE"))
        blocked = asyncio.create_task(hub.send((DOSSIERS, "25813", "2025-08-01", 2)))
        cancelled = False
        while not cancelled:  # as soon as it waits for the row; a session sees the activity of its first look only
            async with hub.session() as watcher:
                cancelled = bool(await watcher.scalar(text(CANCEL_WHO_WAITS)))
        answer = await blocked

    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "5")
    assert (await hub.send((DOSSIERS, "25813", "2025-08-01", 2))).json()["corrected"] == 1
