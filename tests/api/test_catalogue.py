"""Looking things up: domains, indicators, units and what became of them."""

from tests.conftest import HubUnderTest

COUNTED_HERE = 111  # of reports: what the hub itself counts beyond the research, three for each category among it


async def test_there_are_27_domains_with_1056_indicators_and_those_of_reports(hub: HubUnderTest) -> None:
    domains = (await hub.client.get("/v1/domains")).json()["items"]

    assert len(domains) == 27
    assert sum(domain["indicators"] for domain in domains) == 1056 + COUNTED_HERE
    assert domains[0] == {"code": "econ", "name": "Socio-economic overview", "active": True, "indicators": 27}


async def test_search_ignores_accents_and_case(hub: HubUnderTest) -> None:
    by_plain = (await hub.client.get("/v1/indicators", params={"q": "ho so tiep nhan"})).json()["items"]
    by_accents = (await hub.client.get("/v1/indicators", params={"q": "HỒ SƠ tiếp nhận"})).json()["items"]
    wards = (await hub.client.get("/v1/units", params={"q": "ben cat", "kind": "commune"})).json()["items"]

    assert by_plain == by_accents != []
    assert "25813" in [ward["code"] for ward in wards]


async def test_names_come_in_vietnamese_unless_english_is_preferred(hub: HubUnderTest) -> None:
    names = [
        (await hub.client.get("/v1/indicators/tthc.dossier.received", headers={"accept-language": language})).json()[
            "name"
        ]
        for language in ("", "vi-VN,vi;q=0.9,en;q=0.8", "en-GB", "fr")
    ]

    assert names[0] == names[1] == names[3]
    assert names[2] != names[0]


async def test_pages_list_everything_once(hub: HubUnderTest) -> None:
    codes: list[str] = []
    query: dict[str, str | int] = {"limit": 100}
    while True:
        page = (await hub.client.get("/v1/indicators", params=query)).json()
        codes += [item["code"] for item in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]

    assert len(codes) == len(set(codes)) == 1056 + COUNTED_HERE
    assert codes == sorted(codes)


async def test_a_unit_tells_what_it_came_from_and_what_it_became(hub: HubUnderTest) -> None:
    district = (await hub.client.get("/v1/units/721")).json()
    ward = (await hub.client.get("/v1/units/25840")).json()
    old_ward = (await hub.client.get("/v1/units/25840", params={"on": "2025-06-30"})).json()

    assert (district["name"], district["valid_to"]) == ("Ben Cat City", "2025-07-01")
    assert {one["unit"].partition("@")[0] for one in district["successors"]} == {
        "25768", "25813", "25837", "25840", "25843", "25846", "25849",
    }  # fmt: skip
    assert (ward["name"], ward["valid_from"]) == ("Long Nguyen Ward", "2025-07-01")
    assert {parent["kind"] for parent in ward["parents"]} == {"province", "region"}
    assert (old_ward["name"], old_ward["address"]) != (ward["name"], ward["address"])


async def test_the_children_of_a_unit_are_those_of_the_day(hub: HubUnderTest) -> None:
    async def communes(day: str) -> int:
        query: dict[str, str | int] = {"parent": "721", "on": day, "limit": 1000}
        return len((await hub.client.get("/v1/units", params=query)).json()["items"])

    assert await communes("2025-06-30") == 8
    gone = await hub.client.get("/v1/units", params={"parent": "721", "on": "2025-07-01"})
    assert (gone.status_code, gone.json()["code"]) == (404, "unit-not-valid")


async def test_a_district_switches_off_the_domains_it_does_not_have(hub: HubUnderTest) -> None:
    operator = {"X-API-Key": await hub.key("operator", scopes=["catalogue:write"])}
    narrow = {"X-API-Key": await hub.key("ward", scopes=["catalogue:write"], units=["25813"])}

    refused = await hub.client.patch("/v1/domains/invest", json={"active": False}, headers=narrow)
    switched = await hub.client.patch("/v1/domains/invest", json={"active": False}, headers=operator)

    assert (refused.status_code, refused.json()["code"]) == (403, "outside-scope")
    assert switched.json()["active"] is False
    listed = (await hub.client.get("/v1/indicators", params={"q": "invest", "limit": 1000})).json()["items"]
    assert "invest" not in {item["domain"] for item in listed}
    asked = (await hub.client.get("/v1/indicators", params={"domain": "invest"})).json()["items"]
    assert len(asked) > 0
    code = next(item["code"] for item in asked if item["periodicity"] == "monthly" and item["over_time"] == "last")
    sent = await hub.send((code, "25813", "2026-10", 1))
    assert sent.json()["errors"][0]["code"] == "domain-inactive"


async def test_the_catalogue_is_304_until_it_changes(hub: HubUnderTest) -> None:
    operator = {"X-API-Key": await hub.key("operator", scopes=["catalogue:write"])}
    first = await hub.client.get("/v1/units", params={"kind": "region"})
    have = {"if-none-match": first.headers["etag"]}

    same = await hub.client.get("/v1/units", params={"kind": "region"}, headers=have)
    region = {"code": "bac-tan-uyen", "kind": "region", "name_vi": "Vùng", "members": [{"unit": "25813"}]}
    added = await hub.client.post("/v1/units", json={"units": [region]}, headers=operator)
    other = await hub.client.get("/v1/units", params={"kind": "region"}, headers=have)

    assert same.status_code == 304
    assert added.json() == {"created": 1, "changed": 0, "unchanged": 0}
    assert [unit["code"] for unit in other.json()["items"]] == ["bac-tan-uyen", "bencat"]
