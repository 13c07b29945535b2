"""Asterisk's time of day, so that a request can say until when it is good.

Whoever gives up waiting for Asterisk must know that nothing comes of the request later: one that lay in a socket's
buffer while Asterisk was stopped is carried out when it goes on. The clocks of two machines differ, so the deadline is
told in Asterisk's own time, learned from a time stamp that was made between a request and its event.
"""

STAMP_SECONDS = 0.001  # time stamps are cut to this


class AsteriskClock:
    """Never ahead of Asterisk's own clock, so a deadline may be early by what an echo takes and is never late."""

    def __init__(self) -> None:
        self._ahead = float("-inf")

    def told(self, stamp: float, asked: float, came: float) -> None:
        """Learns from a time stamp of Asterisk's (seconds of the epoch), made between two moments of our monotonic
        clock. The best bound is kept until a stamp shows that it cannot be true: Asterisk's clock was set back.
        """
        least, most = stamp - came, stamp + STAMP_SECONDS - asked
        self._ahead = max(self._ahead, least) if self._ahead <= most else least

    def at(self, moment: float) -> float:
        """Asterisk's seconds of the epoch at this moment of our monotonic clock."""
        return moment + self._ahead
