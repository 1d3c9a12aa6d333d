"""What `docs/deploy` has an operator type fits the chart: names, values, manifests, the order of commands."""

from __future__ import annotations

import re
import shlex
import subprocess
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.platform.chart import CHART, ENVIRONMENTS, ROOT, Chart, component, of_kind

FOLDER = ROOT / "docs" / "deploy"
PAGES = sorted(FOLDER.glob("*.md"))
MINIKUBE, PRODUCTION, _ = ENVIRONMENTS
#: An Ingress of either: the issuer of its certificate, and the log-in before its consoles.
ISSUER = "cert-manager.io/cluster-issuer"
MIDDLEWARES = "traefik.ingress.kubernetes.io/router.middlewares"

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def blocks(page: str, language: str = "") -> list[str]:
    """The page's blocks of code in a language; those without one are commands."""
    text = (FOLDER / page).read_text()
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", text, flags=re.MULTILINE | re.DOTALL)
    return [block for _, said, block in found if said == language]


def commands(page: str) -> list[str]:
    """The page's commands in their order, each on one line, without the number behind it."""
    lines = "\n".join(blocks(page)).replace("\\\n", " ").splitlines()
    return [re.sub(r"\s+# \d+$", "", " ".join(line.split())) for line in lines if line.strip()]


def manifests(page: str) -> dict[str, Any]:
    """The page's manifests, by kind."""
    documents = [yaml.safe_load(block) for block in blocks(page, "yaml")]
    return {one["kind"]: one for one in documents if "kind" in one}


@each_page
def test_objects_that_a_page_names_are_made_by_the_chart(chart: Chart, page: Path) -> None:
    named = set(re.findall(r"\b(deployment|service|job)/(scorestream-[a-z-]+[a-z])", page.read_text()))
    objects = [*chart.objects(MINIKUBE), *chart.objects(PRODUCTION)]
    made = {(one["kind"].lower(), one["metadata"]["name"]) for one in objects}
    assert named - made == set()


@each_page
def test_values_that_a_page_names_are_the_chart_s(page: Path) -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    named = re.findall(r"[` ]((?:[a-z][A-Za-z]*\.)+[A-Za-z]+)(?=[`=:])", page.read_text())
    for path in (name for name in named if name.split(".")[0] in values and not name.endswith("yaml")):
        found = reduce(lambda at, key: at.get(key) if at else None, path.split(".")[:-1], values)
        assert found == {} or path.split(".")[-1] in (found or ()), path


@pytest.mark.parametrize("page", ["minikube.md", "neighbours.md", "recovery.md"])
def test_no_command_is_left_to_be_guessed(page: str) -> None:
    """The upgrade that brings a lost ledger back said `upgrade …`."""
    assert commands(page)
    assert [command for command in commands(page) if "…" in command] == []


def test_minikube_takes_ten_commands_in_their_order() -> None:
    numbers = re.findall(r"# (\d+)$", "\n".join(blocks("minikube.md")), flags=re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 11)]


def test_a_port_is_forwarded_only_to_what_was_waited_for() -> None:
    """`port-forward` ran before there was a service, ended, and the training after it reached nothing."""
    (forwarding,) = [command for command in commands("minikube.md") if "port-forward" in command]
    waiting, _, forwarding = forwarding.partition(" && ")
    (service,) = re.findall(r"port-forward service/(\S+)", forwarding)
    assert f" wait deployment/{service} --for=condition=Available" in waiting


def test_a_first_install_does_not_wait_for_a_model_that_nobody_can_have_promoted() -> None:
    """It waited ten minutes for scorers, and then took everything away again."""
    (deploying,) = [command for command in commands("minikube.md") if command.startswith("make deploy ")]
    assert "FIRST=1" in shlex.split(deploying)
    assert "--rollback-on-failure" not in dry_run(deploying)
    assert "--rollback-on-failure --wait" in dry_run(deploying.replace(" FIRST=1", ""))


def dry_run(command: str) -> str:
    made = subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return made.stdout


def test_brokers_from_elsewhere_are_reached_with_the_values_of_the_page(chart: Chart, tmp_path: Path) -> None:
    (block,) = [one for one in blocks("neighbours.md", "yaml") if one.startswith("kafka:")]
    brokers = tmp_path / "brokers.yaml"
    brokers.write_text(block)
    policies = of_kind(chart.objects(PRODUCTION, brokers), "NetworkPolicy")
    (gateway,) = [one for one in policies if component(one) == "gateway"]
    peer = yaml.safe_load(block)["networkPolicy"]["peers"]["kafka"]
    assert {"to": peer["who"], "ports": peer["ports"]} in gateway["spec"]["egress"]


@pytest.mark.parametrize("values", [one for one in ENVIRONMENTS if one != MINIKUBE], ids=lambda one: one.stem)
def test_what_the_ingress_names_is_made_on_the_page(values: Path) -> None:
    made = manifests("neighbours.md")
    ingress = yaml.safe_load(values.read_text())["ingress"]
    assert ingress["annotations"][ISSUER] == made["ClusterIssuer"]["metadata"]["name"]
    (solver,) = made["ClusterIssuer"]["spec"]["acme"]["solvers"]
    assert solver["http01"]["ingress"]["ingressClassName"] == ingress["className"]
    login = made["Middleware"]["metadata"]
    said = f"{login['namespace']}-{login['name']}@kubernetescrd"
    assert ingress["consoleAnnotations"][MIDDLEWARES] == said


def test_a_lost_ledger_is_brought_back_by_the_command_of_the_page(chart: Chart) -> None:
    (command,) = [one for one in commands("recovery.md") if " upgrade " in one]
    words = shlex.split(command)
    assert words[words.index("upgrade") + 1 :][:2] == ["scorestream", "helm/scorestream"]
    assert "--reset-then-reuse-values" in words
    assert "--wait" not in words
    change = words[words.index("--set") + 1]
    objects = chart.objects(PRODUCTION, changes=(change,))
    (ledger,) = [one for one in of_kind(objects, "Deployment") if component(one) == "ledger"]
    (container,) = ledger["spec"]["template"]["spec"]["containers"]
    (address,) = [one for one in container["env"] if one["name"] == "LEDGER_DATABASE_URL"]
    assert address["valueFrom"]["secretKeyRef"]["name"] == change.partition("=")[2]
