"""Scripted phones for other people's tests: plain Python, the same answers each time."""
