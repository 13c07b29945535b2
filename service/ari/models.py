"""The parts of ARI's resources and events that the service reads; fields that it does not name are ignored.

Source: the ARI models of Asterisk 22 (`rest-api/api-docs/*.json`). `channelvars` are those that ari.conf lists.
"""

from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

NEVER = datetime.fromtimestamp(0, UTC)  # of what is not told


class Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Party(Model):
    number: str = ""


class DialplanPlace(Model):
    context: str = ""
    exten: str = ""
    app_name: str = ""


class Channel(Model):
    id: str
    name: str
    state: str
    caller: Party = Party()
    dialplan: DialplanPlace = DialplanPlace()
    creationtime: AwareDatetime
    tenantid: str = ""
    channelvars: dict[str, str] = Field(default_factory=dict)


class Bridge(Model):
    id: str
    name: str = ""
    bridge_type: str = ""
    bridge_class: str = ""
    creationtime: AwareDatetime = NEVER
    channels: tuple[str, ...] = ()


class Endpoint(Model):
    technology: str
    resource: str
    state: str = "unknown"
    channel_ids: tuple[str, ...] = ()


class Event(Model):
    """One event; which of the optional parts it has depends on `type`."""

    type: str
    timestamp: AwareDatetime | None = None
    channel: Channel | None = None
    bridge: Bridge | None = None
    peer: Channel | None = None
    caller: Channel | None = None
    userevent: dict[str, str] = Field(default_factory=dict)
    eventname: str = ""
    cause: int = 0


class Variable(Model):
    value: str = ""


class System(Model):
    version: str


class ConfigInfo(Model):
    """`max_channels` is what asterisk.conf calls maxcalls, and absent without it."""

    max_channels: int = 0


class AsteriskInfo(Model):
    system: System
    config: ConfigInfo = ConfigInfo()


class AsteriskPing(Model):
    timestamp: AwareDatetime


class Module(Model):
    name: str
    status: str


class Attribute(Model):
    """One setting of a configuration object."""

    attribute: str
    value: str


class Playback(Model):
    id: str
    state: str


class Application(Model):
    name: str
