"""previous_application.csv: what applicants asked Home Credit for before, and what came of it.

Payment indiscipline and low creditworthiness (hidden scores that TARGET shares) show as refusals.
The empty applications, which never got as far as terms, lack annuity, term and portfolio together.
"""

from dataclasses import dataclass

import numpy as np

from training.sample.draws import Bools, Floats, Ints, codes, counts, mixed, quantiles
from training.sample.facts import PREVIOUS_APPLICATION, column, facts
from training.sample.frame import Frame, Words, expand, numeric, shuffled, worded, words
from training.sample.loan_ids import loan_ids
from training.sample.previous_words import product_words
from training.sample.risk import Applicants

FIRST_PREVIOUS_ID = 1_000_001
CASH, CONSUMER, REVOLVING = 0, 1, 2
APPROVED, UNUSED, CANCELED, REFUSED = 0, 1, 2, 3
KINDS = ("Cash loans", "Consumer loans", "Revolving loans", "XNA")
STATUSES = ("Approved", "Unused offer", "Canceled", "Refused")
_APPLICANT_SHARE = 338_857 / 356_255
_APPLICATIONS_PER_APPLICANT = 1_670_214 / 338_857
#: Whoever is a customer was accepted once: most first applications are consumer loans and granted.
_FIRST_CONSUMER, _FIRST_APPROVED = 0.75, 0.93
_LATER_KINDS = {"Revolving loans": 0.163, "Consumer loans": 0.345, "Cash loans": 0.492}
#: Outcome shares of later applications by product, in the order of STATUSES; with those of the first
#: ones they make the published totals.
_OUTCOMES = ((0.400, 0.000, 0.385, 0.215), (0.8145, 0.0618, 0.0009, 0.1228), (0.500, 0.000, 0.185, 0.315))
#: Share of refused applications that never got as far as terms, by product.
_EMPTY_REFUSED = (0.0, 0.17, 0.31)
#: Median and log-spread of the amount asked for, by product.
_AMOUNTS = ((290_000.0, 0.88), (63_000.0, 0.85), (150_000.0, 0.60))
#: Terms in months and how often each is chosen, cash then consumer.
_TERMS = (
    ((6, 12, 18, 24, 30, 36, 42, 48, 54, 60), (0.06, 0.23, 0.09, 0.19, 0.05, 0.16, 0.04, 0.08, 0.02, 0.08)),
    ((4, 6, 8, 10, 12, 14, 18, 24, 36), (0.04, 0.22, 0.07, 0.22, 0.27, 0.02, 0.06, 0.09, 0.01)),
)
#: Loans that follow from an approved application carry dates; the rest were never paid out.
_PAID_OUT_SHARE = 997_149 / 1_036_781
NO_DAY = 365243
_OLDEST_DAY = -2922


@dataclass(frozen=True)
class Previous:
    """The previous applications of a chunk with what only the generator knows of them."""

    owner: Ints
    kind: Ints
    is_paid_out: Bools
    orphan_ids: Ints
    frame: Frame


def previous(people: Applicants) -> Previous:
    """Previous applications in blocks by applicant."""
    rng = people.stream("previous")
    known = rng.random(len(people)) < _APPLICANT_SHARE
    number = np.minimum(1 + counts(rng, np.full(len(people), _APPLICATIONS_PER_APPLICANT - 1), 1.3), 77)
    owner, _ = expand(np.where(known, number, 0))
    n = len(owner)
    orphans = round(len(people) * 58_000 / facts().applicants)
    ids, orphan_ids = loan_ids(rng, FIRST_PREVIOUS_ID, people.chunk, (n, orphans))
    decided = rng.standard_normal(n)
    day = np.rint(quantiles(PREVIOUS_APPLICATION, "DAYS_DECISION").at(decided)).astype(np.int64)
    is_first = _is_first(owner, day)
    kind, status = _product(people, owner, decided, is_first, rng)
    empty = _empty(kind, status, rng)
    # A few empty applications do not even name a product.
    is_unnamed = empty & (rng.random(n) < 346 / 372_230)
    paid_out = (status == APPROVED) & (rng.random(n) < _PAID_OUT_SHARE)
    state = words(status, STATUSES)
    frame: Frame = {"SK_ID_PREV": ids, "SK_ID_CURR": people.ids[owner], "NAME_CONTRACT_STATUS": state}
    frame |= {"DAYS_DECISION": day, "NAME_CONTRACT_TYPE": words(np.where(is_unnamed, 3, kind), KINDS)}
    frame |= _amounts(people["income"][owner], kind, empty, rng)
    frame |= _schedule(frame, kind, paid_out, rng)
    # High yield is what the lender asks of a riskier applicant.
    price = mixed(rng, [(0.20, people["payment_indiscipline"][owner])], n)
    frame |= product_words(people, frame, kind, status, empty, price)
    combination = worded(frame, "PRODUCT_COMBINATION")
    frame["PRODUCT_COMBINATION"] = combination.missing_where(is_unnamed)
    frame["NAME_CLIENT_TYPE"] = _client_type(is_first, rng)
    ordered = {name: frame[name] for name in facts().tables[PREVIOUS_APPLICATION].columns}
    return Previous(owner, kind, paid_out, orphan_ids, ordered)


def published_rows(people: Applicants, made: Previous) -> Frame:
    """The rows as the file has them: in random order."""
    return shuffled(made.frame, people.stream("previous order"))


def _product(
    people: Applicants, owner: Ints, decided: Floats, is_first: Bools, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Product and outcome of each application; cash loans and refusals are the recent ones."""
    n = len(owner)
    order = np.array([KINDS.index(name) for name in _LATER_KINDS])
    kind = order[codes(mixed(rng, [(0.60, decided)], n), list(_LATER_KINDS.values()))]
    kind = np.where(is_first & (rng.random(n) < _FIRST_CONSUMER), CONSUMER, kind)
    strain = [(0.36, people["payment_indiscipline"][owner]), (-0.26, people["creditworthy"][owner])]
    score = mixed(rng, [*strain, (0.40, decided)], n)
    status = np.zeros(n, dtype=np.int64)
    for product, shares in enumerate(_OUTCOMES):
        status = np.where(kind == product, codes(score, shares), status)
    return kind, np.where(is_first & (rng.random(n) < _FIRST_APPROVED), APPROVED, status)


def _empty(kind: Ints, status: Ints, rng: np.random.Generator) -> Bools:
    share = np.asarray(_EMPTY_REFUSED, dtype=np.float64)[kind]
    refused = (status == REFUSED) & (rng.random(len(kind)) < share)
    return np.asarray((status == CANCELED) | (status == UNUSED) | refused, dtype=np.bool_)


def _is_first(owner: Ints, day: Ints) -> Bools:
    order = np.lexsort((day, owner))
    first = np.zeros(len(owner), dtype=np.bool_)
    first[order] = np.diff(owner[order], prepend=-1) != 0
    return first


def _client_type(is_first: Bools, rng: np.random.Generator) -> Words:
    draw = rng.random(len(is_first))
    repeater = np.where(draw < 0.10, 2, np.where(draw > 0.9985, 3, 0))
    return words(np.where(is_first & (draw < 0.89), 1, repeater), ("Repeater", "New", "Refreshed", "XNA"))


def _amounts(income: Floats, kind: Ints, empty: Bools, rng: np.random.Generator) -> Frame:
    n = len(kind)
    median, spread = (np.array(values)[kind] for values in zip(*_AMOUNTS, strict=True))
    size = mixed(rng, [(0.35, income)], n)
    wanted = median * np.exp(spread * size)
    largest = column(PREVIOUS_APPLICATION, "AMT_APPLICATION").quantiles[-1]
    step = np.where(kind == CONSUMER, 45.0, np.where(kind == REVOLVING, 22_500.0, 4_500.0))
    wanted = np.minimum(np.maximum(np.rint(wanted / step), 1) * step, largest)
    has_deposit = ~empty & ((kind == CONSUMER) | ((kind == REVOLVING) & (rng.random(n) < 0.45)))
    rate = np.clip(quantiles(PREVIOUS_APPLICATION, "RATE_DOWN_PAYMENT").at(rng.standard_normal(n)), 0, 0.9)
    deposit = np.where(kind == CONSUMER, np.round(rate * wanted / 4.5) * 4.5, 0.0)
    load = 1 + np.where(kind == REVOLVING, 0.0, np.maximum(rng.normal(0.15, 0.10, n), 0))
    credit = np.minimum(np.round((wanted - deposit) * load / 4.5) * 4.5, largest)
    # The larger the sum, the longer the term.
    term, length = np.zeros(n), mixed(rng, [(0.55, size)], n)
    for product, (months, shares) in enumerate(_TERMS):
        term = np.where(kind == product, np.array(months)[codes(length, shares)], term)
    monthly = np.where(kind == CASH, 0.024, 0.034)
    annuity = credit * monthly / (1 - (1 + monthly) ** -np.maximum(term, 1))
    annuity = np.minimum(np.where(kind == REVOLVING, credit / 20, np.round(annuity, 3)), 418_058.145)
    noted = np.where(empty, 0.0, wanted)
    return {
        "AMT_APPLICATION": noted,
        "AMT_CREDIT": np.where(empty, 0.0, credit),
        "AMT_GOODS_PRICE": np.where(empty, np.nan, wanted),
        "AMT_DOWN_PAYMENT": np.where(has_deposit, deposit, np.nan),
        "RATE_DOWN_PAYMENT": np.where(has_deposit, np.round(deposit / wanted, 6), np.nan),
        "AMT_ANNUITY": np.where(empty, np.nan, annuity),
        "CNT_PAYMENT": np.where(empty, np.nan, term),
    }


def _schedule(frame: Frame, kind: Ints, paid_out: Bools, rng: np.random.Generator) -> Frame:
    """The five dates of a loan that was paid out; 365243 stands for what has not happened."""
    n = len(kind)
    day = numeric(frame, "DAYS_DECISION")
    term = np.nan_to_num(numeric(frame, "CNT_PAYMENT"))
    is_card = kind == REVOLVING
    drawn = day + np.floor(rng.exponential(25, n))
    first_due = np.minimum(day + 30 + np.floor(5 * rng.random(n)), -2)
    planned = first_due + 30 * np.maximum(term - 1, 0)
    is_early = rng.random(n) < np.where(kind == CASH, 0.82, 0.14)
    kept = np.where(is_early, rng.uniform(0.05, 0.9, n), 1.0)
    last = np.where(
        is_card,
        first_due + np.floor(rng.exponential(900, n)),
        first_due + np.floor((planned - first_due) * kept),
    )
    ended = last + np.floor(rng.exponential(9, n))
    unused = is_card & (rng.random(n) < 0.48)
    columns = {
        "DAYS_FIRST_DRAWING": np.where(is_card & ~unused, np.minimum(drawn, -1), NO_DAY),
        "DAYS_FIRST_DUE": np.where(unused, NO_DAY, first_due),
        "DAYS_LAST_DUE_1ST_VERSION": np.where(is_card, NO_DAY, planned),
        "DAYS_LAST_DUE": np.where(unused | (last >= 0), NO_DAY, last),
        "DAYS_TERMINATION": np.where(unused | (ended >= 0), NO_DAY, ended),
    }
    frame = {name: np.where(paid_out, values, np.nan) for name, values in columns.items()}
    insured = rng.random(n) < np.where(kind == CASH, 0.50, np.where(kind == CONSUMER, 0.28, 0.10))
    frame["NFLAG_INSURED_ON_APPROVAL"] = np.where(paid_out, insured.astype(np.float64), np.nan)
    return frame
