"""An Asterisk new enough to serve: the machine's own, or Debian's in a private root."""

import os
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from asterisk.pbx.bring import as_root, bring_root
from asterisk.pbx.errors import PbxError
from asterisk.pbx.places import PRIVATE

ROOT = PRIVATE / "root"
INSTANCES = Path("srv/patchbay")  # inside the private root
Version = tuple[int, ...]

# Below these, security fixes are missing, or 22.9's deadlock is there. 21 gets no fixes any more.
FLOORS: dict[int, Version] = {20: (20, 20), 22: (22, 10), 23: (23, 4)}
NEWEST_KNOWN = max(FLOORS)


@dataclass(frozen=True)
class Installation:
    """Programs of the machine itself (`root` is None) or of a private root."""

    root: Path | None
    version: Version

    def command(self, *argv: str) -> list[str]:
        """The command line that runs `argv` in this installation."""
        if self.root is None:
            return list(argv)
        us = f"--userspec={os.getuid()}:{os.getgid()}"
        return as_root(["chroot", us, str(self.root), *argv])

    def path_inside(self, path: Path) -> Path:
        """The name a program of this installation knows `path` by; ValueError if it cannot see it."""
        return path if self.root is None else Path("/") / path.relative_to(self.root)

    def path_outside(self, path: Path) -> Path:
        """The machine's name of what a program of this installation calls `path`."""
        return path if self.root is None else self.root / path.relative_to("/")

    def folder(self, name: str) -> Path:
        """The machine's name of a folder, not made yet, that programs of this installation can see."""
        return PRIVATE / "instances" / name if self.root is None else self.root / INSTANCES / name


def parse_version(text: str) -> Version:
    """The version in what `asterisk -V` prints; empty when there is none."""
    match = re.search(r"Asterisk (?:certified[/-])?(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def new_enough(version: Version) -> bool:
    """Whether the service is known, or new enough to be expected, to work with this Asterisk."""
    if not version:
        return False
    if version[0] > NEWEST_KNOWN:
        return True
    floor = FLOORS.get(version[0])
    return floor is not None and version >= floor


def find() -> Installation:
    """The machine's own Asterisk when it is new enough, else Debian's in `.pbx/root`, brought when absent.

    Raises PbxError when neither is there and none can be brought.
    """
    own = _own_asterisk()
    return own if own is not None else private_installation()


def find_phones() -> Installation:
    """Where baresip and sipp are: the machine itself when it has both, else the private root."""
    if shutil.which("baresip") and shutil.which("sipp"):
        return Installation(root=None, version=())
    return private_installation()


def private_installation() -> Installation:
    """The Asterisk, baresip and sipp of `.pbx/root`, brought when absent."""
    bring_root(ROOT)
    _name_host(ROOT)
    installation = Installation(ROOT, _ask_version(Installation(ROOT, ())))
    if not new_enough(installation.version):
        raise PbxError(f"{ROOT} holds an Asterisk too old for the service: remove the folder, run again")
    return installation


def _own_asterisk() -> Installation | None:
    if shutil.which("asterisk") is None:
        return None
    version = _ask_version(Installation(None, ()))
    return Installation(None, version) if new_enough(version) else None


def _ask_version(installation: Installation) -> Version:
    answer = subprocess.run(
        installation.command("asterisk", "-V"), capture_output=True, text=True, check=False, timeout=20
    )
    return parse_version(answer.stdout)


def _name_host(root: Path) -> None:
    """Asterisk looks its host's name up at the first call; unknown, it costs a DNS timeout and errors."""
    hosts = root / "etc" / "hosts"
    text = f"127.0.0.1 localhost {socket.gethostname()}\n::1 localhost\n"
    if not hosts.exists() or hosts.read_text() != text:
        command = as_root(["tee", str(hosts)])
        subprocess.run(command, input=text, text=True, stdout=subprocess.DEVNULL, check=True)
