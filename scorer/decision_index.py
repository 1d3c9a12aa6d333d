"""Which applications of a partition are decided already, and where: bounded, pure.

One index per owned partition. It makes a second scoring impossible while an application is within its
bounds; a client's own key beyond them is the ledger's matter. See `scorer.takeover` for how it is filled.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class LoggedPrediction:
    """What the index needs of a record of the prediction stream.

    `timestamp_ms` is when the log got the application, Unix time: not when it was decided.
    """

    offset: int
    timestamp_ms: int
    application_id: str
    request_hash: str
    source_offset: int


class Known(NamedTuple):
    """An application that was seen: the hash of its bytes, and its prediction's offset once it has one."""

    request_hash: bytes
    offset: int | None


class DecisionIndex:
    """Application id → where its decision of record is, the newest `max_records` of one partition.

    `next_offset` is where the next prediction of this owner must land: when it lands elsewhere,
    another owner writes, or wrote, to the partition.
    """

    def __init__(self, max_records: int) -> None:
        self._max_records = max_records
        self._known: OrderedDict[str, Known] = OrderedDict()
        self.next_offset = 0

    def __len__(self) -> int:
        return len(self._known)

    def find(self, application_id: str) -> Known | None:
        """The application as it is known, or None."""
        return self._known.get(application_id)

    def enter(self, application_id: str, request_hash: str) -> None:
        """Note an application that is about to be decided, so that its copy beside it is not."""
        self._known[application_id] = Known(_short(request_hash), None)

    def forget(self, application_id: str) -> None:
        """Take back `enter`: the application was not decided, and may come again."""
        known = self._known.get(application_id)
        if known is not None and known.offset is None:
            del self._known[application_id]

    def record(self, predictions: Iterable[LoggedPrediction]) -> None:
        """Take in predictions in the order of their offsets; the first of an application is the one kept."""
        for one in predictions:
            known = self._known.get(one.application_id)
            if known is None or known.offset is None or one.offset < known.offset:
                self._known[one.application_id] = Known(_short(one.request_hash), one.offset)
            self.next_offset = max(self.next_offset, one.offset + 1)
        while len(self._known) > self._max_records:
            self._known.popitem(last=False)


def is_same_request(known: Known, request_hash: str) -> bool:
    """Whether the bytes that were decided are these."""
    return known.request_hash == _short(request_hash)


def _short(request_hash: str) -> bytes:
    # Half of the SHA-256: 128 bits are beyond chance, and 20,000 of them a partition are kept.
    return bytes.fromhex(request_hash)[:16]
