"""A process that reads ranges of a table for a worker, by `python -m`; see range_pool.py."""

import os
import signal
import sys

from penstock.lean import leave_out_unused, stop_leaving_out_numpy


def main() -> int:
    """Read what standard input asks for until it asks for an end, or ends itself.

    Signals to end are its worker's, which then says so: who dies before that is missed.
    """
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    # What is printed by mistake must not stand among the answers.
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    leave_out_unused()
    from penstock.local.jobs.range_orders import follow  # noqa: PLC0415 - behind what is left out

    stop_leaving_out_numpy()
    return follow(sys.stdin.fileno(), answers)


if __name__ == "__main__":
    sys.exit(main())
