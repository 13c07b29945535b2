"""What can go wrong between here and a running Asterisk: one class, its text is the line to show."""


class PbxError(Exception):
    """No Asterisk could be found, brought or started; the text says why and what to do."""
