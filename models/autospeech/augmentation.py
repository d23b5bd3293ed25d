"""Training-time degradations: rooms, noise, babble, telephone lines, codecs, colour, clipping.

Everything is drawn from the generator passed in; `strength` (0..1) scales how often and how hard,
so that training can start on nearly clean speech and end on bad lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diarize.arrays import SAMPLE_RATE
from models.simulation import acoustics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

# Responses are cut here: later echoes are noise to a window of a second or two.
LONGEST_ROOM = int(0.5 * SAMPLE_RATE)
# (probability at full strength) per degradation
ROOM, SECOND_ROOM = 0.5, 0.1
NOISE, BABBLE, EQUALISER = 0.5, 0.2, 0.4
TELEPHONE, CODEC, CLIPPING = 0.2, 0.04, 0.06


def room_bank(path: Path, count: int = 1500, seed: int = 0) -> list[NDArray[np.float32]]:
    """`count` simulated rooms, near and far, made once and kept in `path` (.npz)."""
    if not path.exists():
        rng = np.random.default_rng(seed)
        rooms = []
        for _ in range(count):
            far = (0.3, 1.5) if rng.random() < 0.6 else (1.5, 5.0)
            response = acoustics.room(rng, distance=far, rt60=(0.1, 0.9))
            start = max(0, acoustics.direct_path(response) - 16)
            rooms.append(response[start : start + LONGEST_ROOM])
        path.parent.mkdir(parents=True, exist_ok=True)
        ends = np.cumsum([room.size for room in rooms])
        np.savez(path, samples=np.concatenate(rooms).astype(np.float16), ends=ends)
    with np.load(path) as stored:
        pieces = np.split(stored["samples"].astype(np.float32), stored["ends"][:-1])
    return [np.ascontiguousarray(piece) for piece in pieces]


@dataclass(frozen=True)
class Augmenter:
    """Draws a chain of degradations for one window.

    Attributes
    ----------
    rooms : sequence of ndarray
        Impulse responses, see :func:`room_bank`.
    noises : mapping of str to ndarray
        Background recordings, see :func:`models.simulation.acoustics.load_noises`.
    """

    rooms: Sequence[NDArray[np.float32]]
    noises: Mapping[str, NDArray[np.float32]]

    def __call__(
        self,
        rng: np.random.Generator,
        samples: NDArray[np.float32],
        strength: float,
        others: Sequence[NDArray[np.float32]] = (),
    ) -> NDArray[np.float32]:
        """Degrade `samples` (n,) in the order in which the world does it.

        Parameters
        ----------
        rng : numpy.random.Generator
            All draws.
        samples : ndarray (n,), float32
            Speech in [-1, 1].
        strength : float
            0 leaves the speech as it is; 1 is the full list.
        others : sequence of ndarray
            Other people's speech, for babble.
        """

        def happens(probability: float) -> bool:
            return bool(rng.random() < probability * strength)

        out = samples
        if self.rooms and happens(ROOM):
            out = acoustics.apply_rir(out, self.rooms[int(rng.integers(len(self.rooms)))])
            if happens(SECOND_ROOM):
                out = acoustics.apply_rir(out, self.rooms[int(rng.integers(len(self.rooms)))])
        if others and happens(BABBLE):
            out = acoustics.add_noise(
                out, acoustics.babble(others, out.size), rng.uniform(20 - 14 * strength, 24)
            )
        if happens(NOISE):
            out = acoustics.add_noise(
                out, self._noise(rng, out.size), rng.uniform(20 - 16 * strength, 30)
            )
        if happens(EQUALISER):
            out = acoustics.equalise(rng, out, depth_db=float(rng.uniform(3, 12)))
        return _line(rng, out, strength)

    def _noise(self, rng: np.random.Generator, n: int) -> NDArray[np.float32]:
        if self.noises and rng.random() < 0.7:
            return acoustics.noise_like(rng, self.noises, n)
        return acoustics.coloured_noise(rng, n, float(rng.uniform(0, 2)))


def _line(
    rng: np.random.Generator, samples: NDArray[np.float32], strength: float
) -> NDArray[np.float32]:
    """What happens on the way from the microphone to the file."""
    out = samples
    if rng.random() < CLIPPING * strength:
        out = acoustics.clip(out, float(rng.uniform(0.001, 0.05)))
    if rng.random() < TELEPHONE * strength:
        low, high = rng.uniform(150, 400), rng.uniform(3000, 3800)
        out = acoustics.telephone(out, float(low), float(high))
        if rng.random() < 0.5:
            out = acoustics.mu_law(acoustics.set_level(out, float(rng.uniform(-35, -15))))
    if rng.random() < CODEC * strength:
        name = list(acoustics.CODECS)[int(rng.integers(len(acoustics.CODECS)))]
        rates = acoustics.CODEC_BITRATES[name]
        out = acoustics.set_level(out, float(rng.uniform(-35, -15)))
        out = acoustics.codec(out, name, rates[int(rng.integers(len(rates)))])
    return out
