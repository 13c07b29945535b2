"""What every check is given."""

from dataclasses import dataclass

from service.ari.client import AriClient
from service.check import finding
from service.settings import Settings
from service.tenants import Tenants


@dataclass(frozen=True)
class Look:
    """One Asterisk, and what is expected of it. `folder`: where it says that its configuration lies, or empty."""

    ari: AriClient
    settings: Settings
    tenants: Tenants
    folder: str = ""

    def path(self, file: str) -> str:
        """Where Asterisk itself finds this file."""
        return f"{self.folder}/{file}" if self.folder else file

    def put(self, file: str, section: str, line: str, then: str = "") -> str:
        """See `finding.put`; with the file's whole path."""
        return finding.put(self.path(file), section, line, then)
