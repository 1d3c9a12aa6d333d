from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from infra.runtime.presence import Present, announced, present


@pytest.fixture
def dead_pid() -> int:
    """The id of a process that ended."""
    ended = subprocess.Popen(["true"])
    ended.wait(10)
    return ended.pid


def test_a_process_is_found_while_it_is_announced(tmp_path: Path) -> None:
    with announced(tmp_path / "run", "gateway", "http://127.0.0.1:8000"):
        assert present(tmp_path / "run") == [Present("gateway", "http://127.0.0.1:8000", os.getpid())]
    assert present(tmp_path / "run") == []


def test_it_is_no_longer_found_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), announced(tmp_path, "gateway", "u"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_was_killed_is_not_found_and_its_file_is_removed(
    tmp_path: Path, dead_pid: int
) -> None:
    (tmp_path / "scorer.json").write_text(json.dumps({"name": "scorer", "url": "u", "pid": dead_pid}))
    assert present(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '"x"', "{}", '{"name": "n", "url": "u", "pid": "me"}'])
def test_a_file_that_is_no_announcement_is_passed_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with announced(tmp_path, "gateway", "u"):
        assert [one.name for one in present(tmp_path)] == ["gateway"]


def test_a_folder_that_is_not_there_holds_nobody(tmp_path: Path) -> None:
    assert present(tmp_path / "none") == []


def test_a_folder_that_can_not_be_written_stops_no_process(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    reached = []
    with announced(tmp_path / "file", "gateway", "u"):
        reached.append(True)
    assert reached
