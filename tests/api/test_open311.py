"""Open311 GeoReport v2: what its clients need, byte for byte, and never more than `/v1/reports` shows the same caller."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import chicagorequests
import httpx
import pytest
import time_machine
import uvicorn
import xmltodict
from georeport import GeoReport
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from app import models
from app.georeport import dumps
from app.reports.reporters import erase_reporters
from app.reports.service_requests import status_of
from app.reports.workflow import State
from tests.api.test_report_photos import a_photo
from tests.api.test_reports import ANSWER, LAMP, MONDAY, TO_THE_PUBLIC, Centre, centre

__all__ = ["centre"]  # the fixture

GOLDEN = Path(__file__).parents[1] / "golden" / "open311"
FORMATS = {"json": "application/json; charset=utf-8", "xml": "text/xml; charset=utf-8"}
LAMP_HERE = {"lat": str(LAMP["latitude"]), "long": str(LAMP["longitude"])}


def a_form(**more: str | None) -> dict[str, str]:
    form = {"service_code": "trees-lighting", "description": "Đèn đường không sáng.", **LAMP_HERE, **more}
    return {name: value for name, value in form.items() if value is not None}


async def ask(centre: Centre, path: str, who: str | None = None, **query: Any) -> httpx.Response:
    headers = {} if who is None else {"X-API-Key": await centre.key(who)}
    return await centre.hub.client.get(f"/open311/v2/{path}", params=query, headers=headers)


async def post(centre: Centre, who: str | None = "app", path: str = "requests.json", **more: Any) -> httpx.Response:
    """A form, with the key in it, as the standard has it."""
    headers, files = more.pop("headers", {}), more.pop("files", None)
    form = (a_form(**more) if path.startswith("requests") else more) | (
        {} if who is None else {"api_key": await centre.key(who)}
    )
    return await centre.hub.client.post(f"/open311/v2/{path}", data=form, files=files, headers=headers)


async def taken(centre: Centre, **more: Any) -> str:
    response = await post(centre, **more)
    assert response.status_code == 201, response.text
    [request] = response.json()
    number: str = request["service_request_id"]
    return number


async def listed(centre: Centre, who: str | None = None, **query: Any) -> list[dict[str, Any]]:
    response = await ask(centre, "requests.json", who, **query)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()
    return found


async def updates(centre: Centre, who: str | None = None, **query: Any) -> list[dict[str, Any]]:
    response = await ask(centre, "servicerequestupdates.json", who, **query)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()
    return found


def refused(response: httpx.Response, status: int) -> list[str]:
    """What an error says, which must be one by the standard."""
    assert response.status_code == status, response.text
    if response.headers["content-type"] == FORMATS["json"]:
        found = response.json()
    else:
        assert response.headers["content-type"] == FORMATS["xml"]
        errors = xmltodict.parse(response.content, force_list=["error"])["errors"]["error"]
        found = [{**one, "code": int(one["code"])} for one in errors]
    assert found
    for one in found:
        assert set(one) == {"code", "description"}
        assert one["code"] == status
        assert one["description"]
    return [one["description"] for one in found]


# --- byte for byte ---


@time_machine.travel(MONDAY, tick=False)
async def test_every_answer_is_what_it_was(centre: Centre) -> None:
    first = await taken(centre, headers={"Idempotency-Key": "lamp"}, account_id="a-citizen", phone="0912345678")
    await centre.moved({"id": first}, *TO_THE_PUBLIC)
    asked = {
        "discovery": "discovery",
        "services": "services",
        "service_definition": "services/trees-lighting",
        "requests": "requests",
        "request": f"requests/{first}",
        "token": f"tokens/{first}",
        "updates": "servicerequestupdates",
        "error_400": "requests",
        "error_404": "services/ufo",
    }
    for form in FORMATS:
        for name, path in asked.items():
            query = {"status": "assigned", "lat": "x"} if name == "error_400" else {}
            compare(await ask(centre, f"{path}.{form}", **query), name, form)
        key: dict[str, Any] = {"headers": {"Idempotency-Key": "lamp"}}
        again = await post(centre, path=f"requests.{form}", account_id="a-citizen", phone="0912345678", **key)
        compare(again, "taken", form)
        compare(await post(centre, None, path=f"requests.{form}"), "error_403", form)


def compare(answer: httpx.Response, name: str, form: str) -> None:
    assert answer.headers["content-type"] == FORMATS[form], name
    if form == "json":
        body = json.dumps(answer.json(), indent=2, ensure_ascii=False) + "\n"
    else:
        body = re.sub("><", ">\n<", answer.text)
    assert body == (GOLDEN / f"{name}.{form}").read_text(encoding="utf-8"), name


@pytest.mark.parametrize("state", State)
def test_status_is_open_or_closed_and_nothing_else(state: State) -> None:
    assert status_of(state) == ("closed" if state in {"rejected", "published", "closed"} else "open")


async def test_a_hub_with_an_area_has_that_jurisdiction_and_no_other(centre: Centre) -> None:
    without = await ask(centre, "services.json", jurisdiction_id="bencat")
    object.__setattr__(centre.hub.hub, "settings", centre.hub.hub.settings.model_copy(update={"area": "bencat"}))

    right, none = await ask(centre, "services.json", jurisdiction_id="bencat"), await ask(centre, "services.json")

    assert "leave it out" in refused(without, 404)[0]
    assert (right.status_code, none.status_code) == (200, 200)
    assert "write bencat" in refused(await ask(centre, "requests.xml", jurisdiction_id="city.gov"), 404)[0]
    assert "write bencat" in refused(await post(centre, jurisdiction_id="city.gov"), 404)[0]
    assert await taken(centre, jurisdiction_id="bencat")


def test_what_xml_cannot_hold_does_not_break_it() -> None:
    body = dumps("services", [{"name": "a\x01b\ud800<&>\ufffe"}], "xml")

    assert xmltodict.parse(body) == {"services": {"service": {"name": "a\ufffdb\ufffd<&>\ufffd"}}}


async def test_a_description_with_control_characters_comes_back_in_both_formats(centre: Centre) -> None:
    number = await taken(centre, description="Tối\x08 om\x1b <b>")

    answer = await ask(centre, f"requests/{number}.xml", "app")

    assert xmltodict.parse(answer.content)["service_requests"]["request"]["description"] == "Tối\ufffd om\ufffd <b>"
    assert (await ask(centre, f"requests/{number}.json", "app")).json()[0]["description"] == "Tối\x08 om\x1b <b>"


# --- what goes wrong ---


@pytest.mark.parametrize(("path", "status"), [
    ("nothing.json", 404), ("nothing", 404), ("services/ufo.json", 404), ("requests/1.json", 404),
    ("requests/00000000-0000-4000-8000-000000000000.xml", 404), ("tokens/abc.xml", 404), ("requests.csv", 400),
    ("requests.json?status=assigned", 400), ("requests.json?statu=open", 400), ("requests.json?page=0", 400),
    ("requests.json?page_size=1001", 400), ("requests.json?lat=11", 400), ("requests.json?lat=11&long=a", 400),
    ("requests.json?start_date=yesterday", 400), ("requests.json?service_code=ufo", 404),
    ("requests.xml?start_date=2026-01-01T00:00:00Z&end_date=2026-06-01T00:00:00Z", 400),
    ("requests.xml?start_date=2026-06-01T00:00:00Z&end_date=2026-05-31T00:00:00Z", 400),
    ("servicerequestupdates.xml?end_date=0", 400),
])  # fmt: skip
async def test_errors_are_those_of_the_standard(centre: Centre, path: str, status: int) -> None:
    refused(await centre.hub.client.get(f"/open311/v2/{path}"), status)


async def test_so_are_those_before_and_around_the_routes(centre: Centre) -> None:
    client = centre.hub.client
    too_much = b"description=" + b"a" * 9 * 1024 * 1024

    refused(await client.delete("/open311/v2/requests.json"), 405)
    refused(await client.post("/open311/v2/requests.xml", json={"service_code": "road"}), 400)
    refused(await client.post("/open311/v2/requests.json", content=too_much, headers=AS_FORM), 400)
    refused(
        await client.post("/open311/v2/requests.json", content=b"\x1f", headers=AS_FORM | {"content-encoding": "gzip"}),
        400,
    )
    refused(await client.get("/open311/v2/services.json", headers={"X-API-Key": "ioc_nobody_x"}), 403)
    assert "tiêu" not in refused(await client.get("/open311/v2/requests.json?page=x"), 400)[0]


AS_FORM = {"content-type": "application/x-www-form-urlencoded"}


# --- sending ---


async def test_a_form_becomes_a_report_like_any_other(centre: Centre) -> None:
    number = await taken(
        centre, first_name="An", last_name="Nguyễn Văn", phone="0912 345 678", email="an@example.vn", account_id="a-1",
        address_string="12 Hùng Vương", device_id="abc", email_empty=None,
        **{"attribute[occurred_at]": "2026-11-21T19:30:00+07:00", "attribute[visibility]": "withheld"},
    )  # fmt: skip

    report = (await centre.seen({"id": number}, "app")).json()
    mine = await centre.listed("app", subject="a-1")
    knows = await centre.hub.key(scopes=["reports:moderate", "reports:identify"])
    person = await centre.hub.client.get(f"/v1/reports/{number}/reporter", headers={"X-API-Key": knows})

    assert (report["unit"], report["category"], report["state"]) == ("25813", "trees-lighting", "submitted")
    assert (report["visibility"], report["occurred_at"]) == ("withheld", "2026-11-21T19:30:00+07:00")
    assert report["address"] == "12 Hùng Vương"
    assert mine == [number]
    assert person.json() == {"name": "Nguyễn Văn An", "phone": "0912 345 678", "email": "an@example.vn"}


async def test_an_address_is_enough_and_words_are_not_needed(centre: Centre) -> None:
    number = await taken(centre, lat=None, long=None, address_string="12 Hùng Vương", description=" ")

    [request] = (await ask(centre, f"requests/{number}.json", "app")).json()

    assert (request["lat"], request["address"]) == (None, "12 Hùng Vương")
    assert request["description"] == "Cây xanh, chiếu sáng"


@pytest.mark.parametrize(("more", "field"), [
    ({"lat": None}, None),
    ({"lat": None, "long": None}, None),
    ({"lat": None, "long": None, "address_id": "17"}, None),
    ({"lat": "north"}, "lat"),
    ({"long": "181"}, "long"),
    ({"service_code": None}, "service_code"),
    ({"phone": "tell"}, "phone"),
    ({"email": "nobody"}, "email"),
    ({"colour": "red"}, "colour"),
    ({"description": "a\x00b"}, "description"),
    ({"attribute[visibility]": "secret"}, "attribute[visibility]"),
    ({"attribute[occurred_at]": "2126-01-01T00:00:00Z"}, "attribute[occurred_at]"),
    ({"attribute[occurred_at]": "2026-01-01T00:00:00"}, "attribute[occurred_at]"),
    ({"attribute[ufo]": "1"}, "attribute[ufo]"),
    ({"lat": "21.03", "long": "180"}, None),
    ({"service_code": ["road", "water"]}, "service_code"),
])  # fmt: skip
async def test_what_is_wrong_is_named_by_its_field(centre: Centre, more: dict[str, Any], field: str | None) -> None:
    [said] = refused(await post(centre, **more), 400)

    assert field is None or said.startswith(f"{field}: ")
    assert await listed(centre, "app") == []


async def test_what_may_not_be_sent_is_refused(centre: Centre) -> None:
    assert "api_key" in refused(await post(centre, None), 403)[0]
    refused(await post(centre, None, api_key="ioc_nobody_x"), 403)
    refused(await post(centre, "moderate"), 403)
    refused(await post(centre, service_code="ufo"), 404)
    refused(await post(centre, None, path="servicerequestupdates.xml", service_request_id="1", status="open"), 403)
    by_header = await post(centre, None, headers={"X-API-Key": await centre.key("app")})
    assert by_header.status_code == 201


async def test_a_form_that_comes_again_is_the_same_report(centre: Centre) -> None:
    await centre.key("app")
    with time_machine.travel("2026-11-23T23:50:00+07:00", tick=False):
        answers = await asyncio.gather(*(post(centre) for _ in range(5)))
        other = await taken(centre, account_id="a-neighbour")
    with time_machine.travel("2026-11-24T00:10:00+07:00", tick=False):
        after_midnight = await post(centre)
    with time_machine.travel("2026-11-25T00:10:00+07:00", tick=False):
        next_day = await taken(centre)
    first = answers[0].json()[0]["service_request_id"]

    assert sorted(one.status_code for one in answers) == [200] * 4 + [201]
    assert {one.json()[0]["service_request_id"] for one in answers} == {first}
    assert (after_midnight.status_code, after_midnight.json()[0]["service_request_id"]) == (200, first)
    assert len({first, other, next_day}) == 3
    assert (await post(centre, "other-app")).json()[0]["service_request_id"] != first


async def test_who_says_the_same_with_another_contact_is_somebody_else(centre: Centre) -> None:
    contacts: tuple[dict[str, str], ...] = ({"phone": "0912345678"}, {"phone": "0912345679", "last_name": "Trần"}, {})
    first = [await taken(centre, **contact) for contact in contacts]

    again = [await post(centre, **contact) for contact in contacts]

    assert len(set(first)) == 3
    assert [(one.status_code, one.json()[0]["service_request_id"]) for one in again] == [(200, one) for one in first]


async def test_the_id_of_a_report_tells_nobody_who_was_forgotten(centre: Centre) -> None:
    number = await taken(centre, phone="0912345678", first_name="An")
    async with centre.hub.session() as session:
        await erase_reporters(session, centre.hub.app.state.identities, report_id=UUID(number))

    guesses = [await post(centre, phone=phone) for phone in ("0912345678", "0987654321")]

    assert [(one.status_code, one.json()[0]["service_request_id"]) for one in guesses] == [(200, number)] * 2


async def test_an_idempotency_key_stands_for_one_content(centre: Centre) -> None:
    first, second = [await taken(centre, headers={"Idempotency-Key": key}) for key in ("one", "two")]
    again = await post(centre, headers={"Idempotency-Key": "one"})
    changed = await post(centre, headers={"Idempotency-Key": "one"}, description="Cây đổ.")

    assert first != second
    assert (again.status_code, again.json()[0]["service_request_id"]) == (200, first)
    refused(changed, 400)


async def test_photos_come_with_the_form_and_are_seen_once_published(centre: Centre) -> None:
    number = await taken(centre, files=[("media", ("lamp.jpg", a_photo())), ("media", ("b.jpg", a_photo(2)))])
    assert len((await centre.seen({"id": number}, "app")).json()["photos"]) == 2
    await centre.moved({"id": number}, *TO_THE_PUBLIC)

    [request] = await listed(centre)
    picture = await centre.hub.client.get(request["media_url"])

    assert request["media_url"].startswith("http://hub/v1/photos/")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")


async def test_a_photo_that_is_none_does_not_hold_up_its_report(centre: Centre) -> None:
    files = [("media", ("virus.jpg", b"MZ\x90\x00")), ("media", ("lamp.jpg", a_photo()))]
    response = await post(centre, media_url="http://127.0.0.1/lamp.jpg", files=files)
    [request] = response.json()
    again = await post(centre, files=[("media", ("a.jpg", a_photo(3))), ("media", ("lamp.jpg", a_photo()))])

    assert response.status_code == 201
    assert "media_url" in request["service_notice"]
    assert "media 1: " in request["service_notice"]
    assert "media 2" not in request["service_notice"]
    assert again.json() == [request | {"service_notice": None}]  # the same report; now it has both
    assert len((await centre.seen({"id": request["service_request_id"]}, "app")).json()["photos"]) == 2


@pytest.mark.parametrize("charset", ["punycode", "undefined", "unicode_escape", "utf-16", "utf-7", "no-such-charset"])
async def test_a_form_is_in_utf_8(centre: Centre, charset: str) -> None:
    fields = {"service_code": "road", "address_string": "12 Hùng Vương", "description": "\\ud800-" + "ú" * 100}
    part = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = "".join(part.format(*field) for field in fields.items()).encode() + b"--x--\r\n"
    key = {"X-API-Key": await centre.key("app")}

    answers = [
        await centre.hub.client.post(
            "/open311/v2/requests.json", content=body,
            headers=key | {"content-type": f"multipart/form-data; boundary=x; charset={one}"},
        )
        for one in (charset, "UTF-8")
    ]  # fmt: skip

    assert [one.status_code for one in answers] == [400, 201]


async def test_a_file_belongs_into_media(centre: Centre) -> None:
    [said] = refused(await post(centre, files=[("photo", ("lamp.jpg", a_photo()))]), 400)
    assert said.startswith("photo: ")


# --- finding ---


async def test_the_public_sees_what_is_published_and_nothing_else(centre: Centre) -> None:
    hidden, shown = await taken(centre, account_id="1"), await taken(centre, account_id="2")
    await centre.moved({"id": shown}, *TO_THE_PUBLIC)

    assert [one["service_request_id"] for one in await listed(centre)] == [shown]
    assert [one["service_request_id"] for one in await listed(centre, service_request_id=f"{hidden},{shown},1")] == [
        shown
    ]
    assert {one["service_request_id"] for one in await updates(centre)} == {shown}
    assert await updates(centre, service_request_id=hidden) == []
    for path in (f"requests/{hidden}.json", f"tokens/{hidden}.xml"):
        refused(await ask(centre, path), 404)
        assert (await ask(centre, path, "app")).status_code == 200
    assert await listed(centre, "other-app", service_request_id=hidden) == []


async def test_a_place_that_is_to_be_rough_is_rough_here_too(centre: Centre) -> None:
    number = await taken(centre, address_string="12 Hùng Vương", **{"attribute[visibility]": "withheld"})
    await centre.moved({"id": number}, *TO_THE_PUBLIC)

    [public], [own] = await listed(centre), await listed(centre, "app")
    near: dict[str, Any] = {"lat": LAMP["latitude"], "long": LAMP["longitude"], "radius": 20}

    assert (public["lat"], public["long"], public["address"]) == (11.1875, 106.6075, None)
    assert (own["lat"], own["long"], own["address"]) == (LAMP["latitude"], LAMP["longitude"], "12 Hùng Vương")
    assert await listed(centre, **near) == []
    assert len(await listed(centre, "app", **near)) == 1
    assert len(await listed(centre, lat=public["lat"], long=public["long"], radius=20)) == 1


async def test_notes_have_the_answer_when_everybody_may_read_it(centre: Centre) -> None:
    number = {"id": await taken(centre)}
    await centre.moved(number, *TO_THE_PUBLIC[:3])
    before = await listed(centre, "app")
    await centre.moved(number, *TO_THE_PUBLIC[3:])
    published = await listed(centre)
    await centre.moved(
        number, ("moderate", "reopened", {"reason": "Nhầm cột đèn."}), ("handle", "processing"),
        ("handle", "resolved", ANSWER | {"reply": "Đã thay cả cột."}),
    )  # fmt: skip
    again = await listed(centre)

    assert [(one["status"], one["status_notes"]) for one in before] == [("open", "Answered by the agency")]
    assert [(one["status"], one["status_notes"]) for one in published] == [("closed", "Published: Đã thay bóng đèn.")]
    assert [(one["status"], one["status_notes"]) for one in again] == [("open", "Answered by the agency")]
    assert published[0]["expected_datetime"] is None
    assert before[0]["expected_datetime"] is not None


async def test_filters_are_those_of_the_standard(centre: Centre) -> None:
    with time_machine.travel("2026-08-03T09:00:00+07:00", tick=False):
        old = await taken(centre)
    with time_machine.travel("2026-11-20T09:00:00+07:00", tick=False):
        lamp, water = await taken(centre), await taken(centre, service_code="water")
    with time_machine.travel(MONDAY, tick=False):
        await centre.moved({"id": water}, ("moderate", "rejected", {"rejection": "spam", "reason": "Quảng cáo."}))

        async def found(**query: Any) -> list[str]:
            return [one["service_request_id"] for one in await listed(centre, "app", **query)]

        assert await found() == [water, lamp]  # of the last 90 days
        assert await found(service_code="water,road") == [water]
        assert await found(status="open") == [lamp]
        assert await found(status="open,closed", extensions="true") == [water, lamp]
        assert await found(start_date="2026-08-01T00:00:00+07:00") == [old]  # and 90 days on
        assert await found(end_date="2026-11-20T02:00:00Z") == [water, lamp]  # in it
        assert await found(end_date="2026-11-20T01:59:59Z") == []
        assert await found(start_date="2026-11-20T09:00:00+07:00", end_date="2026-11-20T09:00:00+07:00") == [
            water,
            lamp,
        ]
        assert await found(updated_after="2026-11-23T00:00:00+07:00") == [water]
        assert await found(updated_before="2026-11-01T00:00:00+07:00") == [old]
        assert await found(service_request_id=old, service_code="ufo", status="closed") == [old]  # wins over the others
        assert await found(page=1, page_size=1) == [water]
        assert await found(page=2, page_size=1) == [lamp]
        assert await found(page=3, page_size=1) == []
        assert await found(lat=11.0, long=106.6, radius=1000) == []


# --- updates ---


async def test_updates_are_told_when_they_can_be_known_and_only_once(centre: Centre) -> None:
    with time_machine.travel("2026-11-23T09:00:00+07:00", tick=False):
        number = {"id": await taken(centre)}
    with time_machine.travel("2026-11-23T10:00:00+07:00", tick=False):
        await centre.moved(number, *TO_THE_PUBLIC[:3])
        own = await updates(centre, "app")
        assert await updates(centre) == []
    with time_machine.travel("2026-11-24T10:00:00+07:00", tick=False):
        await centre.moved(number, *TO_THE_PUBLIC[3:])
        day = {"start_date": "2026-11-24T00:00:00+07:00", "end_date": "2026-11-24T23:59:59+07:00"}
        public = await updates(centre, **day)
        earlier = await updates(centre, start_date="2026-11-23T00:00:00+07:00", end_date="2026-11-23T23:59:59+07:00")
        pages = [await updates(centre, page=page, page_size=4) for page in (1, 2, 3)]

    assert [one["description"] for one in own] == [
        "Submitted", "Accepted", "Assigned", "In progress", "Answered by the agency",
    ]  # fmt: skip
    assert own[-1]["updated_datetime"] == "2026-11-23T10:00:00+07:00"
    assert [(one["status"], one["description"]) for one in public][-1] == ("closed", "Published: Đã thay bóng đèn.")
    assert len(public) == 7
    assert {one["updated_datetime"] for one in public} == {"2026-11-24T10:00:00+07:00"}
    assert earlier == []
    assert [len(page) for page in pages] == [4, 3, 0]
    assert pages[0] + pages[1] == public


async def test_what_is_said_to_everybody_is_an_update_when_everybody_may_read_it(centre: Centre) -> None:
    async def say(who: str, words: str, **more: Any) -> str:
        key = str(uuid4())
        body = {"id": key, "words": words, **more}
        response = await centre.ask("POST", f"/{number['id']}/comments", who, json=body)
        assert response.status_code == 201, response.text
        return key

    async def of(day: int, who: str | None = None) -> list[tuple[str, str]]:
        hours = {"start_date": f"2026-11-{day}T00:00:00+07:00", "end_date": f"2026-11-{day}T23:59:59+07:00"}
        told = await updates(centre, who, **hours)
        return [(one["status"], one["description"]) for one in told if one["description"] in words]

    words = ["Đội 2 đang đến.", "Tối nay đèn lại tắt.", "Không cho dân biết."]
    with time_machine.travel("2026-11-23T09:00:00+07:00", tick=False):
        number = {"id": await taken(centre)}
        await centre.moved(number, *TO_THE_PUBLIC[:2])
        await say("handle", words[0])
        await say("handle", words[2], internal=True)
    with time_machine.travel("2026-11-24T09:00:00+07:00", tick=False):
        before = await of(23)
        await centre.moved(number, *TO_THE_PUBLIC[2:])
        comment = await say("other-app", words[1], subject="binh")
    with time_machine.travel("2026-11-25T09:00:00+07:00", tick=False):
        hidden = await of(24)
        shown = await centre.ask("PUT", f"/{number['id']}/comments/{comment}/shown", "moderate", json={"shown": True})
        assert shown.status_code == 200
        again = await of(24)
        own, public = await of(23, "app"), await of(25)
        paged = [
            one
            for page in range(1, 10)
            for one in await updates(centre, service_request_id=number["id"], page=page, page_size=1)
        ]

    assert before == []
    assert hidden == again == [("open", words[0])]  # with the publication
    assert public == [("closed", words[1])]
    assert own == [("open", words[0])]
    assert len({one["update_id"] for one in paged}) == len(paged) == 9
    assert [one["description"] for one in paged][-1] == words[1]


async def test_a_citizen_is_asked_and_answers_is_not_content_and_then_is(centre: Centre) -> None:
    number = await taken(centre, account_id="a-citizen")
    here = {"path": "servicerequestupdates.json", "service_request_id": number, "account_id": "a-citizen"}
    await centre.moved({"id": number}, ("moderate", "need_info", {"reason": "Đèn nào ạ?"}))
    asked = (await updates(centre, "app"))[-1]

    answered = await post(centre, **here, status="OPEN", description="Đèn trước chợ.")
    repeated = await post(centre, **here, status="OPEN", description="Đèn trước chợ.")
    assert asked["description"] == "More information needed: Đèn nào ạ?"
    assert (await centre.seen({"id": number}, "app")).json()["state"] == "submitted"
    assert (answered.status_code, answered.json()) == (repeated.status_code, repeated.json()) == (200, repeated.json())

    refused(await post(centre, **here, status="closed"), 400)  # nobody has done anything yet
    await centre.moved({"id": number}, *TO_THE_PUBLIC)
    refused(await post(centre, **here, status="open"), 400)  # why?
    refused(await post(centre, "other-app", **here, status="open", description="Vẫn tối."), 404)
    refused(await post(centre, **here | {"account_id": "a-neighbour"}, status="open", description="Vẫn tối."), 400)
    assert (await post(centre, **here, status="open", description="Vẫn tối.")).status_code == 200
    assert (await centre.seen({"id": number}, "app")).json()["round"] == 2
    await centre.moved({"id": number}, *TO_THE_PUBLIC[1:])
    closed = await post(centre, **here | {"path": "servicerequestupdates.xml"}, status="closed")
    assert list(xmltodict.parse(closed.content)["service_request_updates"]) == ["request_update"]
    assert (await centre.seen({"id": number})).json()["state"] == "closed"


# --- whatever is sent ---

NAMES = st.sampled_from([
    "service_code", "lat", "long", "address_string", "address_id", "description", "email", "phone", "first_name", "last_name",
    "account_id", "device_id", "media_url", "media", "api_key", "jurisdiction_id", "attribute[occurred_at]",
    "attribute[visibility]", "attribute[]", "attribute[x][]", "service_request_id", "status", "",
])  # fmt: skip
VALUES = st.one_of(
    st.sampled_from([
        "road", "11.1893", "106.6061", "-90", "1e999", "nan", "inf", "0x10", "\x00", "\ufffe", "\x1f", "9" * 400, "a" * 6000, "open",
        "2026-11-21T19:30:00+07:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "public", "0912345678", "a@b.vn", "%",
    ]),
    st.text(max_size=40),
)  # fmt: skip


@settings(
    max_examples=120, deadline=None, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    pairs=st.lists(st.tuples(st.one_of(NAMES, st.text(max_size=8)), VALUES), max_size=8),
    good=st.booleans(),
    file=st.one_of(st.none(), st.binary(max_size=60)),
    raw=st.one_of(st.none(), st.none(), st.binary(max_size=200)),
    path=st.sampled_from(["requests.json", "requests.xml", "servicerequestupdates.json"]),
    multipart=st.booleans(),
)
async def test_whatever_is_sent_the_answer_is_one_of_the_standard(
    centre: Centre,
    pairs: list[tuple[str, str]],
    good: bool,
    file: bytes | None,
    raw: bytes | None,
    path: str,
    multipart: bool,
) -> None:
    key = ("api_key", await centre.key("app"))
    sent = [key, *(a_form().items() if good else ()), *pairs]
    if raw is not None:
        kind = "multipart/form-data; boundary=x" if multipart else AS_FORM["content-type"]
        body, headers = (b"--x\r\n" + raw if multipart else raw), {"content-type": kind}
    else:
        fields = [(name, (None, value.encode(errors="replace"))) for name, value in sent]
        files = [*fields, *([("media", ("a.jpg", file))] if file is not None else ())]
        form: dict[str, Any] = {"files": files} if multipart else {"data": _grouped(sent)}
        request = centre.hub.client.build_request("POST", "/", **form)
        body, headers = await request.aread(), {"content-type": request.headers["content-type"]}

    answer = await centre.hub.client.post(f"/open311/v2/{path}", content=body, headers=headers)

    if answer.status_code not in {200, 201}:
        assert answer.status_code in {400, 403, 404}, answer.text
        refused(answer, answer.status_code)


def _grouped(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


# --- real clients ---


@pytest.fixture
async def served(centre: Centre) -> AsyncIterator[str]:
    """The hub on a port, for clients that know nothing of it."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # from here on connections wait for the server
        server = uvicorn.Server(uvicorn.Config(centre.hub.app, lifespan="off", ws="none", log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await serving


async def test_georeport_reads_everything_in_both_formats(centre: Centre, served: str) -> None:
    numbers = [await taken(centre, account_id=str(one), files=[("media", ("l.jpg", a_photo(one)))]) for one in (1, 2)]
    for number in numbers:
        await centre.moved({"id": number}, *TO_THE_PUBLIC)

    def read(output: str) -> list[Any]:
        client = GeoReport(f"{served}/open311/v2", output_format=output)
        services = client.get_service_list()
        definition = client.get_service_definition(services[0]["service_code"])
        requests = client.get_service_requests(service_code="trees-lighting,road", status="closed")
        return [services, definition, requests, client.get_service_request(numbers[0])]

    services, definition, requests, request = await asyncio.to_thread(read, "json")
    in_xml = await asyncio.to_thread(read, "xml")

    assert (len(services), services[0]["service_code"], services[0]["metadata"]) == (22, "road", True)
    assert [one["code"] for one in definition["attributes"]] == ["occurred_at", "visibility"]
    assert [one["service_request_id"] for one in requests] == numbers[::-1]
    assert request["status"] == "closed"
    assert (request["lat"], request["long"]) == (LAMP["latitude"], LAMP["longitude"])
    assert [one["service_code"] for one in in_xml[0]] == [one["service_code"] for one in services]
    assert [one["code"] for one in in_xml[1]["attributes"]["attribute"]] == ["occurred_at", "visibility"]
    assert [one["service_request_id"] for one in in_xml[2]] == numbers[::-1]
    assert in_xml[3] | {"media_url": None} == as_xml(request) | {"media_url": None}
    assert in_xml[3]["media_url"].partition("?")[0] == request["media_url"].partition("?")[0]


def as_xml(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value if value is None else str(value) for name, value in request.items()}


async def test_chicagorequests_reads_page_after_page(
    centre: Centre, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await taken(centre)
    await centre.moved({"id": number}, *TO_THE_PUBLIC)
    await copies(centre, number, 410)
    monkeypatch.setattr(chicagorequests.Downloader, "BASE_URL", f"{served}/open311/v2/requests.json")
    now = datetime.now(ZoneInfo("America/Chicago"))

    def read(updated: bool) -> list[dict[str, Any]]:
        since = (now - timedelta(hours=1), now + timedelta(hours=1)) if updated else (None, None)
        downloader = chicagorequests.Downloader(["trees-lighting"], *(one and one.isoformat() for one in since))
        found: list[dict[str, Any]] = downloader((now - timedelta(hours=1), now + timedelta(hours=1)))
        downloader.session.close()
        return found

    found, updated = [await asyncio.to_thread(read, one) for one in (False, True)]

    assert len({one["service_request_id"] for one in found}) == len(found) == 411
    assert [one["service_request_id"] for one in updated] == [one["service_request_id"] for one in found]
    assert {one["status"] for one in found} == {"closed"}
    assert datetime.fromisoformat(found[0]["requested_datetime"]) <= datetime.now(UTC)


async def copies(centre: Centre, number: str, count: int) -> None:
    """More reports like one: by the database, for 400 of them over the API take a minute."""
    table = models.Report.__table__
    async with centre.hub.session() as session:
        [row] = (await session.execute(select(table).where(table.c.id == number))).mappings()
        made = {name for name, column in table.c.items() if column.computed is not None or column.identity is not None}
        values = {name: value for name, value in row.items() if name not in made}
        await session.execute(insert(models.Report), [values | {"id": uuid4()} for _ in range(count)])
