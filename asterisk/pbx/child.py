"""Child processes that never outlive us: own process group, output in a file, killed when we die."""

import os
import signal
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from asterisk.pbx.bring import as_root

# Under sudo the kernel does not: there only an orderly end takes the child with us.
DIE_WITH_US = ("setpriv", "--pdeathsig", "KILL")
# The kernel kills a child when the thread that started it ends: this one lives as long as we do.
_spawner = ThreadPoolExecutor(1, thread_name_prefix="spawner")


def start(
    command: list[str], output: Path, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Starts a child whose standard output and error go to the file `output`."""
    with output.open("wb") as file:
        spawned = _spawner.submit(
            subprocess.Popen,
            [*DIE_WITH_US, *command],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
        return spawned.result()


def stop(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Asks the child to end, and after `seconds` kills what is left of its group."""
    _signal_group(process, signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kills the child and its group at once."""
    _signal_group(process, signal.SIGKILL)
    process.wait()


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log, for people."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return f"(no {path})"


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is not None:
        return
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
    except PermissionError:  # started through sudo
        subprocess.run(as_root(["kill", f"-{number.value}", "--", f"-{process.pid}"]), check=False)
