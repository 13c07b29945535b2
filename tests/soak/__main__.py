"""`make soak`: the soak on an Asterisk of its own, and its figures; fails when anything is left or unaccounted for."""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from asterisk.pbx import PbxError
from tests.instruments.stage import live_stage
from tests.soak.run import Plan, soak
from tests.soak.verdict import complaints, figures


def main() -> int:
    """1 when Asterisk cannot be had or something is wrong."""
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=12.0, help="calls a second")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="of what the operators do")
    asked = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder, live_stage(Path(folder), "soak", park_seconds="2") as stage:
            report = soak(stage, Plan(asked.calls, asked.seed, asked.rate))
    except (PbxError, AssertionError) as error:
        print(error, file=sys.stderr)
        return 1
    print(figures(report))
    wrong = complaints(report)
    print("\n".join(wrong) or "Nothing is left, and every call is accounted for.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
