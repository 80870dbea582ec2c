"""Whose a report is when its commune is no more, or has others above it: who answers for the place today."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
import time_machine
from sqlalchemy import text

from app.changes import announce
from app.reports.handover import Handover
from tests.api.test_report_lifecycle import news
from tests.api.test_reports import TO_THE_PUBLIC, Centre, centre

__all__ = ["centre"]  # the fixture

# Later than any day on which the test runs: what is recorded in the tree is as of then.
MONDAY, DAY, AFTER = "2036-11-24T09:00:00+07:00", "2036-12-01", "2036-12-02T09:00:00+07:00"
GONE, HEIR, NEIGHBOUR = "25813", "phuong-moi", "25840"


async def post_units(centre: Centre, *units: Mapping[str, Any]) -> None:
    key = await centre.hub.key(scopes=["catalogue:write"])
    answer = await centre.hub.client.post("/v1/units", json={"units": units}, headers={"X-API-Key": key})
    assert answer.status_code == 200, answer.text
    await centre.hub.settle()


async def dissolve(centre: Centre, *heirs: str, kind: str = "commune", divided: bool = False) -> None:
    """The ward of the reports ends on a day, and new ones begin."""
    await post_units(
        centre,
        *(
            {
                "code": heir, "kind": kind, "name_vi": "Phường mới", "valid_from": DAY,
                "parents": [{"unit": "bencat"}, {"unit": "79"}], "latitude": 11.19, "longitude": 106.6,
            }
            for heir in heirs
        ),
        {"code": GONE, "kind": "commune", "name_vi": "Phường Bến Cát", "valid_from": "2025-07-01", "valid_to": DAY},
    )  # fmt: skip
    insert = (
        "INSERT INTO unit_successor (unit_id, successor_id, on_day, kind, divided)"
        " SELECT u.id, s.id, :day, 'merge', :divided FROM unit u, unit s"
        " WHERE (u.code, u.valid_from, s.code) = (:gone, '2025-07-01', :heir)"
    )
    async with centre.hub.session() as session:
        for heir in heirs:
            facts = {"day": date.fromisoformat(DAY), "divided": divided, "gone": GONE, "heir": heir}
            await session.execute(text(insert), facts)
        await announce(session, "units")
        await announce(session, "catalogue")
    await centre.hub.settle()


async def staff(centre: Centre, name: str, unit: str) -> None:
    centre.keys[name] = await centre.hub.key(scopes=["reports:moderate", "reports:handle"], units=[unit])


async def test_who_has_the_place_today_handles_what_was_begun_in_a_commune_that_is_no_more(centre: Centre) -> None:
    with time_machine.travel(MONDAY, tick=False):
        fresh, assigned = await centre.sent(), await centre.sent()
        await centre.moved(assigned, ("moderate", "accepted"))
    await dissolve(centre, HEIR)
    with time_machine.travel(AFTER, tick=False):
        for name, unit in (("heir", HEIR), ("region", "bencat"), ("neighbour", NEIGHBOUR)):
            await staff(centre, name, unit)

        seen = {who: set(await centre.listed(who)) for who in ("heir", "region", "neighbour")}
        inbox = set(await centre.listed("heir", order="deadline", unit=HEIR))
        refused = [(await centre.seen(one, "neighbour")).status_code for one in (fresh, assigned)]
        answered = await centre.moved(assigned, ("heir", "processing"))
        taken = await centre.moved(fresh, ("heir", "accepted", {"unit": HEIR}))

    both = {fresh["id"], assigned["id"]}
    assert seen == {"heir": both, "region": both, "neighbour": set()}
    assert inbox == both
    assert refused == [404, 404]
    assert answered["unit"] == GONE  # where it was at the time
    assert (taken["unit"], taken["agency"]) == (HEIR, HEIR)


async def test_before_the_day_a_successor_sees_nothing(centre: Centre) -> None:
    with time_machine.travel(MONDAY, tick=False):
        report = await centre.sent()
        await dissolve(centre, HEIR)
        await staff(centre, "heir", HEIR)

        assert (await centre.seen(report, "heir")).status_code == 404


async def test_a_commune_that_was_divided_is_all_its_successors(centre: Centre) -> None:
    with time_machine.travel(MONDAY, tick=False):
        report = await centre.sent()
    await dissolve(centre, HEIR, "phuong-moi-2", divided=True)
    with time_machine.travel(AFTER, tick=False):
        for unit in (HEIR, "phuong-moi-2"):
            await staff(centre, unit, unit)
            assert await centre.listed(unit) == [report["id"]]


async def test_what_an_office_of_another_kind_had_is_not_for_each_that_comes_after_it(centre: Centre) -> None:
    with time_machine.travel(MONDAY, tick=False):
        report = await centre.sent()
    await dissolve(centre, HEIR, kind="agency")
    with time_machine.travel(AFTER, tick=False):
        await staff(centre, "heir", HEIR)

        assert (await centre.seen(report, "heir")).status_code == 404


@pytest.mark.parametrize("public", [False, True])
async def test_the_feed_tells_who_sees_a_report_from_now_on_and_who_no_more(centre: Centre, public: bool) -> None:
    """When the ward leaves one region for another. Nobody else hears of it."""
    region = {"kind": "region", "name_vi": "Vùng", "valid_from": "2025-07-01"}
    here = {"unit": GONE, "valid_from": "2025-07-01", "valid_to": DAY}
    await post_units(
        centre,
        {"code": "vung-truoc", **region, "members": [here]},
        {"code": "vung-sau", **region, "members": [{"unit": GONE, "valid_from": DAY}]},
    )
    handover = Handover(centre.hub.hub)
    with time_machine.travel(MONDAY, tick=False):
        for name in ("vung-truoc", "vung-sau", NEIGHBOUR):
            await staff(centre, name, name)
        report = await centre.sent()
        if public:
            await centre.moved(report, *TO_THE_PUBLIC)
        assert await handover.look(centre.hub.hub) == 0
        cursors = {who: (await news(centre, who))[1] for who in ("vung-truoc", "vung-sau", NEIGHBOUR)}
    with time_machine.travel(AFTER, tick=False):
        late = await centre.sent()
        told = [await handover.look(centre.hub.hub) for _ in range(2)]
        told.append(await Handover(centre.hub.hub).look(centre.hub.hub))
        heard = {
            who: [(one["id"], "gone" in one) for one in (await news(centre, who, cursor))[0]]
            for who, cursor in cursors.items()
        }

    assert told == [1, 0, 0]
    mine, theirs = (report["id"], False), (late["id"], False)
    assert heard["vung-sau"] == [theirs, mine]
    assert heard["vung-truoc"] == [(report["id"], not public)]  # of what came later it hears nothing
    assert heard[NEIGHBOUR] == ([mine] if public else [])


async def test_who_was_taken_out_of_a_region_at_once_is_gone_from_it(centre: Centre) -> None:
    region = {"code": "vung", "kind": "region", "name_vi": "Vùng", "valid_from": "2025-07-01"}
    await post_units(centre, {**region, "members": [{"unit": GONE}]})
    await staff(centre, "vung", "vung")
    report = await centre.sent()
    _, cursor = await news(centre, "vung")

    await post_units(centre, {**region, "members": []})
    await Handover(centre.hub.hub).look(centre.hub.hub)

    assert (await news(centre, "vung", cursor))[0] == [{"id": report["id"], "gone": True}]
