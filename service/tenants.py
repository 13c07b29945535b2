"""Tenants: whose token is whose, and which hotlines each has. Read from a TOML file, at start and on SIGHUP."""

import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from service.ids import OURS
from service.outbound import Outbound, Switch
from service.tokens import Token, hash_token
from service.wellknown import is_well_known_token


def _not_ours(domain: str) -> str:
    if domain.startswith(OURS):
        raise ValueError(f"contexts that begin with {OURS} are the service's own")
    return domain


# What is put into dial strings and dialplan names.
Domain = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]{1,62}$"), AfterValidator(_not_ours)]
Hotline = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{2,32}$")]
Trunk = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z_.-]{0,62}$")]


class TenantsError(Exception):
    """The file cannot be used; the text names the file, the place in it and the remedy, in one line."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HotlineEntry(_Entry):
    """How a hotline calls out: the name of a PJSIP endpoint."""

    trunk: Trunk


class Tenant(_Entry):
    """One company. `domain` is its dialplan context and the part of its endpoints' names behind the @.

    Every `supervised_tone_seconds` the parties of a supervised call hear a tone; 0: never.
    """

    domain: Domain
    enabled: bool = True
    tokens: tuple[Token, ...] = ()
    hotlines: Mapping[Hotline, HotlineEntry] = Field(default_factory=dict)
    outbound: Outbound = Outbound()
    supervised_tone_seconds: int = Field(default=0, ge=0, le=60)


class _File(_Entry):
    tenant: tuple[Tenant, ...] = ()
    outbound: Switch = Switch()


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token that was found stands for."""

    tenant: Tenant
    token: Token


class Tenants:
    """All tenants, found by token, and what holds for all of them."""

    def __init__(self, tenants: tuple[Tenant, ...], outbound: Switch) -> None:
        self.all = tenants
        self.outbound = outbound
        self._by_hash = {token.hash: Grant(tenant, token) for tenant in tenants for token in tenant.tokens}

    def tone_seconds(self, domain: str) -> int:
        """How often the parties of this domain's supervised calls hear a tone, in seconds; 0: never."""
        return next((one.supervised_tone_seconds for one in self.all if one.domain == domain), 0)

    def by_token(self, token: str) -> Grant | None:
        """Whose token it is. Looked up by its SHA-256, so the time it takes tells nothing of how near a guess was."""
        return self._by_hash.get(hash_token(token))


def utc_now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


class TenantBook:
    """The tenants in force, read again on demand. `now` judges at each request which tokens have expired."""

    def __init__(self, path: Path, now: Callable[[], datetime] = utc_now) -> None:
        self.path = path
        self.now = now
        self.current = load(path)
        self.listeners: list[Callable[[], object]] = []

    def knows(self, token: str) -> bool:
        """Whether it is a token of the file, be it expired or of a disabled tenant."""
        return self.current.by_token(token) is not None

    def reload(self) -> None:
        """Reads the file again. Raises TenantsError, and then the tenants stay as they were.

        The listeners are told, in the event loop: they are to be quick.
        """
        self.current = load(self.path)
        for tell in self.listeners:
            tell()


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
        file = _File.model_validate(content)
    except ValidationError as error:
        raise TenantsError(f"{path}: {_first(error)}") from error
    _check_unique(path, file.tenant)
    return Tenants(file.tenant, file.outbound)


def _check_unique(path: Path, tenants: tuple[Tenant, ...]) -> None:
    for domain, times in Counter(tenant.domain.lower() for tenant in tenants).items():
        if times > 1:
            raise TenantsError(f"{path}: domain {domain} stands {times} times; keep one [[tenant]] of it")
    owners: dict[str, str] = {}
    for tenant in tenants:
        _check_tokens(path, tenant)
        for token in tenant.tokens:
            other = owners.setdefault(token.hash, tenant.domain)
            if other != tenant.domain:
                raise TenantsError(
                    f"{path}: tenants {other} and {tenant.domain} have a token in common ({token.hash[:15]}…); "
                    "give each its own, as `python -m service token` makes them"
                )


def _check_tokens(path: Path, tenant: Tenant) -> None:
    """What is logged under a token's name was done with that token, and its scopes are said in one place."""
    tokens = set(tenant.tokens)
    for token in tokens:
        if is_well_known_token(token.hash):
            raise TenantsError(
                f"{path}: tenant {tenant.domain} has a token that everybody knows ({token.hash[:15]}…); "
                "make one with `python -m service token`"
            )
    for digest, times in Counter(token.hash for token in tokens).items():
        if times > 1:
            raise TenantsError(f"{path}: tenant {tenant.domain} has token {digest[:15]}… in {times} ways; keep one")
    for name, times in Counter(token.name for token in tokens).items():
        if times > 1:
            raise TenantsError(f"{path}: tenant {tenant.domain} has {times} tokens named {name}; name each differently")


_REMEDIES = {
    "extra_forbidden": "no such key; remove it or mend its spelling",
    "missing": "is missing; add it",
    "timezone_aware": "has no time zone; put Z or an offset behind it, such as 2027-01-31T00:00:00+07:00",
    "datetime_type": "is no date and time; write it without quotes, such as 2027-01-31T00:00:00+07:00",
    "too_short": "names none; remove it for all of them, or name those it may use",
    "frozen_set_type": 'is no list; write it as ["read"]',
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
