"""docs/reasons.md: every reason that a decision can give, for lenders, translators and auditors.

python -m training.reason_page          writes it
python -m training.reason_page --check  ends with 1 if it is not what the catalogue says
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from feature_service.application import FEATURES
from feature_service.vector import ALL_FEATURES, ALL_MODEL_INPUTS
from training.catalogue import features_by_group
from training.snapshots import history_groups

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reasons.md"
_SHOWN: Final = 4
_HEAD: Final = """\
# Reasons

Written by `python -m training.reason_page`; what it says is in `training/catalogue.py` and
`feature_service/reason_groups.py`.

A decision that is no approval carries up to four of these, strongest first: those that push it farthest
towards decline, against what they do for an applicant who is approved. After the first, a reason must be at
least a twentieth of all that pushes towards decline. A text says what was looked at and not which way it
was, since a model may see more risk in a high value or in a low one. A code is for ever, whatever its words
say; texts may be improved. The text on a decision is in the language that the scorers of the installation
speak; who needs another one looks it up here by its code. Each model input belongs to exactly one reason, so
that whatever moved a decision can be named.

| code | English | French | looks at |
| --- | --- | --- | --- |
"""


def page() -> str:
    """The whole page."""
    groups = features_by_group(ALL_MODEL_INPUTS, history_groups(ALL_FEATURES[len(FEATURES) :]))
    rows = (
        f"| `{group.code}` | {group.english} | {group.french} | {_looks_at(names)} |\n"
        for group, names in groups
    )
    return _HEAD + "".join(rows)


def _looks_at(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


if __name__ == "__main__":
    if "--check" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    sys.exit(PAGE.read_text(encoding="utf-8") != page())
