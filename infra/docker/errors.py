"""Errors of the image build.

BuildFailed      the builder said no; its own output stands above
"""

from __future__ import annotations


class BuildFailed(Exception):
    """An image was not made; the message says by what."""
