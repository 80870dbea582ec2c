"""Who sends a report on the hub's own page: without a key, known by a token that only the browser has."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.hub import Hub
from app.reports import visitors
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
    monkeypatch.setattr(visitors, "MOST", 2)
    first, second = a_report(), a_report()
    for body in (first, first, first, second):
        assert (await ask(centre, "POST", "", ME, json=body)).is_success

    third = a_report()
    refused = await ask(centre, "POST", "", OTHER, json=third)

    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-reports")
    assert 3590 <= int(refused.headers["retry-after"]) <= 3601
    assert (await ask(centre, "GET", f"/{third['id']}", OTHER)).status_code == 404
    assert (await ask(centre, "POST", "", ME, json=second)).status_code == 200


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
