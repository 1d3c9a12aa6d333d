"""One writer and one compaction at a time per store, on one machine.

Across machines the deployment keeps to one replica; two writers would store some records twice, which the
names tell and `files.pieces` resolves.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.archive.errors import AlreadyRunning
from training.archive.store import ArchiveStore


@contextmanager
def only_one(store: ArchiveStore, role: str) -> Iterator[None]:
    """Be the only `role` of a local store while the block lasts; the kernel gives it up when we die."""
    if not store.is_local:
        yield
        return
    path = Path(store.root) / f".{role}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunning(f"another {role} works on {store.uri}; one is enough") from error
        yield
