"""The tenants file: what is right is found by token, what is wrong is told in one line with place and remedy."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.tenants import Grant, TenantBook, TenantsError, load
from service.tokens import Scope, Token, hash_token, new_token

HASH = hash_token("a token")
OTHER = hash_token("another")
SPOKEN = hash_token("spoken")
GOOD = f"""
[[tenant]]
domain = "acme.test"
tokens = ["{HASH}"]
[tenant.hotlines]
"02873001234" = {{ trunk = "carrier" }}
"+842873001235" = {{ trunk = "carrier_2.b-c" }}

[[tenant]]
domain = "globex.test"
enabled = false
tokens = ["{OTHER}"]
"""


def token(digest: str, **more: object) -> Token:
    return Token.model_validate({"hash": digest} | more)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tenants.toml"
    path.write_text(GOOD)
    return path


def test_a_good_file(file: Path) -> None:
    """Both tenants, all they have, and the defaults of what is not said."""
    acme, globex = load(file).all
    assert (acme.domain, acme.enabled, acme.tokens) == ("acme.test", True, (token(HASH),))
    assert {number: entry.trunk for number, entry in acme.hotlines.items()} == {
        "02873001234": "carrier",
        "+842873001235": "carrier_2.b-c",
    }
    assert (globex.domain, globex.enabled, dict(globex.hotlines)) == ("globex.test", False, {})


def test_by_token(file: Path) -> None:
    """One token, one tenant; also of a disabled one, which is told apart later."""
    tenants = load(file)
    for given, of in (("a token", tenants.all[0]), ("another", tenants.all[1])):
        assert tenants.by_token(given) == Grant(of, of.tokens[0])
    for stranger in ("", "A TOKEN", HASH, "a token ", "\udcff", "\0"):
        assert tenants.by_token(stranger) is None


def test_no_tenants_is_no_mistake(file: Path) -> None:
    """Whoever starts has none yet."""
    file.write_text("")
    assert load(file).all == ()


def tenant(**more: str) -> str:
    lines = {"domain": '"acme.test"'} | more
    return "[[tenant]]\n" + "\n".join(f"{key} = {value}" for key, value in lines.items()) + "\n"


def table(**more: str) -> str:
    """A list of one token, as a table."""
    lines = {"hash": f'"{HASH}"'} | more
    return "[{ " + ", ".join(f"{key} = {value}" for key, value in lines.items()) + " }]"


@pytest.mark.parametrize(
    ("text", "place", "remedy"),
    [
        ("[[tenant]\n", "not TOML", "line 1"),
        ("tenant = 3\n", "tenant", "mend it"),
        ("[tenant]\ndomain = 'a'\n", "tenant", "mend it"),
        ("tenants = []\n", "tenants", "no such key"),
        ("[[tenant]]\n", "tenant[1].domain", "is missing; add it"),
        (tenant() + tenant(domain='"b.test"', colour='"red"'), "tenant[2].colour", "no such key"),
        (tenant(enabled='"perhaps"'), "tenant[1].enabled", "mend it"),
        (tenant(domain="5"), "tenant[1].domain", "string"),
        (tenant(domain='""'), "tenant[1].domain", "mend it"),
        (tenant(domain='"a"'), "tenant[1].domain", "mend it"),
        (tenant(domain='"-acme"'), "tenant[1].domain", "mend it"),
        (tenant(domain='"acme test"'), "tenant[1].domain", "mend it"),
        (tenant(domain='"acme.test,h,1"'), "tenant[1].domain", "mend it"),
        (tenant(domain='"acme/test"'), "tenant[1].domain", "mend it"),
        (tenant(domain='"${X}"'), "tenant[1].domain", "mend it"),
        (tenant(domain='"acme.test\\n"'), "tenant[1].domain", "mend it"),
        (tenant(domain='"ａcme"'), "tenant[1].domain", "mend it"),
        (tenant(domain=f'"{"a" * 64}"'), "tenant[1].domain", "mend it"),
        (tenant(domain='"patchbay-park"'), "tenant[1].domain", "the service's own"),
        (tenant(tokens='"sha256:0"'), "tenant[1].tokens", "mend it"),
        (tenant(tokens='["plain token"]'), "tenant[1].tokens[1]", "mend it"),
        (tenant(tokens=f'["{HASH}", "{HASH.upper()}"]'), "tenant[1].tokens[2]", "mend it"),
        (tenant(tokens="[5]"), "tenant[1].tokens[1]: ", "mend it"),
        (tenant(tokens='[{ name = "x" }]'), "tenant[1].tokens[1].hash", "is missing; add it"),
        (tenant(tokens=table(scope='["read"]')), "tenant[1].tokens[1].scope: ", "no such key"),
        (tenant(tokens=table(scopes="[]")), "tenant[1].tokens[1].scopes: ", "names none; remove it for all"),
        (tenant(tokens=table(scopes='["read", "listen"]')), "tenant[1].tokens[1].scopes", "'move' or 'supervise'"),
        (tenant(tokens=table(scopes='"read"')), "tenant[1].tokens[1].scopes: ", 'write it as ["read"]'),
        (tenant(tokens=table(name='""')), "tenant[1].tokens[1].name: ", "mend it"),
        (tenant(tokens=table(name='"a b"')), "tenant[1].tokens[1].name: ", "mend it"),
        (tenant(tokens=table(name=f'"{"n" * 64}"')), "tenant[1].tokens[1].name: ", "mend it"),
        (tenant(tokens=f'[{{ hash = "{SPOKEN}", name = "spoken" }}]'), "tenant[1].tokens[1]: ", "another name"),
        (tenant(tokens=table(expires="2027-01-31T00:00:00")), "tenant[1].tokens[1].expires: ", "put Z or an offset"),
        (tenant(tokens=table(expires="2027-01-31")), "tenant[1].tokens[1].expires: ", "such as 2027-01-31T00:00"),
        (tenant(tokens=table(expires="07:00:00")), "tenant[1].tokens[1].expires: ", "such as 2027-01-31T00:00"),
        (tenant(tokens=table(expires='"2027-01-31T00:00:00Z"')), "tenant[1].tokens[1].expires: ", "without quotes"),
        (tenant(tokens=table(expires="1800000000")), "tenant[1].tokens[1].expires: ", "without quotes"),
        (
            tenant(tokens=f'[{{ hash = "{HASH}", name = "a" }}, {{ hash = "{OTHER}", name = "a" }}]'),
            "tenant acme.test has 2 tokens named a",
            "name each differently",
        ),
        (
            tenant(tokens=f'["{HASH}", {{ hash = "{HASH}", scopes = ["read"] }}]'),
            f"tenant acme.test has token {HASH[:15]}… in 2 ways",
            "keep one",
        ),
        (tenant(hotlines='{ "0287x" = { trunk = "c" } }'), "tenant[1].hotlines.0287x: ", "mend it"),
        (tenant(hotlines='{ "1" = { trunk = "c" } }'), "tenant[1].hotlines.1", "mend it"),
        (tenant(hotlines='{ "０２８" = { trunk = "c" } }'), "tenant[1].hotlines.０２８", "mend it"),
        (tenant(hotlines='{ "12\\n" = { trunk = "c" } }'), "tenant[1].hotlines.'12\\n'", "mend it"),
        (tenant(hotlines='{ "1234" = {} }'), "tenant[1].hotlines.1234.trunk", "is missing; add it"),
        (tenant(hotlines='{ "1234" = "carrier" }'), "tenant[1].hotlines.1234", "mend it"),
        (tenant(hotlines='{ "1234" = { trunk = "a&PJSIP/b" } }'), "tenant[1].hotlines.1234.trunk", "mend it"),
        (tenant(hotlines='{ "1234" = { trunk = "c", id = 1 } }'), "tenant[1].hotlines.1234.id", "no such key"),
        (tenant() + tenant(), "domain acme.test", "stands 2 times; keep one"),
        (tenant() + tenant(domain='"ACME.test"'), "domain acme.test", "stands 2 times; keep one"),
        (
            tenant(tokens=f'["{HASH}"]') + tenant(domain='"b.test"', tokens=f'["{HASH}"]'),
            "tenants acme.test and b.test",
            "give each its own",
        ),
        ('"a\\nb" = 1\n', "'a\\nb'", "no such key"),
    ],
)
def test_mistake(file: Path, text: str, place: str, remedy: str) -> None:
    """File, place, remedy, in one line."""
    file.write_text(text)
    said = complaint(file)
    assert said.startswith(f"{file}: {place}"), said
    assert remedy in said, said


def complaint(path: Path) -> str:
    with pytest.raises(TenantsError) as caught:
        load(path)
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    return said


def test_missing_file(tmp_path: Path) -> None:
    """Tells which setting names it."""
    assert complaint(tmp_path / "no.toml") == (
        f"{tmp_path}/no.toml: no such file; write one, or set PATCHBAY_TENANTS to where it is"
    )


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A folder, for one."""
    assert "cannot be read (Is a directory); mend" in complaint(tmp_path)


def test_file_that_is_no_text(file: Path) -> None:
    """Tells where."""
    file.write_bytes(b"# caf\xe9\n")
    assert complaint(file) == f"{file}: byte 5 is not UTF-8; save the file as UTF-8"


def test_complaints_tell_no_whole_token_hash(file: Path) -> None:
    """Enough to find it, not enough to be worth anything."""
    file.write_text(tenant(tokens=f'["{HASH}"]') + tenant(domain='"b.test"', tokens=f'["{HASH}"]'))
    assert HASH not in complaint(file)
    assert HASH[:15] in complaint(file)


def test_one_tenant_may_name_a_token_twice(file: Path) -> None:
    """It is still one tenant's."""
    file.write_text(tenant(tokens=f'["{HASH}", "{HASH}"]'))
    assert load(file).by_token("a token") is not None


def test_a_bare_hash_may_do_all_and_for_ever(file: Path) -> None:
    """It goes by the first digits of its hash."""
    found = load(file).by_token("a token")
    assert found is not None
    assert (found.token.name, found.token.expires, found.token.scopes) == (HASH[7:15], None, frozenset(Scope))


def test_a_token_with_a_name_an_end_and_scopes(file: Path) -> None:
    """Beside a bare one; what is not said of it is as with that."""
    end = datetime(2027, 1, 31, tzinfo=UTC)
    of_the_wallboard = f'hash = "{HASH}", name = "wallboard", expires = 2027-01-31T07:00:00+07:00, scopes = ["read"]'
    file.write_text(tenant(tokens=f'[{{ {of_the_wallboard} }}, "{OTHER}", {{ hash = "{SPOKEN}" }}]'))
    wallboard, bare, named_by_hash = load(file).all[0].tokens
    assert (wallboard.name, wallboard.expires, wallboard.scopes) == ("wallboard", end, frozenset({Scope.READ}))
    assert [token.has_expired(end - timedelta(microseconds=1)) for token in (wallboard, bare)] == [False, False]
    assert [token.has_expired(end) for token in (wallboard, bare)] == [True, False]
    assert [wallboard.may(scope) for scope in Scope] == [True, False, False, False]
    assert all(bare.may(scope) for scope in Scope)
    assert named_by_hash.name == SPOKEN[7:15]


def test_a_token_shows_no_hash(file: Path) -> None:
    """However it comes into a traceback."""
    assert HASH[7:] not in repr(load(file).all)


def test_reload(file: Path) -> None:
    """A good file replaces the tenants, a bad one changes nothing."""
    book = TenantBook(file)
    before = book.current
    file.write_text("[[tenant]]\n")
    with pytest.raises(TenantsError):
        book.reload()
    assert book.current is before
    file.unlink()
    with pytest.raises(TenantsError):
        book.reload()
    assert book.current is before
    file.write_text(tenant(tokens=f'["{OTHER}"]'))
    book.reload()
    assert book.current.by_token("a token") is None
    assert book.current.by_token("another") is not None


def test_new_tokens_differ_and_can_stand_in_a_header() -> None:
    """256 bits, in signs that no client has to escape."""
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 43 and token.replace("-", "").replace("_", "").isalnum() for token in tokens)
