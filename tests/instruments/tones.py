"""Pure tones as voices: one for each party, and the ear that tells which of them a recording holds."""

import math
import os
import wave
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

RATE = 8000
"""Samples a second: G.711's."""

TONES = (733, 1103, 1301, 1571, 1801, 2087, 2633, 3001)
"""Hz, a voice for each of eight parties: 198 or more apart, 30 or more from every harmonic and third-order
product of the others and of the music, 35 or more from DTMF, ringing tones and the music."""

MUSIC = (330, 392, 494, 587)
"""Hz, the notes of the demo's music on hold."""

LEVEL = -20.0
"""dBFS of a voice: eight at once still fit into 16 bits (8 x 0.1), and A-law's noise is 38 dB below."""

FLOOR = -40.0
"""dBFS below which a tone is not heard: 20 dB under a voice, 20 dB over the noise of eight A-law voices."""

RANGE = 25.0
"""dB under the loudest at which a tone stops being heard: A-law's products of a voice lie 40 dB under it."""

BLOCK = 800
"""Samples looked at together, 100 ms: Hann's side lobes are 50 dB down at the closest notes' 62 Hz."""

STEP = 400
"""Samples from block to block, half of one: Hann blocks then weigh every sample alike."""

FRAME = 80
"""Samples of a frame when looking for gaps, 10 ms: half a packet, so that one lost packet is seen."""


def write_voice(path: Path, frequency: int, seconds: int = 300) -> Path:
    """Write a WAV of one tone, unless it is there already; returns `path`.

    baresip hangs up at the end of its source file, so it must outlast the longest call.
    """
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}.part")
        with wave.open(str(part), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.writeframes(voice(frequency, 1.0).tobytes() * seconds)
        part.replace(path)
    return path


def voice(frequency: int, seconds: float, level: float = LEVEL) -> Samples:
    """A tone of `level` dBFS; whole seconds of it can be strung together without a click."""
    at = np.arange(round(seconds * RATE)) / RATE
    wave_ = np.sin(2 * math.pi * frequency * at) * 32767 * 10 ** (level / 20)
    return wave_.astype(np.int16)


def levels(samples: Samples, frequencies: Iterable[int]) -> dict[int, float]:
    """The level of each frequency over all of `samples`, in dBFS (a full-scale sine is 0, silence -inf)."""
    wanted = tuple(frequencies)
    return dict(zip(wanted, _levels(samples[None, :], wanted)[0].tolist(), strict=True))


def heard(samples: Samples, frequencies: Iterable[int]) -> set[int]:
    """The frequencies that stand out of `samples`; see FLOOR and RANGE."""
    return _heard_in_each(samples[None, :], tuple(frequencies))[0]


def heard_most(samples: Samples, frequencies: Iterable[int], seconds: float) -> set[int]:
    """The frequencies heard in at least half of the blocks that `seconds` of speech would have.

    What `samples` lacks counts as silence; the music counts as a whole, whichever notes play.
    """
    wanted = tuple(frequencies)
    blocks = _heard_in_each(_blocks(samples), wanted)
    enough = max(1.0, (seconds * RATE - BLOCK) / STEP / 2)
    music = frozenset(MUSIC).intersection(wanted)
    steady = {f for f in wanted if sum(f in block for block in blocks) >= enough}
    if sum(not music.isdisjoint(block) for block in blocks) >= enough:
        steady |= {f for f in music if any(f in block for block in blocks)}
    return steady


def heard_ever(samples: Samples, frequencies: Iterable[int]) -> set[int]:
    """The frequencies heard in any two neighbouring blocks, 150 ms: the measure of "never heard"."""
    blocks = _heard_in_each(_blocks(samples), tuple(frequencies))
    return set().union(*(a & b for a, b in pairwise(blocks)))


def sound(samples: Samples) -> float:
    """Seconds of it, in steps of a tenth, that are louder than FLOOR, whatever they are."""
    blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK).astype(np.float64)
    power = np.sqrt(np.mean((blocks / 32767) ** 2, axis=1))
    return int(np.count_nonzero(power > 10 ** (FLOOR / 20))) * BLOCK / RATE


def gaps(samples: Samples, frequency: int) -> list[int]:
    """Lengths in ms of the stretches, in order, in which `frequency` is missing, to 10 ms.

    Missing is 10 dB and more under its own median level; other voices may go on meanwhile.
    """
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    if not len(frames):
        return []
    amplitudes = _amplitudes(frames, (frequency,))[:, 0]
    missing = amplitudes < np.median(amplitudes) * 10 ** (-10 / 20)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], missing.astype(np.int8), [0]))))
    runs = zip(edges[::2], edges[1::2], strict=True)
    return [int(end - start) * FRAME * 1000 // RATE for start, end in runs]


def _heard_in_each(rows: Samples, frequencies: tuple[int, ...]) -> list[set[int]]:
    """Of each row the frequencies that stand out."""
    measured = _levels(rows, frequencies)
    loudest = measured.max(axis=1, initial=-math.inf, keepdims=True)
    stand_out = measured >= np.maximum(FLOOR, loudest - RANGE)
    return [{f for f, one in zip(frequencies, row, strict=True) if one} for row in stand_out.tolist()]


def _levels(rows: Samples, frequencies: tuple[int, ...]) -> NDArray[np.float64]:
    """In dBFS: a row for each of `rows`, a column for each frequency."""
    with np.errstate(divide="ignore"):  # silence is -inf
        found: NDArray[np.float64] = 20 * np.log10(_amplitudes(rows, frequencies))
    return found


def _amplitudes(rows: Samples, frequencies: tuple[int, ...]) -> NDArray[np.float64]:
    """The same as a part of full scale, each row seen through a Hann window."""
    # Not `@`: it wakes BLAS's threads for this little, which then spin for longer than the work takes.
    seen = np.einsum("ij,kj->ik", rows.astype(np.float64), _probes(rows.shape[1], frequencies))
    found: NDArray[np.float64] = np.abs(seen)
    return found


@lru_cache(maxsize=32)
def _probes(size: int, frequencies: tuple[int, ...]) -> NDArray[np.complex128]:
    """What `size` samples are multiplied by to have their amplitudes: a row for each frequency."""
    window = np.hanning(size)
    turns = np.outer(frequencies, np.arange(size)) / RATE
    probes: NDArray[np.complex128] = np.exp(-2j * math.pi * turns) * window * 2 / max(window.sum(), 1) / 32767
    return probes


def _blocks(samples: Samples) -> Samples:
    """A row for each block."""
    if len(samples) < BLOCK:
        return np.zeros((0, BLOCK), np.int16)
    return np.lib.stride_tricks.sliding_window_view(samples, BLOCK)[::STEP]
