"""Citizens' field reports: sent once, promised an answer, moved by who may move them, seen by who may see them."""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import time_machine
from sqlalchemy import event, text
from structlog.testing import capture_logs

from app.reports.reporters import erase_reporters, forget_reporters
from tests.conftest import HubUnderTest

# In the ward of Bến Cát (25813), a few hundred metres from the point that the catalogue has of it.
LAMP = {"latitude": 11.1893, "longitude": 106.6061}
HANOI = {"latitude": 21.03, "longitude": 105.85}
MONDAY = "2026-11-23T09:00:00+07:00"


@dataclass
class Centre:
    """A hub with the people around it."""

    hub: HubUnderTest
    keys: dict[str, str] = field(default_factory=dict)

    async def key(self, who: str) -> str:
        if who not in self.keys:
            scope = "reports:submit" if who.endswith("app") else f"reports:{who}"
            # A new source is a change of the catalogue, which takes seconds to read: all but one are of the same.
            self.keys[who] = await self.hub.key("other-app" if who == "other-app" else "tax-office", scopes=[scope])
        return self.keys[who]

    async def ask(self, method: str, path: str, who: str | None = None, **more: Any) -> httpx.Response:
        headers = {} if who is None else {"X-API-Key": await self.key(who)}
        return await self.hub.client.request(
            method, f"/v1/reports{path}", headers=headers | more.pop("headers", {}), **more
        )

    async def send(self, who: str = "app", **more: Any) -> httpx.Response:
        return await self.ask("POST", "", who, json=a_report(**more))

    async def sent(self, who: str = "app", **more: Any) -> dict[str, Any]:
        response = await self.send(who, **more)
        assert response.status_code == 201, response.text
        report: dict[str, Any] = response.json()
        return report

    async def move(self, report: Mapping[str, Any], who: str | None, to: str, **more: Any) -> httpx.Response:
        return await self.ask("POST", f"/{report['id']}/transitions", who, json={"to": to, **more})

    async def moved(self, report: Mapping[str, Any], *steps: tuple[Any, ...]) -> dict[str, Any]:
        """Steps as (who, to) or (who, to, what comes with it)."""
        for who, to, *more in steps:
            response = await self.move(report, who, to, **(more[0] if more else {}))
            assert response.status_code == 200, response.text
        result: dict[str, Any] = response.json()
        return result

    async def seen(self, report: Mapping[str, Any], who: str | None = None) -> httpx.Response:
        return await self.ask("GET", f"/{report['id']}", who)

    async def listed(self, who: str | None = None, **query: Any) -> list[str]:
        response = await self.ask("GET", "", who, params=query)
        assert response.status_code == 200, response.text
        return [one["id"] for one in response.json()["items"]]


@pytest.fixture
def centre(hub: HubUnderTest) -> Centre:
    return Centre(hub)


def a_report(**more: Any) -> dict[str, Any]:
    report = {"id": str(uuid4()), "category": "trees-lighting", "description": "Đèn đường không sáng.", "point": LAMP}
    return {name: value for name, value in (report | more).items() if value is not None}


ANSWER = {"outcome": "fixed", "reply": "Đã thay bóng đèn."}
TO_THE_PUBLIC = (
    ("moderate", "accepted"), ("handle", "processing"), ("handle", "resolved", ANSWER), ("moderate", "approved"),
    ("moderate", "published"),
)  # fmt: skip


# --- sending ---


@time_machine.travel(MONDAY, tick=False)
async def test_a_report_knows_its_commune_and_by_when_it_is_looked_at(centre: Centre) -> None:
    report = await centre.sent()

    assert (report["state"], report["unit"], report["urgency"]) == ("submitted", "25813", "normal")
    # 8 working hours of 07:30-11:30 and 13:00-17:00 from Monday 09:00: 2.5 + 4 that day, 1.5 the next morning
    assert report["intake_due_at"] == "2026-11-24T09:00:00+07:00"
    assert [event["to"] for event in report["events"]] == ["submitted"]


async def test_the_same_report_again_is_the_same_report(centre: Centre) -> None:
    body = a_report()
    first = await centre.ask("POST", "", "app", json=body)
    await centre.moved(first.json(), ("moderate", "accepted"))

    again = await centre.ask("POST", "", "app", json=body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert (again.json()["number"], again.json()["state"]) == (first.json()["number"], "assigned")


async def test_another_content_under_the_same_id_is_a_conflict_with_both_hashes(centre: Centre) -> None:
    report = await centre.sent()

    response = await centre.send(id=report["id"], description="Cây đổ.")

    assert (response.status_code, response.json()["code"]) == (409, "report-conflict")
    assert (
        len([word for word in response.json()["detail"].replace(")", " ").split() if len(word.strip(";:,.")) == 64])
        == 2
    )


async def test_of_the_same_report_on_many_lines_at_once_there_is_one(centre: Centre) -> None:
    body = a_report()
    await centre.key("app")

    answers = await asyncio.gather(*(centre.ask("POST", "", "app", json=body) for _ in range(8)))

    assert sorted(one.status_code for one in answers) == [200] * 7 + [201]
    assert len({one.json()["number"] for one in answers}) == 1
    assert len((await centre.seen(body, "app")).json()["events"]) == 1


async def test_the_turn_that_all_writers_wait_for_is_taken_last(centre: Centre) -> None:
    report = await centre.sent()
    await centre.key("moderate")
    said: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    engine = centre.hub.hub.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await centre.sent()
        await centre.moved(report, ("moderate", "accepted"))
    finally:
        event.remove(engine, "before_cursor_execute", note)

    turns = [place for place, statement in enumerate(said) if "pg_advisory_xact_lock" in statement]
    assert len(turns) == 2
    for place in turns:  # then its number, and the commit
        assert said[place + 1].startswith("UPDATE report SET change")
        assert not said[place + 2 :] or "FROM change" in said[place + 2]  # the next request


async def test_of_the_same_move_made_twice_at_once_one_counts(centre: Centre) -> None:
    report = await centre.sent()
    await centre.key("moderate")

    answers = await asyncio.gather(*(centre.move(report, "moderate", "accepted") for _ in range(6)))

    assert sorted(one.status_code for one in answers) == [200] + [409] * 5
    assert [event["to"] for event in (await centre.seen(report, "app")).json()["events"]] == [
        "submitted",
        "accepted",
        "assigned",
    ]


async def test_another_system_cannot_take_an_id_nor_read_a_hash_by_it(centre: Centre) -> None:
    body = a_report()
    await centre.ask("POST", "", "app", json=body)

    response = await centre.ask("POST", "", "other-app", json=body)

    assert (response.status_code, response.json()["code"]) == (409, "report-conflict")
    assert "hash –" in response.json()["detail"]


@pytest.mark.parametrize(("more", "pointer"), [
    ({"category": "ufo"}, "/category"),
    ({"point": None}, None),
    ({"point": {"latitude": 91, "longitude": 0}}, "/point/latitude"),
    ({"occurred_at": "2126-01-01T00:00:00Z"}, "/occurred_at"),
    ({"occurred_at": "2026-01-01T00:00:00"}, "/occurred_at"),
    ({"occurred_at": 0}, "/occurred_at"),
    ({"occurred_at": "1906-06-30T12:00:00Z"}, "/occurred_at"),
    ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "/occurred_at"),
    ({"occurred_at": "0"}, "/occurred_at"),
    ({"description": "   "}, "/description"),
    ({"description": "a\x00b"}, "/description"),
    ({"id": "not-a-uuid"}, "/id"),
    ({"phone": "0912345678"}, "/phone"),
])  # fmt: skip
async def test_what_is_wrong_is_named(centre: Centre, more: dict[str, Any], pointer: str | None) -> None:
    response = await centre.send(**more)

    assert (response.status_code, response.json()["code"]) == (422, "invalid-request")
    if pointer is not None:
        assert [one["pointer"] for one in response.json()["errors"]] == [pointer]


async def test_outside_the_area_it_says_whose_the_place_is(centre: Centre) -> None:
    hub = centre.hub
    object.__setattr__(hub.hub, "settings", hub.hub.settings.model_copy(update={"area": "bencat"}))

    there, sea = await centre.send(point=HANOI), await centre.send(point={"latitude": 8.0, "longitude": 112.0})
    here = await centre.send()

    assert (there.status_code, there.json()["code"]) == (422, "outside-area")
    assert "Ha Noi" in there.json()["detail"]
    assert sea.json()["code"] == "outside-area"
    assert here.status_code == 201


async def test_an_address_alone_is_enough_and_a_moderator_says_where_it_is(centre: Centre) -> None:
    report = await centre.sent(point=None, address="12 Hùng Vương")
    assert report["unit"] is None

    placed = await centre.moved(report, ("moderate", "accepted", {"unit": "25813"}))

    assert (placed["unit"], placed["agency"], placed["state"]) == ("25813", "25813", "assigned")


async def test_a_clerk_is_told_in_vietnamese_what_would_be_right(centre: Centre) -> None:
    body = a_report(occurred_at="hôm qua", id="1", address="a\nb")

    response = await centre.ask("POST", "", "app", json=body, headers={"accept-language": "vi"})

    assert {one["pointer"]: one["detail"] for one in response.json()["errors"]} == {
        "/id": "Phải là UUID, như 7a0e4a52-9c37-4c11-9d4e-0f5c3f0d7c11.",
        "/occurred_at": "Phải là thời điểm có múi giờ, như 2026-11-21T19:30:00+07:00.",
        "/address": "Giá trị không hợp lệ: chỉ một dòng, không có ký tự NUL.",
    }


# --- moving ---


@time_machine.travel(MONDAY, tick=False)
async def test_a_report_goes_its_way_to_the_public(centre: Centre) -> None:
    report = await centre.sent()
    hidden = await centre.seen(report)

    done = await centre.moved(report, *TO_THE_PUBLIC)
    public = (await centre.seen(report)).json()

    assert hidden.status_code == 404
    assert [event["to"] for event in done["events"]] == [
        "submitted", "accepted", "assigned", "processing", "resolved", "approved", "published",
    ]  # fmt: skip
    assert done["events"][2]["by"] == "system"  # the route: without one the commune itself
    assert done["handling_due_at"] == "2026-11-30T17:00:00+07:00"  # five working days after Monday
    assert (public["state"], public["outcome"], public["reply"]) == ("published", "fixed", "Đã thay bóng đèn.")
    assert "handling_due_at" not in public
    assert "channel" not in public


@pytest.mark.parametrize(("before", "who", "to"), [
    ((), "moderate", "published"),  # there is no such step
    ((), "handle", "processing"),  # not the agency's yet
    ((), "app", "accepted"),
    ((("moderate", "accepted"),), "moderate", "processing"),
    ((("moderate", "accepted"),), "moderate", "accepted"),
])  # fmt: skip
async def test_a_step_that_is_not_in_the_table_or_somebody_elses_is_refused(
    centre: Centre, before: tuple[tuple[Any, ...], ...], who: str, to: str
) -> None:
    report = await centre.sent()
    if before:
        await centre.moved(report, *before)

    response = await centre.move(report, who, to)

    assert (response.status_code, response.json()["code"]) in {(409, "move-not-allowed"), (404, "unknown-report")}
    assert (await centre.seen(report, "moderate")).json()["state"] == ("assigned" if before else "submitted")


async def test_what_belongs_to_a_step_must_come_with_it(centre: Centre) -> None:
    report = await centre.sent()
    await centre.moved(report, ("moderate", "accepted"))

    response = await centre.move(report, "handle", "resolved")

    assert response.status_code == 422
    assert {one["pointer"] for one in response.json()["errors"]} == {"/reply", "/outcome"}


async def test_the_answer_to_a_wrong_step_says_what_may_be_done(centre: Centre) -> None:
    report = await centre.sent()

    response = await centre.move(report, "moderate", "closed")

    assert response.status_code == 409
    assert "accepted (Accepted)" in response.json()["detail"]
    assert (await centre.seen(report, "moderate")).json()["moves"] == ["need_info", "rejected", "accepted"]


async def test_while_the_citizen_is_asked_the_clock_stands(centre: Centre) -> None:
    with time_machine.travel("2026-11-23T09:00:00+07:00", tick=False):
        report = await centre.sent()
    with time_machine.travel("2026-11-23T10:00:00+07:00", tick=False):
        await centre.moved(report, ("moderate", "need_info", {"reason": "Đèn nào ạ?"}))
    with time_machine.travel("2026-11-25T10:00:00+07:00", tick=False):
        back = await centre.moved(report, ("app", "submitted", {}))

    # seven of eight working hours were left on Monday at ten: 1.5 + 4 on Wednesday, 1.5 on Thursday
    assert back["intake_due_at"] == "2026-11-26T09:00:00+07:00"


async def test_an_extension_keeps_the_old_deadline_and_there_is_only_one(centre: Centre) -> None:
    report = await centre.sent(category="construction")
    taken = await centre.moved(report, ("moderate", "accepted"), ("handle", "processing"))
    later = {"reason": "Phải chờ kết luận thanh tra.", "deadline": "2027-03-01T17:00:00+07:00"}

    sooner = await centre.move(report, "moderate", "extended", reason="x", deadline="2026-11-20T00:00:00+07:00")
    longer = await centre.moved(report, ("moderate", "extended", later))
    again = await centre.move(report, "moderate", "extended", **later | {"deadline": "2027-06-01T17:00:00+07:00"})

    assert sooner.status_code == 422
    assert longer["handling_due_at"] == "2027-03-01T17:00:00+07:00"
    assert longer["events"][-2]["handling_due_at"] == taken["handling_due_at"]
    assert again.status_code == 409


async def test_an_agency_may_send_it_back_and_that_is_counted(centre: Centre) -> None:
    report = await centre.sent()

    there = await centre.moved(
        report, ("moderate", "accepted"), ("handle", "returned", {"reason": "Thuộc công ty điện lực."}),
        ("moderate", "assigned", {"agency": "25840"}),
    )  # fmt: skip

    assert (there["agency"], there["bounces"], there["state"]) == ("25840", 1, "assigned")


async def test_a_citizen_who_is_not_content_has_five_working_days_to_say_so(centre: Centre) -> None:
    with time_machine.travel(MONDAY, tick=False):
        report = await centre.sent(subject="a-citizen")
        await centre.moved(report, *TO_THE_PUBLIC)
    unhappy = {"reason": "Vẫn tối.", "subject": "a-citizen"}
    with time_machine.travel("2026-12-01T09:00:00+07:00", tick=False):
        late = await centre.move(report, "app", "reopened", **unhappy)
    with time_machine.travel("2026-11-30T16:00:00+07:00", tick=False):
        somebody_else = await centre.move(report, "app", "reopened", **unhappy | {"subject": "a-neighbour"})
        again = await centre.moved(report, ("app", "reopened", unhappy))

    assert (late.status_code, somebody_else.status_code) == (409, 409)
    assert (again["state"], again["round"]) == ("reopened", 2)
    assert again["handling_due_at"] == "2026-12-07T17:00:00+07:00"


async def test_a_duplicate_points_to_the_first_of_its_kind(centre: Centre) -> None:
    first, second, third = [await centre.sent() for _ in range(3)]
    repeats = {"rejection": "duplicate", "reason": "Đã có."}
    await centre.moved(second, ("moderate", "rejected", repeats | {"duplicate_of": first["id"]}))

    last = await centre.moved(third, ("moderate", "rejected", repeats | {"duplicate_of": second["id"]}))
    itself = await centre.move(await centre.sent(), "moderate", "rejected", **repeats)

    assert last["duplicate_of"] == first["id"]
    assert [one["pointer"] for one in itself.json()["errors"]] == ["/duplicate_of"]


async def test_what_is_not_for_the_public_is_never_published(centre: Centre) -> None:
    private, security = await centre.sent(visibility="private"), await centre.sent(category="security")
    for report in (private, security):
        await centre.moved(report, *TO_THE_PUBLIC[:-1])

        response = await centre.move(report, "moderate", "published")

        assert response.status_code == 409
        assert (await centre.seen(report)).status_code == 404


async def test_who_was_asked_goes_back_to_where_and_with_whom_it_was(centre: Centre) -> None:
    """A citizen's answer is no assignment, and takes no extension."""
    report = await centre.sent(category="construction", subject="an")
    later = {"reason": "Chờ kết luận.", "deadline": "2027-03-01T17:00:00+07:00"}
    ask = ("moderate", "need_info", {"reason": "Ở đâu ạ?"})
    await centre.moved(report, ("moderate", "accepted", {"agency": "25840"}), ask)

    elsewhere = await centre.move(report, "app", "assigned", agency="25837", subject="an")
    back = await centre.moved(report, ("app", "assigned", {"subject": "an"}), ("moderate", "extended", later), ask)
    again = await centre.moved(
        report, ("app", "extended", {"subject": "an"}), ask, ("app", "extended", {"subject": "an"})
    )

    assert [one["pointer"] for one in elsewhere.json()["errors"]] == ["/agency"]
    assert (back["agency"], again["state"], again["agency"]) == ("25840", "extended", "25840")
    assert again["handling_due_at"] == "2027-03-01T17:00:00+07:00"


@pytest.mark.parametrize(("who", "to", "more", "pointer"), [
    ("moderate", "accepted", {"outcome": "fixed"}, "/outcome"),
    ("moderate", "accepted", {"reply": "Xong."}, "/reply"),
    ("moderate", "accepted", {"duplicate_of": str(uuid4())}, "/duplicate_of"),
    ("moderate", "need_info", {"reason": "?", "agency": "25840"}, "/agency"),
    ("moderate", "need_info", {"reason": "?", "rejection": "spam"}, "/rejection"),
    ("moderate", "accepted", {"deadline": "2027-01-01T00:00:00Z"}, "/deadline"),
    ("moderate", "accepted", {"category": "ufo"}, "/category"),
    ("moderate", "accepted", {"unit": "nowhere"}, "/unit"),
])  # fmt: skip
async def test_what_does_not_belong_to_a_move_is_refused(
    centre: Centre, who: str, to: str, more: dict[str, Any], pointer: str
) -> None:
    response = await centre.move(await centre.sent(), who, to, **more)

    assert response.status_code == 422
    assert [one["pointer"] for one in response.json()["errors"]] == [pointer]


async def test_duplicates_do_not_go_round_in_circles(centre: Centre) -> None:
    first, second, third = [await centre.sent() for _ in range(3)]
    repeats = {"rejection": "duplicate", "reason": "Đã có."}
    await centre.moved(first, ("moderate", "rejected", repeats | {"duplicate_of": second["id"]}))
    await centre.moved(second, ("moderate", "rejected", repeats | {"duplicate_of": third["id"]}))

    response = await centre.move(third, "moderate", "rejected", **repeats, duplicate_of=first["id"])

    assert [one["pointer"] for one in response.json()["errors"]] == ["/duplicate_of"]


async def test_nobody_waits_for_ever_when_three_clerks_mark_duplicates_in_a_circle(centre: Centre) -> None:
    await centre.key("moderate")
    for _ in range(4):
        ids = [(await centre.sent())["id"] for _ in range(3)]
        pairs = [(ids[one], ids[other]) for one in range(3) for other in range(3) if one != other]

        answers = await asyncio.gather(
            *(
                centre.move({"id": one}, "moderate", "rejected", rejection="duplicate", duplicate_of=other)
                for one, other in pairs
            )
        )

        assert sorted(one.status_code for one in answers)[:2] == [200, 200]
        assert {one.status_code for one in answers} <= {200, 409, 422}


async def test_after_a_publication_nothing_more_is_public_until_the_next(centre: Centre) -> None:
    report = await centre.sent()
    await centre.moved(
        report, *TO_THE_PUBLIC, ("app", "reopened", {"reason": "Gọi tôi 0912345678."}), ("moderate", "assigned"),
        ("handle", "resolved", {"outcome": "partly", "reply": "Chưa ai xem."}),
    )  # fmt: skip

    public = (await centre.seen(report)).json()
    after = await centre.moved(report, ("moderate", "approved"), ("moderate", "published"))
    again = (await centre.seen(report)).json()

    assert (public["state"], public["outcome"], public["reply"]) == ("resolved", None, None)
    assert "0912345678" not in str(public)
    assert "Chưa ai xem" not in str(public)
    assert (again["outcome"], again["reply"], after["round"]) == ("partly", "Chưa ai xem.", 2)


async def test_what_turns_out_not_to_be_for_the_public_is_taken_back(centre: Centre) -> None:
    report = await centre.sent()
    await centre.moved(report, ("moderate", "accepted"))

    later = await centre.move(report, "moderate", "assigned", category="security")

    assert later.status_code == 422  # what was promised goes by the category


@pytest.mark.parametrize("query", [
    {"category": "\x00"}, {"near": "170,10"}, {"bbox": "180,180,-180,-180"}, {"near": "1_0,2"}, {"near": "1"},
    {"unit": "nowhere"}, {"order": "deadline"},
])  # fmt: skip
async def test_a_question_that_cannot_be_is_refused(centre: Centre, query: dict[str, str]) -> None:
    assert (await centre.ask("GET", "", None, params=query)).status_code in {401, 404, 422}


# --- looking ---


async def test_everybody_sees_what_is_published_and_nothing_else(centre: Centre) -> None:
    published, under_way = await centre.sent(), await centre.sent()
    await centre.moved(published, *TO_THE_PUBLIC)

    assert await centre.listed() == [published["id"]]
    assert await centre.listed("moderate") == [under_way["id"], published["id"]]
    assert await centre.listed("other-app") == [published["id"]]
    assert await centre.listed("app", mine=True) == [under_way["id"], published["id"]]
    assert (await centre.ask("GET", "", None, params={"order": "deadline"})).status_code == 401


async def test_staff_of_another_unit_see_and_move_nothing(centre: Centre) -> None:
    report = await centre.sent()
    await centre.moved(report, ("moderate", "accepted"))
    centre.keys["elsewhere"] = await centre.hub.key(scopes=["reports:moderate", "reports:handle"], units=["25840"])
    centre.keys["here"] = await centre.hub.key(scopes=["reports:handle"], units=["25813"])

    assert (await centre.seen(report, "elsewhere")).status_code == 404
    assert (await centre.move(report, "elsewhere", "processing")).status_code == 404
    assert await centre.listed("elsewhere") == []
    assert (await centre.move(report, "here", "processing")).status_code == 200


async def test_a_place_that_is_to_be_rough_is_rough_and_cannot_be_narrowed_down(centre: Centre) -> None:
    report = await centre.sent(visibility="withheld", address="12 Hùng Vương")
    await centre.moved(report, *TO_THE_PUBLIC)

    public = (await centre.seen(report)).json()

    assert public["coarse"] is True
    assert public["address"] is None
    shown = public["point"]
    assert shown != LAMP
    assert abs(shown["latitude"] - LAMP["latitude"]) <= 0.005
    around = "{:.4f},{:.4f},{:.4f},{:.4f}"
    west, south = LAMP["longitude"] - 0.0002, LAMP["latitude"] - 0.0002
    precisely = around.format(west, south, west + 0.0004, south + 0.0004)
    assert await centre.listed(bbox=precisely) == []
    assert await centre.listed("moderate", bbox=precisely) == [report["id"]]
    west, south = shown["longitude"] - 0.001, shown["latitude"] - 0.001
    assert await centre.listed(bbox=around.format(west, south, west + 0.002, south + 0.002)) == [report["id"]]


async def test_open_reports_nearby_are_offered_before_another_is_sent(centre: Centre) -> None:
    near = await centre.sent()
    far = await centre.sent(point={"latitude": LAMP["latitude"] + 0.01, "longitude": LAMP["longitude"]})
    for report in (near, far):
        await centre.moved(report, *TO_THE_PUBLIC)

    place = {"lat": LAMP["latitude"] + 0.0003, "lon": LAMP["longitude"]}
    found = (await centre.ask("GET", "/similar", params=place | {"category": "trees-lighting"})).json()["items"]
    other = (await centre.ask("GET", "/similar", params=place | {"category": "water"})).json()["items"]

    assert [(one["id"], one["metres"]) for one in found] == [(near["id"], 33)]
    assert other == []


async def test_the_inbox_is_in_the_order_of_the_deadlines(centre: Centre) -> None:
    complex_one = await centre.sent(category="construction")
    normal, urgent = await centre.sent(), await centre.sent(category="fire")
    for report in (complex_one, normal, urgent):
        await centre.moved(report, ("moderate", "accepted"))
    answered = [await centre.sent() for _ in range(2)]  # no clock runs any more
    for report in answered:
        await centre.moved(report, ("moderate", "accepted"), ("handle", "resolved", ANSWER))
    done = await centre.sent()
    await centre.moved(done, *TO_THE_PUBLIC)

    async def page(who: str, cursor: str | None = None) -> tuple[list[str], str | None]:
        asked = {"order": "deadline", "limit": 2} | ({} if cursor is None else {"cursor": cursor})
        found = (await centre.ask("GET", "", who, params=asked)).json()
        return [one["id"] for one in found["items"]], found["next"]

    first, after = await page("moderate")
    second, after_second = await page("moderate", after)
    third = await page("moderate", after_second)

    assert first == [urgent["id"], normal["id"]]
    assert second == [complex_one["id"], answered[0]["id"]]
    assert third == ([answered[1]["id"]], None)
    _, after = await page("handle")
    assert await page("handle", after) == ([complex_one["id"]], None)  # the others wait for the moderator


async def test_who_keeps_the_cursor_hears_of_every_change_once(centre: Centre) -> None:
    reports = [await centre.sent() for _ in range(3)]
    first = (await centre.ask("GET", "", "moderate", params={"order": "changed"})).json()
    quiet = (await centre.ask("GET", "", "moderate", params={"order": "changed", "cursor": first["next"]})).json()
    await centre.moved(reports[0], ("moderate", "accepted"))

    news = (await centre.ask("GET", "", "moderate", params={"order": "changed", "cursor": quiet["next"]})).json()

    assert [one["id"] for one in first["items"]] == [one["id"] for one in reports]
    assert quiet["items"] == []
    assert [(one["id"], one["state"]) for one in news["items"]] == [(reports[0]["id"], "assigned")]


# --- who it was ---

AN = {"name": "Nguyễn Văn An", "phone": "0912 345 678", "email": "An@example.vn"}


async def test_nobody_but_those_who_may_learns_who_it_was(centre: Centre) -> None:
    report = await centre.sent(contact=AN)
    done = await centre.moved(report, *TO_THE_PUBLIC)
    centre.keys["identify"] = await centre.hub.key(scopes=["reports:moderate", "reports:identify"])

    elsewhere = await centre.hub.key(scopes=["reports:moderate", "reports:identify"], units=["25840"])
    centre.keys["elsewhere"] = elsewhere
    known = await centre.ask("GET", f"/{report['id']}/reporter", "identify")
    refused = [
        await centre.ask("GET", f"/{report['id']}/reporter", who)
        for who in (None, "moderate", "handle", "app", "elsewhere")
    ]

    assert known.json() == AN
    assert [response.status_code for response in refused] == [401, 403, 403, 403, 404]
    answers = [(await centre.seen(report, who)).json() for who in (None, "handle", "app", "identify")]
    for answer in (done, *answers):
        assert not any(secret in str(answer) for secret in ("Văn An", "345 678", "+84", "example.vn"))


async def test_it_is_stored_encrypted_apart_from_the_case(centre: Centre) -> None:
    report = await centre.sent(contact=AN)

    async with centre.hub.session() as session:
        rows = (
            await session.execute(text("SELECT r::text FROM reporter r UNION ALL SELECT r::text FROM report r"))
        ).all()

    assert len(rows) == 2
    assert not any(secret in str(rows) for secret in ("Văn An", "0912", "345678", "345 678", "example.vn"))
    assert report["id"] in str(rows)


async def test_who_was_forgotten_is_forgotten_and_the_report_stays(centre: Centre) -> None:
    reports = [await centre.sent(contact=AN), await centre.sent(contact={"phone": "+84912345678"}), await centre.sent()]
    centre.keys["identify"] = await centre.hub.key(scopes=["reports:moderate", "reports:identify"])
    async with centre.hub.session() as session:
        erased = await erase_reporters(session, centre.hub.app.state.identities, contacts=[("phone", "0912345678")])

    answers = [await centre.ask("GET", f"/{report['id']}/reporter", "identify") for report in reports]

    assert sorted(map(str, erased)) == sorted(one["id"] for one in reports[:2])
    assert [answer.status_code for answer in answers] == [410, 410, 404]
    assert len(await centre.listed("moderate")) == 3


async def test_who_sent_a_report_is_forgotten_some_days_after_its_end(
    centre: Centre, capsys: pytest.CaptureFixture[str]
) -> None:
    contact = {"phone": "0912 345 678"}
    key = {"X-API-Key": await centre.hub.key(scopes=["reports:moderate", "reports:identify"])}
    refusal = ("moderate", "rejected", {"rejection": "spam"})
    with time_machine.travel("2026-11-01T09:00:00+07:00", tick=False):
        ended, closed, first, repeat, open_ = [await centre.sent(contact=contact) for _ in range(5)]
        await centre.moved(ended, refusal)
        await centre.moved(closed, *TO_THE_PUBLIC, ("app", "closed"))
        await centre.moved(repeat, ("moderate", "rejected", {"rejection": "duplicate", "duplicate_of": first["id"]}))
    with time_machine.travel("2026-11-20T09:00:00+07:00", tick=False):
        late = await centre.sent(contact=contact)
        await centre.moved(late, refusal)

    async def forgotten(at: str) -> list[bool]:
        async with centre.hub.session() as session:
            await forget_reporters(session, datetime.fromisoformat(at), 30)
        return [
            (await centre.ask("GET", f"/{one['id']}/reporter", headers=key)).status_code == 410
            for one in (ended, closed, first, repeat, open_, late)
        ]

    assert await forgotten("2026-12-01T08:59:00+07:00") == [False] * 6
    assert await forgotten("2026-12-01T09:01:00+07:00") == [True, True, False, False, False, False]
    assert f"report={ended['id']}" in (told := capsys.readouterr().out)
    assert "who sent a report was forgotten" in told
    assert len(await centre.listed("moderate")) == 6
    with time_machine.travel("2026-12-01T10:00:00+07:00", tick=False):
        await centre.moved(first, refusal)
    assert await forgotten("2026-12-30T09:00:00+07:00") == [True, True, False, False, False, True]
    assert await forgotten("2026-12-31T10:01:00+07:00") == [True, True, True, True, False, True]


async def test_another_contact_is_another_content(centre: Centre) -> None:
    body = a_report(contact=AN)
    sent = await centre.ask("POST", "", "app", json=body)

    again = [
        await centre.ask("POST", "", "app", json=body | {"contact": contact})
        for contact in (AN, AN | {"phone": "0987 654 321"}, {"phone": AN["phone"]}, None)
    ]

    assert sent.status_code == 201
    assert [one.status_code for one in again] == [200, 409, 409, 409]


async def test_nobody_can_guess_who_was_forgotten(centre: Centre) -> None:
    body = a_report(contact=AN)
    await centre.ask("POST", "", "app", json=body)
    async with centre.hub.session() as session:
        await erase_reporters(session, centre.hub.app.state.identities, report_id=UUID(body["id"]))

    again = [
        await centre.ask("POST", "", "app", json=body | {"contact": contact})
        for contact in (AN, {"phone": "0987 654 321"}, None)
    ]

    assert [one.status_code for one in again] == [200] * 3
    async with centre.hub.session() as session:
        [(digest,)] = await session.execute(text("SELECT digest FROM report"))
    nobody = a_report(**{name: value for name, value in body.items() if name != "contact"})
    assert digest == await _digest_of(centre, nobody)


async def _digest_of(centre: Centre, body: Mapping[str, Any]) -> bytes:
    """Of the same report without a contact, as another hub with the same secret would keep it."""
    async with centre.hub.session() as session:
        await session.execute(text("DELETE FROM report_event"))
        await session.execute(text("DELETE FROM reporter"))
        await session.execute(text("DELETE FROM report"))
    await centre.ask("POST", "", "app", json=body)
    async with centre.hub.session() as session:
        digest: bytes = (await session.execute(text("SELECT digest FROM report"))).scalar_one()
    return digest


async def test_what_fails_in_the_database_leaves_no_words_in_the_log(centre: Centre) -> None:
    report = await centre.sent()
    async with centre.hub.session() as session:
        await session.execute(text("ALTER TABLE report_comment RENAME TO gone"))

    comment = {"id": str(uuid4()), "words": "nhà-ông-An", "person": "chị-Bình"}
    with capture_logs() as logged:
        failed = await centre.ask("POST", f"/{report['id']}/comments", "moderate", json=comment)

    assert failed.status_code == 500
    assert [one["event"] for one in logged if one["log_level"] == "error"] == ["request failed"]
    assert not any(words in f"{logged} {one.get('exc_info')}" for words in ("nhà-ông", "chị-B") for one in logged)


async def test_a_cache_on_the_way_does_not_give_what_one_may_see_to_another(centre: Centre) -> None:
    report = await centre.sent()

    seen = await centre.ask("GET", f"/{report['id']}", headers={"X-Report-Token": report["follow_up"]})
    none = await centre.seen(report)
    elsewhere = [await centre.hub.client.get(f"/open311/v2/requests{path}.json") for path in ("", f"/{report['id']}")]

    assert (seen.status_code, none.status_code) == (200, 404)
    for answer in (seen, none, *elsewhere):
        varies = {name.strip().lower() for name in answer.headers["vary"].split(",")}
        assert {"x-api-key", "authorization", "x-report-token", "x-visitor-token"} <= varies


@pytest.mark.parametrize(("contact", "pointer"), [
    ({"phone": "12"}, "/contact/phone"), ({"email": "an"}, "/contact/email"), ({"cccd": "074"}, "/contact/cccd"),
])  # fmt: skip
async def test_a_contact_by_which_nobody_can_be_reached_is_refused(
    centre: Centre, contact: dict[str, str], pointer: str
) -> None:
    response = await centre.send(contact=contact)

    assert response.status_code == 422
    assert [one["pointer"] for one in response.json()["errors"]] == [pointer]


async def test_no_cursor_breaks_a_list(centre: Centre) -> None:
    huge = 2**62
    for key in ("[-1]", f"[{huge}]", "[0,0]", f"[{huge},{huge}]", f"[-{huge},1]", '["x",1]', "[null,1]", "[]"):
        for order in ("newest", "deadline", "changed"):
            cursor = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")

            response = await centre.ask("GET", "", "moderate", params={"order": order, "cursor": cursor})

            assert response.status_code in {200, 422}, (key, order)


# --- the rules ---


async def configured(centre: Centre, **rules: Any) -> dict[str, Any]:
    response = await centre.ask("PUT", "/rules", "configure", json=rules)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def test_a_hub_begins_with_rules_that_say_where_they_come_from(centre: Centre) -> None:
    rules = (await centre.ask("GET", "/rules")).json()

    assert {name: len(rows) for name, rows in rules.items()} == {
        "categories": 22, "targets": 9, "routes": 0, "shifts": 5, "days": 26,
    }  # fmt: skip
    assert all(row["origin"] for rows in rules.values() for row in rows)


@time_machine.travel(MONDAY, tick=False)
async def test_a_new_target_promises_new_reports_something_else_and_old_ones_nothing_new(centre: Centre) -> None:
    old = await centre.sent()

    target = {"step": "intake", "urgency": "normal", "category": "trees-lighting", "amount": 30, "measure": "minutes"}
    await configured(centre, targets=[target])
    new, other = await centre.sent(), await centre.sent(category="water")

    assert (await centre.seen(old, "app")).json()["intake_due_at"] == "2026-11-24T09:00:00+07:00"
    assert new["intake_due_at"] == "2026-11-23T09:30:00+07:00"
    assert other["intake_due_at"] == "2026-11-24T09:00:00+07:00"


async def test_a_rule_of_another_day_waits_for_it(centre: Centre) -> None:
    ended = {
        "code": "telecom", "name_vi": "Viễn thông", "name_en": "Telecom", "position": 9, "urgency": "normal",
        "active": False, "valid_from": "2026-12-01",
    }  # fmt: skip
    with time_machine.travel(MONDAY, tick=False):
        await configured(centre, categories=[ended])
        before = await centre.send(category="telecom")
    with time_machine.travel("2026-12-01T09:00:00+07:00", tick=False):
        after = await centre.send(category="telecom")

    assert (before.status_code, after.status_code) == (201, 422)


@time_machine.travel(MONDAY, tick=False)
async def test_a_day_off_is_no_working_day(centre: Centre) -> None:
    await configured(centre, days=[{"day": "2026-11-24", "works_like": None, "name_vi": "Nghỉ", "name_en": "Off"}])

    assert (await centre.sent())["intake_due_at"] == "2026-11-25T09:00:00+07:00"


async def test_the_nearest_route_says_who_acts(centre: Centre) -> None:
    await configured(
        centre,
        routes=[
            {"unit": "bencat", "agency": "25840"}, {"unit": "bencat", "category": "water", "agency": "25837"},
            {"unit": "25843", "agency": "25846"},
        ],
    )  # fmt: skip

    lamp, water = await centre.sent(), await centre.sent(category="water")

    assert (await centre.moved(lamp, ("moderate", "accepted")))["agency"] == "25840"
    assert (await centre.moved(water, ("moderate", "accepted")))["agency"] == "25837"


async def test_an_agency_that_there_is_no_more_is_asked_no_more(centre: Centre) -> None:
    operator = await centre.hub.key(scopes=["catalogue:write"])
    team = {"code": "team", "kind": "agency", "name_vi": "Đội điện", "name_en": "Team", "valid_to": "2026-12-01"}
    added = await centre.hub.client.post("/v1/units", json={"units": [team]}, headers={"X-API-Key": operator})
    assert added.is_success, added.text
    agencies = []
    with time_machine.travel(MONDAY, tick=False):
        await configured(centre, routes=[{"unit": "bencat", "agency": "team"}])
        agencies.append((await centre.moved(await centre.sent(), ("moderate", "accepted")))["agency"])
    with time_machine.travel("2026-12-02T09:00:00+07:00", tick=False):
        agencies.append((await centre.moved(await centre.sent(), ("moderate", "accepted")))["agency"])

    assert agencies == ["team", "25813"]


def days_off(first: str, count: int) -> list[dict[str, Any]]:
    begin = date.fromisoformat(first)
    return [
        {"day": str(begin + timedelta(days=number)), "works_like": None, "name_vi": "Nghỉ", "name_en": "Off"}
        for number in range(count)
    ]


@time_machine.travel(MONDAY, tick=False)
@pytest.mark.parametrize(("rules", "pointer"), [
    ({"days": days_off("2026-11-25", 500)}, "/days"),  # tomorrow somebody works
    ({"targets": [{"step": "intake", "urgency": "normal", "amount": 100_000, "measure": "working-days"}]}, "/targets"),
    ({"targets": [{"step": "intake", "urgency": "normal", "amount": 100_000, "measure": "working-hours"}]}, "/targets"),
    ({"shifts": [
        {"weekday": day, "hours": ["07:30-07:31"] if day == 0 else [], "valid_from": "2027-06-01"} for day in range(7)
    ]}, "/shifts"),
])  # fmt: skip
async def test_nothing_is_promised_that_takes_for_ever(centre: Centre, rules: dict[str, Any], pointer: str) -> None:
    refused = await centre.ask("PUT", "/rules", "configure", json=rules)
    sent = await centre.send()

    assert (refused.status_code, sent.status_code) == (422, 201)
    assert [one["pointer"] for one in refused.json()["errors"]] == [pointer]


@pytest.mark.parametrize(("rules", "pointer"), [
    ({"routes": [{"unit": "nowhere", "agency": None}]}, "/routes/0/unit"),
    ({"shifts": [{"weekday": 0, "hours": ["13:00-17:00", "07:30-11:30"]}]}, "/shifts/0/hours"),
    ({"shifts": [{"weekday": 0, "hours": ["07:30-29:30"]}]}, "/shifts/0/hours"),
    ({"targets": [{"step": "intake", "urgency": "normal", "amount": 0, "measure": "minutes"}]}, "/targets/0/amount"),
    ({"rules": []}, "/rules"),
    ({"shifts": [{"weekday": day, "hours": [], "valid_from": "2026-12-01"} for day in range(7)]}, "/shifts"),
])  # fmt: skip
async def test_a_rule_that_cannot_be_is_named(centre: Centre, rules: dict[str, Any], pointer: str) -> None:
    response = await centre.ask("PUT", "/rules", "configure", json=rules)

    assert response.status_code == 422
    assert [one["pointer"] for one in response.json()["errors"]] == [pointer]


async def test_rules_are_changed_by_who_may(centre: Centre) -> None:
    assert [(await centre.ask("PUT", "/rules", who, json={})).status_code for who in (None, "moderate")] == [401, 403]
