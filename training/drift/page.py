"""The report of a drift run: report.json, one page of our own, and Evidently's for what moved most.

Our page is small and lists every column; Evidently's pictures take seconds a column and megabytes, so they
are made only when there is drift, and only of the columns that say most.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np

from infra.runtime.mlflow_client import apply_defaults
from training.drift.columns import ColumnDrift
from training.drift.run import DriftRun

REPORT: Final = "report.json"
PAGE: Final = "report.html"
PICTURES: Final = "evidently.html"

_PICTURED: Final = 10
_PICTURED_ROWS: Final = 5_000
_SHOWN: Final = 60
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}td,th{padding:.2rem .6rem;border-bottom:1px solid #ddd;"
    "text-align:right}td:first-child,th:first-child{text-align:left}.moved{background:#fdecea}"
    ".verdict{font-size:1.6rem;font-weight:600}"
)


def write_report(folder: Path, run: DriftRun) -> None:
    """report.json and report.html in `folder`, and evidently.html if there is drift."""
    folder.mkdir(parents=True, exist_ok=True)
    is_pictured = run.judgement.verdict == "drift" and bool(run.facts.columns)
    (folder / REPORT).write_text(json.dumps(_as_json(run), indent=1), encoding="utf-8")
    (folder / PAGE).write_text(page(run, is_pictured=is_pictured), encoding="utf-8")
    if is_pictured:
        _draw(folder / PICTURES, run, pictured(run))


def pictured(run: DriftRun) -> list[str]:
    """The columns of which Evidently draws pictures: those that moved, what means most to the model first."""
    importance = run.facts.importance
    moved = [one for one in run.facts.columns if one.has_moved]
    ranked = sorted(moved, key=lambda one: (-importance.get(one.name, 0.0), -one.psi))
    return [one.name for one in ranked[:_PICTURED]]


def page(run: DriftRun, *, is_pictured: bool) -> str:
    """Our page, as HTML without anything from outside."""
    judgement, period = run.judgement, run.period
    version = run.reference.version
    title = f"{version.name} version {version.version}: {judgement.verdict}"
    findings = "".join(f"<li>{html.escape(one)}</li>" for one in judgement.findings)
    lacking = "".join(f"<li>not enough: {html.escape(one)}</li>" for one in judgement.lacking)
    link = f'<p><a href="{PICTURES}">Pictures of the columns that moved most</a></p>' if is_pictured else ""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title>"
        f"<style>{_STYLE}</style><h1>Drift report</h1><p class=verdict>{html.escape(title)}</p>"
        f"<p>{run.facts.applications:,} applications decided from {period.since.isoformat()} to"
        f" {period.until.isoformat()}, against {len(run.reference.margins):,} held-out applicants."
        f" Performance: {judgement.performance}; {run.facts.outcomes:,} labels of this version's decisions"
        f" matured since {period.labels_since.isoformat()}.</p>"
        f"<ul>{findings or '<li>nothing alarms</li>'}{lacking}</ul>{link}"
        f"<h2>Figures</h2>{_figures(judgement.metrics)}<h2>Columns</h2>{_columns(run.facts.columns)}</html>"
    )


def _figures(metrics: dict[str, float]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name)}<td>{value:,.4g}</tr>" for name, value in sorted(metrics.items())
    )
    return f"<table><tr><th>figure<th>value</tr>{rows}</table>"


def _columns(columns: Sequence[ColumnDrift]) -> str:
    if not columns:
        return "<p>Too few applications to compare columns.</p>"
    rows = "".join(
        f"<tr{' class=moved' if one.has_moved else ''}><td>{html.escape(one.name)}<td>{one.psi:.3f}"
        f"<td>{one.missing_before:.1%}<td>{one.missing_now:.1%}<td>{one.new_now:.1%}</tr>"
        for one in columns[:_SHOWN]
    )
    rest = f"<p>{len(columns) - _SHOWN} more in {REPORT}.</p>" if len(columns) > _SHOWN else ""
    head = "<tr><th>column<th>PSI<th>missing before<th>missing now<th>never seen before</tr>"
    return f"<table>{head}{rows}</table>{rest}"


def _as_json(run: DriftRun) -> dict[str, object]:
    version = run.reference.version
    return {
        "model": {"name": version.name, "version": version.version, "digest": version.digest},
        "since": run.period.since.isoformat(),
        "until": run.period.until.isoformat(),
        "labels_since": run.period.labels_since.isoformat(),
        "verdict": run.judgement.verdict,
        "performance_verdict": run.judgement.performance,
        "findings": list(run.judgement.findings),
        "lacking": list(run.judgement.lacking),
        "metrics": run.judgement.metrics,
        "columns": [{**asdict(one), "has_moved": one.has_moved} for one in run.facts.columns],
    }


def _draw(path: Path, run: DriftRun, names: Sequence[str]) -> None:
    """Evidently's page of the named columns and the score."""
    apply_defaults()  # or its import tells its makers of it
    import pandas as pd  # noqa: PLC0415 - seconds, only on drift
    from evidently import Report  # noqa: PLC0415
    from evidently.presets import DataDriftPreset  # noqa: PLC0415

    at, held = list(run.reference.names), run.reference.features
    before = pd.DataFrame({name: pd.Series(_thinned(held[:, at.index(name)])) for name in names})
    # Of unequal length where the history of some is not known: a Series each.
    now = pd.DataFrame({name: pd.Series(_thinned(run.window.select([name])[:, 0])) for name in names})
    drawable = [name for name in names if before[name].notna().any() and now[name].notna().any()]
    if drawable:
        preset = DataDriftPreset(columns=drawable, method="psi")
        Report([preset]).run(now[drawable], before[drawable]).save_html(str(path))


def _thinned(
    column: np.ndarray[tuple[int], np.dtype[np.float32]],
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return column[:: max(1, len(column) // _PICTURED_ROWS)]
