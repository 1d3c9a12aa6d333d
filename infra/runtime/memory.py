"""Keeping Python's garbage collector out of the way of answers that have a deadline."""

from __future__ import annotations

import gc
from typing import Final

#: New objects before a collection, and how rarely the older generations are looked at. The defaults
#: (700, 10, 10) walk everything that lives several times a minute at some hundred requests a second.
_THRESHOLDS: Final = (20_000, 20, 50)


def settle() -> None:
    """Take what is alive now, imports above all, out of every later collection.

    Called once by a process that has started: a full collection of a scorer's 200,000 objects takes
    about 100 ms, which somebody's application would wait for.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
