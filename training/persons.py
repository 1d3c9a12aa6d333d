"""Finds rows that look like the same person, so that nobody is learnt from and tested on at once.

Home Credit's files name applications, not people, and some people are there twice. Ages and dates are
written as days before the application; the *differences* between them do not move with its date, so
somebody who comes back months later is recognised too. Equal to the day in all of them, in the same
region: one person. By chance that happens to fewer than one in ten thousand applicants.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from contracts.application import COLUMNS
from feature_service.application import SENTINEL_DAYS, Encoded

Persons = npt.NDArray[np.int64]

_AT: Final = {name: index for index, name in enumerate(COLUMNS)}
#: Days that stay put between two applications of a person who keeps job, address and document.
_DATES: Final = ("DAYS_EMPLOYED", "DAYS_REGISTRATION", "DAYS_ID_PUBLISH")


def persons_of(columns: Encoded) -> Persons:
    """A number per row, `(n_rows,)`; rows of one person have the same.

    Rows with the same SK_ID_CURR are one person. A row that does not state a date is nobody else's.
    """
    traits = _traits(columns)
    ids = columns[:, _AT["SK_ID_CURR"]]
    is_alone = np.isnan(traits).any(axis=1)
    traits[is_alone] = np.nan
    traits[is_alone, 0] = np.arange(np.count_nonzero(is_alone))
    return _joined(_equal_rows(traits), _equal_rows(ids.reshape(-1, 1)))


def _traits(columns: Encoded) -> Encoded:
    birth = columns[:, _AT["DAYS_BIRTH"]]
    traits = [columns[:, _AT["REGION_POPULATION_RELATIVE"]]]
    for name in _DATES:
        days = columns[:, _AT[name]]
        traits.append(np.where(days == SENTINEL_DAYS, SENTINEL_DAYS, birth - days))
    return np.column_stack(traits)


def _equal_rows(matrix: Encoded) -> Persons:
    """The same number for rows that are equal, NaN being equal to NaN."""
    order = np.lexsort(matrix.T[::-1])
    ordered = matrix[order]
    is_new = np.ones(len(matrix), dtype=bool)
    before, after = ordered[:-1], ordered[1:]
    is_new[1:] = ~((before == after) | (np.isnan(before) & np.isnan(after))).all(axis=1)
    numbers = np.empty(len(matrix), dtype=np.int64)
    numbers[order] = np.cumsum(is_new) - 1
    return numbers


def _joined(first: Persons, second: Persons) -> Persons:
    """The finest grouping that both agree with: repeated until no label moves."""
    joined = first.copy()
    while True:
        lowest = np.full(len(joined), len(joined), dtype=np.int64)
        np.minimum.at(lowest, second, joined)
        pulled = lowest[second]
        lowest[:] = len(joined)
        np.minimum.at(lowest, first, pulled)
        pulled = lowest[first]
        if np.array_equal(pulled, joined):
            return joined
        joined = pulled
