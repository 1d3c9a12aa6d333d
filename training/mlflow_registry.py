"""The model registry on an MLflow server. The only file of training that knows MLflow's API."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from infra.runtime.mlflow_client import mlflow_at
from scorer.bundle import write_bundle
from training.build import BuiltModel
from training.curves import draw_calibration, draw_cost, draw_importance, draw_roc
from training.errors import RegistryUnavailable, UnknownVersion
from training.gates import Gate
from training.registry import PREVIOUS, PRODUCTION, STAGING, Occasion, RegisteredVersion

P = ParamSpec("P")
R = TypeVar("R")

_BUNDLE: Final = "bundle"
_TAG_DIGEST: Final = "bundle_digest"
_TAG_URI: Final = "bundle_uri"
_TAG_INPUTS: Final = "inputs_digest"
#: For tools that read stages: MLflow's own stages are deprecated in favour of aliases.
_TAG_STAGE: Final = "stage"


def _translated(call: Callable[P, R]) -> Callable[P, R]:
    """`call`, with MLflow's and its HTTP client's errors as RegistryUnavailable."""

    @functools.wraps(call)
    def translated(*args: P.args, **kwargs: P.kwargs) -> R:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        try:
            return call(*args, **kwargs)
        except (MlflowException, OSError) as error:
            first_line = (str(error).splitlines() or [type(error).__name__])[0]
            raise RegistryUnavailable(f"MLflow: {first_line}") from error

    return translated


class MlflowRegistry:
    """Implements `training.registry.Registry`."""

    def __init__(self, tracking_uri: str) -> None:
        self._mlflow: Any = mlflow_at(tracking_uri)
        self._client: Any = self._mlflow.MlflowClient(tracking_uri=tracking_uri)

    @_translated
    def with_inputs(self, name: str, inputs_digest: str) -> RegisteredVersion | None:
        """The newest version made from just these inputs, if any."""
        has_inputs = f"name = '{name}' AND tags.{_TAG_INPUTS} = '{inputs_digest}'"
        found = self._client.search_model_versions(has_inputs)
        newest = max(found, key=lambda entry: int(entry.version), default=None)
        return None if newest is None else _registered(newest)

    @_translated
    def with_alias(self, name: str, alias: str) -> RegisteredVersion | None:
        """The version that carries the alias, if any."""
        with self._none_if_missing():
            return _registered(self._client.get_model_version_by_alias(name, alias))
        return None

    @_translated
    def version(self, name: str, version: str) -> RegisteredVersion:
        """The version; UnknownVersion if there is none."""
        with self._none_if_missing():
            return _registered(self._client.get_model_version(name, version))
        raise UnknownVersion(f"{name} has no version {version}")

    @_translated
    def register(self, built: BuiltModel) -> RegisteredVersion:
        """A new version with its run, metrics, pictures and bundle; it gets the alias `staging`."""
        name = built.manifest.model_name
        self._mlflow.set_experiment(name)
        with self._mlflow.start_run() as run, tempfile.TemporaryDirectory(prefix="bundle-") as folder:
            digest = write_bundle(
                Path(folder) / _BUNDLE, built.manifest, model_text=built.model_text, golden=built.golden
            )
            self._client.log_artifacts(run.info.run_id, folder)
            self._log_run(run.info.run_id, built)
            logged = self._log_model(built)
        version = self._client.create_model_version(
            name=self._ensured(name),
            source=logged.model_uri,
            run_id=run.info.run_id,
            model_id=logged.model_id,
            tags={
                _TAG_DIGEST: digest,
                _TAG_URI: f"{run.info.artifact_uri}/{_BUNDLE}",
                _TAG_INPUTS: built.manifest.lineage.inputs_digest,
                _TAG_STAGE: "Staging",
            },
        )
        self._client.set_registered_model_alias(name, STAGING, version.version)
        return _registered(version)

    @_translated
    def fetch_bundle(self, version: RegisteredVersion, folder: Path) -> Path:
        """The folder, inside `folder`, that the bundle's files were copied to."""
        folder.mkdir(parents=True, exist_ok=True)
        return Path(
            self._mlflow.artifacts.download_artifacts(artifact_uri=version.bundle_uri, dst_path=str(folder))
        )

    @_translated
    def make_production(self, version: RegisteredVersion, occasion: Occasion, gates: Sequence[Gate]) -> None:
        """Move the aliases `production` and `previous`, and write down who, when and on which facts."""
        before = self.with_alias(version.name, PRODUCTION)
        if before is not None and before.version != version.version:
            self._client.set_registered_model_alias(version.name, PREVIOUS, before.version)
            self._client.set_model_version_tag(version.name, before.version, _TAG_STAGE, "Archived")
        facts = {
            _TAG_STAGE: "Production",
            "promoted_at": occasion.at,
            "promoted_by": occasion.by,
            "gates": json.dumps([asdict(gate) for gate in gates]),
        }
        for key, value in facts.items():
            self._client.set_model_version_tag(version.name, version.version, key, value)
        self._client.set_registered_model_alias(version.name, PRODUCTION, version.version)

    def _log_run(self, run_id: str, built: BuiltModel) -> None:
        lineage = built.manifest.lineage
        self._mlflow.log_params({**lineage.parameters, "seed": lineage.seed})
        self._mlflow.log_metrics(built.metrics)
        self._mlflow.set_tags({_TAG_INPUTS: lineage.inputs_digest, "code_digest": lineage.code_digest})
        with tempfile.TemporaryDirectory(prefix="pictures-") as name:
            folder = Path(name)
            draw_calibration(folder, built.decile_table)
            draw_cost(folder, built.held_out_probabilities, built.held_out_target, built.manifest.cut_offs)
            draw_roc(folder, built.held_out_probabilities, built.held_out_target)
            draw_importance(folder, built.importance)
            self._client.log_artifacts(run_id, name, "pictures")
        self._mlflow.log_dict({"deciles": [asdict(row) for row in built.decile_table]}, "deciles.json")

    def _log_model(self, built: BuiltModel) -> Any:
        import lightgbm  # noqa: PLC0415
        import pandas as pd  # noqa: PLC0415

        example = pd.DataFrame(built.example, columns=list(built.manifest.feature_names))
        booster = lightgbm.Booster(model_str=built.model_text)
        # Requirements by name: letting MLflow find them out starts a process of ten seconds.
        requirements = [
            f"{package}=={installed_version(package)}" for package in ("lightgbm", "numpy", "pandas")
        ]
        return self._mlflow.lightgbm.log_model(
            booster,
            name="model",
            signature=self._mlflow.models.infer_signature(example, booster.predict(example)),
            pip_requirements=requirements,
        )

    def _ensured(self, name: str) -> str:
        with self._none_if_missing():
            self._client.get_registered_model(name)
            return name
        self._client.create_registered_model(
            name, description="Probability of default of a loan application."
        )
        return name

    @contextmanager
    def _none_if_missing(self) -> Iterator[None]:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        try:
            yield
        except MlflowException as error:
            # An alias that is not set is reported as an invalid parameter.
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise


def _registered(entry: Any) -> RegisteredVersion:
    return RegisteredVersion(
        name=entry.name,
        version=str(entry.version),
        run_id=entry.run_id or "",
        bundle_uri=entry.tags.get(_TAG_URI, ""),
        digest=entry.tags.get(_TAG_DIGEST, ""),
        inputs_digest=entry.tags.get(_TAG_INPUTS, ""),
    )
