"""Where to listen to get to know a speaker: some seconds here and there, clear and alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from diarize.annotation import Diarization, alone
from diarize.audio.waveform import Waveform, signal_to_noise
from diarize.timeline import Segment, Turn

LONGEST = 6.0  # seconds of an excerpt
_ENOUGH = 4.0  # seconds beyond which a longer excerpt is no better
_MOST_REGIONS = 40  # stretches of a speaker whose sound is looked at
_CLEAR = 40.0  # decibels of speech over its background beyond which nothing is gained
_LEAST = 0.2  # seconds of what counts as speech
# Five of some length from all over the recording; else nearer ones; else two, however short:
# seconds between beginnings, seconds of an excerpt, how many.
_ROUNDS = ((30.0, 1.5, 5), (_LEAST, 1.5, 5), (_LEAST, 0.0, 2))


def excerpts(
    diarization: Diarization, label: str, clarity: Callable[[Segment], float] | None = None
) -> list[Segment]:
    """Return a speaker's two to five clearest excerpts, in order of time; none if never alone.

    ``clarity`` says how clear the sound of a stretch is, 0 to 1, where there is sound to go by.

    Examples
    --------
    >>> from diarize.timeline import Turn
    >>> turns = [Turn(0, 9, "a"), Turn(8, 12, "b"), Turn(40, 44, "a"), Turn(80, 81, "a")]
    >>> excerpts(Diarization(turns, 99), "a")
    [Segment(start=0, end=6.0), Segment(start=40, end=44)]
    """
    regions = [part for part in alone(diarization, label) if part.duration > _LEAST]
    mine = [turn for turn in diarization.turns if turn.speaker == label]
    scored = _best_first((_worth(mine, part), part) for part in map(_cut, regions))
    if clarity is not None:
        # many regions make the sound of all of them dear: only the likeliest are listened to
        few = _best_first((worth + clarity(part), part) for worth, part in scored[:_MOST_REGIONS])
        scored = few + scored[_MOST_REGIONS:]
    chosen: list[Segment] = []
    for apart, shortest, wanted in _ROUNDS:
        for _, part in scored:
            near = any(abs(part.start - one.start) < apart for one in chosen)
            if len(chosen) < wanted and not near and part.duration >= shortest:
                chosen.append(part)
    return sorted(chosen)


def clear_excerpts(diarization: Diarization, waveform: Waveform) -> dict[str, list[Segment]]:
    """Return the excerpts of all speakers, by their labels, with the sound to go by."""

    def clarity(part: Segment) -> float:
        return min(1.0, max(0.0, signal_to_noise(waveform, [part]) / _CLEAR))

    return {label: excerpts(diarization, label, clarity) for label in diarization.labels}


def _cut(part: Segment) -> Segment:
    return Segment(part.start, min(part.end, part.start + LONGEST))


def _worth(turns: Sequence[Turn], part: Segment) -> float:
    """Return how well a stretch shows a voice: surely this one, and long enough."""
    middle = 0.5 * (part.start + part.end)
    turn = next(one for one in turns if one.start <= middle <= one.end)
    sure = 0.0 if turn.unsure else 0.5 if turn.confidence is None else turn.confidence
    return sure + min(1.0, part.duration / _ENOUGH)


def _best_first(scored: Iterable[tuple[float, Segment]]) -> list[tuple[float, Segment]]:
    return sorted(scored, key=lambda pair: (-pair[0], pair[1].start))
