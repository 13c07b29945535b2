"""baresip as a process: its configuration folder, its start, its end."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from asterisk.pbx import child
from tests.instruments.ports import Block

MODULES = ("g711.so", "aufile.so", "aubridge.so", "sndfile.so", "srtp.so")
APPLICATIONS = ("account.so", "menu.so", "ctrl_tcp.so")

LONGEST_PATH = 90
"""Characters of a folder's path: sndfile builds its file names in 128 and cuts what is longer."""

FAREWELL = 1.0
"""Seconds a phone has to hang up and unregister before it is killed."""

_spawner = ThreadPoolExecutor(1, thread_name_prefix="spawner")
"""Linux ends a child with the *thread* that started it, so one that lives as long as we do starts all."""


class Where(Protocol):
    """Where baresip is installed: on the machine or in a private root."""

    def command(self, *argv: str) -> list[str]:
        """`argv` as to be started from outside (`chroot …`), where it must exec: the pid is the program's."""

    def path_inside(self, path: Path) -> Path:
        """The path that a program inside has for `path`."""

    def folder(self, name: str) -> Path:
        """A folder, not made yet, that programs inside can see, as seen from outside."""


@dataclass(frozen=True)
class Settings:
    """What a phone's configuration is made of."""

    user: str
    domain: str
    display: str
    password: str
    auth_user: str
    proxy: str
    register: bool
    codec: str
    lines: int
    host: str
    trusts: str
    srtp: bool


class Process:
    """One baresip in a folder of its own."""

    def __init__(self, where: Where, folder: Path) -> None:
        self._where = where
        self._running: subprocess.Popen[bytes] | None = None
        self.folder = folder
        self.log_path = folder / "baresip.log"
        if len(inside := str(where.path_inside(folder))) > LONGEST_PATH:
            raise ValueError(f"{inside}: longer than the {LONGEST_PATH} characters sndfile bears")
        folder.mkdir(parents=True)

    def start(self, settings: Settings, ports: Block, voice: Path) -> None:
        """Write the configuration and start; the process is killed when ours ends."""
        inside = str(self._where.path_inside(self.folder))
        config = _config(inside, str(self._where.path_inside(voice)), ports, settings)
        (self.folder / "config").write_text(config)
        (self.folder / "trusts.pem").write_text(settings.trusts)
        (self.folder / "accounts").write_text(_account(settings))
        argv = self._where.command(*("env", "TZ=UTC", "baresip", "-4", "-s", "-f", inside))
        self._running = _spawner.submit(child.start, argv, self.log_path).result()

    def alive(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def log(self) -> str:
        """All it has printed, the SIP messages included."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stop(self) -> None:
        """End it, gently first; may be repeated."""
        if self._running is None:
            return
        child.stop(self._running, FAREWELL)
        self._running = None

    def kill(self) -> None:
        """End it without giving it time for anything; may be repeated."""
        if self._running is not None:
            child.kill(self._running)
            self._running = None

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _config(folder: str, voice: str, ports: Block, settings: Settings) -> str:
    lines = [
        "poll_method epoll",
        f"sip_listen {settings.host}:{ports.sip}",
        f"net_interface {settings.host}",
        f"rtp_ports {ports.rtp[0]}-{ports.rtp[1]}",
        f"call_max_calls {settings.lines}",
        "call_local_timeout 180",
        "call_hold_other_calls no",
        f"audio_path {folder}",
        f"audio_source aufile,{voice}",
        # A bridge to nowhere is a player without a thread; aufile's can hang when stopped as it starts.
        "audio_player aubridge,nowhere",
        "audio_alert aubridge,nowhere",
        "jitter_buffer_type off",
        f"snd_path {folder}",
        "ringback_disabled yes",
        "statmode_default off",
        *([f"sip_cafile {folder}/trusts.pem", "sip_verify_server yes"] if settings.trusts else []),
        f"ctrl_tcp_listen 127.0.0.1:{ports.control}",
        "module_path /usr/lib/baresip/modules",
        *(f"module {name}" for name in MODULES),
        *(f"module_app {name}" for name in APPLICATIONS),
    ]
    return "\n".join(lines) + "\n"


def _account(settings: Settings) -> str:
    name = f'"{settings.display}" ' if settings.display else ""
    transport = ";transport=tls" if settings.trusts else ""
    fields = [
        f"{name}<sip:{settings.user}@{settings.domain}{transport}>",
        f"regint={60 if settings.register else 0}",
        f"audio_codecs={settings.codec}/8000/1",
    ]
    if settings.proxy:
        fields.append(f'outbound="sip:{settings.proxy}{transport}"')
    if settings.srtp:
        fields.append("mediaenc=srtp-mand")
    if settings.password:
        fields += [f"auth_user={settings.auth_user}", f"auth_pass={settings.password}"]
    return ";".join(fields) + "\n"
