"""Settings of the tools, from `TOOLS_…` variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ToolSettings(BaseSettings):
    """Where what was fetched and built is kept."""

    model_config = SettingsConfigDict(env_prefix="TOOLS_", frozen=True)

    cache: Path = Field(
        Path.home() / ".cache" / "scorestream" / "tools",
        description="Folder of the finished programs; not in the clone, so that the next one has them.",
    )
