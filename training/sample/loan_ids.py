"""Ids of loans: unique over the whole sample although each chunk draws its own."""

from itertools import pairwise

import numpy as np

from training.sample.draws import Ints
from training.sample.risk import CHUNK_APPLICANTS

#: Ids set aside per applicant, as sparse as the published ones; a chunk never needs them all (ten
#: standard deviations), so there are always ids left over for orphans.
_IDS_PER_APPLICANT = 5.4


def loan_ids(rng: np.random.Generator, first: int, chunk: int, lengths: tuple[int, ...]) -> list[Ints]:
    """Disjoint arrays of ids, in random order, from the block that belongs to the chunk."""
    block = int(CHUNK_APPLICANTS * _IDS_PER_APPLICANT)
    order = rng.permutation(block).astype(np.int64) + first + chunk * block
    if sum(lengths) > block:
        raise OverflowError(f"chunk {chunk} has {sum(lengths)} loans and {block} ids")
    edges = np.cumsum((0, *lengths))
    return [order[low:high] for low, high in pairwise(edges)]
