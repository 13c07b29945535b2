"""Asterisk's clock as the service knows it: a little behind it, and never ahead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.clock import AsteriskClock

MOMENTS = st.floats(0, 1e6)
DELAYS = st.floats(0, 2)


@pytest.mark.parametrize("ahead", [-1e6, 0.0, 1.7e9])
def test_one_echo(ahead: float) -> None:
    """The event may have taken all of the way, so that much the clock may be behind."""
    clock = AsteriskClock()
    clock.told(stamp=100.0 + ahead, asked=99.5, came=101.0)
    assert clock.at(200.0) == 199.0 + ahead


@given(st.lists(st.tuples(MOMENTS, DELAYS, DELAYS), min_size=1), st.floats(-1e9, 1e9))
def test_never_ahead_and_as_good_as_the_best_echo(echoes: list[tuple[float, float, float]], ahead: float) -> None:
    """However the delays of the way there and back fall."""
    clock = AsteriskClock()
    for moment, there, back in echoes:
        clock.told(moment + ahead, asked=moment - there, came=moment + back)
    behind = ahead - clock.at(0.0)
    assert -1e-3 <= behind <= min(back for *_, back in echoes) + 1e-3


def test_a_clock_set_back_is_believed() -> None:
    """With the next echo, though the old bound was higher."""
    clock = AsteriskClock()
    clock.told(1000.0, asked=0.0, came=0.01)
    clock.told(100.0 + 10.0, asked=10.0, came=10.5)
    assert clock.at(10.5) == 110.0


def test_a_clock_set_forward_is_believed() -> None:
    clock = AsteriskClock()
    clock.told(100.0, asked=0.0, came=0.01)
    clock.told(1010.0, asked=10.0, came=10.5)
    assert clock.at(10.5) == 1010.0
