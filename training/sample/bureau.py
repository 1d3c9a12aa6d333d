"""bureau.csv and bureau_balance.csv: credits at other lenders and their months.

Strain at the bureau (a hidden score that TARGET shares) shows as recent, open, highly drawn and
overdue credits.
"""

from dataclasses import dataclass

import numpy as np

from training.sample.draws import Bools, Floats, Ints, Quantiles, below, codes, counts, mixed, quantiles
from training.sample.facts import BUREAU, column, facts
from training.sample.frame import Frame, Words, expand, numeric, words
from training.sample.loan_ids import loan_ids
from training.sample.risk import Applicants

FIRST_BUREAU_ID = 5_000_000
#: Credits per applicant that has any: 1,716,428 over 305,811.
_CREDITS_PER_APPLICANT = 1_716_428 / 305_811
_SPREAD = 1.1
#: Share of credits that are overdue today and their published means given that they are.
_OVERDUE_SHARE = 0.00246
_OVERDUE_DAYS = 333.0
_OVERDUE_AMOUNT = 15_400.0


@dataclass(frozen=True)
class Credits:
    """The bureau rows of a chunk with what only the generator knows of them."""

    owner: Ints
    ids: Ints
    orphan_ids: Ints
    strain: Floats
    frame: Frame


def bureau(people: Applicants) -> Credits:
    """Credits at other lenders, in blocks by applicant."""
    rng = people.stream("bureau")
    owner = _owners(people, rng)
    n = len(owner)
    orphans = round(len(people) * 43_041 / facts().applicants)
    ids, orphan_ids = loan_ids(rng, FIRST_BUREAU_ID, people.chunk, (n, orphans))
    strain = people["bureau_strain"][owner]
    opened = mixed(rng, [(0.28, strain)], n)
    kind = rng.standard_normal(n)
    status = mixed(rng, [(0.50, opened), (0.30, kind), (0.26, (strain - 0.28 * opened) / 0.96)], n)
    frame = _dates(rng, opened, status)
    state = _worded("CREDIT_ACTIVE", status, ("Closed", "Active", "Sold", "Bad debt"))
    kinds = _worded("CREDIT_TYPE", kind, _kinds())
    is_open = state.having("Active", "Sold", "Bad debt")
    frame["DAYS_ENDDATE_FACT"] = np.where(is_open, np.nan, numeric(frame, "DAYS_ENDDATE_FACT"))
    frame |= _amounts(
        rng, people["income"][owner], strain, status, is_open & kinds.having("Credit card"), is_open
    )
    frame |= {
        "SK_ID_CURR": people.ids[owner],
        "SK_ID_BUREAU": ids,
        "CREDIT_ACTIVE": state,
        "CREDIT_CURRENCY": _worded(
            "CREDIT_CURRENCY", rng.standard_normal(n), tuple(_counts("CREDIT_CURRENCY"))
        ),
        "CREDIT_TYPE": kinds,
        "CNT_CREDIT_PROLONG": rng.poisson(0.0064 * np.exp(0.3 * strain - 0.045)).astype(np.int64),
    }
    ordered = {name: frame[name] for name in facts().tables[BUREAU].columns}
    return Credits(owner, ids, orphan_ids, strain, ordered)


def _owners(people: Applicants, rng: np.random.Generator) -> Ints:
    """Row of the applicant of each credit; thin files have none."""
    has_file = ~below(people["thin_file"], 1 - facts().rules["bureau_applicant_share"])
    rate = (_CREDITS_PER_APPLICANT - 1) * np.exp(0.05 * people["bureau_strain"] - 0.00125)
    number = np.minimum(1 + counts(rng, rate, _SPREAD), 116)
    return expand(np.where(has_file, number, 0))[0]


def _counts(name: str) -> dict[str, int]:
    return column(BUREAU, name).counts


def _kinds() -> tuple[str, ...]:
    """Credit types, consumer credits first, cards and microloans (open most often) last."""
    last = ("Microloan", "Credit card")
    return (*(kind for kind in _counts("CREDIT_TYPE") if kind not in last), *last)


def _worded(name: str, latent: Floats, order: tuple[str, ...]) -> Words:
    published = _counts(name)
    return words(codes(latent, [published[word] for word in order]), order)


def _dates(rng: np.random.Generator, opened: Floats, status: Floats) -> Frame:
    n = len(opened)
    credit = np.rint(quantiles(BUREAU, "DAYS_CREDIT").at(opened))
    # ``status`` follows ``opened`` with 0.5, so this sum has variance 0.45^2 + 0.45^2 + 2 * 0.45^2 * 0.5.
    planned = 0.45 * opened + 0.45 * status + np.sqrt(1 - 0.6075) * rng.standard_normal(n)
    end = np.maximum(np.rint(_planned_end().at(planned)), credit + 30)
    closed = np.rint(quantiles(BUREAU, "DAYS_ENDDATE_FACT").at(mixed(rng, [(0.85, opened)], n)))
    # The same kind of sum; what is open or recent was updated lately.
    news = 0.55 * opened + 0.45 * status + np.sqrt(1 - 0.7525) * rng.standard_normal(n)
    update = np.rint(quantiles(BUREAU, "DAYS_CREDIT_UPDATE").at(news))
    absent = rng.random(n) < column(BUREAU, "DAYS_CREDIT_ENDDATE").missing_share
    return {
        "DAYS_CREDIT": credit.astype(np.int64),
        "DAYS_CREDIT_ENDDATE": np.where(absent, np.nan, end),
        "DAYS_ENDDATE_FACT": np.clip(closed, credit, 0),
        "DAYS_CREDIT_UPDATE": np.maximum(update, credit).astype(np.int64),
    }


def _planned_end() -> Quantiles:
    """Planned end of a credit: a few years ahead at most, but for cards that end in 2099.

    The published extremes (-42060, far beyond the oldest credit) are typing errors and left out.
    """
    published = column(BUREAU, "DAYS_CREDIT_ENDDATE")
    _, q25, q50, q75, latest = published.quantiles
    mean, std = published.moments
    knots, values = (0.0, 0.25, 0.5, 0.75, 0.94, 1.0), (-2922.0, q25, q50, q75, 1826.0, latest)
    return Quantiles.through(knots, values, mean=mean, std=std)


def _amounts(
    rng: np.random.Generator, income: Floats, strain: Floats, status: Floats, is_card: Bools, is_open: Bools
) -> Frame:
    n = len(strain)
    absent = {
        name: rng.random(n) < published.missing_share
        for name, published in facts().tables[BUREAU].columns.items()
    }
    granted = np.round(
        quantiles(BUREAU, "AMT_CREDIT_SUM").at(mixed(rng, [(0.25, income), (0.25, status)], n)), 2
    )
    round_sum = rng.random(n) < 0.5
    granted = np.where(round_sum & (granted > 9_000), np.rint(granted / 4_500) * 4_500, granted)
    drawn = 1 / (1 + np.exp(-(1.5 + 1.1 * strain + 1.0 * rng.standard_normal(n))))
    drawn = np.where(is_open & (rng.random(n) > 0.17), drawn, 0.0)
    debt = np.round(granted * drawn, 2)
    limit = np.where(is_card, np.round(granted * (1 - drawn) * 0.34, 2), 0.0)
    is_late = is_open & (rng.random(n) < _OVERDUE_SHARE / 0.48 * np.exp(0.7 * strain - 0.245))
    days = np.ceil(rng.exponential(_OVERDUE_DAYS, n))
    amount = np.round(rng.exponential(_OVERDUE_AMOUNT, n), 2)
    worst = np.round(quantiles(BUREAU, "AMT_CREDIT_MAX_OVERDUE").at(mixed(rng, [(0.30, strain)], n)), 2)
    annuity = np.round(quantiles(BUREAU, "AMT_ANNUITY").at(rng.standard_normal(n)), 1)
    columns = {
        "AMT_CREDIT_SUM": granted,
        "AMT_CREDIT_SUM_DEBT": debt,
        "AMT_CREDIT_SUM_LIMIT": limit,
        "AMT_CREDIT_MAX_OVERDUE": worst,
        "AMT_ANNUITY": annuity,
    }
    frame: Frame = {name: np.where(absent[name], np.nan, values) for name, values in columns.items()}
    frame["CREDIT_DAY_OVERDUE"] = np.where(is_late, np.minimum(days, 2792), 0).astype(np.int64)
    frame["AMT_CREDIT_SUM_OVERDUE"] = np.where(is_late, amount, 0.0)
    return frame
