"""Where the expressions of the views run: DuckDB on this machine, or Spark by its master's address."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa

from feature_service.errors import EngineUnavailable

#: Groups and sorts of more outgrow the processor's caches, then the memory: twice the time and more.
_ROWS_AT_ONCE: Final = 2_000_000


class Engine(Protocol):
    """Reads tables and evaluates expressions on them."""

    name: str
    #: Rows of a table that are best evaluated at a time; None for as many as there are.
    rows_at_once: int | None

    def tables(self, parquet: Mapping[str, Path]) -> dict[str, ir.Table]:
        """The Parquet files as tables."""

    def evaluated(self, expression: ir.Table) -> pa.Table:
        """The rows of the expression."""

    def close(self) -> None:
        """Give back what the engine holds."""


class DuckDbEngine:
    """DuckDB with a bound on its memory; what does not fit goes to the disk."""

    name = "duckdb"

    def __init__(
        self,
        *,
        memory_limit: str = "4GB",
        threads: int = 2,
        spill: Path | None = None,
        rows_at_once: int = _ROWS_AT_ONCE,
    ) -> None:
        self.rows_at_once: int | None = rows_at_once
        settings: dict[str, Any] = {
            "memory_limit": memory_limit,
            "threads": threads,
            "preserve_insertion_order": False,
        }
        if spill is not None:
            spill.mkdir(parents=True, exist_ok=True)
            settings["temp_directory"] = str(spill)
        self._backend = ibis.duckdb.connect(**settings)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection itself: for ingestion and the quality gate."""
        connection: duckdb.DuckDBPyConnection = self._backend.con
        return connection

    def tables(self, parquet: Mapping[str, Path]) -> dict[str, ir.Table]:
        """The Parquet files as views under their tables' names."""
        return {
            name: self._backend.read_parquet(str(path), table_name=name) for name, path in parquet.items()
        }

    def evaluated(self, expression: ir.Table) -> pa.Table:
        """The rows of the expression."""
        # Ibis' own way to Arrow compiles twice and casts what has its type already: half a second each time.
        return self.connection.sql(self._backend.compile(expression)).to_arrow_table()

    def close(self) -> None:
        """Close the connection."""
        self._backend.disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SparkEngine:
    """Spark. `master` is `local[2]`, or a cluster whose workers see the Parquet files by the same path."""

    name = "spark"
    rows_at_once: int | None = None

    def __init__(self, *, master: str = "local[2]", driver_memory: str = "3g") -> None:
        try:
            from pyspark.sql import SparkSession  # noqa: PLC0415  (seconds to import, an extra of its own)

            session = (
                SparkSession.builder.master(master)
                .appName("scorestream-features")
                .config("spark.driver.memory", driver_memory)
                .config("spark.driver.host", "127.0.0.1")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .config("spark.ui.enabled", "false")
                .config("spark.sql.shuffle.partitions", "8")
                .config("spark.sql.session.timeZone", "UTC")
                .config("spark.sql.execution.arrow.pyspark.enabled", "true")
                # Hundreds of aggregates outgrow one generated method; interpreted is right too.
                .config("spark.sql.codegen.fallback", "true")
                .getOrCreate()
            )
            session.sparkContext.setLogLevel("ERROR")
        except Exception as error:
            raise EngineUnavailable(
                f"Spark does not start ({type(error).__name__}): it needs the extra `spark` and Java 17 or 21"
            ) from error
        self._session = session
        self._backend = ibis.pyspark.connect(session)

    def tables(self, parquet: Mapping[str, Path]) -> dict[str, ir.Table]:
        """The Parquet files as temporary views under their tables' names."""
        return {
            name: self._backend.read_parquet(str(path), table_name=name) for name, path in parquet.items()
        }

    def evaluated(self, expression: ir.Table) -> pa.Table:
        """The rows of the expression, brought to this machine."""
        return self._backend.to_pyarrow(expression)

    def close(self) -> None:
        """Stop the session."""
        self._session.stop()
