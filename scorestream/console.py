"""The console that tables are printed on."""

from __future__ import annotations

import sys
from typing import Final

from rich.console import Console

#: A pipe or a file has no width of its own; tables of ours fit in this.
_WIDE: Final = 180


def table_console() -> Console:
    """As wide as the terminal; wide enough for every table where there is none."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
