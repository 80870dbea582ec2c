"""Open311 GeoReport v2 on the wire: its names and types, not the hub's (wiki.open311.org/GeoReport_v2)."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from app.errors import NotValid, Text
from app.schemas.readings import Code
from app.schemas.reports import Line, Moment, Subject, Visibility, Words

Status = Literal["open", "closed"]
_Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00\r\n]+$")
]
_Unused = Annotated[str, StringConstraints(max_length=5_000)]

# --- what is sent, as a form ---


class RequestForm(BaseModel):
    """A report, as `application/x-www-form-urlencoded`, or `multipart/form-data` with photos. An empty field is none."""

    model_config = ConfigDict(extra="forbid")

    api_key: _Unused | None = Field(None, description="A key with the scope reports:submit; or in X-API-Key.")
    jurisdiction_id: Line | None = None
    service_code: Code = Field(description="See services.")
    lat: float | None = Field(None, ge=-90, le=90, allow_inf_nan=False, description="WGS 84, degrees; with long.")
    long: float | None = Field(None, ge=-180, le=180, allow_inf_nan=False)
    address_string: Line | None = Field(None, description="In words; with or without lat and long.")
    address_id: _Unused | None = Field(None, description="Not used: the hub has no register of addresses.")
    description: Words | None = Field(None, description="Without it the name of the service stands for it.")
    email: Line | None = None
    phone: Line | None = None
    first_name: _Name | None = None
    last_name: _Name | None = None
    account_id: Subject | None = Field(
        None, description="The citizen as the sender's own system names them: opaque, never a national id."
    )
    device_id: _Unused | None = Field(None, description="Only to tell a repetition; not kept.")
    media_url: list[_Unused] = Field(
        [], max_length=10, description="Not fetched: photos come as files, in media. The answer says so."
    )
    occurred_at: Moment | None = Field(None, alias="attribute[occurred_at]")
    visibility: Visibility = Field("public", alias="attribute[visibility]")

    @model_validator(mode="after")
    def _somewhere(self) -> "RequestForm":
        if (self.lat is None) != (self.long is None):
            raise NotValid(Text("lat và long phải đi cùng nhau", "lat and long go together"))
        if self.lat is None and self.address_string is None:
            raise NotValid(Text("cần lat và long, hoặc address_string", "lat and long or address_string is needed"))
        return self


class UpdateForm(BaseModel):
    """What a citizen says of a report that was sent with the same key."""

    model_config = ConfigDict(extra="forbid")

    api_key: _Unused | None = Field(None, description="A key with the scope reports:submit; or in X-API-Key.")
    jurisdiction_id: Line | None = None
    service_request_id: _Unused
    status: Annotated[Status, BeforeValidator(lambda said: said.lower() if isinstance(said, str) else said)] = Field(
        description="closed: the citizen is content. open: asks for another round, or answers a question."
    )
    description: Words | None = Field(None, description="Why; needed to open it again.")
    account_id: Subject | None = Field(None, description="As it was sent with the report.")
    update_id: _Unused | None = Field(None, description="The sender's own number of it; not kept.")
    updated_datetime: Moment | None = Field(None, description="Not kept: it counts when it comes in.")
    email: _Unused | None = Field(None, description="Not kept, nor are the names.")
    first_name: _Unused | None = None
    last_name: _Unused | None = None
    title: _Unused | None = None
    media_url: list[_Unused] = Field([], max_length=10, description="Not fetched.")


def form_schema(form: type[BaseModel], *, files: bool) -> dict[str, Any]:
    """The request body in OpenAPI."""
    shape = form.model_json_schema(ref_template="#/components/schemas/{model}")
    content = {"application/x-www-form-urlencoded": {"schema": shape}}
    if files:
        media = {"type": "array", "items": {"type": "string", "format": "binary"}, "maxItems": 10}
        content["multipart/form-data"] = {"schema": shape | {"properties": shape["properties"] | {"media": media}}}
    else:
        content["multipart/form-data"] = {"schema": shape}
    return {"requestBody": {"required": True, "content": content}}


# --- what is answered ---


class Endpoint(BaseModel):
    specification: str
    url: str
    changeset: datetime
    type: Literal["production", "test"]
    formats: list[str]


class Discovery(BaseModel):
    changeset: datetime
    contact: str
    key_service: str
    endpoints: list[Endpoint]


class Service(BaseModel):
    """A category of reports."""

    service_code: str
    service_name: str
    description: str
    metadata: bool
    type: Literal["realtime", "batch", "blackbox"]
    keywords: str
    group: str


class AttributeValue(BaseModel):
    key: str
    name: str


class Attribute(BaseModel):
    variable: bool
    code: str
    datatype: Literal["string", "number", "datetime", "text", "singlevaluelist", "multivaluelist"]
    required: bool
    datatype_description: str
    order: int
    description: str
    values: list[AttributeValue]


class ServiceDefinition(BaseModel):
    service_code: str
    attributes: list[Attribute]


class ServiceRequest(BaseModel):
    """A report. Null is what is not known, or not for the caller."""

    service_request_id: str
    status: Status
    status_notes: str | None
    service_name: str
    service_code: str
    description: str
    agency_responsible: str | None
    service_notice: str | None
    requested_datetime: datetime
    updated_datetime: datetime
    expected_datetime: datetime | None
    address: str | None
    address_id: str | None
    zipcode: str | None
    lat: float | None
    long: float | None
    media_url: str | None


class RequestTaken(BaseModel):
    service_request_id: str
    service_notice: str | None
    account_id: str | None


class RequestToken(BaseModel):
    service_request_id: str
    token: str


class RequestUpdate(BaseModel):
    update_id: str
    service_request_id: str
    status: Status
    updated_datetime: datetime
    description: str
    media_url: str | None


class UpdateTaken(BaseModel):
    update_id: str


class Open311Error(BaseModel):
    code: int
    description: str
