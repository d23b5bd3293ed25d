"""What the network shall answer: the teachers' vectors, less what a corpus has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from diarize.arrays import unit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from models.autospeech.data import Voice

# How much the cosines of a second teacher count beside those of the first. On ``dev`` segments of
# 1.6 s, both centred, pooled equal-error rate: CAM++ alone 8.3 %, with 0.3, 0.5, 0.7 and 1.0 of
# Resemblyzer 7.8, 7.9, 8.1 and 8.4 %. Centred as here, on the people of ``train``, and joined: 7.8,
# 7.2, 7.2, 7.3 and 7.5 %, LibriSpeech 5.4, 3.8, 2.8, 2.8 and 2.8 %.
SECOND = 0.5
# Draws per speaker relative to the others: few speakers with much speech, and phone calls, count
# more than ten seconds of single words.
CORPUS_WEIGHT = {
    "sc1": 0.4, "sc2": 0.4, "wuw": 2.0, "arsc": 1.5, "dsp": 1.5, "ocean": 1.2, "libri": 1.3,
    "libris": 2.0,
}  # fmt: skip
# Corpora that are parts of one.
FAMILY = {"libris": "libri", "sc2": "sc1"}


class Targets:
    """The teachers' vectors by voice: centred on the voice's corpus, of unit length.

    What all voices of a corpus share (language, channel) is the easiest thing to learn and tells
    nobody apart inside one recording, so it is taken out; see :func:`corpus_centres`. Of several
    teachers the first gives the space and the others change the angles in it; see :func:`joined`.

    Parameters
    ----------
    paths : sequence of Path
        Written by :mod:`models.autospeech.teacher`, the first teacher's first.
    voices : sequence of Voice
    local : float
        Share of the vector of the nearest window, the rest being the voice's mean.

    Attributes
    ----------
    centres : dict of str to ndarray (d,)
        What each corpus has in common, as the first teacher hears it.
    others : list of dict
        The same as each further teacher hears it.
    """

    def __init__(self, paths: Sequence[Path], voices: Sequence[Voice], local: float) -> None:
        self.local = local
        rows, found = _read(paths)
        order = np.lexsort((rows[:, 1], rows[:, 0]))
        rows = rows[order]
        first = np.searchsorted(rows[:, 0], np.arange(len(voices) + 1))
        counts = np.diff(first)[:, None].astype(np.float32)
        if np.any(counts == 0):
            raise SystemExit(f"{paths[0]}: some voices have no teacher vector; let it run on")
        windows, means = [], []
        heard: list[dict[str, NDArray[np.float32]]] = []
        for vectors in found:
            vectors = vectors[order]
            mean = np.add.reduceat(vectors, first[:-1], axis=0) / counts
            centre = corpus_centres(mean, voices)
            heard.append({family(v.corpus): own for v, own in zip(voices, centre, strict=True)})
            windows.append(unit(vectors - centre[rows[:, 0]]))
            means.append(unit(mean - centre))
        self.starts, self.first = rows[:, 1], first
        self.centres, *self.others = heard
        self.turn = joined(_beside(windows), windows[0]) if len(found) > 1 else None
        self.vectors, self.means = self._joined(windows), self._joined(means)

    def _joined(self, parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        return parts[0] if self.turn is None else unit(_beside(parts) @ self.turn)

    def add_corpus(self, name: str, centres: Sequence[NDArray[np.float32]]) -> None:
        """Take what each teacher hears in common in a corpus without voices."""
        for known, own in zip([self.centres, *self.others], centres, strict=True):
            known[name] = own

    def answers(
        self, heard: Sequence[NDArray[np.float32]], corpora: Sequence[str]
    ) -> NDArray[np.float32]:
        """Targets (n, d) from what each teacher hears in windows of these corpora (families)."""
        parts = [
            unit(vectors - np.stack([centres[name] for name in corpora]))
            for vectors, centres in zip(heard, [self.centres, *self.others], strict=True)
        ]
        return self._joined(parts)

    def __call__(self, voice: int, start: int) -> NDArray[np.float32]:
        """Mix of the vector nearest to the window and of the voice's mean."""
        low, high = self.first[voice], self.first[voice + 1]
        near = low + int(np.argmin(np.abs(self.starts[low:high] + 12_800 - start)))
        mixed = self.local * self.vectors[near] + (1.0 - self.local) * self.means[voice]
        return (mixed / max(float(np.linalg.norm(mixed)), 1e-9)).astype(np.float32)


def corpus_centres(
    means: NDArray[np.float32], voices: Sequence[Voice], few: float = 10.0
) -> NDArray[np.float32]:
    """(voices, d): the mean of each voice's corpus.

    Of a corpus of not many more than `few` speakers only a part: there, the mean is also the
    speakers themselves. The rest is the mean over all corpora.
    """
    corpora = np.array([family(voice.corpus) for voice in voices])
    whole = np.mean([means[corpora == c].mean(axis=0) for c in sorted(set(corpora))], axis=0)
    out = np.empty_like(means)
    for corpus in set(corpora):
        inside = corpora == corpus
        people = len({v.speaker for v in voices if family(v.corpus) == corpus})
        share = people / (people + few)
        out[inside] = whole + share * (means[inside].mean(axis=0) - whole)
    return out


def family(corpus: str) -> str:
    """The corpus that a corpus is a part of, or itself."""
    return FAMILY.get(corpus, corpus)


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
    return (kept @ (left @ right)).astype(np.float32)


def _beside(vectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.hstack([vectors[0], *(np.float32(SECOND**0.5) * v for v in vectors[1:])])


def _read(paths: Sequence[Path]) -> tuple[NDArray[np.int64], list[NDArray[np.float32]]]:
    """Rows (voice, start) that all teachers have heard, and the vectors of each."""
    stored = [np.load(path) for path in paths]
    count = min(len(one["rows"]) for one in stored)
    rows = stored[0]["rows"][:count]
    for path, one in zip(paths, stored, strict=True):
        if not np.array_equal(one["rows"][:count], rows):
            raise SystemExit(f"{path}: not of the same windows as {paths[0]}; make both anew")
    return rows, [one["vectors"][:count] for one in stored]
