"""The instalment features written a second time, in plain pandas, say the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.pandas_instalments import instalment_features
from feature_service.engines import DuckDbEngine
from feature_service.ingest import ingest
from feature_service.views.compile import ENTITY, features_of
from feature_service.views.installments import INSTALMENTS
from training.sample import write_sample


def test_pandas_computes_the_same_instalment_features(tmp_path: Path) -> None:
    write_sample(tmp_path / "csv", applicants=300, seed=4)
    with DuckDbEngine() as engine:
        parquet = ingest(tmp_path / "csv", tmp_path / "cache", engine.connection).parquet
        ours = engine.evaluated(features_of(INSTALMENTS, engine.tables(parquet))).sort_by(ENTITY)
    theirs = instalment_features(parquet["installments_payments"]).sort_index()
    assert ours[ENTITY].to_pylist() == theirs.index.to_list()
    assert set(theirs.columns) == set(INSTALMENTS.feature_names)
    for name in INSTALMENTS.feature_names:
        # Ours adds whole thousandths, pandas floats.
        np.testing.assert_allclose(
            ours[name].to_numpy(), theirs[name].to_numpy(), rtol=2e-5, atol=1e-3, err_msg=name
        )
