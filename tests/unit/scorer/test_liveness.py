from __future__ import annotations

from scorer.liveness import Liveness


def test_a_partition_with_lag_that_stands_still_is_stuck_after_the_time_set() -> None:
    liveness = Liveness(30)
    for now in range(31):
        liveness.observe(now, {0: 5}, {0: 10})
    assert liveness.stuck(29.9) == {}
    assert liveness.stuck(31) == {0: 31}


def test_a_partition_that_moves_is_alive_however_large_its_lag() -> None:
    liveness = Liveness(30)
    for now in range(100):
        liveness.observe(now, {0: 1_000_000}, {0: now})
    assert liveness.stuck(100) == {}


def test_without_lag_a_partition_is_alive_however_long_nothing_comes() -> None:
    liveness = Liveness(30)
    for now in range(100):
        liveness.observe(now, {0: 0}, {0: 10})
    assert liveness.stuck(100) == {}


def test_the_time_runs_from_when_lag_began_not_from_the_last_move() -> None:
    liveness = Liveness(30)
    liveness.observe(0, {0: 0}, {0: 10})
    liveness.observe(1_000, {0: 0}, {0: 10})
    liveness.observe(1_001, {0: 1}, {0: 10})
    assert liveness.stuck(1_002) == {}
    assert liveness.stuck(1_030) == {0: 30}


def test_one_stuck_partition_is_not_hidden_by_others_that_move() -> None:
    liveness = Liveness(30)
    for now in range(41):
        liveness.observe(now, {0: 1, 1: 1}, {0: 10, 1: now})
    assert set(liveness.stuck(40)) == {0}


def test_a_partition_that_was_given_away_is_forgotten() -> None:
    liveness = Liveness(30)
    liveness.observe(0, {0: 1}, {0: 10})
    liveness.observe(40, {}, {})
    assert liveness.stuck(50) == {}
    liveness.observe(60, {0: 1}, {0: 10})
    assert liveness.stuck(61) == {}
