"""A gateway's parts, made, connected and stopped in one place; routes reach them as `app.state.parts`."""

from __future__ import annotations

import asyncio
import contextlib
import time

import structlog
from aiokafka.errors import KafkaError
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from contracts.topics import APPLICATIONS, FEATURE_SNAPSHOTS, MODEL_PROMOTIONS, REPLIES
from gateway.access import Access
from gateway.errors import Starting
from gateway.keys_file import follow_keys, read_keys
from gateway.ledger_client import HttpLedger
from gateway.log import KafkaApplicationLog
from gateway.metrics import GatewayMetrics
from gateway.model_in_production import ModelInProduction
from gateway.outcomes import Outcomes
from gateway.pending import PendingReplies
from gateway.published_snapshot import PublishedSnapshot
from gateway.replies import ReplyReader, reply_partition
from gateway.settings import GatewaySettings
from gateway.submissions import KeyLookUp, Submissions
from infra.runtime.compacted import ControlTopic
from infra.runtime.memory import settle
from infra.runtime.stopping import stop_all

log = structlog.get_logger()

_RETRY_S = 1.0
_BROKER_AWAY_S = 2.0
#: So many applications in a row that the log did not take, with a broker that answers, are no accident.
_HOPELESS = 100


class Parts:
    """Everything behind the routes of one gateway process.

    The process serves before it is connected: it is not ready, and answers 503, until it is.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings
        self.metrics = GatewayMetrics()
        self.metrics.in_flight_limit.set(settings.max_in_flight)
        self.pending = PendingReplies(max_in_flight=settings.max_in_flight, recent_max=settings.recent_max)
        self.model = ModelInProduction(settings.model_name, self.metrics)
        self.snapshot = PublishedSnapshot(settings.store_name)
        self.access = Access(settings.default_client_id, now=time.monotonic)
        if settings.keys_file is not None:
            self.access.replace(read_keys(settings.keys_file))
        self.ledger = _ledger(settings)
        self.is_draining = False
        self._log = KafkaApplicationLog(settings.kafka)
        self._replies = ReplyReader(settings.kafka, self.pending, self.metrics)
        self._promotions = ControlTopic(MODEL_PROMOTIONS, settings.kafka)
        self._publications = ControlTopic(FEATURE_SNAPSHOTS, settings.kafka)
        self.outcomes = Outcomes(self._log, self.ledger)
        self._submissions: Submissions | None = None
        self._running: asyncio.Task[None] | None = None
        self._following_keys: asyncio.Task[None] | None = None

    @property
    def submissions(self) -> Submissions:
        """Accepts applications; raises Starting before the gateway is connected."""
        if self._submissions is None:
            raise Starting("the gateway is not connected to the log yet; try again shortly")
        return self._submissions

    @property
    def is_broken(self) -> bool:
        """Whether only a restart mends this gateway.

        Its background work ended by itself, or the log takes nothing although the broker answers.
        """
        if self._running is not None and self._running.done():
            return True
        unacknowledged = 0 if self._submissions is None else self._submissions.unacknowledged_in_a_row
        return unacknowledged >= _HOPELESS and self._replies.is_broker_reached

    def not_ready(self) -> dict[str, str]:
        """What keeps this gateway from being ready, by name; empty when it is ready."""
        wrong: dict[str, str] = {}
        if self.is_draining:
            wrong["drain"] = "stopping"
        if self._submissions is None:
            wrong["replies"] = "no partition assigned yet"
        elif self.is_broken:
            wrong["gateway"] = "its background work ended, or the log takes nothing; the log says why"
        elif not self._replies.is_broker_reached:
            wrong["broker"] = "does not answer"
        return wrong

    def exposition(self) -> tuple[bytes, str]:
        """The metrics as Prometheus reads them, and their content type."""
        self.metrics.in_flight.set(self.pending.in_flight)
        self.metrics.broker_reached.set(int(self._replies.is_broker_reached))
        return generate_latest(self.metrics.registry), CONTENT_TYPE_LATEST

    def start(self) -> None:
        """Connect in the background and go on for as long as it takes."""
        self._running = asyncio.create_task(self._run())
        self._running.add_done_callback(_say_why)
        if self.settings.keys_file is not None:
            self._following_keys = asyncio.create_task(follow_keys(self.settings.keys_file, self.access))

    async def stop(self) -> None:
        """Flush what was given to the log, then disconnect."""
        if self._following_keys is not None:
            self._following_keys.cancel()
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._running
        await self._disconnect()
        if self.ledger is not None:
            await self.ledger.close()

    async def _run(self) -> None:
        while not await self._connected():
            await asyncio.sleep(_RETRY_S)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._replies.read())
            tasks.create_task(self._replies.probe())
            tasks.create_task(self.model.follow(self._promotions))
            tasks.create_task(self.snapshot.follow(self._publications))

    async def _connected(self) -> bool:
        settings = self.settings
        try:
            await self._log.start()
            await self._log.partitions_of(APPLICATIONS.name)  # known before the first application needs it
            partition = reply_partition(
                await self._log.partitions_of(REPLIES.name),
                wanted=settings.reply_partition,
                instance=settings.instance,
            )
            await self._replies.start(partition)
            await self._promotions.start()
            await self._publications.start()
        except (KafkaError, ValueError) as error:
            log.warning("not connected yet; trying again", error=str(error))
            await self._disconnect()
            return False
        self._submissions = Submissions(
            application_log=self._log,
            pending=self.pending,
            reply_partition=partition,
            deadline_s=settings.deadline_ms / 1000,
            metrics=self.metrics,
            keys=KeyLookUp(self.ledger, is_required=settings.ledger_required),
        )
        settle()
        log.info("connected", reply_partition=partition)
        return True

    async def _disconnect(self) -> None:
        clients = (self._log, self._replies, self._promotions, self._publications)
        # With the broker away no flush ends; who sent what was not acknowledged has been told so.
        reached = self._replies.is_broker_reached
        timeout_s = float(self.settings.drain_timeout_s) if reached else _BROKER_AWAY_S
        await stop_all(*clients, timeout_s=timeout_s)


def _ledger(settings: GatewaySettings) -> HttpLedger | None:
    if settings.ledger_url is None:
        return None
    return HttpLedger(
        settings.ledger_url,
        timeout_s=settings.ledger_timeout_ms / 1000,
        max_lag_s=settings.ledger_max_lag_s,
    )


def _say_why(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the gateway's background work ended", error=repr(error))
