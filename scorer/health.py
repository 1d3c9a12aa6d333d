"""The scorer's own HTTP: /healthz, /readyz and /metrics, on loopback unless set otherwise.

`/readyz?model_version=7` is only content with a worker that decides with version 7: a rollout that brings a
model waits for it, while the workers before it go on with theirs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

log = structlog.get_logger()

Report = Callable[[], dict[str, object]]


class HealthServer:
    """Answers 200 while `alive` / `ready` find nothing wrong, else 503 and what they found."""

    def __init__(self, registry: CollectorRegistry, *, alive: Report, ready: Report, status: Report) -> None:
        self._registry = registry
        self._status = status
        routes = web.Application()
        routes.router.add_get("/healthz", self._answer(alive))
        routes.router.add_get("/readyz", self._answer(ready))
        routes.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(routes, access_log=None)

    async def start(self, host: str, port: int) -> int:
        """Listen; the port that was taken. Raises OSError when it is taken by another."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        taken: int = self._runner.addresses[0][1]
        log.info("health server listens", host=host, port=taken)
        return taken

    async def stop(self) -> None:
        """Close the port."""
        await self._runner.cleanup()

    def _answer(self, report: Report) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handler(request: web.Request) -> web.StreamResponse:
            status = self._status()
            wrong = {**report(), **_another_model(request.query.get("model_version"), status["model"])}
            body = {"status": "failing" if wrong else "ok", "wrong": wrong, **status}
            return web.json_response(body, status=503 if wrong else 200)

        return handler

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


def _another_model(wanted: str | None, model: object) -> dict[str, object]:
    """What is wrong if the worker is asked for a version that it does not decide with."""
    version = model.get("version") if isinstance(model, dict) else None
    if wanted is None or version == wanted:
        return {}
    return {"model_version": f"asked for {wanted}, decides with {version or 'none yet'}"}
