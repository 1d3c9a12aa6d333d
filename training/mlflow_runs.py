"""What a training run leaves on the MLflow server: figures, pictures, model card, model, trials.

Used by `training.mlflow_registry` alone, with the `mlflow` module it was given.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Final

from training.build import BuiltModel
from training.card import write_card
from training.lineage import code_commit, environment
from training.pictures import draw_all
from training.tune import TrialFinished, Tuned

EVALUATION: Final = "evaluation"

_PACKAGES: Final = ("lightgbm", "numpy", "pandas", "scikit-learn")


def log_run(
    mlflow: Any,
    built: BuiltModel,
    *,
    tuned: Tuned | None,
    compared: Mapping[str, float],
) -> None:
    """Everything that a person would look at, into the active run."""
    lineage = built.manifest.lineage
    mlflow.log_params({**lineage.parameters, "seed": lineage.seed})
    selection = {} if built.selected is None else built.selected.as_metrics()
    mlflow.log_metrics({**built.metrics, **compared, **selection})
    for number, fold in enumerate(built.findings.folds, 1):
        mlflow.log_metric("fold_auc", fold.auc, step=number)
    mlflow.set_tags(lineage_tags(built))
    mlflow.log_text(environment(), "environment.txt")
    with tempfile.TemporaryDirectory(prefix="run-") as name:
        folder = Path(name)
        (folder / "pictures").mkdir()
        pictures = draw_all(folder / "pictures", built, tuned=tuned, compared=compared)
        write_card(folder, built, tuned=tuned, compared=compared, pictures=pictures)
        mlflow.log_artifacts(name)
    mlflow.log_dict(
        {
            "deciles": [asdict(row) for row in built.findings.deciles],
            "groups": [asdict(row) for row in built.findings.groups],
            "single_feature_aucs": built.findings.single_aucs,
            "psi": built.findings.psis,
            "dropped_features": [] if built.selected is None else built.selected.dropped,
        },
        "findings.json",
    )


def lineage_tags(built: BuiltModel) -> dict[str, str]:
    """Where the model comes from, for a search in MLflow."""
    lineage = built.manifest.lineage
    return {
        "inputs_digest": lineage.inputs_digest,
        "code_digest": lineage.code_digest,
        "code_commit": code_commit() or "unknown",
        "code_version": installed_version("scorestream"),
        "environment_digest": lineage.environment_digest,
        "snapshot_id": lineage.snapshot_id or "none",
        **{f"sha256_{name}": digest for name, digest in lineage.sha256.items()},
        **{f"applicants_{part}": digest for part, digest in lineage.parts.items()},
    }


def log_model(mlflow: Any, built: BuiltModel) -> Any:
    """The trees in MLflow's LightGBM flavour, with signature and example: what `mlflow models serve` runs.

    It gives the probability before calibration; whoever wants decisions asks the gateway.
    """
    import lightgbm  # noqa: PLC0415 - seconds
    import pandas as pd  # noqa: PLC0415

    example = pd.DataFrame(built.example, columns=list(built.manifest.feature_names))
    booster = lightgbm.Booster(model_str=built.model_text)
    return mlflow.lightgbm.log_model(
        booster,
        name="model",
        signature=mlflow.models.infer_signature(example, booster.predict(example)),
        input_example=example,
        # By name: letting MLflow find them out starts a process of ten seconds.
        pip_requirements=[f"{package}=={installed_version(package)}" for package in _PACKAGES],
    )


def log_trial(client: Any, run_id: str, trial: TrialFinished) -> None:
    """The trial as a finished run under the run `run_id`; one that was begun and cut off is finished."""
    from mlflow.entities import Metric, Param  # noqa: PLC0415 - seconds

    parent = client.get_run(run_id)
    begun = client.search_runs(
        [parent.info.experiment_id],
        f"tags.`mlflow.parentRunId` = '{run_id}' AND tags.trial = '{trial.number}'",
    )
    run = next(iter(begun), None) or client.create_run(
        parent.info.experiment_id,
        start_time=trial.started_ms,
        run_name=f"trial-{trial.number}",
        tags={"mlflow.parentRunId": run_id, "trial": str(trial.number), "pruned": str(trial.is_pruned)},
    )
    client.log_batch(
        run.info.run_id,
        metrics=[Metric(name, value, trial.ended_ms, 0) for name, value in trial.metrics.items()],
        params=[Param(name, str(value)) for name, value in trial.parameters.items()],
    )
    # A pruned trial did its work: it is no failure.
    client.set_terminated(run.info.run_id, status="FINISHED", end_time=trial.ended_ms)
    best = client.get_run(run_id).data.metrics.get("best_objective", float("-inf"))
    if (objective := trial.metrics.get("objective", float("-inf"))) > best:
        client.log_metric(run_id, "best_objective", objective, step=trial.number)
