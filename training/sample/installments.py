"""installments_payments.csv: what was due and what was paid, loan by loan."""

import numpy as np

from training.sample.draws import Floats, Ints, mixed, normal_cdf
from training.sample.facts import INSTALLMENTS_PAYMENTS, column, facts
from training.sample.frame import Frame, expand, numeric, shuffled, take
from training.sample.loans import OLDEST_DAY, LoanBook, Loans
from training.sample.risk import Applicants

#: Payment day minus due day: published p5 -32, p50 -6, p95 3, p99 18 and 8.3 % late.
_DELAY_SHARES = (0.0, 0.01, 0.05, 0.25, 0.50, 0.75, 0.917, 0.95, 0.99, 0.999, 1.0)
_DELAY_DAYS = (-180.0, -62.0, -32.0, -14.0, -6.0, -1.0, 0.49, 3.0, 18.0, 90.0, 900.0)
_RECORDED_SHARE = 0.99
#: Instalments paid in two parts, and instalments never paid in full.
_SPLIT_SHARE, _SHORT_SHARE = 0.047, 0.006
#: Cards whose monthly dues are recorded.
_CARD_SHARE = 0.60


def installments(people: Applicants, book: LoanBook) -> Frame:
    """Payments against instalments of loans and of cards, in random order."""
    rng = people.stream("installments")
    parts = [_loan_payments(rng, book.instalment_loans), _card_payments(rng, book.card_loans)]
    joined: Frame = {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in parts[0]}
    kept = numeric(joined, "DAYS_INSTALMENT") >= OLDEST_DAY
    joined = _split(rng, take(joined, kept))
    unpaid = (
        rng.random(len(joined["SK_ID_PREV"])) < column(INSTALLMENTS_PAYMENTS, "AMT_PAYMENT").missing_share
    )
    for name in ("DAYS_ENTRY_PAYMENT", "AMT_PAYMENT"):
        joined[name] = np.where(unpaid, np.nan, np.asarray(joined[name]))
    ordered = {name: joined[name] for name in facts().tables[INSTALLMENTS_PAYMENTS].columns}
    return shuffled(ordered, rng)


def _delays(rng: np.random.Generator, loans: Loans, loan: Ints) -> Floats:
    """Days between due date and payment; lateness runs in the applicant and in the loan."""
    habit = mixed(rng, [(0.75, loans.indiscipline)], len(loans))
    score = mixed(rng, [(0.60, habit[loan])], len(loan))
    return np.rint(np.interp(normal_cdf(score), _DELAY_SHARES, _DELAY_DAYS))


def _payments(loans: Loans, loan: Ints, due: Floats, amount: Floats, delay: Floats) -> Frame:
    return {
        "SK_ID_PREV": loans.ids[loan],
        "SK_ID_CURR": loans.applicant_ids[loan],
        "DAYS_INSTALMENT": due,
        "DAYS_ENTRY_PAYMENT": np.clip(due + delay, -4921, -1),
        "AMT_INSTALMENT": amount,
        "AMT_PAYMENT": amount.copy(),
    }


def _loan_payments(rng: np.random.Generator, loans: Loans) -> Frame:
    """One row an instalment that was due; who repaid early paid the rest with the last one."""
    last = np.minimum(loans.last_due, -1)
    number = np.floor((last - loans.first_due) / 30) + 1
    number = np.clip(number, 0, loans.term)
    recorded = rng.random(len(loans)) < _RECORDED_SHARE
    loan, place = expand(np.where(recorded, number, 0).astype(np.int64))
    is_closing = (place + 1 == number[loan]) & (number < loans.term)[loan] & (loans.last_due < 0)[loan]
    remaining = (loans.term[loan] - place) * loans.annuity[loan] * 0.85
    amount = np.round(np.where(is_closing, remaining, loans.annuity[loan]), 3).astype(np.float64)
    frame = _payments(loans, loan, loans.first_due[loan] + 30 * place, amount, _delays(rng, loans, loan))
    frame["NUM_INSTALMENT_NUMBER"] = place + 1
    frame["NUM_INSTALMENT_VERSION"] = np.where(
        is_closing, 2.0, np.where(rng.random(len(loan)) < 0.03, 2.0, 1.0)
    )
    return frame


def _card_payments(rng: np.random.Generator, loans: Loans) -> Frame:
    """Monthly dues of cards: version 0, small and irregular sums."""
    months = np.maximum(np.floor((-1 - loans.first_due) / 30), 0)
    rows = np.where(rng.random(len(loans)) < _CARD_SHARE, np.floor(months * 1.35), 0)
    loan, place = expand(rows.astype(np.int64))
    due = loans.first_due[loan] + np.floor(place / 1.35) * 30
    amount = np.round(loans.credit[loan] * 0.075 * np.exp(0.9 * rng.standard_normal(len(loan)) - 0.4), 3)
    amount = np.where(rng.random(len(loan)) < 0.10, 0.0, amount)
    frame = _payments(loans, loan, np.minimum(due, -1), amount, _delays(rng, loans, loan))
    frame["NUM_INSTALMENT_NUMBER"] = place + 1
    frame["NUM_INSTALMENT_VERSION"] = np.zeros(len(loan))
    return frame


def _split(rng: np.random.Generator, frame: Frame) -> Frame:
    """Some instalments paid in two parts on different days: a second row each."""
    n = len(frame["SK_ID_PREV"])
    draw = rng.random(n)
    is_split = draw < _SPLIT_SHARE
    paid = numeric(frame, "AMT_PAYMENT")
    share = np.where(draw < _SPLIT_SHARE + _SHORT_SHARE, rng.uniform(0.05, 0.95, n), 1.0)
    first = np.round(paid * share, 3)
    second = take(frame, is_split)
    second["AMT_PAYMENT"] = np.round(paid[is_split] - first[is_split], 3)
    later = numeric(second, "DAYS_ENTRY_PAYMENT") + np.ceil(rng.exponential(6, int(is_split.sum())))
    second["DAYS_ENTRY_PAYMENT"] = np.minimum(later, -1)
    frame = {**frame, "AMT_PAYMENT": first}
    return {name: np.concatenate([np.asarray(frame[name]), np.asarray(second[name])]) for name in frame}
