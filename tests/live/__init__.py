"""Tests on a real Asterisk with real phones."""
