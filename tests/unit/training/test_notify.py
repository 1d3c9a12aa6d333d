from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from contracts.events import ModelPromoted
from infra.kafka.ports import LOOPBACK, free_ports
from training.errors import PipelineNotNotified
from training.notify import NotifySettings, notify

PROMOTED = ModelPromoted(
    name="credit-risk",
    version="3",
    digest="d" * 64,
    bundle_uri="/bundles/3",
    promoted_at="2026-11-24T10:00:00.000Z",
    promoted_by="somebody",
    metrics={"auc": 0.77},
)


@dataclass
class GitHub:
    """What a server on the loopback was asked, and how it answers."""

    status: int = 204
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def github() -> Iterator[GitHub]:
    state = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked.append((self.path, dict(self.headers), body))
            self.send_response(state.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    with HTTPServer((LOOPBACK, 0), Handler) as server:
        state.url = f"http://{LOOPBACK}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield state
        server.shutdown()
        thread.join()


def test_a_pipeline_gets_one_dispatch_with_the_version_and_the_token_from_a_file(
    github: GitHub, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    notify(
        PROMOTED,
        NotifySettings(repository="lender/platform", api_url=github.url, token_file=tmp_path / "token"),
    )
    ((path, headers, body),) = github.asked
    assert path == "/repos/lender/platform/dispatches"
    assert headers["Authorization"] == "Bearer s3cret"
    assert body["event_type"] == "model-promoted"
    assert (body["client_payload"]["version"], body["client_payload"]["metrics"]) == ("3", {"auc": 0.77})
    assert len(body["client_payload"]) <= 10


def test_a_refusal_is_said_without_the_token(github: GitHub) -> None:
    github.status = 401
    settings = NotifySettings(repository="lender/platform", api_url=github.url, token=SecretStr("s3cret"))
    with pytest.raises(PipelineNotNotified, match="answered 401") as refused:
        notify(PROMOTED, settings)
    assert "s3cret" not in str(refused.value) + repr(settings)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (NotifySettings(token=SecretStr("x")), "no repository"),
        (NotifySettings(repository="lender/platform"), "no token"),
        (NotifySettings(repository="a/b", token_file=Path("/nowhere/token")), "can't be read"),
        (
            NotifySettings(
                repository="a/b", token=SecretStr("x"), api_url=f"http://{LOOPBACK}:{free_ports(1)[0]}"
            ),
            "refused",
        ),
    ],
)
def test_what_is_missing_is_named(settings: NotifySettings, complaint: str) -> None:
    with pytest.raises(PipelineNotNotified, match=complaint):
        notify(PROMOTED, settings)
