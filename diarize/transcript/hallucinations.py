"""Segments that a recogniser made up where nobody speaks, and transcripts of another recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from diarize.timeline import Segment, union
from diarize.transcript.schema import Transcript, join_texts

# Whisper's segment boundaries are off by a few tenths of a second, and a speech detector cuts word
# ends: a segment counts as made up only if no speech is near it. Both numbers err on the side of
# keeping, since a lost sentence is worse than a stray "Thank you." Chosen by hand, not tuned.
_MARGIN = 0.3
_LEAST_SPEECH = 0.1

# Whisper's own limits for speech that is none and for text that goes round in circles.
_NO_SPEECH = 0.6
_COMPRESSION = 2.4
_REPEATS = 3  # segments in a row with the same text

# When a transcript is doubted to belong to the recording: seconds, and shares of time. By hand.
_OVERHANG = 0.5
_OVERHANG_SHARE = 0.02
_LEAST_SHARE_IN_SPEECH = 0.4
_LEAST_SHARE_COVERED = 0.5
_ENOUGH_TO_TELL = 30.0


def drop_hallucinations(
    transcript: Transcript, speech: Sequence[Segment], *, trust_words: bool = True
) -> tuple[Transcript, list[dict[str, Any]]]:
    """Take out the segments that a recogniser made up where there is no speech.

    A detector misses speech, too, in far rooms a third of it. Words are therefore taken out only
    where the recogniser's own figures doubt them as well: its probability that nobody speaks, how
    well the text can be compressed, or the same text again and again.

    Parameters
    ----------
    transcript : Transcript
    speech : sequence of Segment
        Where a speech detector found any voice.
    trust_words : bool
        False: the detector alone decides.

    Returns
    -------
    Transcript
        Without these segments; its text is put together anew if any were dropped.
    list of dict
        The dropped segments, to be reported.

    Examples
    --------
    >>> segments = [{"start": 0, "end": 2, "text": " Hi."},
    ...             {"start": 9, "end": 11, "text": " Bye!", "no_speech_prob": 0.9}]
    >>> transcript = Transcript({"text": "", "segments": segments})
    >>> kept, dropped = drop_hallucinations(transcript, [Segment(0.2, 1.8)])
    >>> kept.data["text"], [segment["text"] for segment in dropped]
    (' Hi.', [' Bye!'])
    """
    near = union((Segment(s.start - _MARGIN, s.end + _MARGIN) for s in speech), gap=0.0)
    kept: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    repeated = _repeated(transcript.segments)
    for segment, again in zip(transcript.segments, repeated, strict=True):
        time = Segment(segment["start"], segment["end"])
        # Where a segment is shorter than the least speech, its instant decides.
        needed = min(_LEAST_SPEECH, time.duration)
        heard = sum(time.overlap(part) for part in near)
        silent = heard < needed or not any(time.gap(part) == 0 for part in near)
        has_text = bool(str(segment.get("text") or "").strip())
        made_up = silent and has_text and (not trust_words or again or _is_doubted(segment))
        (dropped if made_up else kept).append(segment)
    if not dropped:
        return transcript, []
    data = {**transcript.data, "segments": kept, "text": join_texts(kept)}
    return replace(transcript, data=data), dropped


def _is_doubted(segment: Mapping[str, Any]) -> bool:
    """Say whether the recogniser's own figures doubt a segment."""
    figures = (
        (segment.get("no_speech_prob"), _NO_SPEECH),
        (segment.get("compression_ratio"), _COMPRESSION),
    )
    return any(isinstance(value, int | float) and value >= limit for value, limit in figures)


def _repeated(segments: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Say of each segment whether it is one of several in a row with the same text."""
    repeated: list[bool] = []
    for _, group in groupby(str(part.get("text") or "").strip().lower() for part in segments):
        length = len(list(group))
        repeated += [length >= _REPEATS] * length
    return repeated


def doubts(transcript: Transcript, duration: float, speech: Sequence[Segment] = ()) -> list[str]:
    """Say what speaks against a transcript belonging to a recording; nothing if it fits.

    Parameters
    ----------
    transcript : Transcript
    duration : float
        Of the recording, in seconds.
    speech : sequence of Segment
        Where the recording has speech, if that is known.
    """
    told = [segment for segment in transcript.segments if str(segment["text"]).strip()]
    total = sum(part.duration for part in speech)
    if not told:
        return ["holds no words"] if total > 1.0 else []
    end = max(segment["end"] for segment in told)
    # Whisper pads the last segment to its window: only one that begins too late is strange.
    begin = max(segment["start"] for segment in told)
    if begin > duration + max(_OVERHANG, _OVERHANG_SHARE * duration):
        return [f"goes on until {end:.0f} s, but the recording ends at {duration:.0f} s"]
    if total == 0:
        return []
    times = union(
        Segment(segment["start"], max(segment["start"], min(segment["end"], duration)))
        for segment in told
    )
    spoken = sum(time.overlap(part) for time in times for part in speech)
    length = sum(time.duration for time in times)
    found = []
    if length > 0 and spoken / length < _LEAST_SHARE_IN_SPEECH:
        found.append(f"lies mostly where nobody speaks ({spoken / length:.0%} of it is on speech)")
    rest = sum(part.overlap(Segment(end, duration)) for part in speech)
    if rest > _ENOUGH_TO_TELL and rest / total > _LEAST_SHARE_COVERED:
        found.append(f"ends at {end:.0f} s, but people speak for another {rest:.0f} s after that")
    return found
