"""Writes docs/metrics.md from the metrics classes themselves.

python -m infra.prometheus.documentation            write it
python -m infra.prometheus.documentation --check    write nothing; exit 1 if it is stale
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from infra.prometheus.catalogue import PROCESS_METRICS, Metric, processes

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"

_HEAD: Final = """\
<!-- Written by `python -m infra.prometheus.documentation`; edit the metrics classes instead. -->

# Metrics

What each process says on its `/metrics`, in Prometheus' text format. Names carry their unit; a counter
ends with `_total`; a histogram named here has the series `_bucket`, `_count` and `_sum`. Labels are closed
lists, or bounded by what an installation has (partitions, the fields of an application, the reason codes of
a model). No metric names an applicant, an application or a client.

Where an application's 200 ms go, in the order of its way:

1. `scorestream_gateway_acknowledged_seconds`: the log has it
2. `scorestream_scorer_in_log_seconds`: a scorer has it
3. `scorestream_scorer_deciding_seconds`: it is decided
4. `scorestream_scorer_publishing_seconds`: the decision is a record
5. `scorestream_gateway_reply_in_log_seconds`: the gateway has the reply

All of it: `scorestream_gateway_answering_seconds`. The two `in_log` hops compare two machines' clocks."""


def page() -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    for process in processes():
        parts.append(f"## {process.name}\n\nJob `{process.job}`, port {process.port}.")
        parts.append(_table(process.metrics()))
    parts.append("## Every process")
    parts.append(_table(PROCESS_METRICS))
    return "\n\n".join(parts) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or with --check only compare; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.prometheus.documentation", description="Write docs/metrics.md."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is stale")
    if not parser.parse_args(arguments).check:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    sys.stderr.write(f"{PAGE.name} is stale: run python -m infra.prometheus.documentation\n")
    return 1


def _table(metrics: Sequence[Metric]) -> str:
    rows = [
        ("metric", "kind", "unit", "labels", "meaning"),
        ("---",) * 5,
        *(
            (
                f"`{one.name}`",
                one.kind,
                one.unit,
                ", ".join(f"`{label}`" for label in one.labels),
                one.meaning,
            )
            for one in metrics
        ),
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
