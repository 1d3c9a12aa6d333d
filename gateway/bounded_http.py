"""uvicorn's HTTP with bounds: a request whose head has no end, or no version, is refused before it costs.

As it is, uvicorn takes headers of any length, keeps them all, and answers a request line of HTTP/0.9. What
it refuses itself it refuses as plain text; here it is a problem document like every other refusal.
"""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from contracts.errors import PROBLEM_CONTENT_TYPE, ProblemDocument, ProblemType
from contracts.events import encode

#: Request line and headers; far above what any client of ours sends.
_MAX_HEAD_BYTES: Final = 65_536
_VERSIONS: Final = frozenset({"1.0", "1.1"})


class BoundedRequests(HttpToolsProtocol):
    """One connection."""

    _head_bytes = 0
    _is_in_head = True

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head_bytes, self._is_in_head = 0, True

    def on_headers_complete(self) -> None:
        """Its head is whole; an error here is a refusal of the request."""
        self._is_in_head = False
        if self.parser.get_http_version() not in _VERSIONS:
            raise ValueError("not HTTP/1.0 or HTTP/1.1")
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Bytes of the connection; too many without the end of a head end it."""
        super().data_received(data)
        if self._is_in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES:
                self.send_400_response(f"a request line and its headers have at most {_MAX_HEAD_BYTES} bytes")

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP request, and close."""
        document = encode(
            ProblemDocument(
                type=ProblemType.NOT_HTTP.value, title="This is no HTTP request", status=400, detail=msg
            )
        )
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            f"content-type: {PROBLEM_CONTENT_TYPE}\r\n"
            f"content-length: {len(document)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + document)
        self.transport.close()
