"""`scorestream scorer`."""

from __future__ import annotations

import sys
from typing import Any

import click

from contracts.lanes import Lane

#: The batch lane's worker stands beside the sync lane's on one machine.
_BATCH_PORT = 8003


@click.command()
@click.option(
    "--lane", type=click.Choice([lane.value for lane in Lane]), default=Lane.SYNC.value, show_default=True
)
@click.option(
    "--port", type=int, help="Port of /healthz, /readyz, /metrics: 8002, batch 8003; 0: any free one."
)
def scorer(lane: str, port: int | None) -> None:
    """Run a scorer of one lane until SIGTERM.

    A further worker of a lane takes a share of its partitions; give it --port 0. Every setting is a
    SCORER_… variable, the connection to Kafka KAFKA_…, the registry MLFLOW_TRACKING_URI.
    """
    from scorer.lean import keep_out_the_unneeded  # noqa: PLC0415

    keep_out_the_unneeded()
    from scorer.__main__ import run  # noqa: PLC0415 - only this command needs Faust
    from scorer.settings import ScorerSettings  # noqa: PLC0415

    given: dict[str, Any] = {"lane": Lane(lane)}
    if port is not None:
        given["port"] = port
    elif lane == Lane.BATCH.value:
        given["port"] = _BATCH_PORT
    sys.exit(run(ScorerSettings(**given)))
