"""Tenants: whose token is whose, and which hotlines each has. Read from a TOML file, at start and on SIGHUP."""

import hashlib
import secrets
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from service.ids import OURS

PREFIX = "sha256:"


def _not_ours(domain: str) -> str:
    if domain.startswith(OURS):
        raise ValueError(f"contexts that begin with {OURS} are the service's own")
    return domain


# What is put into dial strings and dialplan names.
Domain = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]{1,62}$"), AfterValidator(_not_ours)]
Hotline = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{2,32}$")]
Trunk = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z_.-]{0,62}$")]
TokenHash = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class TenantsError(Exception):
    """The file cannot be used; the text names the file, the place in it and the remedy, in one line."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HotlineEntry(_Entry):
    """How a hotline calls out: the name of a PJSIP endpoint."""

    trunk: Trunk


class Tenant(_Entry):
    """One company. `domain` is its dialplan context and the part of its endpoints' names behind the @."""

    domain: Domain
    enabled: bool = True
    tokens: tuple[TokenHash, ...] = ()
    hotlines: Mapping[Hotline, HotlineEntry] = Field(default_factory=dict)


class _File(_Entry):
    tenant: tuple[Tenant, ...] = ()


class Tenants:
    """All tenants, found by token or by domain."""

    def __init__(self, tenants: tuple[Tenant, ...]) -> None:
        self.all = tenants
        self._by_hash = {token: tenant for tenant in tenants for token in tenant.tokens}

    def by_token(self, token: str) -> Tenant | None:
        """Whose token it is. Looked up by its hash, so no comparison tells how near a guess was."""
        return self._by_hash.get(hash_token(token))


class TenantBook:
    """The tenants in force, read again on demand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.current = load(path)

    def reload(self) -> None:
        """Reads the file again. Raises TenantsError, and then the tenants stay as they were."""
        self.current = load(self.path)


def hash_token(token: str) -> str:
    """A token as the tenants file holds it."""
    return PREFIX + hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def new_token() -> str:
    """A token to hand out: 256 random bits."""
    return secrets.token_urlsafe(32)


def load(path: Path) -> Tenants:
    """Reads the file. Raises TenantsError when it is missing, unreadable or wrong."""
    try:
        content = tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError as error:
        raise TenantsError(f"{path}: no such file; write one, or set PATCHBAY_TENANTS to where it is") from error
    except OSError as error:
        raise TenantsError(f"{path}: cannot be read ({error.strerror}); mend its place or its rights") from error
    except UnicodeDecodeError as error:
        raise TenantsError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise TenantsError(f"{path}: not TOML: {error}; mend that line") from error
    try:
        tenants = _File.model_validate(content).tenant
    except ValidationError as error:
        raise TenantsError(f"{path}: {_first(error)}") from error
    _check_unique(path, tenants)
    return Tenants(tenants)


def _check_unique(path: Path, tenants: tuple[Tenant, ...]) -> None:
    for domain, times in Counter(tenant.domain.lower() for tenant in tenants).items():
        if times > 1:
            raise TenantsError(f"{path}: domain {domain} stands {times} times; keep one [[tenant]] of it")
    owners: dict[str, str] = {}
    for tenant in tenants:
        for token in tenant.tokens:
            other = owners.setdefault(token, tenant.domain)
            if other != tenant.domain:
                raise TenantsError(
                    f"{path}: tenants {other} and {tenant.domain} have a token in common ({token[:15]}…); "
                    "give each its own, as `python -m service token` makes them"
                )


_REMEDIES = {
    "extra_forbidden": "no such key; remove it or mend its spelling",
    "missing": "is missing; add it",
}


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    place = "".join(_part(part) for part in problem["loc"] if part != "[key]").removeprefix(".")
    remedy = _REMEDIES.get(problem["type"], f"{problem['msg']}; mend it")
    return f"{place or 'the file'}: {remedy}"


def _part(part: str | int) -> str:
    """One step of the way to a value; entries are counted from one."""
    if isinstance(part, int):
        return f"[{part + 1}]"
    return f".{part if part.isprintable() else repr(part)}"
