"""From an archive and a registry to a judgement and its page; what outcomes add; what is not enough."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from contracts.csv_rows import applications_in
from contracts.events import DriftReported, OutcomeObserved, decode_drift_reported, encode
from contracts.topics import OUTCOMES, PREDICTIONS
from tests.archived import archive_records, outcome_record, prediction_record
from tests.fake_registry import FakeRegistry
from tests.unit.training.drift.conftest import Sample
from training.applications import FILE_NAME, TEST_FILE_NAME
from training.archive.store import ArchiveStore
from training.drift.errors import NoReference
from training.drift.gauges import DriftGauges
from training.drift.judge import Facts, judge
from training.drift.page import PAGE, PICTURES, REPORT, pictured, write_report
from training.drift.performance import Judged, Performance, performance
from training.drift.publish import Filed, drift_reported
from training.drift.reference import reference_of_production
from training.drift.run import DriftRun, Period, run_drift
from training.drift.window import decided_between

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=1)
AT_MS = round(SINCE.timestamp() * 1000) + 3_600_000
ROWS = 700


def archived(folder: Path, file: Path, digest: str, *, rows: int = ROWS) -> ArchiveStore:
    """An archive of a day's decisions about the first applications of a file."""
    store = ArchiveStore(str(folder))
    decided_at = "2026-01-01T01:00:00Z"
    records = [
        prediction_record(
            number,
            application=json.dumps({k: v for k, v in application.items() if v is not None}).encode(),
            timestamp_ms=AT_MS,
            decided_at=decided_at,
            probability_of_default=0.05,
        )
        for number, application in enumerate(islice(applications_in(file), rows))
    ]
    archive_records(store, PREDICTIONS.name, records)
    return store


def run_on(sample: Sample, store: ArchiveStore, *, performance_days: float = 365) -> DriftRun:
    period = Period(SINCE, UNTIL, timedelta(days=performance_days))
    return run_drift(store, sample.reference, period, progress=lambda *_: None)


@pytest.fixture(scope="module")
def drifted(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> DriftRun:
    folder = tmp_path_factory.mktemp("archive")
    return run_on(sample, archived(folder, sample.folder / TEST_FILE_NAME, sample.reference.model.digest))


def test_a_day_of_other_applicants_is_drift(drifted: DriftRun) -> None:
    assert drifted.judgement.verdict == "drift"
    assert drifted.facts.applications == ROWS
    assert drifted.facts.score is not None


def test_a_day_of_the_same_applicants_is_no_drift(sample: Sample, tmp_path: Path) -> None:
    store = archived(tmp_path, sample.folder / FILE_NAME, sample.reference.model.digest)
    judgement = run_on(sample, store).judgement
    assert (judgement.verdict, judgement.findings) == ("no drift", ())


def test_a_day_without_applications_is_not_enough(sample: Sample, tmp_path: Path) -> None:
    run = run_on(sample, ArchiveStore(str(tmp_path / "nothing")))
    assert (run.judgement.verdict, run.facts.applications) == ("not enough", 0)


def test_the_report_names_the_columns_and_draws_those_that_moved(drifted: DriftRun, tmp_path: Path) -> None:
    write_report(tmp_path, drifted)
    said = json.loads((tmp_path / REPORT).read_text())
    assert said["verdict"] == "drift"
    assert {one["name"] for one in said["columns"]} >= set(pictured(drifted))
    assert drifted.judgement.findings[0].split(":")[0] in (tmp_path / PAGE).read_text()
    assert (tmp_path / PICTURES).stat().st_size > 100_000


def test_a_calm_report_draws_nothing(sample: Sample, tmp_path: Path) -> None:
    run = run_on(sample, ArchiveStore(str(tmp_path / "nothing")))
    write_report(tmp_path / "report", run)
    assert not (tmp_path / "report" / PICTURES).exists()
    assert "not enough" in (tmp_path / "report" / PAGE).read_text()


def test_the_event_says_what_the_run_found_and_the_gauges_show_it(drifted: DriftRun) -> None:
    reported = drift_reported(drifted, Filed("run", "mlflow-artifacts:/report.html"), at=UNTIL)
    assert decode_drift_reported(encode(reported)) == reported
    assert (reported.since, reported.verdict) == ("2026-01-01T00:00:00Z", "drift")
    registry = CollectorRegistry()
    gauges = DriftGauges(registry)
    gauges.show(reported)
    model = {"model": "credit-risk"}
    assert registry.get_sample_value("scorestream_drift_verdict", {**model, "verdict": "drift"}) == 1
    assert registry.get_sample_value("scorestream_drift_features_ratio", model) == reported.share_drifted
    gauges.show(calm(reported))
    assert registry.get_sample_value("scorestream_drift_verdict", {**model, "verdict": "drift"}) == 0
    assert registry.get_sample_value("scorestream_drift_features_ratio", model) is None


def calm(reported: DriftReported) -> DriftReported:
    return DriftReported(
        model_name=reported.model_name,
        model_version="8",
        verdict="not enough",
        since=reported.since,
        until=reported.until,
        applications=3,
        outcomes=0,
        share_drifted=None,
        reported_at=reported.reported_at,
    )


def test_matured_outcomes_join_the_facts(sample: Sample, tmp_path: Path) -> None:
    store = archived(tmp_path, sample.folder / FILE_NAME, sample.reference.model.digest, rows=600)
    ends = [
        OutcomeObserved(
            application_id=f"app-{number:08d}",
            applicant_id=number,
            defaulted=number % 2 == 0,
            observed_at="2026-01-01T02:00:00Z",
        )
        for number in range(600)
    ]
    archive_records(store, OUTCOMES.name, [outcome_record(at, one) for at, one in enumerate(ends)])
    assert run_on(sample, store, performance_days=1 / 24).facts.outcomes == 600
    assert run_on(sample, store, performance_days=365).facts.outcomes == 0


def test_a_model_without_a_reference_is_said(sample: Sample, tmp_path: Path) -> None:
    with pytest.raises(NoReference, match="promote one"):
        reference_of_production(FakeRegistry(tmp_path), "credit-risk")


def test_a_window_keeps_an_even_sample_of_many_and_counts_them_all(sample: Sample, tmp_path: Path) -> None:
    store = archived(tmp_path, sample.folder / FILE_NAME, sample.reference.model.digest, rows=600)
    window = decided_between(store, SINCE, UNTIL, max_rows=200)
    assert window.decided == 600
    assert 50 <= len(window.features) <= 200


def judged(n: int, *, seed: int, lift: float = 3.0, bad: float = 1.0, decision: str = "approve") -> Judged:
    random = np.random.default_rng(seed)
    probabilities = random.beta(1, 12, n)
    odds = probabilities if lift else np.full(n, probabilities.mean())
    return Judged(probabilities, np.full(n, decision), (random.random(n) < odds * bad).astype(np.int64))


def facts_with(figures: Performance | None) -> Facts:
    return Facts(applications=0, outcomes=0, columns=(), importance={}, performance=figures)


def test_a_model_that_still_ranks_and_predicts_is_calm() -> None:
    alarms = [
        judge(facts_with(performance(judged(3_000, seed=1), judged(1_000, seed=seed), 0.09))).verdict
        for seed in range(100, 140)
    ]
    assert alarms.count("drift") <= 1


@pytest.mark.parametrize(
    ("now", "finding"),
    [
        (judged(3_000, seed=3, lift=0), "performance drift"),
        (judged(3_000, seed=3, bad=2.0), "calibration"),
        (judged(3_000, seed=3, bad=2.0), "target drift"),
    ],
    ids=["no ranking left", "twice the defaults expected", "twice the defaults of before"],
)
def test_a_model_that_has_become_worse_is_found_by_its_outcomes(now: Judged, finding: str) -> None:
    judgement = judge(facts_with(performance(judged(6_000, seed=1), now, 0.09)))
    assert judgement.verdict == "drift"
    assert any(one.startswith(finding) for one in judgement.findings)


def test_few_outcomes_say_nothing_of_performance() -> None:
    assert performance(judged(3_000, seed=1), judged(150, seed=2), 0.09) is None
    assert judge(facts_with(None)).verdict == "not enough"


def test_performance_is_compared_among_applicants_with_the_same_decisions() -> None:
    other = judged(3_000, seed=5, bad=6.0, decision="decline")
    approved = judged(3_000, seed=1)
    both = Judged(
        np.append(approved.probabilities, other.probabilities),
        np.append(approved.decisions, other.decisions),
        np.append(approved.target, other.target),
    )
    now = judged(2_000, seed=8)
    assert performance(both, now, 0.09) == performance(approved, now, 0.09)


def test_an_unknown_category_in_one_of_a_hundred_applications_is_a_finding(drifted: DriftRun) -> None:
    facts = replace(drifted.facts, unseen={"NAME_INCOME_TYPE": 0.02, "CODE_GENDER": 0.001})
    found = [one for one in judge(facts).findings if "not known" in one]
    assert len(found) == 1
    assert "NAME_INCOME_TYPE" in found[0]
