"""The pipeline behind `scorestream train`: a folder of files in, a staged version out.

Training the same inputs again finds the version that they gave and stops there, so the command can
be run by schedulers and start scripts without thinking.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from training.applications import FILE_NAME, file_sha256, read_labelled_applications
from training.build import BuiltModel, Origin, build_model
from training.errors import BadApplicationsFile
from training.fit import FitSettings, Progress
from training.lineage import code_digest, inputs_digest
from training.registry import RegisteredVersion, Registry


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """The version that the inputs give; `built` is None if it was there already."""

    version: RegisteredVersion
    built: BuiltModel | None


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What is trained: `folder` holds application_train.csv; equal plans on equal files give equal bytes."""

    folder: Path
    model_name: str
    settings: FitSettings
    seed: int


def train(
    plan: TrainingPlan, registry: Registry, *, force: bool = False, progress: Progress
) -> TrainingOutcome:
    """The staged version of the plan: the one that is there already, or a new one.

    `force` trains in any case. `progress` is told each stage and its share done.

    Raises BadApplicationsFile, RegistryUnavailable.
    """
    progress("fingerprinting inputs", 0.0)
    origin = origin_of(plan)
    known = None if force else registry.with_inputs(plan.model_name, origin.inputs_digest)
    if known is not None:
        return TrainingOutcome(version=known, built=None)
    progress("reading applications", 0.0)
    applications = read_labelled_applications(plan.folder / FILE_NAME)
    built = build_model(
        applications, model_name=plan.model_name, settings=plan.settings, origin=origin, progress=progress
    )
    progress("registering", 0.0)
    version = registry.register(built)
    progress("staged", 1.0)
    return TrainingOutcome(version=version, built=built)


def origin_of(plan: TrainingPlan) -> Origin:
    """The fingerprint of the plan: of its file, parameters, seed, and the code that would run."""
    path = plan.folder / FILE_NAME
    if not path.is_file():
        raise BadApplicationsFile(f"{path} is missing; --data is the folder that holds {FILE_NAME}")
    sha256 = {FILE_NAME: file_sha256(path)}
    parameters = asdict(plan.settings)
    code = code_digest()
    return Origin(
        inputs_digest=inputs_digest(sha256=sha256, code=code, parameters=parameters, seed=plan.seed),
        code_digest=code,
        sha256=sha256,
        parameters=parameters,
        seed=plan.seed,
    )
