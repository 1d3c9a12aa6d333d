"""/healthz, /readyz and /metrics of a process that serves nothing else, from a thread of its own.

Standard library and the Prometheus client only. A process that is busy still answers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

#: What is wrong, by name; empty when nothing is.
Report = Callable[[], dict[str, str]]

_JSON: Final = "application/json"


class HealthServer:
    """Answers 200 while `alive` / `ready` find nothing wrong, else 503 and what they found."""

    def __init__(self, registry: CollectorRegistry, *, alive: Report, ready: Report) -> None:
        self._registry = registry
        self._reports = {"/healthz": alive, "/readyz": ready}
        self._server: ThreadingHTTPServer | None = None

    def start(self, host: str, port: int) -> int:
        """Listen; the port that was taken. Raises OSError when it is taken by another."""
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                status, content_type, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer((host, port), Handler)
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Close the port; a second call does nothing."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(self._registry)
        report = self._reports.get(path)
        if report is None:
            return 404, _JSON, b'{"status":"not found"}'
        wrong = report()
        body = {"status": "failing" if wrong else "ok", "wrong": wrong}
        return (503 if wrong else 200), _JSON, json.dumps(body).encode()
