"""`scorestream lag`."""

from __future__ import annotations

import sys
from typing import Any

import click


@click.command()
@click.option("--host", help="Address of /metrics, /healthz, /readyz (LAG_HOST, default 127.0.0.1).")
@click.option("--port", type=int, help="Its port (LAG_PORT, default 8006; 0: any free one).")
def lag(**options: Any) -> None:
    """Run the lag exporter until SIGTERM: what Kafka itself says is waiting.

    \b
    It asks Kafka every few seconds and serves to Prometheus, on /metrics:
      scorestream_lag_records{group,topic,partition}   records a consumer group is behind
      scorestream_lag_oldest_undecided_seconds{lane}   age of the oldest application without a decision
      scorestream_log_records_total{topic,partition}   records ever written: applications, dead letters, …
    All of them with meaning: docs/metrics.md.

    It shares nothing with the scorers, so it goes on when they are dead. The lag of an autoscaler (KEDA)
    is the sum of scorestream_lag_records over a lane's group.

    Settings: LAG_POLL_EVERY_S (5), LAG_OTHER_GROUPS (further groups, by commas); the connection to
    Kafka is KAFKA_…; see infra/kafka/lag/settings.py.
    """
    from infra.kafka.lag.__main__ import run  # noqa: PLC0415 - settings read the environment when it runs
    from infra.kafka.lag.settings import LagSettings  # noqa: PLC0415

    sys.exit(run(LagSettings(**{name: value for name, value in options.items() if value is not None})))
