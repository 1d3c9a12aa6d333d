"""What commands print on, and a cluster's errors as their last words."""

from __future__ import annotations

import sys
from typing import Final

import click
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from rich.console import Console

from infra.runtime.complaints import last_complaint

#: A pipe or a file has no width of its own; tables of ours fit in this.
_WIDE: Final = 180


def table_console() -> Console:
    """As wide as the terminal; wide enough for every table where there is none."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)


def cluster_error(error: Exception) -> click.ClickException:
    """A cluster that can't be worked with, as a command's last words."""
    if isinstance(error, TopicAuthorizationFailedError | GroupAuthorizationFailedError):
        return click.ClickException(
            f"this principal may not: {error}; see what each may: scorestream acls show"
        )
    return click.ClickException(f"the cluster does not answer: {last_complaint() or error}")
