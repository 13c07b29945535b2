"""The live picture of calls, kept from Asterisk's events: no I/O, no asyncio, no clock."""
