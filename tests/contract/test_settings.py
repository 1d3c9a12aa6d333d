"""A process is set by one frozen object that says what its fields are; nothing else reads the environment."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pydantic
import pytest
from pydantic_settings import BaseSettings

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("contracts", "dags", "feature_service", "gateway", "infra", "scorer", "scorestream", "training")
#: Hand the environment on to a child process or to a library; read no setting of ours.
HANDS_IT_ON = {"infra/local/processes.py", "infra/runtime/mlflow_client.py"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_bytes())


def _settings_classes() -> Iterator[type[BaseSettings]]:
    for path, tree in sources():
        for node in ast.walk(tree):
            is_settings = isinstance(node, ast.ClassDef) and any(
                isinstance(base, ast.Name) and base.id == "BaseSettings" for base in node.bases
            )
            if is_settings:
                assert isinstance(node, ast.ClassDef)
                module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
                yield getattr(module, node.name)


SETTINGS = list(_settings_classes())
FIELDS = [(settings, name) for settings in SETTINGS for name in settings.model_fields]


def touches_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        is_os = isinstance(node.value, ast.Name) and node.value.id == "os"
        return is_os and node.attr in {"environ", "environb", "getenv", "putenv"}
    is_import = isinstance(node, ast.ImportFrom) and node.module == "os"
    return is_import and any(name.name in {"environ", "environb", "getenv"} for name in node.names)  # type: ignore[attr-defined]


def test_the_scan_finds_the_processes_settings() -> None:
    assert {"GatewaySettings", "ScorerSettings", "KafkaConnection"} <= {one.__name__ for one in SETTINGS}


@pytest.mark.parametrize(("settings", "name"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_every_setting_says_what_it_is(settings: type[BaseSettings], name: str) -> None:
    field = settings.model_fields[name]
    nested = isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings)
    assert nested or (field.description and field.description.endswith("."))


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings.__name__)
def test_settings_are_frozen_and_have_a_prefix_of_their_own(settings: type[BaseSettings]) -> None:
    prefixes = [other.model_config.get("env_prefix") for other in SETTINGS]
    prefix = settings.model_config.get("env_prefix")
    assert prefix
    assert prefix.endswith("_")
    assert prefixes.count(prefix) == 1
    made = settings()
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        setattr(made, next(iter(settings.model_fields)), None)


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings.__name__)
def test_a_process_starts_without_any_variable(
    settings: type[BaseSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in settings.model_fields:
        monkeypatch.delenv(f"{settings.model_config['env_prefix']}{name.upper()}", raising=False)
    assert settings()


def test_a_password_is_not_shown_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "hunter2")
    for settings in SETTINGS:
        assert "hunter2" not in repr(settings())


def test_nothing_else_reads_the_environment() -> None:
    reading = {path for path, tree in sources() if any(touches_environment(node) for node in ast.walk(tree))}
    assert reading - HANDS_IT_ON == set()
