"""`scorestream train`: from Home Credit's files to a staged model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from scorestream.commands import registry_options as options

if TYPE_CHECKING:
    from training.train import TrainingOutcome, TrainingPlan

_REPORTED = (
    "auc", "baseline_external_mean_auc", "gini", "ks", "average_precision", "log_loss", "brier", "ece",
    "cost_per_applicant", "baseline_approve_all_cost", "approval_rate", "refer_rate", "decline_rate", "trees",
)  # fmt: skip


@click.command()
@click.option(
    "--data",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with application_train.csv, as downloaded or as made by `scorestream sample`.",
)
@options.tracking_uri
@options.model_name
@click.option("--seed", default=20_180_517, show_default=True, help="Same files, same seed: same model.")
@click.option("--smoke", is_flag=True, help="Small trees in seconds, to see it work. Not to lend on.")
@click.option("--force", is_flag=True, help="Train even if these inputs have given a version already.")
def train(*, folder: Path, tracking_uri: str, model_name: str, seed: int, smoke: bool, force: bool) -> None:
    """Train a model, tell the truth about it on held-out applicants, and stage it in MLflow.

    Nothing decides with it yet: `scorestream promote` does that. Without --force, inputs that were
    trained on before are recognised and their version is named.
    """
    from training.fit import SMOKE, FitSettings  # noqa: PLC0415 - seconds of imports, not for --help
    from training.train import TrainingPlan  # noqa: PLC0415

    settings = SMOKE if smoke else FitSettings()
    plan = TrainingPlan(folder=folder, model_name=model_name, settings=settings, seed=seed)
    with options.errors_as_messages():
        outcome = _train_with_progress(plan, tracking_uri=tracking_uri, force=force)
    _report(outcome)


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


def _report(outcome: TrainingOutcome) -> None:
    version = outcome.version
    if outcome.built is None:
        click.echo(f"{version.name} version {version.version} was trained on just this already.")
        return
    table = Table("held-out applicants", "value")
    for name in _REPORTED:
        table.add_row(name, f"{outcome.built.metrics[name]:.4g}")
    Console().print(table)
    click.echo(f"{version.name} version {version.version} is staged; make it decide: scorestream promote")
