"""`python -m tests.bench`: measures, prints the table, and writes it down."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from tests.bench.run import SECTIONS, run
from tests.bench.table import Row, as_json, compare, markdown, plain


def main() -> int:
    """0 whatever the table says, which is for reading; the arguments' own errors, and 130 for Ctrl-C."""
    options = _options()
    chosen = tuple(section for section in SECTIONS if section.name in options.only)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        rows = asyncio.run(run(chosen))
    except KeyboardInterrupt:
        return 130
    _tell(rows, options)
    return 0


def _options() -> argparse.Namespace:
    names = [section.name for section in SECTIONS]
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the rows there too")
    parser.add_argument("--against", type=Path, metavar="FILE", help="compares with what --json wrote in another run")
    parser.add_argument("--markdown", action="store_true", help="prints the table as Markdown")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="measures these parts alone")
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
