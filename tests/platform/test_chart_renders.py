"""The chart renders with every values file, and Kubernetes and the operators know every field of it."""

from __future__ import annotations

import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from infra.tools.errors import ToolUnavailable
from tests.platform import custom_resources
from tests.platform.chart import ALL_VALUES, CHART, ENVIRONMENTS, EXTREMES, ROOT, Chart, of_kind

EVERYTHING = next(path for path in EXTREMES if path.stem == "everything")

values_files = pytest.mark.parametrize("values", ALL_VALUES, ids=lambda path: path.stem)


@values_files
def test_helm_lints_it(chart: Chart, values: Path) -> None:
    assert "1 chart(s) linted, 0 chart(s) failed" in chart.lint(values)


@pytest.mark.parametrize(
    ("values", "version"),
    [*((values, "1.37") for values in ALL_VALUES), (EVERYTHING, "1.30")],
    ids=lambda part: getattr(part, "stem", part),
)
def test_kubernetes_knows_every_field(chart: Chart, values: Path, version: str) -> None:
    for one in chart.objects(values):
        if one["kind"] not in custom_resources.KINDS:
            kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("values", [EVERYTHING, *ENVIRONMENTS], ids=lambda path: path.stem)
def test_the_operators_know_every_field_of_theirs(chart: Chart, values: Path) -> None:
    try:
        for one in of_kind(chart.objects(values), *custom_resources.KINDS):
            custom_resources.validate(one)
    except ToolUnavailable as error:
        pytest.skip(f"the operators' definitions are in Go modules: {error}")


def test_everything_means_every_template(chart: Chart) -> None:
    templates = {path.relative_to(CHART) for path in CHART.glob("templates/**/*.yaml")}
    said = chart.source(EVERYTHING)
    rendered = {Path(path) for path in re.findall(r"^# Source: scorestream/(\S+)$", said, re.MULTILINE)}
    assert templates - rendered == {Path("templates/validate.yaml")}


@values_files
def test_a_template_makes_one_kind(chart: Chart, values: Path) -> None:
    kinds: dict[str, set[str]] = {}
    for document in chart.source(values).split("\n---\n"):
        source = re.search(r"^# Source: (\S+)$", document, re.MULTILINE)
        if source and (one := yaml.safe_load(document)):
            kinds.setdefault(source[1], set()).add(one["kind"])
    assert {source: found for source, found in kinds.items() if len(found) > 1} == {}


@values_files
def test_names_are_unique_and_fit(chart: Chart, values: Path) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in chart.objects(values)]
    assert len(names) == len(set(names))
    assert max(len(name) for _, name in names) <= 63


def test_dashboards_and_rules_are_those_of_the_platform() -> None:
    """The chart has no copies: its folders are links to what Prometheus and Grafana read on one machine."""
    files = CHART / "files"
    assert (files / "dashboards").resolve() == ROOT / "grafana" / "dashboards"
    assert (files / "rules").resolve() == ROOT / "infra" / "prometheus" / "rules"


def test_every_value_is_commented() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    parents_commented: dict[int, bool] = {}
    bare = []
    for number, line in enumerate(lines):
        found = re.match(r"( *)([A-Za-z][\w.-]*):", line)
        if not found or line.lstrip().startswith("#"):
            continue
        depth = len(found[1])
        above = lines[number - 1].strip().startswith("#") or " #" in line
        parents_commented = {at: said for at, said in parents_commented.items() if at < depth}
        if not (above or any(parents_commented.values()) or found[2] in SAY_IT_THEMSELVES):
            bare.append(line.strip())
        parents_commented[depth] = above
    assert bare == []


#: Values whose name is Kubernetes' own word for the same thing, and groups whose members are commented.
SAY_IT_THEMSELVES = frozenset(
    {"image", "kafka", "ca", "gateway", "autoscaling", "enabled", "keys", "replicas", "resources", "requests"}
    | {
        "limits",
        "nodeSelector",
        "tolerations",
        "affinity",
        "priorityClassName",
        "scorer",
        "lanes",
        "className",
    }
    | {"host", "annotations", "tls", "model", "ledger", "database", "topics"}
)
