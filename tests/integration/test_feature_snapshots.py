"""A published snapshot is announced on Kafka, and its announcement leads back to it."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.events import decode_snapshot_published
from feature_service.announce import announce, snapshot_published
from feature_service.errors import NotAnnounced
from feature_service.snapshot import SnapshotReader
from feature_service.store import SnapshotStore
from infra.kafka.ports import LOOPBACK, free_ports
from tests.conftest import FreshTopic
from tests.snapshots import write_files


def published(root: Path) -> tuple[SnapshotStore, str]:
    store = SnapshotStore(str(root / "store"))
    draft = store.draft(root)
    manifest = write_files(draft, [1, 2])
    store.publish(draft, manifest)
    return store, manifest.id


async def last_record(servers: str, topic: str, offset: int) -> tuple[bytes, bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek(partition, offset)
        record = await asyncio.wait_for(consumer.getone(partition), timeout=20)
        return record.key, record.value
    finally:
        await consumer.stop()


def test_the_announcement_leads_to_the_snapshot(
    kafka_bootstrap: str, fresh_topic: FreshTopic, tmp_path: Path
) -> None:
    store, snapshot_id = published(tmp_path)
    manifest = store.manifest(snapshot_id)
    topic = fresh_topic()
    event = snapshot_published("a-store", store.address(snapshot_id), manifest)
    options = {"bootstrap_servers": kafka_bootstrap}

    async def there_and_back() -> tuple[bytes, bytes]:
        offset = await announce(event, options, topic=topic)
        return await last_record(kafka_bootstrap, topic, offset)

    key, value = asyncio.run(there_and_back())
    heard = decode_snapshot_published(value)
    assert key == b"a-store"
    assert heard == event
    raw = (Path(heard.uri) / "manifest.json").read_bytes()
    assert hashlib.sha256(raw).hexdigest() == heard.manifest_sha256
    with SnapshotReader.open(Path(heard.uri), verify=True) as reader:
        assert (reader.id, reader.manifest.n_applicants) == (heard.snapshot_id, heard.n_applicants)


def test_brokers_that_are_away_are_named_and_the_snapshot_stays(tmp_path: Path) -> None:
    store, snapshot_id = published(tmp_path)
    (port,) = free_ports(1)
    event = snapshot_published("a-store", store.address(snapshot_id), store.manifest(snapshot_id))
    with pytest.raises(NotAnnounced, match="is published"):
        asyncio.run(announce(event, {"bootstrap_servers": f"{LOOPBACK}:{port}"}))
    assert store.ids() == (snapshot_id,)
