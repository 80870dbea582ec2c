"""Who sends a report on the hub's own page: without a key, known by a token that only the browser has."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.hub import Hub
from app.reports import uploads, visitors
from app.reports.visitors import Sent
from tests.api.test_report_photos import a_photo
from tests.api.test_reports import LAMP, TO_THE_PUBLIC, Centre, a_report
from tests.api.test_reports import centre as centre  # noqa: PLC0414 (a fixture)

ME, OTHER = "m" * 43, "o" * 43


async def ask(centre: Centre, method: str, path: str, token: str | None, **more: Any) -> httpx.Response:
    headers = {} if token is None else {"X-Visitor-Token": token}
    return await centre.hub.client.request(
        method, f"/v1/reports{path}", headers=headers | more.pop("headers", {}), **more
    )


async def test_a_visitor_sends_without_a_key_and_follows_what_nobody_else_sees(centre: Centre) -> None:
    body = a_report(channel="hotline")
    sent = await ask(centre, "POST", "", ME, json=body)
    again = await ask(centre, "POST", "", ME, json=body)

    assert (sent.status_code, again.status_code) == (201, 200)
    assert (sent.json()["channel"], sent.json()["point"]) == ("web", LAMP)
    path = f"/{body['id']}"
    assert (await ask(centre, "GET", path, ME)).status_code == 200
    assert [(await ask(centre, "GET", path, one)).status_code for one in (OTHER, None)] == [404, 404]
    listed = [(await ask(centre, "GET", "?mine=true", one)).json()["items"] for one in (ME, OTHER, None)]
    assert [len(items) for items in listed] == [1, 0, 0]


async def test_anothers_report_is_not_given_back_nor_moved_nor_given_photos(centre: Centre) -> None:
    body = a_report()
    await ask(centre, "POST", "", ME, json=body)
    await centre.moved(body, *TO_THE_PUBLIC)
    path = f"/{body['id']}"

    assert (await ask(centre, "POST", "", OTHER, json=body)).status_code == 409
    order = {"to": "reopened", "reason": "Vẫn tối."}
    assert (await ask(centre, "POST", f"{path}/transitions", OTHER, json=order)).status_code == 409
    assert (await ask(centre, "PUT", f"{path}/photos/1", OTHER, content=a_photo())).status_code == 404
    assert (await ask(centre, "PUT", f"{path}/photos/1", ME, content=a_photo())).status_code == 201
    assert (await ask(centre, "POST", f"{path}/transitions", ME, json=order)).status_code == 200


async def test_a_visitor_is_no_app_and_an_app_no_visitor(centre: Centre) -> None:
    mine, theirs = a_report(), await centre.sent(subject=ME)
    await ask(centre, "POST", "", ME, json=mine)

    assert (await ask(centre, "GET", f"/{theirs['id']}", ME)).status_code == 404
    assert (await centre.seen(mine, "app")).status_code == 404
    assert (await ask(centre, "POST", "", "short", json=a_report())).status_code == 422
    assert (await ask(centre, "POST", "", None, json=a_report())).status_code == 401


async def test_the_token_of_a_report_opens_it_on_another_telephone(centre: Centre) -> None:
    sent = (await ask(centre, "POST", "", ME, json=a_report())).json()
    await centre.moved(sent, *TO_THE_PUBLIC)
    mine = {"X-Report-Token": sent["follow_up"]}

    rated = await ask(centre, "PUT", f"/{sent['id']}/rating", None, headers=mine, json={"stars": 2})
    order = {"to": "reopened", "reason": "Vẫn tối."}
    reopened = await ask(centre, "POST", f"/{sent['id']}/transitions", None, headers=mine, json=order)

    assert [one.status_code for one in (rated, reopened)] == [200, 200]


async def test_nobody_sends_eight_megabytes_for_a_report_that_is_not_his(centre: Centre) -> None:
    report, read = await centre.sent(), 0

    async def photo() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(8):
            read += 1
            yield bytes(2**20)

    refused = [
        await ask(centre, "PUT", f"/{one}/photos/1", OTHER, content=photo()) for one in (report["id"], str(uuid4()))
    ]

    assert [one.status_code for one in refused] == [404, 404]
    assert read == 0


async def test_from_one_address_come_so_many_new_reports_an_hour(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitors, "MOST", {Sent.report: 2})
    first, second = a_report(), a_report()
    for body in (first, first, first, second):
        assert (await ask(centre, "POST", "", ME, json=body)).is_success

    third = a_report()
    refused = await ask(centre, "POST", "", OTHER, json=third)

    assert (refused.status_code, refused.json()["code"]) == (429, "too-much-from-address")
    assert 3590 <= int(refused.headers["retry-after"]) <= 3601
    assert (await ask(centre, "GET", f"/{third['id']}", OTHER)).status_code == 404
    assert (await ask(centre, "POST", "", ME, json=second)).status_code == 200


async def test_from_one_address_come_so_many_followers_an_hour_whatever_their_tokens(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitors, "MOST", {Sent.follow: 2})
    report = await centre.sent()
    follow = f"/{report['id']}/follow?subject=visitor"

    answers = [await ask(centre, "PUT", follow, token * 43) for token in "aabbc"]
    left = await ask(centre, "DELETE", follow, "a" * 43)
    app = await centre.ask("PUT", f"/{report['id']}/follow?subject=binh", "app")

    assert [one.status_code for one in answers] == [200, 200, 200, 200, 429]
    assert answers[-1].json()["code"] == "too-much-from-address"
    assert "2 followers have come from this network address" in answers[-1].json()["detail"]
    assert int(answers[-1].headers["retry-after"]) > 3500
    assert (left.status_code, app.status_code) == (200, 200)
    assert (await centre.seen(report, "moderate")).json()["followers"] == 2


async def test_from_one_address_come_so_many_comments_an_hour(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "MOST", {Sent.report: 30, Sent.comment: 2})
    sent = (await ask(centre, "POST", "", ME, json=a_report())).json()
    await centre.moved(sent, *TO_THE_PUBLIC)
    path, first, words = f"/{sent['id']}/comments", str(uuid4()), {"words": "Vẫn tối."}

    said = [await ask(centre, "POST", path, ME, json={"id": first, **words}) for _ in range(2)]
    said.append(await ask(centre, "POST", path, OTHER, json={"id": str(uuid4()), **words}))
    refused = [
        await ask(centre, "POST", path, OTHER, json={"id": str(uuid4()), **words}),
        await ask(
            centre,
            "POST",
            path,
            None,
            headers={"X-Report-Token": sent["follow_up"]},
            json={"id": str(uuid4()), **words},
        ),
    ]
    staff = await centre.ask("POST", path, "moderate", json={"id": str(uuid4()), **words})

    assert [one.status_code for one in said] == [201, 200, 201]
    assert [one.status_code for one in refused] == [429, 429]
    assert staff.status_code == 201
    assert len((await ask(centre, "GET", path, ME)).json()["items"]) == 2


async def a_piece(
    centre: Centre, report: dict[str, Any], photo: bytes, n: int, upto: int | None = None
) -> httpx.Response:
    part = photo[:upto]
    headers = {"content-range": f"bytes 0-{len(part) - 1}/{len(photo)}"}
    return await ask(centre, "PUT", f"/{report['id']}/photos/{n}", ME, content=part, headers=headers)


async def test_from_one_address_wait_so_many_bytes_of_photos_and_whole_ones_do_not_count(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = a_photo()
    monkeypatch.setattr(visitors, "MOST", {Sent.report: 30, Sent.photo: len(photo)})
    report = (await ask(centre, "POST", "", ME, json=a_report())).json()

    whole = [await a_piece(centre, report, a_photo(n), n) for n in (1, 2, 3, 3, 3)]
    half = [await a_piece(centre, report, photo, n, upto=len(photo) * 2 // 3) for n in (4, 5, 6)]

    assert [one.status_code for one in whole] == [201] * 5
    assert [one.status_code for one in half] == [202, 202, 429]
    assert half[-1].json()["code"] == "too-much-from-address"


async def test_visitors_fill_no_more_than_so_much_with_photos_that_are_not_all_here(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_UNFINISHED", 150)
    mine, apps = (await ask(centre, "POST", "", ME, json=a_report())).json(), await centre.sent()
    photo = a_photo()

    first = await a_piece(centre, mine, photo, 1, upto=100)
    second = await a_piece(centre, mine, photo, 2, upto=100)
    range_ = {"content-range": f"bytes 0-99/{len(photo)}"}
    app = await centre.ask("PUT", f"/{apps['id']}/photos/1", "app", content=photo[:100], headers=range_)

    assert (first.status_code, second.status_code, app.status_code) == (202, 503, 202)
    assert second.headers["retry-after"] == "3600"


async def test_an_operator_may_want_keys_from_everybody(centre: Centre) -> None:
    hub: Hub = centre.hub.hub
    closed = hub.settings.model_copy(update={"public_reports": False})
    object.__setattr__(hub, "settings", closed)

    assert (await ask(centre, "POST", "", ME, json=a_report())).status_code == 401
    assert (await ask(centre, "GET", "/area", None)).json()["key_needed"] is True


async def test_the_map_knows_the_communes_of_the_centre(centre: Centre) -> None:
    report = await centre.sent()
    assert (await ask(centre, "GET", "/area", None)).json() == {"places": [], "key_needed": False}
    await centre.moved(report, *TO_THE_PUBLIC)
    [place] = (await ask(centre, "GET", "/area", None)).json()["places"]
    assert place["unit"] == "25813"

    hub: Hub = centre.hub.hub
    object.__setattr__(hub, "settings", hub.settings.model_copy(update={"area": "bencat"}))
    assert len((await ask(centre, "GET", "/area", None)).json()["places"]) == 7


def test_a_household_is_one_address() -> None:
    assert visitors.network("2001:db8::1") == visitors.network("2001:db8::ffff") != visitors.network("2001:db8:1::1")
    assert visitors.network("192.0.2.1") != visitors.network("192.0.2.2")
    assert visitors.network("testclient") == "testclient"
