"""What the commands about models have in common: options, the occasion, errors as messages."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scorestream.commands.cluster_options import bootstrap_servers

if TYPE_CHECKING:
    from contracts.events import ModelPromoted
    from training.registry import Occasion, Publish

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
notify = click.option(
    "--notify",
    is_flag=True,
    help="Also send repository_dispatch to PROMOTE_NOTIFY_REPOSITORY on GitHub;"
    " the token is in PROMOTE_NOTIFY_TOKEN_FILE or PROMOTE_NOTIFY_TOKEN.",
)

_wait = click.option(
    "--wait",
    "wait_s",
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait until every running scorer decides with the version; 0 does not ask them.",
)
_scorers = click.option(
    "--scorer",
    "scorer_urls",
    multiple=True,
    envvar="SCORER_URLS",
    show_envvar=True,
    metavar="URL",
    help="Address of scorers on other machines; a name that stands for many means each of them."
    " Those of this machine are found by themselves.",
)
_run_dir = click.option(
    "--run-dir",
    type=click.Path(path_type=Path),
    default=Path(".run/workers"),
    envvar="SCORER_RUN_DIR",
    show_default=True,
    help="Where scorers of this machine announce themselves.",
)


def telling(command: Command) -> Command:
    """The options of `publisher` and `follow_up`."""
    for option in (_run_dir, _scorers, _wait, notify, bootstrap_servers):
        command = option(command)
    return command


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


def publisher(bootstrap_servers: str) -> Publish:
    """What tells the scorers of a promotion."""
    from infra.runtime.kafka import KafkaConnection  # noqa: PLC0415
    from training.promotions import publish  # noqa: PLC0415

    connection = KafkaConnection(bootstrap_servers=bootstrap_servers)

    def tell(promoted: ModelPromoted) -> None:
        asyncio.run(publish(promoted, connection.client_options()))

    return tell


def follow_up(promoted: ModelPromoted, *, notify: bool, **waiting: Any) -> None:
    """Say what was promoted, to the delivery pipeline, too, if asked to, and wait for the scorers.

    Raises click.ClickException when one of them decides with another version in the end: the promotion
    stands, but somebody has to look.
    """
    from training.notify import NotifySettings  # noqa: PLC0415
    from training.notify import notify as notify_pipeline  # noqa: PLC0415

    click.echo(f"bundle {promoted.digest[:12]} at {promoted.bundle_uri}")
    click.echo(f"{promoted.name} version {promoted.version} is Production.")
    if notify:
        settings = NotifySettings()
        notify_pipeline(promoted, settings)
        click.echo(f"{settings.repository} was told.")
    if waiting["wait_s"] > 0:
        _wait_for_scorers(promoted, **waiting)


def _wait_for_scorers(
    promoted: ModelPromoted, *, wait_s: float, scorer_urls: tuple[str, ...], run_dir: Path
) -> None:
    from scorestream.switching import Whereabouts, wait_until_switched  # noqa: PLC0415

    switched = asyncio.run(wait_until_switched(promoted, Whereabouts(run_dir, scorer_urls), timeout_s=wait_s))
    if not switched.workers:
        click.echo("No running scorer was found; each that starts takes this version.")
        return
    for worker in switched.workers:
        is_behind = worker in switched.behind
        version = "no version" if worker.version is None else f"version {worker.version}"
        click.echo(f"  {'✗' if is_behind else '✓'} {worker.name} at {worker.url}: {version}")
    if switched.behind:
        raise click.ClickException(
            f"{len(switched.behind)} of {len(switched.workers)} scorers do not decide with version"
            f" {promoted.version} after {wait_s:g} s. The promotion stands: a scorer that could not fetch the"
            " bundle goes on trying, one that refused it keeps its model; its log and"
            " scorestream_scorer_bundles_refused_total say which. To go back: scorestream rollback"
        )
    click.echo(
        f"All {len(switched.workers)} scorers decide with version {promoted.version}"
        f" ({switched.took_s:.1f} s)."
    )
