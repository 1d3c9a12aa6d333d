"""What the last step of a build leaves: a bill of materials, bytecode by content, one time for all."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from infra.docker.finish import bill_of_materials, still


def test_the_bill_names_what_is_installed_with_its_package_url() -> None:
    bill = bill_of_materials("scorestream-gateway")
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    parts = {part["name"]: part for part in bill["components"]}
    assert parts["pydantic"]["purl"] == f"pkg:pypi/pydantic@{parts['pydantic']['version']}"


def test_the_same_packages_give_the_same_bill_and_another_image_another() -> None:
    assert bill_of_materials("one") == bill_of_materials("one")
    assert bill_of_materials("one")["serialNumber"] != bill_of_materials("two")["serialNumber"]


def test_every_file_and_folder_gets_the_same_time(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "module.py").write_text("")
    (tmp_path / "link").symlink_to("package")
    still(tmp_path, 1_700_000_000)
    times = {path.lstat().st_mtime for path in [tmp_path, *tmp_path.rglob("*")]}
    assert times == {1_700_000_000}


def test_an_installers_notes_are_gone(tmp_path: Path) -> None:
    notes = tmp_path / "scorestream-0.1.0.dist-info"
    notes.mkdir()
    (notes / "METADATA").write_text("")
    (notes / "direct_url.json").write_text("{}")
    kept = f"{notes.name}/METADATA,sha256=1,0\n"
    (notes / "RECORD").write_text(f"{kept}{notes.name}/direct_url.json,sha256=2,2\n")
    still(tmp_path, 0)
    assert {path.name for path in notes.iterdir()} == {"METADATA", "RECORD"}
    assert (notes / "RECORD").read_text() == kept


def test_it_runs_in_an_image_that_has_nothing_of_ours() -> None:
    spec = importlib.util.find_spec("infra.docker.finish")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text()
    assert "from infra" not in source
    assert "import infra" not in source
