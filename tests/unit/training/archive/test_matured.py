"""Which outcome is a label, and since when; and that training reads the archive's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.application import example
from contracts.events import OutcomeObserved
from contracts.topics import OUTCOMES, PREDICTIONS
from tests.archived import archive_records, outcome_record, prediction_record
from training.archive.matured import ArchivedOutcomes, Label, Seen, label_of, matured_rows
from training.archive.reading import records
from training.archive.store import ArchiveStore
from training.errors import BadOutcomes

DECIDED = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = timedelta(days=365)
END = DECIDED + WINDOW
FAR = END + timedelta(days=1000)


def day(number: int) -> datetime:
    return DECIDED + timedelta(days=number)


@pytest.mark.parametrize(
    ("seen", "until", "label"),
    [
        ([Seen(day(90), True)], FAR, Label(True, END)),
        ([Seen(day(90), True)], day(300), None),
        ([Seen(day(90), False)], FAR, None),
        ([Seen(day(90), False), Seen(day(400), False)], FAR, Label(False, day(400))),
        ([Seen(day(400), True)], FAR, Label(False, day(400))),
        ([Seen(day(90), True), Seen(day(400), False)], FAR, Label(True, END)),
        ([Seen(day(400), False)], day(400), None),
        ([], FAR, None),
    ],
    ids=[
        "a default in the window",
        "a default whose window is open",
        "no default so far",
        "none to the end",
        "a default after the end",
        "a default that was cured",
        "seen too late for this run",
        "nothing seen",
    ],
)
def test_a_label_counts_when_its_performance_window_is_over(
    seen: list[Seen], until: datetime, label: Label | None
) -> None:
    assert label_of(seen, DECIDED, WINDOW, until=until) == label


days = st.integers(0, 800)


@given(st.lists(st.tuples(days, st.booleans()), max_size=6), days, days)
def test_a_label_that_is_mature_never_changes_and_is_counted_in_one_run_only(
    seen: list[tuple[int, bool]], first: int, second: int
) -> None:
    observed = [Seen(day(number), defaulted) for number, defaulted in seen]
    early, late = sorted((first, second))
    before = label_of(observed, DECIDED, WINDOW, until=day(early))
    after = label_of(observed, DECIDED, WINDOW, until=day(late))
    if before is not None:
        assert after == before
        assert before.matured_at < day(early)
    elif after is not None:
        assert after.matured_at >= day(early)


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    store = ArchiveStore(str(tmp_path))
    application = b" " + example("pensioner")
    decided_at = "2026-01-01T00:00:00Z"
    predictions = [prediction_record(n, application=application, decided_at=decided_at) for n in range(4)]
    # The same application once more: the first record counts.
    repeat = prediction_record(0, application=example("full"), decided_at=decided_at)
    predictions.append(replace(repeat, offset=4))
    archive_records(store, PREDICTIONS.name, predictions)
    ends = [
        (0, True, "2026-03-01"),
        (1, False, "2027-01-01"),
        (2, False, "2026-03-01"),
        (9, True, "2026-03-01"),
    ]
    archive_records(
        store,
        OUTCOMES.name,
        [
            outcome_record(
                offset,
                OutcomeObserved(
                    application_id=f"app-{number:08d}",
                    applicant_id=1,
                    defaulted=defaulted,
                    observed_at=f"{at}T00:00:00Z",
                ),
            )
            for offset, (number, defaulted, at) in enumerate(ends)
        ],
    )
    return store


def test_outcomes_meet_their_decisions_by_application_id(store: ArchiveStore) -> None:
    table = matured_rows(store, since=day(0), until=FAR, window=WINDOW, columns=["probability_of_default"])
    rows = {row["application_id"]: row for row in table.to_pylist()}
    assert {name: row["defaulted"] for name, row in rows.items()} == {
        "app-00000000": True,
        "app-00000001": False,
    }
    assert rows["app-00000000"]["observed_at"] == END
    assert rows["app-00000000"]["probability_of_default"] == pytest.approx(0.08337, abs=1e-5)


def test_training_reads_the_archives_labels_as_it_reads_others(store: ArchiveStore) -> None:
    archive = ArchivedOutcomes(store, now=lambda: FAR)
    matured = archive.matured(day(0), FAR)
    assert matured.target.tolist() == [1, 0]
    assert matured.columns.shape[0] == 2
    assert len(set(matured.columns[:, 0])) == 1  # both from the pensioner's bytes, none from the repeat
    assert archive.matured(day(0), FAR).sha256 == matured.sha256


def test_a_window_without_a_mature_label_is_said(store: ArchiveStore) -> None:
    with pytest.raises(BadOutcomes, match="no label matured"):
        ArchivedOutcomes(store).matured(FAR, FAR + WINDOW)
    with pytest.raises(BadOutcomes, match="no label matured"):
        ArchivedOutcomes(ArchiveStore(f"{store.root}/nothing")).matured(day(0), FAR)


def test_records_are_read_once_while_a_compaction_is_half_done(store: ArchiveStore) -> None:
    late = [prediction_record(n) for n in range(5, 9)]
    archive_records(store, PREDICTIONS.name, late, start=5)
    whole = [prediction_record(n) for n in range(9)]
    archive_records(store, PREDICTIONS.name, whole)
    tables = list(records(store, [PREDICTIONS.name], ["offset"]))
    assert [offset for table in tables for offset in table["offset"].to_pylist()] == list(range(9))


def test_a_file_that_is_gone_when_it_is_read_is_read_from_its_successor(store: ArchiveStore) -> None:
    late = [prediction_record(n) for n in range(5, 9)]
    archive_records(store, PREDICTIONS.name, late, start=5)
    reading = records(store, [PREDICTIONS.name], ["offset"])
    first = next(iter(reading))["offset"].to_pylist()
    archive_records(store, PREDICTIONS.name, [prediction_record(n) for n in range(9)])
    (gone,) = [file for file in store.files(PREDICTIONS.name) if file.first == 5]
    store.remove(gone)
    rest = [offset for table in reading for offset in table["offset"].to_pylist()]
    assert first + rest == list(range(9))


def test_only_the_hours_asked_for_are_read(store: ArchiveStore) -> None:
    archive_records(store, PREDICTIONS.name, [prediction_record(5, timestamp_ms=0)], start=5)
    since = datetime.fromtimestamp(0, UTC)
    tables = list(records(store, [PREDICTIONS.name], ["offset"], logged=(since, since + timedelta(hours=1))))
    assert [table["offset"].to_pylist() for table in tables] == [[5]]
