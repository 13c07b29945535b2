"""The tenants file: what is right is found by token, what is wrong is told in one line with place and remedy."""

from pathlib import Path

import pytest

from service.tenants import TenantBook, TenantsError, hash_token, load, new_token

HASH = hash_token("a token")
OTHER = hash_token("another")
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


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tenants.toml"
    path.write_text(GOOD)
    return path


def test_a_good_file(file: Path) -> None:
    """Both tenants, all they have, and the defaults of what is not said."""
    acme, globex = load(file).all
    assert (acme.domain, acme.enabled, acme.tokens) == ("acme.test", True, (HASH,))
    assert {number: entry.trunk for number, entry in acme.hotlines.items()} == {
        "02873001234": "carrier",
        "+842873001235": "carrier_2.b-c",
    }
    assert (globex.domain, globex.enabled, dict(globex.hotlines)) == ("globex.test", False, {})


def test_by_token(file: Path) -> None:
    """One token, one tenant; also of a disabled one, which is told apart later."""
    tenants = load(file)
    assert tenants.by_token("a token") is tenants.all[0]
    assert tenants.by_token("another") is tenants.all[1]
    for stranger in ("", "A TOKEN", HASH, "a token ", "\udcff", "\0"):
        assert tenants.by_token(stranger) is None


def test_no_tenants_is_no_mistake(file: Path) -> None:
    """Whoever starts has none yet."""
    file.write_text("")
    assert load(file).all == ()


def tenant(**more: str) -> str:
    lines = {"domain": '"acme.test"'} | more
    return "[[tenant]]\n" + "\n".join(f"{key} = {value}" for key, value in lines.items()) + "\n"


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
