"""Writes the music on hold: a calm arpeggio of four pure notes, for which the tests can listen."""

import argparse
import math
import struct
import wave
from pathlib import Path

RATE = 8000  # Hz, what telephones carry
NOTES = (330, 392, 494, 587, 494, 392)  # Hz; no party's tone in the tests is one of these
NOTE_SECONDS = 0.2  # six of them: each note is heard at least once in any 1.2 s
ROUNDS = 17
LEVEL = 10 ** (-12 / 20)  # of full scale
FADE_SECONDS = 0.02  # soft edges, no clicks


def envelope(time: float) -> float:
    """The loudness, 0 to 1, of a note `time` seconds after its start."""
    edge = min(time, NOTE_SECONDS - time) / FADE_SECONDS
    return math.sin(min(edge, 1.0) * math.pi / 2) ** 2


def note(frequency: int) -> list[int]:
    """One note as 16 bit samples."""
    count = round(NOTE_SECONDS * RATE)
    times = (index / RATE for index in range(count))
    return [round(32767 * LEVEL * envelope(t) * math.sin(2 * math.pi * frequency * t)) for t in times]


def write_music(path: Path) -> None:
    """Writes the whole loop to `path`, 8 kHz mono 16 bit."""
    samples = [sample for frequency in NOTES for sample in note(frequency)] * ROUNDS
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))


def main() -> None:
    """Writes `arpeggio.wav` beside this file, or where the argument says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", nargs="?", type=Path, default=Path(__file__).with_name("arpeggio.wav"))
    write_music(parser.parse_args().path)


if __name__ == "__main__":
    main()
