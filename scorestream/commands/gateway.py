"""`scorestream gateway`."""

from __future__ import annotations

import sys
from typing import Any

import click


@click.command()
@click.option("--host", help="Address to listen on (GATEWAY_HOST, default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (GATEWAY_PORT, default 8000).")
def gateway(**options: Any) -> None:
    """Run a gateway until SIGTERM.

    Every setting is a GATEWAY_… variable, the connection to Kafka KAFKA_…; see gateway/settings.py.
    """
    from gateway.__main__ import run  # noqa: PLC0415 - only this command needs FastAPI
    from gateway.settings import GatewaySettings  # noqa: PLC0415

    given = {name: value for name, value in options.items() if value is not None}
    sys.exit(run(GatewaySettings(**given)))
