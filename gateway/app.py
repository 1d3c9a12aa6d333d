"""The FastAPI application of a gateway, made from its parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from gateway import problems
from gateway.parts import Parts
from gateway.routes import answer_submission, is_submission, router
from gateway.settings import GatewaySettings
from infra.runtime.presence import announced

_DESCRIPTION = """
An application in, a decision out. Accepted applications are in Kafka before you hear of them, and
every decision is a record in the prediction stream before it is your answer.
"""


class Gateway:
    """The whole gateway as an ASGI application: FastAPI, but for the one call that comes all the time.

    The layers between here and that call's endpoint, which has no use for them, took a quarter of the
    gateway's time.
    """

    def __init__(self, api: FastAPI, parts: Parts) -> None:
        self.api = api
        self.parts = parts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one ASGI connection."""
        if is_submission(scope):
            scope["app"] = self.api
            await answer_submission(scope, receive, send)
        else:
            await self.api(scope, receive, send)


def make_app(settings: GatewaySettings) -> Gateway:
    """The application; it connects when it starts and drains when it stops."""
    parts = Parts(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        parts.start()
        with announced(settings.run_dir, "gateway", f"http://127.0.0.1:{settings.port}"):
            yield
        await parts.stop()

    app = FastAPIOffline(  # its /docs needs nothing from outside
        title="scorestream gateway",
        version="1",
        description=_DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,  # a path that is none is a 404, not a redirect that drops the body
    )
    app.state.parts = parts
    app.include_router(router)
    problems.install(app)
    return Gateway(app, parts)
