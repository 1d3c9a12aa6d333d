"""A server that is away for a while, or a search that was broken off, leaves no gap among the nested runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fake_registry import FakeRegistry
from tests.models import TINY, no_progress, random_rows, random_target, write_csv
from training.errors import RegistryUnavailable
from training.train import TrainingPlan, train
from training.trial_log import NestedTrials
from training.tune import TrialFinished, TuningPlan


class AwayRegistry(FakeRegistry):
    """A registry that does not take the trials with these numbers the first time."""

    def __init__(self, folder: Path, *away: int) -> None:
        super().__init__(folder)
        self._away = set(away)

    def log_trial(self, run_id: str, trial: TrialFinished) -> None:
        if trial.number in self._away:
            self._away.remove(trial.number)
            raise RegistryUnavailable("MLflow: it does not answer")
        super().log_trial(run_id, trial)


def trial(number: int) -> TrialFinished:
    return TrialFinished(number, {"num_leaves": 9}, {"auc": 0.7}, False, 1_000, 2_000)


@pytest.mark.parametrize("away", [(0,), (1,), (0, 1)])
def test_a_trial_that_finished_while_the_server_was_away_is_logged_with_the_next(
    away: tuple[int, ...], tmp_path: Path
) -> None:
    registry = AwayRegistry(tmp_path, *away)
    trials = NestedTrials(registry, "run")
    for number in range(4):
        trials(trial(number))
    assert [logged.number for logged in registry.trials] == [0, 1, 2, 3]


def test_the_last_trial_is_logged_when_the_search_is_over(tmp_path: Path) -> None:
    registry = AwayRegistry(tmp_path, 0)
    trials = NestedTrials(registry, "run")
    trials(trial(0))
    assert registry.trials == []
    trials.catch_up()
    trials.catch_up()
    assert [logged.number for logged in registry.trials] == [0]


def test_a_run_that_goes_on_with_a_study_has_all_of_its_trials(tmp_path: Path) -> None:
    rows = random_rows(900, seed=51)
    write_csv(tmp_path / "application_train.csv", rows, random_target(rows, seed=51))
    plan = TrainingPlan(
        folder=tmp_path,
        model_name="credit-risk",
        settings=replace(TINY, num_threads=1),
        seed=1,
        tuning=TuningPlan(trials=2, max_leaves=100, rows=400, n_folds=2),
        study_storage=f"sqlite:///{tmp_path}/study.db",
    )
    registry = AwayRegistry(tmp_path / "registry", 1)
    built = train(plan, registry, progress=no_progress).built
    assert built is not None
    assert built.selected is not None
    assert built.selected.features == built.manifest.feature_names
    again = FakeRegistry(tmp_path / "again")
    train(plan, again, progress=no_progress)
    assert [logged.number for logged in registry.trials] == [0, 1]
    assert again.trials == registry.trials
