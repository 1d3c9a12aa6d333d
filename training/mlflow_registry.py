"""The model registry on an MLflow server. The only file of training that knows MLflow's API."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from infra.runtime.mlflow_client import mlflow_at
from scorer.bundle import write_bundle
from training.build import BuiltModel
from training.errors import RegistryUnavailable, TuningInterrupted, UnknownVersion
from training.gates import Gate
from training.gates_page import gates_page
from training.held_out import write_held_out
from training.mlflow_lock import promotion_lock
from training.mlflow_runs import EVALUATION, lineage_tags, log_model, log_run, log_trial
from training.registry import PREVIOUS, PRODUCTION, STAGING, Occasion, RegisteredVersion
from training.tune import TrialFinished, Tuned

P = ParamSpec("P")
R = TypeVar("R")

_BUNDLE: Final = "bundle"
_TAG_DIGEST: Final = "bundle_digest"
_TAG_URI: Final = "bundle_uri"
_TAG_INPUTS: Final = "inputs_digest"
_TAG_CUT_SHORT: Final = "is_cut_short"
#: For tools that read stages: MLflow's own stages are deprecated in favour of aliases.
_TAG_STAGE: Final = "stage"
_TAG_PROMOTED_AT: Final = "promoted_at"
#: Every time that the version was made Production, with the gates' answers; MLflow limits a tag's length.
_TAG_PROMOTIONS: Final = "promotions"
_MOST_PROMOTIONS: Final = 20


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
        """See `training.registry.Registry`."""
        has_inputs = f"name = '{name}' AND tags.{_TAG_INPUTS} = '{inputs_digest}'"
        found = self._client.search_model_versions(has_inputs)
        versions = sorted(map(_registered, found), key=lambda one: (not one.is_cut_short, int(one.version)))
        return versions[-1] if versions else None

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

    @contextmanager
    def run(self, name: str) -> Iterator[str]:
        """See `training.registry.Registry`. An interrupted run is marked KILLED, a broken one FAILED."""
        run_id = self._new_run(name)
        status = "FINISHED"
        try:
            yield run_id
        except (KeyboardInterrupt, TuningInterrupted):
            status = "KILLED"
            raise
        except BaseException:
            status = "FAILED"
            raise
        finally:
            self._end_run(run_id, status)

    @_translated
    def log_trial(self, run_id: str, trial: TrialFinished) -> None:
        """A tuning trial as a run nested in this one."""
        log_trial(self._client, run_id, trial)

    @_translated
    def register(
        self,
        built: BuiltModel,
        *,
        run_id: str | None = None,
        tuned: Tuned | None = None,
        compared: Mapping[str, float] | None = None,
    ) -> RegisteredVersion:
        """See `training.registry.Registry`."""
        name = built.manifest.model_name
        run_id = run_id or self._new_run(name)
        with self._mlflow.start_run(run_id=run_id) as run, tempfile.TemporaryDirectory() as folder:
            digest = write_bundle(
                Path(folder) / _BUNDLE, built.manifest, model_text=built.model_text, golden=built.golden
            )
            write_held_out(Path(folder) / EVALUATION, built.held_out)
            self._client.log_artifacts(run_id, folder)
            log_run(self._mlflow, built, tuned=tuned, compared=compared or {})
            logged = log_model(self._mlflow, built)
        version = self._client.create_model_version(
            name=self._ensured(name),
            source=logged.model_uri,
            run_id=run_id,
            model_id=logged.model_id,
            tags={
                **lineage_tags(built),
                _TAG_DIGEST: digest,
                _TAG_URI: f"{run.info.artifact_uri}/{_BUNDLE}",
                _TAG_CUT_SHORT: str(bool(built.metrics["is_cut_short"])),
            },
        )
        registered = _registered(version)
        self.stage(registered)
        return registered

    @_translated
    def stage(self, version: RegisteredVersion) -> None:
        """Move the alias `staging` to the version, and the stage, unless it decides."""
        name, number = version.name, version.version
        self._supersede(name)
        if self._tags(version).get(_TAG_STAGE) != "Production":
            self._client.set_model_version_tag(name, number, _TAG_STAGE, "Staging")
        self._client.set_registered_model_alias(name, STAGING, number)

    def _supersede(self, name: str) -> None:
        """Take the stage from the version that is staged, unless it decides."""
        with self._none_if_missing():
            before = self._client.get_model_version_by_alias(name, STAGING)
            if before.tags.get(_TAG_STAGE) == "Staging":
                self._client.set_model_version_tag(name, before.version, _TAG_STAGE, "Archived")

    @_translated
    def fetch_bundle(self, version: RegisteredVersion, folder: Path) -> Path:
        """The folder, inside `folder`, that the bundle's files were copied to."""
        return self._fetch(version.bundle_uri, folder)

    def fetch_evaluation(self, version: RegisteredVersion, folder: Path) -> Path:
        """The folder, inside `folder`, with the evaluation rows; LookupError if the version has none."""
        if not self._has_evaluation(version):
            raise LookupError(f"{version.name} version {version.version} has no evaluation rows")
        return self._fetch(f"{version.bundle_uri.removesuffix(_BUNDLE)}{EVALUATION}", folder)

    @contextmanager
    def promoting(self, name: str) -> Iterator[None]:
        """See `training.registry.Registry`."""
        holding = promotion_lock(self._client, name)
        _translated(holding.__enter__)()
        try:
            yield
        finally:
            _translated(lambda: holding.__exit__(None, None, None))()

    @_translated
    def has_been_production(self, version: RegisteredVersion) -> bool:
        """Whether a promotion of the version is written down."""
        return _TAG_PROMOTED_AT in self._tags(version)

    @_translated
    def make_production(self, version: RegisteredVersion, occasion: Occasion, gates: Sequence[Gate]) -> None:
        """Move the aliases `production` and `previous`, and write down who, when and on which facts."""
        before = self.with_alias(version.name, PRODUCTION)
        if before is not None and before.version != version.version:
            self._client.set_registered_model_alias(version.name, PREVIOUS, before.version)
            self._client.set_model_version_tag(version.name, before.version, _TAG_STAGE, "Archived")
        answers = [asdict(gate) for gate in gates]
        facts = {
            _TAG_STAGE: "Production",
            _TAG_PROMOTED_AT: occasion.at,
            "promoted_by": occasion.by,
            "gates": json.dumps(answers),
            _TAG_PROMOTIONS: json.dumps(
                [*self._promotions(version), {"at": occasion.at, "by": occasion.by, "gates": answers}]
            ),
        }
        for key, value in facts.items():
            self._client.set_model_version_tag(version.name, version.version, key, value)
        self._client.set_registered_model_alias(version.name, PRODUCTION, version.version)
        # The tags are the record. Whatever keeps the page for people from the artifact store, and there are
        # as many errors as kinds of stores, may not keep the scorers from being told.
        with suppress(Exception):
            page = gates_page(version, occasion, gates)
            self._client.log_text(version.run_id, page, f"promotions/{occasion.at.replace(':', '')}.html")

    def _promotions(self, version: RegisteredVersion) -> list[dict[str, Any]]:
        """The version's promotions before this one, oldest first; the newest of very many."""
        before: list[dict[str, Any]] = json.loads(self._tags(version).get(_TAG_PROMOTIONS, "[]"))
        return before[1 - _MOST_PROMOTIONS :]

    def _tags(self, version: RegisteredVersion) -> dict[str, str]:
        tags: dict[str, str] = self._client.get_model_version(version.name, version.version).tags
        return tags

    @_translated
    def _new_run(self, name: str) -> str:
        self._mlflow.set_experiment(name)
        experiment = self._client.get_experiment_by_name(name)
        return str(self._client.create_run(experiment.experiment_id).info.run_id)

    @_translated
    def _end_run(self, run_id: str, status: str) -> None:
        self._client.set_terminated(run_id, status=status)

    @_translated
    def _has_evaluation(self, version: RegisteredVersion) -> bool:
        return bool(self._client.list_artifacts(version.run_id, EVALUATION))

    @_translated
    def _fetch(self, uri: str, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return Path(self._mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(folder)))

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
        is_cut_short=entry.tags.get(_TAG_CUT_SHORT) == str(True),
    )
