"""Webhooks on the wire: who wants to be told what, and what became of telling them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from app.schemas.catalogue import Address

WebhookName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00]+$")
]
WebhookUrl = Annotated[
    str,
    StringConstraints(max_length=2000, pattern=r"^[\x21-\x7e]+$"),
    Field(description="https, to a public address (unless the hub allows others). Redirects are not followed."),
]
# What may be subscribed to. A new type is a line here; what stands in `data` is said where it is recorded.
EventType = Literal["ioc.indicator.changed.v1", "ioc.report.changed.v1"]
Types = Annotated[list[EventType], Field(min_length=1, max_length=20)]
Indicators = Annotated[
    list[Annotated[str, StringConstraints(max_length=100)]] | None,
    Field(
        min_length=1,
        max_length=200,
        description="Only changes of these indicators; null: of all that the key may read.",
    ),
]
Domains = Annotated[
    list[Annotated[str, StringConstraints(max_length=100)]] | None,
    Field(min_length=1, max_length=100, description="Only changes of indicators of these domains; null: of all."),
]
Units = Annotated[
    list[Address] | None,
    Field(min_length=1, max_length=200, description="Only reports in these units and all below them; null: in all."),
]
Categories = Annotated[
    list[Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]+$")]] | None,
    Field(min_length=1, max_length=100, description="Only reports of these categories; null: of all."),
]
DeliveryState = Literal["pending", "delivered", "failed"]


class WebhookIn(BaseModel):
    """A subscription. `indicators` and `domains` are about indicator changes, `units` and `categories` about reports."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "Cổng dữ liệu", "url": "https://data.example.vn/ioc", "types": ["ioc.indicator.changed.v1"]},
                {
                    "name": "Y tế",
                    "url": "https://yte.example.vn:8443/hook",
                    "types": ["ioc.indicator.changed.v1"],
                    "domains": ["health"],
                },
                {
                    "name": "Đội cây xanh",
                    "url": "https://cayxanh.example.vn/ioc",
                    "types": ["ioc.report.changed.v1"],
                    "units": ["bencat"],
                    "categories": ["trees-lighting"],
                },
            ]
        },
    )

    name: WebhookName
    url: WebhookUrl
    types: Types
    indicators: Indicators = None
    domains: Domains = None
    units: Units = None
    categories: Categories = None


class WebhookChange(BaseModel):
    """What is absent stays as it is; a filter of null is none."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"active": True}, {"url": "https://data.example.vn/ioc/2"}]}
    )

    name: WebhookName | None = None
    url: WebhookUrl | None = None
    types: Types | None = None
    indicators: Indicators = None
    domains: Domains = None
    units: Units = None
    categories: Categories = None
    active: Annotated[bool, Field(strict=True)] | None = Field(
        None, description="False: nothing is sent, and what happens meanwhile is not kept for it. True: sent again."
    )


class WebhookOut(BaseModel):
    id: int
    name: str
    url: str
    types: list[str]
    indicators: list[str] | None
    domains: list[str] | None
    units: list[str] | None
    categories: list[str] | None
    active: bool
    disabled_at: datetime | None
    disabled_why: Literal["paused", "gone", "failing"] | None = Field(
        description="By its owner; it answered 410; it has taken nothing for days."
    )
    failing_since: datetime | None = Field(description="Nothing was taken since; null: the last message was.")
    previous_secret_until: datetime | None = Field(description="The secret before signs, too, until then.")
    created_at: datetime


class WebhookAdded(WebhookOut):
    secret: str = Field(description="Shown once: `whsec_` and base64, as libraries of Standard Webhooks take it.")


class WebhookPage(BaseModel):
    items: list[WebhookOut]
    next: str | None


class DeliveryOut(BaseModel):
    """One event on its way to the subscription, with how the last attempt went."""

    id: int
    event: UUID = Field(description="The webhook-id, and the id of the CloudEvent.")
    type: str
    subject: str | None
    recorded_at: datetime
    state: DeliveryState
    attempts: int = Field(description="Since it was made, or last replayed.")
    next_attempt_at: datetime | None
    attempted_at: datetime | None
    status: int | None = Field(description="HTTP status; null: there was no answer.")
    error: str | None = Field(description="Why there was none.")
    duration_ms: int | None
    response: str | None = Field(description="How the answer began.")


class DeliveryPage(BaseModel):
    items: list[DeliveryOut]
    next: str | None


class ReplayIn(BaseModel):
    """Which deliveries are to be sent once more."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"since": "2026-11-24T08:00:00+07:00"}]})

    since: AwareDatetime = Field(description="Of events that were recorded then or later.")
    delivered: Annotated[bool, Field(strict=True)] = Field(
        False, description="Also those that were taken; otherwise only those that were not."
    )


class ReplayOut(BaseModel):
    deliveries: int = Field(
        description="So many will be sent once more, the oldest first, with the webhook-id they had."
    )
