"""All 356,255 applicants: as large as the real files, in bounded memory and time."""

import subprocess
import sys
from pathlib import Path

import pytest

from training.sample.facts import ALL_TABLES, facts
from training.sample.report import agreeing_share, compare

pytestmark = pytest.mark.slow

#: Writes the sample and prints the peak resident memory of both processes in kB.
_PROGRAM = """
import resource, sys
from pathlib import Path
from training.sample import write_sample
if __name__ == "__main__":
    write_sample(Path(sys.argv[1]), applicants=int(sys.argv[2]), seed=1, workers=2)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(own + 2 * child)
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    folder = tmp_path_factory.mktemp("full")
    program = folder / "write.py"
    program.write_text(_PROGRAM)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(program), str(folder), str(facts().applicants)],
        capture_output=True,
        text=True,
        check=True,
        timeout=15 * 60,
        env={"PYTHONPATH": str(root), "PATH": ""},
    )
    return folder, int(done.stdout)


def test_the_full_size_is_written_within_six_gigabytes(written: tuple[Path, int]) -> None:
    assert written[1] * 1024 < 6e9


def test_every_full_size_table_agrees_with_the_published_figures(written: tuple[Path, int]) -> None:
    findings = compare(written[0])
    for name in ALL_TABLES:
        own = [finding for finding in findings if finding.table == name]
        assert agreeing_share(own) >= 0.98, [finding for finding in own if not finding.is_close]
