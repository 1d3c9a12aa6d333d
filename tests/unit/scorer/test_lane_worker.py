from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from functools import partial
from typing import Any, cast

import pytest
import structlog
from aiokafka.errors import KafkaError

from contracts import headers
from contracts.errors import DeadLetterReason
from contracts.events import ModelVersion, decode_decision, decode_scored
from contracts.lanes import Lane
from scorer.decide import decide
from scorer.decision_index import DecisionIndex
from scorer.lane_worker import LaneWorker, Outlets, Rules
from scorer.metrics import ScorerMetrics
from scorer.model import ServingModel
from scorer.pair import ModelInUse
from scorer.publication import Publication
from scorer.records import InputRecord
from tests.fake_logs import FakePredictionStream, FakeRecordLog, FakeReplies
from tests.unit.scorer.arriving import MAX_BYTES, REPLY_TOPICS, asking, body, record

pytestmark = pytest.mark.anyio

UNBEARABLE = 1_234_567.0
APPLICANT = "John Smith"


class BreaksOn:
    """A model that raises when a batch holds the unbearable amount."""

    def __init__(self, model: ServingModel) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def select(self, features: Any) -> Any:
        if (features == UNBEARABLE).any():
            raise ValueError(f"{APPLICANT} earns too much")
        return self._model.select(features)


class Bench:
    """A lane worker between a log and replies in memory that share one journal."""

    def __init__(self, model: ServingModel, lane: Lane = Lane.SYNC, *, language: str = "en") -> None:
        self.journal: list[str] = []
        topics = {"predictions": 4, "predictions-batch": 4, "applications-dlq": 4}
        self.log = FakeRecordLog(topics, self.journal)
        self.replies = FakeReplies(self.journal)
        self.metrics = ScorerMetrics(lane.value)
        self.serving = model
        self.worker = LaneWorker(
            Rules(lane, "scorer-1", REPLY_TOPICS, MAX_BYTES),
            model=lambda: ModelInUse(ModelVersion("credit-risk", "7"), "d" * 64, "then", self.serving),
            outlets=Outlets(
                Publication(
                    lane.predictions.name,
                    log=self.log,
                    stream=FakePredictionStream(self.log, lane.predictions.name),
                ),
                self.log,
                self.replies,
            ),
            metrics=self.metrics,
            decide=partial(decide, language=language),
            unix_time=itertools.count(1_000).__next__,
        )

        self.worker.indexes = {partition: DecisionIndex(1_000) for partition in range(4)}

    def decided(self) -> list[int]:
        """Applicants of the predictions, in the log's order."""
        predictions = [decode_scored(one.value or b"") for one in self.log.all_of("predictions")]
        return [decode_decision(bytes(one.decision)).applicant_id for one in predictions]

    def dead(self) -> list[tuple[str, str]]:
        """Source offset and reason of the dead letters."""
        letters = [
            {name: value or b"" for name, value in one.headers} for one in self.log.all_of("applications-dlq")
        ]
        return [
            (one[headers.DLQ_SOURCE_OFFSET].decode(), one[headers.DLQ_REASON].decode()) for one in letters
        ]


@pytest.fixture
def bench(model: ServingModel) -> Bench:
    return Bench(model)


def applicant(number: int, *, offset: int = 0, waiting: bool = False, **changes: object) -> InputRecord:
    return record(offset, value=body(number, **changes), headers=asking() if waiting else {})


async def test_a_batch_is_decided_in_order_to_the_inputs_partition_and_committable(bench: Bench) -> None:
    await bench.worker.work([applicant(1, offset=4), applicant(2, offset=5)])
    assert bench.decided() == [1, 2]
    assert set(bench.log.written) == {("predictions", 1)}
    assert bench.worker.progress.uncommitted() == {1: 6}
    assert bench.worker.last_decision_at is not None


async def test_reasons_are_in_the_workers_language_and_their_codes_are_not(model: ServingModel) -> None:
    said = []
    for language in ("en", "fr"):
        bench = Bench(model, language=language)
        await bench.worker.work(
            [applicant(n, offset=n, EXT_SOURCE_2=n / 40, NAME_INCOME_TYPE="Student") for n in range(1, 40)]
        )
        records = [decode_scored(one.value or b"") for one in bench.log.all_of("predictions")]
        said.append([reason for one in records for reason in decode_decision(bytes(one.decision)).reasons])
    english, french = said
    assert english
    assert [reason.code for reason in english] == [reason.code for reason in french]
    assert all(a.text != b.text for a, b in zip(english, french, strict=True))


async def test_each_lane_has_its_own_prediction_stream(model: ServingModel) -> None:
    bench = Bench(model, Lane.BATCH)
    await bench.worker.work([applicant(1)])
    assert set(bench.log.written) == {("predictions-batch", 1)}


async def test_one_batch_of_two_partitions_writes_to_both_partitions(bench: Bench) -> None:
    await bench.worker.work([record(3, partition=0), record(8, partition=3)])
    assert set(bench.log.written) == {("predictions", 0), ("predictions", 3)}
    assert bench.worker.progress.uncommitted() == {0: 4, 3: 9}


async def test_replies_leave_only_after_predictions_and_dead_letters_are_acknowledged(bench: Bench) -> None:
    await bench.worker.work([applicant(1, waiting=True), record(1, value=b"?", headers=asking())])
    assert bench.journal[-1] == "replies"
    assert sorted(bench.journal[:-1]) == ["acknowledged applications-dlq", "acknowledged predictions"]
    assert len(bench.replies.sent) == 2


@pytest.mark.parametrize("slow", ["predictions", "applications-dlq"])
async def test_nothing_is_committable_or_answered_until_the_log_has_all_of_it(
    bench: Bench, slow: str
) -> None:
    bench.log.held[slow] = asyncio.Event()
    at_work = asyncio.create_task(
        bench.worker.work([applicant(1, waiting=True), record(1, value=b"?", headers=asking())])
    )
    done, _ = await asyncio.wait([at_work], timeout=0.05)
    assert not done
    assert bench.worker.progress.uncommitted() == {}
    assert bench.replies.sent == []
    bench.log.held[slow].set()
    await at_work
    assert bench.worker.progress.uncommitted() == {1: 2}


@pytest.mark.parametrize("broken", ["predictions", "applications-dlq"])
async def test_a_failing_log_leaves_nothing_committable_and_nobody_answered(
    bench: Bench, broken: str
) -> None:
    bench.log.broken[broken] = KafkaError("no")
    batch = [applicant(1, waiting=True), record(1, value=b"?", headers=asking())]
    with pytest.raises(KafkaError):
        await bench.worker.work(batch)
    assert bench.worker.progress.uncommitted() == {}
    assert bench.replies.sent == []
    assert all(bench.worker.progress.is_new(1, offset) for offset in (0, 1))


async def test_a_batch_that_failed_is_decided_when_it_is_read_again(bench: Bench) -> None:
    bench.log.broken["predictions"] = KafkaError("no")
    with pytest.raises(KafkaError):
        await bench.worker.work([applicant(1)])
    del bench.log.broken["predictions"]
    await bench.worker.work([applicant(1)])
    assert bench.decided() == [1]
    assert bench.worker.progress.uncommitted() == {1: 1}


async def test_an_input_seen_twice_is_skipped(bench: Bench) -> None:
    await bench.worker.work([applicant(1, offset=4)])
    await bench.worker.work([applicant(1, offset=4), applicant(2, offset=5)])
    await bench.worker.work([applicant(2, offset=5)])
    assert bench.decided() == [1, 2]


async def test_poison_between_good_ones_is_put_aside_and_the_good_ones_decided(bench: Bench) -> None:
    await bench.worker.work(
        [
            applicant(1),
            record(1, value=b"{"),
            applicant(2, offset=2),
            record(3, key=None),
            applicant(3, offset=4),
        ]
    )
    assert bench.decided() == [1, 2, 3]
    assert bench.dead() == [("1", "UNDECODABLE"), ("3", "NO_KEY")]
    assert bench.worker.progress.uncommitted() == {1: 5}


async def test_a_batch_of_nothing_but_poison_needs_no_decision(bench: Bench) -> None:
    await bench.worker.work([record(0, value=b"{"), record(1, value=None)])
    assert bench.dead() == [("0", "UNDECODABLE"), ("1", "UNDECODABLE")]
    assert bench.worker.last_decision_at is None
    assert bench.worker.progress.uncommitted() == {1: 2}


async def test_an_application_that_breaks_deciding_is_put_aside_alone(bench: Bench) -> None:
    bench.serving = cast(ServingModel, BreaksOn(bench.serving))
    await bench.worker.work(
        [
            applicant(1),
            applicant(2, offset=1, waiting=True, AMT_CREDIT=UNBEARABLE),
            applicant(3, offset=2),
        ]
    )
    assert bench.decided() == [1, 3]
    assert bench.dead() == [("1", "SCORING_FAILED")]
    assert [dict(reply.headers)[headers.STATUS] for _, reply in bench.replies.sent] == [b"410"]


async def test_the_log_of_a_failed_decision_says_where_but_quotes_no_applicant(bench: Bench) -> None:
    bench.serving = cast(ServingModel, BreaksOn(bench.serving))
    with structlog.testing.capture_logs() as lines:
        await bench.worker.work([applicant(100_777, AMT_CREDIT=UNBEARABLE)])
    said = repr(lines)
    assert "ValueError" in said
    assert "in select" in said
    assert APPLICANT not in said
    assert "100777" not in said


async def test_no_reply_headers_no_reply(bench: Bench) -> None:
    await bench.worker.work([applicant(1), record(1, value=b"?")])
    assert bench.replies.sent == []


async def test_a_reply_topic_off_the_list_is_a_dead_letter_and_no_reply(bench: Bench) -> None:
    await bench.worker.work([record(0, headers=asking(topic="predictions"))])
    assert bench.dead() == [("0", "REPLY_TOPIC_NOT_ALLOWED")]
    assert bench.decided() == []
    assert bench.replies.sent == []


async def test_the_reply_is_the_recorded_decision_byte_for_byte(bench: Bench) -> None:
    await bench.worker.work([applicant(1, waiting=True)])
    (written,) = bench.log.all_of("predictions")
    ((address, reply),) = bench.replies.sent
    assert (address.topic, address.partition) == ("replies", 2)
    assert reply.value == bytes(decode_scored(written.value or b"").decision)


async def test_a_copy_of_what_could_not_be_scored_gets_nobody_elses_decision(bench: Bench) -> None:
    # Found by the simulator: a copy without a recorded decision was answered with the partition's first one.
    bench.serving = cast(ServingModel, BreaksOn(bench.serving))
    first = record(0, value=body(1), headers={**asking(b"1" * 16), headers.APPLICATION_ID: b"first"})
    await bench.worker.work([first])
    asked = [{**asking(name * 16), headers.APPLICATION_ID: b"broken"} for name in (b"2", b"4")]
    bad = [
        record(at, value=body(2, AMT_CREDIT=UNBEARABLE), headers=given) for at, given in enumerate(asked, 1)
    ]
    again = record(3, value=body(1), headers={**asking(b"3" * 16), headers.APPLICATION_ID: b"first"})
    await bench.worker.work([*bad, again])
    answers = [(reply.key, dict(reply.headers)[headers.STATUS]) for _, reply in bench.replies.sent]
    assert answers == [
        (b"1" * 16, b"200"),
        (b"3" * 16, b"200"),
        (b"2" * 16, b"410"),
        (b"4" * 16, b"410"),
    ]
    assert bench.dead() == [("1", "SCORING_FAILED")]


async def test_a_new_model_decides_from_the_next_batch_on(bench: Bench) -> None:
    versions = iter(("7", "8"))
    bench.worker._model = lambda: ModelInUse(ModelVersion("m", next(versions)), "d", "then", bench.serving)
    await bench.worker.work([applicant(1), applicant(2, offset=1)])
    await bench.worker.work([applicant(3, offset=2)])
    documents = [decode_scored(one.value or b"") for one in bench.log.all_of("predictions")]
    assert [decode_decision(bytes(one.decision)).model.version for one in documents] == ["7", "7", "8"]


async def test_deciding_twice_gives_the_same_bytes_but_for_the_time(model: ServingModel) -> None:
    async def decided(batch: list[InputRecord]) -> list[tuple[float, str]]:
        bench = Bench(model)
        await bench.worker.work(batch)
        scored = [decode_scored(one.value or b"") for one in bench.log.all_of("predictions")]
        return [(one.margin, one.feature_hash) for one in scored]

    batch = [applicant(number, offset=number, AMT_CREDIT=4_500.0 * number) for number in range(1, 9)]
    alone = [verdict for one in batch for verdict in await decided([one])]
    assert await decided(batch) == alone


async def test_decisions_and_dead_letters_are_counted(bench: Bench) -> None:
    await bench.worker.work([applicant(1), record(1, value=b"{"), applicant(2, offset=2, CODE_GENDER="Q")])
    sample = bench.metrics.registry.get_sample_value
    decided = [
        sample("scorestream_scorer_applications_decided_total", {"lane": "sync", "decision": decision}) or 0
        for decision in ("approve", "refer", "decline")
    ]
    assert sum(decided) == 2
    dead = {"lane": "sync", "reason": "UNDECODABLE"}
    assert sample("scorestream_scorer_applications_dead_lettered_total", dead) == 1
    unseen = {"lane": "sync", "field": "CODE_GENDER"}
    assert sample("scorestream_scorer_unseen_categories_total", unseen) == 1
    assert sample("scorestream_scorer_in_flight_applications", {"lane": "sync"}) == 0


async def test_points_and_reasons_of_every_decision_are_measured(bench: Bench) -> None:
    await bench.worker.work([applicant(number, offset=number) for number in (1, 2, 3)])
    sample = bench.metrics.registry.get_sample_value
    assert sample("scorestream_scorer_score_points_count", {"lane": "sync"}) == 3
    documents = [
        decode_decision(bytes(decode_scored(one.value or b"").decision))
        for one in bench.log.all_of("predictions")
    ]
    assert sample("scorestream_scorer_score_points_sum", {"lane": "sync"}) == sum(d.score for d in documents)
    given = Counter(reason.code for document in documents for reason in document.reasons)
    for code, times in given.items():
        name = "scorestream_scorer_reasons_given_total"
        assert sample(name, {"lane": "sync", "code": code}) == times


def test_what_can_happen_is_counted_from_zero_so_that_the_first_time_is_an_increase(bench: Bench) -> None:
    sample = bench.metrics.registry.get_sample_value
    for reason in DeadLetterReason:
        counted = {"lane": "sync", "reason": reason.value}
        assert sample("scorestream_scorer_applications_dead_lettered_total", counted) == 0
