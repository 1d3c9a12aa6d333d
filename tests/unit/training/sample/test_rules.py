"""The exact rules between columns hold in every row."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from training.sample.contact import ENQUIRIES
from training.sample.facts import facts
from training.sample.housing import MEASURES, STATISTICS

Table = Callable[[str], pd.DataFrame]
DATES = (
    "DAYS_FIRST_DRAWING",
    "DAYS_FIRST_DUE",
    "DAYS_LAST_DUE_1ST_VERSION",
    "DAYS_LAST_DUE",
    "DAYS_TERMINATION",
)


def test_no_employment_day_goes_with_no_employer(applications: pd.DataFrame) -> None:
    idle = applications.DAYS_EMPLOYED == 365243
    assert (idle == (applications.ORGANIZATION_TYPE == "XNA")).all()
    assert idle.mean() == pytest.approx(0.18, abs=0.02)
    assert (applications.DAYS_EMPLOYED[~idle] <= 0).all()
    assert applications.OCCUPATION_TYPE[idle].isna().all()


def test_car_age_is_known_exactly_for_car_owners(applications: pd.DataFrame) -> None:
    assert (applications.OWN_CAR_AGE.notna() == (applications.FLAG_OWN_CAR == "Y")).all()


def test_a_family_is_the_applicant_the_children_and_the_partner(applications: pd.DataFrame) -> None:
    known = applications[applications.NAME_FAMILY_STATUS != "Unknown"]
    partner = known.NAME_FAMILY_STATUS.isin(["Married", "Civil marriage"])
    assert (known.CNT_CHILDREN + 1 + partner == known.CNT_FAM_MEMBERS).all()


def test_bureau_enquiries_are_missing_together(applications: pd.DataFrame) -> None:
    gaps = applications[[f"AMT_REQ_CREDIT_BUREAU_{period}" for period in ENQUIRIES]].isna()
    assert gaps.nunique(axis=1).max() == 1


def test_the_three_statistics_of_a_building_are_missing_together(applications: pd.DataFrame) -> None:
    for measure in MEASURES:
        gaps = applications[[f"{measure}_{statistic}" for statistic in STATISTICS]].isna()
        assert gaps.nunique(axis=1).max() == 1, measure


def test_half_of_the_applicants_lack_the_whole_building(applications: pd.DataFrame) -> None:
    columns = [f"{measure}_{statistic}" for measure in MEASURES for statistic in STATISTICS]
    assert applications[columns].isna().all(axis=1).mean() == pytest.approx(0.44, abs=0.05)


def test_a_revolving_loan_costs_five_percent_a_month(applications: pd.DataFrame) -> None:
    loans = applications[applications.NAME_CONTRACT_TYPE == "Revolving loans"].dropna(subset=["AMT_ANNUITY"])
    assert len(loans) > 100
    assert np.allclose(loans.AMT_ANNUITY * 20, loans.AMT_CREDIT)


def test_cash_credit_covers_the_goods(applications: pd.DataFrame) -> None:
    loans = applications[applications.NAME_CONTRACT_TYPE == "Cash loans"]
    assert (loans.AMT_CREDIT >= loans.AMT_GOODS_PRICE).all()
    terms = (loans.AMT_CREDIT / loans.AMT_ANNUITY).quantile([0.25, 0.5, 0.75])
    assert list(terms) == pytest.approx([15, 21, 28], abs=2)


@pytest.mark.parametrize("name", ["AMT_INCOME_TOTAL", "AMT_CREDIT", "AMT_ANNUITY", "AMT_GOODS_PRICE"])
def test_amounts_are_multiples_of_four_and_a_half(applications: pd.DataFrame, name: str) -> None:
    amounts = applications[name].dropna()
    assert (amounts > 0).all()
    assert (amounts % 4.5 == 0).all()


def test_words_of_train_alone_are_not_in_test(table: Table) -> None:
    test = table("application_test")
    assert "XNA" not in set(test.CODE_GENDER)
    assert "Maternity leave" not in set(test.NAME_INCOME_TYPE)
    assert "Unknown" not in set(test.NAME_FAMILY_STATUS)


def test_dates_of_a_previous_loan_need_an_approval(table: Table) -> None:
    previous = table("previous_application")
    dates = previous[list(DATES)]
    assert dates.isna().nunique(axis=1).max() == 1
    assert (previous.NAME_CONTRACT_STATUS[dates.notna().any(axis=1)] == "Approved").all()


@pytest.mark.parametrize("name", DATES)
def test_dates_that_did_not_happen_are_as_frequent_as_published(table: Table, name: str) -> None:
    published = facts().rules["previous_sentinel_share"][name]
    found = (table("previous_application")[name].dropna() == 365243).mean()
    assert found == pytest.approx(published, abs=0.06)


def test_an_empty_previous_application_lacks_all_terms(table: Table) -> None:
    previous = table("previous_application")
    empty = previous.NAME_PORTFOLIO == "XNA"
    assert (previous.CNT_PAYMENT.isna() == empty).all()
    assert (previous.AMT_ANNUITY.isna() == empty).all()


def test_card_drawings_are_missing_together(table: Table) -> None:
    card = table("credit_card_balance")
    gaps = card[[f"AMT_DRAWINGS_{kind}_CURRENT" for kind in ("ATM", "OTHER", "POS")]].isna()
    assert gaps.nunique(axis=1).max() == 1
    assert (card.AMT_BALANCE == 0).mean() == pytest.approx(0.58, abs=0.05)
    assert (card.AMT_CREDIT_LIMIT_ACTUAL == 0).mean() == pytest.approx(0.19, abs=0.04)


def test_instalments_are_as_late_and_as_short_as_published(table: Table) -> None:
    paid = table("installments_payments")
    delay = (paid.DAYS_ENTRY_PAYMENT - paid.DAYS_INSTALMENT).dropna()
    assert list(delay.quantile([0.05, 0.5, 0.95, 0.99])) == pytest.approx([-32, -6, 3, 18], abs=5)
    assert (delay > 0).mean() == pytest.approx(0.083, abs=0.02)
    assert (paid.AMT_PAYMENT < paid.AMT_INSTALMENT).mean() == pytest.approx(0.096, abs=0.02)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("bureau", ["SK_ID_BUREAU"]),
        ("bureau_balance", ["SK_ID_BUREAU", "MONTHS_BALANCE"]),
        ("previous_application", ["SK_ID_PREV"]),
        ("POS_CASH_balance", ["SK_ID_PREV", "MONTHS_BALANCE"]),
        ("credit_card_balance", ["SK_ID_PREV", "MONTHS_BALANCE"]),
    ],
)
def test_a_primary_key_is_unique(table: Table, name: str, keys: list[str]) -> None:
    assert not table(name).duplicated(keys).any()


@pytest.mark.parametrize(
    ("child", "parent", "key", "orphans"),
    [
        ("bureau_balance", "bureau", "SK_ID_BUREAU", 0.053),
        ("POS_CASH_balance", "previous_application", "SK_ID_PREV", 0.045),
        ("credit_card_balance", "previous_application", "SK_ID_PREV", 0.115),
        ("installments_payments", "previous_application", "SK_ID_PREV", 0.045),
    ],
)
def test_some_children_have_no_parent(
    table: Table, child: str, parent: str, key: str, orphans: float
) -> None:
    ids = table(child)[key].drop_duplicates()
    assert (~ids.isin(table(parent)[key])).mean() == pytest.approx(orphans, abs=0.025)


def test_every_row_belongs_to_a_known_applicant(table: Table, applications: pd.DataFrame) -> None:
    for name in ("bureau", "previous_application", "POS_CASH_balance", "credit_card_balance"):
        assert table(name).SK_ID_CURR.isin(applications.SK_ID_CURR).all(), name


def test_months_at_the_bureau_tell_train_from_test(table: Table) -> None:
    known = table("bureau").merge(table("bureau_balance")[["SK_ID_BUREAU"]].drop_duplicates())
    shares = [
        table(f"application_{part}").SK_ID_CURR.isin(known.SK_ID_CURR).mean() for part in ("train", "test")
    ]
    assert shares == pytest.approx([0.30, 0.87], abs=0.04)
