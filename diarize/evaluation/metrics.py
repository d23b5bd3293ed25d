"""How wrong a diarization is: DER with its parts, JER, and the error in the number of speakers.

All are computed by one sweep over the instants at which anything changes, and agree with
``pyannote.metrics`` to rounding. Scores are always quoted with their :class:`Protocol`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from operator import add
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from diarize.timeline import Segment, Turn

Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Protocol:
    """What is left out of the scoring.

    Parameters
    ----------
    collar : float
        Seconds left out on *each side* of every reference boundary, as NIST's md-eval and dscore
        count it. ``pyannote.metrics`` takes the total width: twice this.
    skip_overlap : bool
        Leave out where two or more people of the reference talk at once.
    """

    name: str
    collar: float
    skip_overlap: bool


FULL = Protocol("Full", collar=0.0, skip_overlap=False)
FORGIVING = Protocol("Forgiving", collar=0.25, skip_overlap=True)


@dataclass(frozen=True, slots=True)
class DiarizationError:
    """The parts of the diarization error rate, in seconds of speaker time; parts of files add up.

    Examples
    --------
    >>> error = DiarizationError(total=10, missed=1, false_alarm=0.5, confusion=0.5)
    >>> error.rate
    0.2
    >>> (error + error).total
    20
    """

    total: float = 0.0
    missed: float = 0.0
    false_alarm: float = 0.0
    confusion: float = 0.0

    @property
    def rate(self) -> float:
        """Errors over reference speech; where the reference has none, 0 (1 if there are errors)."""
        errors = self.missed + self.false_alarm + self.confusion
        if self.total <= 0:
            return 1.0 if errors > 0 else 0.0
        return errors / self.total

    def __add__(self, other: DiarizationError) -> DiarizationError:
        return DiarizationError(*map(add, astuple(self), astuple(other)))


@dataclass(frozen=True, slots=True)
class JaccardError:
    """Sum of the speakers' Jaccard errors and the number of reference speakers; files add up."""

    error: float = 0.0
    speakers: int = 0

    @property
    def rate(self) -> float:
        """Mean over the reference's speakers, 0 to 1; 0 where the reference has none."""
        return self.error / self.speakers if self.speakers else 0.0

    def __add__(self, other: JaccardError) -> JaccardError:
        return JaccardError(*map(add, astuple(self), astuple(other)))


def diarization_error(
    reference: Iterable[Turn],
    hypothesis: Iterable[Turn],
    *,
    collar: float = 0.0,
    skip_overlap: bool = False,
    uem: Sequence[Segment] | None = None,
) -> DiarizationError:
    """Diarization error rate, with its parts, under the best mapping of speakers.

    Parameters
    ----------
    reference, hypothesis : iterable of Turn
        In any order. Turns of one speaker that overlap each other count twice, as they do in
        ``pyannote.metrics``.
    collar : float
        Seconds left out on each side of every reference boundary (NIST's way of counting; pass
        ``collar=2 * x`` to ``pyannote.metrics`` for the same).
    skip_overlap : bool
        Leave out where more than one person of the reference talks.
    uem : sequence of Segment, optional
        The regions to score; everything where not given.

    Examples
    --------
    >>> reference = [Turn(0, 4, "Ann"), Turn(4, 10, "Bob")]
    >>> hypothesis = [Turn(0, 5, "0"), Turn(5, 9, "1")]
    >>> diarization_error(reference, hypothesis)
    DiarizationError(total=10.0, missed=1.0, false_alarm=0.0, confusion=1.0)
    """
    sweep = _Sweep(reference, hypothesis, collar, skip_overlap, uem)
    seconds, ref, hyp = sweep.seconds, sweep.reference, sweep.hypothesis
    ref_count, hyp_count = ref.sum(axis=1), hyp.sum(axis=1)
    hyp_index, ref_index = _assign(sweep.cooccurrence().T)
    right = np.minimum(ref[:, ref_index], hyp[:, hyp_index]).sum(axis=1)
    return DiarizationError(
        total=float(seconds @ ref_count),
        missed=float(seconds @ np.maximum(ref_count - hyp_count, 0)),
        false_alarm=float(seconds @ np.maximum(hyp_count - ref_count, 0)),
        confusion=float(seconds @ (np.minimum(ref_count, hyp_count) - right)),
    )


def jaccard_error(
    reference: Iterable[Turn],
    hypothesis: Iterable[Turn],
    *,
    collar: float = 0.0,
    skip_overlap: bool = False,
    uem: Sequence[Segment] | None = None,
) -> JaccardError:
    """Jaccard error rate: every reference speaker weighs the same, however much was said.

    Parameters and mapping as in :func:`diarization_error`.

    Notes
    -----
    Ryant et al., "The Second DIHARD Diarization Challenge", Interspeech 2019.

    Examples
    --------
    >>> reference = [Turn(0, 4, "Ann"), Turn(4, 10, "Bob")]
    >>> round(jaccard_error(reference, [Turn(0, 10, "0")]).rate, 2)
    0.7
    """
    sweep = _Sweep(reference, hypothesis, collar, skip_overlap, uem)
    ref, hyp = sweep.reference > 0, sweep.hypothesis > 0
    present = sweep.seconds @ ref > 0
    errors = np.ones(ref.shape[1])
    for r, h in zip(*_assign(sweep.cooccurrence()), strict=True):
        both = float(sweep.seconds @ (ref[:, r] & hyp[:, h]))
        either = float(sweep.seconds @ (ref[:, r] | hyp[:, h]))
        errors[r] = 1.0 - both / either
    return JaccardError(float(errors[present].sum()), int(present.sum()))


def speaker_count_error(
    reference: Iterable[Turn], hypothesis: Iterable[Turn], *, uem: Sequence[Segment] | None = None
) -> int:
    """Return how many speakers too many (positive) or too few (negative) were found.

    Examples
    --------
    >>> speaker_count_error([Turn(0, 1, "a"), Turn(1, 2, "b")], [Turn(0, 2, "0")])
    -1
    """
    sweep = _Sweep(reference, hypothesis, 0.0, False, uem)
    found = int(np.count_nonzero(sweep.seconds @ sweep.hypothesis))
    return found - int(np.count_nonzero(sweep.seconds @ sweep.reference))


def optimal_mapping(reference: Iterable[Turn], hypothesis: Iterable[Turn]) -> dict[str, str]:
    """Return the hypothesis speakers' counterparts in the reference, where there are any.

    Examples
    --------
    >>> optimal_mapping([Turn(0, 1, "Ann"), Turn(1, 2, "Bob")], [Turn(0.9, 2, "0")])
    {'0': 'Bob'}
    """
    sweep = _Sweep(reference, hypothesis, 0.0, False, None)
    pairs = zip(*_assign(sweep.cooccurrence().T), strict=True)
    return {sweep.hypothesis_labels[h]: sweep.reference_labels[r] for h, r in pairs}


class _Sweep:
    """The scored time cut where anything changes: seconds (K,) and who talks in each piece.

    ``reference`` is (K, R) and ``hypothesis`` (K, H): how many turns of each speaker are running.
    """

    def __init__(
        self,
        reference: Iterable[Turn],
        hypothesis: Iterable[Turn],
        collar: float,
        skip_overlap: bool,
        uem: Sequence[Segment] | None,
    ) -> None:
        ref = [turn for turn in reference if turn.end > turn.start]
        hyp = [turn for turn in hypothesis if turn.end > turn.start]
        self.reference_labels = sorted({turn.speaker for turn in ref})
        self.hypothesis_labels = sorted({turn.speaker for turn in hyp})
        ref_times = _times((turn.start, turn.end) for turn in ref)
        hyp_times = _times((turn.start, turn.end) for turn in hyp)
        collars = np.empty((0, 2))
        if collar > 0:
            edges = ref_times.reshape(-1, 1)
            collars = np.hstack([edges - collar, edges + collar])
        regions = None if uem is None else _times((part.start, part.end) for part in uem)
        pieces = [ref_times, hyp_times, collars] + ([] if regions is None else [regions])
        instants = np.unique(np.concatenate(pieces).ravel())
        self.reference = _running(ref, ref_times, self.reference_labels, instants)
        self.hypothesis = _running(hyp, hyp_times, self.hypothesis_labels, instants)
        scored = _inside(collars, instants) == 0
        if regions is not None:
            scored &= _inside(regions, instants) > 0
        if skip_overlap:
            scored &= self.reference.sum(axis=1) < 2
        self.seconds: Floats = np.where(scored, np.diff(instants), 0.0)

    def cooccurrence(self) -> Floats:
        """Return the seconds (R, H) that each pair of speakers shares."""
        weighted = self.reference * self.seconds[:, None]
        return np.asarray(weighted.T @ self.hypothesis, dtype=np.float64)


def _times(pairs: Iterable[tuple[float, float]]) -> Floats:
    """Return pairs of times as an (n, 2) array."""
    return np.array(list(pairs), dtype=np.float64).reshape(-1, 2)


def _inside(pairs: Floats, instants: Floats) -> Counts:
    """Return how many of the pairs cover each piece between two instants, (K,)."""
    return _covering(pairs, np.zeros(len(pairs), np.intp), 1, instants)[:, 0]


def _running(turns: list[Turn], times: Floats, labels: list[str], instants: Floats) -> Counts:
    """Return how many turns of each speaker run in each piece, (K, speakers)."""
    column = {label: index for index, label in enumerate(labels)}
    columns = np.array([column[turn.speaker] for turn in turns], dtype=np.intp)
    return _covering(times, columns, len(labels), instants)


def _covering(pairs: Floats, columns: NDArray[np.intp], width: int, instants: Floats) -> Counts:
    """Return how many pairs of each column cover each piece between two instants, (K, width)."""
    change = np.zeros((max(instants.size, 1), width), dtype=np.int32)
    np.add.at(change, (np.searchsorted(instants, pairs[:, 0]), columns), 1)
    np.add.at(change, (np.searchsorted(instants, pairs[:, 1]), columns), -1)
    return np.cumsum(change[:-1], axis=0, dtype=np.int32)


def _assign(shared: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the one-to-one pairs (rows, columns) that share the most time, all of them some."""
    rows, columns = linear_sum_assignment(-shared)
    kept = shared[rows, columns] > 0
    return rows[kept], columns[kept]
