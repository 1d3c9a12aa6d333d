"""One expectation type for Great Expectations: at most this share of what was checked breaks a rule.

Great Expectations' own types count rows of a frame or a database. Here DuckDB has counted already,
so this one reads a fact out of the facts frame (`TableFacts.frame`) and renders itself for Data Docs
as the sentence of the suite with the counts beside it. Great Expectations' templates escape nothing,
and what was counted can quote a table's content, so the renderers do. Importing this takes seconds.
"""

from __future__ import annotations

from html import escape
from typing import Any, ClassVar

import pandas as pd
from great_expectations.core import ExpectationValidationResult
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnAggregateExpectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metrics.column_aggregate_metric_provider import (
    ColumnAggregateMetricProvider,
    column_aggregate_value,
)
from great_expectations.render.components import (
    LegacyDiagnosticRendererType,
    LegacyRendererType,
    RenderedStringTemplateContent,
)
from great_expectations.render.renderer.renderer import renderer

from feature_service.quality.facts import Fact

_METRIC = "column.counted_fact"


class CountedFact(ColumnAggregateMetricProvider):
    """A fact's counts, out of a section (a column of the facts frame)."""

    metric_name = _METRIC
    value_keys = ("fact",)

    @column_aggregate_value(engine=PandasExecutionEngine, filter_column_isnull=False)
    def _pandas(cls, column: pd.Series[Any], fact: str, **_: Any) -> dict[str, Any]:  # noqa: N805 - their decorator makes it a class method
        return {
            "count": int(column[fact]),
            "checked": int(column[f"{fact}: checked"]),
            "detail": str(column[f"{fact}: detail"]),
        }


class ExpectShareAtMost(ColumnAggregateExpectation):
    """At most the share `most` of what was checked counts against the fact of a section."""

    fact: str
    says: str
    most: float

    metric_dependencies = (_METRIC,)
    success_keys: ClassVar[tuple[str, ...]] = ("fact", "says", "most")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: ExecutionEngine[Any] | None = None,
    ) -> dict[str, Any]:
        counted = Fact(**metrics[_METRIC])
        return {
            "success": counted.share <= self.most,
            "result": {"observed_value": counted.said, "details": metrics[_METRIC]},
        }

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(
        cls,
        configuration: ExpectationConfiguration | None = None,
        result: ExpectationValidationResult | None = None,
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG003
    ) -> list[RenderedStringTemplateContent]:
        given = configuration or (result.expectation_config if result else None)
        if given is None:
            return []
        severity = str(getattr(given.severity, "value", given.severity))
        return [
            RenderedStringTemplateContent(
                content_block_type="string_template",
                string_template={
                    "template": "$severity $says.",
                    "params": {"severity": severity, "says": escape(given.kwargs["says"])},
                    "styling": {"params": {"severity": {"classes": ["badge", f"badge-{severity}"]}}},
                },
            )
        ]

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.OBSERVED_VALUE)
    def _diagnostic_observed_value_renderer(
        cls,
        configuration: ExpectationConfiguration | None = None,  # noqa: ARG003
        result: ExpectationValidationResult | None = None,
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG003
    ) -> str:
        return escape(str(result.result["observed_value"])) if result is not None else "--"
