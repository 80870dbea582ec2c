"""`/v1/app/home`: the first view of a phone in one call, for the back ends of citizens' apps."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from app import exact_json
from app.errors import UnitNotValid, UnknownScreen, UnknownUnit
from app.notices import notices_for
from app.reports.own import own_reports
from app.routers.answers import NOT_MODIFIED, answer, etag, not_modified, problems
from app.routers.dependencies import HubDep, Language, ReadSession, asked_instant, refuse_unknown_parameters
from app.routers.notices import notice_out
from app.routers.reports.desks import ReadDesk
from app.routers.reports.shown import report_out
from app.routers.screens import UnitParameter, WallsDep
from app.schemas.home import Home
from app.screens.live import Picture
from app.screens.snapshot import View

router = APIRouter(prefix="/v1/app", tags=["app"], dependencies=[Depends(refuse_unknown_parameters)])


@router.get("/home", response_model=Home, responses=problems(UnknownScreen, UnknownUnit, UnitNotValid) | NOT_MODIFIED)
async def get_home(
    request: Request,
    hub: HubDep,
    walls: WallsDep,
    session: ReadSession,
    desk: ReadDesk,
    language: Language,
    unit: UnitParameter = None,
    screen: Annotated[
        str,
        Query(max_length=60, pattern=r"^[^\x00]+$", description="Whose widgets of kind `domains` have the headlines."),
    ] = "tong-quan",
    subject: Annotated[
        str | None,
        Query(max_length=200, description="The citizen, as the caller's own system names them, as in GET /v1/reports."),
    ] = None,
    since: Annotated[
        str | None, Query(max_length=40, description="When the citizen last looked (RFC 3339): for `unseen`.")
    ] = None,
) -> Response:
    """Public headlines of a unit, what the centre tells its people, and the citizen's own reports.

    The figures are those that everybody sees on the screen, drawn once for all who ask. The reports are those of `subject` (with the key
    of the app that sent them), or of the token of a browser or a report.
    """
    since_then = None if since is None else asked_instant(hub, "since", since)
    wall = walls.wall(View(screen, unit, None, language, frozenset()))
    shown = _shown(await wall.picture())
    about, catalogue = wall.about
    notices = await notices_for(session, catalogue, about, now=datetime.now(UTC), today=hub.now())
    own = await own_reports(session, desk, subject, since_then)
    home = {
        **shown,
        "notices": [notice_out(hub, catalogue, one, language) for one in notices],
        "reports": own
        and {
            "items": [report_out(desk, one, language) for one in own.items],
            "more": own.more,
            "unseen": own.unseen,
        },
    }
    tag = etag(request, exact_json.dumps(home))
    return not_modified(request, tag) or answer(home, language, tag=tag)


@lru_cache(maxsize=64)  # many phones ask for the same
def _shown(picture: Picture) -> dict[str, Any]:
    """The unit and the tiles of a screen. What is not public nobody is told of here."""
    snapshot = exact_json.loads(picture.body)
    tiles = [tile for data in snapshot["data"].values() for tile in data.get("tiles", ())]
    hidden = [tile for tile in tiles if tile["figure"] is not None and tile["figure"].get("reason") == "not-public"]
    return {"unit": snapshot["unit"], "figures": [tile for tile in tiles if tile not in hidden]}
