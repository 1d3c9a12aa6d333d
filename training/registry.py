"""The model registry as training sees it, and what promotion and rollback are.

Words: a registered model has versions; the alias `staging` is on the newest trained, `production` on
the one that decides, `previous` on the one that decided before it. `MlflowRegistry` implements the
Protocol; whoever promotes then publishes the event (`training.promotions`), which is what moves the
scorers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from contracts.events import ModelPromoted
from scorer.bundle import Bundle, read_bundle
from scorer.errors import BundleRefused
from scorer.model import ServingModel
from training.build import BuiltModel
from training.errors import GatesNotPassed, UnknownVersion
from training.gates import Gate, compare_with_production

STAGING: Final = "staging"
PRODUCTION: Final = "production"
PREVIOUS: Final = "previous"

#: The figures that a promotion carries to dashboards and `GET /v1/model`.
_PROMOTED_METRICS: Final = (
    "auc", "gini", "ks", "average_precision", "brier", "log_loss", "ece",
    "cost_per_applicant", "approval_rate", "refer_rate", "decline_rate",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version: where its bundle's files are, and the SHA-256 that the bundle must have."""

    name: str
    version: str
    run_id: str
    bundle_uri: str
    digest: str
    inputs_digest: str


@dataclass(frozen=True, slots=True)
class Occasion:
    """When something was promoted (RFC 3339, UTC), and by whom."""

    at: str
    by: str


class Registry(Protocol):
    """Where versions live. Every call raises RegistryUnavailable when it does not answer."""

    def with_inputs(self, name: str, inputs_digest: str) -> RegisteredVersion | None:
        """The newest version made from just these inputs, if any."""

    def with_alias(self, name: str, alias: str) -> RegisteredVersion | None:
        """The version that carries the alias, if any."""

    def version(self, name: str, version: str) -> RegisteredVersion:
        """The version; UnknownVersion if there is none."""

    def register(self, built: BuiltModel) -> RegisteredVersion:
        """A new version with its run, metrics, pictures and bundle; it gets the alias `staging`."""

    def fetch_bundle(self, version: RegisteredVersion, folder: Path) -> Path:
        """The folder, inside `folder`, that the bundle's files were copied to."""

    def make_production(self, version: RegisteredVersion, occasion: Occasion, gates: Sequence[Gate]) -> None:
        """Move the aliases `production` and `previous`, and write down who, when and on which facts."""


def promote(
    registry: Registry, *, name: str, version: str | None, occasion: Occasion, force: bool = False
) -> ModelPromoted:
    """Make a version Production: the given one, or the staged one. Returns the event to publish.

    The bundle is fetched, checked and made to repeat its golden scores, then compared with
    Production. Promoting what is Production already changes nothing and yields the event again.

    Raises
    ------
    GatesNotPassed
        Unless `force`, which overrules the comparison, never the bundle's own checks.
    UnknownVersion
        There is no such version, or nothing is staged.
    """
    candidate = _candidate(registry, name, version)
    production = registry.with_alias(name, PRODUCTION)
    with tempfile.TemporaryDirectory(prefix="promote-") as folder:
        bundle = _proved(registry, candidate, Path(folder) / "candidate")
        gates = [Gate("bundle proves its golden scores", True, bundle.digest)]
        if production is not None and production.version != candidate.version:
            gates += _compared(registry, bundle, production, Path(folder) / "production")
    failed = [f"{gate.name}: {gate.detail}" for gate in gates if not gate.is_passed]
    if failed and not force:
        raise GatesNotPassed(candidate.version, failed)
    registry.make_production(candidate, occasion, gates)
    return _event(candidate, bundle, occasion)


def roll_back(registry: Registry, *, name: str, version: str | None, occasion: Occasion) -> ModelPromoted:
    """Make an older version Production again: the given one, or the one before the present.

    Only the bundle's own checks are asked: whoever rolls back has a reason that no gate knows.
    Rolling back twice returns to where one came from.
    """
    target = registry.with_alias(name, PREVIOUS) if version is None else registry.version(name, version)
    if target is None:
        raise UnknownVersion(f"{name} has no earlier Production version to go back to")
    with tempfile.TemporaryDirectory(prefix="rollback-") as folder:
        bundle = _proved(registry, target, Path(folder))
    registry.make_production(target, occasion, [Gate("rolled back", True, f"by {occasion.by}")])
    return _event(target, bundle, occasion)


def _candidate(registry: Registry, name: str, version: str | None) -> RegisteredVersion:
    if version is not None:
        return registry.version(name, version)
    staged = registry.with_alias(name, STAGING)
    if staged is None:
        raise UnknownVersion(f"nothing of {name} is staged; train first: scorestream train --data DIR")
    return staged


def _proved(registry: Registry, version: RegisteredVersion, folder: Path) -> Bundle:
    try:
        bundle = read_bundle(registry.fetch_bundle(version, folder), expected_digest=version.digest)
        ServingModel(bundle)
    except BundleRefused as refused:
        raise GatesNotPassed(version.version, [f"the bundle is refused: {refused}"]) from refused
    return bundle


def _compared(
    registry: Registry, challenger: Bundle, production: RegisteredVersion, folder: Path
) -> list[Gate]:
    try:
        in_use = read_bundle(registry.fetch_bundle(production, folder), expected_digest=production.digest)
    except BundleRefused as refused:
        # What this code can no longer read must not keep its successor out.
        return [Gate("not worse than Production", True, f"not comparable: Production's {refused}")]
    return compare_with_production(challenger.manifest.lineage, in_use.manifest.lineage)


def _event(version: RegisteredVersion, bundle: Bundle, occasion: Occasion) -> ModelPromoted:
    lineage, cut_offs = bundle.manifest.lineage, bundle.manifest.cut_offs
    return ModelPromoted(
        name=version.name,
        version=version.version,
        digest=version.digest,
        bundle_uri=version.bundle_uri,
        promoted_at=occasion.at,
        promoted_by=occasion.by,
        run_id=version.run_id,
        metrics={name: lineage.metrics[name] for name in _PROMOTED_METRICS if name in lineage.metrics},
        cut_offs={"approve_below": cut_offs.approve_below, "decline_from": cut_offs.decline_from},
        snapshot_id=lineage.snapshot_id,
    )
