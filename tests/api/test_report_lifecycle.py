"""What citizens and staff do with a report beside its moves: follow, merge, rate, comment, withdraw, many at once, on the map."""

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest
import time_machine
from sqlalchemy import text

from app.reports.closing import Closing
from tests.api.test_report_photos import a_photo, put
from tests.api.test_reports import ANSWER, LAMP, MONDAY, TO_THE_PUBLIC, Centre, a_report, centre

__all__ = ["centre"]  # the fixture

NEAR = {"lat": LAMP["latitude"] + 0.0003, "lon": LAMP["longitude"]}
TO_AN_ANSWER = TO_THE_PUBLIC[:-1]


async def news(centre: Centre, who: str | None, cursor: str | None = None, **query: Any) -> tuple[list[Any], str]:
    """What the feed says since then, and where it goes on."""
    params = {"order": "changed", **query} | ({} if cursor is None else {"cursor": cursor})
    page = (await centre.ask("GET", "", who, params=params)).json()
    return page["items"], page["next"]


def repeats(report: Mapping[str, Any]) -> dict[str, Any]:
    return {"rejection": "duplicate", "reason": "Đã có.", "duplicate_of": report["id"]}


# --- following ---


async def test_of_an_open_report_that_is_not_public_there_is_an_outline(centre: Centre) -> None:
    report = await centre.sent(description="Gọi chị Ba 0912345678.", address="12 Hùng Vương")
    await centre.moved(report, ("moderate", "accepted"))
    await centre.sent(visibility="private")
    await centre.sent(category="security")

    for who in (None, "app", "other-app"):
        [outline] = (await centre.ask("GET", "/similar", who, params=NEAR)).json()["items"]

        assert (outline["id"], outline["category"], outline["stage"]) == (report["id"], "trees-lighting", "in_hand")
        assert not {"description", "address", "number", "received_at", "state", "events"} & outline.keys()
        assert outline["point"] == pytest.approx({"latitude": 11.1875, "longitude": 106.6075})
        assert (await centre.seen(report, who)).status_code == (200 if who == "app" else 404)


async def test_an_outline_cannot_be_narrowed_down_within_its_square(centre: Centre) -> None:
    """Wherever in the square the report is: who asks around hears the same."""
    places = [LAMP, {"latitude": 11.1851, "longitude": 106.6099}]
    asked = [{"lat": 11.185 + y / 1000, "lon": 106.605 + x / 1000, "radius": 20} for x in range(6) for y in range(6)]
    heard = []
    for place in places:
        report = await centre.sent(point=place)
        answers = [(await centre.ask("GET", "/similar", params=one)).json()["items"] for one in asked]
        heard.append([[one["metres"] for one in answer] for answer in answers])
        await centre.moved(report, ("moderate", "rejected", {"rejection": "spam"}))

    assert heard[0] == heard[1]
    assert any(heard[0])


async def test_who_follows_counts_once_and_sees_what_the_public_sees(centre: Centre) -> None:
    report = await centre.sent(subject="an", description="Đèn tắt.")

    first, again, other, an = [
        await centre.ask("PUT", f"/{report['id']}/follow", who, params={"subject": subject})
        for who, subject in (("app", "binh"), ("app", "binh"), ("other-app", "binh"), ("app", "an"))
    ]
    before = await centre.listed("other-app", followed_by="binh")
    await centre.moved(
        report, *[(who, to, *more, *([{"subject": "an"}] if who == "app" else [])) for who, to, *more in TO_THE_PUBLIC]
    )
    after = await centre.listed("other-app", followed_by="binh")
    public = (await centre.seen(report)).json()
    left = await centre.ask("DELETE", f"/{report['id']}/follow", "app", params={"subject": "binh"})
    left_again = await centre.ask("DELETE", f"/{report['id']}/follow", "app", params={"subject": "binh"})

    assert [one.status_code for one in (first, again, other, an)] == [200] * 4
    assert other.json() == {"id": report["id"], "following": True, "followers": None}
    assert an.json()["followers"] == 2  # who sent it is none of them
    assert (before, after, public["followers"]) == ([], [report["id"]], 2)
    assert (left.json()["followers"], left_again.json()["followers"]) == (1, 1)


async def test_nobody_follows_what_nobody_may_know_of(centre: Centre) -> None:
    private = await centre.sent(visibility="private")
    ended = await centre.sent()
    await centre.moved(ended, ("moderate", "rejected", {"rejection": "spam"}))

    for report in (private, ended, {"id": uuid4()}):
        response = await centre.ask("PUT", f"/{report['id']}/follow", "other-app", params={"subject": "binh"})
        assert (response.status_code, response.json()["code"]) == (404, "unknown-report")
    unnamed = await centre.ask("PUT", f"/{private['id']}/follow", "app")
    nobody = await centre.ask("PUT", f"/{private['id']}/follow", None, params={"subject": "binh"})
    assert (unnamed.status_code, nobody.status_code) == (422, 401)


# --- duplicates ---


async def test_who_sent_a_duplicate_has_the_answer_of_the_first(centre: Centre) -> None:
    first, second = await centre.sent(), await centre.sent("other-app")
    await centre.ask("PUT", f"/{second['id']}/follow", "app", params={"subject": "binh"})
    await centre.moved(second, ("moderate", "rejected", repeats(first)))
    waiting = (await centre.seen(second, "other-app")).json()["original"]
    _, cursor = await news(centre, "other-app")

    await centre.moved(first, *TO_AN_ANSWER)
    approved = (await centre.seen(second, "other-app")).json()["original"]
    await centre.moved(first, ("moderate", "published"))
    heard, _ = await news(centre, "other-app", cursor)
    answered = (await centre.seen(second, "other-app")).json()["original"]

    assert (waiting["id"], waiting["stage"], waiting["reply"]) == (first["id"], "received", None)
    assert (approved["stage"], approved["reply"]) == ("answered", None)  # not public yet
    assert (answered["outcome"], answered["reply"]) == ("fixed", "Đã thay bóng đèn.")
    assert second["id"] in [one["id"] for one in heard]
    assert await centre.listed("app", followed_by="binh") == [first["id"]]


async def test_of_two_that_repeat_each_other_at_once_one_does(centre: Centre) -> None:
    await centre.key("moderate")
    for _ in range(4):
        one, other = await centre.sent(), await centre.sent()

        answers = await asyncio.gather(
            centre.move(one, "moderate", "rejected", **repeats(other)),
            centre.move(other, "moderate", "rejected", **repeats(one)),
        )

        assert sorted(answer.status_code for answer in answers) == [200, 422]


async def test_duplicates_of_a_duplicate_point_to_the_first(centre: Centre) -> None:
    first, second, third = [await centre.sent() for _ in range(3)]
    await centre.moved(third, ("moderate", "rejected", repeats(second)))

    await centre.moved(second, ("moderate", "rejected", repeats(first)))

    assert (await centre.seen(third, "app")).json()["original"]["id"] == first["id"]


# --- rating ---


async def rated(centre: Centre, report: Mapping[str, Any], who: str | None = "app", **rating: Any) -> httpx.Response:
    return await centre.ask("PUT", f"/{report['id']}/rating", who, json={"stars": 4, **rating})


async def test_who_sent_it_rates_each_round_once_and_may_think_again_in_time(centre: Centre) -> None:
    with time_machine.travel(MONDAY, tick=False):
        report = await centre.sent(subject="an")
        early = await rated(centre, report, subject="an")
        await centre.moved(report, *TO_THE_PUBLIC)
        first = await rated(centre, report, subject="an", stars=2, words="Vẫn tối.")
        await centre.moved(report, ("app", "reopened", {"reason": "Vẫn tối.", "subject": "an"}))
        between = await rated(centre, report, subject="an", stars=5)
        await centre.moved(report, *TO_THE_PUBLIC[1:])
        second = await rated(centre, report, subject="an", stars=4)
        better = await rated(centre, report, subject="an", stars=5)
    with time_machine.travel("2026-12-01T09:00:00+07:00", tick=False):
        late = await rated(centre, report, subject="an", stars=1)
        same = await rated(centre, report, subject="an", stars=5)

    assert [one.status_code for one in (early, first, between, second, better, late, same)] == [
        409, 200, 409, 200, 200, 409, 200,
    ]  # fmt: skip
    assert late.json()["code"] == "rating-not-allowed"
    assert better.json()["changeable_until"] == "2026-11-30T17:00:00+07:00"
    seen = (await centre.seen(report, "app")).json()["ratings"]
    assert [(one["round"], one["stars"], one["words"]) for one in seen] == [(1, 2, "Vẫn tối."), (2, 5, None)]
    assert (await centre.seen(report)).json()["ratings"] == []


@pytest.mark.parametrize(("who", "more", "status"), [
    ("app", {"subject": "binh"}, 409), ("app", {}, 409), ("other-app", {"subject": "an"}, 409),
    ("moderate", {}, 403), (None, {}, 401),
    ("app", {"subject": "an", "stars": 0}, 422), ("app", {"subject": "an", "stars": 6}, 422),
])  # fmt: skip
async def test_nobody_else_rates(centre: Centre, who: str | None, more: dict[str, Any], status: int) -> None:
    report = await centre.sent(subject="an")
    await centre.moved(report, *TO_THE_PUBLIC)

    assert (await rated(centre, report, who, **more)).status_code == status


# --- comments ---


async def said(centre: Centre, report: Mapping[str, Any], who: str | None, words: str, **more: Any) -> httpx.Response:
    return await centre.ask("POST", f"/{report['id']}/comments", who, json={"id": str(uuid4()), "words": words, **more})


async def read(centre: Centre, report: Mapping[str, Any], who: str | None) -> list[str]:
    page = (await centre.ask("GET", f"/{report['id']}/comments", who)).json()
    return [one["words"] for one in page["items"]]


async def test_who_reads_which_comment(centre: Centre) -> None:
    report = await centre.sent(subject="an")
    await centre.moved(report, ("moderate", "accepted"))
    await said(centre, report, "app", "own", subject="an")
    await said(centre, report, "moderate", "to all", person="Chị Tư")
    await said(centre, report, "handle", "among us", internal=True)
    before = {who: await read(centre, report, who) for who in ("app", "moderate", "handle")}
    await centre.moved(report, *TO_THE_PUBLIC[1:])
    neighbour = (await said(centre, report, "other-app", "neighbour", subject="binh")).json()

    unread = {who: await read(centre, report, who) for who in (None, "app", "other-app", "moderate")}
    verdict = f"/{report['id']}/comments/{neighbour['id']}/shown"
    shown = await centre.ask("PUT", verdict, "moderate", json={"shown": True})
    after = {who: await read(centre, report, who) for who in (None, "app")}
    await centre.ask("PUT", verdict, "moderate", json={"shown": False})

    assert before == {
        "app": ["own", "to all"], "moderate": ["own", "to all", "among us"], "handle": ["own", "to all", "among us"],
    }  # fmt: skip
    assert unread == {
        None: ["to all"], "app": ["own", "to all"], "other-app": ["to all"],
        "moderate": ["own", "to all", "among us", "neighbour"],
    }  # fmt: skip
    assert (neighbour["shown"], shown.json()["shown"]) == (False, True)
    assert after == {None: ["to all", "neighbour"], "app": ["own", "to all", "neighbour"]}
    assert await read(centre, report, None) == ["to all"]
    assert "Chị Tư" not in (await centre.ask("GET", f"/{report['id']}/comments")).text


async def test_without_moderation_a_comment_on_a_public_report_is_public_at_once(centre: Centre) -> None:
    hub = centre.hub.hub
    object.__setattr__(hub, "settings", hub.settings.model_copy(update={"moderate_comments": False}))
    report = await centre.sent(subject="an")
    await said(centre, report, "app", "before", subject="an")
    await centre.moved(report, *TO_THE_PUBLIC)

    await said(centre, report, "other-app", "after", subject="binh")

    assert await read(centre, report, None) == ["after"]


async def test_the_same_comment_again_is_the_same(centre: Centre) -> None:
    report = await centre.sent()
    key = str(uuid4())

    answers = [await said(centre, report, "app", words, id=key) for words in ("a", "a", "b")]

    assert [one.status_code for one in answers] == [201, 200, 409]
    assert await read(centre, report, "moderate") == ["a"]


async def test_who_has_no_say_says_nothing(centre: Centre) -> None:
    report = await centre.sent(subject="an")
    internal = await said(centre, report, "moderate", "among us", internal=True)

    refused = [
        await said(centre, report, "other-app", "x", subject="an"), await said(centre, report, "app", "x", subject="b"),
        await said(centre, report, None, "x"), await said(centre, report, "app", "x", subject="an", internal=True),
        await said(centre, report, "app", "\u200b\u2060", subject="an"),
        await centre.ask(
            "PUT", f"/{report['id']}/comments/{internal.json()['id']}/shown", "moderate", json={"shown": True}
        ),
    ]  # fmt: skip

    assert [one.status_code for one in refused] == [404, 404, 401, 422, 422, 404]


# --- without an account ---


async def test_who_sent_it_without_a_name_follows_it_up_by_its_token(centre: Centre) -> None:
    body = a_report()
    sent, again = [(await centre.ask("POST", "", "app", json=body)).json() for _ in range(2)]
    named = await centre.sent(subject="an")
    mine = {"X-Report-Token": sent["follow_up"]}

    seen = await centre.ask("GET", f"/{sent['id']}", headers=mine)
    wrong = [
        await centre.ask("GET", f"/{sent['id']}", headers={"X-Report-Token": sent["follow_up"][:-2]}),
        await centre.ask("GET", f"/{named['id']}", headers=mine),
        await centre.ask("GET", f"/{sent['id']}", headers={"X-Report-Token": ""}),
    ]
    await centre.moved(sent, *TO_THE_PUBLIC)
    rating = await centre.ask("PUT", f"/{sent['id']}/rating", headers=mine, json={"stars": 5})
    comment = {"id": str(uuid4()), "words": "Cảm ơn."}
    said_ = await centre.ask("POST", f"/{sent['id']}/comments", headers=mine, json=comment)
    again_open = await centre.ask(
        "POST", f"/{sent['id']}/transitions", headers=mine, json={"to": "reopened", "reason": "Lại tắt."}
    )

    assert again["follow_up"] == sent["follow_up"]  # who did not hear the answer has not lost it
    assert "follow_up" not in named
    assert "follow_up" not in seen.json()
    assert (seen.status_code, seen.json()["visibility"]) == (200, "public")
    assert [one.status_code for one in wrong] == [404] * 3
    assert [one.status_code for one in (rating, said_, again_open)] == [200, 201, 200]
    assert [one["stars"] for one in (await centre.seen(sent, "moderate")).json()["ratings"]] == [5]
    async with centre.hub.session() as session:
        stored = str((await session.execute(text("SELECT r::text FROM report r"))).all())
    token = base64.urlsafe_b64decode(sent["follow_up"] + "=")
    assert not any(secret in stored for secret in (sent["follow_up"], token.hex()))


# --- staff ---


async def test_many_are_taken_in_at_once_each_with_its_verdict(centre: Centre) -> None:
    reports = [await centre.sent() for _ in range(3)]
    await centre.moved(reports[1], ("moderate", "accepted"))
    unknown = str(uuid4())
    ids = [*(one["id"] for one in reports), unknown, reports[0]["id"]]

    done = (await centre.ask("POST", "/transitions", "moderate", json={"ids": ids, "to": "accepted"})).json()

    assert (done["moved"], done["refused"]) == (2, 2)
    assert [(one["id"], one["state"], one["problem"] and one["problem"]["code"]) for one in done["items"]] == [
        (reports[0]["id"], "assigned", None), (reports[1]["id"], None, "move-not-allowed"),
        (reports[2]["id"], "assigned", None), (unknown, None, "unknown-report"),
    ]  # fmt: skip
    assert (await centre.seen(reports[2], "app")).json()["state"] == "assigned"
    assert (await centre.ask("POST", "/transitions", "app", json={"ids": ids, "to": "accepted"})).status_code == 403
    assert (await centre.ask("GET", "/transitions")).status_code == 405


async def test_many_are_put_off_to_the_same_day(centre: Centre) -> None:
    reports = [await centre.sent(category="construction") for _ in range(2)]
    for report in reports:
        await centre.moved(report, ("moderate", "accepted"))
    later = {"to": "extended", "reason": "Chờ kết luận.", "deadline": "2027-03-01T17:00:00+07:00"}

    done = await centre.ask("POST", "/transitions", "moderate", json={"ids": [one["id"] for one in reports], **later})

    assert (done.status_code, done.json()["moved"]) == (200, 2)
    assert (await centre.seen(reports[1], "app")).json()["handling_due_at"] == "2027-03-01T17:00:00+07:00"


async def test_many_moved_by_two_at_once_end_moved(centre: Centre) -> None:
    ids = [(await centre.sent())["id"] for _ in range(6)]
    await centre.key("moderate")

    one, other = await asyncio.gather(
        centre.ask("POST", "/transitions", "moderate", json={"ids": ids, "to": "accepted"}),
        centre.ask("POST", "/transitions", "moderate", json={"ids": ids[::-1], "to": "accepted"}),
    )

    assert (one.status_code, other.status_code) == (200, 200)
    assert one.json()["moved"] + other.json()["moved"] == 6


async def test_what_nobody_reopened_is_closed_by_the_hub(centre: Centre) -> None:
    with time_machine.travel(MONDAY, tick=False):
        published, approved, open_ = [await centre.sent() for _ in range(3)]
        await centre.moved(published, *TO_THE_PUBLIC)
        await centre.moved(approved, *TO_AN_ANSWER)
        await centre.moved(open_, ("moderate", "accepted"))
        closing = Closing(centre.hub.hub)
        early = await closing.look(centre.hub.hub)
    with time_machine.travel("2026-11-30T17:00:01+07:00", tick=False):
        closed, again = await closing.look(centre.hub.hub), await closing.look(centre.hub.hub)

    assert (early, closed, again) == (0, 2, 0)
    [*_, last] = (await centre.seen(published, "moderate")).json()["events"]
    assert (last["to"], last["by"], last["from"]) == ("closed", "system", "published")
    assert (await centre.seen(published)).json()["reply"] == ANSWER["reply"]
    assert (await centre.seen(open_, "moderate")).json()["state"] == "assigned"


@pytest.mark.parametrize(
    ("answered", "sent_back", "due"),
    [
        # accepted on Monday 23 November at nine: five working days end on Monday 30 November at five
        ("11-24 09:00", "11-24 10:00", "12-01T08:30"),  # one working hour is given back
        ("11-24 17:00", "11-25 07:30", "11-30T17:00"),  # nobody worked meanwhile
        ("11-24 09:00", "11-26 09:00", "12-02T17:00"),  # two working days
        ("12-01 09:00", "12-03 09:00", "11-30T17:00"),  # it was late before
    ],
)
async def test_while_the_centre_looks_at_the_answer_the_clock_stands(
    centre: Centre, answered: str, sent_back: str, due: str
) -> None:
    with time_machine.travel(MONDAY, tick=False):
        report = await centre.sent()
        await centre.moved(report, ("moderate", "accepted"), ("handle", "processing"))
    with time_machine.travel(f"2026-{answered.replace(' ', 'T')}:00+07:00", tick=False):
        await centre.moved(report, ("handle", "resolved", ANSWER))
    with time_machine.travel(f"2026-{sent_back.replace(' ', 'T')}:00+07:00", tick=False):
        back = await centre.moved(report, ("moderate", "processing", {"reason": "Chưa rõ."}))

    assert back["handling_due_at"] == f"2026-{due}:00+07:00"


async def test_the_inbox_tells_nobody_of_others_deadlines(centre: Centre) -> None:
    report = await centre.sent()
    await centre.moved(report, *TO_THE_PUBLIC, ("app", "reopened", {"reason": "Vẫn tối."}))
    centre.keys["elsewhere"] = await centre.hub.key(scopes=["reports:moderate", "reports:handle"], units=["25840"])

    page = (await centre.ask("GET", "", "elsewhere", params={"order": "deadline", "limit": 1})).json()

    assert page == {"items": [], "next": None}
    assert await centre.listed("elsewhere") == [report["id"]]


@pytest.mark.parametrize("words", ["\u200b", "\u200d\u2060", "\ufeff \u200e", "\u3164", "\u2800", "\u0301"])
async def test_words_that_show_nothing_are_none(centre: Centre, words: str) -> None:
    response = await centre.send(description=words)

    assert response.status_code == 422
    assert [one["pointer"] for one in response.json()["errors"]] == ["/description"]


async def test_another_piece_in_the_place_of_one_is_a_conflict(centre: Centre) -> None:
    report, photo = await centre.sent(), a_photo()
    size = len(photo)
    for start in (0, 100):
        await put(centre, report, photo[start : start + 100], range_=f"bytes {start}-{start + 99}/{size}")

    same = await put(centre, report, photo[50:150], range_=f"bytes 50-149/{size}")
    other = await put(centre, report, b"x" * 100, range_=f"bytes 50-149/{size}")
    rest = await put(centre, report, photo[200:], range_=f"bytes 200-{size - 1}/{size}")

    assert [one.status_code for one in (same, other, rest)] == [202, 409, 201]
    assert other.json()["code"] == "photo-taken"


# --- taken back by who sent it ---

TAKEN_BACK = {"rejection": "withdrawn"}


@pytest.mark.parametrize("more", [
    (), (("moderate", "need_info", {"reason": "Ở đâu?"}),), (("moderate", "accepted"),),
])  # fmt: skip
async def test_who_sent_it_takes_it_back_while_nobody_acts(centre: Centre, more: tuple[tuple[Any, ...], ...]) -> None:
    report = await centre.sent(subject="an", point=None, address="12 Hùng Vương")  # nobody acts on it by itself
    for step in more:
        await centre.moved(report, step)
    offered = (await centre.seen(report, "app")).json()["moves"]

    done = await centre.move(report, "app", "rejected", subject="an", reason="Gửi nhầm.", **TAKEN_BACK)
    answered = await centre.move(report, "moderate", "accepted")

    assert "rejected" in offered
    assert done.status_code == 200, done.text
    [*_, last] = done.json()["events"]
    assert (last["to"], last["by"], last["rejection"], last["reason"]) == (
        "rejected", "citizen", "withdrawn", "Gửi nhầm.",
    )  # fmt: skip
    assert done.json()["moves"] == []
    assert answered.status_code == 409


async def test_a_visitor_and_who_has_the_token_take_theirs_back(centre: Centre) -> None:
    for headers in ({"X-Visitor-Token": "m" * 43}, None):
        sent = await centre.ask("POST", "", None if headers else "app", json=a_report(), headers=headers or {})
        mine = headers or {"X-Report-Token": sent.json()["follow_up"]}
        path = f"/{sent.json()['id']}/transitions"

        done = await centre.ask("POST", path, headers=mine, json={"to": "rejected", **TAKEN_BACK})

        assert (done.status_code, done.json()["state"]) == (200, "rejected")


@pytest.mark.parametrize(("who", "more", "status"), [
    ("other-app", {"subject": "an"}, 404), ("app", {"subject": "binh"}, 409), ("app", {}, 409), (None, {}, 401),
    ("handle", {}, 404), ("moderate", {}, 422), ("app", {"subject": "an", "rejection": "spam"}, 422),
    ("app", {"subject": "an", "rejection": None}, 422),
])  # fmt: skip
async def test_nobody_else_takes_it_back_and_nobody_for_another_reason(
    centre: Centre, who: str | None, more: dict[str, Any], status: int
) -> None:
    report = await centre.sent(subject="an")

    refused = await centre.move(report, who, "rejected", **(TAKEN_BACK | more))

    assert refused.status_code == status, refused.text
    if status == 422:
        assert [one["pointer"] for one in refused.json()["errors"]] == ["/rejection"]
    assert (await centre.seen(report, "app")).json()["state"] == "submitted"


@pytest.mark.parametrize("steps", [
    (("moderate", "accepted"),), (("moderate", "accepted"), ("moderate", "need_info", {"reason": "Ở đâu?"})),
])  # fmt: skip
async def test_once_somebody_acts_it_is_not_taken_back(centre: Centre, steps: tuple[tuple[Any, ...], ...]) -> None:
    report = await centre.sent()
    await centre.moved(report, *steps)

    refused = await centre.move(report, "app", "rejected", **TAKEN_BACK)

    assert (refused.status_code, refused.json()["code"]) == (409, "move-not-allowed")
    assert "rejected" not in (await centre.seen(report, "app")).json()["moves"]


async def test_nor_is_what_others_wait_for(centre: Centre) -> None:
    first, second = await centre.sent(), await centre.sent("other-app")
    await centre.moved(second, ("moderate", "rejected", repeats(first)))

    refused = await centre.move(first, "app", "rejected", **TAKEN_BACK)

    assert (refused.status_code, refused.json()["code"]) == (409, "move-not-allowed")
    assert (await centre.seen(first, "app")).json()["moves"] == []


# --- withdrawn ---


async def withdrawn(centre: Centre, report: Mapping[str, Any], who: str | None = "moderate") -> httpx.Response:
    return await centre.ask("POST", f"/{report['id']}/withdrawal", who, json={"reason": "Ảnh có biển số xe."})


@pytest.mark.parametrize(("more", "state"), [
    ((), "approved"), ((("moderate", "closed"),), "closed"), ((("app", "reopened", {"reason": "x"}),), "reopened"),
])  # fmt: skip
async def test_what_is_withdrawn_is_a_tombstone_for_the_public(
    centre: Centre, more: tuple[tuple[Any, ...], ...], state: str
) -> None:
    report, never = await centre.sent(), await centre.sent()
    done = await centre.moved(report, *TO_THE_PUBLIC, *more)
    _, cursor = await news(centre, None)

    response = await withdrawn(centre, report)
    heard, later = await news(centre, None, cursor, category="water")  # of whatever it was
    staff, _ = await news(centre, "moderate", cursor)
    own, _ = await news(centre, "app", cursor)
    twice = await withdrawn(centre, report)

    assert (response.status_code, response.json()["state"], response.json()["published_at"]) == (200, state, None)
    assert heard == [{"id": report["id"], "gone": True}]
    assert [one["id"] for one in (*staff, *own)] == [report["id"]] * 2
    assert all("gone" not in one for one in (*staff, *own))
    assert (await centre.seen(report)).status_code == 404
    assert await centre.listed() == []
    assert (twice.status_code, (await withdrawn(centre, never)).status_code) == (409, 409)
    assert len(response.json()["events"]) == len(done["events"]) + (state == "approved")
    assert "Ảnh có biển số xe." in str(response.json()["events"]) + str(await read(centre, report, "handle"))
    assert await read(centre, report, "app") == []
    if state == "approved":
        await centre.moved(report, ("moderate", "published"))
        assert [one["state"] for one in (await news(centre, None, later))[0]] == ["published"]


async def test_who_sees_only_some_units_is_told_of_what_was_withdrawn_elsewhere(centre: Centre) -> None:
    """Also of a report without a unit, of which no condition on units is true or false."""
    placed, nowhere = await centre.sent(), await centre.sent(point=None, address="12 Hùng Vương")
    for report in (placed, nowhere):
        accepted = ("moderate", "accepted", {"agency": "25813"})
        await centre.moved(report, accepted, *TO_THE_PUBLIC[1:])
    centre.keys["elsewhere"] = await centre.hub.key(scopes=["reports:moderate"], units=["25840"])
    seen, cursor = await news(centre, "elsewhere")

    for report in (placed, nowhere):
        await withdrawn(centre, report)

    assert [one["id"] for one in seen] == [placed["id"], nowhere["id"]]
    assert (await news(centre, "elsewhere", cursor))[0] == [
        {"id": one["id"], "gone": True} for one in (placed, nowhere)
    ]
    assert (await centre.ask("GET", "/similar", params=NEAR)).json()["items"] == []


async def test_an_agency_that_it_was_taken_from_is_told_so(centre: Centre) -> None:
    report = await centre.sent()
    await centre.moved(report, ("moderate", "accepted"))
    centre.keys["here"] = await centre.hub.key(scopes=["reports:handle"], units=["25813"])
    [first], cursor = await news(centre, "here")

    await centre.moved(report, ("moderate", "assigned", {"agency": "25840"}))

    assert first["id"] == report["id"]
    assert (await news(centre, "here", cursor))[0] == [{"id": report["id"], "gone": True}]


async def test_a_moderator_of_the_unit_that_it_was_not_in_is_told_so(centre: Centre) -> None:
    report, stays = await centre.sent(), await centre.sent()
    centre.keys["here"] = await centre.hub.key(scopes=["reports:moderate"], units=["25813"])
    centre.keys["there"] = await centre.hub.key(scopes=["reports:moderate"], units=["25840"])
    [_, first], cursor = await news(centre, "here")
    [], beginning = await news(centre, "there")

    await centre.moved(report, ("moderate", "accepted", {"unit": "25840"}))
    await centre.moved(stays, ("moderate", "accepted"))

    heard, cursor = await news(centre, "here", cursor)
    assert heard[0] == {"id": report["id"], "gone": True}
    assert [one["id"] for one in heard] == [report["id"], first["id"]]
    assert "gone" not in heard[1]
    assert [one["id"] for one in (await news(centre, "there", beginning))[0]] == [report["id"]]
    await centre.moved(report, ("moderate", "assigned", {"unit": "25813", "agency": "25813"}))
    assert [one.get("gone") for one in (await news(centre, "here", cursor))[0]] == [None]


# --- the map ---


def positions(answer: httpx.Response) -> list[tuple[float, float]]:
    return [tuple(one["geometry"]["coordinates"]) for one in answer.json()["features"]]


async def test_what_is_published_is_geojson_for_every_map(centre: Centre) -> None:
    lamp, rough, hidden = await centre.sent(), await centre.sent(visibility="withheld"), await centre.sent()
    address = await centre.sent(point=None, address="12 Hùng Vương")
    await centre.moved(address, ("moderate", "accepted", {"unit": "25813"}), *TO_THE_PUBLIC[1:])
    for report in (lamp, rough):
        await centre.moved(report, *TO_THE_PUBLIC)

    public = await centre.ask("GET", ".geojson")
    staff = await centre.ask("GET", ".geojson", "moderate")
    here = await centre.ask("GET", ".geojson", params={"bbox": "106.606,11.189,106.607,11.19", "state": "published"})
    page = await centre.ask("GET", ".geojson", params={"limit": 2})

    assert (public.status_code, public.headers["content-type"]) == (200, "application/geo+json")
    assert public.json() == staff.json()
    assert public.json()["type"] == "FeatureCollection"
    assert [(one["type"], one["id"]) for one in public.json()["features"]] == [
        ("Feature", one["id"]) for one in (address, rough, lamp)
    ]
    assert public.json()["features"][0]["geometry"] is None
    assert public.json()["features"][2]["geometry"] == {
        "type": "Point", "coordinates": [LAMP["longitude"], LAMP["latitude"]],
    }  # fmt: skip
    assert public.json()["features"][2]["properties"]["number"] == lamp["number"]
    assert positions(here) == [(LAMP["longitude"], LAMP["latitude"])]
    rest = await centre.ask("GET", ".geojson", params={"limit": 2, "cursor": page.json()["next"]})
    assert [one["id"] for one in rest.json()["features"]] == [lamp["id"]]
    assert hidden["id"] not in public.text


async def test_pins_that_would_touch_are_one(centre: Centre) -> None:
    near = {"latitude": LAMP["latitude"] + 0.0001, "longitude": LAMP["longitude"] + 0.0001}
    far = {"latitude": 11.13, "longitude": 106.6061}
    reports = [await centre.sent(point=point) for point in (LAMP, near, far)]
    rough = await centre.sent(visibility="withheld", point=far)
    await centre.sent()
    for report in (*reports, rough):
        await centre.moved(report, *TO_THE_PUBLIC)
    await centre.moved(reports[1], ("app", "reopened", {"reason": "Vẫn tối."}))

    async def pins(zoom: int, **more: Any) -> list[Any]:
        params = {"bbox": "106.5,11.0,106.7,11.3", "zoom": zoom, **more}
        answer = await centre.ask("GET", "/clusters.geojson", "moderate", params=params)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/geo+json")
        return [one["properties"] for one in json.loads(answer.text)["features"]]

    assert [pin["count"] for pin in await pins(5)] == [4]
    [rest, lamps] = sorted(await pins(14), key=lambda pin: "reopened" in pin["states"])
    assert (rest["count"], lamps["count"]) == (2, 2)
    assert lamps["states"] == {"published": 1, "reopened": 1}
    alone = await pins(20)
    assert sorted(pin["number"] for pin in alone) == sorted(one["number"] for one in (*reports, rough))
    assert await pins(14, category="water") == []
    assert (await centre.ask("GET", "/clusters.geojson", params={"zoom": 3})).status_code == 422
