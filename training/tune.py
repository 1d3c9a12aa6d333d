"""Searches LightGBM's settings for the best model inside a budget of leaves, with Optuna.

A study lives in a database: SQLite by default, PostgreSQL by URL, where several workers may share it.
It can be stopped at any moment and goes on from its finished trials. What a trial proposes depends on
nothing but the seed and the trials finished before it, so one worker's study gives the same model
whether or not it was interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError

from training.dataset import Dataset
from training.errors import StudyUnavailable, TuningInterrupted
from training.fit import FitSettings, Watch
from training.trials import OutOfTime, TrialFolds, as_proposed, proposed

#: AUC that a thousand leaves must bring: about what they cost in time per decision.
LEAF_PRICE: Final = 0.0001
_STARTUP_TRIALS: Final = 8
_OPEN_TRIES: Final = 5
_OPEN_WAIT_S: Final = 0.5
_FINISHED: Final = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, slots=True)
class TuningPlan:
    """How long to search, and for how large a model.

    `trials` counts the study's finished trials, whoever ran them; `max_leaves` bounds trees x leaves;
    `rows` is how many rows a trial sees at most, drawn from each class alike.
    """

    trials: int = 40
    max_leaves: int = 16_000
    rows: int = 60_000
    n_folds: int = 3


@dataclass(frozen=True, slots=True)
class TrialFinished:
    """A trial as it goes to the tracking server; `value` is what was maximised, None if it was pruned."""

    number: int
    parameters: dict[str, float | int]
    metrics: dict[str, float]
    is_pruned: bool
    started_ms: int
    ended_ms: int


TrialLog = Callable[[TrialFinished], None]


@dataclass(frozen=True, slots=True)
class StudyPlace:
    """Which study it is, where it is kept, and what its trials start from.

    `storage` is a database URL (SQLite or PostgreSQL), None for a study that ends with the process.
    """

    name: str
    storage: str | None
    base: FitSettings
    seed: int


@dataclass(frozen=True, slots=True)
class Tried:
    """A finished trial of the study: what it proposed and what came of it, None if it was pruned."""

    parameters: dict[str, float | int]
    value: float | None


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best settings found, and all finished trials of the study in their order.

    `best_auc` and `best_trial` are None when there was no time for a trial: the settings are the first ones.
    `is_cut_short` when the time was over before all trials that were wanted had finished.
    """

    settings: FitSettings
    best_auc: float | None
    best_trial: int | None
    tried: tuple[Tried, ...]
    is_cut_short: bool = False

    @property
    def finished(self) -> int:
        """How many trials finished."""
        return len(self.tried)

    @property
    def pruned(self) -> int:
        """How many of them were stopped early."""
        return sum(trial.value is None for trial in self.tried)


def tune(
    dataset: Dataset,
    features: tuple[str, ...],
    *,
    plan: TuningPlan,
    place: StudyPlace,
    log: TrialLog,
    watch: Watch,
) -> Tuned:
    """The settings with the best cross-validated AUC less the price of their leaves.

    The first trial has the settings that the study starts from, so what is found is never worse; it is
    also what a study without a completed trial gives.

    Raises
    ------
    TuningInterrupted
        On Ctrl-C. Finished trials are in the study.
    StudyUnavailable
        The study's database can't be used.
    """
    seed, base, is_over = place.seed, place.base, watch.budget.is_over
    try:
        study = open_study(place)
        _ask_first(study, as_proposed(base))
        folds = TrialFolds.of(dataset, features, rows=plan.rows, n_folds=plan.n_folds, base=base, seed=seed)
        told: set[int] = set()
        while len(finished := _told(study, log, told)) < plan.trials and not is_over():
            watch.progress(_so_far(study, len(finished), plan.trials), len(finished) / plan.trials)
            study.sampler = optuna.samplers.TPESampler(
                seed=seed + len(finished), n_startup_trials=_STARTUP_TRIALS, multivariate=True
            )
            _run_trial(study, folds, base, plan, is_over)
    except KeyboardInterrupt:
        raise TuningInterrupted(
            f"stopped; study {place.name} keeps its finished trials: run the same command to go on"
        ) from None
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise StudyUnavailable(f"study {place.name}: {str(error).splitlines()[0]}") from error
    return _tuned(study, base, plan)


def open_study(place: StudyPlace) -> optuna.Study:
    """The study, made if it is new."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = place.storage
    if storage is not None and storage.startswith("sqlite:///"):
        Path(storage.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        study_name=place.name,
        storage=None if storage is None else _opened(storage),
        direction="maximize",
        load_if_exists=True,
        # A fold is a step: after the first, a trial in the worse half of its predecessors stops.
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS // 2, n_warmup_steps=0),
    )


def _ask_first(study: optuna.Study, parameters: dict[str, float | int]) -> None:
    """Have the next trial take these, unless one that goes on or has finished does.

    A trial that Ctrl-C or the clock has ended failed: Optuna's own `skip_if_exists` would count it.
    """
    states = (*_FINISHED, TrialState.WAITING, TrialState.RUNNING)
    taken = study.get_trials(deepcopy=False, states=states)
    if all(trial.system_attrs.get("fixed_params") != parameters for trial in taken):
        study.enqueue_trial(parameters)


def _opened(storage: str, tries: int = _OPEN_TRIES) -> optuna.storages.BaseStorage:
    """The database, with its tables made. Workers that start together may all try to make them."""
    try:
        return optuna.storages.get_storage(storage)
    except (IntegrityError, ProgrammingError):
        if tries == 1:
            raise
        time.sleep(_OPEN_WAIT_S)
        return _opened(storage, tries - 1)


def _run_trial(
    study: optuna.Study,
    folds: TrialFolds,
    base: FitSettings,
    plan: TuningPlan,
    is_over: Callable[[], bool],
) -> FrozenTrial:
    trial = study.ask()
    try:
        settings = proposed(trial, base, max_leaves=plan.max_leaves)
        return study.tell(trial, _objective(trial, folds, settings, is_over))
    except optuna.TrialPruned:
        return study.tell(trial, state=TrialState.PRUNED)
    except OutOfTime:
        return study.tell(trial, state=TrialState.FAIL)
    except BaseException:
        # Ctrl-C may come just when the trial is told: then it is finished and stays so.
        with suppress(ValueError):
            study.tell(trial, state=TrialState.FAIL)
        raise


def _objective(trial: Trial, folds: TrialFolds, settings: FitSettings, is_over: Callable[[], bool]) -> float:
    aucs: list[float] = []
    trees: list[int] = []
    for fold in range(folds.count):
        auc, n_trees = folds.measure(fold, settings, is_over)
        aucs.append(auc)
        trees.append(n_trees)
        leaves = float(np.mean(trees)) * settings.num_leaves
        value = float(np.mean(aucs)) - LEAF_PRICE * leaves / 1000.0
        trial.set_user_attr("auc", float(np.mean(aucs)))
        trial.set_user_attr("auc_spread", float(np.std(aucs)))
        trial.set_user_attr("trees", float(np.mean(trees)))
        trial.set_user_attr("leaves", leaves)
        trial.report(value, fold)
        if fold + 1 < folds.count and trial.should_prune():
            raise optuna.TrialPruned
    return value


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=_FINISHED)


def _told(study: optuna.Study, log: TrialLog, told: set[int]) -> list[FrozenTrial]:
    """The finished trials, whoever ran them; `log` is told those that it was not `told` yet."""
    finished = _finished(study)
    for trial in finished:
        if trial.number not in told:
            log(_for_log(trial))
            told.add(trial.number)
    return finished


def _so_far(study: optuna.Study, finished: int, wanted: int) -> str:
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not done:
        return f"tuning: trial {finished + 1} of {wanted}"
    best = study.best_trial
    so_far = f"best AUC {best.user_attrs['auc']:.4f} (trial {best.number})"
    return f"tuning: trial {finished + 1} of {wanted}, {so_far}"


def _tuned(study: optuna.Study, base: FitSettings, plan: TuningPlan) -> Tuned:
    finished = _finished(study)
    is_cut_short = len(finished) < plan.trials
    tried = tuple(
        Tried(dict(trial.params), trial.value if trial.state is TrialState.COMPLETE else None)
        for trial in finished
    )
    if all(trial.value is None for trial in tried):
        return Tuned(base, best_auc=None, best_trial=None, tried=tried, is_cut_short=is_cut_short)
    best = study.best_trial
    settings = proposed(optuna.trial.FixedTrial(best.params), base, max_leaves=plan.max_leaves)
    return Tuned(
        settings=replace(settings, num_threads=base.num_threads),
        best_auc=float(best.user_attrs["auc"]),
        best_trial=best.number,
        tried=tried,
        is_cut_short=is_cut_short,
    )


def _for_log(trial: FrozenTrial) -> TrialFinished:
    started, ended = trial.datetime_start, trial.datetime_complete
    metrics = {name: float(value) for name, value in trial.user_attrs.items()}
    if trial.value is not None:
        metrics["objective"] = trial.value
    return TrialFinished(
        number=trial.number,
        parameters=trial.params,
        metrics=metrics,
        is_pruned=trial.state is TrialState.PRUNED,
        started_ms=0 if started is None else int(started.timestamp() * 1000),
        ended_ms=0 if ended is None else int(ended.timestamp() * 1000),
    )
