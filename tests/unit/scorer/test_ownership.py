"""When partitions change hands: nothing is decided twice, and nothing kills for ever."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from contracts import headers
from contracts.events import ModelVersion, decode_scored
from contracts.lanes import Lane
from scorer.committed import CLEAN, WORKING, Commit, trying
from scorer.errors import LogTruncated
from scorer.lane_worker import LaneWorker, Outlets, Rules
from scorer.metrics import ScorerMetrics
from scorer.model import ServingModel
from scorer.ownership import Care, Ownership
from scorer.pair import ModelInUse
from scorer.publication import Publication
from scorer.records import InputRecord, OutputRecord
from scorer.takeover import Reach
from tests.fake_logs import FakePredictionStream, FakeRecordLog, FakeReplies
from tests.unit.scorer.arriving import MAX_BYTES, REPLY_TOPICS, asking, body, record

pytestmark = pytest.mark.anyio


class Group:
    """The commits of the group: what outlives its members."""

    def __init__(self) -> None:
        self.commits: dict[int, Commit] = {}
        self.history: list[tuple[int, int, str]] = []

    async def read(self, partitions: set[int]) -> dict[int, Commit]:
        return {p: commit for p, commit in self.commits.items() if p in partitions}

    async def commit(self, offsets: dict[int, int], note: str) -> bool:
        for partition, offset in offsets.items():
            self.commits[partition] = Commit(offset, note)
            self.history.append((partition, offset, note))
        return True


class Owner:
    """One scorer process on the shared log and group; a test kills it by letting go of it."""

    def __init__(self, log: FakeRecordLog, group: Group, model: ServingModel, *, version: str) -> None:
        self.replies = FakeReplies()
        stream = FakePredictionStream(log, Lane.SYNC.predictions.name)
        self.publication = Publication(Lane.SYNC.predictions.name, log=log, stream=stream)
        self.worker = LaneWorker(
            Rules(Lane.SYNC, f"scorer-{version}", REPLY_TOPICS, MAX_BYTES),
            model=lambda: ModelInUse(ModelVersion("credit-risk", version), "d" * 64, "then", model),
            outlets=Outlets(self.publication, log, self.replies),
            metrics=ScorerMetrics("sync"),
            unix_time=itertools.count(1_000).__next__,
        )
        self.ownership = Ownership(
            self.worker, stream=stream, offsets=group, commit=group.commit, care=Care(Reach(), 4)
        )

    def answers(self) -> list[tuple[bytes | None, bytes]]:
        """Status and document of each reply."""
        return [(dict(reply.headers)[headers.STATUS], reply.value or b"") for _, reply in self.replies.sent]


class Cluster:
    """What two owners share."""

    def __init__(self, model: ServingModel) -> None:
        topics = {"predictions": 4, "applications-dlq": 4}
        self.log = FakeRecordLog(topics)
        self.group = Group()
        self._model = model

    def owner(self, version: str) -> Owner:
        return Owner(self.log, self.group, self._model, version=version)

    def written(self) -> list[str]:
        """Application ids of the predictions, in order."""
        return [decode_scored(one.value or b"").application_id for one in self.log.all_of("predictions")]

    def dead(self) -> list[tuple[bytes | None, bytes | None]]:
        """Reason and attempts of the dead letters."""
        letters = [dict(one.headers) for one in self.log.all_of("applications-dlq")]
        return [(one[headers.DLQ_REASON], one[headers.DLQ_ATTEMPTS]) for one in letters]


@pytest.fixture
def cluster(model: ServingModel) -> Cluster:
    return Cluster(model)


def named(offset: int, application_id: str, **changes: object) -> InputRecord:
    """An application with an id of its own that somebody waits for."""
    given = {**asking(), headers.APPLICATION_ID: application_id.encode()}
    return record(offset, value=body(100_002, **changes), headers=given)


async def test_what_the_owner_before_decided_and_did_not_commit_is_answered_from_its_record(
    cluster: Cluster,
) -> None:
    first = cluster.owner("7")
    await first.ownership.take({1})
    await first.ownership.work([named(0, "a"), named(1, "b")])
    second = cluster.owner("8")
    await second.ownership.take({1})
    await second.ownership.work([named(0, "a"), named(1, "b"), named(2, "c")])
    assert cluster.written() == ["a", "b", "c"]
    assert second.answers()[:2] == first.answers()


async def test_a_copy_of_a_decided_application_is_answered_and_not_decided_again(cluster: Cluster) -> None:
    owner = cluster.owner("7")
    await owner.ownership.take({1})
    await owner.ownership.work([named(0, "a")])
    await owner.ownership.work([named(1, "a")])
    assert cluster.written() == ["a"]
    assert owner.answers()[0] == owner.answers()[1]


async def test_copies_in_one_batch_are_decided_once_and_both_answered(cluster: Cluster) -> None:
    owner = cluster.owner("7")
    await owner.ownership.take({1})
    await owner.ownership.work([named(0, "a"), named(1, "a")])
    assert cluster.written() == ["a"]
    assert owner.answers()[0] == owner.answers()[1]


async def test_the_same_id_with_other_bytes_is_a_conflict_and_no_record(cluster: Cluster) -> None:
    owner = cluster.owner("7")
    await owner.ownership.take({1})
    await owner.ownership.work([named(0, "a")])
    await owner.ownership.work([named(1, "a", AMT_CREDIT=4_500.0)])
    assert cluster.written() == ["a"]
    assert owner.answers()[1][0] == b"409"


async def test_a_zombie_that_comes_second_answers_what_the_new_owner_decided(cluster: Cluster) -> None:
    zombie, successor = cluster.owner("7"), cluster.owner("8")
    await zombie.ownership.take({1})
    await successor.ownership.take({1})
    await successor.ownership.work([named(0, "a")])
    await zombie.ownership.work([named(0, "a")])
    assert cluster.written() == ["a", "a"]
    assert zombie.answers() == successor.answers()
    assert zombie.publication.overtaken == 1


async def test_a_new_owner_that_comes_second_answers_what_the_zombie_decided(cluster: Cluster) -> None:
    zombie, successor = cluster.owner("7"), cluster.owner("8")
    await zombie.ownership.take({1})
    await successor.ownership.take({1})
    await zombie.ownership.work([named(0, "a"), named(1, "b")])
    await successor.ownership.work([named(0, "a"), named(1, "b"), named(2, "c")])
    assert successor.answers()[:2] == zombie.answers()
    await successor.ownership.work([named(3, "b")])
    assert cluster.written() == ["a", "b", "a", "c"]


async def test_a_log_that_lost_acknowledged_predictions_ends_the_owner(cluster: Cluster) -> None:
    owner = cluster.owner("7")
    await owner.ownership.take({1})
    await owner.ownership.work([named(0, "a"), named(1, "b")])
    del cluster.log.written["predictions", 1][1:]
    with pytest.raises(LogTruncated):
        await owner.ownership.work([named(2, "c")])


async def test_a_broker_that_does_not_say_where_the_records_are_is_asked(cluster: Cluster) -> None:
    class Silent(FakeRecordLog):
        async def append(self, topic: str, partition: int, records: list[OutputRecord]) -> list[int]:  # type: ignore[override]
            await super().append(topic, partition, records)
            return [-1] * len(records)

    cluster.log = Silent(cluster.log.topics)
    owner = cluster.owner("7")
    await owner.ownership.take({1})
    await owner.ownership.work([named(0, "a")])
    await owner.ownership.work([named(1, "a"), named(2, "b")])
    assert cluster.written() == ["a", "b"]
    assert [status for status, _ in owner.answers()] == [b"200"] * 3


async def test_what_was_decided_before_a_death_is_answered_together(cluster: Cluster) -> None:
    first = cluster.owner("7")
    await first.ownership.take({1})
    decided = [named(0, "a"), named(1, "b"), named(2, "c")]
    await first.ownership.work(decided)
    second = cluster.owner("8")
    await second.ownership.take({1})
    deciding, together = second.worker.work, []

    async def work(records: Sequence[InputRecord]) -> None:
        together.append([one.offset for one in records])
        await deciding(records)

    second.worker.work = work  # type: ignore[method-assign]
    await second.ownership.work([*decided, named(3, "d"), named(4, "e")])
    assert [offsets for offsets in together if offsets] == [[0, 1, 2], [3], [4]]
    assert cluster.written() == ["a", "b", "c", "d", "e"]


async def test_a_partition_is_claimed_before_anything_of_it_is_decided(cluster: Cluster) -> None:
    owner = cluster.owner("7")
    await owner.ownership.take({0, 1})
    assert sorted(cluster.group.history) == [(0, 0, WORKING), (1, 0, WORKING)]


async def test_a_clean_end_leaves_no_suspects(cluster: Cluster) -> None:
    first = cluster.owner("7")
    await first.ownership.take({1})
    await first.ownership.work([named(0, "a")])
    await first.ownership.commit(is_leaving=True)
    assert cluster.group.commits[1] == Commit(1, CLEAN)
    second = cluster.owner("8")
    await second.ownership.take({1})
    cluster.group.history.clear()
    await second.ownership.work([named(1, "b"), named(2, "c")])
    assert cluster.group.history == []


async def test_an_application_that_kills_is_put_aside_after_three_tries_and_its_neighbours_go_on(
    cluster: Cluster, model: ServingModel
) -> None:
    async def live_and_die() -> None:
        """An owner that is killed by the application "fatal", at whatever moment it is decided."""
        owner = cluster.owner("7")
        await owner.ownership.take({1})
        at = cluster.group.commits[1].offset
        waiting = [one for one in arrived if one.offset >= at]
        deciding = owner.worker.work

        async def work(records: list[InputRecord]) -> None:
            if any(one.headers[headers.APPLICATION_ID] == b"fatal" for one in records):
                raise SystemExit
            await deciding(records)

        owner.worker.work = work  # type: ignore[method-assign, assignment]
        await owner.ownership.work(waiting)
        await owner.ownership.commit()

    arrived = [named(0, "a"), named(1, "fatal"), named(2, "b")]
    deaths = 0
    for _ in range(10):
        try:
            await live_and_die()
        except SystemExit:
            deaths += 1
        else:
            break
    assert deaths == 3
    assert cluster.dead() == [(b"SCORING_KILLED", b"3")]
    assert cluster.written() == ["a", "b"]
    assert cluster.group.commits[1].offset == 3


async def test_thirty_kills_put_no_innocent_application_aside(cluster: Cluster) -> None:
    for death in range(30):
        owner = cluster.owner(str(death))
        await owner.ownership.take({1})
        assert cluster.group.commits[1].tries <= 1
        cluster.group.commits[1] = Commit(
            cluster.group.commits[1].offset, trying(1) if death % 2 else WORKING
        )
    await owner.ownership.take({1})
    await owner.ownership.work([named(0, "a"), named(1, "b")])
    assert cluster.dead() == []
    assert cluster.written() == ["a", "b"]
