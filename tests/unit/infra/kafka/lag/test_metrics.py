"""The newest look at Kafka as metrics."""

from __future__ import annotations

from contracts.lanes import Lane
from infra.kafka.lag.facts import Behind, LogState, Place, Span
from infra.kafka.lag.metrics import LagMetrics

PLACE = Place("applications", 0)
WHERE = {"topic": "applications", "partition": "0"}


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def looked(clock: Clock, oldest_ms: int | None) -> LagMetrics:
    metrics = LagMetrics(unix_time=clock)
    span = Span(2, 12)
    metrics.state = LogState(
        {PLACE: span},
        {("scorer-sync", PLACE): Behind(span, committed=10)},
        {Lane.SYNC: oldest_ms},
    )
    return metrics


def test_lags_and_offsets_are_shown_where_they_are() -> None:
    sample = looked(Clock(), None).registry.get_sample_value
    assert sample("scorestream_lag_records", {"group": "scorer-sync", **WHERE}) == 2
    assert sample("scorestream_lag_overtaken_records", {"group": "scorer-sync", **WHERE}) == 0
    assert sample("scorestream_log_records_total", WHERE) == 12
    assert sample("scorestream_log_kept_records", WHERE) == 10


def test_the_oldest_one_grows_older_between_two_looks() -> None:
    clock = Clock()
    metrics = looked(clock, 990_000)
    sample = metrics.registry.get_sample_value
    assert sample("scorestream_lag_oldest_undecided_seconds", {"lane": "sync"}) == 10
    clock.now += 5
    assert sample("scorestream_lag_oldest_undecided_seconds", {"lane": "sync"}) == 15


def test_a_producers_clock_that_is_ahead_makes_no_negative_age() -> None:
    metrics = looked(Clock(), 2_000_000)
    assert (
        metrics.registry.get_sample_value("scorestream_lag_oldest_undecided_seconds", {"lane": "sync"}) == 0
    )


def test_while_no_broker_answers_old_lags_are_not_shown_as_new_ones() -> None:
    metrics = looked(Clock(), 990_000)
    metrics.state = None
    sample = metrics.registry.get_sample_value
    assert sample("scorestream_lag_broker_reached") == 0
    assert sample("scorestream_lag_records", {"group": "scorer-sync", **WHERE}) is None
    assert sample("scorestream_lag_oldest_undecided_seconds", {"lane": "sync"}) is None
