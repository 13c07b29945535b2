"""What a phone has heard: the `dump-*-dec.wav` files that baresip's sndfile writes, read while they grow.

They hold each decoded packet and nothing else: a stream that stops leaves no silence behind, only less.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.instruments.polling import PAUSE
from tests.instruments.tones import RATE, Samples

HEADER = 44
"""Bytes before the samples of a 16 bit WAV; its length fields are only set at the end of the call."""

GRACE = 0.1
"""Seconds over its length that a window stays open for late packets: five of them."""

LIFE = 240
"""Seconds after its start in which a phone can hold and still hear afterwards: more than a test has. See `prepare`."""


@dataclass(frozen=True)
class Mark:
    """A moment in the recording: time.monotonic() and the size in bytes that each file had."""

    at: float
    sizes: dict[Path, int]


class Recording:
    """All that one phone hears, calls at the same time too unless they began in the same second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Keep baresip from recording what the phone says, so that it records what it hears after a hold too.

        A hold takes the ear's filter down, and 1.1.0 only puts filters up again where no filter of the mouth
        is left: so the mouth's file is made impossible to open. Files are named by the second, in UTC (`TZ`).
        """
        nowhere = self._folder / "nowhere"
        nowhere.symlink_to("/nowhere/nothing")
        now = int(time.time())
        for second in range(now, now + LIFE):
            stamp = time.strftime("%Y-%m-%d-%H-%M-%S", time.gmtime(second))
            # Hard links: as many symlinks would cost 40 ms.
            os.link(nowhere, self._folder / f"dump-{stamp}-enc.wav", follow_symlinks=False)

    def mark(self) -> Mark:
        """Now, as the start of what is looked at."""
        return Mark(time.monotonic(), {path: path.stat().st_size for path in self._files()})

    def since(self, mark: Mark) -> Samples:
        """What was heard since `mark`."""
        parts = [_read(path, mark.sizes.get(path, 0)) for path in self._files()]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def missing(self, mark: Mark) -> int:
        """Milliseconds since `mark` for which nothing came, to some 40 ms: packets are on their way."""
        samples = self.since(mark).size
        return max(0, round((time.monotonic() - mark.at - samples / RATE) * 1000))

    def window(self, seconds: float) -> Samples:
        """What is heard from now on for `seconds`; less when less comes."""
        mark, end = self.mark(), time.monotonic() + seconds + GRACE
        time.sleep(seconds)  # speech takes its time
        while (taken := self.since(mark)).size < seconds * RATE and time.monotonic() < end:
            time.sleep(PAUSE)
        return taken

    def _files(self) -> list[Path]:
        names = sorted(name for name in os.listdir(self._folder) if name.endswith("-dec.wav"))
        return [self._folder / name for name in names]


def _read(path: Path, start: int) -> Samples:
    """The samples from byte `start` on; from the first when the file has been begun anew and is shorter."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(HEADER, start if start <= size else 0))
        data = file.read()
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.int16)
