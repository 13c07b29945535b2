"""Reads Asterisk's configuration files as far as the tests need."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from asterisk.pbx.places import CONF

HEADER = re.compile(r"^\[([^\]]+)\](?:\(([^)]*)\))?$")
EXTEN = re.compile(r"^(?:exten|same)\s*=>?\s*")


@dataclass
class Section:
    """One `[name](flags and templates)` with its `key = value` lines, in order."""

    name: str
    flags: list[str] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)

    def get(self, key: str) -> list[str]:
        """All values of a key."""
        return [value for name, value in self.lines if name == key]


def files() -> list[Path]:
    """Every shipped configuration file."""
    return sorted(CONF.glob("*.conf"))


def sections(name: str) -> list[Section]:
    """The sections of a shipped file."""
    return parse((CONF / name).read_text())


def parse(text: str) -> list[Section]:
    """The sections of a file's text; comments and directives are left out."""
    found: list[Section] = []
    for raw in text.splitlines():
        line = raw.strip()
        if header := HEADER.match(line):
            flags = [flag.strip() for flag in (header[2] or "").split(",") if flag.strip()]
            found.append(Section(header[1], flags))
        elif line and line[0] not in ";#" and "=" in line:
            key, _, value = line.partition("=")
            found[-1].lines.append((key.strip(), value.removeprefix(">").strip()))
    return found


def names(name: str) -> set[str]:
    """The names of a file's sections."""
    return {section.name for section in sections(name)}


def section(file: str, name: str) -> Section:
    """The first section of that name."""
    return next(one for one in sections(file) if one.name == name)


def dialplan() -> str:
    """The dialplan's text without comments."""
    text = "\n".join((CONF / name).read_text() for name in ("extensions.conf", "patchbay.conf"))
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(";"))
