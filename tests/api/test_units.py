"""`POST /v1/units`: the tree grows and changes, stays a tree, and keeps what it was."""

from typing import Any

import httpx
from sqlalchemy import text

from app.catalogue.catalogue import Catalogue
from tests.conftest import HubUnderTest

DOSSIERS = "tthc.dossier.received"
BEN_CAT, LONG_NGUYEN, THOI_HOA = "25813", "25840", "25846"


def unit(code: str, kind: str = "site", **more: Any) -> dict[str, Any]:
    return {"code": code, "kind": kind, "name_vi": f"Đơn vị {code}", "valid_from": "2025-07-01", **more}


def under(*parents: str) -> dict[str, Any]:
    return {"parents": [{"unit": parent} for parent in parents]}


async def post(hub: HubUnderTest, *units: dict[str, Any], key: str = "admin") -> httpx.Response:
    if key not in hub.keys:
        hub.keys[key] = await hub.key(key, ["catalogue:write"])
    answer = await hub.client.post("/v1/units", json={"units": units}, headers={"X-API-Key": hub.keys[key]})
    await hub.settle()
    return answer


async def posted(hub: HubUnderTest, *units: dict[str, Any], key: str = "admin") -> tuple[int, int, int]:
    answer = await post(hub, *units, key=key)
    assert answer.status_code == 200, answer.text
    receipt = answer.json()
    return receipt["created"], receipt["changed"], receipt["unchanged"]


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def children(hub: HubUnderTest, parent: str, **params: Any) -> list[str]:
    answer = await hub.client.get("/v1/units", params={"parent": parent, **params})
    return [one["code"] for one in answer.json()["items"]]


async def now(hub: HubUnderTest) -> str:
    async with hub.session() as session:
        moment = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return str(moment.isoformat())


async def test_a_site_under_a_commune_and_a_region_of_communes(hub: HubUnderTest) -> None:
    kiosk = unit("kiosk-1", **under(BEN_CAT), name_en="Kiosk 1", latitude=11.15, longitude=106.6)
    region = unit("vung-bc", "region", members=[{"unit": BEN_CAT}, {"unit": THOI_HOA, "valid_to": "2025-12-31"}])

    assert await posted(hub, kiosk, region) == (2, 0, 0)
    assert await posted(hub, kiosk, region) == (0, 0, 2)
    assert await posted(hub, kiosk | {"name_en": "Kiosk one"}, region, unit("kiosk-2", **under(BEN_CAT))) == (1, 1, 1)

    shown = (await hub.client.get("/v1/units/kiosk-1")).json()
    assert (shown["kind"], shown["name"], shown["address"]) == ("site", "Kiosk one", "kiosk-1@2025-07-01")
    assert [(one["unit"], one["valid_from"]) for one in shown["parents"]] == [("25813@2025-07-01", "2025-07-01")]
    assert await children(hub, BEN_CAT) == ["kiosk-1", "kiosk-2"]
    assert await children(hub, "vung-bc", on="2025-08-01") == [BEN_CAT, THOI_HOA]
    assert await children(hub, "vung-bc", on="2025-12-31") == [BEN_CAT]
    commune = (await hub.client.get(f"/v1/units/{BEN_CAT}")).json()
    assert {one["kind"] for one in commune["parents"]} == {"province", "region"}

    # What is below adds up, in the region as in the commune; what was not said stays as it is.
    assert await posted(hub, {"code": "vung-bc", "kind": "region", "name_vi": "Vùng", "valid_from": "2025-07-01"}) == (
        0,
        1,
        0,
    )
    await hub.sent((DOSSIERS, "kiosk-1", "2025-08-01", 3), (DOSSIERS, THOI_HOA, "2025-08-01", 4))
    assert (await hub.point(DOSSIERS, BEN_CAT, "2025-08-01", "day"))["value"] == 3
    assert (await hub.point(DOSSIERS, "vung-bc", "2025-08-01", "day"))["value"] == 7
    assert await posted(hub, region | {"members": []}) == (0, 1, 0)
    assert (await hub.point(DOSSIERS, "vung-bc", "2025-08-01", "day"))["value"] is None


async def test_a_unit_that_moves_leaves_the_tree_of_before_as_it_was(hub: HubUnderTest) -> None:
    await posted(hub, unit("kiosk-1", **under(BEN_CAT)))
    await hub.sent((DOSSIERS, "kiosk-1", "2025-08-01", 3), (DOSSIERS, "kiosk-1", "2025-08-02", 5))
    before = await now(hub)

    async def month(commune: str, **params: Any) -> Any:
        return (await hub.point(DOSSIERS, commune, "2025-08", "month", **params))["value"]

    # From 2 August on it belongs to the neighbour.
    moved = [{"unit": BEN_CAT, "valid_to": "2025-08-02"}, {"unit": LONG_NGUYEN, "valid_from": "2025-08-02"}]
    assert await posted(hub, unit("kiosk-1", parents=moved)) == (0, 1, 0)
    assert [await month(BEN_CAT), await month(LONG_NGUYEN)] == [3, 5]
    between = await now(hub)
    # No: it always did.
    assert await posted(hub, unit("kiosk-1", **under(LONG_NGUYEN))) == (0, 1, 0)
    assert [await month(BEN_CAT), await month(LONG_NGUYEN)] == [None, 8]

    assert [await month(BEN_CAT, asOf=before), await month(LONG_NGUYEN, asOf=before)] == [8, None]
    assert [await month(BEN_CAT, asOf=between), await month(LONG_NGUYEN, asOf=between)] == [3, 5]
    assert await children(hub, BEN_CAT) == []
    assert await children(hub, LONG_NGUYEN) == ["kiosk-1"]


async def test_what_would_not_be_a_tree_is_refused_as_a_whole(hub: HubUnderTest) -> None:
    await posted(hub, unit("a", "agency", **under(BEN_CAT)), unit("b", "agency", **under("a")))

    conflicts: list[tuple[Any, ...]] = [
        ("tree-conflict", "Unit 'a': it would be below itself.", unit("new"), unit("a", "agency", **under("b"))),
        ("tree-conflict", "Unit 'a': it would be below itself.", unit("new"), unit("a", "agency", **under("a"))),
        ("tree-conflict", "Unit 'b': it would be below itself.", unit("b", "agency", members=[{"unit": "a"}])),
        ("tree-conflict", "it would count twice in 79@", unit("x", "agency", **under("79")), unit("y", **under("x", BEN_CAT))),
        ("tree-conflict", "would both be its administrative parent", unit("new", **under(BEN_CAT, LONG_NGUYEN))),
        ("tree-conflict", "Unit '25840': 79@2025", unit("new", "commune", members=[{"unit": LONG_NGUYEN}])),
        (
            "tree-conflict",
            "a region is nobody's child",
            unit("r", "region", members=[{"unit": BEN_CAT}]),
            unit("new", "region", members=[{"unit": "r"}]),
        ),
        ("validity-overlap", "conflicts with existing", unit("new"), unit("b", "agency", valid_from="2026-01-01")),
        ("validity-overlap", "conflicts with", unit("new"), unit("new", valid_from="2025-08-01")),
        (
            "validity-overlap",
            "conflicts with",
            unit("new", parents=[{"unit": "a"}, {"unit": "a", "valid_from": "2025-08-01"}]),
        ),
    ]  # fmt: skip
    for code, words, *units in conflicts:
        answer = await post(hub, *units)
        assert refused(answer) == (409, code), answer.text
        assert words in answer.json()["detail"], answer.text
    for code, words, parent in [
        ("unknown-unit", "There is no unit 'nowhere'", "nowhere"),
        ("unit-not-valid", "before 2025-07-01", "721"),
    ]:
        answer = await post(hub, unit("new", **under(parent)))
        assert refused(answer) == (404, code), answer.text
        assert words in answer.json()["detail"], answer.text
    backwards = {"valid_from": "2025-08-01", "valid_to": "2025-08-01"}
    for wrong, pointer in [
        (unit("new", **backwards), "/units/0"),
        (unit("new", parents=[{"unit": BEN_CAT, **backwards}]), "/units/0/parents/0"),
        (unit("new", "planet"), "/units/0/kind"),
        (unit("new", latitude=91), "/units/0/latitude"),
        (unit("with space"), "/units/0/code"),
        (unit("new", colour="red"), "/units/0/colour"),
    ]:
        answer = await post(hub, wrong)
        assert refused(answer) == (422, "invalid-request"), answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]

    assert (await hub.client.get("/v1/units/new")).status_code == 404
    assert [one["unit"] for one in (await hub.client.get("/v1/units/a")).json()["parents"]] == ["25813@2025-07-01"]


async def test_a_code_can_be_used_again_when_its_time_is_over(hub: HubUnderTest) -> None:
    until = unit("kiosk-1", valid_to="2025-10-01", **under(BEN_CAT))
    since = unit("kiosk-1", valid_from="2025-10-01", **under(LONG_NGUYEN))

    assert await posted(hub, until, since) == (2, 0, 0)

    await hub.sent((DOSSIERS, "kiosk-1", "2025-09-30", 1), (DOSSIERS, "kiosk-1", "2025-10-01", 2))
    points = [await hub.point(DOSSIERS, commune, "2025-Q4", "quarter") for commune in (BEN_CAT, LONG_NGUYEN)]
    assert [point["value"] for point in points] == [None, 2]
    assert (await hub.client.get("/v1/units/kiosk-1", params={"on": "2025-09-30"})).json()["valid_to"] == "2025-10-01"


async def test_a_key_limited_to_units_touches_nothing_else(hub: HubUnderTest) -> None:
    await posted(hub, unit("kiosk-1", **under(BEN_CAT)), unit("kiosk-9", **under(LONG_NGUYEN)))
    hub.keys["ben-cat"] = await hub.key("ben-cat", ["catalogue:write", "readings:write"], units=[BEN_CAT])

    desk, moved = unit("desk-1", "agency", **under(BEN_CAT)), unit("kiosk-1", **under("desk-1"))
    assert await posted(hub, desk, unit("desk-1-kiosk", **under("desk-1")), moved, key="ben-cat") == (2, 1, 0)
    assert await posted(hub, unit("kiosk-1", name_en="Main kiosk"), key="ben-cat") == (0, 1, 0)

    before = (await hub.client.get("/v1/units", params={"parent": "79"})).json()
    for foreign in [
        unit("kiosk-9", name_en="Mine now"),  # another commune's
        unit("kiosk-9", **under(BEN_CAT)),
        unit("kiosk-2", **under(BEN_CAT, LONG_NGUYEN)),
        unit("kiosk-2", parents=[]),  # nobody's
        unit("mine", "region", members=[{"unit": LONG_NGUYEN}]),
        unit("kiosk-1", **under(LONG_NGUYEN)),
        unit("desk-1", "agency", members=[{"unit": "kiosk-9"}]),
        unit(BEN_CAT, "commune", parents=[]),  # itself: its figures belong into those of the city
        unit(BEN_CAT, "commune", members=[{"unit": LONG_NGUYEN}]),
    ]:
        answer = await post(hub, unit("fine", **under(BEN_CAT)), foreign, key="ben-cat")
        assert refused(answer) == (403, "outside-scope"), foreign
        assert answer.json()["detail"].endswith("is outside the scope of this key: 25813@2025-07-01.")
    assert (await hub.client.get("/v1/units", params={"parent": "79"})).json() == before
    assert (await hub.client.get("/v1/units/fine")).status_code == 404
    assert (await hub.send((DOSSIERS, "kiosk-9", "2025-08-01", 1), source="ben-cat")).status_code == 422
    assert (await hub.send((DOSSIERS, "kiosk-1", "2025-08-01", 1), source="ben-cat")).status_code == 200


async def test_what_a_change_does_not_name_stays_and_regions_are_added(hub: HubUnderTest) -> None:
    operator = {"X-API-Key": await hub.key("operator", scopes=["catalogue:write"])}
    region = {"code": "trung-tam", "kind": "region", "name_vi": "Trung tâm", "valid_from": "2025-07-01"}
    ward = {
        "code": "25813", "kind": "commune", "name_vi": "Phường Bến Cát", "valid_from": "2025-07-01",
        "parents": [{"unit": "trung-tam"}],
    }  # fmt: skip
    before = (await hub.client.get("/v1/units/25813")).json()

    answer = await hub.client.post("/v1/units", json={"units": [region, ward]}, headers=operator)

    assert answer.json() == {"created": 1, "changed": 1, "unchanged": 0}
    after = (await hub.client.get("/v1/units/25813")).json()
    assert {parent["unit"].partition("@")[0] for parent in after["parents"]} == {"79", "bencat", "trung-tam"}
    assert after | {"parents": None} == before | {"parents": None}


async def test_the_country_is_read_again_only_when_a_unit_changes(hub: HubUnderTest) -> None:
    async def catalogue() -> Catalogue:
        async with hub.session() as session:
            return await hub.hub.catalogues.current(session)

    first = await catalogue()
    await hub.key("a new source")
    second = await catalogue()
    await posted(hub, unit("kiosk-1", **under(BEN_CAT)))
    third = await catalogue()

    assert len(second.sources) == len(first.sources) + 1
    assert second.units is first.units
    assert len(third.units) == len(first.units) + 1
