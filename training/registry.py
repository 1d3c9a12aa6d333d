"""The model registry as training sees it, and what promotion and rollback are.

Words: a registered model has versions; the alias `staging` is on the one that training named last,
`production` on the one that decides, `previous` on the one that decided before it. `MlflowRegistry`
implements the Protocol. What moves the scorers is the event (`training.promotions`), which is published
before anybody else may promote: its order is the registry's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from contracts.events import ModelPromoted
from scorer.bundle import Bundle, read_bundle, write_bundle
from scorer.errors import BundleRefused
from scorer.model import ServingModel
from training.build import BuiltModel
from training.challenge import UNHURRIED, NotComparable, compare
from training.errors import AlreadyReplaced, GatesNotPassed, NeverProduction, UnknownVersion
from training.gates import UNMEASURED, Gate, gates_against_production, gates_of, proved
from training.held_out import HeldOut, read_held_out
from training.tune import TrialFinished, Tuned

#: Publishes a promotion; back once it is acknowledged.
Publish = Callable[[ModelPromoted], None]

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
    """One version: where its bundle's files are, and the SHA-256 that the bundle must have.

    `is_cut_short` when the wall clock took folds or trees away: its inputs can give a better one.
    """

    name: str
    version: str
    run_id: str
    bundle_uri: str
    digest: str
    inputs_digest: str
    is_cut_short: bool = False


@dataclass(frozen=True, slots=True)
class Occasion:
    """When something was promoted (RFC 3339, UTC), and by whom."""

    at: str
    by: str


class Registry(Protocol):
    """Where versions live. Every call raises RegistryUnavailable when it does not answer."""

    def with_inputs(self, name: str, inputs_digest: str) -> RegisteredVersion | None:
        """The newest version made from just these inputs, if any; a whole one before one cut short."""

    def with_alias(self, name: str, alias: str) -> RegisteredVersion | None:
        """The version that carries the alias, if any."""

    def version(self, name: str, version: str) -> RegisteredVersion:
        """The version; UnknownVersion if there is none."""

    def run(self, name: str) -> AbstractContextManager[str]:
        """The id of a new run, open while the block lasts; marked as failed or killed if it raises."""

    def log_trial(self, run_id: str, trial: TrialFinished) -> None:
        """A tuning trial as a run nested in this one."""

    def register(
        self,
        built: BuiltModel,
        *,
        run_id: str | None = None,
        tuned: Tuned | None = None,
        compared: Mapping[str, float] | None = None,
    ) -> RegisteredVersion:
        """A new version with its run, metrics, pictures, evaluation rows and bundle; it gets `staging`.

        Without `run_id` a run is made; `compared` are figures of the model in Production.
        """

    def stage(self, version: RegisteredVersion) -> None:
        """Move the alias `staging` to the version."""

    def fetch_bundle(self, version: RegisteredVersion, folder: Path) -> Path:
        """The folder, inside `folder`, that the bundle's files were copied to."""

    def fetch_evaluation(self, version: RegisteredVersion, folder: Path) -> Path:
        """The folder, inside `folder`, with the evaluation rows (`training.held_out`).

        LookupError if the version has none.
        """

    def promoting(self, name: str) -> AbstractContextManager[None]:
        """Nobody else promotes the model while the block lasts; PromotionUnderWay if somebody does."""

    def has_been_production(self, version: RegisteredVersion) -> bool:
        """Whether a promotion of the version is written down."""

    def make_production(self, version: RegisteredVersion, occasion: Occasion, gates: Sequence[Gate]) -> None:
        """Move the aliases `production` and `previous`, and write down who, when and on which facts."""


def _tell_nobody(_: ModelPromoted) -> None:
    """For a registry without scorers."""


def promote(  # noqa: PLR0913 - all but one by name
    registry: Registry,
    *,
    name: str,
    version: str | None,
    occasion: Occasion,
    force: bool = False,
    once: bool = False,
    publish: Publish = _tell_nobody,
) -> ModelPromoted:
    """Make a version Production: the given one, or the staged one. Returns the event that was published.

    The bundle is fetched, checked and made to repeat its golden scores, then compared with
    Production. Promoting what is Production already publishes the event again, whatever the gates say of
    it now; so does promoting a twin of it, the very same bytes: of two runs that trained the same, one
    promotes. What `publish` raises is raised here: the registry has the version then, and promoting it
    once more tells the scorers.

    Raises
    ------
    GatesNotPassed
        Unless `force`, which overrules the comparison, never the bundle's own checks.
    UnknownVersion
        There is no such version, or nothing is staged.
    PromotionUnderWay
        Somebody else promotes the model at this moment.
    AlreadyReplaced
        With `once`: the version decided before and does not now, be it after a better one or a rollback.
    """
    with registry.promoting(name):
        candidate = _candidate(registry, name, version)
        production = registry.with_alias(name, PRODUCTION)
        if production is not None and _is_twin(candidate, production) and not force:
            candidate = production
        if once and candidate != production and registry.has_been_production(candidate):
            raise AlreadyReplaced(candidate.version)
        event = _promoted(registry, candidate, production, occasion=occasion, force=force)
        # Outside of the lock the news of a later promotion could overtake this one's.
        publish(event)
    return event


def _is_twin(candidate: RegisteredVersion, production: RegisteredVersion) -> bool:
    # Not by their inputs: a wall clock makes different models of the same.
    return bool(candidate.digest) and candidate.digest == production.digest


def _promoted(
    registry: Registry,
    candidate: RegisteredVersion,
    production: RegisteredVersion | None,
    *,
    occasion: Occasion,
    force: bool,
) -> ModelPromoted:
    is_again = production is not None and production.version == candidate.version
    with tempfile.TemporaryDirectory(prefix="promote-") as folder:
        bundle, model = _proved(registry, candidate, Path(folder) / "candidate")
        gates = gates_of(bundle, model)
        if production is not None and not is_again:
            gates += _compared(registry, candidate, model, production, Path(folder))
    failed = [f"{gate.name}: {gate.detail}" for gate in gates if not gate.is_passed]
    # What decides already, by force or after a rollback, is told again: its news may have been lost.
    if failed and not force and not is_again:
        raise GatesNotPassed(candidate.version, failed)
    registry.make_production(candidate, occasion, gates)
    return _event(candidate, bundle, occasion)


def compared_with_production(registry: Registry, built: BuiltModel) -> dict[str, float]:
    """Figures of the model in Production on the built one's held-out rows; empty without a comparison."""
    production = registry.with_alias(built.manifest.model_name, PRODUCTION)
    if production is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="compare-") as name:
        folder = Path(name)
        write_bundle(folder / "built", built.manifest, model_text=built.model_text, golden=built.golden)
        try:
            comparison = compare(
                ServingModel(read_bundle(folder / "built"), budget=UNHURRIED),
                *_production(registry, production, folder),
                built.held_out,
            )
        except (NotComparable, BundleRefused):
            return {}
    return comparison.as_metrics()


def roll_back(
    registry: Registry,
    *,
    name: str,
    version: str | None,
    occasion: Occasion,
    publish: Publish = _tell_nobody,
) -> ModelPromoted:
    """Make an older version Production again: the given one, or the one before the present.

    Only the bundle's own checks are asked: whoever rolls back has a reason that no gate knows.
    Rolling back twice returns to where one came from. `publish` is as in `promote`.

    Raises UnknownVersion, NeverProduction, GatesNotPassed for a bundle that is refused, PromotionUnderWay.
    """
    with registry.promoting(name):
        target = registry.with_alias(name, PREVIOUS) if version is None else registry.version(name, version)
        if target is None:
            raise UnknownVersion(f"{name} has no earlier Production version to go back to")
        if not registry.has_been_production(target):
            raise NeverProduction(target.version)
        with tempfile.TemporaryDirectory(prefix="rollback-") as folder:
            bundle, _ = _proved(registry, target, Path(folder))
        gates = [proved(bundle), Gate("rolled back", True, "no gate stands in the way of going back")]
        registry.make_production(target, occasion, gates)
        event = _event(target, bundle, occasion)
        publish(event)
    return event


def _candidate(registry: Registry, name: str, version: str | None) -> RegisteredVersion:
    if version is not None:
        return registry.version(name, version)
    staged = registry.with_alias(name, STAGING)
    if staged is None:
        raise UnknownVersion(f"nothing of {name} is staged; train first: scorestream train --data DIR")
    return staged


def _proved(registry: Registry, version: RegisteredVersion, folder: Path) -> tuple[Bundle, ServingModel]:
    try:
        bundle = read_bundle(registry.fetch_bundle(version, folder), expected_digest=version.digest)
        return bundle, ServingModel(bundle)
    except BundleRefused as refused:
        raise GatesNotPassed(version.version, [f"the bundle is refused: {refused}"]) from refused


def _compared(
    registry: Registry,
    candidate: RegisteredVersion,
    challenger: ServingModel,
    production: RegisteredVersion,
    folder: Path,
) -> list[Gate]:
    try:
        rows = read_held_out(registry.fetch_evaluation(candidate, folder / "evaluation"))
        comparison = compare(challenger, *_production(registry, production, folder), rows)
    except (NotComparable, BundleRefused, LookupError) as error:
        # What can't be compared, or read any more, must not keep its successor out.
        return [Gate("not worse than Production", True, f"{UNMEASURED}: {error}")]
    return gates_against_production(comparison)


def _production(
    registry: Registry, production: RegisteredVersion, folder: Path
) -> tuple[ServingModel, HeldOut | None]:
    """The model in Production, and what it has learnt from, None if it does not say."""
    place = registry.fetch_bundle(production, folder / "production")
    model = ServingModel(read_bundle(place, expected_digest=production.digest), budget=UNHURRIED)
    try:
        learnt = read_held_out(registry.fetch_evaluation(production, folder / "production-evaluation"))
    except LookupError:
        return model, None
    return model, learnt


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
