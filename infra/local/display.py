"""The progress display of the demo: one line a step, its time, and what went wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.events import DecisionDocument


class Display:
    """Prints steps as they end, with a spinner for the one at work."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)

    @contextmanager
    def step(self, title: str) -> Iterator[Note]:
        """A step of the start; the note says what came of it."""
        note = Note()
        started = time.monotonic()
        try:
            with self.console.status(f"{title} …"):
                yield note
        except BaseException:
            self.console.print(Text(f"  ✗ {title}", style="red"))
            raise
        seconds = time.monotonic() - started
        line = Text("  ✓ ", style="green")
        line.append(f"{title:<34}", style="default")
        line.append(f"{seconds:6.1f} s  ", style="dim")
        line.append(note.text, style="default")
        self.console.print(line, soft_wrap=True)

    def decisions(self, scored: list[tuple[DecisionDocument, float]], *, title: str) -> None:
        """A table of decisions with the milliseconds that their caller waited."""
        table = Table(title=title, title_justify="left")
        for column, justify in (
            ("applicant", "right"),
            ("decision", "left"),
            ("PD", "right"),
            ("score", "right"),
            ("model", "right"),
            ("ms", "right"),
            ("reasons", "left"),
        ):
            table.add_column(column, justify=justify, overflow="fold")  # type: ignore[arg-type]
        for decision, milliseconds in scored:
            table.add_row(
                str(decision.applicant_id),
                Text(decision.decision, style=_STYLES[decision.decision]),
                f"{decision.probability_of_default:.1%}",
                str(decision.score),
                decision.model.version,
                f"{milliseconds:.0f}",
                ", ".join(reason.code for reason in decision.reasons) or "–",
            )
        self.console.print(table)
        self._explain(next((decision for decision, _ in scored if decision.reasons), None))

    def _explain(self, decision: DecisionDocument | None) -> None:
        if decision is None:
            return
        self.console.print(f"What applicant {decision.applicant_id} is told ({decision.decision}):")
        for reason in decision.reasons:
            self.console.print(f"  {reason.rank}. {reason.text}", style="dim", soft_wrap=True)


class Note:
    """What a step has to say when it ends."""

    def __init__(self) -> None:
        self.text = ""


_STYLES = {"approve": "green", "refer": "yellow", "decline": "red"}
