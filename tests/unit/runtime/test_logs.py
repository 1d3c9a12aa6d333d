from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from infra.runtime.logs import LogFormat, configure_logs

Said = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests beside this one have their own logging; a command among them silences aiokafka."""
    monkeypatch.setattr(logging.getLogger("aiokafka"), "propagate", True)
    root = logging.getLogger()
    handlers, level, configuration = root.handlers, root.level, structlog.get_config()
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**configuration)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def lines() -> list[str]:
        return capsys.readouterr().err.splitlines()

    return lines


def test_json_is_one_line_an_event_with_process_level_and_time(said: Said) -> None:
    configure_logs("gateway", log_format="json")
    structlog.get_logger().info("connected", reply_partition=3)
    (line,) = said()
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {"event": "connected", "reply_partition": 3, "level": "info", "process": "gateway"}


def test_what_libraries_say_has_the_same_form(said: Said) -> None:
    configure_logs("gateway", log_format="json")
    logging.getLogger("some.library").warning("hm %s", 1)
    (line,) = said()
    assert {"event": "hm 1", "level": "warning", "process": "gateway"}.items() <= json.loads(line).items()


def test_an_error_with_its_traceback_is_one_line_too(said: Said) -> None:
    configure_logs("scorer", log_format="json")
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger().exception("oh")
    (line,) = said()
    assert "ValueError: broken" in json.loads(line)["exception"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_is_below_the_level_is_not_said(said: Said, log_format: LogFormat) -> None:
    configure_logs("gateway", level="WARNING", log_format=log_format)
    structlog.get_logger().info("quiet")
    logging.getLogger("library").info("quiet")
    structlog.get_logger().warning("loud")
    (line,) = said()
    assert "loud" in line


def test_a_second_set_up_does_not_say_everything_twice(said: Said) -> None:
    for _ in range(2):
        configure_logs("gateway", log_format="json")
    structlog.get_logger().info("once")
    assert len(said()) == 1


@pytest.mark.parametrize("library", ["aiokafka", "faust", "mode", "uvicorn"])
def test_libraries_that_chatter_are_heard_from_warnings_on(said: Said, library: str) -> None:
    configure_logs("gateway", log_format="json")
    logging.getLogger(f"{library}.part").info("chatter")
    logging.getLogger(f"{library}.part").warning("news")
    assert len(said()) == 1


def test_the_console_shows_an_error_without_the_values_of_its_variables(said: Said) -> None:
    configure_logs("scorer", log_format="console")
    secret = "John " + "Smith"
    try:
        raise ValueError(len(secret))
    except ValueError:
        structlog.get_logger().exception("oh")
    text = "\n".join(said())
    assert "ValueError" in text
    assert secret not in text
