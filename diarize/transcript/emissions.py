"""What the diarization says about the speaker of each word."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from diarize.annotation import Diarization, Segment, Turn, union
from diarize.errors import TranscriptError
from diarize.transcript.word_times import WordTime

if TYPE_CHECKING:
    from diarize.transcript.options import AssignOptions

_REACH = 3.0  # blurs beyond which a turn does not touch a word any more
_SHORTEST = 0.02  # seconds; a word without length is looked at as if it had this much
_ENOUGH_EDGES = 10  # fewer say nothing about how well turns and words agree
_CLOSE = 1e-6  # seconds; nearer than this is the same instant
_COST_STEPS = 1000  # costs are whole thousandths, so that sums are exact and ties stay ties


def as_diarization(source: Any) -> Diarization:
    """Return a :class:`Diarization` from whatever holds turns.

    Parameters
    ----------
    source : Diarization, pyannote Annotation or DiarizeOutput, DataFrame, or iterable
        A DataFrame needs the columns ``start``, ``end`` and ``speaker`` (whisperX's does). An
        iterable holds :class:`Turn` or mappings with these keys.

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
        turns = [_as_turn(item) for item in source]
        return Diarization(turns, duration=max((turn.end for turn in turns), default=0.0))
    raise TranscriptError(
        f"cannot read speaker turns from a {type(source).__name__}: give a Diarization, "
        "a pyannote Annotation, a DataFrame with start, end and speaker, or a list of turns"
    )


def _as_turn(item: Any) -> Turn:
    if isinstance(item, Turn):
        return item
    try:
        return Turn(float(item["start"]), float(item["end"]), str(item["speaker"]))
    except (KeyError, TypeError, ValueError, IndexError):
        raise TranscriptError(
            f"cannot read a speaker turn from {item!r:.80}: it needs start, end and speaker"
        ) from None


class TurnIndex:
    """Turns laid out so that those near an instant are found by bisection.

    Overlapping turns become consecutive pieces in which the strongest turn counts in full and the
    others by ``options.overlap_weight``; speakers are known by the name that will be shown.
    """

    def __init__(self, diarization: Diarization, options: AssignOptions) -> None:
        self.options = options
        self.names = tuple(dict.fromkeys(map(diarization.display, diarization.labels)))
        index = {name: place for place, name in enumerate(self.names)}
        speakers = {label: index[diarization.display(label)] for label in diarization.labels}
        self._pieces = _pieces(diarization.turns, speakers, options)
        self._starts = [piece[0] for piece in self._pieces]
        self._ends = [piece[1] for piece in self._pieces]

    def weights(self, start: float, end: float, blur: float) -> dict[int, float]:
        """Return how much each speaker covers a word, 0 to 1; empty where nobody is near.

        The turns' edges are blurred by a normal distribution of standard deviation ``blur``
        seconds, so a word at an edge counts a little for both sides.
        """
        if end - start < _SHORTEST:
            middle = 0.5 * (start + end)
            start, end = middle - 0.5 * _SHORTEST, middle + 0.5 * _SHORTEST
        first = bisect_right(self._ends, start - _REACH * blur)
        stop = bisect_left(self._starts, end + _REACH * blur)
        found: dict[int, float] = {}
        covered = 0.0
        for left, right, speakers in self._pieces[first:stop]:
            cover = _blurred_cover(left, right, start, end, blur)
            covered += cover
            for speaker, weight in speakers:
                found[speaker] = found.get(speaker, 0.0) + weight * cover
        if covered < self.options.doubt:
            return self._nearest(start, end)
        # what counts is who covers the word; a little silence in it takes nothing away
        full = 1.0 / max(covered, self.options.full_cover)
        return {speaker: weight * full for speaker, weight in found.items()}

    def lay_out(self, texts: Sequence[str], start: float, end: float) -> list[WordTime]:
        """Estimate when each word of a segment is spoken: by its length, while anybody speaks.

        Parameters
        ----------
        texts : sequence of str
        start, end : float
            The segment's time in seconds.
        """
        end = max(start, end)
        first, stop = bisect_right(self._ends, start), bisect_left(self._starts, end)
        speech = union(
            Segment(max(left, start), min(right, end))
            for left, right, _ in self._pieces[first:stop]
        ) or [Segment(start, end)]
        weights = [len(text.strip()) + 1 for text in texts]
        total, whole = sum(weights), sum(part.duration for part in speech)
        times, done = [], 0
        for weight in weights:
            begin = _instant(speech, whole * done / total, after=True)
            done += weight
            finish = _instant(speech, whole * done / total, after=False)
            times.append(WordTime(begin, max(begin, finish), estimated=True))
        return times

    def _nearest(self, start: float, end: float) -> dict[int, float]:
        """Return the weights of the turns beside a word that none touches."""
        options = self.options
        after = bisect_left(self._starts, 0.5 * (start + end))
        found: dict[int, float] = {}
        for place in (after - 1, after):
            if not 0 <= place < len(self._pieces):
                continue
            left, right, speakers = self._pieces[place]
            gap = max(0.0, left - end, start - right)
            if gap > options.max_gap:
                continue
            near = options.gap_weight * math.exp(-gap / options.gap_scale)
            for speaker, weight in speakers:
                found[speaker] = max(found.get(speaker, 0.0), weight * near)
        return found

    def costs(self, weights: Mapping[int, float]) -> list[int] | None:
        """Return what giving the word to each speaker costs, in thousandths of a nat.

        None where there is no evidence. The evidence counts less where all weights are small.
        """
        total = sum(weights.values())
        if total <= 0.0:
            return None
        strength, doubt = min(1.0, total) * _COST_STEPS, self.options.doubt
        none = round(-strength * math.log(doubt))
        costs = [none] * len(self.names)
        for speaker, weight in weights.items():
            costs[speaker] = round(-strength * math.log(doubt + (1 - doubt) * weight / total))
        return costs


def _instant(speech: Sequence[Segment], spoken: float, *, after: bool) -> float:
    """Return when ``spoken`` seconds of speech have passed, before or after a silence there."""
    for part in speech:
        if spoken < part.duration - _CLOSE or (not after and spoken < part.duration + _CLOSE):
            return round(part.start + min(spoken, part.duration), 3)
        spoken -= part.duration
    return round(speech[-1].end, 3)


def trust(
    turns: Sequence[Turn],
    starts: Sequence[float],
    ends: Sequence[float],
    options: AssignOptions,
) -> float:
    """Measure how far turns and words disagree: 1 for as much as usual, less for less.

    Parameters
    ----------
    turns : sequence of Turn
    starts, ends : sequence of float
        When words start and end, seconds; only times that the transcript really told.
    """
    distances = []
    for edges, instants in (
        ([turn.start for turn in turns], sorted(starts)),
        ([turn.end for turn in turns], sorted(ends)),
    ):
        for edge in edges:
            place = bisect_left(instants, edge)
            near = [abs(edge - instant) for instant in instants[max(0, place - 1) : place + 1]]
            distances += [min(near)] if near else []
    if len(distances) < _ENOUGH_EDGES:
        return 1.0
    misfit = sorted(distances)[len(distances) // 2]
    return min(1.0, max(options.least_trust, misfit / options.misfit))


def whole_costs(costs: Iterable[float]) -> list[int]:
    """Return costs in nats as whole thousandths."""
    return [round(cost * _COST_STEPS) for cost in costs]


def _strength(turn: Turn, options: AssignOptions) -> float:
    """Return how much a turn counts, by its confidence."""
    if turn.confidence is None:
        return 1.0
    sure = min(1.0, max(0.0, turn.confidence / options.confident))
    return options.confidence_floor + (1.0 - options.confidence_floor) * sure


def _pieces(
    turns: Sequence[Turn], speakers: Mapping[str, int], options: AssignOptions
) -> list[tuple[float, float, tuple[tuple[int, float], ...]]]:
    """Cut turns at each other's edges: [(start, end, ((speaker, weight), …)), …], disjoint."""
    ordered = sorted(turn for turn in turns if turn.end > turn.start)
    edges = sorted({edge for turn in ordered for edge in (turn.start, turn.end)})
    pieces: list[tuple[float, float, tuple[tuple[int, float], ...]]] = []
    active: list[Turn] = []
    upcoming = 0
    for start, end in itertools.pairwise(edges):
        while upcoming < len(ordered) and ordered[upcoming].start <= start:
            active.append(ordered[upcoming])
            upcoming += 1
        active = [turn for turn in active if turn.end > start]
        if not active:
            continue
        # the same order of strength as Diarization.exclusive
        strongest = max(
            active,
            key=lambda turn: (
                -1.0 if turn.confidence is None else turn.confidence,
                turn.duration,
                -turn.start,
            ),
        )
        weights: dict[int, float] = {}
        for turn in active:
            weight = _strength(turn, options)
            if speakers[turn.speaker] != speakers[strongest.speaker]:
                weight *= options.overlap_weight
            speaker = speakers[turn.speaker]
            weights[speaker] = max(weights.get(speaker, 0.0), weight)
        present = tuple(sorted(item for item in weights.items() if item[1] > 0))
        if pieces and pieces[-1][1] == start and pieces[-1][2] == present:
            start = pieces.pop()[0]
        pieces.append((start, end, present))
    return pieces


def _blurred_cover(left: float, right: float, start: float, end: float, blur: float) -> float:
    """Return the share of [start, end] inside a turn [left, right] whose edges are blurred."""
    inside = (
        _ramp(right - start, blur)
        - _ramp(right - end, blur)
        - _ramp(left - start, blur)
        + _ramp(left - end, blur)
    )
    return min(1.0, max(0.0, inside / (end - start)))


def _ramp(distance: float, blur: float) -> float:
    """Return the integral of a normal distribution function up to ``distance``."""
    if abs(distance) >= 6.0 * blur:
        return max(0.0, distance)
    scaled = distance / blur
    density = math.exp(-0.5 * scaled * scaled) / math.sqrt(2.0 * math.pi)
    return distance * 0.5 * (1.0 + math.erf(scaled / math.sqrt(2.0))) + blur * density
