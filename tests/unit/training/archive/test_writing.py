"""From records to files: what waits, what is written, what is kept of what can't be read, which gaps."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pandas as pd
import pyarrow as pa
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from gcsfs.retry import HttpError

from contracts.events import decode_decision, decode_scored
from contracts.topics import OUTCOMES, PREDICTIONS
from tests.archived import TOPICS, prediction_record
from training.archive.buffers import Limits
from training.archive.compact import compact
from training.archive.errors import AlreadyRunning, StoreUnavailable
from training.archive.files import ArchiveFile, Place
from training.archive.lock import only_one
from training.archive.rows import LoggedRecord, outcome_rows, prediction_rows
from training.archive.store import ArchiveStore, Gap
from training.archive.writing import ArchiveWriter

PLACE = Place(PREDICTIONS.name, 0)
EVERY_RECORD = Limits(max_age_s=0, max_records=1, max_bytes=1)
NEVER = Limits(max_age_s=1e9, max_records=10**9, max_bytes=10**12)


@pytest.fixture
def store(tmp_path: Path) -> ArchiveStore:
    return ArchiveStore(str(tmp_path / "archive"))


def started(store: ArchiveStore, limits: Limits = NEVER, *, start: int = 0) -> ArchiveWriter:
    writer = ArchiveWriter(store, limits)
    writer.recover(TOPICS)
    writer.begin({PLACE: start})
    return writer


def gap_metrics(writer: ArchiveWriter) -> tuple[float | None, float | None]:
    """Records missed, and when the newest gap was found."""
    names = ("missed_records", "newest_gap_timestamp_seconds")
    missed, newest = (
        writer.metrics.registry.get_sample_value(f"scorestream_archive_{name}", {"topic": PLACE.topic})
        for name in names
    )
    return missed, newest


def found_at(gap: Gap) -> float:
    return datetime.fromisoformat(gap.found_at).timestamp()


def offsets(store: ArchiveStore) -> list[int]:
    with duckdb.connect() as database:
        found = database.execute(
            f"SELECT \"offset\" FROM '{store.root}/predictions/**/*.parquet' ORDER BY ALL"
        ).fetchall()
    return [offset for (offset,) in found]


def test_a_prediction_is_archived_with_all_that_recomputes_it(store: ArchiveStore) -> None:
    writer = started(store)
    record = prediction_record(0)
    writer.add(PLACE, record)
    writer.flush_all()
    (file,) = store.files(PREDICTIONS.name)
    (row,) = store.read(file).to_pylist()
    scored = decode_scored(record.value)
    decided = decode_decision(bytes(scored.decision))
    assert hashlib.sha256(row["application"]).hexdigest() == scored.request_hash
    assert row["document"] == bytes(scored.decision)
    assert (row["decision"], row["probability_of_default"]) == (
        decided.decision,
        decided.probability_of_default,
    )
    assert (row["offset"], row["client_id"], row["value"]) == (0, "bank", None)
    assert row["reasons"] == [reason.code for reason in decided.reasons]


def test_duckdb_pandas_and_pyarrow_read_it_with_one_line(store: ArchiveStore) -> None:
    writer = started(store, EVERY_RECORD)
    for offset in range(3):
        writer.add(PLACE, prediction_record(offset))
        writer.flush_due()
    folder = f"{store.root}/predictions"
    assert offsets(store) == [0, 1, 2]
    assert len(pd.read_parquet(folder)) == 3
    with duckdb.connect() as database:
        described = database.execute(f"DESCRIBE FROM '{folder}/**/*.parquet'").fetchall()
    assert {"date", "hour"} <= {name for name, *_ in described}


@pytest.mark.parametrize(
    "value",
    [b"", b"not json", b"{}", prediction_record(0).value.replace(b'"score":605', b'"score":99999999999')],
    ids=["empty", "no json", "no prediction", "a number too large"],
)
def test_what_cannot_be_read_is_kept_byte_for_byte_beside_what_can(value: bytes) -> None:
    rows = prediction_rows(PLACE, [LoggedRecord(0, 0, value, {}), prediction_record(1)])
    first, second = rows.table.to_pylist()
    assert rows.unreadable == 1
    assert (first["value"], first["application_id"]) == (value, None)
    assert second["application_id"]


@pytest.mark.parametrize(
    "observed_at", ["yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_an_outcome_with_a_moment_that_is_none_is_kept_as_unreadable(observed_at: str) -> None:
    value = (
        f'{{"application_id":"a","applicant_id":1,"defaulted":true,"observed_at":"{observed_at}"}}'.encode()
    )
    rows = outcome_rows(Place(OUTCOMES.name, 0), [LoggedRecord(4, 0, value, {})])
    assert (rows.unreadable, rows.table["value"].to_pylist()) == (1, [value])


def test_a_new_writer_goes_on_after_the_last_file(store: ArchiveStore) -> None:
    writer = started(store)
    for offset in range(5):
        writer.add(PLACE, prediction_record(offset))
    writer.flush_all()
    again = ArchiveWriter(store, NEVER)
    again.recover(TOPICS)
    assert again.begin({PLACE: 0}) == {PLACE: 5}
    again.add(PLACE, prediction_record(4))
    again.add(PLACE, prediction_record(5))
    again.flush_all()
    assert offsets(store) == [0, 1, 2, 3, 4, 5]


def test_what_retention_removed_unread_is_a_gap_that_stays_known(store: ArchiveStore) -> None:
    writer = started(store)
    writer.add(PLACE, prediction_record(0))
    writer.flush_all()
    late = started(store, start=10)
    (gap,) = store.gaps()
    assert (gap.first, gap.last, gap.records) == (1, 9, 9)
    assert gap_metrics(late) == (9, found_at(gap))
    late.add(PLACE, prediction_record(10))
    late.flush_all()
    again = started(store, start=10)
    assert store.gaps() == [gap]
    assert gap_metrics(again) == (9, found_at(gap))


def test_an_old_gap_is_shown_as_old_after_a_restart_whatever_order_the_store_has_them_in(
    store: ArchiveStore,
) -> None:
    newer = Gap(PLACE, 0, 4, "2026-11-02T00:00:00+00:00")
    older = Gap(PLACE, 5, 9, "2026-11-01T00:00:00+00:00")
    for gap in (newer, older):
        store.write_gap(gap)
    assert gap_metrics(started(store, start=10)) == (10, found_at(newer))


def test_what_the_log_had_before_the_archive_first_met_it_is_no_gap(store: ArchiveStore) -> None:
    started(store, start=500)
    assert store.gaps() == []
    started(store, start=700)
    assert [(gap.first, gap.last) for gap in store.gaps()] == [(500, 699)]


def test_retention_that_overtakes_a_running_writer_is_a_gap_after_what_waits_is_written(
    store: ArchiveStore,
) -> None:
    writer = started(store)
    writer.add(PLACE, prediction_record(0))
    writer.note_start(PLACE, 8)
    writer.add(PLACE, prediction_record(8))
    writer.flush_all()
    assert offsets(store) == [0, 8]
    assert [(gap.first, gap.last) for gap in store.gaps()] == [(1, 7)]


def test_an_offset_that_never_had_a_record_is_no_gap(store: ArchiveStore) -> None:
    writer = started(store)
    writer.add(PLACE, prediction_record(0))
    writer.note_start(PLACE, 0)
    writer.add(PLACE, prediction_record(2))
    writer.flush_all()
    (file,) = store.files(PREDICTIONS.name)
    assert (file.first, file.last, store.gaps()) == (0, 2, [])


class BrokenStore(ArchiveStore):
    """Takes nothing while it is broken."""

    is_broken = False

    def write(self, file: ArchiveFile, table: pa.Table) -> int:
        if self.is_broken:
            raise StoreUnavailable("the disk is full")
        return super().write(file, table)


def test_what_the_store_does_not_take_goes_on_waiting(tmp_path: Path) -> None:
    store = BrokenStore(str(tmp_path))
    writer = started(store)
    writer.add(PLACE, prediction_record(0))
    store.is_broken = True
    with pytest.raises(StoreUnavailable):
        writer.flush_all()
    store.is_broken = False
    writer.add(PLACE, prediction_record(1))
    writer.flush_all()
    assert offsets(store) == [0, 1]


def test_too_much_waiting_is_written_at_once(store: ArchiveStore) -> None:
    size = len(prediction_record(0).value)
    writer = started(store, Limits(max_age_s=1e9, max_records=10**9, max_bytes=3 * size))
    for offset in range(3):
        writer.flush_due()
        assert store.files(PREDICTIONS.name) == []
        writer.add(PLACE, prediction_record(offset))
    writer.flush_due()
    assert offsets(store) == [0, 1, 2]


def test_compaction_makes_one_file_of_many_with_the_same_rows(store: ArchiveStore) -> None:
    writer = started(store, EVERY_RECORD)
    for offset in range(8):
        writer.add(PLACE, prediction_record(offset))
        writer.flush_due()
    before = pa.concat_tables(store.read(file) for file in sorted(store.files(PREDICTIONS.name)))
    done = compact(store, TOPICS)
    (file,) = store.files(PREDICTIONS.name)
    assert (done.merged, done.into, file.first, file.last) == (8, 1, 0, 7)
    assert store.read(file).equals(before)
    assert compact(store, TOPICS).merged == 0


def test_a_second_writer_on_a_store_is_turned_away(store: ArchiveStore) -> None:
    with only_one(store, "writer"), pytest.raises(AlreadyRunning), only_one(store, "writer"):
        pass
    with only_one(store, "writer"):
        pass


class OverloadedFiles(MemoryFileSystem):  # type: ignore[misc]
    """Answers with an error that only its own client knows, as gcsfs does."""

    protocol = "overloaded"

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        raise HttpError({"code": 503, "message": "we are busy"})

    def find(self, path: str, *args: Any, **kwargs: Any) -> Any:
        raise HttpError({"code": 401, "message": "Invalid Credentials"})

    def exists(self, path: str, **kwargs: Any) -> bool:
        return True


def test_an_error_that_only_the_object_stores_client_knows_is_waited_for() -> None:
    fsspec.register_implementation("overloaded", OverloadedFiles, clobber=True)
    store = ArchiveStore("overloaded://archive")
    with pytest.raises(StoreUnavailable, match="Invalid Credentials"):
        ArchiveWriter(store, NEVER).recover(TOPICS)
    rows = prediction_rows(PLACE, [prediction_record(0)])
    with pytest.raises(StoreUnavailable, match="HttpError: we are busy"):
        store.write(ArchiveFile(PLACE, 0, 0, 0), rows.table)


def test_an_object_store_gets_each_file_by_one_put() -> None:
    store = ArchiveStore("memory://archive-test")
    writer = started(store)
    writer.add(PLACE, prediction_record(0))
    writer.flush_all()
    (file,) = store.files(PREDICTIONS.name)
    assert store.read(file).num_rows == 1
    assert not store.is_local
