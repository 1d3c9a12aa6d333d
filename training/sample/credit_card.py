"""credit_card_balance.csv: the months of earlier credit cards."""

import numpy as np

from training.sample.draws import Bools, Floats, Ints, mixed, normal_cdf
from training.sample.facts import CREDIT_CARD_BALANCE, facts
from training.sample.frame import Frame, expand, shuffled, words
from training.sample.loans import DAYS_PER_MONTH, OLDEST_MONTH, LoanBook, Loans
from training.sample.risk import Applicants

STATUSES = ("Active", "Completed", "Signed", "Demand", "Sent proposal", "Refused", "Approved")
_LIMITS = np.array([45, 67.5, 90, 112.5, 135, 157.5, 180, 225, 270, 360, 450, 540, 675, 900]) * np.float64(
    1000
)
_LIMIT_SHARES = np.array([0.24, 0.06, 0.08, 0.05, 0.07, 0.03, 0.19, 0.07, 0.07, 0.04, 0.05, 0.02, 0.02, 0.01])
#: Cards that are in use at all, and months of such a card without a balance or a limit.
_USED_SHARE = 0.60
_IDLE_MONTHS, _NO_LIMIT_MONTHS = 0.28, 0.19
_LATE_MONTH_SHARE = 0.018
_GIVEN_UP_SHARE = 0.028


def credit_card(people: Applicants, book: LoanBook) -> Frame:
    """Monthly rows of cards, in random order."""
    rng = people.stream("credit_card")
    loans = book.card_loans
    oldest = np.minimum(np.ceil(-loans.first_due / DAYS_PER_MONTH), OLDEST_MONTH).astype(np.int64)
    newest = np.where(rng.random(len(loans)) < 0.42, 1, 1 + np.floor(rng.random(len(loans)) * oldest * 0.8))
    loan, place = expand(np.maximum(oldest - newest.astype(np.int64) + 1, 0))
    ago = oldest[loan] - place
    n = len(loan)
    is_used = (rng.random(len(loans)) < _USED_SHARE)[loan]
    limit = rng.choice(_LIMITS, len(loans), p=_LIMIT_SHARES)[loan]
    use = _utilisation(rng, loans, loan)
    is_idle = ~is_used | (rng.random(n) < _IDLE_MONTHS)
    balance = np.where(is_idle, 0.0, np.round(limit * use, 3))
    drawn = _drawings(rng, limit, is_idle)
    pace = rng.uniform(0.1, 1.3, len(loans))[loan]
    frame = _balances(rng, balance, drawn, np.minimum(np.floor(place * pace), 120), is_idle)
    frame |= _past_due(rng, loans, loan, is_idle, place)
    no_limit = is_idle & (rng.random(n) < _NO_LIMIT_MONTHS / 0.57)
    done = is_idle & (rng.random(n) < 0.0580)
    status = np.where(done, 1, np.where((place == 0) & (rng.random(n) < 0.106), 2, 0))
    frame |= {
        "SK_ID_PREV": loans.ids[loan],
        "SK_ID_CURR": loans.applicant_ids[loan],
        "MONTHS_BALANCE": -ago,
        "AMT_CREDIT_LIMIT_ACTUAL": np.where(no_limit, 0, limit).astype(np.int64),
        "NAME_CONTRACT_STATUS": words(np.where(rng.random(n) < 0.00036, 3, status), STATUSES),
    }
    ordered = {name: frame[name] for name in facts().tables[CREDIT_CARD_BALANCE].columns}
    return shuffled(ordered, rng)


def _utilisation(rng: np.random.Generator, loans: Loans, loan: Ints) -> Floats:
    """Balance over limit of a month in use: high where the applicant is under strain."""
    parts = [(0.60, loans.indiscipline), (0.30, loans.strain)]
    habit = mixed(rng, parts, len(loans))
    score = mixed(rng, [(0.75, habit[loan])], len(loan))
    return np.asarray(1.08 * normal_cdf(score) ** 0.45, dtype=np.float64)


def _drawings(rng: np.random.Generator, limit: Floats, is_idle: Bools) -> Frame:
    """Cash, card and other drawings of a month; the three are missing together on some cards."""
    n = len(limit)
    active = ~is_idle & (rng.random(n) < 0.50)
    kinds = {"ATM": (0.62, 0.20, 2.0), "POS": (0.45, 0.14, 5.0), "OTHER": (0.018, 0.30, 1.1)}
    most = 0.9 * facts().tables[CREDIT_CARD_BALANCE].columns["AMT_DRAWINGS_CURRENT"].quantiles[-1]
    frame: Frame = {}
    total, number = np.zeros(n), np.zeros(n)
    for kind, (share, size, mean_count) in kinds.items():
        made = active & (rng.random(n) < share)
        amount = np.where(
            made,
            np.minimum(np.round(limit * size * np.exp(0.9 * rng.standard_normal(n) - 0.4), 2), most),
            0.0,
        )
        times = np.where(made, 1 + rng.poisson(mean_count - 1, n), 0)
        frame[f"AMT_DRAWINGS_{kind}_CURRENT"], frame[f"CNT_DRAWINGS_{kind}_CURRENT"] = (
            amount,
            times.astype(np.float64),
        )
        total, number = total + amount, number + times
    absent = rng.random(n) < np.where(is_idle, 0.32, 0.03)
    frame = {name: np.where(absent, np.nan, np.asarray(values)) for name, values in frame.items()}
    total, number = np.where(absent, 0.0, total), np.where(absent, 0, number)
    frame["AMT_DRAWINGS_CURRENT"] = np.round(total, 2)
    frame["CNT_DRAWINGS_CURRENT"] = number.astype(np.int64)
    return frame


def _balances(
    rng: np.random.Generator, balance: Floats, drawn: Frame, mature: Floats, is_idle: Bools
) -> Frame:
    n = len(balance)
    published = facts().tables[CREDIT_CARD_BALANCE].columns
    interest = np.round(balance * rng.uniform(0.0, 0.08, n), 3)
    paid = np.where(
        is_idle, 0.0, np.round((balance * 0.105 + 3_200) * np.exp(0.7 * rng.standard_normal(n) - 0.25), 2)
    )
    no_payment = (rng.random(n) < 0.200 / 0.57) & is_idle
    no_dues = rng.random(n) < published["AMT_INST_MIN_REGULARITY"].missing_share
    least = np.where(is_idle, 0.0, np.round(np.minimum(balance * 0.062 + 150, 200_000) / 2.25) * 2.25)
    receivable = np.round(balance * 0.9965, 3)
    return {
        **drawn,
        "AMT_BALANCE": balance,
        "AMT_INST_MIN_REGULARITY": np.where(no_dues, np.nan, least),
        "AMT_PAYMENT_CURRENT": np.where(no_payment, np.nan, paid + np.where(rng.random(n) < 0.4, 0.0, 315.0)),
        "AMT_PAYMENT_TOTAL_CURRENT": paid,
        "AMT_RECEIVABLE_PRINCIPAL": np.round(balance - interest, 3),
        "AMT_RECIVABLE": receivable,
        "AMT_TOTAL_RECEIVABLE": receivable,
        "CNT_INSTALMENT_MATURE_CUM": np.where(no_dues, np.nan, mature),
    }


def _past_due(rng: np.random.Generator, loans: Loans, loan: Ints, is_idle: Bools, place: Ints) -> Frame:
    n = len(loan)
    rate = _LATE_MONTH_SHARE * np.exp(0.8 * loans.indiscipline - 0.32)
    late = ~is_idle & (rng.random(n) < rate[loan] / 0.42)
    days = np.where(late, np.minimum(np.ceil(rng.exponential(11.0, n)), 90), 0)
    given_up = rng.random(len(loans)) < _GIVEN_UP_SHARE * np.exp(0.9 * loans.indiscipline - 0.405)
    stopped = np.floor(rng.random(len(loans)) * 60)
    lost = np.minimum(np.maximum(place - stopped[loan], 0) * 30, 3260)
    dpd = np.where(given_up[loan], lost, days)
    rare = (rng.random(len(loans)) < 0.06)[loan] & given_up[loan]
    serious = np.where(rare, lost, np.where(rng.random(n) < 0.35, days, 0))
    return {"SK_DPD": dpd.astype(np.int64), "SK_DPD_DEF": serious.astype(np.int64)}
