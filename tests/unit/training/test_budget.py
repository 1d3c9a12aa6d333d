from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fake_registry import FakeRegistry
from tests.models import ORIGIN, TINY, built_on, dataset, no_progress, random_rows, random_target, write_csv
from training.budget import UNLIMITED, Budget
from training.build import build_model
from training.fit import FitSettings, Watch
from training.growing import Recipe, grow_model
from training.train import Search, TrainingPlan, found_by, train
from training.tune import TuningPlan

RECIPE = Recipe(replace(TINY, max_trees=40, patience_trees=40), n_folds=4)


class SteppingClock:
    """Goes on by `step_s` whenever it is looked at."""

    def __init__(self, step_s: float) -> None:
        self._now_s = 0.0
        self._step_s = step_s

    def __call__(self) -> float:
        self._now_s += self._step_s
        return self._now_s


def test_a_budget_without_a_limit_is_never_over() -> None:
    assert Budget.of_minutes(None) is UNLIMITED
    assert not UNLIMITED.is_over()
    assert UNLIMITED.part(0.1) is UNLIMITED


def test_a_part_of_a_budget_ends_before_it() -> None:
    now: Iterator[float] = iter([0.0, 0.0, 0.0])
    budget = Budget.of_minutes(1.0, clock=lambda: next(now, 31.0))
    half = budget.part(0.5)
    assert (half.ends_at, budget.ends_at) == (30.0, 60.0)
    assert half.is_over()
    assert not budget.is_over()
    assert budget.left_s == 29.0


def test_a_run_with_time_enough_gives_the_same_model_as_one_without_a_limit() -> None:
    limited = grow_model(
        dataset(), RECIPE, seed=5, progress=no_progress, budget=Budget.of_minutes(60.0, clock=lambda: 0.0)
    )
    free = grow_model(dataset(), RECIPE, seed=5, progress=no_progress)
    assert limited.model.text == free.model.text
    assert not limited.is_cut_short


@pytest.mark.parametrize("seconds", [1.0, 20.0, 60.0])
def test_folds_and_trees_end_with_the_wall_clock_and_say_that_they_were_cut(seconds: float) -> None:
    clock = SteppingClock(step_s=0.5)
    budget = Budget.of_minutes(seconds / 60.0, clock=clock)
    grown = grow_model(dataset(), RECIPE, seed=5, progress=no_progress, budget=budget)
    assert grown.is_cut_short
    assert 1 <= len(grown.folds) < RECIPE.n_folds
    assert grown.model.n_trees >= 1
    # What is looked at once per tree is over by no more than a few looks.
    assert clock() < seconds + 15.0


def test_a_model_that_was_cut_short_says_so_among_its_figures() -> None:
    assert built_on(dataset(), recipe=RECIPE).metrics["is_cut_short"] == 0.0
    cut = build_model(
        dataset(),
        model_name="credit-risk",
        recipe=RECIPE,
        origin=ORIGIN,
        progress=no_progress,
        budget=Budget.of_minutes(0.0),
    )
    assert cut.metrics["is_cut_short"] == 1.0


def test_a_whole_run_without_time_still_stages_a_model(tmp_path: Path) -> None:
    rows = random_rows(900, seed=51)
    write_csv(tmp_path / "application_train.csv", rows, random_target(rows, seed=51))
    plan = TrainingPlan(
        folder=tmp_path,
        model_name="credit-risk",
        settings=FitSettings(num_threads=1, max_trees=10, min_data_in_leaf=20),
        seed=1,
        tuning=TuningPlan(trials=30, max_leaves=60, n_folds=2),
        n_folds=3,
        minutes=0.0,
    )
    outcome = train(plan, FakeRegistry(tmp_path / "registry"), progress=no_progress)
    assert outcome.tuned is not None
    assert outcome.tuned.finished == 0
    assert outcome.built is not None
    assert outcome.built.metrics["is_cut_short"] == 1.0


class ClockOfTheSearch:
    """Stands still but while trials run: the time is over for these alone."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def progress(self, stage: str, share: float) -> None:
        if stage.startswith("tuning: trial 2"):
            self.now_s += 3600.0


def test_a_search_that_lost_trials_to_the_clock_makes_a_model_that_says_so() -> None:
    clock = ClockOfTheSearch()
    plan = TrainingPlan(
        folder=Path(),
        model_name="credit-risk",
        settings=replace(TINY, max_trees=5),
        seed=1,
        tuning=TuningPlan(trials=30, max_leaves=60, n_folds=2),
    )
    watch = Watch(clock.progress, Budget.of_minutes(90.0, clock=clock))
    found = found_by(Search(plan, ORIGIN, log=lambda _: None, watch=watch), dataset())
    assert found.tuned is not None
    assert 1 <= found.tuned.finished < 30
    assert found.recipe.is_cut_short
    assert grow_model(dataset(), found.recipe, seed=1, progress=no_progress).is_cut_short
