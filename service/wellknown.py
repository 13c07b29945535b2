"""Passwords and tokens that are tried first because everybody knows them."""

from service.tokens import hash_token

# What manuals, sample configurations and the lists of scanners begin with.
WORDS = (
    "asterisk", "patchbay", "freeswitch", "freepbx", "trixbox", "pbx", "ari", "ariuser", "aripass", "sip", "voip",
    "password", "passw0rd", "password1", "p@ssw0rd", "pass", "passwd", "secret", "mysecret", "supersecret", "s3cr3t",
    "changeme", "change-me", "change_me", "changeit", "default", "example", "demo", "test", "tester", "guest",
    "testing", "admin", "administrator", "root", "toor", "user", "username", "letmein", "welcome", "qwerty", "abc123",
    "token", "mytoken", "your-token", "bearer", "api", "apikey", "a-token-for-tests", "amp109", "amp111", "eleastx",
)  # fmt: skip
ROWS = "01234567890123456789", "98765432109876543210", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm"
LONGEST_RUN = 20  # signs; of tokens only the hashes are known, so every run has to be tried
SUFFIXES = "", "1", "12", "123", "1234", "12345", "123456", "!"


def is_well_known(password: str, *names: str) -> bool:
    """Whether it is none, a word everybody tries, a run of keys or one of `names`, once or again and again."""
    plain = _once(password.lower())
    return plain in {_once(name.lower()) for name in names} or plain in _PLAIN or len(plain) <= 1 or _is_run(plain)


def is_well_known_token(digest: str) -> bool:
    """Whether this is the hash of such a token."""
    return digest in _HASHES


def _once(text: str) -> str:
    """What the text is a repetition of: `abc` of `abcabc`, else all of it."""
    return text[: (text + text).find(text, 1)]


def _is_run(text: str) -> bool:
    return any(text in row for row in ROWS)


def _runs() -> set[str]:
    return {row[start:end] for row in ROWS for start in range(len(row)) for end in range(start + 1, len(row) + 1)}


_PLAIN = frozenset(word + suffix for word in WORDS for suffix in SUFFIXES)
_REPEATED = frozenset(sign * count for sign in "0123456789abcdefx*" for count in range(LONGEST_RUN + 1))
_HASHES = frozenset(map(hash_token, _PLAIN | _REPEATED | _runs() | {word.upper() for word in WORDS}))
