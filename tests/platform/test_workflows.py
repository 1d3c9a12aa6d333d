"""The GitHub workflows: pinned, with no more rights than they use, running what people run."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.docker.catalogue import IMAGES
from tests.platform.chart import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


@every_workflow
def test_actions_are_pinned_to_a_commit_and_say_which_version_that_is(path: Path) -> None:
    used = re.findall(r"^\s*(?:- )?uses: (.+)$", path.read_text(), re.MULTILINE)
    pinned = re.compile(r"[\w-]+(?:/[\w-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./\.github/workflows/\w+\.yml")
    assert [one for one in used if not pinned.fullmatch(one)] == []


def test_one_action_has_one_version_everywhere() -> None:
    used = {one for path in WORKFLOWS for one in re.findall(r"uses: (\S+)@(\S+) #", path.read_text())}
    assert len({action for action, _ in used}) == len(used)


@every_workflow
def test_a_workflow_may_read_and_nothing_else_unless_a_job_says_so(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    granted = {
        (scope, right)
        for job in workflow["jobs"].values()
        for scope, right in job.get("permissions", {}).items()
        if right == "write"
    }
    assert granted <= {("packages", "write"), ("id-token", "write"), ("attestations", "write")}
    assert "pull_request_target" not in workflow["on"]


@every_workflow
def test_every_job_ends_some_time(path: Path) -> None:
    jobs = load(path)["jobs"].items()
    assert [name for name, job in jobs if "uses" not in job and "timeout-minutes" not in job] == []


@every_workflow
def test_nothing_from_outside_is_pasted_into_a_shell(path: Path) -> None:
    """An expression in a script is text in the script; through the environment it is only a value."""
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []


@every_workflow
def test_a_clone_keeps_no_token(path: Path) -> None:
    clones = [step for step in steps(path) if step.get("uses", "").startswith("actions/checkout@")]
    assert [step for step in clones if step["with"].get("persist-credentials") is not False] == []


def test_what_workflows_run_are_targets_that_people_have() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    run = {
        target
        for path in WORKFLOWS
        for step in steps(path)
        for target in re.findall(r"^make ([a-z0-9-]+)", step.get("run", ""), re.MULTILINE)
    }
    assert run >= {"lint", "test", "images", "chart", "deploy", "smoke", "retrain", "k8s-tools"}
    assert run <= targets
    suites = {value for path in WORKFLOWS for value in matrix_values(path, "suite")}
    assert suites == {"coverage", "test-slow", "test-faults"}
    assert suites <= targets


def test_production_waits_for_staging_and_both_for_the_suites() -> None:
    jobs = load(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
    assert jobs["production"]["needs"] == "staging"
    assert set(jobs["staging"]["needs"]) == {"images", "chart"}
    assert jobs["images"]["needs"] == "ci"


def test_every_image_is_built_and_scanned() -> None:

    (path,) = [one for one in WORKFLOWS if one.stem == "images"]
    assert set(matrix_values(path, "image")) == {one.name for one in IMAGES}


def test_a_cache_that_never_changes_is_saved_only_by_who_fills_it() -> None:
    """Under one key for all suites, the first to end left the control plane out, for ever."""
    caches = [
        (path.stem, name, step["uses"].split("@")[0], step["with"]["path"], step["with"]["key"])
        for path in WORKFLOWS
        for name, job in load(path)["jobs"].items()
        for step in job.get("steps", [])
        if step.get("uses", "").startswith("actions/cache")
    ]
    planes = [one for one in caches if "kubernetes-*" in one[3]]
    saving = {(workflow, job) for workflow, job, action, *_ in planes if action == "actions/cache"}
    assert saving == {("nightly", "control-plane")}
    assert {action for *_, action, _, _ in planes} == {"actions/cache", "actions/cache/restore"}
    nightly = load(ROOT / ".github" / "workflows" / "nightly.yml")["jobs"]
    assert {"run": "make k8s-tools"} in nightly["control-plane"]["steps"]
    assert nightly["suite"]["needs"] == "control-plane"
    # What is found goes by the paths as well as by the key: one list of them for each key.
    assert len({key for *_, key in caches}) == len({paths for *_, paths, _ in caches}) == 2
    assert len({one[3:] for one in caches}) == 2


@pytest.mark.parametrize("name", ["images", "deploy"])
def test_an_installation_that_names_no_registry_has_githubs_own(name: str, tmp_path: Path) -> None:
    """An image's name has no capitals and begins with no slash."""
    found = list(steps(ROOT / ".github" / "workflows" / f"{name}.yml"))
    (where,) = [step for step in found if step.get("name") == "Where images go"]
    told = {}
    for registry in ("", "example.org/bank"):
        written = tmp_path / (registry.replace("/", "-") or "none")
        environment = {"REGISTRY": registry, "OWNER": "A-Bank", "GITHUB_ENV": str(written)}
        subprocess.run(["bash", "-e", "-c", where["run"]], env=environment, check=True)
        told[registry] = written.read_text()
    assert told == {"": "REGISTRY=ghcr.io/a-bank\n", "example.org/bank": "REGISTRY=example.org/bank\n"}
    later = found[found.index(where) + 1 :]
    assert any("make" in step.get("run", "") for step in later)
    assert not any("REGISTRY" in step.get("env", {}) for step in later)


def test_a_model_is_deployed_with_the_chart_that_was_approved() -> None:
    jobs = load(ROOT / ".github" / "workflows" / "model.yml")["jobs"]
    assert "version" not in jobs["roll"]["with"]
    found = list(steps(ROOT / ".github" / "workflows" / "deploy.yml"))
    asked, checkout = [step for step in found if step.get("if") == "inputs.version == ''"]
    # On a line of its own: a failure inside of `echo "$(…)"` would pass, and main be checked out.
    assert asked["run"].splitlines()[0] == "revision=$(make --silent deployed)"
    assert checkout["with"]["ref"] == f"${{{{ steps.{asked['id']}.outputs.revision }}}}"
    assert found.index(checkout) < next(
        at for at, step in enumerate(found) if step.get("run") == "make deploy"
    )


@pytest.mark.parametrize(("answer", "said"), [("3f2a9c0", "3f2a9c0\n"), ("", "")])
def test_what_was_deployed_last_is_asked_of_the_cluster(answer: str, said: str, tmp_path: Path) -> None:
    """`make deploy` leaves the commit as a label of Helm's release; without one nothing is guessed."""
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\nprintf '%s' '{answer}'\n")
    kubectl.chmod(0o755)
    done = subprocess.run(
        ["make", "--silent", "deployed"],
        cwd=ROOT,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode == 0) == (said, bool(answer))
    makefile = (ROOT / "Makefile").read_text()
    assert '--labels revision="$$(git rev-parse HEAD)"' in makefile
    assert ".metadata.labels.revision}" in makefile


def load(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the bare key `on` as true.
    workflow: dict[str, Any] = yaml.safe_load(path.read_text().replace("\non:", '\n"on":', 1))
    return workflow


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in load(path)["jobs"].values():
        yield from job.get("steps", [])


def matrix_values(path: Path, name: str) -> list[str]:
    return [
        value
        for job in load(path)["jobs"].values()
        for value in job.get("strategy", {}).get("matrix", {}).get(name, [])
    ]
