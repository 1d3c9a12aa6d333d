"""What came back of a batch, in memory that depends on the number of rows only, and its Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.events import DecisionDocument
from contracts.identity import application_id_for_row

PENDING: Final = 0
DECIDED: Final = 1
DEAD: Final = 2
_ROWS_AT_ONCE: Final = 100_000


class _Scored(msgspec.Struct):
    """The part of ApplicationScored that a batch's caller wants; the rest is skipped over."""

    decision: DecisionDocument


_decoder = msgspec.json.Decoder(_Scored)


class BatchResults:
    """One entry a row of the file. The first record of a row is its decision; later ones change nothing."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.status = np.zeros(rows, dtype=np.uint8)
        self._probability = np.full(rows, np.nan)
        self._score = np.zeros(rows, dtype=np.int32)
        self._applicant = np.zeros(rows, dtype=np.int64)
        # What recurs is kept once: a million rows have a handful of decisions, versions and reason lists,
        # and a moment for each micro-batch.
        self._words: list[tuple[str, ...]] = [()]
        self._word_numbers: dict[tuple[str, ...], int] = {(): 0}
        self._decision = np.zeros(rows, dtype=np.int32)
        self._reasons = np.zeros(rows, dtype=np.int32)
        self._dead_reason = np.zeros(rows, dtype=np.int32)
        self._decided_at = np.zeros(rows, dtype=np.int32)

    @property
    def done(self) -> int:
        """Rows that are decided or dead."""
        return int(np.count_nonzero(self.status))

    @property
    def dead(self) -> int:
        """Rows that were put aside."""
        return int(np.count_nonzero(self.status == DEAD))

    def decided(self, row: int, prediction: bytes) -> None:
        """Take in a record of the prediction stream."""
        if self.status[row] == DECIDED:
            return
        decision = _decoder.decode(prediction).decision
        self.status[row] = DECIDED
        self._probability[row] = decision.probability_of_default
        self._score[row] = decision.score
        self._applicant[row] = decision.applicant_id
        self._decision[row] = self._word((decision.decision, decision.model.name, decision.model.version))
        self._reasons[row] = self._word(tuple(reason.code for reason in decision.reasons))
        self._decided_at[row] = self._word((decision.decided_at,))

    def put_aside(self, row: int, reason: str) -> None:
        """Take in a dead letter; a decision that comes later replaces it."""
        if self.status[row] == PENDING:
            self.status[row] = DEAD
            self._dead_reason[row] = self._word((reason,))

    def write(self, path: Path, batch_id: str) -> None:
        """All rows in the file's order, as Parquet."""
        with pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
            for start in range(0, self.rows, _ROWS_AT_ONCE):
                writer.write_table(self._table(batch_id, start, min(self.rows, start + _ROWS_AT_ONCE)))

    def _table(self, batch_id: str, start: int, stop: int) -> pa.Table:
        chosen = slice(start, stop)
        is_decided = self.status[chosen] == DECIDED
        decisions = [self._words[number] or (None, None, None) for number in self._decision[chosen]]
        dead = [self._words[number] or (None,) for number in self._dead_reason[chosen]]
        columns = {
            "row": pa.array(np.arange(start, stop, dtype=np.int64)),
            "application_id": pa.array([application_id_for_row(batch_id, row) for row in range(start, stop)]),
            "applicant_id": pa.array(self._applicant[chosen], mask=~is_decided),
            "status": pa.array([_STATUS[status] for status in self.status[chosen]]),
            "decision": pa.array([one[0] for one in decisions], pa.string()),
            "probability_of_default": pa.array(self._probability[chosen], mask=~is_decided),
            "score": pa.array(self._score[chosen], mask=~is_decided),
            "reasons": pa.array(
                [list(self._words[n]) for n in self._reasons[chosen]], _SCHEMA.field("reasons").type
            ),
            "model_name": pa.array([one[1] for one in decisions], pa.string()),
            "model_version": pa.array([one[2] for one in decisions], pa.string()),
            "decided_at": pa.array(
                [(self._words[n] or (None,))[0] for n in self._decided_at[chosen]], pa.string()
            ),
            "dead_letter_reason": pa.array([one[0] for one in dead], pa.string()),
        }
        return pa.table(columns, schema=_SCHEMA)

    def _word(self, word: tuple[str, ...]) -> int:
        number = self._word_numbers.get(word)
        if number is None:
            number = self._word_numbers[word] = len(self._words)
            self._words.append(word)
        return number


_STATUS: Final = ("pending", "decided", "dead")
_SCHEMA: Final = pa.schema(
    [
        ("row", pa.int64()),
        ("application_id", pa.string()),
        ("applicant_id", pa.int64()),
        ("status", pa.string()),
        ("decision", pa.string()),
        ("probability_of_default", pa.float64()),
        ("score", pa.int32()),
        ("reasons", pa.list_(pa.string())),
        ("model_name", pa.string()),
        ("model_version", pa.string()),
        ("decided_at", pa.string()),
        ("dead_letter_reason", pa.string()),
    ]
)
