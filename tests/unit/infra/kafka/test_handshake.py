from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from infra.kafka.handshake import brokers_known_at
from infra.kafka.ports import LOOPBACK, free_ports

Answer = Callable[[socket.socket], None]


@contextmanager
def server(answer: Answer) -> Iterator[int]:
    """Port of a server that treats one connection as told."""
    with socket.create_server((LOOPBACK, 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(timeout=10)


def metadata_response(*broker_ids: int, rack: str | None = None) -> bytes:
    def string(text: str | None) -> bytes:
        return struct.pack(">h", -1) if text is None else struct.pack(">h", len(text)) + text.encode()

    brokers = b"".join(
        struct.pack(">i", broker_id) + string("127.0.0.1") + struct.pack(">i", 9092) + string(rack)
        for broker_id in broker_ids
    )
    body = struct.pack(">ii", 1, len(broker_ids)) + brokers + struct.pack(">ii", 0, 0)
    return struct.pack(">i", len(body)) + body


def test_the_live_brokers_are_read_from_the_answer() -> None:
    with server(lambda connection: connection.sendall(metadata_response(0, 1, 2))) as port:
        assert brokers_known_at(LOOPBACK, port, timeout_s=5) == {0, 1, 2}


def test_brokers_with_a_rack_are_read_too() -> None:
    with server(lambda connection: connection.sendall(metadata_response(7, 8, rack="zone-a"))) as port:
        assert brokers_known_at(LOOPBACK, port, timeout_s=5) == {7, 8}


def test_an_open_port_that_says_nothing_is_not_a_broker() -> None:
    def read_until_the_client_gives_up(connection: socket.socket) -> None:
        while connection.recv(1024):
            pass

    with server(read_until_the_client_gives_up) as port:
        assert brokers_known_at(LOOPBACK, port, timeout_s=0.2) == frozenset()


def test_a_server_that_hangs_up_half_way_is_not_a_broker() -> None:
    with server(lambda connection: connection.sendall(metadata_response(0, 1)[:20])) as port:
        assert brokers_known_at(LOOPBACK, port, timeout_s=5) == frozenset()


def test_a_server_that_speaks_something_else_is_not_a_broker() -> None:
    answer = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with server(lambda connection: connection.sendall(answer)) as port:
        assert brokers_known_at(LOOPBACK, port, timeout_s=5) == frozenset()


def test_nobody_listening_is_no_broker() -> None:
    (port,) = free_ports(1)
    assert brokers_known_at(LOOPBACK, port, timeout_s=5) == frozenset()
