"""What an image's processes import is installed in it: a container without it would end at once."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

import pytest
from packaging.utils import canonicalize_name

from infra.docker.catalogue import ROOT, image
from tests.platform.test_locks import pins

#: The programs that the chart starts in each image, by the module that they are.
PROGRAMS: Final = {
    "gateway": ("scorestream.commands.gateway", "scorestream.commands.keys"),
    "scorer": ("scorestream.commands.scorer", "scorer.fetch_bundle", "scorer.fetch_snapshot"),
    "features": ("scorestream.commands.features",),
    "ledger": tuple(
        f"scorestream.commands.{name}" for name in ("ledger", "archive", "lag", "topics", "acls", "dlq")
    ),
    "training": tuple(
        f"scorestream.commands.{name}" for name in ("train", "promote", "rollback", "drift", "quality")
    ),
}
#: Imported only by what an image does not do: none builds with Spark, a scorer reads what others built.
NOT_DONE: Final = {name: {"pyspark"} for name in PROGRAMS} | {"scorer": {"pyspark", "ibis"}}
OURS: Final = {path.parent.name for path in ROOT.glob("*/__init__.py")}


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_an_image_has_what_its_programs_import(name: str) -> None:
    installed = pins(image(name).lock).keys()
    seen: set[str] = set()
    needed = {top for module in PROGRAMS[name] for top in foreign_imports(module, seen)} - NOT_DONE[name]
    distributions = packages_distributions()
    missing = {
        top
        for top in needed
        if not installed & {canonicalize_name(one) for one in distributions.get(top, [top])}
    }
    assert missing == set()


def foreign_imports(module: str, seen: set[str]) -> Iterator[str]:
    """Packages from outside that `module` imports, and what it imports of ours, wherever that is written."""
    file = file_of(module)
    if module in seen or file is None:
        return
    seen.add(module)
    if parent := module.rpartition(".")[0]:
        yield from foreign_imports(parent, seen)
    for name in imported(ast.parse(file.read_text())):
        top = name.partition(".")[0]
        if top in OURS:
            yield from foreign_imports(name, seen)
        elif top not in sys.stdlib_module_names:
            yield top


def file_of(module: str) -> Path | None:
    """The module's file; None for a name that is something in a module."""
    place = ROOT / module.replace(".", "/")
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


def imported(node: ast.AST) -> Iterator[str]:
    """Names that are imported, `from a import b` as both `a` and `a.b`; not what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            yield child.module
            yield from (f"{child.module}.{alias.name}" for alias in child.names if is_ours(child.module))
        elif (
            isinstance(child, ast.keyword)
            and child.arg in {"http", "loop"}  # uvicorn imports what it is told by name
            and isinstance(child.value, ast.Constant)
            and isinstance(child.value.value, str)
        ):
            yield child.value.value
        yield from imported(child)


def is_ours(module: str) -> bool:
    """Whether the module is this project's."""
    return module.partition(".")[0] in OURS
