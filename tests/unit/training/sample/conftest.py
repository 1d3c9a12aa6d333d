"""One sample of 5,000 applicants for all tests of the package."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from training.sample import SampleWritten, write_sample

APPLICANTS = 5_000
SEED = 11

Table = Callable[[str], pd.DataFrame]


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> SampleWritten:
    return write_sample(tmp_path_factory.mktemp("sample"), applicants=APPLICANTS, seed=SEED)


@pytest.fixture(scope="session")
def folder(written: SampleWritten) -> Path:
    return written.folder


@pytest.fixture(scope="session")
def table(folder: Path) -> Table:
    """Reads a table as pandas does by default, so encodings are tested too."""

    @cache
    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(folder / f"{name}.csv")

    return read


@pytest.fixture(scope="session")
def applications(table: Table) -> pd.DataFrame:
    """All applicants, train above test."""
    return pd.concat([table("application_train"), table("application_test")], ignore_index=True)
