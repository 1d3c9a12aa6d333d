"""Asks one broker which brokers are alive, in Kafka's own protocol and without a client library.

An open port says little: a node listens before it has joined its cluster. The answer to a metadata
request names the brokers that are registered and not fenced, which is what a client needs.
Blocking on purpose: the embedded broker is started from plain code, inside an event loop or not.
"""

from __future__ import annotations

import socket
import ssl
import struct

_METADATA, _VERSION, _CORRELATION_ID = 3, 1, 1
_CLIENT_ID = b"scorestream-readiness"
# Header (api key, version, correlation id, client id), then an empty list: no topics, please.
_REQUEST = struct.pack(
    f">hhih{len(_CLIENT_ID)}si", _METADATA, _VERSION, _CORRELATION_ID, len(_CLIENT_ID), _CLIENT_ID, 0
)


def brokers_known_at(
    host: str, port: int, *, timeout_s: float, tls: ssl.SSLContext | None = None
) -> frozenset[int]:
    """Ids of the live brokers as the broker at this address knows them; empty if it does not answer."""
    try:
        with _connected(host, port, timeout_s, tls) as connection:
            connection.sendall(struct.pack(">i", len(_REQUEST)) + _REQUEST)
            (size,) = struct.unpack(">i", _read(connection, 4))
            return _broker_ids(_read(connection, size))
    except (OSError, struct.error):
        return frozenset()


def _connected(host: str, port: int, timeout_s: float, tls: ssl.SSLContext | None) -> socket.socket:
    plain = socket.create_connection((host, port), timeout=timeout_s)
    if tls is None:
        return plain
    try:
        return tls.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _read(connection: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise ConnectionResetError("the broker closed the connection")
        received += part
    return bytes(received)


def _broker_ids(response: bytes) -> frozenset[int]:
    """Ids out of a metadata response, version 1: correlation id, then (id, host, port, rack) per broker."""
    _, count = struct.unpack_from(">ii", response)
    offset, ids = 8, set()
    for _ in range(count):
        (broker_id,) = struct.unpack_from(">i", response, offset)
        ids.add(broker_id)
        offset = _after_string(response, offset + 4) + 4
        offset = _after_string(response, offset)
    return frozenset(ids)


def _after_string(response: bytes, offset: int) -> int:
    length: int = struct.unpack_from(">h", response, offset)[0]
    return offset + 2 + max(length, 0)  # -1 is null
