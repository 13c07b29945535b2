"""Settings, from environment variables that begin with PATCHBAY_ and from `.env`, each with its default and reason.

They are read once, at start, and handed to whoever needs them.
"""

import logging
import re
import socket
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, StringConstraints, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.calls.record import Side
from service.wellknown import is_well_known

PREFIX = "PATCHBAY_"


class SettingsError(Exception):
    """A setting cannot be used; the text names it and the remedy, in one line."""


class ParkLegs(StrEnum):
    """Whether park's `legs` names the leg that is cut or the one that is kept."""

    CUT = "cut"
    KEEP = "keep"


class FailureStatus(StrEnum):
    """Whether a /v1 failure has its own HTTP status or 200."""

    HTTP = "http"
    OK = "200"


def default_app() -> str:
    """A Stasis application of its own for every host, so that replicas do not take each other's events."""
    return "patchbay-" + re.sub(r"[^0-9A-Za-z-]", "-", socket.gethostname())


class LogFormat(StrEnum):
    """Lines for people, or JSON objects for a log collector."""

    TEXT = "text"
    JSON = "json"


class Settings(BaseSettings):
    """Everything an operator can choose."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    host: str = "127.0.0.1"  # listens on loopback until somebody decides otherwise
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    ari_url: Annotated[str, StringConstraints(pattern=r"^https?://[^/@]+(/.*)?/ari/?$")] = "http://127.0.0.1:8088/ari"
    ari_user: str = "patchbay"
    ari_password: SecretStr = SecretStr("")
    app: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_.-]{1,80}$")] = Field(default_factory=default_app)
    tenants: Path = Path("tenants.toml")
    audit_log: Path = Path("audit.jsonl")  # without it there is no supervision
    timezone: str = ""  # of created_time; the system's when empty
    park_seconds: Annotated[int, Field(ge=1, le=3600)] = 10  # the contract's ten seconds
    park_legs: ParkLegs = ParkLegs.CUT
    transfer_legs: Side | None = None  # what a transfer without `legs` means; refused when not set
    failure_status: FailureStatus = FailureStatus.HTTP
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ("*",)
    proxies: Annotated[
        tuple[str, ...], NoDecode
    ] = ()  # whose X-Forwarded-* is believed, for the log and the counting of wrong tokens
    connections: Annotated[int, Field(ge=1, le=100_000)] = 800  # of the 1,024 files that a process may have
    request_seconds: Annotated[int, Field(ge=1, le=600)] = 20  # for its head, and again for its body
    instance_id: str = "patchbay"
    log_level: str = "info"
    log_format: LogFormat = LogFormat.TEXT
    metrics_tenants: bool = False  # names tenants in /metrics, which needs no token

    @field_validator("cors_origins", "proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value or "UTC")
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("no such time zone; give a name such as Asia/Ho_Chi_Minh") from error
        return value

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("give debug, info, warning or error")
        return logging.getLevelName(logging.getLevelNamesMapping()[value.upper()]).lower()

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone of created_time, None for the system's."""
        return ZoneInfo(self.timezone) if self.timezone else None


def refuse_well_known(settings: Settings) -> None:
    """Raises SettingsError when everybody knows the ARI password: whoever has it has every call and every phone."""
    if is_well_known(settings.ari_password.get_secret_value(), settings.ari_user):
        raise SettingsError(
            "PATCHBAY_ARI_PASSWORD: is none, or one that everybody knows; "
            "put a long random one into ari.conf and into the environment or .env"
        )


def load() -> Settings:
    """The settings of this process. Raises SettingsError."""
    try:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f".env: cannot be read ({error}); mend its rights, or save it as UTF-8") from error
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = PREFIX + "_".join(str(part) for part in problem["loc"]).upper()
        raise SettingsError(f"{name}: {problem['msg']}; mend it in the environment or in .env") from error
