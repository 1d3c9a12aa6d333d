"""Every planted fault is found: what the simulator can't find it can't vouch for."""

from __future__ import annotations

import pytest

from tests.simulation.planted import FAULTS, RARE
from tests.simulation.schedule import play

WITHIN = 60
#: When the protocol changes the accidents fall elsewhere: then a rare fault is looked for in so many more.
RARELY = 1_500


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {"none"}))
def test_a_planted_fault_is_found(fault: str) -> None:
    seeds = [*RARE.get(fault, ()), *range(1, RARELY if fault in RARE else WITHIN)]
    assert any(play(seed, FAULTS[fault]).findings for seed in seeds)


@pytest.mark.parametrize("seed", sorted({seed for seeds in RARE.values() for seed in seeds}))
def test_what_shows_a_rare_fault_is_the_fault(seed: int) -> None:
    assert play(seed).findings == []
