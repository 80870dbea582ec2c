"""`/healthz`, `/readyz`, `/metrics`, `/problems/{code}`: for operators and for whoever reads an error."""

import asyncio
import shutil
from typing import Annotated

from fastapi import APIRouter, Path, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.errors import UnknownProblem, all_errors
from app.hub import Hub
from app.migrate import head_revision
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


@router.get("/healthz", response_model=Health)
async def healthz() -> dict[str, str]:
    """The process answers. Whether it can do its work is `/readyz`."""
    return {"status": "ok"}


@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness, "description": "Not ready."}})
async def readyz(hub: HubDep) -> Response:
    """Database, migrations, disk: each with a sentence. 503 while one of them is not as it must be."""
    database, migrations = await _check_database(hub)
    disk = _check_disk(hub)
    ready = database.ok and migrations.ok and disk.ok
    body = Readiness(ready=ready, database=database, migrations=migrations, disk=disk)
    return answer(body.model_dump(), "en", status=200 if ready else 503)


async def _check_database(hub: Hub) -> tuple[Check, Check]:
    head = head_revision()
    try:
        async with asyncio.timeout(3), hub.database.read_session() as session:
            present = (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()
    except (SQLAlchemyError, TimeoutError, OSError) as error:
        unknown = Check(ok=False, detail="unknown without the database")
        return Check(ok=False, detail=f"not reachable: {type(error).__name__}"), unknown
    same = present == head
    detail = f"at {present}" if same else f"at {present}, this code needs {head}: run ioc-hub migrate"
    return Check(ok=True, detail="answers"), Check(ok=same, detail=detail)


def _check_disk(hub: Hub) -> Check:
    folder = hub.settings.data_dir
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free // 2**20
    return Check(
        ok=free >= hub.settings.min_free_disk_mb, detail=f"{free} MiB free, {hub.settings.min_free_disk_mb} needed"
    )


@router.get(
    "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
)
async def metrics() -> Response:
    """For Prometheus."""
    return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})


@router.get("/problems/{code}", response_model=ProblemKind, responses=problems(UnknownProblem))
async def get_problem(code: Annotated[str, Path(max_length=100)], language: Language) -> Response:
    """What a problem means: the address in the `type` of an error."""
    for kind in all_errors():
        if kind.code == code:
            meaning = " ".join((kind.__doc__ or "").split())
            title, detail = kind.title.fill(language, {}), kind.text.fill(language, {})
            body = {"code": code, "status": kind.status, "title": title, "meaning": meaning, "detail": detail}
            return answer(body, language)
    raise UnknownProblem(value=code)
