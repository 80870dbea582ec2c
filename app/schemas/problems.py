"""Problem details on the wire (RFC 9457)."""

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.readings import RowProblem


class Problem(BaseModel):
    """What went wrong, for programs (`code`, `errors`) and for people (`title`, `detail`, in their language)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/unknown-indicator",
                    "title": "Unknown indicator",
                    "status": 404,
                    "detail": "There is no indicator 'budget.revenue'. Nearest: budget.revenue.fees.",
                    "code": "unknown-indicator",
                    "request_id": "0b6f4c2e9d1a4f7c",
                    "errors": [],
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[RowProblem]


class ProblemKind(BaseModel):
    """What a problem code means, at the address in `type`; or the code of one row or field."""

    code: str
    status: int | None = Field(
        description="Null: it stands in `errors` of other problems, or in `warnings` of a receipt."
    )
    title: str
    meaning: str
    detail: str
