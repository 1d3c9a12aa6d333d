"""The GitHub workflows: pinned, with no more rights than they use, running what people run."""

from __future__ import annotations

import re
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
    pinned = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./\.github/workflows/\w+\.yml")
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
    assert run >= {"lint", "test", "images", "chart", "deploy", "smoke", "retrain"}
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
