"""Names in PromQL: which metrics a query asks for. Enough for our own rules and dashboards; no parser."""

from __future__ import annotations

import re
from typing import Final

#: What our queries use of the language itself.
_LANGUAGE: Final = frozenset(
    {
        *("abs", "absent", "avg", "clamp_max", "clamp_min", "count", "histogram_quantile", "increase"),
        *("label_replace", "max", "max_over_time", "min", "rate", "sum", "time", "topk", "vector"),
        *(
            "and",
            "bool",
            "by",
            "group_left",
            "group_right",
            "ignoring",
            "offset",
            "on",
            "or",
            "unless",
            "without",
        ),
    }
)
_STRINGS: Final = re.compile(r'"[^"]*"')
_LABELS: Final = re.compile(r"\{[^}]*\}|\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)")
_RANGES: Final = re.compile(r"\[[^\]]*\]|\boffset\s+\w+|\$\w+")
_NAME: Final = re.compile(r"\b[a-zA-Z_:][a-zA-Z0-9_:]*")


def metric_names(query: str) -> frozenset[str]:
    """The names of the time series that `query` asks for, recorded ones (with a colon) among them."""
    bare = _STRINGS.sub("", query)
    for noise in (_LABELS, _RANGES):
        bare = noise.sub(" ", bare)
    return frozenset(name for name in _NAME.findall(bare) if name not in _LANGUAGE)
