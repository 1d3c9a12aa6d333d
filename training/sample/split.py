"""Values that differ between train and test: each applicant draws from the figures of their own file.

Kaggle's two application files were not drawn alike (the test file is later, with other products and
e-mail addresses), and a drift monitor must be able to see that in a sample too.
"""

import numpy as np

from training.sample.draws import Bools, Floats, Ints, below, codes, flags, quantiles
from training.sample.facts import APPLICATION_TEST, APPLICATION_TRAIN, column
from training.sample.frame import Words, words
from training.sample.risk import Applicants

#: Categories that the test file never holds.
TRAIN_ONLY: frozenset[str] = frozenset({"XNA gender", "Maternity leave", "Unknown"})


def numbers(people: Applicants, name: str, latent: Floats) -> Floats:
    """The column's values at the given scores, by train or test quantiles."""
    train, test = (quantiles(table, name).at(latent) for table in (APPLICATION_TRAIN, APPLICATION_TEST))
    return np.where(people.is_train, train, test)


def share(people: Applicants, name: str) -> Floats:
    """Published mean of a 0/1 column for each applicant's file."""
    train, test = (column(table, name).moments[0] for table in (APPLICATION_TRAIN, APPLICATION_TEST))
    return np.where(people.is_train, train, test)


def flagged(people: Applicants, name: str, latent: Floats) -> Ints:
    """A 0/1 column, 1 for the highest scores, with the published share in each file."""
    return flags(latent, share(people, name))


def missing(people: Applicants, name: str, latent: Floats) -> Bools:
    """True where the column is missing: the lowest scores, in each file's published share."""
    train, test = (column(table, name).missing_share for table in (APPLICATION_TRAIN, APPLICATION_TEST))
    return below(latent, np.where(people.is_train, train, test))


def chosen(people: Applicants, name: str, latent: Floats, order: tuple[str, ...]) -> Words:
    """A column of categories in the order given from low scores to high, with the published shares."""
    published = column(APPLICATION_TRAIN, name).counts
    weights = np.array([published[word] for word in order], dtype=np.float64)
    later = np.where([_is_train_only(name, word) for word in order], 0.0, weights)
    return words(np.where(people.is_train, codes(latent, weights), codes(latent, later)), order)


def _is_train_only(name: str, word: str) -> bool:
    return word in TRAIN_ONLY or (name == "CODE_GENDER" and word == "XNA")
