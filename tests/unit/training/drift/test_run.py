"""From an archive and a registry to a judgement and its page; what outcomes add; what is not enough."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from contracts.csv_rows import applications_in
from contracts.events import (
    DriftReported,
    OutcomeObserved,
    SnapshotUsed,
    decode_drift_reported,
    encode,
)
from contracts.topics import OUTCOMES, PREDICTIONS
from tests.archived import archive_records, outcome_record, prediction_record
from tests.fake_history import FakeHistory
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
from training.drift.run import DriftRun, Period, facts_of, run_drift
from training.drift.window import decided_between
from training.errors import SnapshotUnusable
from training.history import EarlierHistory, HistoryFeatures

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=1)
AT_MS = round(SINCE.timestamp() * 1000) + 3_600_000
ROWS = 700
NO_OUTCOMES = Judged(np.empty(0), np.empty(0, "U1"), np.empty(0, np.int64))


def snapshot_of(snapshot_id: str | None) -> SnapshotUsed:
    return SnapshotUsed(id=snapshot_id, as_of=None, applicant_found=False)


def archived(
    folder: Path, file: Path, digest: str, *, rows: int = ROWS, snapshot_ids: Sequence[str | None] = (None,)
) -> ArchiveStore:
    """An archive of a day's decisions about the first applications of a file."""
    store = ArchiveStore(str(folder))
    decided_at = "2026-01-01T01:00:00Z"
    records = [
        prediction_record(
            number,
            application=json.dumps({k: v for k, v in application.items() if v is not None}).encode(),
            timestamp_ms=AT_MS,
            decided_at=decided_at,
            model_digest=digest,
            probability_of_default=0.05,
            feature_snapshot=snapshot_of(snapshot_ids[number % len(snapshot_ids)]),
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


def with_outcomes(store: ArchiveStore, *, observed_at: datetime, defaulted: Callable[[int], bool]) -> None:
    """An outcome of each decision in the archive, posted when it was observed."""
    ends = [
        OutcomeObserved(
            application_id=f"app-{number:08d}",
            applicant_id=number,
            defaulted=defaulted(number),
            observed_at=observed_at.isoformat(),
        )
        for number in range(ROWS)
    ]
    at_ms = round(observed_at.timestamp() * 1000)
    records = [outcome_record(number, one, timestamp_ms=at_ms) for number, one in enumerate(ends)]
    archive_records(store, OUTCOMES.name, records)


def test_matured_outcomes_join_the_facts(sample: Sample, tmp_path: Path) -> None:
    store = archived(tmp_path, sample.folder / FILE_NAME, sample.reference.model.digest)
    with_outcomes(store, observed_at=SINCE + timedelta(hours=2), defaulted=lambda number: number % 2 == 0)
    assert run_on(sample, store, performance_days=1 / 24).facts.outcomes == ROWS
    assert run_on(sample, store, performance_days=365).facts.outcomes == 0


def test_outcomes_of_weeks_ago_are_judged_today(sample: Sample, tmp_path: Path) -> None:
    store = archived(tmp_path, sample.folder / FILE_NAME, sample.reference.model.digest)
    with_outcomes(store, observed_at=SINCE + timedelta(hours=2), defaulted=lambda number: number % 2 == 0)
    later = Period(UNTIL + timedelta(days=30), UNTIL + timedelta(days=31), timedelta(hours=1))
    run = run_drift(store, sample.reference, later, progress=lambda *_: None)
    assert (run.facts.applications, run.facts.outcomes) == (0, ROWS)
    assert (run.judgement.verdict, run.judgement.performance) == ("drift", "drift")
    short = replace(later, outcomes=timedelta(days=7))
    run = run_drift(store, sample.reference, short, progress=lambda *_: None)
    assert (run.judgement.verdict, run.judgement.performance) == ("not enough", "not enough")


def test_another_versions_outcomes_say_nothing_of_this_one(sample: Sample, tmp_path: Path) -> None:
    store = archived(tmp_path, sample.folder / FILE_NAME, "the digest of the version before")
    with_outcomes(store, observed_at=SINCE + timedelta(hours=2), defaulted=lambda _: True)
    run = run_on(sample, store, performance_days=1 / 24)
    assert (run.facts.outcomes, run.facts.outcomes_of_others) == (0, ROWS)
    assert (run.judgement.verdict, run.judgement.performance) == ("no drift", "not enough")


def test_a_calm_day_without_outcomes_says_that_performance_is_not_known(
    sample: Sample, tmp_path: Path
) -> None:
    store = archived(tmp_path / "archive", sample.folder / FILE_NAME, sample.reference.model.digest)
    run = run_on(sample, store)
    reported = drift_reported(run, Filed("run", "page"))
    assert (reported.verdict, reported.performance_verdict) == ("no drift", "not enough")
    assert [one.split(":")[0] for one in reported.lacking] == ["performance"]
    write_report(tmp_path / "report", run)
    assert "Performance: not enough" in (tmp_path / "report" / PAGE).read_text()
    registry = CollectorRegistry()
    DriftGauges(registry).show(reported)
    labels = {"model": "credit-risk", "verdict": "not enough"}
    assert registry.get_sample_value("scorestream_drift_performance_verdict", labels) == 1
    assert registry.get_sample_value("scorestream_drift_verdict", labels) == 0


class SomeSnapshots:
    """A store that has lost all snapshots but these."""

    def __init__(self, *kept: str) -> None:
        self._kept = kept

    def open(self, snapshot_id: str | None) -> HistoryFeatures:
        if snapshot_id not in self._kept:
            raise SnapshotUnusable(f"snapshot {snapshot_id} is gone")
        return FakeHistory(str(snapshot_id))

    def open_earlier(self, snapshot_id: str) -> EarlierHistory:
        raise AssertionError("a period is held against the columns of today")


def test_only_applications_whose_snapshot_is_gone_have_no_history(sample: Sample, tmp_path: Path) -> None:
    ids = ["s-1", "s-1", "s-2", None]
    store = archived(tmp_path, sample.folder / FILE_NAME, "any", rows=600, snapshot_ids=ids)
    window = decided_between(store, SINCE, UNTIL, snapshots=SomeSnapshots("s-1"))
    assert window.names[-3:] == FakeHistory.names
    assert window.has_history.sum() == 450
    assert len(window.select(["AMT_CREDIT"])) == 600
    assert len(window.select(["AMT_CREDIT", "BUREAU_COUNT"])) == 450
    assert len(window.select(["A_FEATURE_OF_NO_SNAPSHOT"])) == 0


def test_a_day_that_lacks_what_the_model_goes_by_is_not_enough_never_no_drift(
    sample: Sample, tmp_path: Path
) -> None:
    store = archived(tmp_path, sample.folder / FILE_NAME, "the digest of another version")
    window = decided_between(store, SINCE, UNTIL)
    used = sample.reference.model.feature_names[0]
    at = [index for index, name in enumerate(window.names) if name != used]
    partial = replace(
        window, names=tuple(window.names[index] for index in at), features=window.features[:, at]
    )
    judgement = judge(facts_of(sample.reference, partial, NO_OUTCOMES))
    assert (judgement.verdict, judgement.findings) == ("not enough", ())
    assert any(used in one for one in judgement.lacking)


def test_an_old_day_looked_at_once_more_says_nothing_of_today(drifted: DriftRun) -> None:
    newer = drift_reported(drifted, Filed("run", "page"), at=UNTIL)
    again = replace(drifted.period, since=SINCE - timedelta(days=9), until=UNTIL - timedelta(days=9))
    older = calm(drift_reported(replace(drifted, period=again), Filed("run", "page")))
    registry = CollectorRegistry()
    gauges = DriftGauges(registry)
    for reported in (newer, older):
        gauges.show(reported)
    labels = {"model": "credit-risk", "verdict": "drift"}
    assert registry.get_sample_value("scorestream_drift_verdict", labels) == 1
    reported_at = registry.get_sample_value(
        "scorestream_drift_reported_timestamp_seconds", {"model": "credit-risk"}
    )
    assert reported_at == UNTIL.timestamp()


def test_files_beside_the_period_hold_nothing_of_it(sample: Sample, tmp_path: Path) -> None:
    """An archive's files are of an hour; a period may begin and end within it."""
    store = archived(tmp_path, sample.folder / FILE_NAME, sample.reference.model.digest, rows=600)
    decided_at = SINCE + timedelta(hours=1)
    for since, until, decided in [
        (SINCE, decided_at, 0),
        (decided_at, UNTIL, 600),
        (decided_at + timedelta(seconds=1), UNTIL, 0),
    ]:
        assert decided_between(store, since, until).decided == decided


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
