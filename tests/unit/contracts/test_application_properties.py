"""Laws that hold for any application, any JSON and any bytes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.application import (
    COLUMNS,
    Application,
    as_row,
    decode_logged,
    decode_submitted,
    example,
)
from contracts.application_fields import FIELDS
from contracts.application_problems import examine
from contracts.fields import Field, Kind
from contracts.problems import InvalidApplication

FULL: dict[str, Any] = json.loads(example("full"))


def _values(field: Field) -> st.SearchStrategy[Any]:
    accepted: st.SearchStrategy[Any]
    if field.kind is Kind.CATEGORY:
        accepted = st.sampled_from(field.categories)
    else:
        low, high = field.bounds
        whole = st.integers(int(low), int(high))
        accepted = whole | whole.map(float) if field.kind is Kind.INTEGER else st.floats(low, high) | whole
    return accepted if field.is_required else accepted | st.none()


applications = st.fixed_dictionaries(
    {field.name: _values(field) for field in FIELDS if field.is_required},
    optional={field.name: _values(field) for field in FIELDS if not field.is_required},
)
odd_values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([field.categories[0] for field in FIELDS if field.categories])
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
)
#: Names and values thrown together: mostly wrong, sometimes right.
pairs = st.lists(
    st.tuples(st.sampled_from(COLUMNS) | st.text(max_size=6), odd_values)
    | st.sampled_from(FIELDS).flatmap(lambda field: st.tuples(st.just(field.name), _values(field))),
    max_size=12,
)


def _object(members: list[tuple[str, Any]], *, ensure_ascii: bool = True) -> bytes:
    text = ", ".join(
        f"{json.dumps(name, ensure_ascii=ensure_ascii)}: {json.dumps(value, ensure_ascii=ensure_ascii)}"
        for name, value in members
    )
    return ("{" + text + "}").encode("utf-8", "surrogatepass")


def _decoded(decode: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        return decode(body)
    except InvalidApplication:
        return None


@given(applications)
def test_decoding_what_was_encoded_gives_the_same_application(sent: dict[str, Any]) -> None:
    application = decode_submitted(json.dumps(sent).encode())

    assert as_row(application) == tuple(sent.get(name) for name in COLUMNS)
    assert decode_submitted(msgspec.json.encode(application)) == application
    assert decode_logged(json.dumps(sent).encode()).application == application


@given(applications)
def test_the_exact_reading_agrees_with_the_fast_one_on_every_value(sent: dict[str, Any]) -> None:
    body = json.dumps(sent).encode()

    examination = examine(body, is_logged=False)

    assert examination.problems == []
    assert Application(**examination.values) == decode_submitted(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_application_or_an_invalid_one(body: bytes) -> None:
    for decode in (decode_submitted, decode_logged):
        with contextlib.suppress(InvalidApplication):
            decode(body)


@given(st.data())
def test_a_damaged_application_is_read_or_refused_and_never_anything_else(draw: st.DataObject) -> None:
    body = bytearray(example("full"))
    for _ in range(draw.draw(st.integers(1, 4))):
        start = draw.draw(st.integers(0, len(body)))
        body[start : start + draw.draw(st.integers(0, 30))] = draw.draw(st.binary(max_size=4))

    submitted = _decoded(decode_submitted, bytes(body))
    logged = _decoded(decode_logged, bytes(body))

    assert submitted is None or (logged is not None and logged.application == submitted)


@given(pairs, st.booleans(), st.booleans())
@settings(max_examples=400)
def test_bytes_are_accepted_exactly_when_the_exact_reading_finds_no_problem(
    members: list[tuple[str, Any]], is_completed: bool, ensure_ascii: bool
) -> None:
    given_names = {name for name, _ in members}
    if is_completed:
        members = [*members, *((n, v) for n, v in FULL.items() if n not in given_names)]
    body = _object(members, ensure_ascii=ensure_ascii)

    assert (_decoded(decode_submitted, body) is not None) is not bool(examine(body, is_logged=False).problems)
    logged = _decoded(decode_logged, body)
    if logged is not None:
        examination = examine(body, is_logged=True)
        assert examination.problems == []
        assert logged.unseen == tuple(examination.unseen)
        assert as_row(logged.application) == tuple(examination.values.get(name) for name in COLUMNS)
        # The prediction embeds the bytes, so whoever reads it must be able to.
        msgspec.json.decode(body)


@given(st.sampled_from(FIELDS), st.integers(0, 121), st.booleans(), st.data())
def test_a_field_sent_twice_is_refused_wherever_it_stands(
    field: Field, position: int, is_null_elsewhere: bool, draw: st.DataObject
) -> None:
    members = [
        (each.name, None if is_null_elsewhere and not each.is_required else FULL[each.name])
        for each in FIELDS
    ]
    members.insert(position, (field.name, draw.draw(_values(field))))
    body = _object(members)

    for decode in (decode_submitted, decode_logged):
        assert _decoded(decode, body) is None
    assert [(p.field, p.code) for p in examine(body, is_logged=False).problems] == [
        (field.name, "duplicate_field")
    ]
