"""Tells a delivery pipeline on GitHub that a version was promoted. Off unless asked for.

One `repository_dispatch` event, `model-promoted`, whose `client_payload` names the version: what a
workflow needs to roll out, to test against, or to write to a change log. Called by `scorestream
promote --notify`, after the promotion stands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import httpx
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.events import ModelPromoted
from training.errors import PipelineNotNotified

EVENT_TYPE: Final = "model-promoted"
_TIMEOUT_S: Final = 10.0
#: GitHub takes ten properties at the top of a payload, no more.
_API_VERSION: Final = "2022-11-28"


class NotifySettings(BaseSettings):
    """Whom to tell, from the environment."""

    model_config = SettingsConfigDict(env_prefix="PROMOTE_NOTIFY_", frozen=True)

    repository: str = Field("", description="owner/name of the repository whose workflows listen.")
    api_url: str = Field("https://api.github.com", description="GitHub's API, or an Enterprise server's.")
    token: SecretStr = Field(SecretStr(""), description="Token that may write the repository's contents.")
    token_file: Path | None = Field(None, description="File that holds the token, as a mounted secret does.")

    def secret(self) -> str:
        """The token; PipelineNotNotified if there is none."""
        if self.token_file is not None:
            try:
                return self.token_file.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise PipelineNotNotified(f"the token file can't be read: {error}") from error
        if not self.token.get_secret_value():
            raise PipelineNotNotified("no token: set PROMOTE_NOTIFY_TOKEN_FILE or PROMOTE_NOTIFY_TOKEN")
        return self.token.get_secret_value()


def notify(promoted: ModelPromoted, settings: NotifySettings) -> None:
    """Return once GitHub has taken the event; PipelineNotNotified otherwise. Nothing is retried."""
    if settings.repository.count("/") != 1:
        raise PipelineNotNotified("no repository: set PROMOTE_NOTIFY_REPOSITORY to owner/name")
    address = f"{settings.api_url.rstrip('/')}/repos/{settings.repository}/dispatches"
    try:
        answer = httpx.post(
            address,
            json={"event_type": EVENT_TYPE, "client_payload": _payload(promoted)},
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {settings.secret()}",
                "X-GitHub-Api-Version": _API_VERSION,
            },
            timeout=_TIMEOUT_S,
        )
    except httpx.HTTPError as error:
        raise PipelineNotNotified(f"{address}: {error}") from error
    if answer.status_code != httpx.codes.NO_CONTENT:
        raise PipelineNotNotified(f"{address} answered {answer.status_code}; does the token fit?")


def _payload(promoted: ModelPromoted) -> dict[str, object]:
    return {
        "name": promoted.name,
        "version": promoted.version,
        "digest": promoted.digest,
        "bundle_uri": promoted.bundle_uri,
        "promoted_at": promoted.promoted_at,
        "promoted_by": promoted.promoted_by,
        "run_id": promoted.run_id,
        "snapshot_id": promoted.snapshot_id,
        "metrics": promoted.metrics,
        "cut_offs": promoted.cut_offs,
    }
