"""Who hears of a missed deadline or a failed run: Alertmanager, which has the routes to people."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import httpx
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from scorestream_dags.settings import DagSettings

log = logging.getLogger(__name__)

_TIMEOUT_S = 10
_IMPACT = "None on decisions: the model and the snapshot of before go on."
_FIRST = "Open the DAG's page in Airflow: its description is the runbook; the failed task's log says why."


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
    log.error("%s run %s is not over by its deadline", dag_id, run_id)
    await _tell("AirflowDeadlineMissed", dag_id, f"{dag_id} run {run_id} is not over by its deadline.")


def run_failed(context: Any) -> None:
    """Told by the scheduler's callback: the run has failed for good."""
    run = context["dag_run"]
    summary = f"{run.dag_id} run {run.run_id} has failed after all retries."
    log.error("%s", summary)
    address = _address()
    if address is None:
        return
    try:
        httpx.post(address, json=[_alert("AirflowRunFailed", run.dag_id, summary)], timeout=_TIMEOUT_S)
    except httpx.HTTPError as error:
        log.warning("Alertmanager was not told: %s", error)


async def _tell(name: str, dag_id: str, summary: str) -> None:
    address = _address()
    if address is None:
        return
    async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
        try:
            await client.post(address, json=[_alert(name, dag_id, summary)])
        except httpx.HTTPError as error:
            log.warning("Alertmanager was not told: %s", error)


def _address() -> str | None:
    url = DagSettings().alertmanager_url
    return None if url is None else f"{url.rstrip('/')}/api/v2/alerts"


def _alert(name: str, dag_id: str, summary: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, "dag": dag_id, "severity": "ticket", "area": "training"},
        "annotations": {
            "summary": summary,
            "impact": _IMPACT,
            "action": _FIRST,
            "runbook_url": f"docs/runbooks/{name}.md",
        },
    }


def _said(run: Any, name: str) -> str:
    return str((run.get(name) if isinstance(run, dict) else getattr(run, name, None)) or "")
