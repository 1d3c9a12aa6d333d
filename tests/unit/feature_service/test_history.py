from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from feature_service.application import Features
from feature_service.engines import DuckDbEngine
from feature_service.history import fill_history
from feature_service.ingest import Ingested, ingest
from feature_service.snapshot_files import SnapshotDraft
from feature_service.vector import HISTORY
from training.sample import write_sample


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    root = tmp_path_factory.mktemp("tables")
    write_sample(root / "csv", applicants=60, seed=2)
    with DuckDbEngine() as engine:
        return ingest(root / "csv", root / "cache", engine.connection)


def filled(tables: Ingested, folder: Path, ids: list[int], **options: int) -> Features:
    folder.mkdir()
    with DuckDbEngine(**options) as engine, SnapshotDraft(folder, np.array(ids)) as draft:  # type: ignore[arg-type]
        fill_history(draft, tables, engine, progress=lambda _: None)
        return np.array(draft.matrix[:, HISTORY])


def test_some_applicants_at_a_time_give_the_bits_of_all_at_once(tables: Ingested, tmp_path: Path) -> None:
    ids = list(range(100_001, 100_040))
    whole = filled(tables, tmp_path / "whole", ids)
    parts = filled(
        tables, tmp_path / "parts", ids, rows_at_once=tables.rows["installments_payments"] // 2 + 1
    )
    assert whole.tobytes() == parts.tobytes()
    assert not np.isnan(whole).all()
