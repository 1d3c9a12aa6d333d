"""All definitions on both engines, and the build at full size within its bounds of time and memory.

The bounds are the design's (150 s, 8 GB on two idle cores) and are asserted on processor time and
on peak memory, which a busy machine does not change.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from feature_service.engines import DuckDbEngine, SparkEngine
from feature_service.errors import EngineUnavailable
from feature_service.ingest import ingest
from feature_service.vector import ALL_FEATURE_NAMES
from feature_service.views import VIEWS
from feature_service.views.compile import ENTITY, features_of
from feature_service.views.view import View
from tests.feature_builds import build, reader_of
from training.sample import write_sample

pytestmark = pytest.mark.slow

_APPLICANTS = 356_255
_PROCESSOR_S = 300
_PEAK_KB = 8_000_000


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkEngine]:
    try:
        engine = SparkEngine(master="local[2]", driver_memory="3g")
    except EngineUnavailable as error:
        pytest.skip(str(error))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def duck() -> Iterator[DuckDbEngine]:
    with DuckDbEngine() as engine:
        yield engine


@pytest.fixture(scope="module")
def parquet(duck: DuckDbEngine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("sample")
    write_sample(root / "csv", applicants=3_000, seed=11)
    return ingest(root / "csv", root / "cache", duck.connection).parquet


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.feature_names[0])
def test_every_feature_agrees_on_both_engines(
    view: View, duck: DuckDbEngine, spark: SparkEngine, parquet: dict[str, Path]
) -> None:
    one = duck.evaluated(features_of(view, duck.tables(parquet))).sort_by(ENTITY)
    other = spark.evaluated(features_of(view, spark.tables(parquet))).sort_by(ENTITY)
    assert one[ENTITY].to_pylist() == other[ENTITY].to_pylist()
    for name in view.feature_names:
        np.testing.assert_allclose(one[name].to_numpy(), other[name].to_numpy(), rtol=1e-6, err_msg=name)


def test_a_whole_build_on_spark_is_the_snapshot_that_duckdb_builds(tmp_path: Path) -> None:
    write_sample(tmp_path / "csv", applicants=1_500, seed=12)
    one = reader_of(build(tmp_path / "csv", tmp_path / "duckdb"))
    try:
        other = reader_of(build(tmp_path / "csv", tmp_path / "spark", engine="spark"))
    except EngineUnavailable as error:
        pytest.skip(str(error))
    assert (one.manifest.engine, other.manifest.engine) == ("duckdb", "spark")
    assert one.applicant_ids.tolist() == other.applicant_ids.tolist()
    for column, name in enumerate(ALL_FEATURE_NAMES):
        np.testing.assert_allclose(one.matrix[:, column], other.matrix[:, column], rtol=1e-6, err_msg=name)


def test_full_size_builds_within_its_bounds(tmp_path: Path) -> None:
    write_sample(tmp_path / "csv", applicants=_APPLICANTS, seed=1, workers=1)
    script = dedent(
        """
        import json, resource, sys, time
        from pathlib import Path
        from feature_service.store import SnapshotStore
        from feature_service.build import BuildRequest, build_snapshot
        from tests.feature_builds import FixedGate
        root = Path(sys.argv[1])
        marks = {}
        def mark(doing, done, total):
            marks[doing] = time.process_time()
        request = BuildRequest(root / "csv", root / "cache")
        built = build_snapshot(request, SnapshotStore(str(root / "store")), FixedGate(), progress=mark)
        # Not printed: DuckDB draws a bar on standard output where it takes a program for a person.
        (root / "measured.json").write_text(json.dumps({
            "applicants": built.manifest.n_applicants,
            "processor_s": time.process_time() - marks["checking quality"],
            "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }))
        """
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    measured = json.loads((tmp_path / "measured.json").read_text())
    assert measured["applicants"] == _APPLICANTS
    assert measured["processor_s"] < _PROCESSOR_S
    assert measured["peak_kb"] < _PEAK_KB
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < _PEAK_KB
