"""Each kind of bad rows, keys and columns is caught, with the right severity and by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from feature_service.quality import Severity
from tests.unit.feature_service.quality.tables import Tables, found, gate, sample_as_parquet

CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return sample_as_parquet(tmp_path_factory.mktemp("quality"), applicants=4_000, seed=11)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("application_test", "SK_ID_CURR"),
        ("bureau", "SK_ID_BUREAU"),
        ("previous_application", "SK_ID_PREV"),
    ],
)
def test_one_repeated_key_is_critical(tables: Tables, tmp_path: Path, table: str, column: str) -> None:
    spoilt = tables.changed(table, "FROM rows UNION ALL (FROM rows LIMIT 1)", tmp_path)
    finding = found(gate(spoilt.only(table)), table, column, CRITICAL)
    assert "1 of" in finding.observed
    assert "one key is in 2 rows" in finding.observed


def test_one_repeated_month_is_a_warning(tables: Tables, tmp_path: Path) -> None:
    spoilt = tables.changed("bureau_balance", "FROM rows UNION ALL (FROM rows LIMIT 1)", tmp_path)
    report = gate(spoilt.only("bureau_balance"))
    found(report, "bureau_balance", "SK_ID_BUREAU, MONTHS_BALANCE", WARNING)


@pytest.mark.parametrize(
    ("table", "column"),
    [("POS_CASH_balance", "SK_ID_PREV, MONTHS_BALANCE"), ("installments_payments", "every column")],
)
def test_a_table_appended_to_itself_is_critical(
    tables: Tables, tmp_path: Path, table: str, column: str
) -> None:
    spoilt = tables.changed(table, "FROM rows UNION ALL FROM rows", tmp_path)
    found(gate(spoilt.only(table)), table, column, CRITICAL)


def test_a_category_never_seen_is_a_warning_that_names_it(tables: Tables, tmp_path: Path) -> None:
    replaced = "if(SK_ID_BUREAU % 50 = 0, 'Balloon', CREDIT_ACTIVE) AS CREDIT_ACTIVE"
    select = f"SELECT * REPLACE ({replaced}) FROM rows"
    report = gate(tables.changed("bureau", select, tmp_path).only("bureau"))
    assert "'Balloon' in" in found(report, "bureau", "CREDIT_ACTIVE", WARNING).observed


def test_a_column_of_unknown_categories_is_critical(tables: Tables, tmp_path: Path) -> None:
    select = "SELECT * REPLACE (upper(CREDIT_ACTIVE) AS CREDIT_ACTIVE) FROM rows"
    report = gate(tables.changed("bureau", select, tmp_path).only("bureau"))
    found(report, "bureau", "CREDIT_ACTIVE", CRITICAL)


def test_a_category_of_test_that_train_lacks_is_a_warning(tables: Tables, tmp_path: Path) -> None:
    select = "SELECT * FROM rows WHERE NAME_HOUSING_TYPE <> 'With parents'"
    spoilt = tables.changed("application_train", select, tmp_path)
    report = gate(spoilt.only("application_train", "application_test"))
    finding = found(report, "application_test", "NAME_HOUSING_TYPE", WARNING)
    assert "'With parents' in" in finding.observed


def test_an_applicant_in_train_and_test_is_critical(tables: Tables, tmp_path: Path) -> None:
    select = f"FROM rows UNION ALL (SELECT * EXCLUDE (TARGET) FROM '{tables['application_train']}' LIMIT 1)"
    spoilt = tables.changed("application_test", select, tmp_path)
    report = gate(spoilt.only("application_train", "application_test"))
    assert "1 of" in found(report, "application_test", "SK_ID_CURR", CRITICAL).observed


def test_an_empty_table_is_critical(tables: Tables, tmp_path: Path) -> None:
    spoilt = tables.changed("credit_card_balance", "FROM rows LIMIT 0", tmp_path)
    finding = found(gate(spoilt.only("credit_card_balance")), "credit_card_balance", "every column", CRITICAL)
    assert finding.observed == "0 rows"


@pytest.mark.parametrize("value", ["inf", "-inf"])
def test_one_infinite_value_is_critical(tables: Tables, tmp_path: Path, value: str) -> None:
    numbered = "SELECT *, row_number() OVER () AS place FROM rows"
    replaced = f"if(place = 7, '{value}'::DOUBLE, AMT_PAYMENT) AS AMT_PAYMENT"
    select = f"SELECT * EXCLUDE (place) REPLACE ({replaced}) FROM ({numbered})"
    spoilt = tables.changed("installments_payments", select, tmp_path)
    report = gate(spoilt.only("installments_payments"))
    assert "1 of" in found(report, "installments_payments", "AMT_PAYMENT", CRITICAL).observed


def test_nan_counts_as_missing_and_is_a_warning(tables: Tables, tmp_path: Path) -> None:
    replaced = "if(NUM_INSTALMENT_NUMBER = 3, 'nan'::DOUBLE, AMT_PAYMENT) AS AMT_PAYMENT"
    select = f"SELECT * REPLACE ({replaced}) FROM rows"
    report = gate(tables.changed("installments_payments", select, tmp_path).only("installments_payments"))
    told = [found.expectation for found in report.warnings if found.column == "AMT_PAYMENT"]
    assert "a missing value is empty, not NaN" in told
    assert report.tables["installments_payments"].missing["AMT_PAYMENT"] > 0.01


def test_text_in_a_number_column_is_critical(tables: Tables, tmp_path: Path) -> None:
    select = "SELECT * REPLACE (AMT_CREDIT_SUM || ' EUR' AS AMT_CREDIT_SUM) FROM rows"
    report = gate(tables.changed("bureau", select, tmp_path).only("bureau"))
    assert "VARCHAR instead of a number" in found(report, "bureau", "AMT_CREDIT_SUM", CRITICAL).observed


def test_numbers_in_a_category_column_are_critical(tables: Tables, tmp_path: Path) -> None:
    select = "SELECT * REPLACE (try_cast(STATUS AS INTEGER) AS STATUS) FROM rows"
    report = gate(tables.changed("bureau_balance", select, tmp_path).only("bureau_balance"))
    assert "INTEGER instead of text" in found(report, "bureau_balance", "STATUS", CRITICAL).observed


def test_a_missing_column_is_critical_and_its_rules_are_left_out(tables: Tables, tmp_path: Path) -> None:
    spoilt = tables.changed("POS_CASH_balance", "SELECT * EXCLUDE (SK_DPD) FROM rows", tmp_path)
    report = gate(spoilt.only("POS_CASH_balance"))
    found(report, "POS_CASH_balance", "SK_DPD", CRITICAL)
    assert {finding.column for finding in report.critical if finding.table == "POS_CASH_balance"} == {
        "SK_DPD"
    }


def test_a_further_column_is_a_warning(tables: Tables, tmp_path: Path) -> None:
    spoilt = tables.changed("bureau_balance", "SELECT *, 1 AS BRANCH FROM rows", tmp_path)
    report = gate(spoilt.only("bureau_balance"))
    assert "'BRANCH'" in found(report, "bureau_balance", "columns", WARNING).observed


def test_the_order_of_columns_does_not_matter(tables: Tables, tmp_path: Path) -> None:
    spoilt = tables.changed(
        "bureau_balance", "SELECT STATUS, MONTHS_BALANCE, SK_ID_BUREAU FROM rows", tmp_path
    )
    report = gate(spoilt.only("bureau_balance"))
    assert [finding for finding in report.critical if finding.table == "bureau_balance"] == []


def test_one_value_out_of_range_is_a_warning_and_a_turned_sign_is_critical(
    tables: Tables, tmp_path: Path
) -> None:
    first = "SK_ID_BUREAU = (SELECT min(SK_ID_BUREAU) FROM rows)"
    one = f"SELECT * REPLACE (if({first}, 99, DAYS_CREDIT) AS DAYS_CREDIT) FROM rows"
    report = gate(tables.changed("bureau", one, tmp_path).only("bureau"))
    assert "to 99" in found(report, "bureau", "DAYS_CREDIT", WARNING).observed
    every = "SELECT * REPLACE (-DAYS_CREDIT AS DAYS_CREDIT) FROM rows"
    report = gate(tables.changed("bureau", every, tmp_path).only("bureau"))
    found(report, "bureau", "DAYS_CREDIT", CRITICAL)


def test_a_lost_column_is_critical(tables: Tables, tmp_path: Path) -> None:
    select = "SELECT * REPLACE (NULL::DOUBLE AS AMT_CREDIT_SUM) FROM rows"
    report = gate(tables.changed("bureau", select, tmp_path).only("bureau"))
    found(report, "bureau", "AMT_CREDIT_SUM", CRITICAL)


def test_a_column_of_zeros_where_values_belong_is_never_silent(tables: Tables, tmp_path: Path) -> None:
    select = "SELECT * REPLACE (0.0 AS AMT_CREDIT_SUM) FROM rows"
    report = gate(tables.changed("bureau", select, tmp_path).only("bureau"))
    assert found(report, "bureau", "AMT_CREDIT_SUM", WARNING).observed == "every value is 0"


def test_more_missing_than_usual_is_a_warning(tables: Tables, tmp_path: Path) -> None:
    replaced = "if(SK_ID_BUREAU % 2 = 0, NULL, AMT_CREDIT_SUM_DEBT) AS AMT_CREDIT_SUM_DEBT"
    select = f"SELECT * REPLACE ({replaced}) FROM rows"
    report = gate(tables.changed("bureau", select, tmp_path).only("bureau"))
    assert "usually 15.1 %" in found(report, "bureau", "AMT_CREDIT_SUM_DEBT", WARNING).expectation


def test_keys_that_find_no_parent_at_all_are_critical(tables: Tables, tmp_path: Path) -> None:
    select = "SELECT * REPLACE (SK_ID_PREV + 9000000 AS SK_ID_PREV) FROM rows"
    spoilt = tables.changed("POS_CASH_balance", select, tmp_path)
    report = gate(spoilt.only("previous_application", "POS_CASH_balance"))
    assert "0 of" in found(report, "POS_CASH_balance", "SK_ID_PREV", CRITICAL).observed


def test_fewer_parents_than_chance_would_give_are_critical(tables: Tables, tmp_path: Path) -> None:
    bureau = "SELECT * REPLACE (5000000 + 2 * row_number() OVER () AS SK_ID_BUREAU) FROM rows"
    number = "5000000 + 2 * dense_rank() OVER (ORDER BY SK_ID_BUREAU) + (SK_ID_BUREAU % 10 > 0)::INTEGER"
    balance = f"SELECT * REPLACE ({number} AS SK_ID_BUREAU) FROM rows"
    spoilt = tables.changed("bureau", bureau, tmp_path).changed("bureau_balance", balance, tmp_path)
    report = gate(spoilt.only("bureau", "bureau_balance"))
    assert "by chance" in found(report, "bureau_balance", "SK_ID_BUREAU", CRITICAL).observed


def test_a_parent_without_its_key_is_critical_and_its_children_are_still_checked(
    tables: Tables, tmp_path: Path
) -> None:
    spoilt = tables.changed("bureau", "SELECT * EXCLUDE (SK_ID_BUREAU) FROM rows", tmp_path)
    report = gate(spoilt.only("bureau", "bureau_balance"))
    found(report, "bureau", "SK_ID_BUREAU", CRITICAL)
    assert report.tables["bureau_balance"].expectations > 0


def test_a_flood_of_orphans_is_a_warning(tables: Tables, tmp_path: Path) -> None:
    select = "SELECT * REPLACE (SK_ID_PREV + 9000000 * (SK_ID_PREV % 2) AS SK_ID_PREV) FROM rows"
    spoilt = tables.changed("POS_CASH_balance", select, tmp_path)
    report = gate(spoilt.only("previous_application", "POS_CASH_balance"))
    found(report, "POS_CASH_balance", "SK_ID_PREV", WARNING)


@pytest.mark.parametrize(
    ("table", "replaced", "column"),
    [
        (
            "previous_application",
            "if(place % 50 = 0, NULL, DAYS_TERMINATION) AS DAYS_TERMINATION",
            "DAYS_FIRST_DRAWING, DAYS_FIRST_DUE, DAYS_LAST_DUE_1ST_VERSION, DAYS_LAST_DUE ...",
        ),
        (
            "installments_payments",
            "if(place % 50 = 0, NULL, AMT_PAYMENT) AS AMT_PAYMENT",
            "DAYS_ENTRY_PAYMENT, AMT_PAYMENT",
        ),
        (
            "POS_CASH_balance",
            "if(place % 20 = 0, SK_DPD + 5, SK_DPD_DEF) AS SK_DPD_DEF",
            "SK_DPD_DEF, SK_DPD",
        ),
    ],
)
def test_a_rule_that_some_rows_break_is_a_warning(
    tables: Tables, tmp_path: Path, table: str, replaced: str, column: str
) -> None:
    numbered = "SELECT *, row_number() OVER () AS place FROM rows"
    select = f"SELECT * EXCLUDE (place) REPLACE ({replaced}) FROM ({numbered})"
    report = gate(tables.changed(table, select, tmp_path).only(table))
    assert found(report, table, column, WARNING).observed != ""


#: All at once: each spoils columns that no other rule of the list reads in the same way.
SPOILT_APPLICATION = (
    "'Bank' AS ORGANIZATION_TYPE",
    "5.0 AS OWN_CAR_AGE",
    "AMT_CREDIT * 2 AS AMT_GOODS_PRICE",
    "AMT_CREDIT * 2 AS AMT_ANNUITY",
    "CNT_FAM_MEMBERS + if(SK_ID_CURR % 5 = 0, 1, 0) AS CNT_FAM_MEMBERS",
    "if(SK_ID_CURR % 9 = 0, NULL, AMT_REQ_CREDIT_BUREAU_QRT) AS AMT_REQ_CREDIT_BUREAU_QRT",
)
CRITICAL_RULES = (
    "DAYS_EMPLOYED, ORGANIZATION_TYPE",
    "OWN_CAR_AGE, FLAG_OWN_CAR",
    "NAME_CONTRACT_TYPE, AMT_CREDIT, AMT_GOODS_PRICE",
    "AMT_CREDIT, AMT_ANNUITY",
    "NAME_CONTRACT_TYPE, AMT_CREDIT, AMT_ANNUITY",
)
WARNING_RULES = (
    "CNT_FAM_MEMBERS, CNT_CHILDREN, NAME_FAMILY_STATUS",
    "AMT_REQ_CREDIT_BUREAU_HOUR, AMT_REQ_CREDIT_BUREAU_DAY, AMT_REQ_CREDIT_BUREAU_WEEK,"
    " AMT_REQ_CREDIT_BUREAU_MON ...",
)


def test_every_broken_rule_of_the_application_is_caught(tables: Tables, tmp_path: Path) -> None:
    select = f"SELECT * REPLACE ({', '.join(SPOILT_APPLICATION)}) FROM rows"
    report = gate(tables.changed("application_train", select, tmp_path).only("application_train"))
    for columns in CRITICAL_RULES:
        found(report, "application_train", columns, CRITICAL)
    for columns in WARNING_RULES:
        found(report, "application_train", columns, WARNING)
