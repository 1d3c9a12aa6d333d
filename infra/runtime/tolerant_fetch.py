"""Reading record batches in which a header's name is not UTF-8.

The broker takes any bytes as a header's name, and librdkafka writes any. aiokafka 0.14 raises
UnicodeDecodeError from every fetch that meets such a record and never gets past it: one record would stop
its partition for every reader. With `install` the name is read with `\\xff` for what is no text, and the
record goes on like any other. Installed by `infra.runtime.kafka`, so for every client of ours;
`tests/contract/test_tolerant_fetch.py` holds the pinned version to what is used here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final, SupportsIndex

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

#: Offset and length come before a batch; its magic byte says whether its records can have headers.
_LENGTH_AT: Final = 8
_OVERHEAD: Final = 12
_MAGIC_AT: Final = 16


def install() -> None:
    """Have aiokafka's consumers read this way; once or again."""
    fetcher.MemoryRecords = TolerantRecords


class TolerantRecords:
    """aiokafka's MemoryRecords, batch by batch, each with its bytes at hand."""

    def __init__(self, fetched: bytes) -> None:
        self._records = MemoryRecords(fetched)
        self._fetched = fetched
        self._at = 0

    def size_in_bytes(self) -> int:
        """Bytes that were fetched."""
        return len(self._fetched)

    def has_next(self) -> bool:
        """Whether a whole batch is left."""
        return bool(self._records.has_next())

    def next_batch(self) -> Any:
        """The next batch, or None."""
        batch = self._records.next_batch()
        if batch is None:
            return None
        start = self._at
        (length,) = struct.unpack_from(">i", self._fetched, start + _LENGTH_AT)
        self._at = start + _OVERHEAD + length
        if self._fetched[start + _MAGIC_AT] < 2:
            return batch
        return _Batch(batch, self._fetched[start : self._at])


class _Batch:
    """A record batch of aiokafka's, read a second time where it can't be read."""

    def __init__(self, batch: Any, raw: bytes) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        count = 0
        try:
            for record in self._batch:
                count += 1
                yield record
            return
        except UnicodeDecodeError:
            lenient = _lenient(self._raw)
        for at, record in enumerate(lenient):
            if at >= count:
                yield record


def _lenient(raw: bytes) -> Iterator[Any]:
    batch: Any = iter(_DefaultRecordBatchPy(bytearray(raw)))
    batch._buffer = _Text(batch._buffer)
    yield from batch


class _Text(bytearray):
    """Bytes whose slices decode whatever they hold."""

    def __getitem__(self, at: SupportsIndex | slice) -> Any:
        found = super().__getitem__(at)
        return _Text(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        """The text, with what is none escaped."""
        return super().decode(encoding, errors)
