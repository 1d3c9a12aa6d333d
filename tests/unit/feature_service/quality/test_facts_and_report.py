"""What was counted as text, as a frame and as a document."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_service.quality import Finding, GateRefused, GateReport, Severity, TableSummary
from feature_service.quality.facts import Fact, TableFacts


@given(checked=st.integers(2, 30_000_000))
def test_a_single_broken_row_is_never_shown_as_zero_per_cent(checked: int) -> None:
    assert "(0 %)" not in Fact(1, checked).said


def test_the_only_thing_checked_is_told_by_its_detail() -> None:
    assert Fact(1, 1, "0 rows").said == "0 rows"


def test_counts_come_with_their_share_and_detail() -> None:
    assert Fact(27, 2_577, "'Balloon loans'").said == "27 of 2,577 (1.048 %): 'Balloon loans'"


def test_the_frame_has_a_column_per_section_and_three_rows_per_fact() -> None:
    facts = TableFacts("bureau", rows=5)
    facts.add("AMT_ANNUITY", "missing", Fact(2, 5))
    facts.add("key SK_ID_BUREAU", "repeated", Fact(0, 5, "none"))
    frame = facts.frame()
    assert list(frame.columns) == ["AMT_ANNUITY", "key SK_ID_BUREAU"]
    assert frame.loc["missing", "AMT_ANNUITY"] == 2
    assert frame.loc["repeated: detail", "key SK_ID_BUREAU"] == "none"


def finding(severity: Severity) -> Finding:
    return Finding(
        "bureau", "SK_ID_BUREAU", "SK_ID_BUREAU names one row", severity, "3 of 9", "none", "Remove them"
    )


def report(*findings: Finding) -> GateReport:
    critical = tuple(found for found in findings if found.is_critical)
    warnings = tuple(found for found in findings if not found.is_critical)
    bureau = TableSummary("bureau", 9, 12, {"AMT_ANNUITY": 0.5}, {"AMT_ANNUITY": (0.0, 1.5)})
    return GateReport(not critical, critical, warnings, None, {"bureau": bureau})


def test_a_critical_finding_refuses_with_its_sentence() -> None:
    with pytest.raises(GateRefused, match=r"bureau, SK_ID_BUREAU: expected that .* 3 of 9"):
        report(finding(Severity.CRITICAL)).require_passed()


def test_warnings_refuse_nothing() -> None:
    assert report(finding(Severity.WARNING)).require_passed().passed


def test_the_document_survives_json() -> None:
    document = report(finding(Severity.CRITICAL), finding(Severity.WARNING)).as_document()
    assert json.loads(json.dumps(document)) == document
    assert document["critical"][0]["severity"] == "critical"
    assert document["tables"]["bureau"]["rows"] == 9
