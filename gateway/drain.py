"""Leaving without dropping a request: what uvicorn's own shutdown would lose, served first.

uvicorn closes its listener and every connection without a request under way at once. Lost are then
the connections that the kernel has accepted and uvicorn has not, and requests that are on their
way on an idle connection. Called by `gateway.__main__` once the grace after SIGTERM is over.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sized

_POLL_S = 0.02


async def stop_listening(servers: list[asyncio.Server], protocol: Callable[[], asyncio.Protocol]) -> int:
    """Close the listeners of `servers`, serving whoever had connected already; how many those were.

    Whoever connects later is refused, so a client knows that nothing of its request was taken.
    """
    loop = asyncio.get_running_loop()
    # A second descriptor keeps the kernel's queue alive while the server lets go of the first one.
    kept = [
        socket.fromfd(listener.fileno(), listener.family, listener.type)
        for server in servers
        for listener in server.sockets
    ]
    for server in servers:
        server.close()
    await asyncio.sleep(_POLL_S)
    waiting = [connection for listener in kept for connection in _last_of(listener)]
    for connection in waiting:
        await loop.connect_accepted_socket(protocol, connection)
    return len(waiting)


async def wait_until_closed(connections: Sized, timeout_s: float) -> None:
    """Back once no connection is left, at the latest after `timeout_s`."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while len(connections) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_POLL_S)


def _last_of(listener: socket.socket) -> list[socket.socket]:
    """The connections in the listener's queue; it is closed right after the last."""
    connections: list[socket.socket] = []
    with listener:
        listener.setblocking(False)
        try:
            while True:
                connections.append(listener.accept()[0])
        except BlockingIOError:
            pass
    return connections
