from __future__ import annotations

import time
import uuid

from hypothesis import given
from hypothesis import strategies as st

from contracts.identity import application_id_for_key, application_id_for_record, fresh_application_id


def test_a_fresh_id_is_a_uuid_version_7_of_this_moment() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(fresh_application_id())
    after = time.time_ns() // 1_000_000
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert before <= made.int >> 80 <= after


def test_fresh_ids_differ() -> None:
    assert len({fresh_application_id() for _ in range(1_000)}) == 1_000


def test_derived_ids_never_change() -> None:
    # Spelled out: another value here means that every redelivery and retry gets a new identity.
    assert application_id_for_record("applications", 3, 12) == "66a8eed8-3910-5ac2-bae8-ed826fe3eaef"
    assert (
        application_id_for_key(client_id="bank", idempotency_key="k-1", applicant_id=100_002)
        == "abd91a09-56b4-5b6e-881d-4c80d6d015ed"
    )


@given(st.tuples(st.text(max_size=5), st.text(max_size=5), st.integers(1, 9)), st.data())
def test_an_id_for_a_key_depends_on_client_key_and_applicant(
    one: tuple[str, str, int], data: st.DataObject
) -> None:
    other = data.draw(st.tuples(st.text(max_size=5), st.text(max_size=5), st.integers(1, 9)))
    ids = [
        application_id_for_key(client_id=client, idempotency_key=key, applicant_id=applicant)
        for client, key, applicant in (one, other)
    ]
    is_ambiguous = any("\x1f" in text for pair in (one[:2], other[:2]) for text in pair)
    assert is_ambiguous or (ids[0] == ids[1]) == (one == other)


def test_an_id_for_a_record_depends_on_topic_partition_and_offset() -> None:
    places = [
        ("applications", 1, 23),
        ("applications", 12, 3),
        ("applications-batch", 1, 23),
        ("applications", 1, 24),
    ]
    assert len({application_id_for_record(*place) for place in places}) == 4
