"""Controls 1 and 2: plain FastAPI that decides in process. No Kafka, nothing durable: the ceiling.

BENCH_BUNDLE=… BENCH_SNAPSHOT=… uvicorn --factory bench.controls.in_process:app --workers 2
"""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from bench.controls.plain import ControlSettings, PlainDecider
from contracts.problems import InvalidApplication


def app() -> FastAPI:
    """The service, with its model loaded."""
    decider = PlainDecider(ControlSettings())
    service = FastAPI()

    @service.post("/v1/applications")
    async def score(request: Request) -> Response:
        try:
            return Response(decider.decide(await request.body()), media_type="application/json")
        except InvalidApplication as error:
            return Response(str(error), status_code=422)

    @service.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    return service
