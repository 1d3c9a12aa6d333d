"""`scorestream train`: from Home Credit's files to a staged model."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from contracts.topics import PREDICTIONS
from scorestream.commands import registry_options as options

if TYPE_CHECKING:
    from training.history import HistoryFeatures, Snapshots
    from training.outcomes import OutcomeArchive
    from training.train import OutcomeWindow, TrainingOutcome, TrainingPlan

#: Who is compared on the held-out applicants: name, and the figures' keys for AUC, cost and ECE.
_COMPARED = (
    ("this model", "auc", "cost_per_applicant", "ece"),
    ("model in Production", "production_auc", "production_cost", "production_ece"),
    ("logistic regression", "baseline_logistic_auc", "baseline_logistic_cost", "baseline_logistic_ece"),
    ("mean external score", "baseline_external_mean_auc", "baseline_external_mean_cost",
     "baseline_external_mean_ece"),
    ("approve everybody", "", "baseline_approve_all_cost", ""),
)  # fmt: skip
_REPORTED = (
    "applicants", "bad_rate", "auc_low", "auc_high", "newest_applicants", "newest_auc", "fold_auc_mean",
    "fold_auc_spread", "gini", "ks",
    "average_precision", "log_loss", "brier", "calibration_p", "cost_low", "cost_high", "approval_rate",
    "refer_rate", "decline_rate", "bad_rate_approved", "score_psi", "features", "trees", "leaves",
)  # fmt: skip
_FOLDS = 5


@click.command()
@click.option(
    "--data",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with application_train.csv (and _test.csv, if there), as downloaded or as made by"
    " `scorestream sample-data`.",
)
@options.tracking_uri
@options.model_name
@click.option("--seed", default=20_180_517, show_default=True, help="Same files, same seed: same model.")
@click.option("--smoke", is_flag=True, help="Small trees in seconds, to see it work. Not to lend on.")
@click.option("--force", is_flag=True, help="Train even if these inputs have given a version already.")
@click.option("--trials", default=40, show_default=True, help="Finished tuning trials; 0 takes the defaults.")
@click.option(
    "--minutes",
    default=40.0,
    show_default=True,
    help="Wall clock of the whole run; 0 for no limit. A run that it cuts short says so, and is not"
    " repeatable to the byte.",
)
@click.option(
    "--leaves",
    default=16_000,
    show_default=True,
    help="Most leaves of all trees together: the model's size, and what a reason costs.",
)
@click.option("--threads", default=2, show_default=True, help="Threads; another number, another model.")
@click.option(
    "--study-storage",
    envvar="TUNING_STORAGE",
    default="sqlite:///.scorestream/tuning.db",
    show_default=True,
    show_envvar=True,
    help="Database of the tuning study. The same command goes on with it; workers may share PostgreSQL.",
)
@click.option(
    "--outcomes",
    help="Archive (folder, gs://… or s3://…) whose matured outcomes join; their newest are held out too."
    " A folder without `predictions` holds labels from elsewhere, see training/outcomes.py.",
)
@click.option(
    "--performance-days",
    default=365.0,
    show_default=True,
    help="An archived label counts so long after its decision.",
)
@click.option(
    "--snapshot",
    help="Feature snapshot with the history: its id, or `newest`. Without: the application alone.",
)
@click.option(
    "--store",
    envvar="FEATURES_STORE",
    default=".run/features/store",
    show_default=True,
    show_envvar=True,
    help="Store of feature snapshots: a folder, gs://… or s3://…",
)
@click.option("--outcomes-from", type=click.DateTime(), help="Outcomes observed from this moment, UTC.")
@click.option("--outcomes-to", type=click.DateTime(), help="Outcomes observed before this moment, UTC.")
@click.option(
    "--outcomes-if-any",
    is_flag=True,
    help="Train without outcomes, and say so, when none has matured or too few to hold their newest out.",
)
@click.option("--json", "as_json", is_flag=True, help="The last line is JSON: name, version, is_new.")
@click.option("--result-file", type=click.Path(path_type=Path), help="Also write that JSON here.")
@click.option("--allow-leak", is_flag=True, help="Train although a feature tells the outcome by itself.")
def train(*, tracking_uri: str, force: bool, as_json: bool, result_file: Path | None, **choices: Any) -> None:
    """Train a model, tell the truth about it on held-out applicants, and stage it in MLflow.

    Nothing decides with it yet: `scorestream promote` does that.

    \b
    See that it works, in seconds:
      scorestream sample-data --out sample
      scorestream train --data sample --smoke
    The real thing, with the lender's history beside the applications:
      scorestream features build --data DIR
      scorestream train --data DIR --snapshot newest
    The same bytes each time, however long it takes:
      scorestream train --data DIR --minutes 0
    With what became of the applications that were scored here:
      scorestream train --data DIR --outcomes .run/archive \\
          --outcomes-from 2026-01-01 --outcomes-to 2026-07-01

    Inputs that were trained on before are recognised: their version is named and staged again. --force
    trains anyway, and so does --minutes 0 where the wall clock has cut that version short.
    Ctrl-C keeps the study: the same command goes on from its finished trials. Trials, curves, pictures
    and the model card are in the MLflow run.
    """
    with options.errors_as_messages():
        outcome = _train_with_progress(_plan(**choices), tracking_uri=tracking_uri, force=force)
    _report(outcome)
    _hand_on(outcome, as_json=as_json, result_file=result_file)


def _hand_on(outcome: TrainingOutcome, *, as_json: bool, result_file: Path | None) -> None:
    """Which version it was, for whoever goes on with it."""
    version = outcome.version
    line = json.dumps({"name": version.name, "version": version.version, "is_new": outcome.built is not None})
    if result_file is not None:
        result_file.parent.mkdir(parents=True, exist_ok=True)
        result_file.write_text(line + "\n", encoding="utf-8")
    if as_json:
        click.echo(line)


def _plan(
    *,
    folder: Path,
    model_name: str,
    seed: int,
    smoke: bool,
    allow_leak: bool,
    study_storage: str,
    **choices: Any,
) -> TrainingPlan:
    from training.fit import SMOKE, FitSettings  # noqa: PLC0415 - seconds of imports, not for --help
    from training.train import TrainingPlan  # noqa: PLC0415
    from training.tune import TuningPlan  # noqa: PLC0415

    history, snapshots = _history(choices["snapshot"], choices["store"])
    is_tuned = choices["trials"] > 0 and not smoke
    tuning = TuningPlan(trials=choices["trials"], max_leaves=choices["leaves"])
    return TrainingPlan(
        folder=folder,
        model_name=model_name,
        settings=SMOKE if smoke else FitSettings(num_threads=choices["threads"]),
        seed=seed,
        tuning=tuning if is_tuned else None,
        study_storage=study_storage,
        n_folds=0 if smoke else _FOLDS,
        outcomes=_window(
            _outcome_archive(choices["outcomes"], choices["performance_days"]),
            choices["outcomes_from"],
            choices["outcomes_to"],
            snapshots=snapshots,
            is_optional=choices["outcomes_if_any"],
        ),
        history=history,
        is_leak_allowed=allow_leak,
        minutes=choices["minutes"] or None,
    )


def _history(snapshot: str | None, store: str) -> tuple[HistoryFeatures, Snapshots | None]:
    from training.history import NO_HISTORY  # noqa: PLC0415

    if snapshot is None:
        return NO_HISTORY, None
    from feature_service.settings import FeatureSettings  # noqa: PLC0415
    from feature_service.store import SnapshotStore  # noqa: PLC0415
    from training.snapshots import StoredSnapshots  # noqa: PLC0415

    snapshots = StoredSnapshots(SnapshotStore(store), FeatureSettings().cache)
    return snapshots.open(None if snapshot == "newest" else snapshot), snapshots


def _outcome_archive(address: str | None, performance_days: float) -> OutcomeArchive | None:
    if address is None:
        return None
    from training.archive.matured import ArchivedOutcomes  # noqa: PLC0415
    from training.archive.store import ArchiveStore  # noqa: PLC0415
    from training.outcomes import ParquetOutcomes  # noqa: PLC0415

    store = ArchiveStore(address)
    if store.is_local and not (Path(address) / PREDICTIONS.name).is_dir():
        return ParquetOutcomes(Path(address))
    return ArchivedOutcomes(store, timedelta(days=performance_days))


def _window(
    archive: OutcomeArchive | None,
    since: datetime | None,
    until: datetime | None,
    *,
    snapshots: Snapshots | None,
    is_optional: bool = False,
) -> OutcomeWindow | None:
    from training.train import OutcomeWindow  # noqa: PLC0415

    if archive is None:
        if since is not None or until is not None:
            raise click.UsageError("--outcomes-from and --outcomes-to need --outcomes DIR")
        return None
    if since is None or until is None:
        raise click.UsageError("--outcomes needs --outcomes-from and --outcomes-to")
    return OutcomeWindow(
        archive,
        since=since.replace(tzinfo=UTC),
        until=until.replace(tzinfo=UTC),
        snapshots=snapshots,
        is_optional=is_optional,
    )


def _train_with_progress(plan: TrainingPlan, *, tracking_uri: str, force: bool) -> TrainingOutcome:
    from training.mlflow_registry import MlflowRegistry  # noqa: PLC0415
    from training.train import train as run  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("connecting to MLflow", total=1.0)
        return run(
            plan,
            MlflowRegistry(tracking_uri),
            force=force,
            progress=lambda stage, share: bar.update(task, description=stage, completed=share),
        )


def _report_known(outcome: TrainingOutcome) -> None:
    version = outcome.version
    if version.is_cut_short:
        click.echo(
            "The wall clock cut that run short: --minutes 0 trains without one,"
            " --force with more --minutes may get further."
        )
    state = "is Production" if outcome.is_production else "is staged; make it decide: scorestream promote"
    click.echo(
        f"{version.name} version {version.version} was trained on just this already, and {state}."
        " --force trains again, from the study's finished trials on."
    )


def _report(outcome: TrainingOutcome) -> None:
    version = outcome.version
    for note in outcome.notes:
        click.echo(f"Note: {note}.")
    if outcome.built is None:
        _report_known(outcome)
        return
    figures = {**outcome.built.metrics, **outcome.compared}
    console = Console()
    compared = Table("held-out applicants", "AUC", "cost per applicant", "calibration error")
    for name, *keys in _COMPARED:
        if any(key in figures for key in keys):
            compared.add_row(name, *(f"{figures[key]:.4f}" if key in figures else "" for key in keys))
    console.print(compared)
    table = Table("this model", "value")
    for name in _REPORTED:
        if name in figures:
            table.add_row(name, f"{figures[name]:.4g}")
    console.print(table)
    if figures["is_cut_short"]:
        click.echo("The wall clock cut this run short; with more --minutes it could be better.")
    if outcome.built.manifest.lineage.snapshot_id is None:
        click.echo("The application alone was used; --snapshot newest adds the lender's history.")
    click.echo(f"{version.name} version {version.version} is staged; make it decide: scorestream promote")
