"""Errors of the tools.

ToolUnavailable      it can't be had here (no Go, no network, another machine); what needs it is skipped
"""

from __future__ import annotations


class ToolUnavailable(Exception):
    """The program can't be had on this machine; the message says why and what would mend it."""
