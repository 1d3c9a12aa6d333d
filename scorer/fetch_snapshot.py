"""Download what serving needs of a feature snapshot, in a process of its own.

    python -m scorer.fetch_snapshot <snapshot uri> <folder>

Started by `scorer.snapshot_cache` for `gs://`, `s3://` and whatever else fsspec knows: a client of an
object store takes processor time that the scoring beside it would have to give up. Ends with 0 and the
files in <folder>, or with 1 and the reason as the last line. Who maps the files checks their hashes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import fsspec

from feature_service.manifest import MANIFEST, SERVING_FILES


def main(argv: list[str]) -> int:
    """See the module."""
    uri, into = argv[1], Path(argv[2])
    try:
        download(uri, into)
    except Exception as error:  # whatever the store's client raises, the old snapshot goes on
        sys.stdout.write(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}\n")
        return 1
    return 0


def download(uri: str, into: Path) -> None:
    """Copy what serving maps from the snapshot's address to the folder `into`; the manifest last."""
    filesystem, root = fsspec.core.url_to_fs(uri)
    into.mkdir(parents=True, exist_ok=True)
    for name in (*SERVING_FILES, MANIFEST):
        filesystem.get_file(f"{root}/{name}", str(into / name))


if __name__ == "__main__":
    sys.exit(main(sys.argv))
