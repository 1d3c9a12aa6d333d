"""The pinned aiokafka still needs, and still takes, what `infra.runtime.tolerant_fetch` does to it."""

from __future__ import annotations

import struct

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from infra.runtime.kafka import KafkaConnection
from infra.runtime.tolerant_fetch import TolerantRecords

NAME = b"name"
_CRC_AT, _CHECKED_FROM = 17, 21


def batch(*names: bytes, base_offset: int = 0, is_compressed: bool = False) -> bytes:
    """A record batch whose records have one header each, with these names of four bytes."""
    codec = DefaultRecordBatch.CODEC_GZIP if is_compressed else 0
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 100_000)
    for at, name in enumerate(names):
        headers = [(NAME.decode() if name != NAME else "good", b"x")]
        builder.append(at, timestamp=1_000 + at, key=b"k", value=b"v%d" % at, headers=headers)
    raw = bytearray(builder.build())
    for name in names:
        if name != NAME:
            where = raw.index(NAME)
            raw[where : where + len(NAME)] = name
    struct.pack_into(">q", raw, 0, base_offset)
    struct.pack_into(">I", raw, _CRC_AT, calc_crc32c(bytes(raw[_CHECKED_FROM:])))
    return bytes(raw)


def read(fetched: bytes) -> list[tuple[int, bytes, list[str]]]:
    """Offset, value and header names of every record."""
    records = TolerantRecords(fetched)
    found = []
    while records.has_next():
        one = records.next_batch()
        assert one.validate_crc()
        found += [(r.offset, r.value, [name for name, _ in r.headers]) for r in one]
    return found


def test_aiokafka_alone_never_gets_past_such_a_record() -> None:
    one = MemoryRecords(batch(NAME, b"\xff\xfebc")).next_batch()
    assert next(iter(one)).offset == 0
    for _ in range(2):
        with pytest.raises(UnicodeDecodeError):
            next(one)


def test_a_name_that_is_no_text_is_escaped_and_its_neighbours_are_read() -> None:
    fetched = batch(NAME, b"\xff\xfebc", NAME) + batch(NAME, base_offset=3)
    assert read(fetched) == [
        (0, b"v0", ["good"]),
        (1, b"v1", [r"\xff\xfebc"]),
        (2, b"v2", ["good"]),
        (3, b"v0", ["good"]),
    ]


def test_good_batches_are_read_as_ever() -> None:
    fetched = batch(NAME, NAME, is_compressed=True) + batch(NAME, base_offset=2)
    assert [offset for offset, *_ in read(fetched)] == [0, 1, 2]


def test_every_consumer_of_ours_reads_this_way() -> None:
    KafkaConnection()
    assert fetcher.MemoryRecords is TolerantRecords
