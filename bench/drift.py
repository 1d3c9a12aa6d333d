"""How long a drift run takes on 100,000 applications against a reference of 100,000, all features.

    python -m bench.drift [--rows 100000]

Applications come from an archive as they would; the history's columns are noise, as wide as they are. The
pictures are drawn, since the test file has drifted.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from contracts.csv_rows import applications_in
from contracts.topics import PREDICTIONS
from feature_service.application import FEATURE_NAMES, Features
from feature_service.vector import ALL_FEATURE_NAMES
from scorer.bundle import read_bundle, write_bundle
from scorer.model import ServingModel
from tests.archived import archive_records, prediction_record
from training.applications import FILE_NAME, TEST_FILE_NAME, read_labelled_applications
from training.archive.store import ArchiveStore
from training.build import Origin, build_model
from training.dataset import make_dataset
from training.drift.judge import judge
from training.drift.page import write_report
from training.drift.performance import Judged
from training.drift.reference import Reference, decisions_of, importance_of
from training.drift.run import DriftRun, Period, facts_of
from training.drift.window import decided_between
from training.fit import SMOKE
from training.growing import Recipe
from training.registry import RegisteredVersion
from training.sample.writer import write_sample

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
PERIOD = Period(SINCE, SINCE + timedelta(days=1))
_FILE_ROWS = 20_000


def main() -> None:
    """Prepare, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="bench-drift-") as name:
        folder = Path(name)
        write_sample(
            folder, applicants=30_000, seed=7, tables=["application_train", "application_test"],
            progress=lambda *_: None, workers=1,
        )  # fmt: skip
        reference = _reference(folder, rows)
        store = _archive(folder, rows)
        started = time.perf_counter()
        with _measured("reading the archive, features anew"):
            window = decided_between(store, PERIOD.since, PERIOD.until)
        window = replace(window, names=ALL_FEATURE_NAMES, features=_widened(window.features))
        nothing = Judged(np.empty(0), np.empty(0, "U1"), np.empty(0, np.int64))
        with _measured(f"PSI of {len(ALL_FEATURE_NAMES)} columns and the score"):
            facts = facts_of(reference, window, nothing)
        with _measured("the report, pictures included"):
            write_report(folder / "report", DriftRun(PERIOD, reference, window, facts, judge(facts)))
        total = time.perf_counter() - started
        print(f"{total:8.1f} s  all of it, {len(window.features):,} x {len(reference.features):,} rows")


def _reference(folder: Path, rows: int) -> Reference:
    dataset = make_dataset(read_labelled_applications(folder / FILE_NAME), seed=5)
    origin = Origin(inputs_digest="", code_digest="", sha256={}, parameters={}, seed=5)
    built = build_model(
        dataset, model_name="credit-risk", recipe=Recipe(SMOKE), origin=origin, progress=lambda *_: None
    )
    write_bundle(folder / "bundle", built.manifest, model_text=built.model_text, golden=built.golden)
    bundle = read_bundle(folder / "bundle")
    model = ServingModel(bundle)
    at = np.resize(np.arange(len(dataset.target)), rows)
    features = dataset.features[at]
    margins = model.margins(model.select(features))
    probabilities = model.probabilities(margins)
    return Reference(
        version=RegisteredVersion("credit-risk", "1", "", "", bundle.digest, ""),
        model=model,
        names=ALL_FEATURE_NAMES,
        features=_widened(features),
        margins=margins,
        judged=Judged(probabilities, decisions_of(model, probabilities), dataset.target[at]),
        importance=importance_of(bundle),
    )


def _archive(folder: Path, rows: int) -> ArchiveStore:
    store = ArchiveStore(str(folder / "archive"))
    bodies = [
        json.dumps({name: value for name, value in one.items() if value is not None}).encode()
        for one in applications_in(folder / TEST_FILE_NAME)
    ]
    numbered = enumerate(islice(cycle(bodies), rows))
    at_ms = round(SINCE.timestamp() * 1000)
    start = 0
    while chunk := list(islice(numbered, _FILE_ROWS)):
        records = [
            prediction_record(number, application=body, timestamp_ms=at_ms, decided_at="2026-01-01T00:00:00Z")
            for number, body in chunk
        ]
        archive_records(store, PREDICTIONS.name, records, start=start)
        start += len(chunk)
    return store


def _widened(features: Features) -> Features:
    random = np.random.default_rng(1)
    width = len(ALL_FEATURE_NAMES) - len(FEATURE_NAMES)
    return np.hstack([features, random.standard_normal((len(features), width), dtype=np.float32)])


@contextmanager
def _measured(what: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    print(f"{time.perf_counter() - started:8.1f} s  {what}")


if __name__ == "__main__":
    main()
