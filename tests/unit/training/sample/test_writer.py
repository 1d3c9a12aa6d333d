"""Writing: the same seed gives the same bytes, however it is asked for."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from training.sample import ALL_TABLES, SampleRejected, SampleWritten, write_sample
from training.sample.risk import CHUNK_APPLICANTS


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_sample(tmp_path / name, applicants=300, seed=5)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_another_seed_gives_other_people(tmp_path: Path) -> None:
    for seed in (5, 6):
        write_sample(tmp_path / str(seed), applicants=50, seed=seed, tables=["application_train"])
    assert digests(tmp_path / "5") != digests(tmp_path / "6")


def test_a_table_alone_is_the_same_as_among_all(tmp_path: Path, written: SampleWritten) -> None:
    write_sample(tmp_path, applicants=written.applicants, seed=written.seed, tables=["installments_payments"])
    alone = tmp_path / "installments_payments.csv"
    assert alone.read_bytes() == (written.folder / alone.name).read_bytes()


def test_two_processes_write_what_one_writes(tmp_path: Path) -> None:
    applicants = CHUNK_APPLICANTS + 100
    tables = ["application_test", "bureau"]
    for workers in (1, 2):
        write_sample(tmp_path / str(workers), applicants=applicants, seed=3, tables=tables, workers=workers)
    assert digests(tmp_path / "1") == digests(tmp_path / "2")


def test_a_whole_chunk_does_not_depend_on_how_many_follow(tmp_path: Path) -> None:
    ids = []
    for name, applicants in (("short", CHUNK_APPLICANTS), ("long", CHUNK_APPLICANTS + 10)):
        write_sample(tmp_path / name, applicants=applicants, seed=3, tables=["application_train"])
        ids.append((tmp_path / name / "application_train.csv").read_bytes())
    assert ids[1].startswith(ids[0])


def test_what_is_said_to_be_written_is_written(written: SampleWritten) -> None:
    assert list(written.rows) == list(ALL_TABLES)
    for name, size in written.size_bytes.items():
        assert (written.folder / f"{name}.csv").stat().st_size == size
    assert written.rows["application_train"] + written.rows["application_test"] == written.applicants


def test_one_applicant_is_a_sample_too(tmp_path: Path) -> None:
    written = write_sample(tmp_path, applicants=1, seed=1)
    assert written.rows["application_train"] + written.rows["application_test"] == 1
    for name in ALL_TABLES:
        assert len(pd.read_csv(tmp_path / f"{name}.csv")) == written.rows[name]


def test_progress_ends_at_the_number_of_applicants(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    write_sample(
        tmp_path,
        applicants=40,
        seed=1,
        tables=["bureau"],
        progress=lambda table, done, total: seen.append((table, done, total)),
    )
    assert seen == [("bureau", 40, 40)]


def test_a_failed_run_leaves_no_file_that_looks_complete(tmp_path: Path) -> None:
    def interrupt(_table: str, _done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path, applicants=20, seed=1, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("applicants", "seed", "tables"), [(0, 1, ["bureau"]), (5, -1, ["bureau"]), (5, 1, ["loans"]), (5, 1, [])]
)
def test_a_senseless_request_is_refused(
    tmp_path: Path, applicants: int, seed: int, tables: list[str]
) -> None:
    with pytest.raises(SampleRejected):
        write_sample(tmp_path / "none", applicants=applicants, seed=seed, tables=tables)
    assert not (tmp_path / "none").exists()
