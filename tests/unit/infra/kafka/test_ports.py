from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from infra.kafka.errors import PortTaken, Rejected
from infra.kafka.ports import FREE_PORT_RANGE, LOOPBACK, free_ports, is_free, require_free


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_free_ports_are_different_and_outside_the_range_of_outgoing_connections() -> None:
    ports = free_ports(6)
    assert len(set(ports)) == 6
    assert all(port in FREE_PORT_RANGE and is_free(port) for port in ports)


def test_a_taken_port_is_refused_by_its_number_with_the_mend(taken_port: int) -> None:
    assert not is_free(taken_port)
    with pytest.raises(PortTaken, match=rf"port {taken_port} .*choose another port") as refused:
        require_free([*free_ports(1), taken_port])
    assert isinstance(refused.value, Rejected)


def test_a_port_whose_last_connection_was_just_closed_is_free(taken_port: int) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((LOOPBACK, port)):
            connection, _ = server.accept()
            # The side that closes first keeps the port in TIME_WAIT.
            connection.close()
    assert is_free(port)
