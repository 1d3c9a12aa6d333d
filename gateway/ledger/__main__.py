"""Start a ledger: `scorestream ledger`, or `python -m gateway.ledger`.

settings → logs → metrics → lanes → serve; SIGTERM: not ready → requests answered → each writer ends
after its transaction → end. Killed outright, it takes its writers with it and nothing is lost.
"""

from __future__ import annotations

import sys
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI

from gateway.ledger.app import make_app
from gateway.ledger.errors import UnsupportedDatabase
from gateway.ledger.settings import LedgerSettings
from infra.runtime.logs import configure_logs

log = structlog.get_logger()

_DRAIN_TIMEOUT_S = 10


class LedgerServer(uvicorn.Server):
    """uvicorn that is not ready any more once it was told to stop."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: end with status 0. Second: uvicorn's own way, at once."""
        if self._app.state.is_draining:
            super().handle_exit(sig, frame)
        self._app.state.is_draining = True
        self.should_exit = True


def run(settings: LedgerSettings) -> int:
    """Serve until SIGTERM or SIGINT; the process's exit status."""
    configure_logs("ledger", level=settings.log_level, log_format=settings.log_format)
    try:
        app = make_app(settings)
    except UnsupportedDatabase as error:
        log.error("the ledger can't start", why=str(error))
        return 2
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_TIMEOUT_S,
    )
    server = LedgerServer(config, app)
    try:
        server.run()
    except SystemExit as ended:  # uvicorn's way to say that the port is taken
        return int(ended.code or 0)
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(run(LedgerSettings()))
