"""Who sees what of a report: every GET of the description, asked in every way by everybody, read for what is secret.

A new route is asked, too; a new parameter wants a line in `VALUES`, and whatever shows a secret a line in `SEES`.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.auth import SCOPES
from tests.api.test_contract import DESCRIPTION
from tests.api.test_report_photos import a_photo, put
from tests.api.test_reports import Centre, centre
from tests.api.test_streams import watching

__all__ = ["centre"]  # the fixture

HERE, ELSEWHERE = "25813", "25840"
HIDDEN_PLACE = {"latitude": 11.1893417, "longitude": 106.6061733}
ROUGH_PLACE = {"latitude": 11.1892126, "longitude": 106.6064298}
AN, BINH = "subject-of-an", "subject-of-binh"
AN_PHOTO, LATE_PHOTO = a_photo(11), a_photo(12)


def sha(photo: bytes) -> str:
    return hashlib.sha256(photo).hexdigest()


# What must not be seen, and how it shows. Of `hidden`, which was never published, and `rough`, which is published with its place
# roughly, and reopened since.
SECRETS: Mapping[str, Sequence[str]] = {
    "name": ["Nguyễn Thị Bí Mật"],
    "phone": ["0987654321", "987654321", "987 654 321"],
    "email": ["bi.mat@example.vn"],
    "subject": [AN, BINH],
    "hidden words": ["hidden-words"],
    "hidden address": ["hidden-address"],
    "hidden place": ["11.18934", "106.60617"],
    "hidden reason": ["hidden-reason"],
    "hidden reply": ["hidden-reply"],
    "hidden photo": [sha(AN_PHOTO)],
    "hidden comment": ["hidden-comment"],
    "rough address": ["rough-address"],
    "rough place": ["11.18921", "106.60642"],
    "reopened because": ["reopened-because"],
    "unpublished reply": ["unpublished-reply"],
    "unpublished photo": [sha(LATE_PHOTO)],
    "unmoderated comment": ["unmoderated-comment"],
    "rating": ["words-of-rating"],
    "internal comment": ["among-staff"],
    "person": ["person-of-staff"],
    "taken back because": ["taken-back-because"],
}
CASE = {"hidden words", "hidden address", "hidden place", "hidden reply"}
ROUGH = {"rough address", "rough place"}
# Of what a report says beside the case itself.
TOLD = {"hidden reason", "hidden photo"}
SINCE = {"reopened because", "unpublished reply", "unpublished photo", "rating"}


def in_open311(case: set[str], reasons: set[str]) -> Mapping[str, set[str]]:
    return {
        "/open311/v2/requests.{format}": case,
        "/open311/v2/requests/{service_request_id}.{format}": case,
        "/open311/v2/servicerequestupdates.{format}": reasons,
    }


HIDDEN_CASE = {"hidden words", "hidden address", "hidden place", "hidden photo"}
STAFF: Mapping[str, set[str]] = {
    **in_open311(HIDDEN_CASE | ROUGH | {"unpublished photo"}, {"hidden reason", "reopened because"}),
    "/v1/app/home": ROUGH | {"unpublished reply"},
    "/v1/reports": CASE | ROUGH | {"unpublished reply"},
    "/v1/reports/similar": CASE | ROUGH | {"unpublished reply"},
    "/v1/reports/{id}": CASE | TOLD | ROUGH | SINCE | {"person"},
    "/v1/reports/{id}/comments": {"hidden comment", "internal comment", "unmoderated comment", "person"},
}
# Nobody ever had to act on what its sender took back.
MODERATORS: Mapping[str, set[str]] = {
    route: secrets
    | ({"taken back because"} if route in {"/v1/reports/{id}", "/open311/v2/servicerequestupdates.{format}"} else set())
    for route, secrets in STAFF.items()
}
# Who sees which secret where. What is not here nobody sees anywhere.
SEES: Mapping[str, Mapping[str, set[str]]] = {
    "public": {},
    "other-app": {},
    "elsewhere": {},
    "operator": {},
    "app": {
        **in_open311(
            HIDDEN_CASE | ROUGH | {"unpublished photo"}, {"hidden reason", "reopened because", "taken back because"}
        ),
        "/v1/app/home": ROUGH | {"unpublished reply"},
        "/v1/reports": CASE | ROUGH | {"unpublished reply"},
        "/v1/reports/similar": ROUGH | {"unpublished reply"},  # its own that is public; of others' an outline
        "/v1/reports/{id}": CASE | TOLD | ROUGH | SINCE | {"taken back because"},
        "/v1/reports/{id}/comments": {"hidden comment"},
    },
    "token": {
        **in_open311(HIDDEN_CASE, {"hidden reason"}),
        "/v1/app/home": CASE,
        "/v1/reports": CASE,
        "/v1/reports/{id}": CASE | TOLD,
        "/v1/reports/{id}/comments": {"hidden comment"},
    },
    "moderator": MODERATORS,
    "agency": STAFF,
    "identifier": {**MODERATORS, "/v1/reports/{id}/reporter": {"name", "phone", "email"}},
}
CASES = ["reports:submit", "reports:moderate", "reports:handle", "reports:identify"]


@dataclass
class World:
    """Reports full of secrets, and everybody who may ask."""

    centre: Centre
    callers: dict[str, dict[str, str]]  # headers
    values: dict[str, list[str]]


async def the_world(centre: Centre) -> World:
    hub = centre.hub
    keys = {
        "app": await centre.key("app"),
        "other-app": await hub.key("other-app", scopes=["reports:submit"]),
        "elsewhere": await hub.key(scopes=CASES[1:], units=[ELSEWHERE]),
        "moderator": await hub.key(scopes=["reports:moderate"], units=[HERE]),
        "agency": await hub.key(scopes=["reports:handle"], units=[HERE]),
        "identifier": await hub.key(scopes=["reports:moderate", "reports:identify"], units=[HERE]),
        "operator": await hub.key(scopes=[scope for scope in SCOPES if scope not in CASES]),
    }
    webhook = await hub.client.post(
        "/v1/webhooks",
        headers={"X-API-Key": keys["operator"]},
        json={"name": "w", "url": "https://8.8.8.8/ioc", "types": ["ioc.report.changed.v1"]},
    )
    assert webhook.status_code == 201, webhook.text
    contact = {"name": SECRETS["name"][0], "phone": SECRETS["phone"][0], "email": SECRETS["email"][0]}
    me = {"person": "person-of-staff"}
    hidden = await centre.sent(
        description="hidden-words", address="hidden-address", point=HIDDEN_PLACE, contact=contact
    )
    rough = await centre.sent(
        description="Đèn tắt.", address="rough-address", point=ROUGH_PLACE, contact=contact, visibility="withheld",
        subject=AN,
    )  # fmt: skip
    await put(centre, hidden, AN_PHOTO)
    await centre.ask("PUT", f"/{rough['id']}/follow", "other-app", params={"subject": BINH})
    await centre.moved(
        hidden, ("moderate", "accepted", me), ("moderate", "need_info", {"reason": "hidden-reason"}),
        ("app", "assigned"), ("handle", "resolved", {"outcome": "partly", "reply": "hidden-reply"}),
    )  # fmt: skip
    await said(centre, hidden, "app", "hidden-comment")
    await said(centre, hidden, "handle", "among-staff", internal=True, **me)
    await centre.moved(
        rough, ("moderate", "accepted", me), ("handle", "resolved", {"outcome": "fixed", "reply": "Đã thay."}),
        ("moderate", "approved"), ("moderate", "published"),
    )  # fmt: skip
    rating = {"stars": 1, "words": "words-of-rating", "subject": AN}
    assert (await centre.ask("PUT", f"/{rough['id']}/rating", "app", json=rating)).status_code == 200
    await said(centre, rough, "other-app", "unmoderated-comment", subject=BINH)
    await said(centre, rough, "moderate", "among-staff", internal=True)
    await centre.moved(
        rough, ("app", "reopened", {"reason": "reopened-because", "subject": AN}), ("handle", "processing"),
        ("handle", "resolved", {"outcome": "no_budget", "reply": "unpublished-reply"}),
    )  # fmt: skip
    assert (await put(centre, rough, LATE_PHOTO, n=2)).status_code == 201
    taken_back = await centre.sent(description="Gửi nhầm.", subject=AN)
    await centre.moved(
        taken_back, ("app", "rejected", {"rejection": "withdrawn", "reason": "taken-back-because", "subject": AN})
    )
    deliveries = await hub.client.get(
        f"/v1/webhooks/{webhook.json()['id']}/deliveries", headers={"X-API-Key": keys["operator"]}
    )
    return World(
        centre,
        {
            "public": {},
            "token": {"X-Report-Token": hidden["follow_up"]},
            **{who: {"X-API-Key": key} for who, key in keys.items()},
        },
        {
            **VALUES,
            **{key: [hidden["id"], rough["id"], taken_back["id"]] for key in ("id", "service_request_id", "token")},
            "webhook": [str(webhook.json()["id"])],
            "delivery": [str(deliveries.json()["items"][0]["id"])],
        },
    )


async def said(centre: Centre, report: Mapping[str, Any], who: str, words: str, **more: Any) -> None:
    body = {"id": str(uuid4()), "words": words, **more}
    answer = await centre.ask("POST", f"/{report['id']}/comments", who, json=body)
    assert answer.status_code == 201, answer.text


# What is asked for, by the name of the parameter, or of route and parameter where a name means several things. An empty list: it
# shows nothing more than the answer without it.
VALUES: dict[str, list[str]] = {
    "agency": [HERE],
    "asOf": ["2026-11-01T00:00:00Z"],
    "bbox": ["106.5,11.1,106.7,11.3"],
    "category": ["trees-lighting"],
    "children_of": ["bencat"],
    "code": ["health.visit.outpatient"],
    "/problems/{code} code": ["unknown-report"],
    "/v1/units/{code} code": [HERE],
    "compare": ["previous"],
    "cursor": [],
    "domain": ["health"],
    "end_date": [],
    "expires": ["9999999999"],
    "extensions": [],
    "folder": [sha(AN_PHOTO)[:2]],
    "followed_by": [BINH],
    "from": ["2026"],
    "includeHistory": ["true"],
    "indicator": ["health.visit.outpatient"],
    "jurisdiction_id": [],
    "kind": ["commune"],
    "lat": ["11.1893"],
    "limit": ["200"],
    "lon": ["106.6061"],
    "long": ["106.6061"],
    "mine": ["true"],
    "near": ["11.1893,106.6061"],
    "on": ["2026-11-01"],
    "page": [],
    "page_size": [],
    "parent": ["bencat"],
    "period": ["2026"],
    "photo": [sha(AN_PHOTO)],
    "q": ["hidden"],
    "radius": ["500"],
    "screen": ["tong-quan"],
    "secret": ["x" * 43],
    "service_code": ["trees-lighting"],
    "signature": ["x"],
    "since": ["2020-01-01T00:00:00Z"],
    "slug": ["tong-quan"],
    "start_date": [],
    "status": ["open", "closed"],
    "subject": [AN],
    "to": ["2026"],
    "unit": [HERE],
    "updated_after": ["2020-01-01T00:00:00Z"],
    "updated_before": ["2099-01-01T00:00:00Z"],
    "updated_since": ["2020-01-01T00:00:00Z"],
    "zoom": ["3", "20"],
}
GETS = {path: operations["get"] for path, operations in DESCRIPTION["paths"].items() if "get" in operations}


def asked(route: str, values: Mapping[str, list[str]]) -> Iterator[tuple[str, dict[str, str]]]:
    """The paths and queries of a route: with what it needs, and with each of what it takes besides."""
    needed: dict[str, list[str]] = {}
    besides: list[tuple[str, str]] = []
    places = {}
    for parameter in GETS[route].get("parameters", []):
        name, place = parameter["name"], parameter["in"]
        if place not in {"path", "query"}:
            continue
        places[name] = place
        options = values.get(f"{route} {name}", values.get(name, said_in(parameter["schema"])))
        assert options is not None, f"say in VALUES what {route} is to be asked for as {name}"
        if parameter.get("required"):
            needed[name] = options
        else:
            besides += [(name, option) for option in options]
    for chosen in product(*needed.values()):
        given = dict(zip(needed, chosen, strict=True))
        path = route
        for name in [name for name in given if places[name] == "path"]:
            path = path.replace(f"{{{name}}}", given.pop(name))
        yield path, given
        for name, option in besides:
            yield path, given | {name: option}


def said_in(schema: Mapping[str, Any]) -> list[str] | None:
    """The values that the description itself lists."""
    if "enum" in schema:
        return list(schema["enum"])
    for part in [schema.get("items", {}), *schema.get("anyOf", [])]:
        if part and (found := said_in(part)) is not None:
            return found
    return None


def secrets_in(words: str) -> set[str]:
    return {name for name, shows in SECRETS.items() if any(one in words for one in shows)}


async def told(world: World, who: str, route: str) -> set[str]:
    """The secrets in all answers of a route, refusals too."""
    found: set[str] = set()
    for place, (path, query) in enumerate(asked(route, world.values)):
        if "text/event-stream" in GETS[route]["responses"]["200"]["content"]:
            slug = path.split("/")[3]
            with contextlib.suppress(AssertionError):  # a key that may not watch
                async with watching(world.centre.hub, slug, **world.callers[who]) as viewer:
                    found |= secrets_in(json.dumps(await viewer.event(), ensure_ascii=False))
            continue
        for accept in ("*/*",) if place else ("*/*", "text/csv"):
            answer = await world.centre.hub.client.get(
                path, params=query, headers={**world.callers[who], "accept": accept}
            )
            assert answer.status_code < 500, (who, path, query)
            # What was asked for is told again where it was wrong.
            echo = set() if answer.status_code == 200 else secrets_in(str(answer.request.url))
            found |= secrets_in(answer.text + str(answer.headers)) - echo
    return found


@pytest.mark.parametrize("who", SEES)
async def test_everybody_sees_what_the_table_says_and_nothing_else(centre: Centre, who: str) -> None:
    world = await the_world(centre)

    seen = {route: secrets for route in GETS if (secrets := await told(world, who, route))}

    assert seen == SEES[who]


async def test_what_goes_to_subscribers_has_no_secret(centre: Centre) -> None:
    await the_world(centre)

    async with centre.hub.session() as session:
        bodies = (await session.execute(text("SELECT body || subject FROM webhook_event"))).scalars().all()

    assert len(bodies) >= 4
    assert secrets_in(" ".join(bodies)) == set()


async def test_a_photo_opens_with_its_link_only(centre: Centre) -> None:
    world = await the_world(centre)
    hidden, *_ = world.values["id"]
    [photo] = (await centre.ask("GET", f"/{hidden}", "moderate")).json()["photos"]

    for headers in world.callers.values():
        bare = await centre.hub.client.get(photo["full"].partition("?")[0], headers=headers)
        assert bare.status_code == 422
    assert (await centre.hub.client.get(photo["full"])).status_code == 200


def test_everybody_of_the_table_and_every_secret_is_looked_for() -> None:
    """A table that expects nothing would find nothing: each secret is somebody's to see, but the citizen's name in the app."""
    seen = {secret for routes in SEES.values() for secrets in routes.values() for secret in secrets}
    assert set(SECRETS) - seen == {"subject"}
    assert {route for routes in SEES.values() for route in routes} <= set(GETS)
