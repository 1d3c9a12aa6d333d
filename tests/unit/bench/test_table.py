from __future__ import annotations

import re

from bench.measure import figure, plain
from bench.table import table


def test_what_was_not_measured_is_said_and_not_made_up() -> None:
    lines = table({}).splitlines()
    assert len(lines) > 20
    assert all("not measured" in line for line in lines[1:])


def test_ratios_are_taken_between_the_medians_of_one_run() -> None:
    results = {
        "scorestream, approved only, closed loop": plain({"64": {"per_second": figure([400, 500, 900])}}),
        "FastAPI": plain({"64": {"per_second": figure([1000])}}),
    }
    said = table(results)
    assert re.search(r"requests/s, 64 clients, no reasons +500 ", said)
    assert re.search(r"share of plain FastAPI in process +0.50 ", said)


def test_a_step_that_failed_is_not_measured() -> None:
    assert "not measured" in table({"takeover": {"failed": "RuntimeError"}})
    assert "one of two scorers killed" in table({})


def test_a_figure_knows_how_far_its_repeats_lie_apart() -> None:
    taken = figure([10.0, 12.0, 11.0])
    assert (taken.median, taken.lowest, taken.highest, taken.repeats) == (11.0, 10.0, 12.0, 3)
    assert round(taken.spread, 3) == 0.182
