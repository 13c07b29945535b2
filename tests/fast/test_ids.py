"""Names given to things on Asterisk: fixed length, lower case, none the beginning of another, each read back."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from service import ids
from service.calls.supervision import Mode, Target

KEY = "0123456789abcdef0123456789abcdef"
LEGS = st.text(min_size=1, max_size=60)


def made(key: str) -> list[str]:
    """All that one supervision and one redirect with this key would be called."""
    snoops = [ids.snoop_id(key, mode) for mode in Mode]
    return [ids.bridge_id(key), ids.phone_id(key), ids.redirect_id(key), ids.tone_id(key), *snoops]


def test_no_id_is_the_beginning_of_another() -> None:
    """Asterisk compares ids by prefix and without case."""
    for one, other in permutations([*made(KEY), *made(KEY)[3:], *made(ids.new_key()), ids.new_call_id()], 2):
        assert not one.lower().startswith(other.lower())


def test_ids_are_ours_lower_case_and_plain() -> None:
    """They stand in URLs, and tell that some replica made them."""
    for one in made(KEY):
        assert one.startswith(ids.OURS)
        assert one == one.lower()
        assert one.replace("-", "").isalnum()
        assert one.isascii()


def test_keys_are_read_back() -> None:
    """From a supervision's bridge, phone and Snoops; from nothing else, a redirect least of all."""
    for one in (ids.bridge_id(KEY), ids.phone_id(KEY), *(ids.snoop_id(KEY, mode) for mode in Mode), ids.tone_id(KEY)):
        assert ids.supervision_key(one) == KEY
    for other in (ids.redirect_id(KEY), "", KEY, f"{ids.OURS}{KEY}-phone;1", f"{ids.OURS}{KEY}-phone\n", "pbx-1.1"):
        assert ids.supervision_key(other) is None


def test_modes_are_read_back() -> None:
    """From a Snoop, and from nothing else."""
    assert [ids.snoop_mode(ids.snoop_id(KEY, mode)) for mode in Mode] == list(Mode)
    assert [ids.snoop_mode(one) for one in (ids.phone_id(KEY), ids.tone_id(KEY))] == [None, None]


def test_no_snoop_is_called_as_another_was() -> None:
    """Asterisk may still know the earlier one."""
    assert len({one for _ in range(50) for one in (ids.snoop_id(KEY, "listen"), ids.tone_id(KEY))}) == 100


def test_call_ids_are_the_same_everywhere_and_for_ever() -> None:
    """Clients keep them: this value may never change."""
    assert ids.call_id("pbx-1700000000.1", "acme.test") == "f6b1f625-226b-58fb-b9b2-43767a1d8efc"
    assert ids.call_id("pbx-1700000000.1", "globex.test") != ids.call_id("pbx-1700000000.1", "acme.test")


def test_a_new_call_id_is_told_from_a_linkedid_of_asterisks() -> None:
    """A uuid4 as click-to-call makes it, and nothing else."""
    assert ids.is_call_uuid(ids.new_call_id())
    for other in ("pbx-1700000000.1", ids.call_id("x", "y"), ids.new_call_id().upper(), ids.new_call_id() + "\n", ""):
        assert not ids.is_call_uuid(other)


@given(st.from_regex(r"[0-9a-z.-]+", fullmatch=True), st.from_regex(r"[0-9]{1,9}", fullmatch=True), LEGS)
def test_a_bridges_name_is_read_back(domain: str, extension: str, leg: str) -> None:
    """Any replica knows whose supervisor it is."""
    target = Target(domain, extension, ids.new_call_id(), leg.replace("/", ""))
    assert Target.parse(target.render()) == target


def test_a_strangers_bridge_is_no_supervision() -> None:
    """Whatever it is called."""
    for name in ("", "patchbay", "patchbay/a/b/c", "patchbay/a/b/c/d/e/f/g", "other/a/b/c/d"):
        assert Target.parse(name) is None


def test_only_what_this_module_makes_is_ours() -> None:
    """An Asterisk may be named as it likes; its own ids are calls."""
    key = ids.new_key()
    made = (ids.redirect_id(key), ids.bridge_id(key), ids.phone_id(key), ids.snoop_id(key, "listen"))
    assert all(map(ids.is_ours, made))
    assert not any(map(ids.is_ours, ("patchbay-1795386491.92", "patchbay-", "pbx-1.2", ids.new_call_id())))
