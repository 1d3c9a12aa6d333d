"""Writes the dashboards that Grafana is provisioned with.

python -m grafana            write grafana/dashboards/*.json
python -m grafana --check    write nothing; exit 1 if one is stale, or there is one too many
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from grafana.drift import DRIFT
from grafana.model import MODEL
from grafana.objective import OBJECTIVE
from grafana.panels import Dashboard, rendered
from grafana.service import SERVICE
from grafana.stream import STREAM

FOLDER: Final = Path(__file__).resolve().parent / "dashboards"
DASHBOARDS: Final[tuple[Dashboard, ...]] = (SERVICE, STREAM, MODEL, DRIFT, OBJECTIVE)


def files(folder: Path = FOLDER) -> dict[Path, str]:
    """Every dashboard as JSON, by the file it belongs in."""
    return {
        folder / f"{one.uid.removeprefix('scorestream-')}.json": json.dumps(rendered(one), indent=1) + "\n"
        for one in DASHBOARDS
    }


def stale(folder: Path = FOLDER) -> list[Path]:
    """Files that are not what the code says: other, missing, or left over."""
    wanted = files(folder)
    written = {file: file.read_text(encoding="utf-8") for file in folder.glob("*.json")}
    return sorted(file for file in wanted.keys() | written.keys() if wanted.get(file) != written.get(file))


def write(folder: Path = FOLDER) -> None:
    """Have the folder hold the dashboards, and no others."""
    folder.mkdir(exist_ok=True)
    wanted = files(folder)
    for left_over in set(folder.glob("*.json")) - wanted.keys():
        left_over.unlink()
    for file, text in wanted.items():
        file.write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Write the dashboards, or with --check only compare; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m grafana", description="Write the dashboards as JSON.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if one is stale")
    if not parser.parse_args(arguments).check:
        write()
        return 0
    for file in stale():
        sys.stderr.write(f"grafana/dashboards/{file.name} is stale: run python -m grafana\n")
    return 1 if stale() else 0


if __name__ == "__main__":
    sys.exit(main())
