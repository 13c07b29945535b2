"""Reads what a documentation page tells its reader to put into files, so that a test can do just that."""

import re
from pathlib import Path

BLOCK = re.compile(r"^`([\w./-]+)`: .+\n(?:.+\n)*\n```\w*\n((?:(?!```).*\n)*)```$", re.MULTILINE)


def files_of(page: Path) -> dict[str, str]:
    """File name -> text of each fenced block whose paragraph begins with that name and a colon."""
    return dict(BLOCK.findall(page.read_text()))
