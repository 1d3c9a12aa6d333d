"""Start a gateway: `scorestream gateway`, or `python -m gateway`.

settings → logs → parts → serve; SIGTERM: not ready, still serving → no new connections → requests
under way answered → log flushed → end.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from types import FrameType
from typing import Any

import structlog
import uvicorn

from gateway.app import make_app
from gateway.bounded_http import BoundedRequests
from gateway.drain import stop_listening, wait_until_closed
from gateway.keys_file import BadKeysFile
from gateway.parts import Parts
from gateway.settings import GatewaySettings
from infra.runtime.logs import configure_logs

log = structlog.get_logger()

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

#: How long connections that are open when the listener closes may still bring a request.
_LAST_REQUESTS_S = 1.0


class DrainingServer(uvicorn.Server):
    """uvicorn that says it is leaving before it closes a connection.

    uvicorn closes idle keep-alive connections at once, and a request that is on its way on one of
    them is lost. So for a grace period all is served as before, but each answer carries
    `Connection: close`: clients come back on new connections, balancers see `/readyz` fail.
    """

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: drain. Second: uvicorn's own way, at once."""
        if self._parts.is_draining:
            super().handle_exit(sig, frame)
            return
        self._parts.is_draining = True
        log.info("draining", grace_s=self._parts.settings.drain_grace_s)
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, self._parts.settings.drain_grace_s, self._leave)

    def _leave(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse new connections, serve those that are there, then end as uvicorn does."""
        late = await stop_listening(self.servers, self._protocol)
        await wait_until_closed(self.server_state.connections, _LAST_REQUESTS_S)
        log.info("not listening any more", late=late, open_connections=len(self.server_state.connections))
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol


class LeavingConnections:
    """ASGI middleware: while the gateway drains, each answer ends its connection."""

    def __init__(self, app: Any, parts: Parts) -> None:
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http" or not self._parts.is_draining:
            await self._app(scope, receive, send)
            return

        async def leaving(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, leaving)


def run(settings: GatewaySettings) -> int:
    """Serve until SIGTERM or SIGINT; the process's exit status."""
    configure_logs("gateway", level=settings.log_level, log_format=settings.log_format)
    if settings.keys_file is None and settings.host not in _LOOPBACK and not settings.keys_off:
        log.error(
            "without API keys a gateway listens on this machine only",
            host=settings.host,
            mend="set GATEWAY_KEYS_FILE (scorestream keys new), or GATEWAY_KEYS_OFF=true if others do",
        )
        return 2
    try:
        app = make_app(settings)
    except BadKeysFile as error:
        log.error("the gateway can't start", error=str(error))
        return 2
    parts = app.parts
    config = uvicorn.Config(
        LeavingConnections(app, parts),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=BoundedRequests,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=settings.drain_timeout_s,
    )
    server = DrainingServer(config, parts)
    try:
        server.run()
    except SystemExit as ended:  # uvicorn's way to say that the port is taken
        return int(ended.code or 0)
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(run(GatewaySettings()))
