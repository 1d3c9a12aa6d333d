from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from feature_service.application import Features
from scorer.bundle import read_bundle
from scorer.engines import Engine, LightGBMEngine, compiled_engine, probe_rows, prove
from scorer.errors import NotCompilable
from scorer.kernel import slots
from scorer.model import ServingModel


class OffByABit:
    """An engine whose margins, or contributions, are a little wrong."""

    name = "off by a bit"

    def __init__(self, right: Engine, *, margin_bits: int = 0, contribution: float = 0.0) -> None:
        self._right = right
        self._margin_bits = margin_bits
        self._contribution = contribution

    def margins(self, features: Features) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        margins = self._right.margins(features)
        for _ in range(self._margin_bits):
            margins = np.nextafter(margins, np.inf)
        return margins

    def contributions(self, features: Features) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        return self._right.contributions(features) + self._contribution


def test_a_served_model_is_compiled_and_says_the_same_as_lightgbm(bundle: Path) -> None:
    read = read_bundle(bundle)
    served, judge = ServingModel(read), LightGBMEngine(read)
    assert served.not_compiled == ""
    rows = probe_rows(read.structure.trees, n_features=len(read.structure.feature_names))
    assert served.margins(rows).tolist() == judge.margins(rows).tolist()
    assert np.abs(served.contributions(rows) - judge.contributions(rows)).max() <= 1e-9


def test_a_model_that_does_not_fit_the_kernel_is_served_by_lightgbm(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "_MOST_SLOTS", 1)
    read = read_bundle(bundle)
    served = ServingModel(read)
    assert "at most 1" in served.not_compiled
    assert served.margins(read.golden.features()).tolist() == read.golden.expected_margins().tolist()


def test_an_engine_that_is_off_by_one_bit_is_not_used(bundle: Path) -> None:
    read = read_bundle(bundle)
    judge, rows = LightGBMEngine(read), read.golden.features()
    prove(OffByABit(judge), judge, rows)
    with pytest.raises(NotCompilable, match="row 0 scores"):
        prove(OffByABit(judge, margin_bits=1), judge, rows)


def test_an_engine_whose_contributions_differ_is_not_used(bundle: Path) -> None:
    read = read_bundle(bundle)
    judge, rows = LightGBMEngine(read), read.golden.features()
    prove(OffByABit(judge, contribution=1e-12), judge, rows)
    for apart in (1e-8, float("nan")):
        with pytest.raises(NotCompilable, match="contributions"):
            prove(OffByABit(judge, contribution=apart), judge, rows)


def test_a_wrong_judge_is_as_good_as_a_wrong_kernel(bundle: Path) -> None:
    read = read_bundle(bundle)
    with pytest.raises(NotCompilable):
        compiled_engine(read, OffByABit(LightGBMEngine(read), margin_bits=1))


def test_probe_rows_lie_on_the_trees_own_bounds_and_are_always_the_same(bundle: Path) -> None:
    structure = read_bundle(bundle).structure
    n_features = len(structure.feature_names)
    rows = probe_rows(structure.trees, n_features=n_features)
    np.testing.assert_array_equal(rows, probe_rows(structure.trees, n_features=n_features))
    asked = {
        (feature, np.float32(tree.threshold[node]))
        for tree in structure.trees
        for node, feature in enumerate(tree.split_feature)
        if not tree.is_categorical(node)
    }
    assert sum(bound in rows[:, feature] for feature, bound in asked) > 20
    assert np.isnan(rows).any()
