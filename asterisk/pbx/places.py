"""The folders of the project this package knows."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CONF = PROJECT / "asterisk" / "conf"
MUSIC = PROJECT / "asterisk" / "moh"
PRIVATE = PROJECT / ".pbx"  # never in git: the private root, secrets, logs
