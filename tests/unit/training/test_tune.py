from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import optuna
import pytest

from tests.models import TINY, dataset, no_progress
from training.budget import Budget
from training.errors import StudyUnavailable, TuningInterrupted
from training.fit import FitSettings, Watch
from training.select_features import select_features
from training.trials import TrialFolds, as_proposed
from training.tune import StudyPlace, TrialFinished, Tuned, TuningPlan, tune

FEATURES = ("EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3", "NAME_INCOME_TYPE", "AMT_CREDIT")
UNWATCHED = Watch(no_progress)
PLAN = TuningPlan(trials=6, max_leaves=200, rows=600, n_folds=2)


def place(storage: str | None = None) -> StudyPlace:
    return StudyPlace("study", storage, replace(TINY, num_threads=1), seed=3)


def run(where: StudyPlace, log: list[TrialFinished] | None = None, watch: Watch = UNWATCHED) -> Tuned:
    trials = [] if log is None else log
    return tune(dataset(), FEATURES, plan=PLAN, place=where, log=trials.append, watch=watch)


def test_two_studies_of_the_same_seed_find_the_same_settings() -> None:
    assert run(place()) == run(place())


def test_settings_stay_inside_the_budget_of_leaves() -> None:
    log: list[TrialFinished] = []
    settings = run(place(), log).settings
    assert settings.num_leaves * settings.max_trees <= PLAN.max_leaves
    assert all(trial.metrics["leaves"] <= PLAN.max_leaves for trial in log)


def test_each_finished_trial_is_told_once_with_its_figures() -> None:
    log: list[TrialFinished] = []
    tuned = run(place(), log)
    assert [trial.number for trial in log] == list(range(PLAN.trials))
    assert tuned.finished == PLAN.trials
    assert tuned.pruned == sum(trial.is_pruned for trial in log)
    assert all(0.4 < trial.metrics["auc"] < 1.0 and trial.parameters for trial in log)


def test_an_interrupted_study_goes_on_and_finds_what_it_would_have_found(tmp_path: Path) -> None:
    where = place(f"sqlite:///{tmp_path}/deep/study.db")
    told = 0

    def interrupt(stage: str, share: float) -> None:
        nonlocal told
        told += 1
        if told == 4:
            raise KeyboardInterrupt

    log: list[TrialFinished] = []
    with pytest.raises(TuningInterrupted, match="run the same command to go on"):
        tune(dataset(), FEATURES, plan=PLAN, place=where, log=log.append, watch=Watch(interrupt))
    assert len(log) == 3
    resumed: list[TrialFinished] = []
    assert run(where, resumed) == run(place())
    assert resumed[:3] == log
    assert [trial.number for trial in resumed] == list(range(PLAN.trials))


def test_a_trial_that_ctrl_c_cuts_is_not_counted(tmp_path: Path) -> None:
    where = place(f"sqlite:///{tmp_path}/study.db")

    def interrupt(trial: TrialFinished) -> None:
        raise KeyboardInterrupt

    with pytest.raises(TuningInterrupted):
        tune(dataset(), FEATURES, plan=PLAN, place=where, log=interrupt, watch=UNWATCHED)
    resumed = run(where)
    assert resumed.settings == run(place()).settings


def test_ctrl_c_that_comes_when_a_trial_is_just_told_is_no_stack_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = place(f"sqlite:///{tmp_path}/study.db")
    tell = optuna.Study.tell

    def interrupted(*arguments: Any, **options: Any) -> NoReturn:
        tell(*arguments, **options)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(optuna.Study, "tell", interrupted)
    with pytest.raises(TuningInterrupted):
        run(where)
    assert run(where) == run(place())


def test_a_study_that_is_complete_is_not_run_again(tmp_path: Path) -> None:
    where = place(f"sqlite:///{tmp_path}/study.db")
    log, again = list[TrialFinished](), list[TrialFinished]()
    first = run(where, log)
    assert run(where, again) == first
    assert again == log


def test_no_time_at_all_gives_the_settings_that_the_search_would_have_started_from() -> None:
    tuned = run(place(), watch=Watch(no_progress, Budget.of_minutes(0.0)))
    assert (tuned.settings, tuned.best_trial, tuned.finished) == (place().base, None, 0)


def test_progress_tells_the_best_so_far() -> None:
    stages: list[str] = []
    tune(
        dataset(),
        FEATURES,
        plan=PLAN,
        place=place(),
        log=list[TrialFinished]().append,
        watch=Watch(lambda stage, _: stages.append(stage)),
    )
    assert stages[0] == "tuning: trial 1 of 6"
    assert "best AUC 0." in stages[-1]


def test_the_first_trial_has_the_settings_that_the_study_starts_from() -> None:
    log: list[TrialFinished] = []
    base = replace(TINY, num_threads=1)
    run(place(), log)
    assert log[0].parameters["num_leaves"] == base.num_leaves
    assert log[0].parameters["learning_rate"] == base.learning_rate
    assert log[0].parameters["lambda_l1"] > base.lambda_l1 == 0.0  # the least that is looked at


def test_a_database_that_is_away_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database")
    with pytest.raises(StudyUnavailable):
        run(place(f"sqlite:///{tmp_path}/file"))


def test_features_that_noise_does_as_well_as_are_dropped() -> None:
    rows = dataset().parts.fit
    settings = FitSettings(num_threads=1, min_data_in_leaf=20)
    selected = select_features(dataset(), rows, settings, seed=1, watch=UNWATCHED)
    assert not selected.is_cut_short
    assert {"EXT_SOURCE_MEAN"} <= set(selected.features)
    assert set(selected.features) | set(selected.dropped) == set(dataset().inputs)
    assert len(selected.dropped) > 50 or selected.auc_with_selected == selected.auc_with_all
    assert selected.gains.keys() == set(dataset().inputs)
    strongest = max(selected.gains, key=selected.gains.__getitem__)
    assert strongest in selected.features
    assert selected.noise_gain < selected.gains[strongest]
    assert selected.as_metrics()["features_dropped"] == len(selected.dropped)


def test_a_selection_without_time_keeps_everything_and_ends() -> None:
    trees: list[str] = []
    selected = select_features(
        dataset(),
        dataset().parts.fit,
        FitSettings(num_threads=1, min_data_in_leaf=20),
        seed=1,
        watch=Watch(lambda stage, _: trees.append(stage), Budget.of_minutes(0.0)),
    )
    assert selected.features == dataset().inputs
    assert selected.is_cut_short
    assert len(trees) <= 4


def test_the_first_settings_are_tried_although_ctrl_c_came_in_their_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = place(f"sqlite:///{tmp_path}/study.db")

    def interrupted(*_: Any) -> NoReturn:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(TrialFolds, "measure", interrupted)
    with pytest.raises(TuningInterrupted):
        run(where)
    log: list[TrialFinished] = []
    resumed = run(where, log)
    assert log[0].parameters == as_proposed(where.base)
    assert [trial.parameters for trial in resumed.tried] == [trial.parameters for trial in run(place()).tried]


def test_a_search_that_the_clock_ended_says_so() -> None:
    assert not run(place()).is_cut_short
    cut = run(place(), watch=Watch(no_progress, Budget.of_minutes(0.0)))
    assert cut.is_cut_short
