"""The pipeline behind `scorestream train`: files in, a staged version out.

Training the same inputs again finds the version that they gave, stages it and stops there, so the
command can be run by schedulers and start scripts without thinking. A version that the wall clock cut
short is no answer for a run without one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from feature_service.application import Encoded
from training.applications import (
    FILE_NAME,
    TEST_FILE_NAME,
    file_sha256,
    read_labelled_applications,
    read_unlabelled,
)
from training.budget import Budget
from training.build import BuiltModel, Origin, build_model
from training.dataset import Dataset, check_enough, make_dataset
from training.errors import (
    BadApplicationsFile,
    LeakSuspected,
    NoOutcomes,
    RegistryUnavailable,
    TooFewOutcomes,
)
from training.findings import fit_part_aucs
from training.fit import FitSettings, Progress, Watch
from training.growing import Recipe
from training.history import NO_HISTORY, HistoryFeatures, Snapshots
from training.leakage import suspects
from training.lineage import code_digest, environment_digest, inputs_digest
from training.outcomes import MaturedOutcomes, OutcomeArchive
from training.registry import PRODUCTION, RegisteredVersion, Registry, compared_with_production
from training.select_features import Selected, select_features
from training.trial_log import NestedTrials
from training.trials import sample_of
from training.tune import StudyPlace, TrialLog, Tuned, TuningPlan, tune

#: Of the run's wall clock, what may pass before the last tree is grown; of that, what feature selection
#: may take, and of what is then left, the tuning. The rest is for the folds and the final fit.
_GROWING_SHARE: Final = 0.9
_SELECTING_SHARE: Final = 0.2
_TUNING_SHARE: Final = 0.6


@dataclass(frozen=True, slots=True)
class OutcomeWindow:
    """Which matured outcomes join: those of `archive` that were observed in `[since, until)`.

    `is_optional`: without any, or with too few to hold out, training goes on without them and says so.
    """

    archive: OutcomeArchive
    since: datetime
    until: datetime
    snapshots: Snapshots | None = None
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What is trained: `folder` holds application_train.csv; equal plans on equal files give equal bytes.

    Without `tuning`, `settings` are used as they are. `n_folds` of the final fit; 0 stops it early instead.
    `minutes` is the wall clock of the whole run, None for no limit: only then are equal bytes sure.
    """

    folder: Path
    model_name: str
    settings: FitSettings
    seed: int
    tuning: TuningPlan | None = None
    study_storage: str | None = None
    n_folds: int = 0
    outcomes: OutcomeWindow | None = None
    history: HistoryFeatures = field(default=NO_HISTORY)
    is_leak_allowed: bool = False
    minutes: float | None = None


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """The version that the inputs give; `built` is None if it was there already, `tuned` without tuning.

    `is_production`: it was there, and decides. `notes` say what became of the outcomes, where that is not
    what was asked for.
    """

    version: RegisteredVersion
    built: BuiltModel | None
    tuned: Tuned | None = None
    compared: dict[str, float] = field(default_factory=dict)
    is_production: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Search:
    """What looking for features and settings needs beside the rows."""

    plan: TrainingPlan
    origin: Origin
    log: TrialLog
    watch: Watch


@dataclass(frozen=True, slots=True)
class Found:
    """How to make the model, and the search that said so; without tuning there was none."""

    recipe: Recipe
    selected: Selected | None = None
    tuned: Tuned | None = None


def train(
    plan: TrainingPlan, registry: Registry, *, force: bool = False, progress: Progress
) -> TrainingOutcome:
    """The staged version of the plan: the one that is there already, or a new one.

    `force` trains in any case. `progress` is told each stage and its share done.

    Raises BadApplicationsFile, BadOutcomes, LeakSuspected, RegistryUnavailable, StudyUnavailable,
    TuningInterrupted.
    """
    # The last part is for evaluating, drawing and registering.
    budget = Budget.of_minutes(plan.minutes).part(_GROWING_SHARE)
    progress("fingerprinting inputs", 0.0)
    outcomes, notes = _outcomes(plan.outcomes)
    if outcomes is None:
        plan = replace(plan, outcomes=None)
    origin = origin_of(plan, outcomes)
    known = None if force else _known(plan, origin, registry)
    if known is not None:
        registry.stage(known)
        production = registry.with_alias(plan.model_name, PRODUCTION)
        return TrainingOutcome(known, built=None, is_production=known == production, notes=notes)
    dataset = _dataset(plan, outcomes, progress)
    dataset = replace(dataset, notes=notes + dataset.notes)
    _refuse_leaks(dataset, is_allowed=plan.is_leak_allowed)
    with registry.run(plan.model_name) as run_id:
        trials = NestedTrials(registry, run_id)
        search = Search(plan, origin, log=trials, watch=Watch(progress, budget))
        found = found_by(search, dataset)
        built = build_model(
            dataset,
            model_name=plan.model_name,
            recipe=found.recipe,
            origin=origin,
            progress=progress,
            budget=budget,
        )
        built = replace(built, selected=found.selected)
        progress("registering", 0.0)
        trials.catch_up()
        try:
            compared = compared_with_production(registry, built)
            version = registry.register(built, run_id=run_id, tuned=found.tuned, compared=compared)
        except RegistryUnavailable as error:
            raise RegistryUnavailable(
                f"{error}; nothing was staged. When it is back, the same command goes on from the trials"
                " that are finished"
            ) from error
    progress("staged", 1.0)
    return TrainingOutcome(version, built, tuned=found.tuned, compared=compared, notes=built.notes)


def _known(plan: TrainingPlan, origin: Origin, registry: Registry) -> RegisteredVersion | None:
    """The version that the plan would give again, or one as good as its wall clock allows."""
    known = registry.with_inputs(plan.model_name, origin.inputs_digest)
    return None if known is not None and known.is_cut_short and plan.minutes is None else known


def origin_of(plan: TrainingPlan, outcomes: MaturedOutcomes | None = None) -> Origin:
    """The fingerprint of the plan: of its files, parameters, seed, libraries, and the code that would run."""
    path = plan.folder / FILE_NAME
    if not path.is_file():
        raise BadApplicationsFile(f"{path} is missing; --data is the folder that holds {FILE_NAME}")
    sha256 = {FILE_NAME: file_sha256(path)}
    if (test_file := plan.folder / TEST_FILE_NAME).is_file():
        sha256[TEST_FILE_NAME] = file_sha256(test_file)
    if outcomes is not None:
        sha256["outcomes"] = outcomes.sha256
    if plan.history.snapshot_id is not None:
        sha256["snapshot"] = plan.history.snapshot_id
    parameters = _parameters(plan)
    code, environment = code_digest(), environment_digest()
    return Origin(
        inputs_digest=inputs_digest(
            sha256=sha256, code=f"{code} {environment}", parameters=parameters, seed=plan.seed
        ),
        code_digest=code,
        environment_digest=environment,
        sha256=sha256,
        parameters=parameters,
        seed=plan.seed,
    )


def study_name(plan: TrainingPlan, origin: Origin) -> str:
    """The study of just these inputs: the same command goes on with it."""
    return f"{plan.model_name}-{origin.inputs_digest[:16]}"


def _parameters(plan: TrainingPlan) -> dict[str, float | int | str | bool]:
    parameters: dict[str, float | int | str | bool] = {**asdict(plan.settings), "n_folds": plan.n_folds}
    if plan.tuning is not None:
        # How long this run may take is no part of what it looks for.
        parameters |= {f"tuning_{name}": value for name, value in asdict(plan.tuning).items()}
    if plan.outcomes is not None:
        parameters["outcomes_from"] = plan.outcomes.since.isoformat()
        parameters["outcomes_to"] = plan.outcomes.until.isoformat()
    return parameters


def _outcomes(window: OutcomeWindow | None) -> tuple[MaturedOutcomes | None, tuple[str, ...]]:
    """The outcomes that join, if any, and why those that were asked for do not."""
    if window is None:
        return None, ()
    try:
        outcomes = window.archive.matured(window.since, window.until)
        check_enough(outcomes)
    except (NoOutcomes, TooFewOutcomes) as error:
        if window.is_optional:
            return None, (f"trained without outcomes: {error}",)
        raise
    return outcomes, ()


def _dataset(plan: TrainingPlan, outcomes: MaturedOutcomes | None, progress: Progress) -> Dataset:
    progress("reading applications", 0.0)
    applications = read_labelled_applications(plan.folder / FILE_NAME)
    test_file = plan.folder / TEST_FILE_NAME
    unlabelled: Encoded | None = read_unlabelled(test_file) if test_file.is_file() else None
    progress("computing features", 0.0)
    return make_dataset(
        applications,
        seed=plan.seed,
        history=plan.history,
        outcomes=outcomes,
        snapshots=None if plan.outcomes is None else plan.outcomes.snapshots,
        unlabelled=unlabelled,
    )


def _refuse_leaks(dataset: Dataset, *, is_allowed: bool) -> None:
    found = suspects(fit_part_aucs(dataset, dataset.inputs))
    if found and not is_allowed:
        raise LeakSuspected(found)


def found_by(search: Search, dataset: Dataset) -> Found:
    """The settings as they are, or the features worth having and the best settings for them."""
    plan, tuning, watch = search.plan, search.plan.tuning, search.watch
    if tuning is None:
        return Found(Recipe(plan.settings, n_folds=plan.n_folds))
    rows = sample_of(dataset, tuning.rows, seed=plan.seed)
    selected = select_features(
        dataset,
        rows,
        plan.settings,
        seed=plan.seed,
        watch=Watch(watch.progress, watch.budget.part(_SELECTING_SHARE)),
    )
    tuned = tune(
        dataset,
        selected.features,
        plan=tuning,
        place=StudyPlace(study_name(plan, search.origin), plan.study_storage, plan.settings, plan.seed),
        log=search.log,
        watch=Watch(watch.progress, watch.budget.part(_TUNING_SHARE)),
    )
    # Found with few rows, for all rows: growing may go on as long as the budget of leaves allows.
    settings = replace(tuned.settings, max_trees=tuning.max_leaves // tuned.settings.num_leaves)
    is_cut_short = selected.is_cut_short or tuned.is_cut_short
    recipe = Recipe(settings, selected.features, n_folds=plan.n_folds, is_cut_short=is_cut_short)
    return Found(recipe, selected, tuned)
