"""What the commands about models have in common: options, the occasion, errors as messages."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from contracts.events import ModelPromoted
    from training.registry import Occasion

Command = Callable[..., Any]

tracking_uri = click.option(
    "--tracking-uri",
    envvar="MLFLOW_TRACKING_URI",
    default="http://127.0.0.1:5000",
    show_default=True,
    show_envvar=True,
    help="Address of the MLflow server that holds the models.",
)
model_name = click.option(
    "--model-name",
    envvar="MODEL_NAME",
    default="credit-risk",
    show_default=True,
    show_envvar=True,
    help="Name of the registered model.",
)
bootstrap_servers = click.option(
    "--bootstrap-servers",
    envvar="KAFKA_BOOTSTRAP_SERVERS",
    default="127.0.0.1:9092",
    show_default=True,
    show_envvar=True,
    help="Addresses of the brokers; further KAFKA_… variables say how to log in.",
)
notify = click.option(
    "--notify",
    is_flag=True,
    help="Also send repository_dispatch to PROMOTE_NOTIFY_REPOSITORY on GitHub;"
    " the token is in PROMOTE_NOTIFY_TOKEN_FILE or PROMOTE_NOTIFY_TOKEN.",
)


@contextmanager
def errors_as_messages() -> Iterator[None]:
    """A training error as one line on standard error and exit status 1."""
    from training.errors import TrainingError  # noqa: PLC0415

    try:
        yield
    except TrainingError as error:
        raise click.ClickException(str(error)) from error


def occasion_now() -> Occasion:
    """This moment and this user."""
    from training.registry import Occasion  # noqa: PLC0415

    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Occasion(at=moment, by=getpass.getuser())


def announce(promoted: ModelPromoted, *, servers: str, is_notifying: bool = False) -> None:
    """Publish the promotion, tell the delivery pipeline if asked to, and say what will happen."""
    from infra.runtime.kafka import KafkaConnection  # noqa: PLC0415
    from training.notify import NotifySettings  # noqa: PLC0415
    from training.notify import notify as notify_pipeline  # noqa: PLC0415
    from training.promotions import publish  # noqa: PLC0415

    connection = KafkaConnection(bootstrap_servers=servers)
    asyncio.run(publish(promoted, connection.client_options()))
    click.echo(f"{promoted.name} version {promoted.version} is Production; scorers switch within seconds.")
    click.echo(f"bundle {promoted.digest[:12]} at {promoted.bundle_uri}")
    if is_notifying:
        settings = NotifySettings()
        notify_pipeline(promoted, settings)
        click.echo(f"{settings.repository} was told.")
