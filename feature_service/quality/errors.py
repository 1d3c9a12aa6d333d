"""What can go wrong around the quality gate.

    GateInputRejected            what was given cannot be checked or must not be used; never retried
    ├── UnknownTable             a name that is none of the eight tables
    └── GateRefused              at least one critical finding: nothing may be built from these tables

Bad rows are not errors but findings of a `GateReport`; `GateReport.require_passed` makes the one into
the other. A file that cannot be read is a critical finding of its table.
"""


class GateInputRejected(Exception):
    """The tables or the way they were named are at fault; trying again will not help."""


class UnknownTable(GateInputRejected):
    """A table name that no suite describes."""


class GateRefused(GateInputRejected):
    """The gate found something critical; its sentences are the message."""
