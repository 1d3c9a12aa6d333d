from __future__ import annotations

import asyncio

import pytest

from infra.runtime.stopping import stop_all

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Client:
    def __init__(self, error: BaseException | None = None, *, hangs: bool = False) -> None:
        self._error = error
        self._hangs = hangs
        self.was_stopped = False
        self.was_cancelled = False

    async def stop(self) -> None:
        self.was_stopped = True
        if self._hangs:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.was_cancelled = True
                raise
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("a bug"), asyncio.CancelledError()])
async def test_a_client_that_fails_to_stop_keeps_no_other_from_it(error: BaseException) -> None:
    clients = [Client(), Client(error), Client()]
    await stop_all(*clients, timeout_s=5)
    assert [client.was_stopped for client in clients] == [True, True, True]


async def test_a_client_that_never_stops_is_left_after_its_time() -> None:
    hanging, after = Client(hangs=True), Client()
    await asyncio.wait_for(stop_all(hanging, after, timeout_s=0.01), 5)
    assert hanging.was_cancelled
    assert after.was_stopped
