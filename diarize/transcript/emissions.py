"""What the diarization says about the speaker of each word."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from diarize.annotation import Diarization
from diarize.errors import TranscriptError
from diarize.settings import WordSettings
from diarize.timeline import Turn, layers
from diarize.transcript.anchors import IndexedTurn
from diarize.transcript.boundaries import BoundaryError

_COST_STEPS = 1000  # costs are whole thousandths, so that sums are exact and ties stay ties


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch, in seconds, in which the same people speak, each with a weight."""

    start: float
    end: float
    speakers: tuple[tuple[int, float], ...]
    start_std: float = 0.0
    end_std: float = 0.0


def as_diarization(source: Any) -> Diarization:
    """Return a :class:`Diarization` from whatever holds turns.

    That is a Diarization, pyannote's Annotation or DiarizeOutput, a DataFrame with the columns
    ``start``, ``end`` and ``speaker`` (as whisperX's), or an iterable of :class:`Turn` or of
    mappings with these keys. Rows whose speaker is None or NaN are left out.

    Raises
    ------
    TranscriptError
        If it is none of these.
    """
    if isinstance(source, Diarization):
        return source
    if hasattr(source, "speaker_diarization"):
        source = source.speaker_diarization
    if hasattr(source, "itertracks"):
        return Diarization.from_annotation(source)
    if hasattr(source, "columns") and hasattr(source, "to_dict"):
        missing = {"start", "end", "speaker"} - set(source.columns)
        if missing:
            raise TranscriptError(
                f"the diarization table lacks the columns {', '.join(sorted(missing))}: "
                "it needs start, end (seconds) and speaker"
            )
        source = source[["start", "end", "speaker"]].to_dict("records")
    if isinstance(source, Iterable) and not isinstance(source, str | bytes | Mapping):
        turns = [turn for turn in map(_as_turn, source) if turn is not None]
        return Diarization(turns, duration=max((turn.end for turn in turns), default=0.0))
    raise TranscriptError(
        f"cannot read speaker turns from a {type(source).__name__}: give a Diarization, "
        "a pyannote Annotation, a DataFrame with start, end and speaker, or a list of turns"
    )


def _as_turn(item: Any) -> Turn | None:
    if isinstance(item, Turn):
        return item
    try:
        speaker = item["speaker"]
        if _is_missing(speaker):
            return None
        return Turn(float(item["start"]), float(item["end"]), str(speaker))
    except (KeyError, TypeError, ValueError, IndexError):
        raise TranscriptError(
            f"cannot read a speaker turn from {item!r:.80}: it needs start, end and speaker"
        ) from None


def _is_missing(speaker: Any) -> bool:
    """Say whether a table names no speaker: None, or pandas' NaN or NA, which equal nothing."""
    try:
        return speaker is None or bool(speaker != speaker)
    except TypeError:  # of NA
        return True


class TurnIndex:
    """Turns laid out so that those near an instant are found by bisection.

    Overlapping turns become consecutive pieces, in each of which the same people speak. A turn that
    lies wholly within another one counts in full where it is, the outer one by
    ``options.nested_weight``; other overlaps count alike. Speakers are known by the name that will
    be shown. The turns' edges are as exact as the options expect where no error is given.
    """

    def __init__(
        self,
        diarization: Diarization,
        options: WordSettings,
        error: BoundaryError | None = None,
    ) -> None:
        self.options = options
        self.names = tuple(dict.fromkeys(map(diarization.display, diarization.labels)))
        index = {name: place for place, name in enumerate(self.names)}
        speakers = {label: index[diarization.display(label)] for label in diarization.labels}
        error = error or BoundaryError(options.pause_std, options.change_std)
        self.turns = _indexed(diarization.turns, speakers, options)
        self._pieces = _pieces(diarization.turns, speakers, options, error)
        self._starts = [piece.start for piece in self._pieces]
        self._ends = [piece.end for piece in self._pieces]
        self._reach = options.evidence_reach * max(error.pause, error.change)

    def weights(self, start: float, end: float, time_std: float = 0.0) -> dict[int, float]:
        """Return how much each speaker covers a word, 0 to 1; empty where nobody is near.

        The turns' edges are uncertain, so a word at an edge counts a little for both sides; so are
        the word's times, by ``time_std`` seconds, where they are estimated.
        """
        shortest = self.options.min_word
        if end - start < shortest:
            middle = 0.5 * (start + end)
            start, end = middle - 0.5 * shortest, middle + 0.5 * shortest
        reach = self._reach + self.options.evidence_reach * time_std
        first = bisect_right(self._ends, start - reach)
        stop = bisect_left(self._starts, end + reach)
        found: dict[int, float] = {}
        covered = 0.0
        for piece in self._pieces[first:stop]:
            cover = _uncertain_cover(piece, start, end, time_std, self.options.min_edge_std)
            covered += cover
            for speaker, weight in piece.speakers:
                found[speaker] = found.get(speaker, 0.0) + weight * cover
        if covered < self.options.outlier_probability:
            return self._nearest(start, end)
        # what counts is who covers the word; a little silence in it takes nothing away
        full = 1.0 / max(covered, self.options.full_cover)
        return {speaker: weight * full for speaker, weight in found.items()}

    def _nearest(self, start: float, end: float) -> dict[int, float]:
        """Return the weights of the turns beside a word that none touches."""
        options = self.options
        after = bisect_left(self._starts, 0.5 * (start + end))
        found: dict[int, float] = {}
        for place in (after - 1, after):
            if not 0 <= place < len(self._pieces):
                continue
            piece = self._pieces[place]
            gap = max(0.0, piece.start - end, start - piece.end)
            if gap > options.max_gap:
                continue
            near = options.gap_weight * math.exp(-gap / options.gap_scale)
            for speaker, weight in piece.speakers:
                found[speaker] = max(found.get(speaker, 0.0), weight * near)
        return found

    def costs(
        self, weights: Mapping[int, float], anchored: Mapping[int, float] | None = None
    ) -> list[int] | None:
        """Return what giving the word to each speaker costs, in thousandths of a nat.

        None where there is no evidence. The evidence counts less where all weights are small.
        ``anchored`` holds the speakers with a short turn that the word belongs to, and what it
        costs at least, in nats, to give the word to somebody else.
        """
        total = sum(weights.values())
        if total <= 0.0:
            return None
        outlier = self.options.outlier_probability
        strength = min(1.0, total) * _COST_STEPS
        costs = [round(-strength * math.log(outlier))] * len(self.names)
        for speaker, weight in weights.items():
            share = outlier + (1 - outlier) * weight / total
            costs[speaker] = round(-strength * math.log(share))
        if not anchored:
            return costs
        least = round(_COST_STEPS * max(anchored.values()))
        return [
            0 if speaker in anchored else max(cost, least) for speaker, cost in enumerate(costs)
        ]


def integer_costs(costs: Iterable[float]) -> list[int]:
    """Return costs in thousandths of a nat, as integers."""
    return [round(cost * _COST_STEPS) for cost in costs]


def _strength(turn: Turn, options: WordSettings) -> float:
    """Return how much a turn counts, by its confidence."""
    if turn.confidence is None:
        return 1.0
    sure = min(1.0, max(0.0, turn.confidence / options.confident))
    return options.confidence_floor + (1.0 - options.confidence_floor) * sure


def _pieces(
    turns: Sequence[Turn],
    speakers: Mapping[str, int],
    options: WordSettings,
    error: BoundaryError,
) -> list[_Piece]:
    """Cut turns at each other's edges; the pieces are disjoint and in order."""
    pieces: list[_Piece] = []
    for start, end, active in layers(sorted(turn for turn in turns if turn.end > turn.start)):
        weights: dict[int, float] = {}
        for turn in active:
            weight = _strength(turn, options)
            if any(_lies_within(other, turn, speakers) for other in active):
                weight *= options.nested_weight
            speaker = speakers[turn.speaker]
            weights[speaker] = max(weights.get(speaker, 0.0), weight)
        present = tuple(sorted(item for item in weights.items() if item[1] > 0))
        if pieces and pieces[-1].end == start and pieces[-1].speakers == present:
            start = pieces.pop().start
        pieces.append(_Piece(start, end, present))
    return _with_errors(pieces, options, error)


def _indexed(
    turns: Sequence[Turn], speakers: Mapping[str, int], options: WordSettings
) -> list[IndexedTurn]:
    """Give turns their speakers' indices and find those within other speakers' turns."""
    indexed = []
    active: list[Turn] = []
    ordered = sorted(turn for turn in turns if turn.end > turn.start)
    starts = {turn.start for turn in ordered}
    ends = {turn.end for turn in ordered}
    for turn in ordered:
        active = [other for other in active if other.end > turn.start]
        speaker = speakers[turn.speaker]
        others = [other.segment for other in active if speakers[other.speaker] != speaker]
        covered = max(map(turn.segment.overlap, others), default=0.0)
        nested = covered >= options.nested_share * turn.duration
        touches = turn.start in ends or turn.end in starts
        indexed.append(IndexedTurn(turn.start, turn.end, speaker, nested, touches))
        active.append(turn)
    return indexed


def _lies_within(inner: Turn, outer: Turn, speakers: Mapping[str, int]) -> bool:
    """Say whether a turn lies within another speaker's."""
    return (
        outer.start < inner.start
        and inner.end < outer.end
        and speakers[inner.speaker] != speakers[outer.speaker]
    )


def _with_errors(
    pieces: Sequence[_Piece], options: WordSettings, error: BoundaryError
) -> list[_Piece]:
    """Give each piece the errors of its edges: larger where it touches another one."""
    stds = [
        error.change if following.start - piece.end <= options.touch else error.pause
        for piece, following in itertools.pairwise(pieces)
    ]
    edges = itertools.pairwise([error.pause, *stds, error.pause])
    return [
        replace(piece, start_std=before, end_std=after)
        for piece, (before, after) in zip(pieces, edges, strict=False)
    ]


def _uncertain_cover(
    piece: _Piece, start: float, end: float, time_std: float, min_std: float
) -> float:
    """Return the share of [start, end] inside a piece whose edges have normal errors."""
    after = max(min_std, math.hypot(piece.start_std, time_std))
    before = max(min_std, math.hypot(piece.end_std, time_std))
    begun = _ramp(end - piece.start, after) - _ramp(start - piece.start, after)
    ended = _ramp(end - piece.end, before) - _ramp(start - piece.end, before)
    return min(1.0, max(0.0, (begun - ended) / (end - start)))


def _ramp(distance: float, std: float) -> float:
    """Return the integral of a normal distribution function up to ``distance``."""
    if abs(distance) >= 6.0 * std:
        return max(0.0, distance)
    scaled = distance / std
    density = math.exp(-0.5 * scaled * scaled) / math.sqrt(2.0 * math.pi)
    return distance * 0.5 * (1.0 + math.erf(scaled / math.sqrt(2.0))) + std * density
