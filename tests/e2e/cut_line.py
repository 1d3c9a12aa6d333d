"""A line to a server that can be cut in the middle of an answer, as when the server is killed then."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

from infra.kafka.ports import LOOPBACK

_CHUNK = 4096


class CutLine:
    """Passes bytes between whoever connects to `url` and `port` of this machine, while it is whole."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server((LOOPBACK, 0))
        self.url = f"http://{LOOPBACK}:{self._listener.getsockname()[1]}"
        self._left: int | None = None
        self._lock = threading.Lock()
        #: How often it was cut while an answer was under way.
        self.cuts = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def cut_after(self, n_bytes: int) -> None:
        """Let `n_bytes` more of answers through, then nothing."""
        self._left = n_bytes

    def mend(self) -> None:
        """Let everything through again."""
        self._left = None

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._left == 0:
                client.close()
                continue
            server = socket.create_connection((LOOPBACK, self._port))
            for source, sink, is_answer in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pass, args=(source, sink, is_answer), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK):
                sink.sendall(self._let_through(chunk) if is_answer else chunk)
                if is_answer and self._left == 0:
                    break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _let_through(self, chunk: bytes) -> bytes:
        with self._lock:
            if self._left is None:
                return chunk
            passed = chunk[: self._left]
            self._left -= len(passed)
            self.cuts += len(passed) < len(chunk)
            return passed
