"""
### drift_monitoring

Every day: compares what was decided the day before, UTC, with what the model in Production was trained on.

* **compact_archive** — `scorestream archive compact`: few large files of many small ones.
* **watch_drift** — `scorestream drift`: the report is in MLflow (experiment `<model>-drift`), the news on
  the topic `drift-reports`. A day with too few applications is *not enough*, never *no drift*. Performance
  is judged on the labels of the last `outcome_days`, with a verdict of its own. The same day again writes
  over its report.
* **is_drift** — everything after it is skipped unless the verdict is *drift*.
* **announce_drift** — an event on the asset `drift-found`, whose extra is the report: it starts
  `credit_training`.

Drift found: open the report (link in the event and in the alert), look at what moved. A broken source (a
column that is missing, a category that is new) is mended at the source, and retraining does not help. To
look at another period, trigger the DAG with `since` and `until`. To stop retraining by drift, pause this
DAG.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.python import ShortCircuitOperator
from airflow.sdk import DAG, Metadata, Param, task
from airflow.timetables.interval import CronDataIntervalTimetable
from scorestream_dags.alerts import deadline, run_failed, run_succeeded
from scorestream_dags.assets import DRIFT_FOUND
from scorestream_dags.commands import command
from scorestream_dags.settings import DagSettings

settings = DagSettings()

#: Whole days: the last one was over hours before the run, so the archive has written all of it.
_DAY = "%Y-%m-%d"
_MOMENT = ["null", "string"]


def says_drift(report: Mapping[str, Any]) -> bool:
    """Whether the report's verdict is drift."""
    return bool(report["verdict"] == "drift")


with DAG(
    dag_id="drift_monitoring",
    schedule=CronDataIntervalTimetable("0 4 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=3),
    deadline=deadline(hours=1),
    on_failure_callback=run_failed,
    on_success_callback=run_succeeded,
    doc_md=__doc__,
    tags=["scorestream", "model"],
    params={
        "since": Param(None, type=_MOMENT, format="date-time", description="Instead of the day's begin."),
        "until": Param(None, type=_MOMENT, format="date-time", description="Instead of the day's end."),
        "performance_days": Param(
            settings.performance_days,
            type="number",
            minimum=0,
            description="An outcome counts so long after its decision.",
        ),
        "outcome_days": Param(
            90.0,
            type="number",
            minimum=0,
            description="Performance is judged by what matured in so many days before the end.",
        ),
    },
):
    compact_archive = command(
        settings,
        "compact_archive",
        ["archive", "--store", settings.archive, "compact"],
        timeout=timedelta(hours=1),
    )
    watch_drift = command(
        settings,
        "watch_drift",
        [
            "drift",
            "--from", f"{{{{ params.since or data_interval_start.strftime('{_DAY}') }}}}",
            "--to", f"{{{{ params.until or data_interval_end.strftime('{_DAY}') }}}}",
            "--archive", settings.archive,
            "--store", settings.feature_store,
            "--model-name", settings.model_name,
            "--performance-days", "{{ params.performance_days }}",
            "--outcome-days", "{{ params.outcome_days }}",
            "--exit-zero",
        ],
        timeout=timedelta(hours=1),
        has_result=True,
    )  # fmt: skip
    is_drift = ShortCircuitOperator(
        task_id="is_drift", python_callable=says_drift, op_args=[watch_drift.output]
    )

    @task(outlets=[DRIFT_FOUND])  # type: ignore[untyped-decorator]
    def announce_drift(report: Mapping[str, Any]) -> Any:
        """An event on the asset, with the report."""
        yield Metadata(DRIFT_FOUND, dict(report))

    compact_archive >> watch_drift >> is_drift >> announce_drift(watch_drift.output)
