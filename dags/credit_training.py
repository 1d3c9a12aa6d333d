"""
### credit_training

Once a month, and whenever drift was found: trains a challenger and, if every gate lets it, makes it decide.

* **validate** — `scorestream quality`: a critical finding ends the run. Have the source mended, clear the
  task.
* **build_features** — `scorestream features build`: the snapshot that the model learns from (found, not
  built again, if nothing has changed).
* **train** — `scorestream train`: labels of the files plus matured outcomes of the archive; registers the
  version as Staging. Interrupted, the same task goes on with its finished trials. The same inputs give the
  version that is there already.
* **approve** — only with `DAGS_NEEDS_APPROVAL`: a person looks at the model card in MLflow and answers
  under *Required actions*. Reject: nothing is promoted. No answer in time: the run fails.
* **promote** — `scorestream promote`: quality, leakage, calibration, fairness, latency, golden scores, and
  not worse than Production on applicants that neither has learnt from. A gate that says no ends the run,
  and Production stays: read the reasons in the task's log; do not force it. Scorers swap within seconds;
  `GET /v1/model` and the metrics say so.

One run at a time; promotions lock each other out as well, wherever they are started, and a version with the
very bytes of Production is not promoted beside it. To go back: `scorestream rollback`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param, chain
from airflow.timetables.assets import AssetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable
from scorestream_dags.alerts import deadline, run_failed, run_succeeded
from scorestream_dags.assets import DRIFT_FOUND, MODEL_PROMOTED
from scorestream_dags.commands import build_features, command, validate
from scorestream_dags.settings import DagSettings

settings = DagSettings()

#: Whole days: two runs of a day have the same outcomes, unless new ones have come, and give one version.
_OUTCOMES_FROM = "{{ (dag_run.run_after - macros.timedelta(days=params.outcome_days)).strftime('%Y-%m-%d') }}"
_OUTCOMES_TO = "{{ (dag_run.run_after + macros.timedelta(days=1)).strftime('%Y-%m-%d') }}"
_VERSION = "{{ ti.xcom_pull(task_ids='train')['version'] }}"

with DAG(
    dag_id="credit_training",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 3 1 * *", timezone="UTC"), assets=[DRIFT_FOUND]
    ),
    # No start date: the first run is the calendar's next. With one, a new Airflow would begin with the last
    # behind it, and a platform that starts would retrain before anything was decided.
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(days=settings.approval_days + 1),
    # The time that a person has to answer is not the machine's.
    deadline=deadline(hours=6 + (24 * settings.approval_days if settings.needs_approval else 0)),
    on_failure_callback=run_failed,
    on_success_callback=run_succeeded,
    doc_md=__doc__,
    tags=["scorestream", "model"],
    params={
        "data": Param(settings.data, type="string", minLength=1, description="Folder with the tables."),
        "trials": Param(40, type="integer", minimum=0, maximum=1000, description="Tuning trials; 0: none."),
        "minutes": Param(25.0, type="number", minimum=0, description="Wall clock of the tuning."),
        "outcome_days": Param(730, type="integer", minimum=1, description="How old outcomes may be."),
        "performance_days": Param(
            settings.performance_days,
            type="number",
            minimum=0,
            description="An outcome counts so long after its decision.",
        ),
    },
):
    steps = [validate(settings)]
    history: list[str] = []
    if settings.has_history:
        history = ["--snapshot", "newest", "--store", settings.feature_store]
        steps.append(build_features(settings))
    train = command(
        settings,
        "train",
        [
            "train",
            "--data", "{{ params.data }}",
            "--model-name", settings.model_name,
            "--trials", "{{ params.trials }}",
            "--minutes", "{{ params.minutes }}",
            "--outcomes", settings.archive,
            "--outcomes-from", _OUTCOMES_FROM,
            "--outcomes-to", _OUTCOMES_TO,
            "--performance-days", "{{ params.performance_days }}",
            "--outcomes-if-any",
            *history,
            *(["--smoke"] if settings.is_smoke else []),
            "--json",
        ],
        timeout=timedelta(hours=6),
        has_result=True,
    )  # fmt: skip
    promote = command(
        settings,
        "promote",
        # --once: the same inputs give the version of another run, which somebody may have rolled back since.
        ["promote", _VERSION, "--model-name", settings.model_name, "--once"],
        timeout=timedelta(minutes=30),
        outlets=[MODEL_PROMOTED],
    )
    steps.append(train)
    if settings.needs_approval:
        steps.append(
            ApprovalOperator(
                task_id="approve",
                subject=f"Let version {_VERSION} of {settings.model_name} decide?",
                body="Its model card, its figures and the comparison with Production are in MLflow.",
                response_timeout=timedelta(days=settings.approval_days),
            )
        )
    chain(*steps, promote)
