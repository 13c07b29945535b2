"""The audit log's file: whole lines only, never elsewhere, noticed when it is gone."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.audit.entry import Entry, Event, going_on
from service.audit.file import AuditFile

FULL = Path("/dev/full")
NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)


@pytest.fixture
def file(tmp_path: Path) -> AuditFile:
    return AuditFile(tmp_path / "audit.jsonl")


def append(file: AuditFile, line: bytes = b"line") -> None:
    file.append(line, durable=True)


def test_it_grows_by_lines(file: AuditFile) -> None:
    for line in (b"one", b"two"):
        append(file, line)
    assert file.path.read_bytes() == b"one\ntwo\n"
    assert file.newest() == [b"one", b"two", b""]


def test_only_its_owner_and_group_may_read_it(file: AuditFile) -> None:
    before = os.umask(0)
    try:
        append(file)
    finally:
        os.umask(before)
    assert file.path.stat().st_mode & 0o777 == 0o640


def test_half_a_line_does_not_spoil_the_next(file: AuditFile) -> None:
    """As a crash or a full disk leaves it."""
    file.path.write_bytes(b'whole\n{"half')
    append(file, b"next")
    assert file.path.read_bytes().split(b"\n") == [b"whole", b'{"half', b"next", b""]


def test_a_renamed_file_is_followed_by_a_new_one(file: AuditFile) -> None:
    """Without any signal; both are read back, the older first, and what is compressed is not."""
    append(file, b"one")
    file.path.with_name("audit.jsonl-2025.gz").write_bytes(b"zipped\n")
    file.path.rename(file.path.with_name("audit.jsonl-2026"))
    append(file, b"two")
    assert file.path.read_bytes() == b"two\n"
    assert [line for line in file.newest() if line] == [b"one", b"two"]


def _folder_gone(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.parent.rmdir()


def _a_link(path: Path) -> None:
    path.unlink(missing_ok=True)
    (path.parent / "elsewhere").write_bytes(b"")
    path.symlink_to(path.parent / "elsewhere")


def _a_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def _a_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


@pytest.mark.parametrize("befalls", [_folder_gone, _a_link, _a_folder, _a_pipe])
@pytest.mark.parametrize("used", [True, False])
def test_what_cannot_take_a_line_is_an_error(tmp_path: Path, befalls: Callable[[Path], None], used: bool) -> None:
    """At once, also when lines were written before."""
    file = AuditFile(tmp_path / "log" / "audit.jsonl")
    file.path.parent.mkdir()
    if used:
        append(file)
    befalls(file.path)
    with pytest.raises(OSError, match=r".+"):
        append(file)
    assert not (tmp_path / "log" / "elsewhere").exists() or (tmp_path / "log" / "elsewhere").read_bytes() == b""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("mode", [0o400, 0o000])
def test_a_file_without_rights(file: AuditFile, mode: int) -> None:
    append(file)
    file.path.chmod(mode)
    with pytest.raises(PermissionError):
        append(file)


def test_a_device_is_no_file() -> None:
    with pytest.raises(OSError, match="not a file"):
        append(AuditFile(FULL))


def test_a_full_disk_is_an_error_and_spoils_nothing(file: AuditFile) -> None:
    """A limit on the file's size cuts a line as a full disk does; when there is room again, lines are whole."""
    append(file, b"x" * 90)
    code = (
        "import signal, sys; from pathlib import Path; from service.audit.file import AuditFile\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try: AuditFile(Path(sys.argv[1])).append(b'y' * 50, durable=True)\n"
        "except OSError as error: print(error)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(file.path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "part of the line" in ended.stdout
    append(file, b"z")
    assert file.path.read_bytes() == b"x" * 90 + b"\n" + b"y" * 9 + b"\nz\n"


def test_many_writers_make_whole_lines(file: AuditFile) -> None:
    """Processes that share it, as replicas do."""
    code = (
        "import sys; from pathlib import Path; from service.audit.file import AuditFile\n"
        "file = AuditFile(Path(sys.argv[1]))\n"
        "for number in range(200): file.append((sys.argv[2] * 5000).encode(), durable=False)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(file.path), sign]) for sign in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    lines = file.path.read_text().splitlines()
    assert len(lines) == 600
    assert set(lines) == {sign * 5000 for sign in "abc"}


def test_what_stands_there_is_not_written_twice(file: AuditFile) -> None:
    file.append(b"end of k1", durable=True)
    file.append(b"end again", durable=True, needless=lambda lines: b"end of k1" in lines)
    file.append(b"end of k2", durable=True, needless=lambda lines: b"end of k2" in lines)
    assert file.path.read_bytes() == b"end of k1\nend of k2\n"


def test_what_goes_on_is_read_back() -> None:
    """The newest line of each without an end; what is no line of ours, or half of one, is passed over."""
    first, second = Entry(Event.RUNG, key="k1", token="crm"), Entry(Event.RUNG, key="k2")
    hears, ended = Entry(Event.HEARS, key="k1", token="crm"), Entry(Event.ENDED, key="k2")
    lines = [one.render(NOW, "app", "instance") for one in (first, second, hears, ended, Entry(Event.REFUSED))]
    strange = [b"", b"[]", b'{"event":"rung","key":1}', b'{"event":"?"}', lines[0][:50], b"\xff"]
    assert going_on([*strange, *lines, *strange]) == {"k1": hears}


def test_a_line_is_plain_and_bounded() -> None:
    """Whatever a client chose: no line of its own, nothing that commands a terminal, no end of it."""
    entry = Entry(Event.REFUSED, call='"\n\x1b[2J\u202e' + "x" * 100_000)
    line = entry.render(NOW, "app", "instance")
    assert len(line) < 2000
    assert line.isascii()
    assert line.decode().isprintable()
    told = json.loads(line)
    assert told["call"] == entry.call[:200]
    assert told["time"] == "2026-01-02T03:04:05.678Z"
