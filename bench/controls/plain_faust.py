"""Control 4: a Faust agent as Faust's documentation shows one, in the scorer's place behind the same gateway.

    BENCH_BUNDLE=… BENCH_SNAPSHOT=… python -m bench.controls.plain_faust

One event at a time: decide, send the prediction, send the reply. Nothing waits for an acknowledgement,
nothing is looked up, nothing is put aside: less than the platform promises.
"""

from __future__ import annotations

from typing import Any

import faust

from bench.controls.plain import ControlSettings, PlainDecider
from contracts import headers
from contracts.topics import APPLICATIONS, PREDICTIONS, REPLIES


def make_app(settings: ControlSettings) -> faust.App:
    """The app; the group begins at the end of the topic."""
    app = faust.App(
        "bench-plain-faust",
        broker=f"kafka://{settings.bootstrap_servers}",
        value_serializer="raw",
        consumer_auto_offset_reset="latest",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
    )
    decider = PlainDecider(settings)
    predictions = app.topic(PREDICTIONS.name, value_serializer="raw")
    replies = app.topic(REPLIES.name, value_serializer="raw", key_serializer="raw")

    @app.agent(app.topic(APPLICATIONS.name, value_serializer="raw", key_serializer="raw"))  # type: ignore[untyped-decorator]
    async def score(applications: Any) -> None:
        async for event in applications.events():
            document = decider.decide(event.value)
            await predictions.send(key=event.key, value=document)
            address = headers.reply_address(dict(event.headers))
            if address is not None:
                await replies.send(
                    key=address.correlation_id,
                    value=document,
                    partition=address.partition,
                    headers={headers.CORRELATION_ID: address.correlation_id, headers.STATUS: b"200"},
                )

    return app


if __name__ == "__main__":
    faust.Worker(make_app(ControlSettings()), loglevel="WARNING").execute_from_commandline()
