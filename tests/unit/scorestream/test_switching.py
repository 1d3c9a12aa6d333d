from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from contracts.events import ModelPromoted
from scorestream.switching import Switched, Whereabouts, Worker, wait_until_switched

PROMOTED = ModelPromoted(
    name="credit-risk", version="3", digest="d", bundle_uri="u", promoted_at="t", promoted_by="p"
)
Start = Callable[..., "StandIn"]


class StandIn:
    """A scorer's /readyz."""

    def __init__(self, version: str | None, name: str = "credit-risk") -> None:
        self.version = version
        stand_in = self

        class Readyz(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                model = None if stand_in.version is None else {"name": name, "version": stand_in.version}
                body = json.dumps({"lane": "sync", "model": model}).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Readyz)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def scorer(tmp_path: Path) -> Iterator[Start]:
    """Starts a stand-in that announces itself as the scorer does."""
    started: list[StandIn] = []

    def start(version: str | None, *, name: str = "credit-risk", is_announced: bool = True) -> StandIn:
        stand_in = StandIn(version, name)
        started.append(stand_in)
        if is_announced:
            announce(tmp_path, stand_in.url, len(started))
        return stand_in

    yield start
    for stand_in in started:
        stand_in.stop()


def announce(folder: Path, url: str, number: int) -> None:
    said = {"name": "scorer-sync", "url": url, "pid": os.getpid()}
    (folder / f"{number}.json").write_text(json.dumps(said))


def ask(
    places: Whereabouts,
    *,
    timeout_s: float = 20.0,
    look: Callable[[Sequence[Worker]], None] = lambda _: None,
) -> Switched:
    return asyncio.run(wait_until_switched(PROMOTED, places, timeout_s=timeout_s, look=look))


def test_it_is_over_when_the_last_worker_has_switched(tmp_path: Path, scorer: Start) -> None:
    scorer("3")
    slow = scorer("2")
    seen: list[set[str | None]] = []

    def look(workers: Sequence[Worker]) -> None:
        seen.append({worker.version for worker in workers})
        slow.version = "3"

    switched = ask(Whereabouts(tmp_path), look=look)
    assert seen == [{"2", "3"}, {"3"}]
    assert len(switched.workers) == 2
    assert switched.behind == ()


def test_a_worker_that_keeps_its_model_is_named_in_the_end(tmp_path: Path, scorer: Start) -> None:
    scorer("3")
    stubborn = scorer("2")
    switched = ask(Whereabouts(tmp_path), timeout_s=0.0)
    assert switched.behind == (Worker("scorer-sync", stubborn.url, "2"),)


def test_a_worker_that_does_not_answer_or_has_no_model_is_behind(tmp_path: Path, scorer: Start) -> None:
    waiting, dead = scorer(None), scorer("3")
    dead.stop()
    switched = ask(Whereabouts(tmp_path), timeout_s=0.0)
    assert {worker.url for worker in switched.behind} == {waiting.url, dead.url}


def test_workers_of_another_model_are_not_waited_for(tmp_path: Path, scorer: Start) -> None:
    scorer("1", name="another")
    assert ask(Whereabouts(tmp_path)).workers == ()


def test_without_any_worker_nothing_is_waited_for(tmp_path: Path) -> None:
    switched = ask(Whereabouts(tmp_path / "nowhere"))
    assert (switched.workers, switched.behind) == ((), ())


def test_an_address_is_asked_behind_its_name(tmp_path: Path, scorer: Start) -> None:
    far = scorer("3", is_announced=False)
    by_name = far.url.replace("127.0.0.1", "localhost")
    switched = ask(Whereabouts(tmp_path, (by_name,)), timeout_s=0.0)
    assert switched.workers == (Worker("scorer", far.url, "3"),)


def test_a_name_that_nobody_knows_is_behind(tmp_path: Path) -> None:
    switched = ask(Whereabouts(tmp_path, ("http://no-such-host.invalid:8002",)), timeout_s=0.0)
    assert [worker.version for worker in switched.behind] == [None]
