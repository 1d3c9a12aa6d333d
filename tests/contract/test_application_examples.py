"""The golden applications, the schema and the pages say the same as the code."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from contracts import documentation
from contracts.application import (
    COLUMNS,
    applicant_id,
    application_json_schema,
    as_row,
    decode_logged,
    decode_submitted,
    example,
)
from contracts.application_fields import FIELDS, NOT_EMPLOYED_DAYS

EXAMPLES = ("full", "minimal", "pensioner", "revolving")


def _example(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(example(name))
    return document


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_golden_application_reads_the_same_over_http_and_from_a_topic(name: str) -> None:
    logged = decode_logged(example(name))

    assert logged.application == decode_submitted(example(name))
    assert logged.unseen == ()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_golden_application_keeps_every_value_it_was_sent_with(name: str) -> None:
    sent = _example(name)

    row = as_row(decode_submitted(example(name)))

    assert row == tuple(sent.get(column) for column in COLUMNS)


def test_the_full_example_fills_every_field() -> None:
    assert tuple(_example("full")) == COLUMNS
    assert None not in as_row(decode_submitted(example("full")))


def test_the_minimal_example_has_the_required_fields_and_no_other() -> None:
    required = {"SK_ID_CURR", "NAME_CONTRACT_TYPE", "AMT_CREDIT", "AMT_INCOME_TOTAL", "DAYS_BIRTH"}

    assert set(_example("minimal")) == required
    assert {field.name for field in FIELDS if field.is_required} == required


def test_the_pensioner_has_no_job_and_no_employer() -> None:
    pensioner = decode_submitted(example("pensioner"))

    assert pensioner.DAYS_EMPLOYED == NOT_EMPLOYED_DAYS
    assert pensioner.ORGANIZATION_TYPE == "XNA"


def test_the_revolving_example_asks_for_a_revolving_loan() -> None:
    assert decode_submitted(example("revolving")).NAME_CONTRACT_TYPE == "Revolving loans"


def test_the_applicant_id_is_the_sk_id_curr() -> None:
    assert applicant_id(decode_submitted(example("minimal"))) == 500002


def test_the_contract_has_the_table_s_121_columns_once_each() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 121
    assert COLUMNS[0] == "SK_ID_CURR"
    assert COLUMNS[-1] == "AMT_REQ_CREDIT_BUREAU_YEAR"
    assert "TARGET" not in COLUMNS


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_says_what_it_means_and_what_it_accepts(field: Any) -> None:
    assert field.meaning
    if field.categories:
        assert len(set(field.categories)) == len(field.categories)
        # The fast count of names relies on it: see contracts.application._field_names.
        assert all(name.isascii() and not set(name) & set('"\\') for name in field.categories)
        assert field.name == "ORGANIZATION_TYPE" or not any(":" in name for name in field.categories)
        assert all(name.count(":") <= 1 for name in field.categories)
    else:
        low, high = field.bounds
        assert low < high
        assert field.unit


def test_the_json_schema_names_the_same_fields_and_refuses_others() -> None:
    schema = application_json_schema()

    assert tuple(schema["properties"]) == COLUMNS
    assert schema["required"] == [field.name for field in FIELDS if field.is_required]
    assert schema["additionalProperties"] is False
    decode_submitted(msgspec.json.encode(schema["examples"][0]))


def test_the_json_schema_lets_only_optional_fields_be_null() -> None:
    for field in FIELDS:
        described = application_json_schema()["properties"][field.name]
        is_nullable = "null" in described["type"]
        assert is_nullable is not field.is_required
        if "enum" in described:
            assert (None in described["enum"]) is is_nullable


def test_the_pages_in_docs_are_what_the_contracts_say() -> None:
    assert documentation.stale() == ()
    assert documentation.main(["--check"]) == 0


def test_a_page_that_differs_is_reported_and_then_rewritten(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(documentation, "DOCS", tmp_path / "docs")

    assert documentation.main(["--check"]) == 1
    assert "application.md is stale" in capsys.readouterr().err
    assert documentation.main([]) == 0
    assert documentation.main(["--check"]) == 0
