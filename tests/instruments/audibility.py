"""Who hears whom: the audibility table, measured at all phones at the same moment."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.instruments.phone import Phone
from tests.instruments.tones import MUSIC

WINDOW = 0.6
"""Seconds listened to at once: 11 blocks, of which a voice must fill five."""

MUSIC_NAME = "music"

Heard = dict[str, frozenset[str]]
"""Listener -> the speakers it hears, `music` among them."""


class Table:
    """The parties of a test by name; their voices must differ."""

    def __init__(self, parties: Mapping[str, Phone]) -> None:
        self._parties = dict(parties)
        voices = {phone.voice: name for name, phone in parties.items()}
        if len(voices) != len(parties):
            raise ValueError("two parties have the same voice")
        self._names = voices | dict.fromkeys(MUSIC, MUSIC_NAME)

    def party(self, name: str) -> Phone:
        """The phone of a party."""
        return self._parties[name]

    def measure(self, seconds: float = WINDOW) -> Heard:
        """Listen to all for the same fresh `seconds`."""
        with ThreadPoolExecutor(len(self._parties)) as pool:
            heard = pool.map(lambda phone: phone.heard(seconds), self._parties.values())
            return {name: self._named(tones) for name, tones in zip(self._parties, heard, strict=True)}

    def expect(self, expected: Mapping[str, Iterable[str]], deadline: float = 8.0) -> Heard:
        """Wait until the table is as expected in two windows running, and return it; AssertionError shows both tables.

        A party that is not mentioned must hear nobody.
        """
        wanted = {name: frozenset(expected.get(name, ())) for name in self._parties}
        if strangers := set(expected) - set(wanted):
            raise ValueError(f"not in the table: {', '.join(sorted(strangers))}")
        end = time.monotonic() + deadline
        running = 0
        measured: Heard = {}
        while running < 2:
            measured = self.measure()
            running = running + 1 if measured == wanted else 0
            if measured != wanted and time.monotonic() > end:
                raise AssertionError(
                    f"not so within {deadline} s; expected\n{render(wanted)}\nmeasured\n{render(measured)}"
                )
        return measured

    def _named(self, tones: set[int]) -> frozenset[str]:
        return frozenset(self._names.get(tone, f"{tone} Hz") for tone in tones)


def render(heard: Heard) -> str:
    """The table as text: a row a listener, a column a speaker."""
    speakers = list(heard) + sorted(set().union(*heard.values()) - set(heard))
    width = max(len("listener"), *map(len, heard), *map(len, speakers))
    rows = [["listener", *speakers]]
    rows += [[name, *(_cell(name, speaker, ears) for speaker in speakers)] for name, ears in heard.items()]
    return "\n".join("  ".join(cell.ljust(width) for cell in row).rstrip() for row in rows)


def _cell(listener: str, speaker: str, ears: frozenset[str]) -> str:
    if speaker in ears:
        return "hears"
    return "" if listener == speaker else "-"
