"""The API is what its description says: the committed one, for any input that schemathesis can think of."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from schemathesis import Case
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from app.auth import SCOPES
from app.main import create_app
from app.settings import Settings
from tests.journeys.conftest import RunningHub, hub_process, verb

COMMITTED = Path(__file__).parents[2] / "openapi" / "openapi.json"
DESCRIPTION: dict[str, Any] = json.loads(COMMITTED.read_text(encoding="utf-8"))

# A stream has no end to wait for; what is asked of it wrongly is in test_streams.
schema = schemathesis.openapi.from_dict(DESCRIPTION).exclude(path_regex=r"/events$")

# A schema cannot say that a code must be in the catalogue or that 31 February is no day: what has the right shape may still
# be refused, with 422 and a reason.
NOT_CHECKED: list[Any] = [positive_data_acceptance]


def not_checked(case: Case[Any]) -> list[Any]:
    """What is asked for in parts is answered in parts: each bad row with its reason, beside a 200. And `category=true` in a query is a
    list of one word, whatever was meant by it."""
    words = any(str(value).lower() in {"true", "false"} for value in case.query.values())
    return [*NOT_CHECKED, negative_data_rejection] if words or case.query.get("mode") == "partial" else NOT_CHECKED


@schemathesis.serializer("application/x-ndjson")
def _lines(_: Any, value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningHub, str]]:
    """The hub as a process, and a key that may do everything."""
    with hub_process(tmp_path_factory.mktemp("hub"), "--no-demo") as hub:
        scopes = [word for scope in SCOPES for word in ("--scope", scope)]
        yield hub, verb(hub.data, "key", "create", "--source", "fuzzer", *scopes).stdout.strip()


def _fuzzed(examples: int, *phases: Phase) -> Any:
    """`Phase.explicit`: the limits of every field as well, thousands of a screen. Without a key they would all be refused alike."""
    return settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, phases=phases,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


@schema.parametrize()
@_fuzzed(5, Phase.explicit, Phase.generate)
def test_every_answer_is_as_described_whatever_is_asked(case: Case[Any], served: tuple[RunningHub, str]) -> None:
    hub, key = served
    case.call_and_validate(base_url=hub.url, headers={"X-API-Key": key}, timeout=60, excluded_checks=not_checked(case))


@schema.parametrize()
@_fuzzed(4, Phase.generate)
def test_every_answer_is_as_described_without_a_key(case: Case[Any], served: tuple[RunningHub, str]) -> None:
    hub, _ = served
    case.call_and_validate(base_url=hub.url, timeout=60, excluded_checks=not_checked(case))


def test_the_committed_description_is_valid_and_is_that_of_the_code() -> None:
    validate(DESCRIPTION)
    assert json.loads(json.dumps(create_app(Settings()).openapi())) == DESCRIPTION


def test_every_example_is_valid() -> None:
    registry: Registry[Any] = Registry().with_resource("urn:api", DRAFT202012.create_resource(DESCRIPTION))
    shown = [
        (name, example)
        for name, shape in DESCRIPTION["components"]["schemas"].items()
        for example in shape.get("examples", ())
    ]
    assert len(shown) >= 4

    for name, example in shown:
        Draft202012Validator({"$ref": f"urn:api#/components/schemas/{name}"}, registry=registry).validate(example)


def test_every_operation_declares_its_errors_as_problems() -> None:
    for path, operations in DESCRIPTION["paths"].items():
        for method, operation in operations.items():
            if not path.startswith("/v1"):
                continue
            problems = {status: answer for status, answer in operation["responses"].items() if status[0] in "45"}
            assert {"401", "422", "500", "503"} <= problems.keys(), (method, path)
            for answer in problems.values():
                assert list(answer["content"]) == ["application/problem+json"], (method, path)
