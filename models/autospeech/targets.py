"""What the network shall answer: two teachers' vectors, less what a corpus has in common.

Both teachers hear clean windows of every training voice once (:func:`hear`). Their vectors give
the centres that are taken away, the matrix that joins both spaces, and where each speaker is.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from diarize.arrays import SAMPLE_RATE, unit
from models.autospeech import data

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from models.autospeech.data import Speech, Voice
    from models.autospeech.teachers import Listener

# How much the cosines of a second teacher count beside those of the first. On ``dev`` segments of
# 1.6 s, both centred, pooled equal-error rate: CAM++ alone 8.3 %, with 0.3, 0.5, 0.7 and 1.0 of
# Resemblyzer 7.8, 7.9, 8.1 and 8.4 %. Centred as here, on the people of ``train``, and joined: 7.8,
# 7.2, 7.2, 7.3 and 7.5 %, LibriSpeech 5.4, 3.8, 2.8, 2.8 and 2.8 %.
SECOND = 0.5
# Corpora that are parts of one.
FAMILY = {"libris": "libri", "sc2": "sc1", "cvs": "cv"}
# People whose mean counts as much as that of everything around their corpus or language.
FEW = 10.0
WINDOW = int(3.2 * SAMPLE_RATE)


class Targets:
    """Centres and joined spaces of the teachers, from their vectors of clean windows.

    What all voices of a corpus share (language, channel) is the easiest thing to learn and tells
    nobody apart inside one recording, so it is taken out; see :func:`centres`. Of several
    teachers the first gives the space and the others change the angles in it; see :func:`joined`.

    Parameters
    ----------
    rows : ndarray (n,) int
        The voice of each window, in rising order; every voice has one.
    heard : sequence of ndarray (n, d_i)
        Each teacher's unit vectors of the windows.
    voices : sequence of Voice

    Attributes
    ----------
    groups : list of str
        The group of each voice: its corpus, or its language in a corpus of many.
    centres : list of dict of str to ndarray (d_i,)
        What each group has in common, as each teacher hears it.
    means : ndarray (voices, d)
        Where each voice is.
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        heard: Sequence[NDArray[np.float32]],
        voices: Sequence[Voice],
    ) -> None:
        first = np.searchsorted(rows, np.arange(len(voices) + 1))
        counts = np.diff(first)[:, None].astype(np.float32)
        if np.any(counts == 0):
            raise SystemExit("some voices have no teacher vector; let the teachers go on")
        self.groups = [group(voice) for voice in voices]
        self.centres, windows, means = [], [], []
        for vectors in heard:
            mean = (np.add.reduceat(vectors, first[:-1], axis=0) / counts).astype(np.float32)
            own = centres(mean, voices)
            self.centres.append(own)
            around = np.stack([own[name] for name in self.groups])
            windows.append(unit(vectors - around[rows]))
            means.append(unit(mean - around))
        self.turn = joined(_beside(windows), windows[0])
        self.means = self._joined(means)

    def _joined(self, parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        return unit(_beside(parts) @ self.turn)

    def answers(
        self, heard: Sequence[NDArray[np.float32]], groups: Sequence[str]
    ) -> NDArray[np.float32]:
        """Targets (n, d) from what each teacher hears in windows of these groups."""
        parts = [
            unit(vectors - np.stack([own[name] for name in groups]))
            for vectors, own in zip(heard, self.centres, strict=True)
        ]
        return self._joined(parts)


def group(voice: Voice) -> str:
    """What a voice's vectors are centred on: corpus, and language where it is known.

    >>> group(data.Voice("cvs-1", "cvs", 0, 1, (), "pl"))
    'cv/pl'
    """
    corpus = FAMILY.get(voice.corpus, voice.corpus)
    return f"{corpus}/{voice.language}" if voice.language else corpus


def centres(
    means: NDArray[np.float32], voices: Sequence[Voice], few: float = FEW
) -> dict[str, NDArray[np.float32]]:
    """The mean of each group of voices.

    Of a group of not many more than `few` speakers only a part: there, the mean is also the
    speakers themselves. The rest is the mean of the corpus, and of a small corpus the mean over all
    corpora.
    """
    groups = np.array([group(voice) for voice in voices])
    corpora = np.array([name.split("/")[0] for name in groups])
    found: dict[str, NDArray[np.float32]] = {}
    whole = np.mean([means[corpora == c].mean(axis=0) for c in sorted(set(corpora))], axis=0)
    for names in (corpora, groups):
        for name in sorted(set(names)):
            inside = np.flatnonzero(names == name)
            people = len({voices[int(i)].speaker for i in inside})
            around = found.get(name.split("/")[0], whole)
            if name in found:
                continue
            share = people / (people + few)
            found[name] = around + share * (means[inside].mean(axis=0) - around)
    return found


def joined(both: NDArray[np.float32], first: NDArray[np.float32]) -> NDArray[np.float32]:
    """Matrix (d + e, d) that brings the vectors of several teachers into the space of the first.

    Of all such matrices with orthonormal columns it keeps the most of the vectors' length, and of
    those that keep as much it comes nearest to the first teacher's vectors: cosines are about those
    of `both`, and a network that learnt the first teacher alone is nearly there.

    Parameters
    ----------
    both : ndarray (n, d + e)
        Vectors of all teachers, side by side.
    first : ndarray (n, d)
        Those of the first.

    Examples
    --------
    >>> alone = np.float32([[1, 0], [0, 1], [1, 1]])
    >>> abs(joined(np.hstack([alone, 0 * alone]), alone)).round(3).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
    """
    _, axes = np.linalg.eigh(both.T.astype(np.float64) @ both)
    kept = axes[:, -first.shape[1] :]
    left, _, right = np.linalg.svd((both @ kept).T @ first)
    return np.asarray(kept @ (left @ right), dtype=np.float32)


def _beside(vectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.hstack([vectors[0], *(np.float32(SECOND**0.5) * v for v in vectors[1:])])


def plan(speech: Speech, windows: int) -> list[tuple[int, int]]:
    """(voice, first sample) of the clean windows: up to `windows` a voice, evenly over it."""
    rows = []
    for index, voice in enumerate(speech.voices):
        room = max(0, voice.length - WINDOW)
        count = min(windows, max(1, -(-voice.length // WINDOW)))
        rows += [(index, int(start)) for start in np.linspace(0, room, count)]
    return rows


def hear(
    listener: Listener,
    speech: Speech,
    out: Path,
    windows: int,
    *,
    batch: int = 16,
    save_every: int = 50,
) -> None:
    """Let the teachers hear the planned windows and write their vectors; goes on where it stopped.

    Writes `rows` (n,), the voice of each window, and each teacher's unit vectors (n, d_i) as
    `first` and `second`.
    """
    rows = plan(speech, windows)
    part = out.with_suffix(".part.npz")
    found: list[list[NDArray[np.float32]]] = []
    if part.exists():
        with np.load(part) as stored:
            found = [[stored["first"], stored["second"]]]
    position = len(found[0][0]) if found else 0
    while position < len(rows):
        chunk = rows[position : position + batch]
        pieces = np.stack([speech.cut(speech.voices[v], s, WINDOW) for v, s in chunk])
        found.append([vectors.astype(np.float32) for vectors in listener(pieces)])
        position += len(chunk)
        if position % (save_every * batch) == 0 or position == len(rows):
            first, second = (np.concatenate(parts) for parts in zip(*found, strict=True))
            numbers = np.array([voice for voice, _ in rows[:position]])
            np.savez(part, rows=numbers, first=first, second=second)
    part.replace(out)


def hear_apart(teacher: Path, cache: Path, windows: int) -> None:
    """Let the teachers hear the decoded people and write ``vectors.npz`` beside them.

    In a process of its own: what runs the teachers does not bear a fork after it.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        pool.submit(_hear, teacher, cache, windows).result()


def _hear(teacher: Path, cache: Path, windows: int) -> None:
    from models.autospeech.teachers import Teachers

    speech = data.load(cache, "train")
    hear(Teachers(teacher), speech, cache / "vectors.npz", windows)


def load(path: Path, voices: Sequence[Voice]) -> Targets:
    """Targets from what :func:`hear` wrote."""
    with np.load(path) as stored:
        return Targets(stored["rows"], [stored["first"], stored["second"]], voices)
