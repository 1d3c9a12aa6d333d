"""Start the lag exporter: `scorestream lag`, or `python -m infra.kafka.lag`.

settings → logs → metrics → health server → look at Kafka now and then; SIGTERM: disconnect → end.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from infra.kafka.lag.looking import kafka_looking
from infra.kafka.lag.metrics import LagMetrics
from infra.kafka.lag.settings import LagSettings
from infra.runtime.health_server import HealthServer
from infra.runtime.logs import configure_logs
from infra.runtime.presence import announced

log = structlog.get_logger()

_PATIENCE_S: Final = 10.0
#: So long without the end of a look, good or bad, and only a restart can help.
_STUCK_AFTER_S: Final = 120.0


class LagExporter:
    """Looks at Kafka for as long as it runs; a broker that is away is waited for."""

    def __init__(self, settings: LagSettings) -> None:
        self.settings = settings
        self.metrics = LagMetrics()
        self._wrong = "Kafka was not asked yet"
        self._looked_at = time.monotonic()
        self.health = HealthServer(
            self.metrics.registry,
            alive=self._not_alive,
            ready=lambda: {"broker": self._wrong} if self._wrong else {},
        )

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self._look()
            except (KafkaError, TimeoutError, OSError) as error:
                self._say(f"does not answer: {type(error).__name__}")
            await asyncio.sleep(self.settings.poll_every_s)

    async def _look(self) -> None:
        async with kafka_looking(self.settings.kafka, self.settings.groups()) as looking:
            while True:
                self.metrics.state = await asyncio.wait_for(looking.state(), _PATIENCE_S)
                self._say("")
                await asyncio.sleep(self.settings.poll_every_s)

    def _say(self, wrong: str) -> None:
        if wrong:
            self.metrics.state = None
        if wrong != self._wrong:
            log.info("asked Kafka", wrong=wrong or None)
        self._wrong = wrong
        self._looked_at = time.monotonic()

    def _not_alive(self) -> dict[str, str]:
        seconds = time.monotonic() - self._looked_at
        return {"looking": f"no look has ended for {seconds:.0f} s"} if seconds > _STUCK_AFTER_S else {}


async def serve(settings: LagSettings) -> int:
    """Export until SIGTERM or SIGINT; the process's exit status."""
    exporter = LagExporter(settings)
    try:
        port = exporter.health.start(settings.host, settings.port)
    except OSError as error:
        log.error("the lag exporter can't start", error=str(error), mend="set LAG_PORT to a free port")
        return 1
    running = asyncio.create_task(exporter.run())
    for sig in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sig, running.cancel)
    with announced(settings.run_dir, "lag", f"http://127.0.0.1:{port}"):
        await asyncio.wait([running])
    exporter.health.stop()
    if running.cancelled():
        return 0
    log.error("the lag exporter ends", error=repr(running.exception()))
    return 1


def run(settings: LagSettings) -> int:
    """Export until SIGTERM or SIGINT; the process's exit status."""
    configure_logs("lag", level=settings.log_level, log_format=settings.log_format)
    return asyncio.run(serve(settings))


if __name__ == "__main__":
    sys.exit(run(LagSettings()))
