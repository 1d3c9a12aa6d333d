"""For every applicant and every feature: what the scorer computes from the JSON and the snapshot is what
training read, to the bit; and it depends on that applicant's rows only, in whatever order they come."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.application import Application, decode_logged
from contracts.csv_rows import applications_in
from feature_service.application import Features
from feature_service.snapshot import SnapshotReader
from feature_service.sources import SOURCES
from feature_service.vector import ALL_FEATURE_NAMES, HISTORY
from scorer.bundle import read_bundle
from scorer.decide import decide, feature_hash, vectors_of
from scorer.model import ServingModel
from tests.feature_builds import build, reader_of
from tests.models import built_on, write_model
from training.applications import read_labelled_applications
from training.dataset import Dataset, make_dataset
from training.sample import write_sample
from training.snapshots import SnapshotHistory


@dataclass(frozen=True)
class Sides:
    """A sample as training reads it, and as it arrives at the scorer."""

    folder: Path
    snapshot: SnapshotReader
    trained: Dataset
    submitted: list[Application]


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Sides:
    root = tmp_path_factory.mktemp("parity")
    write_sample(root / "csv", applicants=700, seed=3)
    snapshot = reader_of(build(root / "csv", root))
    labelled = read_labelled_applications(root / "csv" / "application_train.csv")
    trained = make_dataset(labelled, seed=5, history=SnapshotHistory(snapshot))
    return Sides(root, snapshot, trained, submitted(root / "csv" / "application_train.csv"))


def submitted(csv_file: Path) -> list[Application]:
    """The file's applications, each through the JSON that a client would send."""
    return [decode_logged(msgspec.json.encode(one)).application for one in applications_in(csv_file)]


def differences(one: Features, other: Features) -> list[str]:
    """Features with a row that differs in a bit."""
    differ = (one.view(np.uint32) != other.view(np.uint32)).any(axis=0)
    return [name for name, is_other in zip(ALL_FEATURE_NAMES, differ, strict=True) if is_other]


def test_the_scorer_computes_what_training_read(sides: Sides) -> None:
    served, found = vectors_of(sides.submitted, sides.snapshot)
    assert sides.trained.names == ALL_FEATURE_NAMES
    assert served.shape == (len(sides.trained.target), len(ALL_FEATURE_NAMES))
    assert found.all()
    assert differences(served, sides.trained.features) == []


def test_an_applicant_has_the_same_vector_alone_and_in_any_micro_batch(sides: Sides) -> None:
    whole, _ = vectors_of(sides.submitted, sides.snapshot)
    for size in (1, 7, 64):
        some = sides.submitted[:65] if size == 1 else sides.submitted
        batches = [some[start : start + size] for start in range(0, len(some), size)]
        parts = [vectors_of(batch, sides.snapshot)[0] for batch in batches]
        assert differences(np.vstack(parts), whole[: len(some)]) == []


def test_applicants_of_the_test_file_are_served_as_the_snapshot_has_them(sides: Sides) -> None:
    unlabelled = submitted(sides.folder / "csv" / "application_test.csv")
    served, _ = vectors_of(unlabelled, sides.snapshot)
    stored, found = sides.snapshot.rows([one.SK_ID_CURR for one in unlabelled])
    assert found.all()
    assert differences(served, stored) == []


def test_the_decision_is_made_of_the_very_row_that_training_has(sides: Sides, tmp_path: Path) -> None:
    write_model(tmp_path / "bundle", built_on(sides.trained))
    model = ServingModel(read_bundle(tmp_path / "bundle"))
    assert model.history_used
    rows = sides.trained.select(np.arange(len(sides.submitted)), model.feature_names)
    verdicts = decide(sides.submitted, model, sides.snapshot)
    assert [verdict.feature_hash for verdict in verdicts] == [feature_hash(row) for row in rows]
    assert [verdict.margin for verdict in verdicts] == model.margins(rows).tolist()
    assert all(verdict.applicant_found for verdict in verdicts)


def test_an_applicant_that_the_snapshot_does_not_hold_has_the_application_alone(sides: Sides) -> None:
    known = sides.submitted[0]
    stranger = msgspec.structs.replace(known, SK_ID_CURR=999_999_999)
    (vector,), found = vectors_of([stranger], sides.snapshot)
    (same,), _ = vectors_of([known], sides.snapshot)
    assert found.tolist() == [False]
    assert np.isnan(vector[HISTORY.start :]).all()
    assert vector[: HISTORY.start].tobytes() == same[: HISTORY.start].tobytes()


#: Owners of the rows of each table: applicants, or for the months at the bureau its credits.
_OWNER = {name: "SK_ID_BUREAU" if name == "bureau_balance" else "SK_ID_CURR" for name in SOURCES}


class Tables:
    """The lines of a small sample's files, to be written again in part and in another order."""

    def __init__(self, folder: Path) -> None:
        self.headers: dict[str, str] = {}
        self.lines: dict[str, list[str]] = {}
        for name, source in SOURCES.items():
            header, *lines = (folder / source.file_name).read_text().splitlines()
            self.headers[name], self.lines[name] = header, lines
        self.applicants = sorted(
            {self.owner(n, line) for n in ("application_train", "application_test") for line in self.lines[n]}
        )

    def owner(self, name: str, line: str) -> str:
        return line.split(",")[self.headers[name].split(",").index(_OWNER[name])]

    def write(self, folder: Path, applicants: Sequence[str], draw: random.Random) -> Path:
        """Files with the rows of `applicants`, and of the first applicant that each table has, shuffled."""
        kept = set(applicants)
        for name, lines in self.lines.items():
            if name != "bureau_balance":
                kept.add(next(one for line in lines if (one := self.owner(name, line)) in self.applicants))
        credits_kept = {
            line.split(",")[self.headers["bureau"].split(",").index("SK_ID_BUREAU")]
            for line in self.lines["bureau"]
            if self.owner("bureau", line) in kept
        }
        folder.mkdir(parents=True)
        for name, lines in self.lines.items():
            owners = credits_kept if name == "bureau_balance" else kept
            some = [line for line in lines if self.owner(name, line) in owners] or lines[:1]
            text = "\n".join([self.headers[name], *draw.sample(some, len(some))]) + "\n"
            (folder / SOURCES[name].file_name).write_text(text)
        return folder


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tables, SnapshotReader]:
    """Some applicants' tables, and their snapshot."""
    root = tmp_path_factory.mktemp("few")
    write_sample(root / "csv", applicants=40, seed=9)
    return Tables(root / "csv"), reader_of(build(root / "csv", root))


@settings(deadline=None, max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_subset_of_applicants_with_rows_in_any_order_gives_each_of_them_the_same_bits(
    few: tuple[Tables, SnapshotReader], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    tables, everybody = few
    chosen = data.draw(st.lists(st.sampled_from(tables.applicants), unique=True), label="applicants")
    draw = random.Random(data.draw(st.integers(0, 2**32), label="order"))
    root = tmp_path_factory.mktemp("subset")
    some = reader_of(build(tables.write(root / "csv", chosen, draw), root))
    expected, found = everybody.rows(some.applicant_ids)
    assert found.all()
    assert set(map(int, chosen)) <= set(some.applicant_ids.tolist())
    assert differences(np.array(some.matrix), expected) == []
