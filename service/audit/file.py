"""A file of lines that only grows, shared by every replica that is given it, and rotated by renaming it.

It is opened anew for each line. So a folder that is gone, rights that were taken away, a disk that has become read-only
are noticed by the very next line, and a file that was renamed is followed by a new one without a signal.
"""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

MODE = 0o640  # the service's umask decides whether its group may read it
NEWEST_BYTES = 4 * 1024 * 1024  # some 10,000 lines
RECENT_BYTES = 256 * 1024  # some 600 lines: what replicas see alike they write within a second
COMPRESSED = frozenset((".gz", ".bz2", ".xz", ".zst"))

# Whether one of the lines that stand there makes another one needless.
Needless = Callable[[list[bytes]], bool]


class AuditFile:
    """The file at `path`. Every method raises OSError when it cannot be written, or read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def prove(self) -> None:
        """Makes the file if there is none, and proves that it can be opened for writing."""
        with self._opened():
            pass

    def append(self, line: bytes, *, durable: bool, needless: Needless | None = None) -> None:
        """Writes a line, given without its end, while no other replica writes, and in one piece.

        `durable`: returns when it would outlive a power failure. With `needless` it looks at recent lines first.
        """
        with self._opened() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not (needless and needless(_tail(file, RECENT_BYTES))):
                _write(file, line + b"\n" if _at_line_start(file) else b"\n" + line + b"\n")
            if durable:
                os.fdatasync(file)

    def newest(self) -> list[bytes]:
        """The newest lines, oldest first: of this file, and of the one that was renamed last."""
        earlier = self._renamed_last()
        files = [earlier, self.path] if earlier else [self.path]
        return [line for file in files for line in _read(file)]

    def _renamed_last(self) -> Path | None:
        siblings = self.path.parent.glob(f"{self.path.name}[.-]*")
        return max((one for one in siblings if one.suffix not in COMPRESSED), key=_modified, default=None)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Never through a link, and never what is no file."""
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, MODE)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(f"{self.path} is not a file")
            yield file
        finally:
            os.close(file)


def _write(file: int, content: bytes) -> None:
    """A write that is cut short, by a disk that is full, is a line that is not there."""
    if os.write(file, content) < len(content):
        raise OSError("only a part of the line could be written")


def _at_line_start(file: int) -> bool:
    """False behind what a crash or a full disk left of a line."""
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"


def _tail(file: int, length: int) -> list[bytes]:
    begin = max(0, os.fstat(file).st_size - length)
    lines = os.pread(file, length, begin).split(b"\n")
    return lines[1:] if begin else lines  # the first is a part of a line


def _read(path: Path) -> list[bytes]:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return []
    try:
        return _tail(file, NEWEST_BYTES)
    finally:
        os.close(file)


def _modified(path: Path) -> float:
    return path.stat().st_mtime
