"""Data Docs: one page of findings, and one per table with each expectation and what was counted.

Great Expectations' whole pages fetch styles and scripts from five hosts. So only its sections are
taken, between a head and a style sheet of our own: the folder can be opened offline, mailed, archived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final

from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaSectionView

from feature_service.quality.report import Finding, TableSummary

FIRST_PAGE: Final = "index.html"


def write_data_docs(
    folder: Path,
    *,
    results: Mapping[str, ExpectationSuiteValidationResult],
    findings: Sequence[Finding],
    summaries: Mapping[str, TableSummary],
) -> Path:
    """Write the pages, replacing older ones, and return the first."""
    folder.mkdir(parents=True, exist_ok=True)
    style = (files(__package__) / "data_docs.css").read_text("utf-8")
    for name, result in results.items():
        (folder / _page_name(name)).write_text(_table_page(name, result, style), "utf-8")
    first = folder / FIRST_PAGE
    first.write_text(_page("Data quality", _findings_page(findings, summaries), style), "utf-8")
    return first


def _page_name(table: str) -> str:
    return f"{table}.html"


def _table_page(name: str, result: ExpectationSuiteValidationResult, style: str) -> str:
    overview, *sections = ValidationResultsPageRenderer(run_info_at_end=False).render(result).sections
    del overview  # says who made the page, and links to pages that do not exist here
    view = DefaultJinjaSectionView()
    rendered = (
        str(view.render({"section": section.to_json_dict(), "section_loop": {"index": place}}))  # type: ignore[no-untyped-call]
        for place, section in enumerate(sections, 1)
    )
    broken = int(result.statistics["unsuccessful_expectations"])
    return _page(
        name,
        f'<p><a href="{FIRST_PAGE}">← all tables</a></p><h1>{escape(name)}</h1>'
        f"<p>{broken} of {result.statistics['evaluated_expectations']} expectations are broken. Beside each"
        " stands what breaks it, out of what was checked.</p>"
        '<input type="checkbox" id="broken-only"><label for="broken-only"> only what is broken</label>'
        f"<main>{''.join(rendered)}</main>",
        style,
    )


def _page(title: str, body: str, style: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n<body>{body}</body></html>\n"
    )


def _findings_page(findings: Sequence[Finding], summaries: Mapping[str, TableSummary]) -> str:
    critical = sum(finding.is_critical for finding in findings)
    verdict = "refused" if critical else "passed"
    means = "nothing may be built from these tables" if critical else "features may be built"
    counted = f"{critical} critical, {len(findings) - critical} warnings"
    gravest_first = sorted(findings, key=lambda finding: not finding.is_critical)
    return "".join(
        (
            f'<main><h1>Data quality: <span class="verdict {verdict}">{verdict}</span></h1>',
            f"<p>{counted}: {means}.</p>",
            "<h2>Findings</h2>" if findings else "",
            *(_finding(finding) for finding in gravest_first),
            "<h2>Tables</h2>",
            _tables(findings, summaries),
            "</main>",
        )
    )


def _finding(finding: Finding) -> str:
    severity = finding.severity.value
    return (
        f'<article class="finding {severity}"><p><span class="badge badge-{severity}">{severity}</span>'
        f" <strong>{escape(finding.table)}</strong> · {escape(finding.column)}</p>"
        f"<p>Expected that {escape(finding.expectation)}.<br>Against it: {escape(finding.observed)};"
        f' accepted: {escape(finding.wanted)}.</p><p class="mend">{escape(finding.mend)}.</p></article>'
    )


def _tables(findings: Sequence[Finding], summaries: Mapping[str, TableSummary]) -> str:
    rows = []
    for name, summary in summaries.items():
        own = [finding for finding in findings if finding.table == name]
        critical = sum(finding.is_critical for finding in own)
        is_read = summary.rows is not None
        link = f'<a href="{_page_name(name)}">{name}</a>' if is_read else name
        cells = (f"{summary.rows:,}" if is_read else "–", summary.expectations, critical, len(own) - critical)
        rows.append(f"<tr><td>{link}</td>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th>{cell}</th>" for cell in ("Table", "Rows", "Expectations", "Critical", "Warnings"))
    return f'<table class="tables"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
