"""
### feature_refresh

Every night: checks the tables and publishes a new feature snapshot, which scorers map between two batches.

* **validate** — `scorestream quality`: a critical finding ends the run and publishes nothing. Look at the
  findings in the task's log (and the Data Docs, in `DAGS_QUALITY_DOCS`), have the source mended, clear the
  task.
* **build_features** — `scorestream features build`: tables that have not changed give the snapshot that is
  there already, so a run may be repeated at will.

Late or failed: scoring goes on with the last snapshot, and says which in each decision. The alert *stale
snapshot* says how old it is. One run at a time; a missed night is made up by the next.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param
from airflow.timetables.trigger import CronTriggerTimetable
from scorestream_dags.alerts import deadline, run_failed, run_succeeded
from scorestream_dags.assets import FEATURES_REFRESHED
from scorestream_dags.commands import build_features, validate
from scorestream_dags.settings import DagSettings

settings = DagSettings()

with DAG(
    dag_id="feature_refresh",
    schedule=CronTriggerTimetable("0 2 * * *", timezone="UTC"),
    catchup=False,  # and no start date: the first run is the calendar's next
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    deadline=deadline(hours=2),
    on_failure_callback=run_failed,
    on_success_callback=run_succeeded,
    doc_md=__doc__,
    tags=["scorestream", "features"],
    params={
        "data": Param(settings.data, type="string", minLength=1, description="Folder with the eight tables."),
        "engine": Param("duckdb", type="string", enum=["duckdb", "spark"], description="What aggregates."),
    },
):
    validate(settings) >> build_features(
        settings, "--engine", "{{ params.engine }}", outlets=[FEATURES_REFRESHED]
    )
