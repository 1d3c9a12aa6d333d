"""Tells the scorers which version decides: one record on the compacted topic `model-promotions`."""

from __future__ import annotations

from typing import Any

from aiokafka.errors import KafkaError

from contracts.events import ModelPromoted, encode
from contracts.topics import MODEL_PROMOTIONS
from infra.runtime.announcing import announce_record
from training.errors import PromotionNotPublished


async def publish(
    promoted: ModelPromoted, client_options: dict[str, Any], *, topic: str = MODEL_PROMOTIONS.name
) -> int:
    """The offset of the acknowledged record; `client_options` go to aiokafka as they are.

    Raises PromotionNotPublished when the brokers cannot be reached or do not acknowledge. The
    record may then still land: it says what the registry says.
    """
    try:
        return await announce_record(
            topic, key=promoted.name, value=encode(promoted), client_options=client_options
        )
    except KafkaError as error:
        raise PromotionNotPublished(
            f"the registry has version {promoted.version} as Production, but Kafka did not take the news"
            f" ({error}); promote it again when the brokers are back: scorestream promote {promoted.version}"
        ) from error
