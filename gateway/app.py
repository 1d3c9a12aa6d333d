"""The FastAPI application of a gateway, made from its parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from gateway import problems
from gateway.parts import Parts
from gateway.routes import MeasuredAnswers, router
from gateway.settings import GatewaySettings
from infra.runtime.presence import announced

_DESCRIPTION = """
An application in, a decision out. Accepted applications are in Kafka before you hear of them, and
every decision is a record in the prediction stream before it is your answer.
"""


def make_app(settings: GatewaySettings) -> FastAPI:
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
    app.add_middleware(MeasuredAnswers)
    problems.install(app)
    return app
