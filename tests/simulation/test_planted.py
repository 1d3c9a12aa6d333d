"""Every planted fault is found: what the simulator can't find it can't vouch for."""

from __future__ import annotations

import pytest

from tests.simulation.planted import FAULTS, RARE, SOUGHT
from tests.simulation.schedule import play

WITHIN = 60
#: When the protocol changes the accidents fall elsewhere: a fault that hides is then looked for in so many.
SEARCHED = 10_000


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - SOUGHT - {"none"}))
def test_a_planted_fault_is_found(fault: str) -> None:
    seeds = [*RARE.get(fault, ()), *range(1, WITHIN)]
    assert any(play(seed, FAULTS[fault]).findings for seed in seeds)


@pytest.mark.slow
@pytest.mark.parametrize("fault", sorted(SOUGHT))
def test_a_fault_that_hides_is_found_in_the_end(fault: str) -> None:
    assert any(play(seed, FAULTS[fault]).findings for seed in range(1, SEARCHED))


@pytest.mark.parametrize("seed", sorted({seed for seeds in RARE.values() for seed in seeds}))
def test_what_shows_a_rare_fault_is_the_fault(seed: int) -> None:
    assert play(seed).findings == []
