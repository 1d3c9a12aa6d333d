"""The same definitions on DuckDB and on Spark: equal rows, values within 1e-6 of each other.

A dozen representative features here; all of them in tests/slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pytest

from feature_service.engines import DuckDbEngine, Engine, SparkEngine
from feature_service.errors import EngineUnavailable
from feature_service.ingest import ingest
from feature_service.views import VIEWS
from feature_service.views.compile import ENTITY, features_of
from feature_service.views.view import View
from training.sample import write_sample

#: One of each kind of measure, and of each table but the months at the bureau's sums.
DOZEN: Final = (
    "HAS_BUREAU",
    "BUREAU_OPENED_SPREAD_DAYS",
    "BUREAU_ACTIVE_DEBT_TO_CREDIT",
    "BUREAU_LAST_3_CREDIT_MEAN",
    "BUREAU_MONTHS_GRADE_WEIGHTED",
    "BUREAU_MONTHS_SINCE_LATE",
    "PREV_REFUSED_LAST_3_SHARE",
    "PREV_COST_RATE_MEAN",
    "PREV_UNACCOMPANIED_SHARE",
    "POS_DPD_SLOPE_12",
    "POS_LOANS_LEFT",
    "CARD_BALANCE_NEWEST",
    "INST_LATE_DAYS_SLOPE_365",
    "INST_SHORT_365_TOTAL",
    "INST_LOANS_WORST_SHARE",
)


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkEngine]:
    try:
        engine = SparkEngine(master="local[2]", driver_memory="1g")
    except EngineUnavailable as error:
        pytest.skip(str(error))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def duck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDbEngine]:
    with DuckDbEngine(spill=tmp_path_factory.mktemp("spill")) as engine:
        yield engine


@pytest.fixture(scope="session")
def parquet(duck: DuckDbEngine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("sample")
    write_sample(root / "csv", applicants=300, seed=5)
    return ingest(root / "csv", root / "cache", duck.connection).parquet


def only(view: View, names: tuple[str, ...]) -> View:
    return replace(view, features=tuple(one for one in view.features if one.name in names))


def by_applicant(engine: Engine, view: View, parquet: dict[str, Path]) -> pa.Table:
    return engine.evaluated(features_of(view, engine.tables(parquet))).sort_by(ENTITY)


@pytest.mark.parametrize(
    "view", [view for view in VIEWS if only(view, DOZEN).features], ids=lambda v: v.tables[0]
)
def test_representative_features_agree(
    view: View, duck: DuckDbEngine, spark: SparkEngine, parquet: dict[str, Path]
) -> None:
    narrow = only(view, DOZEN)
    one, other = by_applicant(duck, narrow, parquet), by_applicant(spark, narrow, parquet)
    assert one[ENTITY].to_pylist() == other[ENTITY].to_pylist()
    for name in narrow.feature_names:
        np.testing.assert_allclose(one[name].to_numpy(), other[name].to_numpy(), rtol=1e-6, err_msg=name)
