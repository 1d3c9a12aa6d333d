"""HTTP as bytes on a socket, for requests that no well-behaved client can be made to send."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterable

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")

Headers = Iterable[tuple[bytes, bytes]]


def post(body: bytes, headers: Headers = (), *, is_last: bool = True) -> bytes:
    """A POST of an application; `headers` come after Content-Type and Content-Length."""
    lines = [
        b"POST /v1/applications HTTP/1.1",
        b"Host: gateway",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        *(name + b": " + value for name, value in headers),
        *((b"Connection: close",) if is_last else ()),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def talk(port: int, sent: bytes, *, silence_s: float = 1.0, timeout_s: float = 10) -> bytes:
    """What the server says to `sent` until it closes, or says no more for `silence_s`."""
    received = b""
    with connection(port) as peer:
        peer.settimeout(timeout_s)
        # A server that has heard enough may close while we still send.
        with contextlib.suppress(ConnectionError):
            peer.sendall(sent)
        peer.settimeout(silence_s)
        deadline = time.monotonic() + timeout_s
        with contextlib.suppress(ConnectionError, TimeoutError):
            while time.monotonic() < deadline and (part := peer.recv(65_536)):
                received += part
    return received


def connection(port: int) -> socket.socket:
    """A connection to the server; close it."""
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def statuses(received: bytes) -> list[int]:
    """The status of every answer in what was received."""
    return [int(status) for status in _STATUS.findall(received)]
