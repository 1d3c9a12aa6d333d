"""Finishes a tree of packages in a build: machine code, bytecode, bill of materials, one time for all.

    python finish.py /opt/scorestream --name scorestream-gateway --epoch-s 0

Runs in the image's own Python, before our packages are of use: the standard library alone.
"""

from __future__ import annotations

import argparse
import compileall
import importlib.util
import json
import os
import py_compile
import subprocess
import sys
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any, Final

_INSTALLERS_NOTES: Final = ("direct_url.json", "uv_cache.json", "uv_build.json")


def main() -> int:
    """Finish the tree; the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tree", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--epoch-s", type=int, default=0, help="moment that every file gets")
    given = parser.parse_args()
    compile_kernel()
    # By content, not by time: the same sources give the same bytes, and no file is checked at run time.
    is_compiled = compileall.compile_dir(
        given.tree, quiet=1, workers=0, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    bill = json.dumps(bill_of_materials(given.name), indent=1, sort_keys=True)
    (given.tree / "sbom.cdx.json").write_text(bill + "\n")
    still(given.tree, given.epoch_s)
    return 0 if is_compiled else 1


def compile_kernel() -> None:
    """Have the scorer's loops compiled and kept beside their bytecode, where the image has a compiler.

    A container can't: its file system is read-only, and each process would take its quarter of a minute.
    """
    if importlib.util.find_spec("numba") is not None:
        subprocess.run([sys.executable, "-m", "scorer.kernel"], check=True)


def bill_of_materials(name: str) -> dict[str, Any]:
    """What is installed here, as CycloneDX 1.6: each distribution with version, licence and package URL."""
    parts = sorted(
        (_component(one) for one in metadata.distributions()),
        key=lambda part: (part["name"], part["version"]),
    )
    identity = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([name, parts], sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{identity}",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": name}},
        "components": parts,
    }


def _component(one: metadata.Distribution) -> dict[str, Any]:
    name = one.metadata["Name"].lower().replace("_", "-")
    found: dict[str, Any] = {
        "type": "library",
        "name": name,
        "version": one.version,
        "purl": f"pkg:pypi/{name}@{one.version}",
    }
    if "License-Expression" in one.metadata:
        found["licenses"] = [{"expression": one.metadata["License-Expression"]}]
    return found


def still(tree: Path, epoch_s: int) -> None:
    """Give every file of the tree the same moment, and forget what an installer noted of its own."""
    for noted in tree.rglob("*.dist-info"):
        for name in _INSTALLERS_NOTES:
            (noted / name).unlink(missing_ok=True)
        if (record := noted / "RECORD").exists():
            # Its lines have the notes' hashes, and the notes have the moment of the build.
            gone = tuple(f"{noted.name}/{name}," for name in _INSTALLERS_NOTES)
            lines = record.read_text().splitlines(keepends=True)
            record.write_text("".join(line for line in lines if not line.startswith(gone)))
    for path in [*tree.rglob("*"), tree]:
        os.utime(path, (epoch_s, epoch_s), follow_symlinks=False)


if __name__ == "__main__":
    sys.exit(main())
