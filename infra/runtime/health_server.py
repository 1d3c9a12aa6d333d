"""/healthz, /readyz and /metrics of a process that serves nothing else, with the standard library only.

On loopback unless set otherwise, and outside of the event loop: a process that is stuck is still asked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

#: What is wrong, by name; empty when nothing is.
Report = Callable[[], dict[str, str]]

_REQUEST_TIMEOUT_S: Final = 5


class HealthServer:
    """Answers 200 while `alive` / `ready` find nothing wrong, else 503 and what they found.

    The reports are called in the server's threads: they only read.
    """

    def __init__(self, registry: CollectorRegistry, *, alive: Report, ready: Report) -> None:
        self._handler = _handler(registry, {"/healthz": alive, "/readyz": ready})
        self._server: ThreadingHTTPServer | None = None

    def start(self, host: str, port: int) -> int:
        """Listen; the port that was taken (0 asks for any). Raises OSError when another has it."""
        self._server = ThreadingHTTPServer((host, port), self._handler)
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Close the port; a second call does nothing."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


def _handler(registry: CollectorRegistry, reports: dict[str, Report]) -> type[BaseHTTPRequestHandler]:
    class Probes(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "scorestream"
        sys_version = ""
        timeout = _REQUEST_TIMEOUT_S

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
            elif path in reports:
                wrong = reports[path]()
                body = {"status": "failing" if wrong else "ok", "wrong": wrong}
                self._answer(503 if wrong else 200, "application/json", json.dumps(body).encode())
            else:
                self._answer(404, "text/plain; charset=utf-8", b"/healthz, /readyz, /metrics\n")

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes come every few seconds: nothing to write down."""

    return Probes
