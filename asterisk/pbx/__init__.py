"""Finds or brings an Asterisk, and runs it with the configuration in `asterisk/conf/`."""

from asterisk.pbx.conf import PbxSettings
from asterisk.pbx.errors import PbxError
from asterisk.pbx.installation import Installation, find, find_phones
from asterisk.pbx.instance import Pbx
from asterisk.pbx.ports import Ports, reserve_ports
from asterisk.pbx.secrets import Secrets, load_secrets, make_secrets

__all__ = [
    "Installation",
    "Pbx",
    "PbxError",
    "PbxSettings",
    "Ports",
    "Secrets",
    "find",
    "find_phones",
    "load_secrets",
    "make_secrets",
    "reserve_ports",
]
