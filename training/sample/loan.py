"""The columns of the loan asked for: product, goods, credit, annuity, income."""

import numpy as np

from training.sample.draws import Bools, Floats, Ints, below, codes, flags, multiples
from training.sample.facts import APPLICATION_TEST, APPLICATION_TRAIN, column
from training.sample.frame import Frame, words
from training.sample.person import column_share
from training.sample.risk import Applicants
from training.sample.split import missing, numbers

#: Every amount of an application is a multiple of this (the published amounts are scaled).
AMOUNT_STEP = 4.5
#: Credit over goods price by insurance package, and how often each is sold.
INSURANCE_LOADS = (1.0, 1.0558, 1.0796, 1.1188, 1.132, 1.1584, 1.198, 1.2112, 1.2376, 1.255, 1.28, 1.32)
_INSURANCE_WEIGHTS = (0.30, 0.05, 0.06, 0.12, 0.09, 0.10, 0.11, 0.04, 0.04, 0.03, 0.04, 0.02)
#: Goods prices that customers round to.
_ROUND_PRICES = 4_500.0 * np.array(
    (
        *(10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 70, 80, 100, 110, 120, 130, 140, 150, 160, 170),
        *(180, 200, 220, 230, 250, 280, 300, 350, 400, 500),
    )
)
#: Revolving loans in the test file: 439 of 48,744.
_REVOLVING_LATER = 0.009
#: Price lists: credit over annuity. Neighbours are 1.2 % apart; train and test use every other one,
#: which is why annuity over credit alone tells the published files apart.
_FACTORS = np.exp(np.arange(np.log(5.4), np.log(46), 0.012))
_OLD_PRICE_LIST_LATER = 0.18


def loan(people: Applicants) -> Frame:
    """Columns about the loan, with the rules between them."""
    rng = people.stream("loan")
    n = len(people)
    is_revolving = flags(people["revolving"], _revolving_share(people)) == 1
    wanted = numbers(people, "AMT_GOODS_PRICE", people["goods"])
    nearest = _ROUND_PRICES[np.clip(np.searchsorted(_ROUND_PRICES, wanted * 0.94), 0, len(_ROUND_PRICES) - 1)]
    is_round = (rng.random(n) < 0.5) & (np.abs(nearest / wanted - 1) < 0.12)
    goods = np.where(is_round, nearest, multiples(wanted, 4500.0))
    goods = np.where(is_revolving, multiples(wanted, 22_500.0), goods)
    insured = np.asarray(INSURANCE_LOADS)[_insurance(people)]
    most = column(APPLICATION_TRAIN, "AMT_CREDIT").quantiles[-1]
    credit = np.where(is_revolving, goods, multiples(np.minimum(goods * insured, most), AMOUNT_STEP))
    credit = np.maximum(credit, goods)
    annuity = np.where(is_revolving, credit / 20, multiples(credit / _factor(people, rng), AMOUNT_STEP))
    least, dearest = (column(APPLICATION_TRAIN, "AMT_ANNUITY").quantiles[i] for i in (0, -1))
    annuity = np.where(is_revolving, annuity, multiples(np.clip(annuity, least, dearest - 5), AMOUNT_STEP))
    no_price = is_revolving & missing_among(people, "AMT_GOODS_PRICE", _revolving_share(people), rng)
    return {
        "NAME_CONTRACT_TYPE": words(is_revolving.astype(np.int64), ("Cash loans", "Revolving loans")),
        "AMT_INCOME_TOTAL": _income(people, rng),
        "AMT_CREDIT": credit,
        "AMT_ANNUITY": np.where(missing(people, "AMT_ANNUITY", rng.standard_normal(n)), np.nan, annuity),
        "AMT_GOODS_PRICE": np.where(no_price, np.nan, goods),
    }


def missing_among(people: Applicants, name: str, group: Floats, rng: np.random.Generator) -> Bools:
    """True at the rate that makes the column's published missing share if only ``group`` can lack it."""
    train, test = (column(table, name).missing_share for table in (APPLICATION_TRAIN, APPLICATION_TEST))
    return below(rng.standard_normal(len(people)), np.where(people.is_train, train, test) / group)


def _revolving_share(people: Applicants) -> Floats:
    return np.where(people.is_train, column_share("NAME_CONTRACT_TYPE", "Revolving loans"), _REVOLVING_LATER)


def _insurance(people: Applicants) -> Ints:
    return codes(people["insurance"], _INSURANCE_WEIGHTS)


def _factor(people: Applicants, rng: np.random.Generator) -> Floats:
    """Credit over annuity of a cash loan: quartiles 15, 21, 28 in train and shorter later."""
    wanted = np.log(20.2) + 0.44 * people["term"] - np.where(people.is_train, 0.0, 0.25)
    place = np.clip((wanted - np.log(_FACTORS[0])) / 0.012, 0, len(_FACTORS) - 2)
    uses_old_list = people.is_train | (rng.random(len(people)) < _OLD_PRICE_LIST_LATER)
    even = (np.rint(place / 2) * 2).astype(np.int64)
    even = np.minimum(even, (len(_FACTORS) - 2) // 2 * 2)
    return np.asarray(_FACTORS[np.where(uses_old_list, even, even + 1)], dtype=np.float64)


def _income(people: Applicants, rng: np.random.Generator) -> Floats:
    exact = numbers(people, "AMT_INCOME_TOTAL", people["income"])
    step = np.where((rng.random(len(people)) < 0.72) & (exact > 60_000), 22_500.0, 4_500.0)
    return np.maximum(np.rint(exact / step), 6 * 4_500.0 / step) * step
