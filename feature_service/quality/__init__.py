"""The quality gate over the eight tables. `suites` says what is expected, `run_gate` checks it."""

from feature_service.quality.errors import GateInputRejected, GateRefused, UnknownTable
from feature_service.quality.gate import run_gate
from feature_service.quality.report import Finding, GateReport, TableSummary
from feature_service.quality.vocabulary import Severity

__all__ = [
    "Finding",
    "GateInputRejected",
    "GateRefused",
    "GateReport",
    "Severity",
    "TableSummary",
    "UnknownTable",
    "run_gate",
]
