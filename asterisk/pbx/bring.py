"""Brings Debian's Asterisk, and what the tests need beside it, into a private root, with mmdebstrap."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asterisk.pbx.errors import PbxError

SUITE = "forky"  # the oldest Debian whose Asterisk is new enough
PACKAGES = ("asterisk", "asterisk-core-sounds-en-gsm", "baresip-core", "sip-tester", "fail2ban")
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
# A mirror that is behind has an expired Release file, which apt refuses.
EXPIRED_IS_FINE = '--aptopt=Acquire::Check-Valid-Until "false"'


def bring_root(root: Path) -> None:
    """Makes the private root unless it is there; PbxError says what is missing. Safe to run twice at once."""
    if root.exists():
        return
    root.parent.mkdir(parents=True, exist_ok=True)
    with _locked(root.with_name(f"{root.name}.lock")):
        if not root.exists():
            _build(root)


def as_root(command: list[str]) -> list[str]:
    """The command, through sudo when we are not root; PbxError when there is no sudo."""
    if os.geteuid() == 0:
        return command
    if shutil.which("sudo") is None:
        raise PbxError("a private root needs root: run as root, or install sudo, or Asterisk 22.10")
    return ["sudo", *command]


def recipe(target: Path, *more: str) -> list[str]:
    """The mmdebstrap command line that fills `target`."""
    options = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    return [
        "mmdebstrap",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        '--aptopt=APT::Install-Recommends "false"',
        *options,
        *more,
        SUITE,
        str(target),
    ]


def _build(root: Path) -> None:
    """Builds beside `root` and renames when complete, so that a root that exists is a whole one."""
    _need_mmdebstrap()
    _say(f"bringing Debian's Asterisk into {root} (once, about half a minute, 400 MB)")
    half = root.with_name(f"{root.name}.half")
    if not _run(half) and not _run(half, EXPIRED_IS_FINE):
        raise PbxError(f"mmdebstrap could not fetch Debian {SUITE}: see its messages above")
    instances = half / "srv" / "patchbay"
    subprocess.run(as_root(["install", "-d", "-o", str(os.geteuid()), str(instances)]), check=True)
    half.rename(root)


def _run(target: Path, *more: str) -> bool:
    if more:
        _say("WARNING: trying again without looking at the age of the mirror's Release file")
    subprocess.run(as_root(["rm", "-rf", "--one-file-system", str(target)]), check=True)
    done = subprocess.run(as_root(recipe(target, *more)), check=False, stdout=sys.stderr)
    return done.returncode == 0


def _need_mmdebstrap() -> None:
    if shutil.which("mmdebstrap"):
        return
    if shutil.which("apt-get"):
        _say("installing mmdebstrap")
        command = as_root(["apt-get", "-o", "DPkg::Lock::Timeout=600", "install", "-y", "-q", "mmdebstrap"])
        subprocess.run(command, check=False, stdout=sys.stderr)
    if not shutil.which("mmdebstrap"):
        raise PbxError("no Asterisk 20.20, 22.10, 23.4 or newer: install one, or mmdebstrap to bring one")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
