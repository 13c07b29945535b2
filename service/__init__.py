"""Patchbay: a FreeSWITCH vendor's call-control API, answered from Asterisk."""

__version__ = "0.1.0"
