"""`/healthz`, `/readyz`, `/metrics`, `/problems/{code}`: for operators and for whoever reads an error."""

import asyncio
import contextlib
import shutil
from typing import Annotated

from fastapi import APIRouter, Path, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.changes import LATE
from app.errors import ROW_TEXTS, Text, UnknownProblem, all_errors
from app.hub import Hub
from app.marks import waiting
from app.metrics import STALE_MARKS, STALE_SECONDS, exposed
from app.migrate import HEAD
from app.routers.answers import answer, problems
from app.routers.dependencies import HubDep, Language
from app.schemas.problems import ProblemKind

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    status: str


class Check(BaseModel):
    ok: bool
    detail: str


class Readiness(BaseModel):
    """Whether this process can serve, and what keeps it from it."""

    ready: bool
    database: Check
    migrations: Check
    disk: Check
    rollups: Check


@router.get("/healthz", response_model=Health)
async def healthz() -> dict[str, str]:
    """The process answers. Whether it can do its work is `/readyz`."""
    return {"status": "ok"}


@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness, "description": "Not ready."}})
async def readyz(hub: HubDep) -> Response:
    """Database, migrations, disk: each with a sentence, and 503 while one of them is not as it must be. Rollups that are late
    make figures late, which are then as they were: they are told and do not count.
    """
    database, migrations = await _check_database(hub)
    disk = _check_disk(hub)
    ready = database.ok and migrations.ok and disk.ok
    rollups = await _check_rollups(hub) if migrations.ok else Check(ok=False, detail="unknown")
    body = Readiness(ready=ready, database=database, migrations=migrations, disk=disk, rollups=rollups)
    return answer(body.model_dump(), "en", status=200 if ready else 503)


async def _check_database(hub: Hub) -> tuple[Check, Check]:
    try:
        async with asyncio.timeout(3), hub.database.read_session() as session:
            present = (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()
    except (SQLAlchemyError, TimeoutError, OSError) as error:
        unknown = Check(ok=False, detail="unknown without the database")
        return Check(ok=False, detail=f"not reachable: {type(error).__name__}"), unknown
    same = present == HEAD
    detail = f"at {present}" if same else f"at {present}, this code needs {HEAD}: run ioc-hub migrate"
    return Check(ok=True, detail="answers"), Check(ok=same, detail=detail)


async def _check_rollups(hub: Hub) -> Check:
    try:
        async with asyncio.timeout(3), hub.database.read_session() as session:
            found = await waiting(session)
    except (SQLAlchemyError, TimeoutError, OSError) as error:
        return Check(ok=False, detail=f"unknown: {type(error).__name__}")
    behind = f"{found.marks} marks wait, the oldest for {found.seconds:.1f} seconds"
    return Check(ok=found.seconds < LATE, detail=behind if found.marks else "up to date")


def _check_disk(hub: Hub) -> Check:
    folder = hub.settings.data_dir
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free // 2**20
    return Check(
        ok=free >= hub.settings.min_free_disk_mb, detail=f"{free} MiB free, {hub.settings.min_free_disk_mb} needed"
    )


@router.get(
    "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
)
async def metrics(hub: HubDep) -> Response:
    """For Prometheus."""
    with contextlib.suppress(
        SQLAlchemyError, TimeoutError, OSError
    ):  # without the database the others are all the more wanted
        async with asyncio.timeout(3), hub.database.read_session() as session:
            found = await waiting(session)
        STALE_MARKS.set(found.marks)
        STALE_SECONDS.set(found.seconds)
    return Response(exposed(), headers={"content-type": CONTENT_TYPE_LATEST})


@router.get("/problems/{code}", response_model=ProblemKind, responses=problems(UnknownProblem))
async def get_problem(code: Annotated[str, Path(max_length=100)], language: Language) -> Response:
    """What a problem means: the address in the `type` of an error. Also of the codes of rows and fields."""
    kind = next((one for one in all_errors() if one.code == code), None)
    if kind is not None:
        status, title, words, meaning = kind.status, kind.title, kind.text, " ".join((kind.__doc__ or "").split())
    elif code in ROW_TEXTS:
        status, title, words, meaning = None, _OF_ROW, ROW_TEXTS[code], ROW_TEXTS[code].fill("en", _UNKNOWN)
    else:
        raise UnknownProblem(value=code)
    said = {"title": title.fill(language, {}), "meaning": meaning, "detail": words.fill(language, _UNKNOWN)}
    return answer({"code": code, "status": status} | said, language)


_UNKNOWN = {"": None}  # facts, so that each place of one has a dash
_OF_ROW = Text("Một dòng hoặc một trường cần xem lại", "A row or a field to look at again")
