from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from infra.kafka.artifacts import COORDINATES, REQUIRED_JARS, KafkaRuntime, cached_jars, check_jars
from infra.kafka.errors import ArtifactsUnavailable


@pytest.fixture
def jars(tmp_path: Path) -> tuple[Path, ...]:
    folder = tmp_path / "jars"
    folder.mkdir()
    paths = tuple(folder / name for name in REQUIRED_JARS)
    for path in paths:
        with zipfile.ZipFile(path, "w") as jar:
            jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
    return paths


@pytest.fixture
def class_path_file(tmp_path: Path, jars: tuple[Path, ...]) -> Path:
    file = tmp_path / "class-path.json"
    sizes = {str(jar): jar.stat().st_size for jar in jars}
    file.write_text(json.dumps({"coordinates": list(COORDINATES), "jars": sizes}))
    return file


def test_a_complete_cache_gives_its_jars(class_path_file: Path, jars: tuple[Path, ...]) -> None:
    assert cached_jars(class_path_file) == jars


def test_a_cache_that_lost_a_jar_is_not_used(class_path_file: Path, jars: tuple[Path, ...]) -> None:
    jars[1].unlink()
    assert cached_jars(class_path_file) is None


def test_a_cache_with_a_shortened_jar_is_not_used(class_path_file: Path, jars: tuple[Path, ...]) -> None:
    jars[1].write_bytes(jars[1].read_bytes()[:-1])
    assert cached_jars(class_path_file) is None


def test_a_cache_of_other_versions_is_not_used(class_path_file: Path) -> None:
    listing = json.loads(class_path_file.read_text())
    listing["coordinates"] = ["org.apache.kafka:kafka_2.13:4.0.0"]
    class_path_file.write_text(json.dumps(listing))
    assert cached_jars(class_path_file) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"jars": []}'])
def test_an_unreadable_cache_is_not_used(tmp_path: Path, text: str) -> None:
    file = tmp_path / "class-path.json"
    file.write_text(text)
    assert cached_jars(file) is None


def test_no_cache_is_not_an_error(tmp_path: Path) -> None:
    assert cached_jars(tmp_path / "absent.json") is None


def test_jars_that_belong_together_are_accepted(jars: tuple[Path, ...]) -> None:
    check_jars(jars)


def test_a_half_downloaded_jar_is_named(jars: tuple[Path, ...]) -> None:
    jars[0].write_bytes(b"PK\x03\x04 and then the network went away")
    with pytest.raises(ArtifactsUnavailable, match=jars[0].name):
        check_jars(jars)


def test_kafka_clients_of_another_version_than_the_broker_are_refused(jars: tuple[Path, ...]) -> None:
    # Happened with log4j-slf4j-impl on the class path, whose parent pins kafka-clients 3.9.1.
    older = jars[1].rename(jars[1].with_name("kafka-clients-3.9.1.jar"))
    with pytest.raises(ArtifactsUnavailable, match=r"kafka-clients-4\.3\.1\.jar"):
        check_jars((jars[0], older, jars[2]))


def test_the_class_path_lists_every_jar() -> None:
    runtime = KafkaRuntime(java=Path("/java"), jars=(Path("/a.jar"), Path("/b.jar")))
    assert runtime.class_path == "/a.jar:/b.jar"
