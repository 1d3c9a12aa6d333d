"""A model registry in memory, bundles in a folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.models import write_model
from training.build import BuiltModel
from training.errors import PromotionUnderWay, UnknownVersion
from training.gates import Gate
from training.held_out import write_held_out
from training.registry import PREVIOUS, PRODUCTION, STAGING, Occasion, RegisteredVersion
from training.tune import TrialFinished, Tuned


class FakeRegistry:
    """Implements `training.registry.Registry`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._versions: dict[tuple[str, str], RegisteredVersion] = {}
        self._aliases: dict[tuple[str, str], RegisteredVersion] = {}
        self._promoting: set[str] = set()
        self.runs: dict[str, str] = {}
        self.trials: list[TrialFinished] = []
        self.gates: dict[tuple[str, str], tuple[Gate, ...]] = {}

    def with_inputs(self, name: str, inputs_digest: str) -> RegisteredVersion | None:
        made_of = [
            version
            for version in self._versions.values()
            if (version.name, version.inputs_digest) == (name, inputs_digest)
        ]
        whole = [version for version in made_of if not version.is_cut_short]
        return (whole or made_of)[-1] if made_of else None

    def with_alias(self, name: str, alias: str) -> RegisteredVersion | None:
        return self._aliases.get((name, alias))

    def version(self, name: str, version: str) -> RegisteredVersion:
        if (name, version) not in self._versions:
            raise UnknownVersion(f"{name} has no version {version}")
        return self._versions[name, version]

    @contextmanager
    def run(self, name: str) -> Iterator[str]:
        self.runs[f"open-{len(self.runs)}"] = "RUNNING"
        run_id = list(self.runs)[-1]
        try:
            yield run_id
        except BaseException:
            self.runs[run_id] = "BROKEN"
            raise
        self.runs[run_id] = "FINISHED"

    def log_trial(self, run_id: str, trial: TrialFinished) -> None:
        self.trials.append(trial)

    def register(
        self,
        built: BuiltModel,
        *,
        run_id: str | None = None,
        tuned: Tuned | None = None,
        compared: Mapping[str, float] | None = None,
    ) -> RegisteredVersion:
        name = built.manifest.model_name
        number = str(1 + sum(1 for known, _ in self._versions if known == name))
        place = self._folder / name / number
        registered = RegisteredVersion(
            name=name,
            version=number,
            run_id=run_id or f"run-{number}",
            bundle_uri=str(place),
            digest=write_model(place, built),
            inputs_digest=built.manifest.lineage.inputs_digest,
            is_cut_short=bool(built.metrics["is_cut_short"]),
        )
        write_held_out(self._evaluation(registered), built.held_out)
        self._versions[name, number] = registered
        self.stage(registered)
        return registered

    def stage(self, version: RegisteredVersion) -> None:
        self._aliases[version.name, STAGING] = version

    def fetch_bundle(self, version: RegisteredVersion, folder: Path) -> Path:
        return Path(shutil.copytree(version.bundle_uri, folder / "bundle"))

    def fetch_evaluation(self, version: RegisteredVersion, folder: Path) -> Path:
        if not self._evaluation(version).is_dir():
            raise LookupError("no evaluation rows")
        return Path(shutil.copytree(self._evaluation(version), folder / "evaluation"))

    def _evaluation(self, version: RegisteredVersion) -> Path:
        return self._folder / version.name / f"{version.version}-evaluation"

    @contextmanager
    def promoting(self, name: str) -> Iterator[None]:
        if name in self._promoting:
            raise PromotionUnderWay(f"{name} is being promoted")
        self._promoting.add(name)
        try:
            yield
        finally:
            self._promoting.remove(name)

    def has_been_production(self, version: RegisteredVersion) -> bool:
        return (version.name, version.version) in self.gates

    def make_production(self, version: RegisteredVersion, occasion: Occasion, gates: Sequence[Gate]) -> None:
        before = self._aliases.get((version.name, PRODUCTION))
        if before is not None and before != version:
            self._aliases[version.name, PREVIOUS] = before
        self._aliases[version.name, PRODUCTION] = version
        self.gates[version.name, version.version] = tuple(gates)
