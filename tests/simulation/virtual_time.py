"""An event loop whose clock jumps, and processes on it that can be stopped and killed at any await.

A process is a mark in the context of its tasks. Whatever the loop is asked to call in such a context is
called only while the process runs: a stopped one catches up when it goes on (SIGSTOP, SIGCONT), a killed one
is never called again, so that no `finally` of it runs either (kill -9).
"""

from __future__ import annotations

import asyncio
import contextvars
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_process: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)
#: Where brokers, clients and the network are: outside of all processes.
_OUTSIDE = contextvars.Context()


class Killed(BaseException):
    """Ends a process's current step on the spot; nothing of the process is called afterwards."""


class Process:
    """One process: its tasks, and whether they are called."""

    def __init__(self, loop: VirtualLoop, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.is_stopped = False
        self._is_buried = False
        #: Called once, outside of the process, when it dies.
        self.on_death: list[Callable[[], None]] = []
        self._loop = loop
        self._context = contextvars.copy_context()
        self._context.run(_process.set, self)
        self._missed: list[tuple[asyncio.Handle, Callable[..., Any], tuple[Any, ...]]] = []

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task of this process."""
        return self._loop.create_task(work, context=self._context)

    def tell(self, task: asyncio.Task[Any], callback: Callable[[asyncio.Task[Any]], None]) -> None:
        """Call back when the task is done, and the process runs."""
        task.add_done_callback(callback, context=self._context)

    def kill(self) -> None:
        """Never call it again; what it sent is on its way."""
        if not self.is_dead and not self._is_buried:
            self.is_dead = True
            for callback in self.on_death:
                self._loop.outside(0, callback)

    def stop(self) -> None:
        """Call nothing of it until it goes on."""
        self.is_stopped = True

    def go_on(self) -> None:
        """Call what was missed, in order."""
        self.is_stopped = False
        if self.is_dead:
            return
        missed, self._missed = self._missed, []
        for handle, callback, args in missed:
            self._loop.again(self._context, handle, callback, args)

    def call(self, handle: asyncio.Handle, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Call, or keep for later, or never."""
        if handle.cancelled():
            return
        if self.is_dead or self.is_stopped:
            self._missed.append((handle, callback, args))
        else:
            callback(*args)

    def bury(self) -> None:
        """At the end of a schedule: call what is left of it, so that its cancelled tasks come to an end."""
        self._is_buried, self.is_dead = True, False
        self.go_on()


def current_process() -> Process | None:
    """The process whose code runs now."""
    return _process.get()


class _Jump(selectors.SelectSelector):
    """Nothing ever arrives from outside of the loop: waiting is moving the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everybody waits for everybody: nothing is scheduled any more")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time; the seconds pass as fast as they can be computed."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)
        self.set_exception_handler(lambda _loop, _context: None)

    def time(self) -> float:
        """Virtual seconds since the schedule began."""
        return self._jump.now

    def call_soon(  # type: ignore[override]  # typed by variadic generics there
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        """See AbstractEventLoop."""
        context = contextvars.copy_context() if context is None else context
        process = context.get(_process)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        return self._gated(
            process, callback, args, lambda gate: super(VirtualLoop, self).call_soon(gate, context=context)
        )

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """See AbstractEventLoop."""
        context = contextvars.copy_context() if context is None else context
        process = context.get(_process)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        handle = self._gated(
            process,
            callback,
            args,
            lambda gate: super(VirtualLoop, self).call_at(when, gate, context=context),
        )
        assert isinstance(handle, asyncio.TimerHandle)
        return handle

    def outside(self, delay_s: float, callback: Callable[..., object], *args: object) -> None:
        """Call back after `delay_s`, whatever processes are alive then."""
        self.call_at(self.time() + delay_s, callback, *args, context=_OUTSIDE)

    def again(
        self, context: contextvars.Context, handle: asyncio.Handle, callback: Any, args: tuple[Any, ...]
    ) -> None:
        """Call what a stopped process missed, unless it was cancelled since."""
        process = context[_process]
        assert process is not None
        super().call_soon(process.call, handle, callback, args, context=context)

    def _gated(
        self,
        process: Process,
        callback: Any,
        args: tuple[Any, ...],
        schedule: Callable[[Callable[[], None]], asyncio.Handle],
    ) -> asyncio.Handle:
        handle: asyncio.Handle | None = None

        def gate() -> None:
            assert handle is not None
            process.call(handle, callback, args)

        handle = schedule(gate)
        return handle
