"""What the commands about a cluster's set-up have in common: options, and errors as messages."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import click

from infra.kafka.errors import KafkaSetupError
from infra.runtime.complaints import keep_complaints

T = TypeVar("T")

bootstrap_servers = click.option(
    "--bootstrap-servers",
    envvar="KAFKA_BOOTSTRAP_SERVERS",
    default="127.0.0.1:9092",
    show_default=True,
    show_envvar=True,
    help="Addresses of the brokers; further KAFKA_… variables say how to log in (docs/access.md).",
)
timeout = click.option(
    "--timeout", "timeout_s", default=15.0, show_default=True, help="Seconds to wait for the cluster."
)


def administered(work: Coroutine[Any, Any, T]) -> T:
    """The result of work on a cluster; what goes wrong is one message and exit status 1."""
    keep_complaints()
    try:
        return asyncio.run(work)
    except KafkaSetupError as error:
        raise click.ClickException(str(error)) from error
