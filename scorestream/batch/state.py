"""What a batch remembers beside its output, so that it can be run again: where on the log it began."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from contracts.identity import NAMESPACE
from contracts.topics import APPLICATIONS_BATCH, APPLICATIONS_DLQ, PREDICTIONS_BATCH, Topic

#: The topics whose offsets tell what of a batch was sent and what is decided.
WATCHED: Final[tuple[Topic, ...]] = (APPLICATIONS_BATCH, PREDICTIONS_BATCH, APPLICATIONS_DLQ)

Offsets = dict[int, int]


class OtherBatch(Exception):
    """The output was begun for another file."""


class BatchState(msgspec.Struct, frozen=True):
    """A batch of `rows` applications; `starts` are the watched topics' end offsets before it began."""

    batch_id: str
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


def batch_id_of(file_digest: str, out: Path) -> str:
    """The id of the batch: the same file to the same output is the same batch."""
    return str(uuid.uuid5(NAMESPACE, f"batch\x1f{file_digest}\x1f{out.resolve()}"))


def load(paths: BatchPaths, batch_id: str) -> BatchState | None:
    """The state of the batch when it was begun before, else None; OtherBatch if the output is another's."""
    try:
        state = msgspec.json.decode(paths.state.read_bytes(), type=BatchState)
    except FileNotFoundError:
        return None
    if state.batch_id != batch_id:
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
