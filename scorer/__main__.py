"""Start a scorer: `scorestream scorer --lane sync`, or `python -m scorer`.

The one place where its parts are made, started and drained:
settings → logs → metrics → snapshot, model → clients → lane; SIGTERM: finish the micro-batch → commit.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import structlog
from aiokafka.errors import KafkaError

from contracts.lanes import Lane
from contracts.topics import APPLICATIONS_DLQ, FEATURE_SNAPSHOTS, MODEL_PROMOTIONS
from infra.runtime import loop
from infra.runtime.compacted import ControlTopic
from infra.runtime.logs import configure_logs
from infra.runtime.memory import settle
from infra.runtime.presence import announced
from infra.runtime.priority import step_back
from infra.runtime.stopping import Stoppable, stop_all
from scorer import faust_seam
from scorer.app import LaneStream
from scorer.committed import KafkaCommittedOffsets
from scorer.decide import decide
from scorer.errors import TopicsUnfit
from scorer.health import HealthServer
from scorer.lane_worker import LaneWorker, Outlets, Rules
from scorer.liveness import Liveness
from scorer.log import KafkaRecordLog
from scorer.metrics import ScorerMetrics
from scorer.model_cache import ModelCache
from scorer.model_holder import ModelHolder
from scorer.ownership import Care, Ownership
from scorer.pair import Pair
from scorer.prediction_stream import KafkaPredictionStream
from scorer.publication import Publication
from scorer.replies import KafkaReplies
from scorer.settings import ScorerSettings
from scorer.snapshot_cache import SnapshotCache
from scorer.snapshot_holder import SnapshotHolder
from scorer.takeover import Reach

log = structlog.get_logger()

_RETRY_S = 1.0
_LAST_BATCH_S = 5.0
_LAST_REPLIES_S = 2.0
_LAST_FLUSH_S = 5.0
#: The same when the broker did not take the last batch: there is nothing to wait for.
_ABANDONED_S = 0.5


class _Client(Stoppable, Protocol):
    async def start(self) -> None: ...


class Scorer:
    """A scorer process's parts, wired."""

    def __init__(self, settings: ScorerSettings) -> None:
        self.settings = settings
        self.metrics = ScorerMetrics(settings.lane.value)
        self.promotions = ControlTopic(MODEL_PROMOTIONS, settings.kafka)
        self.publications = ControlTopic(FEATURE_SNAPSHOTS, settings.kafka)
        self.pair = Pair(settings.lane.value, self.metrics)
        self.models, self.snapshots = self._holders()
        self.durable_log = KafkaRecordLog(settings.kafka, durable=True)
        self.reply_log = KafkaRecordLog(settings.kafka, durable=False)
        self.replies = KafkaReplies(self.reply_log, self.metrics)
        self.predictions = KafkaPredictionStream(settings.kafka, settings.lane.predictions.name)
        self.offsets = KafkaCommittedOffsets(
            settings.kafka, group=settings.lane.consumer_group, topic=settings.lane.applications.name
        )
        self.worker = self._worker()
        self.stream = self._stream()
        self.liveness = Liveness(settings.stuck_after_s)
        #: The drain had to give up; Faust's consumer thread goes on waiting for the broker.
        self.is_abandoned = False
        self.health = HealthServer(
            self.metrics.registry, alive=self._not_alive, ready=self._not_ready, status=self._status
        )

    def _holders(self) -> tuple[ModelHolder, SnapshotHolder]:
        settings, lane = self.settings, self.settings.lane.value
        models = ModelCache(
            settings.cache_dir,
            registry_uri=settings.mlflow_tracking_uri,
            fetch_timeout_s=settings.bundle_fetch_timeout_s,
        )
        snapshots = SnapshotCache(settings.cache_dir, fetch_timeout_s=settings.snapshot_fetch_timeout_s)
        return (
            ModelHolder(settings.model_name, lane=lane, cache=models, pair=self.pair, metrics=self.metrics),
            SnapshotHolder(
                settings.store_name, lane=lane, cache=snapshots, pair=self.pair, metrics=self.metrics
            ),
        )

    def _worker(self) -> LaneWorker:
        settings = self.settings
        return LaneWorker(
            Rules(settings.lane, settings.instance, settings.reply_topics, settings.max_value_bytes),
            model=self.pair.current,
            outlets=Outlets(
                Publication(settings.lane.predictions.name, log=self.durable_log, stream=self.predictions),
                self.durable_log,
                self.replies,
            ),
            metrics=self.metrics,
            decide=partial(decide, language=settings.language),
        )

    def _stream(self) -> LaneStream:
        settings = self.settings
        app = faust_seam.make_app(
            settings.lane.consumer_group, settings.kafka, session_timeout_s=settings.session_timeout_s
        )
        ownership = Ownership(
            self.worker,
            stream=self.predictions,
            offsets=self.offsets,
            commit=partial(faust_seam.commit, app, settings.lane.applications.name),
            care=Care(Reach(settings.index_seconds, settings.index_records), settings.most_in_batch),
        )
        return LaneStream(app, settings, ownership=ownership, metrics=self.metrics)

    @property
    def _clients(self) -> tuple[_Client, ...]:
        return (
            self.reply_log,
            self.durable_log,
            self.predictions,
            self.offsets,
            self.promotions,
            self.publications,
        )

    async def run(self) -> None:
        """Work until cancelled or broken."""
        settings = self.settings
        port = await self.health.start(settings.host, settings.port)
        with announced(settings.run_dir, f"scorer-{settings.lane.value}", f"http://127.0.0.1:{port}"):
            await self._work()

    async def _work(self) -> None:
        try:
            for client in self._clients:
                await _started(client.start)
            await self._require_partitions()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch())
                tasks.create_task(self.snapshots.follow(self.publications))
                # A model that uses the history is refused without a snapshot.
                await self.snapshots.is_settled.wait()
                tasks.create_task(self.models.follow(self.promotions))
                await self.pair.wait_for_first()
                settle()
                tasks.create_task(self.stream.run())
        finally:
            await self._drain()

    async def _require_partitions(self) -> None:
        """Predictions and dead letters go to their input's partition number: it has to be there."""
        lane = self.settings.lane
        needed = await self.durable_log.partition_count(lane.applications.name)
        for topic in (lane.predictions, APPLICATIONS_DLQ):
            if await self.durable_log.partition_count(topic.name) < needed or needed == 0:
                raise TopicsUnfit(
                    f"{topic.name} needs at least the {needed} partitions of {lane.applications.name}; "
                    "mend it: scorestream topics ensure"
                )

    async def _drain(self) -> None:
        log.info("draining")
        # With the broker away neither the batch at work nor the commit ends: the next owner repeats them.
        try:
            await asyncio.wait_for(self.stream.drain(), _LAST_BATCH_S)
        except TimeoutError:
            self.is_abandoned = True
        except Exception:
            log.exception("the lane did not drain; the next owner goes on from its last commit")
        await self.replies.finish(_ABANDONED_S if self.is_abandoned else _LAST_REPLIES_S)
        await stop_all(*self._clients, timeout_s=_ABANDONED_S if self.is_abandoned else _LAST_FLUSH_S)
        await stop_all(self.health, timeout_s=_LAST_FLUSH_S)

    async def _watch(self) -> None:
        while True:
            lags = self.stream.lag()
            positions = {p: self.worker.progress.next_offset(p) for p in lags}
            self.liveness.observe(time.monotonic(), lags, positions)
            await asyncio.sleep(1)

    def _not_alive(self) -> dict[str, object]:
        stuck = self.liveness.stuck(time.monotonic())
        return {f"partition {p}": f"stands still for {s:.0f} s with lag" for p, s in stuck.items()}

    def _not_ready(self) -> dict[str, object]:
        if not self.pair.has_model:
            return {"model": f"{self.settings.model_name}: {self.pair.why_not}"}
        return {} if self.stream.is_open else {"partitions": "none assigned yet"}

    def _status(self) -> dict[str, object]:
        model = self.pair.current().version if self.pair.has_model else None
        snapshot = self.pair.snapshot
        return {
            "lane": self.settings.lane.value,
            "instance": self.settings.instance,
            "model": None if model is None else {"name": model.name, "version": model.version},
            "snapshot": None if snapshot is None else {"id": snapshot.id, "as_of": snapshot.as_of},
            "waiting_snapshot": None if self.pair.waiting_snapshot is None else self.pair.waiting_snapshot.id,
            "lag": sum(self.stream.lag().values()),
            "last_decision_at": self.worker.last_decision_at,
        }


async def _started(start: Callable[[], Awaitable[None]]) -> None:
    """Start a client; a broker that is away is waited for, and said."""
    while True:
        try:
            return await start()
        except KafkaError as error:
            log.warning("the broker can't be reached; trying again", error=str(error))
            await asyncio.sleep(_RETRY_S)


async def serve(settings: ScorerSettings) -> int:
    """Run a scorer until SIGTERM or SIGINT; the process's exit status."""
    scorer = Scorer(settings)
    status = await _served(scorer)
    if scorer.is_abandoned:
        # That thread is no daemon: Python would wait for it, and it for a broker that may never come.
        log.warning("leaving at once; what was not committed is read again by the next owner")
        logging.shutdown()
        os._exit(status)
    return status


async def _served(scorer: Scorer) -> int:
    loop = asyncio.get_running_loop()
    running = loop.create_task(scorer.run())
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        return 0
    except BaseExceptionGroup as group:
        log.error("the scorer ends", errors=[repr(error) for error in group.exceptions])
        return 1
    except TopicsUnfit as error:
        log.error("the scorer can't start", error=str(error))
        return 1
    except OSError as error:
        log.error("the scorer can't start", error=str(error), mend="set SCORER_PORT to a free port")
        return 1
    return 0


def run(settings: ScorerSettings) -> int:
    """Work until SIGTERM or SIGINT; the process's exit status."""
    configure_logs(f"scorer-{settings.lane.value}", level=settings.log_level, log_format=settings.log_format)
    if settings.lane is Lane.BATCH:
        step_back(settings.batch_lane_niceness)
    return loop.run(serve(settings))


if __name__ == "__main__":
    sys.exit(run(ScorerSettings()))
