"""Start the feature service's HTTP API: `python -m feature_service`.

settings → logs → API → serve. SIGTERM: no new connections, requests under way answered, end.
"""

from __future__ import annotations

import sys

import uvicorn

from feature_service.http import make_app
from feature_service.settings import FeatureSettings
from infra.runtime.logs import configure_logs


def run(settings: FeatureSettings) -> int:
    """Serve until SIGTERM or SIGINT; the process's exit status."""
    configure_logs("feature-service", level=settings.log_level, log_format=settings.log_format)
    config = uvicorn.Config(
        make_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    try:
        server.run()
    except SystemExit as ended:  # uvicorn's way to say that the port is taken
        return int(ended.code or 0)
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(run(FeatureSettings()))
