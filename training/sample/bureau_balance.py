"""bureau_balance.csv: the monthly status of bureau credits, 33 rows a credit."""

import numpy as np

from training.sample.bureau import Credits
from training.sample.draws import Bools, Floats, Ints
from training.sample.frame import Frame, expand, numeric, worded, words
from training.sample.risk import Applicants

#: Status from safe to lost: closed, unknown, paid, then 30-day steps of lateness; 5 is written off.
STATUSES = ("C", "X", "0", "1", "2", "3", "4", "5")
_CLOSED, _UNKNOWN, _PAID, _LOST = 0, 1, 2, 7
_DAYS_PER_MONTH = 30.4
_OLDEST_MONTH = 96
#: Applicants with a bureau file whose months are published: few in train, all in test.
_WITH_MONTHS = {True: 0.30 / 0.857, False: 1.0}
#: Lateness of an open month in steps 1 to 4, before the applicant's strain.
_LATE_SHARES = np.array([0.0205, 0.0020, 0.00076, 0.0005])


def bureau_balance(people: Applicants, credits: Credits) -> Frame:
    """Monthly status of the credits, newest month first, with the months of some unknown credits."""
    rng = people.stream("bureau_balance")
    published = np.where(people.is_train, _WITH_MONTHS[True], _WITH_MONTHS[False])
    has_months = (rng.random(len(people)) < published)[credits.owner]
    kept = np.flatnonzero(has_months)
    # Orphans: copies of known credits under ids that bureau.csv does not hold.
    copies = rng.choice(kept, len(credits.orphan_ids)) if len(kept) else kept
    rows = np.concatenate([kept, copies])
    ids = np.concatenate([credits.ids[kept], credits.orphan_ids[: len(copies)]])
    opened, closed = _months(credits, rows)
    newest = np.where(rng.random(len(rows)) < 0.56, 0, rng.random(len(rows)) * opened * 0.45).astype(np.int64)
    loan, place = expand(np.maximum(opened - newest, 0) + 1)
    ago = newest[loan] + place
    status = _statuses(rng, credits.strain[rows], loan, ago < closed[loan])
    return {"SK_ID_BUREAU": ids[loan], "MONTHS_BALANCE": -ago, "STATUS": words(status, STATUSES)}


def _months(credits: Credits, rows: Ints) -> tuple[Ints, Ints]:
    """Months since each credit was opened, and since it was closed (0 while it is open)."""
    state = worded(credits.frame, "CREDIT_ACTIVE")
    days = numeric(credits.frame, "DAYS_CREDIT")[rows]
    opened = np.minimum(np.floor(-days / _DAYS_PER_MONTH), _OLDEST_MONTH).astype(np.int64)
    ended = np.nan_to_num(numeric(credits.frame, "DAYS_ENDDATE_FACT")[rows], nan=0.0)
    closed = np.where(state.having("Closed")[rows], np.floor(-ended / _DAYS_PER_MONTH), 0)
    return opened, np.minimum(closed, opened).astype(np.int64)


def _statuses(rng: np.random.Generator, strain: Floats, loan: Ints, is_closed: Bools) -> Ints:
    """Status code of each month: closed, or paid, unknown or late by chance and strain."""
    n = len(loan)
    late = rng.random(n) / np.exp(0.55 * strain - 0.151)[loan]
    status = _PAID + np.searchsorted(-np.cumsum(_LATE_SHARES[::-1])[::-1], -late, side="left")
    # Some lenders report nothing for years: most of a credit's months are then unknown.
    silence = np.where(rng.random(len(strain)) < 0.33, 0.87, 0.15)
    status = np.where((status == _PAID) & (rng.random(n) < silence[loan]), _UNKNOWN, status)
    is_lost = rng.random(len(strain)) < 0.006 * np.exp(0.8 * strain - 0.32)
    status = np.where(is_lost[loan] & (rng.random(n) < 0.7), _LOST, status)
    unreported = (rng.random(len(strain)) < 0.08)[loan]
    return np.where(is_closed, np.where(unreported, _UNKNOWN, _CLOSED), status).astype(np.int64)
