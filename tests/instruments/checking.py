"""A PBX to break and to mend, and `python -m service check` against it."""

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from asterisk.pbx import Pbx
from service import tenants
from service.check import render
from service.check.finding import Finding, Level
from service.check.run import findings
from service.settings import Settings
from tests.instruments.no_tls import NO_TLS
from tests.instruments.polling import eventually

REMEDY = re.compile(r"in (\S+), \[(.+?)\]: ([^;]+)(?:; then, on Asterisk's console: ([^;]+))?")
RESTART = "core restart"
REPEATED = ("exten", "load", "noload")  # keys of which a section has many


@dataclass
class Checked:
    """A running PBX without a service, and the tenants file of its two demo tenants."""

    pbx: Pbx
    tenants: Path
    touched: bool = False

    def settings(self, **changes: object) -> Settings:
        """What fits this PBX, but for the changes."""
        fitting: dict[str, object] = {
            "ari_url": self.pbx.ari_url,
            "ari_password": self.pbx.secrets.ari_password,
            "app": "patchbay-of-the-test",
            "port": 1,  # where no service answers
            "tenants": self.tenants,
            "timezone": "Asia/Ho_Chi_Minh",
        }
        return Settings(_env_file=None, **(fitting | changes))  # type: ignore[arg-type, call-arg]

    def findings(self, **changes: object) -> list[Finding]:
        """All that the check says."""
        settings = self.settings(**changes)
        return asyncio.run(findings(settings, tenants.load(settings.tenants)))

    def troubles(self, **changes: object) -> list[Finding]:
        """What is not OK."""
        return [one for one in self.findings(**changes) if one.level is not Level.OK]

    def only_trouble(self, **changes: object) -> Finding:
        """The one finding that is not OK."""
        troubles = self.troubles(**changes)
        assert len(troubles) == 1, lines(troubles)
        return troubles[0]

    def sound(self) -> None:
        """Nothing is wrong."""
        assert not (troubles := self.troubles()), lines(troubles)
        self.touched = False

    # what is done to the PBX

    def rewrite(self, file: str, old: str, new: str, then: str) -> None:
        """Replaces text of a rendered file and has Asterisk read it."""
        path = self.pbx.folder / "etc" / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        self.console(then)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Whatever is done inside is undone; Asterisk restarts unless it was seen to be sound."""
        files = {path: path.read_text() for path in (self.pbx.folder / "etc").rglob("*.conf")}
        try:
            yield
        finally:
            for path, text in files.items():
                path.write_text(text)
            if self.touched:
                self.console(RESTART)
            self.touched = False

    def apply(self, remedy: str, **blanks: str) -> None:
        """Does what the remedy says, to the letter; `blanks` fill in what stands in angle brackets."""
        found = REMEDY.match(remedy)
        assert found, remedy
        file, section, told, then = found.groups()
        for blank, value in blanks.items():
            told = re.sub(rf"<[^>]*{blank}[^>]*>", value, told)
        assert "<" not in told, told
        path = self.pbx.installation.path_outside(Path(file)) if file[0] == "/" else self.pbx.folder / "etc" / file
        path.write_text(written(path.read_text(), section, told.split(" and ")))
        if then:
            self.console(then)

    def console(self, command: str) -> None:
        """A command on Asterisk's console; after a restart it is up again."""
        self.touched = True
        if not command.startswith(RESTART):
            self.pbx.cli(command)
            return
        before = self._started()
        self.pbx.cli("core restart now")
        eventually(lambda: self._started() not in ("", before), deadline=20, message="Asterisk did not restart")
        eventually(lambda: "fully booted" in self.pbx.cli("core waitfullybooted"), deadline=20)

    def _started(self) -> str:
        try:
            answer = httpx.get(
                f"{self.pbx.ari_url}/asterisk/info",
                params={"only": "status"},
                auth=("patchbay", self.pbx.secrets.ari_password),
                verify=NO_TLS,
            )
            return str(answer.json()["status"]["startup_time"])
        except (httpx.TransportError, ValueError, KeyError):
            time.sleep(0.05)
            return ""


def lines(found: Sequence[Finding]) -> str:
    """As the command prints them."""
    return "\n".join(render.line(one) for one in found)


def written(text: str, section: str, settings: Sequence[str]) -> str:
    """The file's text with these lines at the end of this section, in the place of old ones with the same key."""
    keys = {line.partition("=")[0].strip() for line in settings if not line.startswith(REPEATED)}
    out: list[str] = []
    end, inside = 0, False
    for line in text.splitlines():
        inside = line.startswith(f"[{section}]") if line.startswith("[") else inside
        if not inside or line.partition("=")[0].strip() not in keys:
            out.append(line)
        end = len(out) if inside else end
    if not end:
        return "\n".join([*out, f"[{section}]", *settings]) + "\n"
    return "\n".join([*out[:end], *settings, *out[end:]]) + "\n"
