"""Whatever the interleaving of the topics, the rows are the same, and the first record is of record."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.lanes import Lane
from gateway.ledger.columns import from_columns, to_columns
from gateway.ledger.database import open_lane
from gateway.ledger.fetch import take_apart
from gateway.ledger.progress import LogPartition
from gateway.ledger.reading import LaneReader
from gateway.ledger.rebuild import rows_in_order
from gateway.ledger.rules import Row, Status, merged
from gateway.ledger.store import LaneStore
from gateway.ledger.tables import applications, idempotency_keys, partitions, tallies
from tests.ledger_log import (
    TOPICS,
    MemoryLog,
    application,
    dead_letter,
    document,
    feed,
    fetches,
    prediction,
    progress_from,
)

NAMES = ("a", "b", "c")
_record = st.tuples(
    st.sampled_from(("accept", "decide", "bury")),
    st.sampled_from(NAMES),
    st.integers(0, 1),  # partition
    st.integers(0, 5),  # what differs between repeats
    st.integers(-3, 3),  # minutes by which its producer's clock is wrong
    st.booleans(),  # with an Idempotency-Key
)


@st.composite
def logs(draw: st.DrawFn) -> MemoryLog:
    log = MemoryLog()
    for kind, name, partition, variant, skew_min, has_key in draw(st.lists(_record, min_size=1, max_size=14)):
        at_ms = 1_761_955_200_000 + 60_000 * skew_min  # around a turn of the month
        source = ("applications", partition, variant)
        if kind == "accept":
            key_hash = f"{NAMES.index(name):064x}" if has_key else None
            record = application(name, variant, amount=variant, at_ms=at_ms, key_hash=key_hash)
            log.accept(record, partition=partition)
        elif kind == "decide":
            decision = ("approve", "refer", "decline")[variant % 3]
            record = prediction(name, variant, amount=variant, decision=decision, source=source, at_ms=at_ms)
            log.decide(record, partition=partition)
        else:
            log.bury(dead_letter(name, variant, reason=f"R{variant}", source=source, at_ms=at_ms))
    return log


def orders(log: MemoryLog) -> st.SearchStrategy[list[LogPartition]]:
    every = [place for place, records in log.records.items() for _ in records]
    return st.permutations(every)


class Tables:
    """The tables of all examples, emptied before each feed: making them anew takes the most time."""

    def __init__(self, folder: Path) -> None:
        self.database = open_lane(f"sqlite:///{folder}/ledger.db", Lane.SYNC)
        self.database.prepare(wait_s=5)

    def after(self, log: MemoryLog, order: Sequence[LogPartition]) -> tuple[list[Row], list[object], int]:
        """Rows, key owners and the conservation difference after feeding the log in this order."""
        with self.database.writing() as connection:
            for table in (applications, idempotency_keys, partitions, tallies):
                connection.execute(table.delete())
        feed(LaneStore(self.database, TOPICS), fetches(log, order))
        reader = LaneReader(self.database, TOPICS)
        owners: list[object] = [reader.key_owner("bank", f"{number:064x}") for number in range(len(NAMES))]
        return list(rows_in_order(self.database)), owners, reader.counts(0).difference


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tables]:
    made = Tables(tmp_path_factory.mktemp("ledger"))
    yield made
    made.database.close()


@given(draw=st.data())
@settings(max_examples=60, deadline=None)
def test_any_interleaving_of_the_partitions_gives_the_same_rows(tables: Tables, draw: st.DataObject) -> None:
    log = draw.draw(logs())
    one = tables.after(log, draw.draw(orders(log)))
    other = tables.after(log, draw.draw(orders(log)))
    assert one == other
    assert one[2] == 0


@given(logs(), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_the_rule_does_not_depend_on_the_order_or_the_number_of_times_of_facts(
    log: MemoryLog, random: object
) -> None:
    facts = take_apart(log.records, progress_from(dict.fromkeys(log.records, 0)), TOPICS).facts
    shuffled = list(facts) * 2
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    rows: list[dict[str, Row]] = [{}, {}]
    for kept, sequence in zip(rows, (facts, shuffled), strict=True):
        for fact in sequence:
            kept[fact.application_id] = merged(kept.get(fact.application_id), fact)
    assert rows[0] == rows[1]


@given(logs())
@settings(max_examples=200, deadline=None)
def test_a_row_survives_its_table(log: MemoryLog) -> None:
    facts = take_apart(log.records, progress_from(dict.fromkeys(log.records, 0)), TOPICS).facts
    rows: dict[str, Row] = {}
    for fact in facts:
        rows[fact.application_id] = merged(rows.get(fact.application_id), fact)
        columns = to_columns(rows[fact.application_id])
        assert to_columns(from_columns(columns)) == columns


@given(logs())
@settings(max_examples=100, deadline=None)
def test_a_status_only_rises(log: MemoryLog) -> None:
    rank = {Status.ACCEPTED: 0, Status.DEAD: 1, Status.DECIDED: 2}
    facts = take_apart(log.records, progress_from(dict.fromkeys(log.records, 0)), TOPICS).facts
    rows: dict[str, Row] = {}
    for fact in facts:
        before = rows.get(fact.application_id)
        rows[fact.application_id] = merged(before, fact)
        assert before is None or rank[rows[fact.application_id].status] >= rank[before.status]


def test_the_lowest_offset_of_the_predictions_partition_is_the_decision_of_record(tables: Tables) -> None:
    log = MemoryLog()
    log.accept(application("a"))
    # The later record claims an earlier time: offsets count, not producers' clocks.
    first = log.decide(prediction("a", decision="refer", at_ms=2_000))
    log.decide(prediction("a", decision="approve", at_ms=1_000))
    for order in set(itertools.permutations([place for place, kept in log.records.items() for _ in kept])):
        rows, _, difference = tables.after(log, order)
        assert [row.decided and row.decided.decision for row in rows] == [document(first)]
        assert difference == 0


def test_after_a_topic_grew_the_decision_of_record_stays_the_older_one(tables: Tables) -> None:
    log = MemoryLog()
    log.accept(application("a", at_ms=1_000), partition=3)
    older = log.decide(prediction("a", decision="decline", at_ms=2_000), partition=3)
    log.accept(application("a", at_ms=50_000), partition=0)
    log.decide(prediction("a", decision="approve", at_ms=51_000), partition=0)
    rows, _, difference = tables.after(log, [place for place, kept in log.records.items() for _ in kept])
    assert [row.decided and row.decided.decision for row in rows] == [document(older)]
    assert difference == 0
