"""Download a model bundle and prove it, in a process of its own that may crash.

    python -m scorer.fetch_bundle <bundle uri> <digest> <folder> <registry uri>

Started by `scorer.model_cache`. Ends with 0 and the bundle in <folder>; with REFUSED and
"<reason> <detail>" as the last line when the bundle must never be used; with 1 when it can't be had now.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

from scorer.lean import keep_out_the_unneeded

REFUSED: Final = 3
UNAVAILABLE: Final = 1


def main(argv: list[str]) -> int:
    """See the module."""
    uri, digest, into, registry_uri = argv[1], argv[2], Path(argv[3]), argv[4]
    try:
        download(uri, into, registry_uri=registry_uri)
    except Exception as error:  # whatever the store's client raises, the old model goes on
        sys.stdout.write(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}\n")
        return UNAVAILABLE
    keep_out_the_unneeded()  # the scoring beside this process would have to give up the processor time
    return prove(into, digest)


def prove(folder: Path, digest: str) -> int:
    """The exit status that says whether the bundle in `folder` may be used."""
    from scorer.bundle import read_bundle  # noqa: PLC0415 - the importing parent only wants the codes
    from scorer.errors import BundleRefused  # noqa: PLC0415
    from scorer.model import ServingModel  # noqa: PLC0415

    try:
        ServingModel(read_bundle(folder, expected_digest=digest))
    except BundleRefused as refused:
        detail = " ".join(refused.detail.split())  # LightGBM's own words may have several lines
        sys.stdout.write(f"{refused.reason.value} {detail}\n")
        return REFUSED
    return 0


def download(uri: str, into: Path, *, registry_uri: str) -> None:
    """Copy the files of a bundle from an MLflow artifact address or a folder to `into`."""
    if Path(uri).is_dir():
        shutil.copytree(uri, into)
        return
    from infra.runtime.mlflow_client import mlflow_at  # noqa: PLC0415 - seconds and 200 MB, only here

    mlflow = mlflow_at(registry_uri)
    into.parent.mkdir(parents=True, exist_ok=True)
    local = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(into.parent / "download"))
    Path(local).replace(into)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
