"""The event loop of a process that has a deadline to keep."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on uvloop, which waits for sockets outside Python.

    As a policy, not a loop: Faust makes the loop of its consumer's thread itself.
    """
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    return asyncio.run(work)
