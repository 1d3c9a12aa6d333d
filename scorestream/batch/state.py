"""What a batch remembers beside its output, so that it can be run again: where on the log it began."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from contracts.topics import APPLICATIONS_BATCH, APPLICATIONS_DLQ, PREDICTIONS_BATCH, Topic

#: The topics whose offsets tell what of a batch was sent and what is decided.
WATCHED: Final[tuple[Topic, ...]] = (APPLICATIONS_BATCH, PREDICTIONS_BATCH, APPLICATIONS_DLQ)

Offsets = dict[int, int]


class OtherBatch(Exception):
    """The output was begun for another file."""


class BatchState(msgspec.Struct, frozen=True):
    """A batch of `rows` applications; `starts` are the watched topics' end offsets before it began.

    The id is new for every batch that is begun, so the same file can be scored again another day;
    going on with one that was stopped keeps the id, so nothing of it is scored twice.
    """

    batch_id: str
    file_sha256: str
    rows: int
    starts: dict[str, Offsets]


@dataclass(frozen=True, slots=True)
class BatchPaths:
    """The output and what lies beside it until it is complete."""

    out: Path

    @property
    def state(self) -> Path:
        """The state file."""
        return self.out.with_name(f"{self.out.name}.batch.json")

    @property
    def draft(self) -> Path:
        """The output while it is written."""
        return self.out.with_name(f"{self.out.name}.draft")


def load(paths: BatchPaths, file_sha256: str) -> BatchState | None:
    """The state of the batch that was begun for the output, or None; OtherBatch if it is another file's."""
    try:
        state = msgspec.json.decode(paths.state.read_bytes(), type=BatchState)
    except FileNotFoundError:
        return None
    if state.file_sha256 != file_sha256:
        raise OtherBatch(
            f"{paths.out} was begun for another file or another content of it; choose another --out, "
            f"or remove {paths.state} to start anew"
        )
    return state


def save(paths: BatchPaths, state: BatchState) -> None:
    """Write the state; whole or not at all."""
    draft = paths.state.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(state))
    draft.replace(paths.state)
