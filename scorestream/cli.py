"""The command line. Each command is a module of `scorestream.commands`, loaded when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import click
import pydantic

#: Command → module and what it does, in the order of `scorestream --help`.
_COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "status": ("status", "One screen: broker, topics, lag, workers, model, what is down."),
    "score": ("score", "Send applications over HTTP and print their decisions."),
    "score-batch": ("score_batch", "Score a file of applications through the batch lane."),
    "gateway": ("gateway", "Run a gateway: applications over HTTP."),
    "scorer": ("scorer", "Run a scorer: decide a lane's applications."),
    "ledger": ("ledger", "Run the ledger: every application and its decision, by id."),
    "archive": ("archive", "Run the archive: predictions and outcomes as Parquet."),
    "lag": ("lag", "Run the lag exporter: what waits in Kafka, for Prometheus."),
    "simulate": ("simulate", "Send applicants of a sample, shifted if asked, and their outcomes."),
    "topics": ("topics", "Create the topics on a cluster, or compare them."),
    "acls": ("acls", "Who may do what on a cluster: show the table, apply it."),
    "dlq": ("dlq", "Dead letters: list, show, put back."),
    "keys": ("keys", "API keys of the gateway: make, list, revoke."),
    "sample-data": ("sample_data", "Write sample data with the tables and facts of Home Credit."),
    "features": ("features", "Build the feature snapshot; list features and snapshots."),
    "quality": ("quality", "Check the tables, and write the findings as a page."),
    "train": ("train", "Train a model and register it as Staging."),
    "drift": ("drift", "Compare what was decided with what the model was trained on."),
    "promote": ("promote", "Check a version and make it Production."),
    "rollback": ("rollback", "Make an older version Production again."),
}


class _Commands(click.Group):
    """Loads a command's module only when it is needed: some take seconds to import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[cmd_name]
        command = getattr(import_module(f"scorestream.commands.{module}"), module)
        if not isinstance(command, click.Command):
            raise TypeError(f"scorestream.commands.{module}.{module} is not a command")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except pydantic.ValidationError as error:
            # A setting: its value may be a secret and stays out of the message.
            problems = (
                ": ".join((*map(str, one["loc"]), one["msg"])) for one in error.errors(include_input=False)
            )
            raise click.ClickException(f"{error.title}: {'; '.join(problems)}") from None
        except ModuleNotFoundError as error:
            # An image has what its own processes need.
            raise click.ClickException(
                f"this needs the package {error.name}, which is not installed here; "
                "the training image and an installation with all extras have it"
            ) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, meaning) for name, (_, meaning) in _COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scorestream")
def main() -> None:
    """Event-driven credit scoring on Kafka.

    `make demo` starts everything on one machine; these commands work on it, or on any
    installation by URL (KAFKA_BOOTSTRAP_SERVERS, MLFLOW_TRACKING_URI).
    """


if __name__ == "__main__":
    main()
