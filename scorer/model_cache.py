"""Model bundles on this machine's disk: fetched once, checked in a throw-away process, kept.

A bundle is in the cache only after a separate process has downloaded it, checked its hashes and
structure, loaded it and repeated its golden scores: a malformed model can crash that process, not
the scorer, and MLflow's client is never loaded into it.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from contracts.events import ModelPromoted, decode_promoted
from scorer.errors import BundleRefused, BundleUnavailable, Refusal
from scorer.fetch_bundle import REFUSED
from scorer.fetching import LastTaken, alone, fetched_by

_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


class ModelCache:
    """The folder `cache_dir`: `bundles/<digest>/` and the promotion that was last taken."""

    def __init__(self, cache_dir: Path, *, registry_uri: str, fetch_timeout_s: float) -> None:
        self._bundles = cache_dir / "bundles"
        self._lock = cache_dir / "fetching.lock"
        self._last_good = LastTaken(cache_dir / "last-good.json", decode_promoted)
        self._registry_uri = registry_uri
        self._fetch_timeout_s = fetch_timeout_s
        self._bundles.mkdir(parents=True, exist_ok=True)

    async def folder(self, promoted: ModelPromoted) -> Path:
        """The folder of the promoted bundle, fetched and checked if it was not here yet.

        Raises BundleRefused (never worth a retry) or BundleUnavailable (try again later).
        """
        kept = self._bundles / promoted.digest
        if not kept.is_dir():
            await self._fetch(promoted, kept)
        return kept

    def holds(self, promoted: ModelPromoted) -> bool:
        """Whether the promoted bundle is here, so that nothing has to be fetched."""
        return bool(_HEX_DIGEST.fullmatch(promoted.digest)) and (self._bundles / promoted.digest).is_dir()

    def discard(self, promoted: ModelPromoted) -> bool:
        """Drop the kept bundle, so that it is fetched anew; False when none is kept."""
        if not self.holds(promoted):
            return False
        kept = self._bundles / promoted.digest
        shutil.rmtree(kept, ignore_errors=True)
        return not kept.exists()

    def remember(self, promoted: ModelPromoted) -> None:
        """Make `promoted` what a restart begins with when nothing newer can be had."""
        self._last_good.note(promoted)

    def last_good(self) -> ModelPromoted | None:
        """The promotion that was last taken on this machine, or None."""
        return self._last_good.read()

    async def _fetch(self, promoted: ModelPromoted, kept: Path) -> None:
        draft = Path(tempfile.mkdtemp(prefix=".fetch-", dir=self._bundles))
        try:
            async with alone(self._lock, patience_s=self._fetch_timeout_s):
                # Two at once would cost those who decide here twice the processor; the other's is as good.
                if not self.holds(promoted):
                    await self._run_fetch(promoted, draft / "bundle")
                    _keep(draft / "bundle", kept)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    async def _run_fetch(self, promoted: ModelPromoted, into: Path) -> None:
        try:
            status, last_line = await fetched_by(
                "scorer.fetch_bundle", promoted.bundle_uri, promoted.digest, str(into), self._registry_uri,
                timeout_s=self._fetch_timeout_s,
            )  # fmt: skip
        except TimeoutError:
            raise BundleUnavailable(f"no bundle after {self._fetch_timeout_s:g} s") from None
        if status == REFUSED:
            reason, _, detail = last_line.partition(" ")
            raise BundleRefused(Refusal(reason), detail)
        if status < 0:
            raise BundleRefused(Refusal.CRASHED_LOADER, f"loading it ended its process by signal {-status}")
        if status != 0:
            raise BundleUnavailable(last_line)


def _keep(bundle: Path, kept: Path) -> None:
    """Move a checked bundle to its place; another worker's copy of it, with the same digest, is as good."""
    try:
        bundle.replace(kept)
    except OSError:
        if not kept.is_dir():
            raise
