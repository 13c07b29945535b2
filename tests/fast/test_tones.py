"""The ear of the instruments: what it hears in mixes made up here, after the codecs' losses."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.instruments.tones import (
    LEVEL,
    MUSIC,
    RATE,
    TONES,
    Samples,
    gaps,
    heard,
    heard_ever,
    heard_most,
    levels,
    voice,
)

KNOWN = (*TONES, *MUSIC)


def mix(*parts: Samples) -> Samples:
    return np.sum(parts, axis=0, dtype=np.int32).clip(-32768, 32767).astype(np.int16)


def plain(samples: Samples) -> Samples:
    return samples


def alaw(samples: Samples) -> Samples:
    """What G.711 A-law leaves of `samples`: 4 bits within each of 7 doubling segments."""
    magnitude = np.abs(samples.astype(np.int32)).clip(0, 32767)
    step = 2 ** (np.floor(np.log2(np.maximum(magnitude, 256))).astype(np.int32) - 4)
    return _signed(samples, magnitude // step * step + step // 2)


def ulaw(samples: Samples) -> Samples:
    """The same of u-law, whose segments begin at a bias of 132."""
    magnitude = np.abs(samples.astype(np.int32)).clip(0, 32635) + 132
    step = 2 ** (np.floor(np.log2(magnitude)).astype(np.int32) - 4)
    return _signed(samples, magnitude // step * step + step // 2 - 132)


def _signed(samples: Samples, magnitude: NDArray[np.int32]) -> Samples:
    signed: Samples = (np.sign(samples) * magnitude).astype(np.int16)
    return signed


codecs = pytest.mark.parametrize("codec", [plain, alaw, ulaw])


@codecs
@pytest.mark.parametrize("frequency", KNOWN)
def test_one_voice_is_heard_alone(codec: Callable[[Samples], Samples], frequency: int) -> None:
    """No voice or note is taken for another."""
    assert heard_most(codec(voice(frequency, 1.0)), KNOWN, 1.0) == {frequency}


@codecs
@pytest.mark.parametrize("pair", list(combinations(KNOWN, 2)))
def test_two_voices_are_both_heard(codec: Callable[[Samples], Samples], pair: tuple[int, int]) -> None:
    """Nor any product of two for a third."""
    assert heard_most(codec(mix(*(voice(f, 1.0) for f in pair))), KNOWN, 1.0) == set(pair)


@codecs
def test_all_eight_at_once_are_heard(codec: Callable[[Samples], Samples]) -> None:
    """A full conference does not clip."""
    assert heard_most(codec(mix(*(voice(f, 1.0) for f in TONES))), KNOWN, 1.0) == set(TONES)


@codecs
@pytest.mark.parametrize("noise", [0, 1, 8])
def test_silence_is_silent(codec: Callable[[Samples], Samples], noise: int) -> None:
    """Neither nothing nor a codec's idle noise is anybody."""
    samples = np.random.default_rng(1).integers(-noise, noise + 1, RATE).astype(np.int16)
    assert heard_most(codec(samples), KNOWN, 1.0) == set()


def test_no_audio_at_all_is_silent() -> None:
    """An empty recording is an answer, not an error."""
    empty = np.zeros(0, np.int16)
    assert heard_most(empty, KNOWN, 1.0) | heard_ever(empty, KNOWN) | heard(empty, KNOWN) == set()
    assert gaps(empty, TONES[0]) == []


def test_a_voice_30_db_under_the_loudest_is_not_heard() -> None:
    """Crosstalk is not speech; 15 dB down, it is."""
    loud, quiet = TONES[0], TONES[1]
    assert heard(mix(voice(loud, 1.0), voice(quiet, 1.0, LEVEL - 30)), KNOWN) == {loud}
    assert heard(mix(voice(loud, 1.0), voice(quiet, 1.0, LEVEL - 15)), KNOWN) == {loud, quiet}


def test_levels_are_dbfs() -> None:
    """A voice measures as loud as it was made."""
    measured = levels(voice(TONES[2], 1.0), KNOWN)
    assert measured[TONES[2]] == pytest.approx(LEVEL, abs=0.1)
    assert max(level for f, level in measured.items() if f != TONES[2]) < LEVEL - 60


def test_a_voice_that_stops_early_is_not_heard_but_was() -> None:
    """`heard` asks for half of the window, `heard_ever` for a moment."""
    samples = np.concatenate([voice(TONES[0], 0.3), np.zeros(5600, np.int16)])
    assert heard_most(samples, KNOWN, 1.0) == set()
    assert heard_ever(samples, KNOWN) == {TONES[0]}


def test_audio_that_never_came_counts_as_silence() -> None:
    """A window with a third of its packets holds nobody."""
    assert heard_most(voice(TONES[0], 0.33), KNOWN, 1.0) == set()


def test_an_arpeggio_is_music() -> None:
    """Notes one after another count together."""
    samples = np.concatenate([voice(note, 0.25) for note in MUSIC])
    assert heard_most(samples, KNOWN, 1.0) >= {MUSIC[0]}
    assert heard_most(samples, KNOWN, 1.0) <= set(MUSIC)


@pytest.mark.parametrize("missing", [20, 60, 500])
def test_a_gap_is_measured_to_10_ms(missing: int) -> None:
    """Also while somebody else goes on speaking."""
    samples = voice(TONES[0], 2.0)
    samples[8000 : 8000 + missing * 8] = 0
    (gap,) = gaps(alaw(mix(samples, voice(TONES[4], 2.0))), TONES[0])
    assert abs(gap - missing) <= 10


def test_an_unbroken_voice_has_no_gap() -> None:
    """Not even with three others beside it."""
    assert gaps(alaw(mix(*(voice(f, 2.0) for f in TONES[:4]))), TONES[1]) == []
