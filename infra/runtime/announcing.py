"""Writes one record for everybody to hear: a promotion, a snapshot, a drift report.

For commands and batch jobs, which have one thing to say and end: a producer of its own, for one record.
"""

from __future__ import annotations

from typing import Any, Final

from aiokafka import AIOKafkaProducer

from contracts.headers import SCHEMA_VERSION, SCHEMA_VERSION_1

_REQUEST_TIMEOUT_MS: Final = 10_000


async def announce_record(topic: str, *, key: str, value: bytes, client_options: dict[str, Any]) -> int:
    """The offset of the acknowledged record; `client_options` go to aiokafka as they are.

    Raises KafkaError when the brokers cannot be reached or do not acknowledge; the record may then
    still land.
    """
    producer = AIOKafkaProducer(
        **client_options, acks="all", enable_idempotence=True, request_timeout_ms=_REQUEST_TIMEOUT_MS
    )
    try:
        await producer.start()
        record = await producer.send_and_wait(
            topic, key=key.encode(), value=value, headers=[(SCHEMA_VERSION, SCHEMA_VERSION_1)]
        )
    finally:
        await producer.stop()
    return int(record.offset)
