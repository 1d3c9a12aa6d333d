"""Tells the scorers which version decides: one record on the compacted topic `model-promotions`."""

from __future__ import annotations

from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from contracts.events import ModelPromoted, encode
from contracts.headers import SCHEMA_VERSION, SCHEMA_VERSION_1
from contracts.topics import MODEL_PROMOTIONS
from training.errors import PromotionNotPublished

_REQUEST_TIMEOUT_MS: Final = 10_000


async def publish(
    promoted: ModelPromoted, client_options: dict[str, Any], *, topic: str = MODEL_PROMOTIONS.name
) -> int:
    """The offset of the acknowledged record; `client_options` go to aiokafka as they are.

    Raises PromotionNotPublished when the brokers cannot be reached or do not acknowledge. The
    record may then still land: it says what the registry says.
    """
    producer = AIOKafkaProducer(
        **client_options, acks="all", enable_idempotence=True, request_timeout_ms=_REQUEST_TIMEOUT_MS
    )
    try:
        await producer.start()
        record = await producer.send_and_wait(
            topic,
            key=promoted.name.encode(),
            value=encode(promoted),
            headers=[(SCHEMA_VERSION, SCHEMA_VERSION_1)],
        )
    except KafkaError as error:
        raise PromotionNotPublished(
            f"the registry has version {promoted.version} as Production, but Kafka did not take the news"
            f" ({error}); promote it again when the brokers are back"
        ) from error
    finally:
        await producer.stop()
    return int(record.offset)
