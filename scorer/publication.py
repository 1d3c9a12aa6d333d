"""Publishing predictions, and finding out whether they are the decisions of record: the single-writer check.

The first prediction of an application in its partition decides. An owner knows where its next record must
land; when it lands elsewhere, another owner wrote in between (a zombie, or the successor of one), and what
it wrote is read before anything is answered or committed. Where both decided an application, the first
record wins, and is what the reply carries.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import structlog

from scorer.decision_index import DecisionIndex, LoggedPrediction
from scorer.errors import LogTruncated
from scorer.intake import Accepted, Identity
from scorer.log import RecordLog
from scorer.prediction_stream import PredictionStream
from scorer.records import OutputRecord

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Decided:
    """A new decision on its way: the application, its document, and its record of the prediction stream."""

    accepted: Accepted
    document: bytes
    record: OutputRecord


class Publication:
    """Writes a lane's predictions and keeps the indexes of its partitions in step with the log."""

    def __init__(self, topic: str, *, log: RecordLog, stream: PredictionStream) -> None:
        self._topic = topic
        self._log = log
        self._stream = stream
        #: Times that another owner's records were found among ours.
        self.overtaken = 0

    async def publish(
        self, decided: Sequence[Decided], indexes: Mapping[int, DecisionIndex]
    ) -> dict[Identity, bytes]:
        """The document of record of each application, once all predictions are acknowledged.

        Raises what the log raises, and LogTruncated when acknowledged records have vanished.
        """
        by_partition: dict[int, list[Decided]] = defaultdict(list)
        for one in decided:
            by_partition[one.accepted.record.partition].append(one)
        documents = {one.accepted.identity: one.document for one in decided}
        found = await asyncio.gather(
            *(
                self._publish(partition, batch, indexes[partition])
                for partition, batch in by_partition.items()
            )
        )
        for others in found:
            documents.update(others)
        return documents

    async def recorded(self, partition: int, offsets: Collection[int]) -> dict[int, bytes]:
        """The decision documents that are recorded at `offsets`; what retention took is left out."""
        return await self._stream.decisions_at(partition, offsets)

    async def _publish(
        self, partition: int, batch: Sequence[Decided], index: DecisionIndex
    ) -> dict[Identity, bytes]:
        """What others decided first; the index knows all of the partition afterwards."""
        offsets = await self._log.append(self._topic, partition, [one.record for one in batch])
        expected = list(range(index.next_offset, index.next_offset + len(batch)))
        if offsets == expected:
            index.record(_logged(batch, offsets))
            return {}
        return await self._reconcile(partition, batch, index, offsets)

    async def _reconcile(
        self, partition: int, batch: Sequence[Decided], index: DecisionIndex, offsets: Sequence[int]
    ) -> dict[Identity, bytes]:
        if any(0 <= offset < index.next_offset for offset in offsets):
            raise LogTruncated(
                f"{self._topic}[{partition}] gave offset {min(offsets)}, "
                f"but had {index.next_offset} records before"
            )
        self.overtaken += 1
        stop = max(offsets) + 1 if min(offsets) >= 0 else (await self._stream.bounds(partition))[1]
        log.warning(
            "another owner wrote to the partition", partition=partition, records=stop - index.next_offset
        )
        index.record(await self._stream.read(partition, index.next_offset, stop))
        index.next_offset = max(index.next_offset, stop)
        firsts: dict[Identity, int] = {}
        for one, offset in zip(batch, offsets, strict=True):
            known = index.find(one.accepted.application_id)
            if known is not None and known.offset is not None and known.offset != offset:
                firsts[one.accepted.identity] = known.offset
        recorded = await self._stream.decisions_at(partition, firsts.values())
        return {identity: recorded[offset] for identity, offset in firsts.items()}


def _logged(batch: Sequence[Decided], offsets: Sequence[int]) -> list[LoggedPrediction]:
    return [
        LoggedPrediction(
            offset=offset,
            timestamp_ms=one.accepted.record.timestamp_ms,
            application_id=one.accepted.application_id,
            request_hash=one.accepted.request_hash,
            source_offset=one.accepted.record.offset,
        )
        for one, offset in zip(batch, offsets, strict=True)
    ]
