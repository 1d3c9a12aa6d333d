"""An Airflow of the test's own in this process: folder, database, DAGs. Import no Airflow before it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

DAGS = Path(__file__).resolve().parent.parent.parent / "dags"


def airflow_settings(home: Path) -> dict[str, str]:
    """Variables of an Airflow in `home` with the DAGs of this repository and SQLite."""
    bundle = {
        "name": "scorestream",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(DAGS)},
    }
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
    }


@contextmanager
def airflow_in_process(home: Path, settings: Mapping[str, str]) -> Iterator[None]:
    """Airflow can be imported and has a database while the block lasts; one home per process."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**airflow_settings(home), **settings}.items():
            patch.setenv(name, value)
        patch.syspath_prepend(str(DAGS))
        from airflow.utils.db import initdb  # noqa: PLC0415 - reads the environment when imported

        initdb()
        yield


def dags_with(settings: Mapping[str, str]) -> dict[str, Any]:
    """The DAGs as they are with these further settings, by id."""
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415

    for name in [one for one in sys.modules if one.split(".")[0] == "scorestream_dags"]:
        del sys.modules[name]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        bag = DagBag(str(DAGS))
    assert bag.import_errors == {}
    return dict(bag.dags)
