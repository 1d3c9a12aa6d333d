from __future__ import annotations

import pytest

from gateway.replies import reply_partition


def test_the_partition_asked_for_is_taken() -> None:
    assert reply_partition({0, 1, 2, 3}, wanted=2, instance="any") == 2


def test_without_one_it_follows_from_the_name_and_is_the_same_every_time() -> None:
    chosen = [
        reply_partition({3, 1, 2, 0}, wanted=None, instance=f"gateway-{number}") for number in range(64)
    ]
    assert set(chosen) == {0, 1, 2, 3}
    again = [reply_partition([0, 1, 2, 3], wanted=None, instance=f"gateway-{number}") for number in range(64)]
    assert again == chosen


def test_a_partition_that_is_not_there_names_the_setting() -> None:
    with pytest.raises(ValueError, match="GATEWAY_REPLY_PARTITION is 4, but replies has 4 partitions"):
        reply_partition({0, 1, 2, 3}, wanted=4, instance="any")


def test_without_a_topic_the_command_that_makes_it_is_named() -> None:
    with pytest.raises(ValueError, match="scorestream topics ensure"):
        reply_partition((), wanted=None, instance="any")
