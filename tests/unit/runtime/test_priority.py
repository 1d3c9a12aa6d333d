from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import os, pathlib
from infra.runtime.priority import step_back
step_back(7)
print(os.nice(0), pathlib.Path("/proc/self/autogroup").read_text().strip())
"""


@pytest.mark.parametrize("is_leader", [True, False])
def test_who_leads_a_session_steps_back_with_all_of_it(is_leader: bool) -> None:
    if not Path("/proc/self/autogroup").exists():
        pytest.skip("this kernel does not share processors among sessions")
    began = Path("/proc/self/autogroup").read_text().strip()
    said = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        start_new_session=is_leader,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    # The file is empty where nobody began a session since the machine started.
    niceness, _, session = said.strip().partition(" ")
    assert int(niceness) == min(19, os.nice(0) + 7)
    assert session.endswith(f"nice {niceness}") if is_leader else session == began
