"""POS_CASH_balance.csv: the months of earlier consumer and cash loans."""

import numpy as np

from training.sample.draws import Bools, Ints
from training.sample.facts import POS_CASH_BALANCE, column, facts
from training.sample.frame import Frame, expand, shuffled, words
from training.sample.loans import DAYS_PER_MONTH, OLDEST_MONTH, LoanBook, Loans
from training.sample.risk import Applicants

STATUSES = (
    "Active",
    "Completed",
    "Signed",
    "Demand",
    "Returned to the store",
    "Approved",
    "Amortized debt",
    "Canceled",
    "XNA",
)
_ACTIVE, _COMPLETED, _SIGNED, _DEMAND = 0, 1, 2, 3
#: Loans whose months are recorded, and months late by a little, before the applicant's indiscipline.
_RECORDED_SHARE = 0.99
_LATE_MONTH_SHARE = 0.022
#: Loans that were given up: their days past due rise by a month every month until today.
_GIVEN_UP_SHARE = 0.0048


def pos_cash(people: Applicants, book: LoanBook) -> Frame:
    """Monthly rows of instalment loans, in random order."""
    rng = people.stream("pos_cash")
    loans = book.instalment_loans
    recorded = rng.random(len(loans)) < _RECORDED_SHARE
    given_up = rng.random(len(loans)) < _GIVEN_UP_SHARE * np.exp(0.9 * loans.indiscipline - 0.405)
    oldest, newest = _span(loans, given_up)
    loan, place = expand(np.where(recorded & (oldest >= newest), oldest - newest + 1, 0))
    ago = oldest[loan] - place
    elapsed = _elapsed(loans, loan, ago)
    term = loans.term[loan]
    is_last = (ago == newest[loan]) & (newest[loan] > 1) & ~given_up[loan]
    dpd, serious = _days_past_due(rng, loans, loan, given_up, elapsed - term)
    absent = rng.random(len(loan)) < column(POS_CASH_BALANCE, "CNT_INSTALMENT").missing_share
    left = np.where(is_last, 0, np.maximum(term - elapsed, 0))
    frame: Frame = {
        "SK_ID_PREV": loans.ids[loan],
        "SK_ID_CURR": loans.applicant_ids[loan],
        "MONTHS_BALANCE": -ago,
        "CNT_INSTALMENT": np.where(absent, np.nan, term),
        "CNT_INSTALMENT_FUTURE": np.where(absent, np.nan, left),
        "NAME_CONTRACT_STATUS": words(_statuses(rng, is_last, place, given_up[loan]), STATUSES),
        "SK_DPD": dpd,
        "SK_DPD_DEF": serious,
    }
    ordered = {name: frame[name] for name in facts().tables[POS_CASH_BALANCE].columns}
    return shuffled(ordered, rng)


def _span(loans: Loans, given_up: Bools) -> tuple[Ints, Ints]:
    """Oldest and newest month of each loan, counted back from the application."""
    oldest = np.ceil(-loans.first_due / DAYS_PER_MONTH)
    newest = np.ceil(-np.minimum(loans.last_due, -1) / DAYS_PER_MONTH) - 1
    newest = np.where(given_up, 1, np.maximum(newest, 1))
    return np.minimum(oldest, OLDEST_MONTH).astype(np.int64), newest.astype(np.int64)


def _elapsed(loans: Loans, loan: Ints, ago: Ints) -> Ints:
    """Instalments due by each month."""
    start = np.ceil(-loans.first_due / DAYS_PER_MONTH).astype(np.int64)
    return start[loan] - ago


def _days_past_due(
    rng: np.random.Generator, loans: Loans, loan: Ints, given_up: Bools, beyond: Ints
) -> tuple[Ints, Ints]:
    """Days past due, and the same without small sums (which only the indiscipline shows)."""
    n = len(loan)
    rate = _LATE_MONTH_SHARE * np.exp(0.75 * loans.indiscipline - 0.281)
    is_late = rng.random(n) < rate[loan]
    days = np.where(is_late, np.minimum(np.ceil(rng.exponential(9.0, n)), 60), 0)
    stopped = np.floor(rng.uniform(0.0, 1.0, len(loans)) * loans.term)
    lost = np.maximum(beyond + loans.term[loan] - stopped[loan], 0) * 30
    dpd = np.minimum(np.where(given_up[loan], lost, days), 4231)
    counts_for_more = rng.random(n) < np.where(given_up[loan], 0.0, 0.50)
    rare = (rng.random(len(loans)) < 0.08)[loan] & given_up[loan]
    return dpd.astype(np.int64), np.where(counts_for_more | rare, np.minimum(dpd, 3595), 0).astype(np.int64)


def _statuses(rng: np.random.Generator, is_last: Bools, place: Ints, given_up: Bools) -> Ints:
    n = len(place)
    draw = rng.random(n)
    status = np.where((place == 0) & (draw < 0.093), _SIGNED, _ACTIVE)
    status = np.where((place == 0) & (draw > 0.9945), 5, status)
    status = np.where(given_up & (draw < 0.045), _DEMAND, status)
    status = np.where(is_last, np.where(draw > 0.9925, 4, _COMPLETED), status)
    return np.where((status == _ACTIVE) & (draw > 0.99994), 6, status).astype(np.int64)
