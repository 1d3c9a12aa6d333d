"""The gate over tables as large as the real ones: 57 million child rows in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.feature_service.quality.tables import sample_as_parquet
from training.sample.facts import facts

pytestmark = pytest.mark.slow

#: Runs the gate in a process of its own and prints its findings and peak resident memory in bytes.
_PROGRAM = """
import json, resource, sys
from pathlib import Path
from feature_service.quality import run_gate
report = run_gate({path.stem: path for path in Path(sys.argv[1]).glob("*.parquet")}, docs_dir=None)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"report": report.as_document(), "peak": peak}))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("full")
    sample_as_parquet(folder, applicants=facts().applicants, seed=1)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=10 * 60,
        cwd=Path(__file__).parents[2],
    )
    outcome: dict[str, object] = json.loads(done.stdout)
    return outcome


def test_the_full_size_is_judged_within_eight_gigabytes(run: dict[str, object]) -> None:
    assert isinstance(run["peak"], int)
    assert run["peak"] < 8e9


def test_the_full_size_passes_without_a_finding(run: dict[str, object]) -> None:
    report = run["report"]
    assert isinstance(report, dict)
    assert report["critical"] == []
    assert report["warnings"] == []
    assert report["tables"]["bureau_balance"]["rows"] > 20_000_000
