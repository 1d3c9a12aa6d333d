"""The true protocol keeps its promises in every schedule; what fails replays from its seed."""

from __future__ import annotations

import pytest

from tests.simulation.replay import tell
from tests.simulation.schedule import Outcome, play, played

SCHEDULES = 500
SLOW_SCHEDULES = 20_000


def broken(outcome: Outcome) -> list[str]:
    """What a failing test prints: the seed to replay, and what was found."""
    return [f"seed {outcome.seed}: {one.rule}: {one.application_id} {one.seen}" for one in outcome.findings]


def test_nothing_is_lost_decided_twice_or_answered_wrongly_whatever_happens() -> None:
    found = [line for seed in range(1, SCHEDULES + 1) for line in broken(play(seed))]
    assert found == []


@pytest.mark.slow
def test_nothing_is_lost_decided_twice_or_answered_wrongly_in_the_long_run() -> None:
    found = [line for seed in range(100_000, 100_000 + SLOW_SCHEDULES) for line in broken(play(seed))]
    assert found == []


def test_a_seed_tells_the_same_story_each_time() -> None:
    def story(seed: int) -> list[tuple[float, str, int]]:
        records = played(seed).history.records
        return [(record.timestamp_ms, record.topic, record.offset) for record in records]

    assert story(7) == story(7)
    assert story(7) != story(8)


def test_a_story_can_be_read_from_its_first_process_to_its_last_record() -> None:
    lines = list(tell(played(7)))
    assert any("started" in line for line in lines)
    assert any("predictions[" in line for line in lines)
    assert not any("FINDING" in line for line in lines)
