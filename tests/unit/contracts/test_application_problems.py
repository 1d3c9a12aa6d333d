"""What is refused, and that every reason is named."""

from __future__ import annotations

import json

import pytest

from contracts.application import COLUMNS, decode_logged, decode_submitted
from contracts.application_problems import MAX_PROBLEMS, MAX_STRANGE_NAMES
from contracts.problems import CODES, FieldProblem, InvalidApplication

from .bad_bodies import MALFORMED, NOT_AN_OBJECT, WRONG_FIELDS, Problems, and_then, raw


def _problems(body: bytes) -> tuple[FieldProblem, ...]:
    with pytest.raises(InvalidApplication) as refusal:
        decode_submitted(body)
    return refusal.value.problems


def _named(problems: tuple[FieldProblem, ...]) -> Problems:
    return tuple((problem.field, problem.code) for problem in problems)


@pytest.mark.parametrize("body", NOT_AN_OBJECT.values(), ids=NOT_AN_OBJECT.keys())
def test_bytes_that_are_no_json_object_are_refused_as_a_whole(body: bytes) -> None:
    assert _named(_problems(body)) == MALFORMED
    with pytest.raises(InvalidApplication):
        decode_logged(body)


@pytest.mark.parametrize(("body", "expected"), WRONG_FIELDS.values(), ids=WRONG_FIELDS.keys())
def test_every_wrong_field_is_named_in_document_order(body: bytes, expected: Problems) -> None:
    problems = _problems(body)

    assert _named(problems) == expected
    assert {problem.code for problem in problems} <= set(CODES)


def test_all_121_fields_wrong_are_121_problems() -> None:
    problems = _problems(json.dumps(dict.fromkeys(COLUMNS, ())).encode())

    assert _named(problems) == tuple((name, "wrong_type") for name in COLUMNS)


def test_a_flood_of_invented_names_is_cut_and_hides_no_field() -> None:
    flood = {f"INVENTED_{number}": 1 for number in range(5000)}

    problems = _problems(json.dumps({**flood, **dict.fromkeys(COLUMNS, ())}).encode())

    assert len(problems) == MAX_PROBLEMS
    assert sum(problem.code == "unknown_field" for problem in problems) == MAX_STRANGE_NAMES
    assert {problem.field for problem in problems} >= set(COLUMNS)


def test_a_long_invented_name_is_cut() -> None:
    (problem,) = _problems(raw("x" * 5000, "1"))

    assert len(problem.field) == 64
    assert problem.field.endswith("…")


@pytest.mark.parametrize(
    ("body", "mend"),
    [
        (raw("CNT_CHILDREN", "31"), "a whole number from 0 to 30, or null"),
        (raw("DAYS_BIRTH", "0"), "a whole number from -43830 to -6574"),
        (raw("EXT_SOURCE_1", "2"), "a number from 0 to 1, or null"),
        (raw("CNT_CHILDREN", "true"), "true or false sent"),
        (raw("CNT_CHILDREN", "{}"), "an object sent"),
        (raw("CNT_CHILDREN", "[]"), "a list sent"),
        (raw("CNT_CHILDREN", '"3"'), "text sent"),
        (raw("CODE_GENDER", "3"), "a number sent"),
        (raw("CODE_GENDER", "1e999"), "a number sent"),
        (raw("CNT_CHILDREN", "1.5"), "a fraction sent"),
        (raw("CODE_GENDER", '"f"'), 'the nearest is "F"'),
        (raw("OCCUPATION_TYPE", '"Labourers"'), 'the nearest is "Laborers"'),
        (raw("OCCUPATION_TYPE", '"Labourers"'), "or 10 more"),
        (raw("NAME_CONTRACT_TYPE", '"zzz"'), 'send one of "Cash loans", "Revolving loans"'),
        (raw("amt_anuity", "1"), "did you mean AMT_ANNUITY?"),
        (raw("zzz", "1"), "leave it out"),
        (and_then('"AMT_CREDIT": 1'), "send it once"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"", "the body is empty"),
        (b"[]", "not a list"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b'{"a" 1}', "column 6"),
        (b"[" * 5000, "nested too deeply"),
    ],
)
def test_a_problem_says_what_would_be_right(body: bytes, mend: str) -> None:
    assert mend in _problems(body)[0].detail


def test_the_exception_s_text_names_fields_and_codes_but_nothing_the_client_wrote() -> None:
    with pytest.raises(InvalidApplication) as refusal:
        decode_submitted(
            b'{"Jane Roe": 1, "Jane Roe": 2, "CODE_GENDER": "Jane",'
            b' "AMT_CREDIT": 12345678901, "SK_ID_CURR": 77.5}'
        )

    text = str(refusal.value)
    assert "unknown_category: CODE_GENDER" in text
    assert "out_of_range: AMT_CREDIT" in text
    for written in ("Jane", "Roe", "12345678901", "77.5"):
        assert written not in text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (raw("AMT_CREDIT", "1e999"), (("AMT_CREDIT", "not_finite"),)),
        (and_then('"EXTRA": 1, "EXTRA": 2'), (("EXTRA", "duplicate_field"),)),
        (and_then('"EXTRA": NaN'), (("body", "not_finite"),)),
        (and_then('"EXTRA": [Infinity]'), (("body", "not_finite"),)),
        (and_then('"EXTRA": 1e999'), (("body", "malformed"),)),
        (and_then('"CODE_GENDER": "Q", "EXTRA": 1e999'), (("body", "malformed"),)),
        (raw("NAME_CONTRACT_TYPE", "null"), (("NAME_CONTRACT_TYPE", "missing"),)),
        (raw("NAME_CONTRACT_TYPE", "7"), (("NAME_CONTRACT_TYPE", "wrong_type"),)),
    ],
)
def test_a_topic_s_record_is_refused_for_everything_but_the_unknown(body: bytes, expected: Problems) -> None:
    with pytest.raises(InvalidApplication) as refusal:
        decode_logged(body)

    assert _named(refusal.value.problems) == expected
