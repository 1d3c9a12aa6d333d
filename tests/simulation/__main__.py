"""Play schedules: `python -m tests.simulation --schedules 500`, or tell one of them: `--seed 17`."""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.planted import FAULTS
from tests.simulation.replay import tell
from tests.simulation.schedule import play, played


def main() -> int:
    """The exit status: 1 when a promise was broken."""
    arguments = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    arguments.add_argument("--schedules", type=int, default=500, help="how many to play")
    arguments.add_argument("--first", type=int, default=1, help="the first one's seed; the others follow it")
    arguments.add_argument("--seed", type=int, help="tell all that happens in this one schedule")
    arguments.add_argument("--fault", choices=sorted(FAULTS), default="none", help="a planted fault")
    given = arguments.parse_args()
    parts = FAULTS[given.fault]
    if given.seed is not None:
        world = played(given.seed, parts)
        sys.stdout.writelines(f"{line}\n" for line in tell(world))
        return 1 if world.findings else 0
    started = time.perf_counter()
    outcomes = [play(given.first + at, parts) for at in range(given.schedules)]
    failed = [outcome for outcome in outcomes if outcome.findings]
    for outcome in failed:
        for finding in outcome.findings:
            sys.stdout.write(
                f"seed {outcome.seed}: {finding.rule}: {finding.application_id} {finding.seen}\n"
            )
    sys.stdout.write(
        f"{len(outcomes)} schedules, {sum(one.requests for one in outcomes)} requests, "
        f"{sum(one.accepted for one in outcomes)} applications in the log, "
        f"{sum(one.scorings for one in outcomes)} scorings: {len(failed)} schedules with findings "
        f"{[one.seed for one in failed]}, {time.perf_counter() - started:.1f} s\n"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
