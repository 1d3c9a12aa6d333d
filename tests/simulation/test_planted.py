"""Every planted fault is found: what the simulator can't find it can't vouch for."""

from __future__ import annotations

import pytest

from tests.simulation.planted import FAULTS, RARE
from tests.simulation.schedule import play

WITHIN = 150
#: Faults that need two accidents at once.
RARELY = 1_000


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {"none"}))
def test_a_planted_fault_is_found(fault: str) -> None:
    within = RARELY if fault in RARE else WITHIN
    assert any(play(seed, FAULTS[fault]).findings for seed in range(1, within + 1))
