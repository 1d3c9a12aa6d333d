"""What is accepted, over HTTP and from a topic."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contracts.application import COLUMNS, as_row, decode_logged, decode_submitted, example
from contracts.application_fields import FIELDS
from contracts.problems import InvalidApplication

from .observed_ranges import OBSERVED

MINIMAL: dict[str, Any] = json.loads(example("minimal"))
FULL: dict[str, Any] = json.loads(example("full"))


def _body(**changes: Any) -> bytes:
    return json.dumps({**MINIMAL, **changes}).encode()


@pytest.mark.parametrize(("name", "lowest", "highest"), OBSERVED)
def test_the_extremes_seen_in_the_public_table_are_accepted(name: str, lowest: float, highest: float) -> None:
    for value in (lowest, highest, float(lowest), float(highest)):
        assert getattr(decode_submitted(_body(**{name: value})), name) == value


@pytest.mark.parametrize("field", [each for each in FIELDS if not each.categories], ids=lambda f: f.name)
def test_both_bounds_are_accepted_and_the_next_number_is_not(field: Any) -> None:
    low, high = field.bounds
    assert getattr(decode_submitted(_body(**{field.name: low})), field.name) == low
    assert getattr(decode_submitted(_body(**{field.name: high})), field.name) == high
    for beyond in (low - 1, high + 1):
        with pytest.raises(InvalidApplication) as refusal:
            decode_submitted(_body(**{field.name: beyond}))
        assert [(p.field, p.code) for p in refusal.value.problems] == [(field.name, "out_of_range")]


@pytest.mark.parametrize("field", [each for each in FIELDS if each.categories], ids=lambda f: f.name)
def test_every_listed_category_is_accepted(field: Any) -> None:
    for category in field.categories:
        body = _body(**{field.name: category})
        assert getattr(decode_submitted(body), field.name) == category
        assert getattr(decode_logged(body).application, field.name) == category


def test_a_whole_number_written_as_a_float_is_that_whole_number() -> None:
    as_floats = {name: float(value) if isinstance(value, int) else value for name, value in FULL.items()}

    application = decode_submitted(json.dumps(as_floats).encode())

    assert application == decode_submitted(example("full"))
    for field, value in zip(FIELDS, as_row(application), strict=True):
        assert isinstance(value, {"integer": int, "number": float, "category": str}[field.kind])


def test_a_number_written_as_a_whole_number_is_a_float() -> None:
    assert isinstance(decode_submitted(_body(AMT_CREDIT=270000)).AMT_CREDIT, float)


@pytest.mark.parametrize("field", [each for each in FIELDS if not each.is_required], ids=lambda f: f.name)
def test_an_optional_field_that_is_null_reads_like_an_absent_one(field: Any) -> None:
    assert decode_submitted(_body(**{field.name: None})) == decode_submitted(_body())


def test_every_optional_field_may_be_null_at_once() -> None:
    body = json.dumps({**dict.fromkeys(COLUMNS), **MINIMAL}).encode()

    assert decode_submitted(body) == decode_submitted(example("minimal"))
    assert decode_logged(body).application == decode_submitted(example("minimal"))


@pytest.mark.parametrize("name", ["AMT_CREDIT", "NAME_CONTRACT_TYPE"])
def test_escaped_letters_in_names_and_categories_are_read(name: str) -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in name)

    body = _body().replace(name.encode(), escaped.encode())

    assert decode_submitted(body) == decode_logged(body).application == decode_submitted(_body())


def test_order_and_white_space_do_not_matter() -> None:
    body = (
        b"\r\n\t "
        + json.dumps(dict(reversed(FULL.items())), indent=3, separators=(" , ", " : ")).encode()
        + b"\n"
    )

    assert decode_submitted(body) == decode_logged(body).application == decode_submitted(example("full"))


@pytest.mark.parametrize(
    "value",
    [0, None, "a:b", "ü", 'say "no"', [1, {"a": ":"}], {"SK_ID_CURR": 1, "x": {"y": []}}, "\\", "\x00"],
)
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_a_field_nobody_knows_is_ignored_on_a_topic_and_refused_over_http(
    value: Any, ensure_ascii: bool
) -> None:
    body = json.dumps({"TARGET": value, **FULL, "ü": value}, ensure_ascii=ensure_ascii).encode()

    assert decode_logged(body).application == decode_submitted(example("full"))
    with pytest.raises(InvalidApplication) as refusal:
        decode_submitted(body)
    assert [(p.field, p.code) for p in refusal.value.problems] == [
        ("TARGET", "unknown_field"),
        ("ü", "unknown_field"),
    ]


def test_a_category_never_seen_is_missing_and_named_on_a_topic() -> None:
    body = json.dumps(
        {**FULL, "CODE_GENDER": "X", "ORGANIZATION_TYPE": "Trade: type 99", "TARGET": 1}
    ).encode()

    logged = decode_logged(body)

    assert logged.unseen == ("CODE_GENDER", "ORGANIZATION_TYPE")
    expected = {**FULL, "CODE_GENDER": None, "ORGANIZATION_TYPE": None}
    assert as_row(logged.application) == tuple(expected[name] for name in COLUMNS)


def test_a_contract_type_never_seen_is_missing_on_a_topic() -> None:
    logged = decode_logged(_body(NAME_CONTRACT_TYPE="Leases", CNT_CHILDREN=2.0))

    assert logged.unseen == ("NAME_CONTRACT_TYPE",)
    assert logged.application.NAME_CONTRACT_TYPE is None
    assert isinstance(logged.application.CNT_CHILDREN, int)


def test_an_unseen_category_does_not_excuse_another_problem() -> None:
    with pytest.raises(InvalidApplication) as refusal:
        decode_logged(_body(CODE_GENDER="X", CNT_CHILDREN="two"))

    assert [(p.field, p.code) for p in refusal.value.problems] == [("CNT_CHILDREN", "wrong_type")]


@pytest.mark.parametrize("value", ["NaN", "1e999", '"\\ud800"', "[" * 2000 + "]" * 2000])
def test_a_topic_s_unknown_field_must_still_be_json_that_readers_can_read(value: str) -> None:
    for unseen in (b"", b', "CODE_GENDER": "X"'):
        with pytest.raises(InvalidApplication):
            decode_logged(_body()[:-1] + unseen + b', "EXTRA": ' + value.encode() + b"}")
