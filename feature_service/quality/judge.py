"""Runs a table's expectations through Great Expectations, in memory, telling nobody.

Called by `gate`. The context is ephemeral: no project folder, no analytics, no network.
"""

from __future__ import annotations

from typing import Any, Final

import great_expectations as gx
from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.datasource.fluent.pandas_datasource import PandasDatasource
from great_expectations.expectations.metadata_types import FailureSeverity

from feature_service.quality.expectations import Expect
from feature_service.quality.fact_expectation import ExpectShareAtMost
from feature_service.quality.facts import TableFacts
from feature_service.quality.report import Finding

_PLACE: Final = "place"


class Judge:
    """A Great Expectations context that tables are brought before, one at a time."""

    def __init__(self) -> None:
        # Analytics are off in code, so that nobody has to remember an environment variable; and no
        # folder of Great Expectations' own is left in the temporary directory.
        project = DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            progress_bars=ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        )
        self._context: Any = gx.get_context(mode="ephemeral", project_config=project)
        self._facts: PandasDatasource = self._context.data_sources.add_pandas("facts")

    def judge(
        self, facts: TableFacts, expected: list[Expect]
    ) -> tuple[list[Finding], ExpectationSuiteValidationResult]:
        """What is broken, gravest first per fact, and Great Expectations' own result for Data Docs."""
        whole = self._facts.add_dataframe_asset(facts.table).add_batch_definition_whole_dataframe("all")
        suite = self._context.suites.add(
            gx.ExpectationSuite(
                name=facts.table,
                expectations=[_translated(expect, place) for place, expect in enumerate(expected)],
            )
        )
        definition = self._context.validation_definitions.add(
            gx.ValidationDefinition(name=facts.table, data=whole, suite=suite)
        )
        result: ExpectationSuiteValidationResult = definition.run(
            batch_parameters={"dataframe": facts.frame()}
        )
        return _findings(facts, expected, result), result


def _translated(expect: Expect, place: int) -> ExpectShareAtMost:
    return ExpectShareAtMost(
        column=expect.section,
        fact=expect.fact,
        says=expect.says,
        most=expect.most,
        severity=FailureSeverity(expect.severity.value),
        meta={_PLACE: place, "mend": expect.mend},
    )


def _findings(
    facts: TableFacts, expected: list[Expect], result: ExpectationSuiteValidationResult
) -> list[Finding]:
    """One finding per broken fact: where a warning and a critical expectation break, the critical one."""
    broken: dict[tuple[str, str], Finding] = {}
    for outcome in result.results:
        if outcome.success:
            continue
        finding, fact = _finding(facts, expected, outcome)
        known = broken.get(fact)
        if known is None or finding.is_critical:
            broken[fact] = finding
    return list(broken.values())


def _finding(
    facts: TableFacts, expected: list[Expect], outcome: ExpectationValidationResult
) -> tuple[Finding, tuple[str, str]]:
    if outcome.expectation_config is None:
        raise RuntimeError(f"{facts.table}: an outcome without its expectation: {outcome}")
    expect = expected[outcome.expectation_config.meta[_PLACE]]
    fact = facts.get(expect.section, expect.fact)
    # Great Expectations reports an error in its own machinery as a broken expectation; that must
    # not pass for bad rows.
    if fact is None or fact.share <= expect.most:
        raise RuntimeError(f"{facts.table}: {expect.says}: {outcome.exception_info}")
    finding = Finding(
        table=facts.table,
        column=expect.columns,
        expectation=expect.says,
        severity=expect.severity,
        observed=fact.said,
        wanted=f"at most {100 * expect.most:.4g} %" if expect.most else "none",
        mend=expect.mend,
    )
    return finding, (expect.section, expect.fact)
