"""A drift run made known: pages and figures in MLflow, `DriftReported` on the topic `drift-reports`.

One MLflow run per model version and period: the same period again writes over it, so a scheduler may repeat.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from aiokafka.errors import KafkaError

from contracts.events import DriftReported, encode
from contracts.topics import DRIFT_REPORTS
from infra.runtime.announcing import announce_record
from infra.runtime.mlflow_client import mlflow_at
from training.drift.errors import ReportNotPublished
from training.drift.page import PAGE, write_report
from training.drift.run import DriftRun
from training.errors import RegistryUnavailable

_ARTIFACTS: Final = "drift"
_TOP: Final = 10


@dataclass(frozen=True, slots=True)
class Filed:
    """Where a report was filed: the MLflow run, and the page's address."""

    run_id: str
    uri: str


def file_report(tracking_uri: str, run: DriftRun) -> Filed:
    """The report as a run of the experiment `<model>-drift`. Raises RegistryUnavailable."""
    mlflow = mlflow_at(tracking_uri)
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    version, period = run.reference.version, run.period
    tags = {
        "model_version": version.version,
        "since": period.since.isoformat(),
        "until": period.until.isoformat(),
    }
    try:
        experiment = mlflow.set_experiment(f"{version.name}-drift")
        known = _known(mlflow, experiment.experiment_id, tags)
        with mlflow.start_run(run_id=known) as active, tempfile.TemporaryDirectory() as folder:
            verdicts = {"verdict": run.judgement.verdict, "performance_verdict": run.judgement.performance}
            mlflow.set_tags({**tags, **verdicts})
            mlflow.log_metrics(run.judgement.metrics)
            write_report(Path(folder), run)
            mlflow.log_artifacts(folder, _ARTIFACTS)
            return Filed(active.info.run_id, f"{active.info.artifact_uri}/{_ARTIFACTS}/{PAGE}")
    except (MlflowException, OSError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise RegistryUnavailable(f"MLflow: {first_line}") from error


def drift_reported(run: DriftRun, filed: Filed, *, at: datetime | None = None) -> DriftReported:
    """The event that says what was found."""
    return DriftReported(
        model_name=run.reference.version.name,
        model_version=run.reference.version.version,
        verdict=run.judgement.verdict,
        performance_verdict=run.judgement.performance,
        since=_rfc3339(run.period.since),
        until=_rfc3339(run.period.until),
        applications=run.facts.applications,
        outcomes=run.facts.outcomes,
        share_drifted=run.facts.share_drifted,
        findings=run.judgement.findings,
        lacking=run.judgement.lacking,
        metrics=run.judgement.metrics,
        top_features={one.name: round(one.psi, 4) for one in run.facts.columns[:_TOP]},
        report_uri=filed.uri,
        run_id=filed.run_id,
        reported_at=_rfc3339(at or datetime.now(UTC)),
    )


async def publish(reported: DriftReported, client_options: dict[str, Any]) -> int:
    """The offset of the acknowledged record. Raises ReportNotPublished."""
    try:
        return await announce_record(
            DRIFT_REPORTS.name, key=reported.model_name, value=encode(reported), client_options=client_options
        )
    except KafkaError as error:
        raise ReportNotPublished(
            f"the report is in MLflow, but Kafka did not take the news ({error}); send it by the same command"
        ) from error


def _known(mlflow: Any, experiment_id: str, tags: dict[str, str]) -> str | None:
    wanted = " and ".join(f"tags.{name} = '{value}'" for name, value in tags.items())
    found = mlflow.MlflowClient().search_runs([experiment_id], wanted, max_results=1)
    return found[0].info.run_id if found else None


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
