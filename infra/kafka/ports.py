"""Ports of 127.0.0.1 for servers that cannot choose one themselves."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence
from typing import Final

from infra.kafka.errors import PortTaken

LOOPBACK: Final = "127.0.0.1"
# Below the range that operating systems hand out to outgoing connections (32768 on Linux, 49152
# elsewhere). From that range a client that reconnects to a stopped broker can be given the
# broker's own port as its source, connect to itself, and keep the broker from coming back.
FREE_PORT_RANGE: Final = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """True if a server could listen on `port` of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the JVM does: a port whose last connections are still in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> tuple[int, ...]:
    """`count` different ports that nobody listens on at this moment."""
    candidates = random.sample(FREE_PORT_RANGE, k=min(len(FREE_PORT_RANGE), 200 + count))
    found = tuple(port for port in candidates if is_free(port))[:count]
    if len(found) < count:
        raise OSError(f"fewer than {count} free ports between {FREE_PORT_RANGE[0]} and {FREE_PORT_RANGE[-1]}")
    return found


def require_free(ports: Sequence[int]) -> None:
    """Raise `PortTaken` for the first port that another process listens on."""
    for port in ports:
        if not is_free(port):
            raise PortTaken(port)
