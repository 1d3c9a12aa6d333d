"""One logging set-up for all processes: structlog to standard error, JSON unless a person looks on.

Applicant data never goes into a log line: log ids, sizes, counts and codes.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Literal

import structlog

_LIBRARIES = ("aiokafka", "faust", "mode", "uvicorn", "httpx")
_SAID_AGAIN_AFTER_S = 10.0

LogFormat = Literal["auto", "json", "console"]


def configure_logs(process: str, *, level: str = "INFO", log_format: LogFormat = "auto") -> None:
    """Send this process's log, and that of its libraries, to standard error.

    `auto` is JSON, one line an event, unless standard error is a terminal.
    """
    is_console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    renderer: Any = structlog.dev.ConsoleRenderer() if is_console else structlog.processors.JSONRenderer()

    def name_process(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["process"] = process
        return event

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        name_process,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Some of them write a line per request or per step of a rebalance; their warnings are enough.
    for library in _LIBRARIES:
        logging.getLogger(library).setLevel(max(logging.WARNING, root.level))
    handler.addFilter(Seldom(every_s=_SAID_AGAIN_AFTER_S))


class Seldom(logging.Filter):
    """Lets a library say the same thing from the same line only now and then.

    With a broker away aiokafka writes some ten lines a second and client; one in ten seconds tells as much.
    """

    def __init__(self, *, every_s: float, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every_s = every_s
        self._now = now
        self._said_at: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written; our own always are."""
        if not record.name.startswith(_LIBRARIES):
            return True
        place, now = (record.pathname, record.lineno), self._now()
        if now - self._said_at.get(place, -self._every_s) < self._every_s:
            return False
        self._said_at[place] = now
        return True
