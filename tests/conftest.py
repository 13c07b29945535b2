"""For all tests: hypothesis judges behaviour, never milliseconds."""

from hypothesis import settings

settings.register_profile("patchbay", deadline=None)
settings.load_profile("patchbay")
