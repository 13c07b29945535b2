"""The passwords and tokens of one PBX: made once, kept in a folder only its owner can read."""

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "secrets.json"


@dataclass(frozen=True)
class Secrets:
    """Phones are keyed by endpoint (101@acme.test), API tokens by tenant domain."""

    ari_password: str
    carrier_password: str  # what the far end of the trunk sends us, as user `carrier`
    demo_carrier_password: str  # what we send the far end of the trunk, as user `demo-carrier`
    phones: dict[str, str]
    tokens: dict[str, str]


def make_secrets(phones: Iterable[str], known: Secrets | None = None) -> Secrets:
    """New secrets for these phones and their domains; what `known` has is kept."""
    endpoints = list(phones)
    domains = dict.fromkeys(endpoint.partition("@")[2] for endpoint in endpoints)
    old_phones = known.phones if known else {}
    old_tokens = known.tokens if known else {}
    return Secrets(
        ari_password=known.ari_password if known else _password(),
        carrier_password=known.carrier_password if known else _password(),
        demo_carrier_password=known.demo_carrier_password if known else _password(),
        phones={endpoint: old_phones.get(endpoint) or _password() for endpoint in endpoints},
        tokens={domain: old_tokens.get(domain) or secrets.token_urlsafe(32) for domain in domains},
    )


def load_secrets(folder: Path, phones: Iterable[str]) -> Secrets:
    """The folder's secrets; those that are missing are made and kept there."""
    file = folder / FILE
    known = Secrets(**json.loads(file.read_text())) if file.exists() else None
    full = make_secrets(phones, known)
    if full != known:
        write_private(file, secrets_text(full))
    return full


def secrets_text(secrets: Secrets) -> str:
    """The content of the file they are kept in."""
    return json.dumps(asdict(secrets), indent=2) + "\n"


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, whole or not at all; its folder is closed to others too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    half = path.with_name(f"{path.name}.{os.getpid()}.half")
    with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    half.replace(path)


def _password() -> str:
    return secrets.token_hex(16)
