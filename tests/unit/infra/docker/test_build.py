"""What a builder is asked for, whichever it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.docker.build import Builder, Commit
from infra.docker.catalogue import IMAGES, image
from infra.docker.errors import BuildFailed

COMMIT = Commit("ab" * 20, 1_700_000_000)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """Where the builder of `recording` writes what it was told."""
    return tmp_path / "told.json"


def recording(told: Path, *, status: int = 0) -> tuple[str, ...]:
    """A builder that does nothing but remember."""
    program = told.with_suffix(".py")
    program.write_text(
        "import json, pathlib, sys\n"
        f"pathlib.Path({str(told)!r}).write_text(json.dumps(sys.argv[1:]))\n"
        f"sys.exit({status})\n"
    )
    return ("python3", str(program))


def test_a_builder_is_told_the_component_its_stage_and_its_commit(told: Path) -> None:
    builder = Builder(recording(told), "debian@sha256:0", "registry.example.org/acme", "1.2.3", ("--pull",))
    builder.build(image("scorer"), COMMIT)
    arguments = json.loads(told.read_text())
    assert arguments[0] == "build"
    assert arguments[arguments.index("--target") + 1] == "openmp"
    assert arguments[arguments.index("--tag") + 1] == "registry.example.org/acme/scorestream-scorer:1.2.3"
    assert {"BASE_IMAGE=debian@sha256:0", "IMAGE=scorer", "SOURCE_DATE_EPOCH=1700000000"} <= set(arguments)
    assert "CREATED=2023-11-14T22:13:20Z" in arguments
    assert arguments[-2:] == ["--pull", "."]


def test_without_a_base_the_dockerfile_chooses(told: Path) -> None:
    Builder(recording(told), None, "", "dev").build(image("gateway"), COMMIT)
    arguments = json.loads(told.read_text())
    assert not [one for one in arguments if one.startswith("BASE_IMAGE")]
    assert arguments[arguments.index("--tag") + 1] == "scorestream-gateway:dev"


def test_what_was_built_is_what_is_pushed(told: Path) -> None:
    Builder(recording(told), None, "registry.example.org", "dev").push(image("ledger"))
    assert json.loads(told.read_text()) == ["push", "registry.example.org/scorestream-ledger:dev"]


def test_a_builder_that_fails_is_named(told: Path) -> None:
    with pytest.raises(BuildFailed, match="python3 build ended with status 3"):
        Builder(recording(told, status=3), None, "", "dev").build(image("gateway"), COMMIT)


def test_every_stage_is_one_of_the_dockerfile() -> None:
    dockerfile = (Path(__file__).resolve().parents[4] / "infra" / "docker" / "Dockerfile").read_text()
    assert {one.stage for one in IMAGES} <= {
        line.rpartition(" AS ")[2] for line in dockerfile.splitlines() if line.startswith("FROM ")
    }
