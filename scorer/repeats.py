"""Which applications of a micro-batch are new, and which were sent before. Pure.

    new         nobody decided it: it is decided now
    repeated    the same application again, decided or about to be: it gets the recorded decision
    conflict    the same id with other bytes: it gets a conflict, and no record

An application enters its partition's index here, before it is decided, so that a micro-batch can't hold
it twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scorer.decision_index import DecisionIndex, is_same_request
from scorer.intake import Accepted


@dataclass(slots=True)
class Sorted:
    """The accepted applications of a micro-batch by what is to be done with them."""

    new: list[Accepted] = field(default_factory=list)
    repeated: list[Accepted] = field(default_factory=list)
    conflicts: list[Accepted] = field(default_factory=list)


def sort_repeats(accepted: Sequence[Accepted], indexes: Mapping[int, DecisionIndex]) -> Sorted:
    """`accepted` sorted, the new ones entered in the index of their partition."""
    found = Sorted()
    for one in accepted:
        index = indexes[one.record.partition]
        known = index.find(one.application_id)
        if known is None:
            index.enter(one.application_id, one.request_hash)
            found.new.append(one)
        elif is_same_request(known, one.request_hash):
            found.repeated.append(one)
        else:
            found.conflicts.append(one)
    return found
