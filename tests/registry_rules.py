"""What a model registry must do: the same rules for the fake and for the one on MLflow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import numpy as np
import pytest

from contracts.events import ModelPromoted
from scorer.bundle import read_bundle
from tests.models import built_model, built_on, dataset_with, labelled
from training.build import BuiltModel
from training.errors import (
    AlreadyReplaced,
    GatesNotPassed,
    NeverProduction,
    PromotionNotPublished,
    PromotionUnderWay,
    UnknownVersion,
)
from training.held_out import read_held_out
from training.registry import (
    PREVIOUS,
    PRODUCTION,
    STAGING,
    Occasion,
    RegisteredVersion,
    Registry,
    promote,
    roll_back,
)

OCCASION = Occasion(at="2026-11-24T10:00:00.000Z", by="somebody")


def built(name: str, *, seed: int = 5, is_worse: bool = False) -> BuiltModel:
    """The small model under another name, or one that has learnt the opposite of the truth."""
    model = built_model(seed)
    lineage = msgspec.structs.replace(model.manifest.lineage, inputs_digest=f"{name}-{seed}-{is_worse}")
    manifest = msgspec.structs.replace(model.manifest, model_name=name, lineage=lineage)
    if not is_worse:
        return replace(model, manifest=manifest)
    opposite = built_on(dataset_with(1 - labelled().target), seed=seed)
    groups = opposite.manifest.reason_groups
    manifest = msgspec.structs.replace(
        manifest, calibrator=opposite.manifest.calibrator, reason_groups=groups
    )
    return replace(model, manifest=manifest, model_text=opposite.model_text, golden=opposite.golden)


def cut_short(model: BuiltModel) -> BuiltModel:
    """What the same inputs would have given before the wall clock was over: other bytes."""
    return with_lineage(model, metrics={**model.metrics, "is_cut_short": 1.0})


def with_lineage(model: BuiltModel, **changes: Any) -> BuiltModel:
    """The model with another story of where it comes from."""
    lineage = msgspec.structs.replace(model.manifest.lineage, **changes)
    return replace(model, manifest=msgspec.structs.replace(model.manifest, lineage=lineage))


def version_at(registry: Registry, name: str, alias: str) -> str:
    found = registry.with_alias(name, alias)
    assert found is not None
    return found.version


class RegistryRules:
    """Subclassed with a `registry` fixture."""

    @pytest.fixture
    def name(self) -> str:
        return f"credit-risk-{uuid4().hex[:8]}"

    def promoted(self, registry: Registry, name: str, version: str | None = None) -> ModelPromoted:
        return promote(registry, name=name, version=version, occasion=OCCASION)

    def test_a_registered_version_is_staged_and_found_by_its_inputs(
        self, registry: Registry, name: str
    ) -> None:
        version = registry.register(built(name))
        assert registry.with_alias(name, STAGING) == version
        assert registry.with_alias(name, PRODUCTION) is None
        assert registry.with_inputs(name, f"{name}-5-False") == version
        assert registry.with_inputs(name, "other") is None
        assert registry.version(name, version.version) == version

    def test_a_whole_version_is_found_before_one_that_was_cut_short(
        self, registry: Registry, name: str
    ) -> None:
        cut = registry.register(cut_short(built(name)))
        assert cut.is_cut_short
        assert registry.with_inputs(name, cut.inputs_digest) == cut
        whole = registry.register(built(name))
        registry.register(cut_short(built(name)))
        assert not whole.is_cut_short
        assert registry.with_inputs(name, cut.inputs_digest) == whole

    def test_the_version_that_was_staged_last_is_promoted(self, registry: Registry, name: str) -> None:
        first = registry.register(built(name))
        registry.register(built(name, seed=6))
        registry.stage(first)
        assert registry.with_alias(name, STAGING) == first
        assert self.promoted(registry, name).version == first.version

    def test_what_does_not_exist_is_said_to_be_missing(self, registry: Registry, name: str) -> None:
        assert registry.with_alias(name, PRODUCTION) is None
        assert registry.with_inputs(name, "x") is None
        with pytest.raises(UnknownVersion, match="no version 7"):
            registry.version(name, "7")
        with pytest.raises(UnknownVersion, match=r"nothing of .* is staged"):
            self.promoted(registry, name)
        with pytest.raises(UnknownVersion, match="no earlier Production"):
            roll_back(registry, name=name, version=None, occasion=OCCASION)

    def test_the_bundle_comes_back_as_it_went_in(self, registry: Registry, name: str, tmp_path: Path) -> None:
        version = registry.register(built(name))
        folder = registry.fetch_bundle(version, tmp_path)
        assert read_bundle(folder, expected_digest=version.digest).model_text == built(name).model_text

    def test_promoting_moves_the_alias_and_says_all_that_a_scorer_needs(
        self, registry: Registry, name: str
    ) -> None:
        version = registry.register(built(name))
        event = self.promoted(registry, name)
        assert version_at(registry, name, PRODUCTION) == version.version
        assert (event.name, event.version, event.digest) == (name, version.version, version.digest)
        assert event.bundle_uri == version.bundle_uri
        assert event.metrics["auc"] == built(name).metrics["auc"]
        assert event.cut_offs.keys() == {"approve_below", "decline_from"}
        assert (event.promoted_at, event.promoted_by) == (OCCASION.at, OCCASION.by)

    def test_promoting_twice_changes_nothing(self, registry: Registry, name: str) -> None:
        registry.register(built(name))
        assert self.promoted(registry, name) == self.promoted(registry, name)
        assert registry.with_alias(name, PREVIOUS) is None

    def test_a_twin_of_production_is_not_promoted_again(self, registry: Registry, name: str) -> None:
        first = registry.register(built(name))
        event = self.promoted(registry, name)
        twin = registry.register(built(name))
        assert self.promoted(registry, name, twin.version) == event
        assert version_at(registry, name, PRODUCTION) == first.version

    def test_a_better_version_of_the_same_inputs_is_promoted(self, registry: Registry, name: str) -> None:
        registry.register(cut_short(built(name)))
        self.promoted(registry, name)
        better = registry.register(built(name))
        assert self.promoted(registry, name, better.version).version == better.version
        assert version_at(registry, name, PRODUCTION) == better.version

    def test_of_two_who_promote_at_once_one_is_turned_away(self, registry: Registry, name: str) -> None:
        registry.register(built(name))
        with registry.promoting(name):
            with pytest.raises(PromotionUnderWay, match="being promoted"):
                self.promoted(registry, name)
            assert registry.with_alias(name, PRODUCTION) is None
        assert self.promoted(registry, name).version == version_at(registry, name, PRODUCTION)

    def test_the_news_of_a_promotion_are_out_before_the_next_can_begin(
        self, registry: Registry, name: str
    ) -> None:
        registry.register(built(name))
        told: list[ModelPromoted] = []

        def publish_slowly(event: ModelPromoted) -> None:
            with pytest.raises(PromotionUnderWay):
                self.promoted(registry, name)
            told.append(event)

        promote(registry, name=name, version=None, occasion=OCCASION, publish=publish_slowly)
        roll_back(registry, name=name, version="1", occasion=OCCASION, publish=publish_slowly)
        assert [event.version for event in told] == ["1", "1"]

    def test_news_that_were_lost_are_told_by_promoting_again_whatever_the_gates_say(
        self, registry: Registry, name: str
    ) -> None:
        def lose(event: ModelPromoted) -> None:
            raise PromotionNotPublished("the brokers are away")

        first = self.promote_new(registry, name, seed=5)
        forced = registry.register(with_lineage(built(name, seed=6), is_quality_passed=False))
        with pytest.raises(GatesNotPassed, match="data quality passed"):
            self.promoted(registry, name)
        with pytest.raises(PromotionNotPublished):
            promote(registry, name=name, version=None, occasion=OCCASION, force=True, publish=lose)
        assert self.promoted(registry, name, forced.version).version == forced.version
        with pytest.raises(PromotionNotPublished):
            roll_back(registry, name=name, version=None, occasion=OCCASION, publish=lose)
        assert self.promoted(registry, name, first.version).version == first.version

    def test_a_promotion_that_breaks_keeps_nobody_else_out(self, registry: Registry, name: str) -> None:
        registry.register(built(name))
        with pytest.raises(LookupError), registry.promoting(name):
            raise LookupError
        assert self.promoted(registry, name).name == name

    def test_a_version_that_looks_worse_is_not_promoted_unless_forced(
        self, registry: Registry, name: str
    ) -> None:
        good = registry.register(built(name))
        self.promoted(registry, name)
        worse = registry.register(built(name, is_worse=True))
        with pytest.raises(GatesNotPassed, match="AUC not worse"):
            self.promoted(registry, name)
        assert version_at(registry, name, PRODUCTION) == good.version
        promote(registry, name=name, version=None, occasion=OCCASION, force=True)
        assert version_at(registry, name, PRODUCTION) == worse.version

    def test_rolling_back_returns_to_the_version_before_and_back_again(
        self, registry: Registry, name: str
    ) -> None:
        first = self.promote_new(registry, name, seed=5)
        second = self.promote_new(registry, name, seed=6)
        assert version_at(registry, name, PREVIOUS) == first.version
        event = roll_back(registry, name=name, version=None, occasion=OCCASION)
        assert (event.version, event.digest) == (first.version, first.digest)
        assert version_at(registry, name, PRODUCTION) == first.version
        assert roll_back(registry, name=name, version=None, occasion=OCCASION).version == second.version

    def test_rolling_back_to_a_named_version_needs_no_gates(self, registry: Registry, name: str) -> None:
        oldest = self.promote_new(registry, name, seed=5)
        self.promote_new(registry, name, seed=6)
        self.promote_new(registry, name, seed=7)
        event = roll_back(registry, name=name, version=oldest.version, occasion=OCCASION)
        assert event.version == oldest.version
        assert version_at(registry, name, PRODUCTION) == oldest.version

    def test_there_is_no_going_back_to_a_version_that_never_decided(
        self, registry: Registry, name: str
    ) -> None:
        good = self.promote_new(registry, name, seed=5)
        worse = registry.register(built(name, is_worse=True))
        with pytest.raises(NeverProduction, match=f"scorestream promote {worse.version}"):
            roll_back(registry, name=name, version=worse.version, occasion=OCCASION)
        assert version_at(registry, name, PRODUCTION) == good.version

    def test_a_schedule_promotes_nothing_that_was_replaced_before(
        self, registry: Registry, name: str
    ) -> None:
        first = self.promote_new(registry, name, seed=5)
        second = self.promote_new(registry, name, seed=6)
        roll_back(registry, name=name, version=None, occasion=OCCASION)
        with pytest.raises(AlreadyReplaced, match=f"scorestream rollback {second.version}"):
            promote(registry, name=name, version=second.version, occasion=OCCASION, force=True, once=True)
        promote(registry, name=name, version=first.version, occasion=OCCASION, once=True)
        assert version_at(registry, name, PRODUCTION) == first.version

    def test_what_is_gone_back_to_is_read_when_nobody_else_promotes(
        self, registry: Registry, name: str
    ) -> None:
        with registry.promoting(name), pytest.raises(PromotionUnderWay):
            roll_back(registry, name=name, version=None, occasion=OCCASION)

    def promote_new(self, registry: Registry, name: str, *, seed: int) -> RegisteredVersion:
        version = registry.register(built(name, seed=seed))
        promote(registry, name=name, version=None, occasion=OCCASION, force=True)
        return version

    def test_a_run_that_breaks_leaves_no_version_and_says_so(self, registry: Registry, name: str) -> None:
        with pytest.raises(LookupError), registry.run(name):
            raise LookupError
        assert registry.with_alias(name, STAGING) is None

    def test_the_evaluation_rows_come_back_as_they_went_in(
        self, registry: Registry, name: str, tmp_path: Path
    ) -> None:
        rows = built(name).held_out
        version = registry.register(built(name))
        found = read_held_out(registry.fetch_evaluation(version, tmp_path))
        assert found.names == rows.names
        assert np.array_equal(found.features, rows.features, equal_nan=True)
        assert np.array_equal(found.learnt_from, rows.learnt_from)
