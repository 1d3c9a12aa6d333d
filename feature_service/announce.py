"""Tells the scorers of a new snapshot: one record on the compacted topic `feature-snapshots`."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from aiokafka.errors import KafkaError

from contracts.events import SnapshotPublished, encode
from contracts.topics import FEATURE_SNAPSHOTS
from feature_service.errors import NotAnnounced
from feature_service.manifest import Manifest
from infra.runtime.announcing import announce_record


def snapshot_published(store_name: str, uri: str, manifest: Manifest) -> SnapshotPublished:
    """The event that says where the snapshot is."""
    return SnapshotPublished(
        store=store_name,
        snapshot_id=manifest.id,
        uri=uri,
        as_of=manifest.as_of,
        published_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        n_applicants=manifest.n_applicants,
        n_features=len(manifest.features),
        manifest_sha256=hashlib.sha256(manifest.encoded()).hexdigest(),
    )


async def announce(
    published: SnapshotPublished, client_options: dict[str, Any], *, topic: str = FEATURE_SNAPSHOTS.name
) -> int:
    """The offset of the acknowledged record; `client_options` go to aiokafka as they are.

    Raises NotAnnounced when the brokers cannot be reached or do not acknowledge; the snapshot is
    in the store all the same, and a second build announces it without building.
    """
    try:
        return await announce_record(
            topic, key=published.store, value=encode(published), client_options=client_options
        )
    except KafkaError as error:
        raise NotAnnounced(
            f"snapshot {published.snapshot_id} is published, but Kafka did not take the news ({error});"
            " build again when the brokers are back: nothing is computed twice"
        ) from error
