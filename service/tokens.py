"""What a tenants file says of a token: its hash, its name, until when it counts and what it may do. Never the token."""

import hashlib
import secrets
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

PREFIX = "sha256:"
NAME_DIGITS = 8  # of the hash, for a token without a name: enough to tell a tenant's tokens apart, worth nothing else

TokenHash = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
# It stands in logs, so nothing in it needs quoting.
TokenName = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z_.-]{0,62}$")]


class Scope(StrEnum):
    """What a token may be allowed to do."""

    READ = "read"
    CALL = "call"
    MOVE = "move"
    SUPERVISE = "supervise"


class Token(BaseModel):
    """One token of a tenant. In the file a bare hash stands for one without a name, a limit or an end."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hash: TokenHash = Field(repr=False)
    name: TokenName
    expires: Annotated[AwareDatetime, Field(strict=True)] | None = None
    scopes: Annotated[frozenset[Scope], Field(min_length=1)] = frozenset(Scope)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        """A bare hash as a table, and a table's name from its hash where it has none."""
        given = {"hash": value} if isinstance(value, str) else value
        if isinstance(given, dict) and isinstance(given.get("hash"), str):
            return {"name": given["hash"].removeprefix(PREFIX)[:NAME_DIGITS]} | given
        return given

    @model_validator(mode="after")
    def _not_told(self) -> "Token":
        if hash_token(self.name) == self.hash:
            raise ValueError("the name is the token itself, and names are logged; give it another name")
        return self

    def has_expired(self, now: datetime) -> bool:
        """Whether it has ceased to count; `expires` is the first moment at which it does not."""
        return self.expires is not None and now >= self.expires

    def may(self, scope: Scope) -> bool:
        """Whether it is allowed to do such things."""
        return scope in self.scopes


def hash_token(token: str) -> str:
    """A token as the tenants file holds it."""
    return PREFIX + hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def new_token() -> str:
    """A token to hand out: 256 random bits."""
    return secrets.token_urlsafe(32)
