"""The PBX: its configuration, its music, and the package that starts it."""
