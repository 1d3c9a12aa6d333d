"""A library that says the same thing all the time is heard now and then."""

from __future__ import annotations

import logging

from infra.runtime.logs import Seldom


def said(name: str, line: int) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "client.py", line, "no broker", None, None)


def test_a_library_is_heard_once_in_the_time_from_each_place() -> None:
    moments = iter([0.0, 1.0, 2.0, 9.9, 10.0])
    seldom = Seldom(every_s=10, now=lambda: next(moments))
    heard = [seldom.filter(said("aiokafka.client", line)) for line in (7, 7, 8, 7, 7)]
    assert heard == [True, False, True, False, True]


def test_our_own_words_are_always_heard() -> None:
    seldom = Seldom(every_s=10, now=lambda: 0.0)
    assert all(seldom.filter(said("scorer.app", 7)) for _ in range(3))
