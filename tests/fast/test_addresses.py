"""The host that the list shows, out of what Asterisk tells of a leg."""

import pytest

from service.addresses import host


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("192.0.2.7:5060", "192.0.2.7"),
        ("192.0.2.7", "192.0.2.7"),
        ("[2001:db8::7]:5060", "2001:db8::7"),
        ("sip:101@192.0.2.7:5062;ob;transport=tcp", "192.0.2.7"),
        ("sips:101@[2001:db8::7]:5061", "2001:db8::7"),
        ("<sip:0909123456@carrier.example>", "carrier.example"),
        ("sip:192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7:5060 ", "192.0.2.7"),
        ("", ""),
        (":5060", ""),
    ],
)
def test_host(told: str, shown: str) -> None:
    """No port, no user, no brackets; nothing when there is nothing."""
    assert host(told) == shown
