"""What /docs says beyond the routes' own words: bodies, answers and real examples, from the contracts."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from contracts.application import application_json_schema, example
from contracts.errors import PROBLEM_CONTENT_TYPE, ProblemDocument
from contracts.events import DecisionDocument, ModelDocument, OutcomeObserved, PendingDocument
from contracts.outcome import EXAMPLE, JSON_SCHEMA

_EXAMPLES = {
    "minimal": "The five required fields",
    "full": "Every field",
    "pensioner": "A pensioner: no employer, so DAYS_EMPLOYED is 365243 and ORGANIZATION_TYPE XNA",
    "revolving": "A revolving loan",
}


def _inlined(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """JSON Schema of a document with every reference replaced by what it refers to."""
    (schema,), definitions = msgspec.json.schema_components([kind], ref_template="{name}")

    def inline(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return inline(definitions[node["$ref"]])
            return {name: inline(value) for name, value in node.items()}
        return [inline(value) for value in node] if isinstance(node, list) else node

    inlined: dict[str, Any] = inline(schema)
    return inlined


def _answer(description: str, kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _inlined(kind)}}}


def _problem(description: str) -> dict[str, Any]:
    content = {PROBLEM_CONTENT_TYPE: {"schema": _inlined(ProblemDocument)}}
    return {"description": description, "content": content}


SUBMISSION_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": application_json_schema(),
                "examples": {
                    name: {"summary": summary, "value": json.loads(example(name))}
                    for name, summary in _EXAMPLES.items()
                },
            }
        },
    },
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "The same key and the same bytes are one application, however often sent: "
            "as long as the ledger keeps the application, which is for good unless told otherwise.",
            "schema": {"type": "string", "maxLength": 255},
        }
    ],
}

DECISION_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _answer("The decision.", DecisionDocument),
    202: _answer("Accepted, not decided within the deadline; fetch it at Location.", PendingDocument),
    401: _problem("No API key, or none that is known here."),
    403: _problem("The API key has not the scope."),
    409: _problem("The Idempotency-Key was used for another body."),
    410: _problem("The application was put aside; the reason is named."),
    413: _problem("The body is too large."),
    415: _problem("The body is not declared as JSON."),
    422: _problem("The application is invalid; every problem is named with its field."),
    429: _problem("Too many requests wait; retry after Retry-After seconds."),
    503: _problem("The log did not acknowledge the application in time; retry after Retry-After seconds."),
}

LOOK_UP_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _answer("The decision.", DecisionDocument),
    202: _answer("Accepted, not decided yet.", PendingDocument),
    401: _problem("No API key, or none that is known here."),
    403: _problem("The API key has not the scope."),
    404: _problem("No application of yours has this id."),
    410: _problem("The application was put aside; the reason is named."),
    "default": _problem("Any other failure."),
}

OUTCOME_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": JSON_SCHEMA,
                "examples": {"repaid": {"summary": "A loan that was not in default", "value": EXAMPLE}},
            }
        },
    }
}

OUTCOME_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: _answer("Taken, as the topic has it.", OutcomeObserved),
    401: _problem("No API key, or none that is known here."),
    403: _problem("The API key has not the scope `outcomes`."),
    404: _problem("No application of yours has this id."),
    409: _problem("The application has no decision."),
    413: _problem("The body is too large."),
    415: _problem("The body is not declared as JSON."),
    422: _problem("The outcome is invalid; every problem is named with its field."),
    429: _problem("Too many requests with this key."),
    503: _problem(
        "The ledger can't say whether there is such an application, or the log did not acknowledge."
    ),
}

MODEL_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _answer("The newest promotion, and the snapshot published last.", ModelDocument),
    401: _problem("No API key, or none that is known here."),
    403: _problem("The API key has not the scope."),
    404: _problem("No version was promoted yet."),
}
