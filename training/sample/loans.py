"""Home Credit loans that were paid out: what POS, card and instalment rows are about.

Some loans have rows there although previous_application.csv does not know them (orphans): they are
copies of known loans under ids of their own.
"""

from dataclasses import dataclass

import numpy as np

from training.sample.draws import Bools, Floats, Ints
from training.sample.frame import numeric
from training.sample.previous import NO_DAY, REVOLVING, Previous
from training.sample.risk import Applicants

#: Oldest day and month that the history files reach back to.
OLDEST_DAY, OLDEST_MONTH = -2922, 96
DAYS_PER_MONTH = 30.4


@dataclass(frozen=True)
class Loans:
    """Loans with rows in a child table; days count from the current application."""

    ids: Ints
    applicant_ids: Ints
    indiscipline: Floats
    strain: Floats
    first_due: Floats
    last_due: Floats
    planned_last_due: Floats
    term: Ints
    annuity: Floats
    credit: Floats

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class LoanBook:
    """Loans of a chunk by what is recorded of them, orphans included."""

    instalment_loans: Loans
    card_loans: Loans


def loan_book(people: Applicants, made: Previous) -> LoanBook:
    """Split the paid-out applications into loans with instalments and cards, and add the orphans."""
    rng = people.stream("loans")
    is_card = made.is_paid_out & (made.kind == REVOLVING)
    orphans = len(made.orphan_ids)
    # 12 % of the card ids and 4-5 % of the others have no parent in previous_application.
    cards_without_parent = round(orphans * 12_300 / 58_000)
    card_ids, other_ids = np.split(made.orphan_ids, [cards_without_parent])
    return LoanBook(
        instalment_loans=_loans(people, made, made.is_paid_out & ~is_card, other_ids, rng),
        card_loans=_loans(people, made, _one_each(made.owner, is_card), card_ids, rng),
    )


def _one_each(owner: Ints, is_card: Bools) -> Bools:
    """The first card of each applicant: the published card months know one card a person."""
    rows = np.flatnonzero(is_card)
    chosen = np.zeros(len(owner), dtype=np.bool_)
    chosen[rows[np.unique(owner[rows], return_index=True)[1]]] = True
    return chosen


def _loans(people: Applicants, made: Previous, kept: Bools, extra: Ints, rng: np.random.Generator) -> Loans:
    rows = np.flatnonzero(kept)
    copies = rng.choice(rows, len(extra)) if len(rows) else rows
    source = np.concatenate([rows, copies])
    owner = np.concatenate([made.owner[rows], rng.choice(made.owner, len(copies))])

    def days(name: str) -> Floats:
        return np.asarray(numeric(made.frame, name)[source], dtype=np.float64)

    # A card that was never used has no due date; its months begin at the decision.
    first = np.where(days("DAYS_FIRST_DUE") == NO_DAY, days("DAYS_DECISION"), days("DAYS_FIRST_DUE"))
    return Loans(
        ids=np.concatenate([numeric(made.frame, "SK_ID_PREV")[rows], extra[: len(copies)]]).astype(np.int64),
        applicant_ids=people.ids[owner],
        indiscipline=people["payment_indiscipline"][owner],
        strain=people["bureau_strain"][owner],
        first_due=first,
        last_due=days("DAYS_LAST_DUE"),
        planned_last_due=days("DAYS_LAST_DUE_1ST_VERSION"),
        term=np.maximum(np.nan_to_num(days("CNT_PAYMENT"), nan=1.0), 1).astype(np.int64),
        annuity=np.nan_to_num(days("AMT_ANNUITY"), nan=2_250.0),
        credit=days("AMT_CREDIT"),
    )
