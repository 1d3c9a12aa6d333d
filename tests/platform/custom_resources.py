"""Schemas of the operators' objects, from the Go modules that define them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema
import yaml

from infra.tools.catalogue import KEDA, PROMETHEUS_OPERATOR
from infra.tools.go import module_folder

Object = dict[str, Any]

#: Kind → the file in its module.
_FILES: Final = {
    "ScaledObject": (KEDA, "config/crd/bases/keda.sh_scaledobjects.yaml"),
    "TriggerAuthentication": (KEDA, "config/crd/bases/keda.sh_triggerauthentications.yaml"),
    "ServiceMonitor": (
        PROMETHEUS_OPERATOR,
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
    "PrometheusRule": (
        PROMETHEUS_OPERATOR,
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
}
KINDS: Final = frozenset(_FILES)


def definition_file(kind: str) -> Path:
    """The file with the kind's CustomResourceDefinition. Raises ToolUnavailable."""
    (module, version), name = _FILES[kind]
    return module_folder(module, version) / name


@cache
def _schema(kind: str, version: str) -> Object:
    definition = yaml.safe_load(definition_file(kind).read_text())
    (served,) = [one for one in definition["spec"]["versions"] if one["name"] == version]
    schema: Object = served["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {"type": "object"}
    return _strict(schema)


def _strict(schema: Object) -> Object:
    """The schema with every field refused that it does not name, as a strict API server does."""
    closed = dict(schema)
    if "pattern" in schema:
        # Go takes flags anywhere in a pattern, Python at its beginning only.
        closed["pattern"] = schema["pattern"].replace("^(?i)", "(?i)^")
    if "properties" in schema:
        closed["properties"] = {name: _strict(one) for name, one in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed.setdefault("additionalProperties", False)
    if isinstance(schema.get("items"), dict):
        closed["items"] = _strict(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        closed["additionalProperties"] = _strict(schema["additionalProperties"])
    return closed


def validate(one: Object) -> None:
    """Raise jsonschema.ValidationError unless the operator's API would take the object as it is."""
    jsonschema.validate(one, _schema(one["kind"], one["apiVersion"].rpartition("/")[2]))
