"""What can be wrong with a request, in the trade's words.

    Refused
    ├── Unavailable          the PBX cannot be reached, or refuses
    ├── CallNotFound         no such call for this tenant
    ├── CallNotAnswered      the leg in question is not there, or not up
    ├── ExtensionUnknown     no such extension in the tenant
    ├── ExtensionOffline     the extension has no phone registered
    ├── HotlineUnknown       the hotline is not the tenant's
    └── DoNotCall            the tenant's limits forbid this call outside

Operations raise them; `service.api.answers` alone knows what each looks like on the wire.
"""


class Refused(Exception):
    """A request that cannot be done; nothing was changed."""


class Unavailable(Refused):
    """The PBX cannot be reached, or refused what it was asked."""


class CallNotFound(Refused):
    """Unknown, ended or another tenant's."""


class CallNotAnswered(Refused):
    """The leg to move, to keep or to spy on is not there or not up."""


class ExtensionUnknown(Refused):
    """The tenant has no such extension."""


class ExtensionOffline(Refused):
    """The extension exists and no phone is registered for it."""


class HotlineUnknown(Refused):
    """The tenant has no such hotline."""


class DoNotCall(Refused):
    """The number may not be called, or the tenant has made as many calls as it may."""
