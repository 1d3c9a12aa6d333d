"""What must be true of everything that happened, and a checker that says where it is not.

    events.py    the history: every request with its answer, a final read of all topics, the commits
    record.py    what the log says about each application: the one rule of who decided
    checker.py   the findings

Knows nothing of how a history came about: the simulator makes them, and so do fault tests on real processes.
"""
