"""Posts over kept connections for little processor time: load generator and service share the cores.

A general client takes a millisecond a request here, as much as half of the gateway; this one a quarter
of that. One request at a time on a connection, as many connections as requests under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import httptools

_TIMEOUT_S: Final = 30.0

Answer = tuple[int, bytes]


class _Connection(asyncio.Protocol):
    """One connection; `answered` is the request under way."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.is_open = False
        self._answered: asyncio.Future[Answer] | None = None
        self._parser: Any = None
        self._body: list[bytes] = []

    def request(self, head: bytes, body: bytes) -> asyncio.Future[Answer]:
        """Send it; the future is its status and body, or ConnectionError."""
        self._parser, self._body = httptools.HttpResponseParser(self), []
        self._answered = asyncio.get_running_loop().create_future()
        self.transport.write(b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body))
        return self._answered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.is_open = transport, True

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionError(str(exc or "closed")))

    def on_body(self, body: bytes) -> None:
        """For the parser."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """For the parser."""
        if not self._parser.should_keep_alive():
            self.is_open = False
            self.transport.close()
        if self._answered is not None and not self._answered.done():
            self._answered.set_result((self._parser.get_status_code(), b"".join(self._body)))


class Poster:
    """Posts JSON to one address."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._host, self._port = where.hostname or "127.0.0.1", where.port or 80
        self._head = (
            f"POST {where.path or '/'} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
        ).encode()
        self._idle: list[_Connection] = []

    async def post(self, body: bytes) -> Answer:
        """Status and body of the answer. Raises OSError (TimeoutError after 30 s)."""
        connection = await self._connection()
        loop = asyncio.get_running_loop()
        giving_up = loop.call_later(_TIMEOUT_S, connection.transport.abort)
        asked = loop.time()
        try:
            answer = await connection.request(self._head, body)
        except ConnectionError:
            if loop.time() - asked >= _TIMEOUT_S:
                raise TimeoutError from None
            raise
        finally:
            giving_up.cancel()
        if connection.is_open:
            self._idle.append(connection)
        return answer

    async def status(self, body: bytes) -> str:
        """The answer's status in digits, or the name of what broke."""
        try:
            return str((await self.post(body))[0])
        except OSError as error:
            return type(error).__name__

    def close(self) -> None:
        """Close what is open and idle."""
        while self._idle:
            self._idle.pop().transport.close()

    async def _connection(self) -> _Connection:
        while self._idle:
            if (connection := self._idle.pop()).is_open:
                return connection
        _, connection = await asyncio.get_running_loop().create_connection(
            _Connection, self._host, self._port
        )
        return connection


@asynccontextmanager
async def posting(url: str) -> AsyncIterator[Poster]:
    """A Poster while the block lasts."""
    poster = Poster(url)
    try:
        yield poster
    finally:
        poster.close()
