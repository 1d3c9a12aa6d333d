from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from feature_service.application import Features
from scorer.model import LatencyBudget, ServingModel
from tests.fake_registry import FakeRegistry
from tests.models import (
    TINY,
    built_on,
    dataset_with,
    labelled,
    no_progress,
    random_rows,
    random_target,
    write_csv,
)
from tests.registry_rules import OCCASION, RegistryRules, built
from training.build import BuiltModel
from training.errors import GatesNotPassed, RegistryUnavailable
from training.registry import STAGING, RegisteredVersion, Registry, compared_with_production, promote
from training.train import TrainingPlan, train


@pytest.fixture
def registry(tmp_path: Path) -> FakeRegistry:
    return FakeRegistry(tmp_path / "registry")


class TestFakeRegistry(RegistryRules):
    @pytest.fixture
    def registry(self, tmp_path: Path) -> Registry:
        return FakeRegistry(tmp_path / "registry")


def plan_in(folder: Path) -> TrainingPlan:
    rows = random_rows(900, seed=51)
    write_csv(folder / "application_train.csv", rows, random_target(rows, seed=51))
    return TrainingPlan(folder=folder, model_name="credit-risk", settings=TINY, seed=1)


def test_training_the_same_inputs_again_finds_the_version_they_gave(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    plan = plan_in(tmp_path)
    first = train(plan, registry, progress=no_progress)
    again = train(plan, registry, progress=no_progress)
    assert first.built is not None
    assert again.built is None
    assert again.version == first.version


def test_training_known_inputs_stages_the_version_that_is_named(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    plan = plan_in(tmp_path)
    first = train(plan, registry, progress=no_progress)
    train(replace(plan, seed=2), registry, progress=no_progress)
    again = train(plan, registry, progress=no_progress)
    assert registry.with_alias("credit-risk", STAGING) == first.version
    assert not again.is_production
    promote(registry, name="credit-risk", version=None, occasion=OCCASION, force=True)
    assert train(plan, registry, progress=no_progress).is_production


def test_a_version_that_the_wall_clock_cut_short_is_no_answer_for_a_run_without_one(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    plan = plan_in(tmp_path)
    hurried = replace(plan, minutes=0.0)
    cut = train(hurried, registry, progress=no_progress)
    assert cut.version.is_cut_short
    assert train(hurried, registry, progress=no_progress).version == cut.version
    whole = train(plan, registry, progress=no_progress)
    assert whole.built is not None
    assert not whole.version.is_cut_short
    assert train(hurried, registry, progress=no_progress).version == whole.version


def test_training_by_force_or_with_another_seed_makes_a_version(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    plan = plan_in(tmp_path)
    first = train(plan, registry, progress=no_progress)
    forced = train(plan, registry, force=True, progress=no_progress)
    other = train(
        TrainingPlan(folder=plan.folder, model_name=plan.model_name, settings=TINY, seed=2),
        registry,
        progress=no_progress,
    )
    assert [version.version.version for version in (first, forced, other)] == ["1", "2", "3"]
    assert forced.version.digest == first.version.digest
    assert other.version.digest != first.version.digest


def test_a_bundle_that_was_tampered_with_is_never_promoted_not_even_by_force(registry: FakeRegistry) -> None:
    version = registry.register(built("credit-risk"))
    golden = Path(version.bundle_uri) / "golden.json"
    golden.write_text(golden.read_text().replace("0x1", "0x2", 1))
    with pytest.raises(GatesNotPassed, match="hash-mismatch"):
        promote(registry, name="credit-risk", version=None, occasion=OCCASION, force=True)
    assert registry.with_alias("credit-risk", "production") is None


def test_a_production_bundle_that_cannot_be_read_any_more_does_not_keep_its_successor_out(
    registry: FakeRegistry,
) -> None:
    before = registry.register(built("credit-risk"))
    promote(registry, name="credit-risk", version=None, occasion=OCCASION)
    (Path(before.bundle_uri) / "notes.txt").write_text("left by a newer trainer")
    after = registry.register(built("credit-risk", seed=6))
    assert promote(registry, name="credit-risk", version=None, occasion=OCCASION).version == after.version


def test_a_production_model_is_met_only_on_applicants_it_has_not_learnt_from(
    registry: FakeRegistry,
) -> None:
    before = registry.register(built("credit-risk"))
    promote(registry, name="credit-risk", version=None, occasion=OCCASION)
    # Other parts: nearly all of these held-out applicants were learnt from by the version before.
    after = registry.register(built("credit-risk", seed=6))
    promote(registry, name="credit-risk", version=None, occasion=OCCASION)
    assert before.version != after.version
    told = {gate.name: gate.detail for gate in registry.gates["credit-risk", after.version]}
    assert "unmeasured: only" in told["not worse than Production"]


def test_every_gate_is_a_fact_with_its_numbers(registry: FakeRegistry) -> None:
    version = registry.register(built("credit-risk"))
    promote(registry, name="credit-risk", version=None, occasion=OCCASION)
    gates = registry.gates["credit-risk", version.version]
    assert [gate.name for gate in gates] == [
        "bundle proves its golden scores",
        "inside the latency budget",
        "data quality passed",
        "no feature knows the outcome",
        "worth having",
        "calibrated",
        "genders approved alike",
        "PD true in each group",
    ]
    assert all(gate.is_passed and gate.detail for gate in gates)


def test_a_model_that_knows_nothing_is_not_promoted_even_as_the_first(registry: FakeRegistry) -> None:
    shuffled = np.random.default_rng(1).permutation(labelled().target)
    registry.register(built_on(dataset_with(shuffled)))
    with pytest.raises(GatesNotPassed, match="worth having"):
        promote(registry, name="credit-risk", version=None, occasion=OCCASION)


def test_training_tells_how_production_does_on_the_same_applicants(registry: FakeRegistry) -> None:
    registry.register(built("credit-risk"))
    assert compared_with_production(registry, built("credit-risk")) == {}
    promote(registry, name="credit-risk", version=None, occasion=OCCASION)
    figures = compared_with_production(registry, built("credit-risk"))
    assert figures["auc_over_production"] == 0.0
    assert figures["production_auc"] == pytest.approx(built("credit-risk").metrics["auc"])


class DyingRegistry(FakeRegistry):
    """A registry that goes away while a model is being made."""

    def with_alias(self, name: str, alias: str) -> RegisteredVersion | None:
        raise RegistryUnavailable("MLflow: it does not answer")


def test_a_registry_that_dies_meanwhile_says_that_the_trials_are_kept(tmp_path: Path) -> None:
    with pytest.raises(
        RegistryUnavailable, match=r"does not answer; nothing was staged.* goes on from the trials"
    ):
        train(plan_in(tmp_path), DyingRegistry(tmp_path / "registry"), progress=no_progress)


def test_a_production_model_that_has_become_too_slow_is_still_compared(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = registry.register(built("credit-risk"))
    promote(registry, name="credit-risk", version=None, occasion=OCCASION)
    quick = ServingModel.row_milliseconds

    def slow(model: ServingModel, row: Features) -> LatencyBudget:
        return LatencyBudget(99.0, 99.0) if model.digest == good.digest else quick(model, row)

    monkeypatch.setattr(ServingModel, "row_milliseconds", slow)
    registry.register(built("credit-risk", is_worse=True))
    with pytest.raises(GatesNotPassed, match="AUC not worse"):
        promote(registry, name="credit-risk", version=None, occasion=OCCASION)


def test_a_clearly_worse_challenger_is_kept_out_by_fewer_than_two_hundred_applicants(
    registry: FakeRegistry,
) -> None:
    def with_rows(model: BuiltModel) -> BuiltModel:
        rows = model.held_out
        return replace(model, held_out=rows.without(rows.applicant_ids[150:]))

    registry.register(with_rows(built("credit-risk")))
    promote(registry, name="credit-risk", version=None, occasion=OCCASION)
    registry.register(with_rows(built("credit-risk", is_worse=True)))
    with pytest.raises(GatesNotPassed, match=r"AUC not worse: .* on 150 applicants"):
        promote(registry, name="credit-risk", version=None, occasion=OCCASION)
