"""Who hears of a missed deadline or a failed run: Alertmanager, which has the routes to people.

What is told stands until a run of the same DAG succeeds. Prometheus says an alert again and again while it
lasts, Airflow says it once: without an end of its own Alertmanager would end it after `resolve_timeout`,
minutes later, and tell people that all is well.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from scorestream_dags.settings import DagSettings

log = logging.getLogger(__name__)

_FAILED: Final = "AirflowRunFailed"
_LATE: Final = "AirflowDeadlineMissed"
#: Longer than a month: the next run of the DAG that runs most seldom ends it, or tells it anew.
_STANDS: Final = timedelta(days=35)
_TIMEOUT_S: Final = 10
_IMPACT: Final = "None on decisions: the model and the snapshot of before go on."
_FIRST: Final = (
    "Open the DAG's page in Airflow: its description is the runbook; the failed task's log says why."
)


def deadline(hours: float) -> DeadlineAlert:
    """A run that is not over so long after it was queued is told, and goes on."""
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=hours),
        callback=AsyncCallback(deadline_missed),
    )


async def deadline_missed(**kwargs: Any) -> None:
    """Told by the triggerer: the run has missed its deadline."""
    run = kwargs.get("context", {}).get("dag_run", {})
    dag_id, run_id = _said(run, "dag_id"), _said(run, "dag_run_id") or _said(run, "run_id")
    summary = f"{dag_id} run {run_id} is not over by its deadline."
    log.error("%s", summary)
    await asyncio.to_thread(_tell, [_alert(_LATE, dag_id, summary)])


def run_failed(context: Any) -> None:
    """Told by the scheduler's callback: the run has failed for good, and is late no more."""
    run = context["dag_run"]
    summary = f"{run.dag_id} run {run.run_id} has failed after all retries."
    log.error("%s", summary)
    _tell([_alert(_FAILED, run.dag_id, summary), _alert(_LATE, run.dag_id, summary, stands=timedelta(0))])


def run_succeeded(context: Any) -> None:
    """Told by the scheduler's callback: what was told of the DAG is over."""
    run = context["dag_run"]
    summary = f"{run.dag_id} run {run.run_id} has succeeded."
    _tell([_alert(name, run.dag_id, summary, stands=timedelta(0)) for name in (_FAILED, _LATE)])


def _tell(alerts: list[dict[str, Any]]) -> None:
    url = DagSettings().alertmanager_url
    if url is None:
        return
    try:
        answer = httpx.post(f"{url.rstrip('/')}/api/v2/alerts", json=alerts, timeout=_TIMEOUT_S)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        log.warning("Alertmanager was not told: %s", error)


def _alert(name: str, dag_id: str, summary: str, *, stands: timedelta = _STANDS) -> dict[str, Any]:
    """An alert that ends by itself after `stands`; at once, if that is nothing."""
    return {
        "labels": {"alertname": name, "dag": dag_id, "severity": "ticket", "area": "training"},
        "annotations": {
            "summary": summary,
            "impact": _IMPACT,
            "action": _FIRST,
            "runbook_url": f"docs/runbooks/{name}.md",
        },
        "endsAt": (datetime.now(UTC) + stands).isoformat(),
    }


def _said(run: Any, name: str) -> str:
    return str((run.get(name) if isinstance(run, dict) else getattr(run, name, None)) or "")
