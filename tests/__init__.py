"""The proof: fast tests, live tests on a real Asterisk, and the instruments both use."""
