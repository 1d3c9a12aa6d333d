"""Which outcome is a label, and since when; and that training reads the archive's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.application import example
from contracts.events import OutcomeObserved
from contracts.topics import OUTCOMES, PREDICTIONS
from tests.archived import archive_records, outcome_record, prediction_record
from training.archive.files import ArchiveFile
from training.archive.matured import (
    LOOKED_AT_WITHIN,
    ArchivedOutcomes,
    Label,
    Seen,
    label_of,
    matured_rows,
)
from training.archive.reading import records
from training.archive.rows import LoggedRecord
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
        ([Seen(END + LOOKED_AT_WITHIN + timedelta(days=1), False)], FAR, None),
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
        "first looked at years later",
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
    predictions = [decided_record(n, application=application) for n in range(4)]
    # The same application once more: the first record counts.
    repeat = decided_record(0, application=example("full"))
    predictions.append(replace(repeat, offset=4))
    archive_records(store, PREDICTIONS.name, predictions)
    ends = [
        (0, True, "2026-03-01"),
        (1, False, "2027-01-01"),
        (2, False, "2026-03-01"),
        (9, True, "2026-03-01"),
    ]
    outcomes = [observed_record(offset, *end) for offset, end in enumerate(ends)]
    archive_records(store, OUTCOMES.name, outcomes)
    return store


def decided_record(number: int, *, at: datetime = DECIDED, application: bytes | None = None) -> LoggedRecord:
    return prediction_record(
        number, application=application, decided_at=at.isoformat(), timestamp_ms=round(at.timestamp() * 1000)
    )


def observed_record(
    offset: int, number: int, defaulted: bool, observed_at: str, *, logged: datetime = END
) -> LoggedRecord:
    outcome = OutcomeObserved(
        application_id=f"app-{number:08d}",
        applicant_id=1,
        defaulted=defaulted,
        observed_at=observed_at if "T" in observed_at else f"{observed_at}T00:00:00Z",
    )
    return outcome_record(offset, outcome, timestamp_ms=round(logged.timestamp() * 1000))


def test_outcomes_meet_their_decisions_by_application_id(store: ArchiveStore) -> None:
    table = matured_rows(store, since=day(0), until=FAR, window=WINDOW, columns=["probability_of_default"])
    rows = {row["application_id"]: row for row in table.to_pylist()}
    assert {name: row["defaulted"] for name, row in rows.items()} == {
        "app-00000000": True,
        "app-00000001": False,
    }
    assert rows["app-00000000"]["observed_at"] == END
    assert rows["app-00000000"]["probability_of_default"] == pytest.approx(0.08337, abs=1e-5)


class ReadingStore(ArchiveStore):
    """Writes down which files are read, and which of their columns."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.has_read: dict[ArchiveFile, set[str]] = {}

    def read(self, file: ArchiveFile, columns: list[str] | None = None) -> pa.Table:
        self.has_read.setdefault(file, set()).update(columns or [])
        return super().read(file, columns)


def test_decisions_of_other_years_are_not_opened_and_applications_are_read_of_labels_only(
    store: ArchiveStore,
) -> None:
    old, unlabelled, young = day(-800), day(0) + timedelta(hours=5), day(700)
    for number, at in enumerate((old, unlabelled, young), 5):
        archive_records(store, PREDICTIONS.name, [decided_record(number, at=at)], start=number)
    archive_records(
        store, OUTCOMES.name, [observed_record(4, 5, True, "2024-01-01", logged=day(-750))], start=4
    )
    reading = ReadingStore(store.uri)
    table = matured_rows(
        reading, since=day(0), until=day(500), window=WINDOW, columns=["application", "decision"]
    )
    assert sorted(table["application_id"].to_pylist()) == ["app-00000000", "app-00000001"]
    read = {
        file.first: columns for file, columns in reading.has_read.items() if file.place.topic != "outcomes"
    }
    assert read.keys() == {0, 6}
    assert "application" in read[0]
    assert "application" not in read[6]
    assert [file.first for file in reading.has_read if file.place.topic == "outcomes"] == [0]


def test_an_outcome_that_is_posted_long_after_it_was_observed_counts(store: ArchiveStore) -> None:
    late = observed_record(4, 3, False, "2027-01-02", logged=day(800))
    archive_records(store, OUTCOMES.name, [late], start=4)
    table = matured_rows(store, since=day(360), until=day(370), window=WINDOW)
    assert "app-00000003" in table["application_id"].to_pylist()


def test_moments_of_an_archive_that_python_has_no_year_for_do_not_end_a_run(store: ArchiveStore) -> None:
    table = store.read(store.files(OUTCOMES.name)[0])
    before_time = pa.array([-62_135_647_200_000], pa.int64()).cast(table.schema.field("observed_at").type)
    poison = table.slice(0, 1).set_column(
        table.schema.get_field_index("observed_at"), "observed_at", before_time
    )
    (file,) = store.files(OUTCOMES.name)
    store.write(replace(file, first=4, last=4), poison.set_column(2, "offset", pa.array([4], pa.int64())))
    assert matured_rows(store, since=day(0), until=FAR, window=WINDOW).num_rows == 2


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
