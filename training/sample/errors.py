"""What can go wrong when a sample is asked for.

SampleRejected   the request makes no sense (unknown table, no applicants); mend it, never retry
"""


class SampleRejected(ValueError):
    """The request for a sample cannot be met as it stands."""
