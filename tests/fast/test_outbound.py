"""Outbound limits: a pattern stands for exactly the numbers it says, and a wrong file says where and what to do."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.outbound import MOST_CHARACTERS, Outbound, Switch, expression
from service.tenants import Tenants, TenantsError, load

TENANT = '[[tenant]]\ndomain = "acme.test"\n[tenant.outbound]\n'
DIGITS = "0123456789"
Spelling = tuple[str, list[str], bool]

# Each element of a pattern, with the digits it stands for.
ELEMENTS = {digit: digit for digit in DIGITS} | {
    "X": DIGITS,
    "Z": DIGITS[1:],
    "N": DIGITS[2:],
    "[13-57]": "13457",
    "[0-9]": DIGITS,
    "[28]": "28",
}
patterns = st.tuples(
    st.sampled_from(["", "+"]), st.lists(st.sampled_from(sorted(ELEMENTS)), min_size=1, max_size=8), st.booleans()
)
numbers = st.from_regex(r"\+?[0-9]{1,10}", fullmatch=True)


def spelt(pattern: Spelling) -> str:
    plus, elements, open_end = pattern
    return plus + "".join(elements) + "." * open_end


def stands_for(pattern: Spelling, number: str) -> bool:
    """What the README says a pattern means, told without a regular expression."""
    plus, elements, open_end = pattern
    digits = number.removeprefix("+")
    if bool(plus) != number.startswith("+"):
        return False
    enough = len(digits) > len(elements) if open_end else len(digits) == len(elements)
    return enough and all(digit in ELEMENTS[one] for one, digit in zip(elements, digits, strict=False))


def read(folder: Path, text: str) -> Tenants:
    path = folder / "tenants.toml"
    path.write_text(text)
    return load(path)


def matches(rendered: str, number: str) -> bool:
    return re.search(rendered, number) is not None


@given(st.lists(patterns, min_size=1, max_size=4), numbers)
def test_what_is_allowed_is_exactly_what_matches(some: list[Spelling], number: str) -> None:
    """Of several patterns one is enough; a number that only begins or ends like one is another number."""
    policy = Outbound(allow=tuple(map(spelt, some)))
    allow, deny = policy.render().split("/")[4:]
    assert matches(allow, number) == any(stands_for(one, number) for one in some)
    assert not matches(deny, number)


@given(patterns, st.data())
def test_a_number_made_after_a_pattern_matches(pattern: Spelling, data: st.DataObject) -> None:
    """So the test above does not only see refusals; and every other length is refused unless the end is open."""
    plus, elements, open_end = pattern
    number = plus + "".join(data.draw(st.sampled_from(ELEMENTS[one])) for one in elements) + "7" * open_end
    allow = expression((spelt(pattern),))
    assert matches(allow, number)
    assert not matches(allow, number[:-1])
    assert matches(allow, number + "0") == open_end


@given(st.text(alphabet="0123456789+XZNxzn[]-.!*#_ $^()|\\/\"',\n\u0661\uff11", max_size=12))
def test_what_is_no_pattern_is_refused_and_what_is_one_is_harmless(text: str) -> None:
    """Nothing that ends the field, the expression or the dialplan's quotes gets through."""
    try:
        rendered = Outbound(allow=(text,)).render()
    except ValueError:
        return
    assert re.fullmatch(r"\+?[0-9XZN\[\]-]*\.?", text)
    assert re.fullmatch(r"open/0/0/0/\^\([0-9\[\]{}+-]+\)\$/\^\$", rendered)


def test_the_order_of_the_fields() -> None:
    """As the dialplan cuts them; what is not given is 0, or any number, or none."""
    full = Outbound(allow=("0X.", "+84."), deny=("1900.",), at_once=1, per_minute=2, per_day=3, enabled=False)
    assert full.render() == "stopped/1/2/3/^(0[0-9][0-9]+|[+]84[0-9]+)$/^(1900[0-9]+)$"
    assert Outbound(at_once=5).render() == "open/5/0/0/^([0-9]+|[+][0-9]+)$/^$"
    assert Outbound().render() == ""
    assert Switch().render() == "open/^(112|113|114|115)$"
    assert Switch(enabled=False, emergency=()).render() == "stopped/^$"


def test_limits_are_read(tmp_path: Path) -> None:
    """Beside the rest of the file, the switch for all anywhere in it."""
    tenants = read(tmp_path, TENANT + 'allow = ["0XXXXXXXXX"]\nat_once = 3\n[outbound]\nenabled = false\n')
    assert not tenants.outbound.enabled
    assert tenants.all[0].outbound == Outbound(allow=("0XXXXXXXXX",), at_once=3)
    assert read(tmp_path, '[[tenant]]\ndomain = "acme.test"\n').all[0].outbound.limited is False


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('allow = ["_0X."]', "tenant[1].outbound.allow[1]: Value error, '_0X.' is no pattern: give digits, X, Z, N"),
        ('allow = ["0X", "0X!"]', "tenant[1].outbound.allow[2]: Value error, '0X!' is no pattern"),
        ('allow = ["0.9"]', "'0.9' is no pattern"),
        ('allow = ["84+"]', "'84+' is no pattern"),
        ('allow = ["+"]', "'+' is no pattern"),
        ('allow = ["0[9-3]"]', "'0[9-3]' has a set that goes backwards; mend it"),
        ('allow = ["0[]"]', "'0[]' is no pattern"),
        ("allow = []", "tenant[1].outbound.allow: names none"),
        ('allow = "0X."', "tenant[1].outbound.allow: "),
        ('deny = ["1900."]', "deny needs allow beside it"),
        ("at_once = 0", "tenant[1].outbound.at_once: Input should be greater than or equal to 1; mend it"),
        ("per_minute = 1.5", "tenant[1].outbound.per_minute: "),
        ("per_day = -1", "tenant[1].outbound.per_day: "),
        ("a_day = 5", "tenant[1].outbound.a_day: no such key; remove it or mend its spelling"),
        ('[outbound]\nemergency = ["0909123456"]', "outbound.emergency[1]: "),
        ("[outbound]\nenabled = 5", "outbound.enabled: "),
    ],
)
def test_a_wrong_limit_stops_the_start(tmp_path: Path, line: str, says: str) -> None:
    """In one line that names the place and the remedy."""
    with pytest.raises(TenantsError) as caught:
        read(tmp_path, TENANT + line)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_more_patterns_than_asterisk_can_look_through(tmp_path: Path) -> None:
    """Said at the start, and not found out when a call is refused for it."""
    many = [f"0{number:09d}" for number in range(MOST_CHARACTERS // 11)]
    assert len(expression(tuple(many))) <= MOST_CHARACTERS
    read(tmp_path, f"{TENANT}allow = {many}")
    with pytest.raises(TenantsError, match="too many patterns"):
        read(tmp_path, f"{TENANT}allow = {[*many, *many]}")
