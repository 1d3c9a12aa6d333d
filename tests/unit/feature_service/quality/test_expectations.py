"""How much is accepted: wide for small samples, tight for large ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from feature_service.quality.expectations import expectations, widened
from feature_service.quality.facts import Fact, TableFacts
from feature_service.quality.suites import SUITES
from feature_service.quality.vocabulary import Severity

shares = st.floats(0, 1)
sizes = st.integers(1, 30_000_000)


@given(share=shares, checked=sizes)
def test_a_widened_share_is_never_below_the_share_nor_above_one(share: float, checked: int) -> None:
    assert share <= widened(share, checked) <= 1


@given(share=shares, checked=sizes, more=sizes)
def test_more_rows_never_widen_a_share_further(share: float, checked: int, more: int) -> None:
    assert widened(share, checked + more) <= widened(share, checked)


def test_what_must_never_happen_is_not_widened() -> None:
    assert widened(0.0, 10) == 0.0


def test_nothing_is_refused_on_no_rows() -> None:
    assert widened(0.2, 0) == 1.0


def test_only_what_was_counted_is_expected() -> None:
    counted = TableFacts("bureau", rows=100)
    counted.add("AMT_CREDIT_SUM", "infinite", Fact(0, 100))
    (expect,) = expectations(SUITES["bureau"], counted)
    assert (expect.columns, expect.severity) == ("AMT_CREDIT_SUM", Severity.CRITICAL)


def test_chance_is_not_asked_when_it_would_find_hardly_a_key() -> None:
    counted = TableFacts("bureau_balance", rows=100)
    counted.add("SK_ID_BUREAU → bureau", "unexplained", Fact(5, 5))
    assert expectations(SUITES["bureau_balance"], counted) == []
