"""A report and its photos in one call: all of it or nothing, once, whatever the line does."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from app.reports import visitors
from tests.api.test_report_photos import a_photo, photos, put
from tests.api.test_reports import Centre, a_report
from tests.api.test_reports import centre as centre  # noqa: PLC0414 (a fixture)

File = tuple[str, bytes]
NO_PHOTO = b"MZ\x90\x00 this program cannot be run in DOS mode"


async def send(centre: Centre, report: Any, *files: File, who: str | None = "app", **more: Any) -> httpx.Response:
    """As Retrofit and Dio send it: the JSON in a part without a filename, the photos as files."""
    said = report if isinstance(report, str) else json.dumps(report)
    parts: list[tuple[str, Any]] = [("report", (None, said, "application/json"))]
    parts += [("photos", (name, content, "image/jpeg")) for name, content in files]
    return await centre.ask("POST", "", who, files=parts, **more)


def pointers(response: httpx.Response) -> list[str]:
    return [one["pointer"] for one in response.json()["errors"]]


def files(*seeds: int) -> list[File]:
    return [(f"IMG_{seed}.jpg", a_photo(seed)) for seed in seeds]


async def stored(centre: Centre) -> Sequence[str]:
    """The pictures in the photo store."""
    folder = centre.hub.hub.settings.data_dir / "photos"
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*.jpg"))


async def test_a_report_comes_with_its_photos_in_one_call(centre: Centre) -> None:
    body = a_report()

    sent = await send(centre, body, *files(1, 2))

    assert sent.status_code == 201, sent.text
    assert sent.headers["location"] == f"/v1/reports/{body['id']}"
    assert [(photo["n"], photo["kind"]) for photo in sent.json()["photos"]] == [(1, "before"), (2, "before")]
    assert sent.json()["follow_up"]
    assert len(await photos(centre, body)) == 2
    assert len(await stored(centre)) == 6


async def test_the_same_call_again_is_the_same_report(centre: Centre) -> None:
    body = a_report()
    first = await send(centre, body, *files(1, 2))

    again = await send(centre, body, *files(1, 2))
    alone = await centre.ask("POST", "", "app", json=body)

    assert [one.status_code for one in (first, again, alone)] == [201, 200, 200]
    assert len({one.json()["number"] for one in (first, again, alone)}) == 1
    assert len({one.json()["follow_up"] for one in (first, again, alone)}) == 1
    assert len(again.json()["photos"]) == len(alone.json()["photos"]) == 2
    assert [event["to"] for event in again.json()["events"]] == ["submitted"]


async def test_the_same_call_on_many_lines_at_once_is_one_report(centre: Centre) -> None:
    body = a_report()
    await centre.key("app")

    answers = await asyncio.gather(*(send(centre, body, *files(1, 2)) for _ in range(5)))

    assert sorted(one.status_code for one in answers) == [200] * 4 + [201]
    assert [photo["n"] for photo in await photos(centre, body)] == [1, 2]


async def test_another_report_under_the_same_id_is_a_conflict_and_its_photos_are_not_kept(centre: Centre) -> None:
    body = a_report()
    await send(centre, body, *files(1))
    before = await stored(centre)

    other = await send(centre, body | {"description": "Cây đổ."}, *files(2))

    assert (other.status_code, other.json()["code"]) == (409, "report-conflict")
    assert len([word for word in other.json()["detail"].split() if len(word.strip(";:,.)")) == 64]) == 2
    assert await stored(centre) == before


async def test_another_photo_in_the_same_place_is_a_conflict_with_both_hashes(centre: Centre) -> None:
    body = a_report()
    await send(centre, body, *files(1, 2))

    other = await send(centre, body, *files(1, 3))

    assert (other.status_code, other.json()["code"]) == (409, "photo-taken")
    assert "Photo 2 " in other.json()["detail"]
    assert all(hashlib.sha256(a_photo(seed)).hexdigest() in other.json()["detail"] for seed in (2, 3))
    assert len(await photos(centre, body)) == 2


async def test_who_sent_the_report_alone_adds_its_photos_with_the_same_again(centre: Centre) -> None:
    """A phone whose first call came through, but not the photo by itself."""
    body = a_report()
    await centre.ask("POST", "", "app", json=body)
    await put(centre, body, a_photo(1))

    again = await send(centre, body, *files(1, 2))

    assert again.status_code == 200
    assert [photo["n"] for photo in again.json()["photos"]] == [1, 2]


async def test_one_bad_photo_refuses_all_of_it_and_says_which_and_what_is_right(centre: Centre) -> None:
    body = a_report()
    bad = [("IMG_1.jpg", a_photo(1)), ("virus.jpg", NO_PHOTO), ("half.jpg", a_photo(2)[:2000]), ("nothing.jpg", b"")]

    refused = await send(centre, body, *bad)

    assert refused.status_code == 422
    assert pointers(refused) == ["/photos/1", "/photos/2", "/photos/3"]
    first, second, third = (one["detail"] for one in refused.json()["errors"])
    assert first.startswith("Photo 2 ('virus.jpg')")
    assert "JPEG, PNG, WebP or HEIC" in first
    assert second.startswith("Photo 3 ('half.jpg')")
    assert "empty" in third
    assert (await centre.seen(body, "app")).status_code == 404
    assert await stored(centre) == []
    assert (await send(centre, body, *files(1))).status_code == 201


async def test_a_refusal_of_a_photo_is_in_vietnamese_too(centre: Centre) -> None:
    refused = await send(
        centre,
        a_report(),
        ("virus.jpg", NO_PHOTO),
        headers={"accept-language": "vi", "X-API-Key": await centre.key("app")},
    )

    [mistake] = refused.json()["errors"]
    assert mistake["detail"].startswith("Ảnh thứ 1 ('virus.jpg'): Tệp này không phải ảnh")


@pytest.mark.parametrize(("change", "pointer"), [
    ({"category": "no-such"}, "/report/category"),
    ({"point": {"latitude": 99, "longitude": 1}}, "/report/point/latitude"),
    ({"colour": "red"}, "/report/colour"),
    ({"contact": {"phone": "12"}}, "/report/contact/phone"),
])  # fmt: skip
async def test_what_is_wrong_with_the_report_is_named_in_its_part(
    centre: Centre, change: dict[str, Any], pointer: str
) -> None:
    refused = await send(centre, a_report(**change), *files(1))

    assert (refused.status_code, pointers(refused)) == (422, [pointer])
    assert await stored(centre) == []


async def test_a_place_that_is_not_ours_is_refused_as_without_photos(centre: Centre) -> None:
    refused = await send(centre, a_report(point={"latitude": 1.0, "longitude": 100.0}), *files(1))

    assert refused.status_code == (await centre.send(point={"latitude": 1.0, "longitude": 100.0})).status_code == 422
    assert await stored(centre) == []


@pytest.mark.parametrize(("parts", "wrong"), [
    ([("photos", ("a.jpg", a_photo()))], ["/report"]),
    ([("report", (None, "{}")), ("report", (None, "{}"))], ["/report"]),
    ([("report", (None, "{"))], ["/report"]),
    ([("report", (None, json.dumps(a_report()))), ("photo", ("a.jpg", a_photo()))], ["/photo"]),
    ([("report", (None, json.dumps(a_report()))), ("photos", (None, "a.jpg"))], ["/photos"]),
    ([("report", (None, json.dumps(a_report()))), *[("photos", ("a.jpg", b"x"))] * 11], ["/photos"]),
])  # fmt: skip
async def test_a_form_says_what_belongs_into_it(centre: Centre, parts: list[tuple[str, Any]], wrong: list[str]) -> None:
    refused = await centre.ask("POST", "", "app", files=parts)

    assert (refused.status_code, pointers(refused)) == (422, wrong)


async def test_a_misspelt_part_is_told_the_right_one(centre: Centre) -> None:
    parts: list[tuple[str, Any]] = [("report", (None, json.dumps(a_report()))), ("photo", ("a.jpg", a_photo()))]

    refused = await centre.ask("POST", "", "app", files=parts)

    assert "did you mean 'photos'?" in refused.json()["errors"][0]["detail"]


async def test_a_report_in_a_part_with_a_filename_is_read_too(centre: Centre) -> None:
    body = a_report()
    parts = [("report", ("blob", json.dumps(body), "application/json")), ("photos", ("a.heic", a_photo()))]

    sent = await centre.ask("POST", "", "app", files=parts)

    assert (sent.status_code, len(sent.json()["photos"])) == (201, 1)


async def test_a_form_without_photos_is_a_report_without_photos(centre: Centre) -> None:
    sent = await send(centre, a_report())

    assert (sent.status_code, sent.json()["photos"]) == (201, [])


@pytest.mark.parametrize("content", [b"", b"--x", b"--x\r\nno header\r\n\r\n--x--", b"nothing of a form"])
async def test_a_broken_form_is_told_so(centre: Centre, content: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x", "X-API-Key": await centre.key("app")}

    refused = await centre.ask("POST", "", None, content=content, headers=headers)
    without = await centre.ask(
        "POST", "", None, content=content, headers=headers | {"content-type": "multipart/form-data"}
    )

    assert (refused.status_code, refused.json()["code"]) in ((422, "malformed-body"), (422, "invalid-request"))
    assert without.status_code == 422


async def test_far_too_many_parts_and_too_long_a_report_are_refused_on_the_way(centre: Centre) -> None:
    many = await send(centre, a_report(), *[("a.jpg", b"x")] * 50)
    long = await send(centre, a_report(description="x" * 300_000))

    for refused in (many, long):
        assert (refused.status_code, refused.json()["code"]) == (422, "malformed-body")
        assert "at most 10 files photos" in refused.json()["detail"]


async def test_more_bytes_than_ten_photos_have_are_refused_unread(centre: Centre) -> None:
    headers = {"content-length": str(33 * 2**20), "content-type": "multipart/form-data; boundary=x"}
    headers |= {"X-API-Key": await centre.key("app")}

    form = await centre.ask("POST", "", None, content=b"x", headers=headers)
    plain = await centre.ask(
        "POST",
        "",
        None,
        content=b"x",
        headers=headers | {"content-type": "application/json", "content-length": str(3 * 2**20)},
    )

    assert [(one.status_code, one.json()["code"]) for one in (form, plain)] == [(413, "body-too-large")] * 2


async def test_nobody_without_a_key_or_a_token_is_read(centre: Centre) -> None:
    assert (await send(centre, "{", *files(1), who=None)).status_code == 401


async def test_a_visitor_sends_a_report_with_photos_as_often_as_an_address_may(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitors, "MOST", {visitors.Sent.report: 1})
    body, me = a_report(), {"X-Visitor-Token": "m" * 43}

    first = await send(centre, body, *files(1), who=None, headers=me)
    again = await send(centre, body, *files(1), who=None, headers=me)
    other = await send(centre, a_report(), *files(2), who=None, headers=me)

    assert [one.status_code for one in (first, again, other)] == [201, 200, 429]
    assert first.json()["channel"] == "web"
    assert len(await stored(centre)) == 3


async def test_what_is_neither_json_nor_a_form_is_told_both(centre: Centre) -> None:
    headers = {"content-type": "text/plain", "X-API-Key": await centre.key("app")}

    refused = await centre.ask("POST", "", None, content=b"{}", headers=headers)

    assert refused.status_code == 415
    assert "application/json, multipart/form-data" in refused.json()["detail"]
