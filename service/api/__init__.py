"""The HTTP edge: authenticate, read, do one operation, answer."""
