"""`python -m tests.bench`: measures, prints the table, and writes it down."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import NoReturn

from tests.bench.run import SECTIONS, run
from tests.bench.table import Row, as_json, compare, markdown, plain

LIMIT_SECONDS = 460
"""Of a whole run, so that it ends within eight minutes: what is not measured by then is not in the table."""


class TimeUp(KeyboardInterrupt):
    """The run has lasted `LIMIT_SECONDS`."""


def main() -> int:
    """0 whatever the table says, which is for reading; the arguments' own errors, and 130 when interrupted."""
    options = _options()
    rows: list[Row] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _end)
    signal.alarm(LIMIT_SECONDS)
    try:
        asyncio.run(run((section for section in SECTIONS if section.name in options.only), rows))
    except TimeUp:
        print(f"the time of {LIMIT_SECONDS} s was up", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    signal.alarm(0)
    _tell(rows, options)
    return 0


def _end(number: int, _: object) -> NoReturn:
    """Wherever the bench is, whatever has been started is ended on the way out."""
    raise TimeUp if number == signal.SIGALRM else KeyboardInterrupt


def _options() -> argparse.Namespace:
    names = [section.name for section in SECTIONS]
    always = [section.name for section in SECTIONS if section.always]
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the rows there too")
    parser.add_argument("--against", type=Path, metavar="FILE", help="compares with what --json wrote in another run")
    parser.add_argument("--markdown", action="store_true", help="prints the table as Markdown")
    parser.add_argument("--only", nargs="+", choices=names, default=always, help="measures these parts alone")
    return parser.parse_args()


def _tell(rows: list[Row], options: argparse.Namespace) -> None:
    earlier = json.loads(options.against.read_text()) if options.against else None
    print(markdown(rows) if options.markdown else plain(rows))
    if options.json:
        options.json.write_text(as_json(rows))
    if earlier is not None:
        print(f"\nagainst {options.against}:\n{compare(rows, earlier)}")


if __name__ == "__main__":
    sys.exit(main())
