"""What can go wrong between the service and Asterisk.

AriError
├── AriUnreachable    no answer: refused, cut or too slow
│   └── NotAri        somebody else's answer: of a proxy, or of a web server without ARI
└── AriRefused        an answer with a status of 400 or more
    └── AriNotFound   404
"""


class AriError(Exception):
    """Asterisk did not do what it was asked."""


class AriUnreachable(AriError):
    """Nothing is known about what became of the request."""


class NotAri(AriUnreachable):
    """As good as no answer: whoever gave it may have passed the request on, or not."""


class AriRefused(AriError):
    """Asterisk answered, and the answer was no."""

    def __init__(self, status: int, request: str, body: str) -> None:
        super().__init__(f"{request}: HTTP {status} {body[:200]}")
        self.status = status


class AriNotFound(AriRefused):
    """The channel, bridge, endpoint or application does not exist."""


def refused(status: int, request: str, body: str) -> AriRefused:
    """The error that fits an HTTP status."""
    return (AriNotFound if status == 404 else AriRefused)(status, request, body)
