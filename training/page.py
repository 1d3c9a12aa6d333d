"""How a page for people is written, as Markdown and as HTML: the model card, the gates of a promotion."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

Table = Sequence[Sequence[str]]
#: Heading, text and table; a table's first row are the names of its columns.
Section = tuple[str, str, Table]


def markdown_page(title: str, sections: Sequence[Section]) -> str:
    """The page as Markdown, without pictures."""
    lines = [f"# {title}", ""]
    for heading, text, table in sections:
        lines += [f"## {heading}", "", text, ""]
        for number, row in enumerate(table):
            lines.append("| " + " | ".join(row) + " |")
            if number == 0:
                lines.append("|" + " --- |" * len(row))
        lines.append("")
    return "\n".join(lines)


def html_page(title: str, sections: Sequence[Section], pictures: Sequence[Path] = ()) -> str:
    """The page as HTML that needs nothing from outside: its pictures are inside."""
    body = [f"<h1>{html.escape(title)}</h1>"]
    for heading, text, table in sections:
        body.append(f"<h2>{html.escape(heading)}</h2><p>{html.escape(text)}</p>")
        if table:
            rows = [_html_row(row, "td" if number else "th") for number, row in enumerate(table)]
            body.append(f"<table>{''.join(rows)}</table>")
    for path in pictures:
        encoded = base64.b64encode(path.read_bytes()).decode()
        name = html.escape(path.stem)
        body.append(
            f'<figure><img alt="{name}" src="data:image/png;base64,{encoded}">'
            f"<figcaption>{name}</figcaption></figure>"
        )
    style = (
        "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
        "table{border-collapse:collapse}th,td{text-align:left}"
        "th,td{border-bottom:1px solid #ddd;padding:.2rem .6rem}"
        "th{border-bottom-width:2px}td{white-space:nowrap}img{max-width:100%}figcaption{color:#666}"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{style}</style></head><body>{''.join(body)}</body></html>"
    )


def _html_row(row: Sequence[str], cell: str) -> str:
    return "<tr>" + "".join(f"<{cell}>{html.escape(text)}</{cell}>" for text in row) + "</tr>"
