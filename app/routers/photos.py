"""`/v1/photos`: the pictures of reports, for whoever has a link that has not expired."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse

from app.errors import PhotoLinkRefused, PhotoStoreUnavailable, UnknownPhoto
from app.reports.photo_store import photo_key, verify
from app.reports.photos import Size
from app.routers.answers import problems
from app.routers.dependencies import HubDep, refuse_unknown_parameters
from app.routers.reports.desks import UploadsDep

router = APIRouter(prefix="/v1/photos", tags=["reports"], dependencies=[Depends(refuse_unknown_parameters)])


@router.get(
    "/{folder}/{photo}/{size}.jpg",
    response_class=StreamingResponse,
    responses=problems(UnknownPhoto, PhotoLinkRefused, PhotoStoreUnavailable)
    | {200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def get_photo(
    hub: HubDep,
    uploads: UploadsDep,
    folder: Annotated[str, Path(max_length=10)],
    photo: Annotated[str, Path(max_length=100)],
    size: Size,
    expires: Annotated[int, Query(ge=0, le=2**40)],
    signature: Annotated[str, Query(max_length=100)],
) -> StreamingResponse:
    """A picture, by a link out of a report."""
    now = datetime.now(UTC)
    key = photo_key(photo, size)
    verify(key if key.startswith(f"{folder}/") else "", expires, signature, hub.pepper, now)
    headers = {
        "cache-control": f"private, max-age={max(0, expires - int(now.timestamp()))}, immutable",
        "content-disposition": "inline",
        "x-content-type-options": "nosniff",
    }
    return StreamingResponse(await uploads.store.stream(key), media_type="image/jpeg", headers=headers)
