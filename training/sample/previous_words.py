"""The worded columns of previous_application.csv, which follow from product, outcome and emptiness."""

import numpy as np

from training.sample.draws import Bools, Floats, Ints, codes, quantiles
from training.sample.facts import PREVIOUS_APPLICATION, column
from training.sample.frame import Frame, Words, numeric, words
from training.sample.risk import Applicants

_CASH, _CONSUMER, _REVOLVING = 0, 1, 2
_APPROVED, _UNUSED, _CANCELED, _REFUSED = 0, 1, 2, 3
_CHANNELS = (
    "Credit and cash offices",
    "Country-wide",
    "Stone",
    "Regional / Local",
    "Contact center",
    "AP+ (Cash loan)",
    "Channel of corporate sales",
    "Car dealer",
)
#: Sales channel by product, from the published totals.
_CHANNEL_SHARES = (
    (0.79, 0.045, 0.0, 0.0, 0.085, 0.076, 0.004, 0.0),
    (0.0, 0.587, 0.272, 0.14, 0.0, 0.0, 0.0003, 0.0007),
    (0.67, 0.16, 0.075, 0.03, 0.042, 0.006, 0.016, 0.0),
)
_YIELDS = ("low_action", "low_normal", "middle", "high", "XNA")
#: Loans by yield, cash and consumer apart, as product names and yield groups together imply.
_CASH_YIELDS = (0, 164_082, 178_541, 118_940)
_CONSUMER_YIELDS = (92_041, 158_013, 206_991, 234_391)
_YIELD_WORD = ("low", "low", "middle", "high")
_SHELVES = ("household", "mobile", "industry", "other")


def product_words(
    people: Applicants, frame: Frame, kind: Ints, status: Ints, empty: Bools, price: Floats
) -> Frame:
    """Worded columns and the odd numbers beside them; ``price`` scores what the lender charges."""
    rng = people.stream("previous words")
    n = len(kind)
    is_cash, is_consumer, is_card = (kind == product for product in (_CASH, _CONSUMER, _REVOLVING))
    sold = ~empty & (is_cash | is_card)
    is_cross_sold = rng.random(n) < np.where(is_cash, 333_432 / 461_563, 0.847)
    level = np.where(is_cash, codes(price, _CASH_YIELDS), codes(price, _CONSUMER_YIELDS))
    portfolio = np.where(is_consumer & (rng.random(n) < 425 / 691_436), 4, np.array((1, 0, 3))[kind])
    without_payment = empty | is_card | (rng.random(n) < 0.07)
    suite = tuple(column(PREVIOUS_APPLICATION, "NAME_TYPE_SUITE").counts)
    companion = _drawn(rng, "NAME_TYPE_SUITE", suite, np.ones(n, dtype=np.bool_))
    alone = rng.random(n) < np.where(is_consumer, 0.36, 0.594)
    channel = np.zeros(n, dtype=np.int64)
    score = rng.standard_normal(n)
    for product, shares in enumerate(_CHANNEL_SHARES):
        channel = np.where(kind == product, codes(score, shares), channel)
    return {
        "NAME_CASH_LOAN_PURPOSE": _one_of(rng, "NAME_CASH_LOAN_PURPOSE", "XAP", is_cash),
        "NAME_PAYMENT_TYPE": _one_of(rng, "NAME_PAYMENT_TYPE", "XNA", ~without_payment),
        "CODE_REJECT_REASON": _reject_reason(rng, status),
        "NAME_TYPE_SUITE": companion.missing_where(alone),
        "NAME_GOODS_CATEGORY": _one_of(
            rng, "NAME_GOODS_CATEGORY", "XNA", is_consumer & (rng.random(n) < 0.986)
        ),
        "NAME_PORTFOLIO": words(np.where(empty, 2, portfolio), ("POS", "Cash", "XNA", "Cards", "Cars")),
        "NAME_PRODUCT_TYPE": words(
            np.where(sold, np.where(is_cross_sold, 1, 2), 0), ("XNA", "x-sell", "walk-in")
        ),
        "CHANNEL_TYPE": words(channel, _CHANNELS),
        "NAME_SELLER_INDUSTRY": _one_of(
            rng, "NAME_SELLER_INDUSTRY", "XNA", is_consumer | (is_card & (rng.random(n) < 0.44))
        ),
        "NAME_YIELD_GROUP": words(np.where(empty | is_card, 4, level), _YIELDS),
        "PRODUCT_COMBINATION": _combination(rng, kind, empty, is_cross_sold, level),
        "WEEKDAY_APPR_PROCESS_START": _drawn(
            rng,
            "WEEKDAY_APPR_PROCESS_START",
            tuple(column(PREVIOUS_APPLICATION, "WEEKDAY_APPR_PROCESS_START").counts),
            np.ones(n, dtype=np.bool_),
        ),
        "FLAG_LAST_APPL_PER_CONTRACT": words((rng.random(n) < 0.005074).astype(np.int64), ("Y", "N")),
        **_numbers(rng, kind, is_consumer, frame),
    }


def _numbers(rng: np.random.Generator, kind: Ints, is_consumer: Bools, frame: Frame) -> Frame:
    n = len(kind)
    hour = quantiles(PREVIOUS_APPLICATION, "HOUR_APPR_PROCESS_START").at(rng.standard_normal(n))
    shop = np.where(
        rng.random(n) < 0.05, 1_500 * rng.pareto(1.6, n), 60 * np.exp(1.4 * rng.standard_normal(n))
    )
    office = np.where(rng.random(n) < 0.80, -1, np.floor(rng.exponential(15, n)))
    priced = np.isfinite(numeric(frame, "AMT_ANNUITY")) & is_consumer & (rng.random(n) < 0.0086)
    rates = {
        name: quantiles(PREVIOUS_APPLICATION, name).at(rng.standard_normal(n))
        for name in ("RATE_INTEREST_PRIMARY", "RATE_INTEREST_PRIVILEGED")
    }
    return {
        "HOUR_APPR_PROCESS_START": np.rint(hour).astype(np.int64),
        "NFLAG_LAST_APPL_IN_DAY": (rng.random(n) < 0.996467).astype(np.int64),
        "SELLERPLACE_AREA": np.where(is_consumer, np.minimum(np.rint(shop), 4_000_000), office).astype(
            np.int64
        ),
        **{name: np.where(priced, np.round(values, 6), np.nan) for name, values in rates.items()},
    }


def _count(name: str, word: str) -> int:
    return column(PREVIOUS_APPLICATION, name).counts[word]


def _drawn(rng: np.random.Generator, name: str, order: tuple[str, ...], where: Bools) -> Words:
    """Words by their published counts; code 0 where the mask is false."""
    chosen = codes(rng.standard_normal(len(where)), [_count(name, word) for word in order])
    return words(np.where(where, chosen, 0), order)


def _one_of(rng: np.random.Generator, name: str, otherwise: str, where: Bools) -> Words:
    """A published word where the mask is true; ``otherwise`` makes up the rest of its own count."""
    published = column(PREVIOUS_APPLICATION, name).counts
    order = (otherwise, *(word for word in published if word != otherwise))
    total = sum(published.values())
    left = published[otherwise] / total - (1 - float(_SHARE_WHERE[name]))
    weights = [max(left, 0.0), *(published[word] / total for word in order[1:])]
    chosen = codes(rng.standard_normal(len(where)), weights)
    return words(np.where(where, chosen, 0), order)


#: Share of rows in which a word other than the filler can stand, from the published totals.
_SHARE_WHERE = {
    "NAME_CASH_LOAN_PURPOSE": 747_553 / 1_670_214,
    "NAME_PAYMENT_TYPE": 0.624,
    "NAME_GOODS_CATEGORY": 0.43,
    "NAME_SELLER_INDUSTRY": 0.487,
}


def _reject_reason(rng: np.random.Generator, status: Ints) -> Words:
    reasons = ("HC", "LIMIT", "SCO", "SCOFR", "XNA", "VERIF", "SYSTEM")
    drawn = codes(
        rng.standard_normal(len(status)), [_count("CODE_REJECT_REASON", reason) for reason in reasons]
    )
    coded = np.where(status == _REFUSED, 2 + drawn, np.where(status == _UNUSED, 1, 0))
    return words(coded, ("XAP", "CLIENT", *reasons))


def _combination(
    rng: np.random.Generator, kind: Ints, empty: Bools, is_cross_sold: Bools, level: Ints
) -> Words:
    """Product names, which repeat product, sales way and yield in words."""
    order = tuple(column(PREVIOUS_APPLICATION, "PRODUCT_COMBINATION").counts)
    place = {word: code for code, word in enumerate(order)}
    cash = np.where(
        is_cross_sold,
        np.array([place[f"Cash X-Sell: {word}"] for word in _YIELD_WORD])[level],
        np.array([place[f"Cash Street: {word}"] for word in _YIELD_WORD])[level],
    )
    cash = np.where(empty, place["Cash"], cash)
    card_street = _count("PRODUCT_COMBINATION", "Card Street") / 193_164
    card = np.where(rng.random(len(kind)) < card_street, place["Card Street"], place["Card X-Sell"])
    shelf = codes(rng.standard_normal(len(kind)), [346_530, 244_752, 111_435, 26_434])
    paid = np.array([place[f"POS {word} with interest"] for word in _SHELVES])[shelf]
    free_names = [f"POS {'others' if word == 'other' else word} without interest" for word in _SHELVES]
    free = np.array([place[word] for word in free_names])[shelf]
    is_free = rng.random(len(kind)) < np.array([0.239, 0.098, 0.113, 0.097])[shelf]
    pos = np.where(is_free, free, paid)
    return words(np.choose(kind, [cash, pos, card]), order)
