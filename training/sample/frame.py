"""A block of rows on its way to a file: columns by name, words as codes, NaN for missing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.sample.draws import Bools, Ints


@dataclass(frozen=True)
class Words:
    """A column of categories: ``codes`` index ``categories``, -1 is missing."""

    codes: Ints
    categories: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.int64] | Bools) -> "Words":
        """The same column at some rows."""
        return Words(self.codes[rows], self.categories)

    def missing_where(self, mask: Bools) -> "Words":
        """The same column with those rows missing."""
        return Words(np.where(mask, -1, self.codes), self.categories)

    def having(self, *words: str) -> Bools:
        """True in rows that hold one of the words."""
        wanted = [self.categories.index(word) for word in words]
        return np.isin(self.codes, wanted)


Column = Ints | NDArray[np.float64] | Words
Frame = dict[str, Column]


def worded(frame: Frame, name: str) -> Words:
    """A column of the frame that is known to hold words."""
    found = frame[name]
    if not isinstance(found, Words):
        raise TypeError(f"{name} holds numbers")
    return found


def numeric(frame: Frame, name: str) -> NDArray[np.float64]:
    """A column of the frame that is known to hold numbers, as floats."""
    found = frame[name]
    if isinstance(found, Words):
        raise TypeError(f"{name} holds words")
    return found.astype(np.float64)


def words(codes: Ints, categories: Sequence[str]) -> Words:
    """A column of categories from their indices."""
    return Words(codes.astype(np.int64), tuple(categories))


def constant(word: str, n: int) -> Words:
    """A column that holds one word ``n`` times."""
    return Words(np.zeros(n, dtype=np.int64), (word,))


def take(frame: Frame, rows: NDArray[np.int64] | Bools) -> Frame:
    """The rows of a frame, in the order of ``rows`` or where the mask is true."""
    return {name: col.take(rows) if isinstance(col, Words) else col[rows] for name, col in frame.items()}


def expand(lengths: Ints) -> tuple[Ints, Ints]:
    """Parent row and place among its siblings (from 0) of every child row."""
    parent = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    first = np.cumsum(lengths) - lengths
    return parent, np.arange(len(parent), dtype=np.int64) - np.repeat(first, lengths)


def shuffled(frame: Frame, rng: np.random.Generator) -> Frame:
    """The rows in random order, as the published files have them."""
    return take(frame, rng.permutation(len(next(iter(frame.values())))))
