"""Reading back what a test wrote to Kafka."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord


async def ends(bootstrap_servers: str, topic: str, partitions: int) -> dict[int, int]:
    """The end offset of each partition."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers) as consumer:
        places = [TopicPartition(topic, partition) for partition in range(partitions)]
        return {place.partition: end for place, end in (await consumer.end_offsets(places)).items()}


async def read(bootstrap_servers: str, topic: str, partition: int, *, since: int = 0) -> list[ConsumerRecord]:
    """The records of a partition from offset `since` to its end now."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False) as consumer:
        place = TopicPartition(topic, partition)
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        consumer.seek(place, since)
        found: list[ConsumerRecord] = []
        while await consumer.position(place) < end:
            for records in (await consumer.getmany(place, timeout_ms=200)).values():
                found += records
        return found
