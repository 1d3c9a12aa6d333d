"""The command line itself: what every command has in common."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from scorestream.cli import main


def test_a_command_whose_package_is_not_installed_says_which_and_where_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "batch.csv").touch()
    monkeypatch.delitem(sys.modules, "scorestream.batch.rows", raising=False)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    said = CliRunner().invoke(
        main, ["score-batch", str(tmp_path / "batch.csv"), "--out", str(tmp_path / "decisions.parquet")]
    )
    assert said.exit_code == 1
    assert said.output == (
        "Error: this needs the package duckdb, which is not installed here; "
        "the training image and an installation with all extras have it\n"
    )
