"""The gateway's OpenAPI says what it answers, with examples that it really takes and gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

import contracts
from contracts.application import COLUMNS, decode_submitted
from contracts.errors import PROBLEM_CONTENT_TYPE
from gateway import problems
from gateway.app import make_app
from gateway.settings import GatewaySettings

EXAMPLES = Path(contracts.__file__).parent / "examples"


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    described: dict[str, Any] = make_app(GatewaySettings()).api.openapi()
    return described


@pytest.fixture(scope="module")
def submit(page: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = page["paths"]["/v1/applications"]["post"]
    return described


def test_every_call_of_the_design_is_described(page: dict[str, Any]) -> None:
    calls = {(method, path) for path, methods in page["paths"].items() for method in methods}
    assert {
        ("post", "/v1/applications"),
        ("get", "/v1/applications/{application_id}"),
        ("post", "/v1/outcomes"),
        ("get", "/v1/model"),
    } <= calls


def test_the_body_is_the_contracts_application(submit: dict[str, Any]) -> None:
    schema = submit["requestBody"]["content"]["application/json"]["schema"]
    assert tuple(schema["properties"]) == COLUMNS
    assert schema["additionalProperties"] is False


def test_every_example_body_is_taken(submit: dict[str, Any]) -> None:
    examples = submit["requestBody"]["content"]["application/json"]["examples"]
    assert set(examples) == {path.stem for path in (EXAMPLES / "applications" / "v1").glob("*.json")}
    for example in examples.values():
        assert example["summary"]
        assert decode_submitted(json.dumps(example["value"]).encode())


def test_every_status_that_an_error_becomes_is_described(submit: dict[str, Any]) -> None:
    statuses = {str(status) for status, *_ in problems._KINDS.values()} - {"404"}
    assert statuses | {"200", "202", "410"} <= set(submit["responses"])


def test_every_failure_is_a_problem_document(page: dict[str, Any]) -> None:
    for path, methods in page["paths"].items():
        for described in methods.values():
            for status, answer in described["responses"].items():
                if path.startswith("/v1/") and status not in {"200", "202"}:
                    schema = answer["content"][PROBLEM_CONTENT_TYPE]["schema"]
                    assert {"type", "title", "status", "detail"} <= set(schema["properties"])
                    assert answer["description"].endswith(".")


@pytest.mark.parametrize(("topic", "name"), [("replies", "decision"), ("replies", "problem")])
def test_a_golden_reply_has_no_field_that_the_schema_does_not_know(
    submit: dict[str, Any], topic: str, name: str
) -> None:
    document = msgspec.json.decode((EXAMPLES / topic / "v1" / f"{name}.json").read_bytes())
    answer = submit["responses"][str(document["status"]) if name == "problem" else "200"]
    (content,) = answer["content"].values()
    assert set(document) <= set(content["schema"]["properties"])
    assert set(content["schema"]["required"]) <= set(document)


def test_the_key_header_is_described(submit: dict[str, Any]) -> None:
    (key,) = [one for one in submit["parameters"] if one["name"] == "Idempotency-Key"]
    assert (key["in"], key["required"], key["schema"]["maxLength"]) == ("header", False, 255)


def test_the_page_is_json_without_references_that_lead_nowhere(page: dict[str, Any]) -> None:
    text = json.dumps(page)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        node: Any = page
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
        assert node
