"""Segments that a recogniser made up where nobody speaks, and transcripts of another recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from diarize.settings import DEFAULTS, TranscriptSettings
from diarize.timeline import Segment, union
from diarize.transcript.schema import Transcript, join_texts


def drop_hallucinations(
    transcript: Transcript,
    speech: Sequence[Segment],
    *,
    trust_words: bool = True,
    settings: TranscriptSettings = DEFAULTS.transcript,
) -> tuple[Transcript, list[dict[str, Any]]]:
    """Take out the segments that a recogniser made up where there is no speech.

    A detector misses speech, too, in far rooms a third of it. Words are therefore taken out only
    where the recogniser's own figures doubt them as well: its probability that nobody speaks, how
    well the text can be compressed, or the same text again and again; without ``trust_words`` the
    detector alone decides. Returned are the transcript, its text put together anew, and the
    segments that were dropped.

    Examples
    --------
    >>> segments = [{"start": 0, "end": 2, "text": " Hi."},
    ...             {"start": 9, "end": 11, "text": " Bye!", "no_speech_prob": 0.9}]
    >>> transcript = Transcript({"text": "", "segments": segments})
    >>> remaining, dropped = drop_hallucinations(transcript, [Segment(0.2, 1.8)])
    >>> remaining.data["text"], [segment["text"] for segment in dropped]
    (' Hi.', [' Bye!'])
    """
    margin = settings.speech_margin
    near = union((Segment(s.start - margin, s.end + margin) for s in speech), gap=0.0)
    remaining: list[dict[str, Any]] = []
    dropped: list[dict[str, Any]] = []
    repeated = _repeated(transcript.segments, settings.repeats)
    for segment, again in zip(transcript.segments, repeated, strict=True):
        time = Segment(segment["start"], segment["end"])
        # Where a segment is shorter than the least speech, its instant decides.
        needed = min(settings.min_segment_speech, time.duration)
        spoken = sum(time.overlap(part) for part in near)
        silent = spoken < needed or not any(time.gap(part) == 0 for part in near)
        has_text = bool(str(segment.get("text") or "").strip())
        made_up = (
            silent and has_text and (not trust_words or again or _is_doubted(segment, settings))
        )
        (dropped if made_up else remaining).append(segment)
    if not dropped:
        return transcript, []
    data = {**transcript.data, "segments": remaining, "text": join_texts(remaining)}
    return replace(transcript, data=data), dropped


def _is_doubted(segment: Mapping[str, Any], settings: TranscriptSettings) -> bool:
    """Say whether the recogniser's own figures doubt a segment."""
    figures = (
        (segment.get("no_speech_prob"), settings.no_speech_probability),
        (segment.get("compression_ratio"), settings.compression_ratio),
    )
    return any(isinstance(value, int | float) and value >= limit for value, limit in figures)


def _repeated(segments: Sequence[Mapping[str, Any]], least: int) -> list[bool]:
    """Say of each segment whether it is one of several in a row with the same text."""
    repeated: list[bool] = []
    for _, group in groupby(str(part.get("text") or "").strip().lower() for part in segments):
        length = len(list(group))
        repeated += [length >= least] * length
    return repeated


def doubts(
    transcript: Transcript,
    duration: float,
    speech: Sequence[Segment] = (),
    settings: TranscriptSettings = DEFAULTS.transcript,
) -> list[str]:
    """Say what speaks against a transcript belonging to a recording; nothing if it fits.

    The recording lasts ``duration`` seconds; where it has speech may be known.
    """
    texts = [segment for segment in transcript.segments if str(segment["text"]).strip()]
    total = sum(part.duration for part in speech)
    if not texts:
        return ["holds no words"] if total > 1.0 else []
    end = max(segment["end"] for segment in texts)
    # Whisper pads the last segment to its window: only one that begins too late is strange.
    begin = max(segment["start"] for segment in texts)
    if begin > duration + max(settings.max_overhang, settings.max_overhang_share * duration):
        return [f"goes on until {end:.0f} s, but the recording ends at {duration:.0f} s"]
    if total == 0:
        return []
    times = union(
        Segment(segment["start"], max(segment["start"], min(segment["end"], duration)))
        for segment in texts
    )
    spoken = sum(time.overlap(part) for time in times for part in speech)
    length = sum(time.duration for time in times)
    found = []
    if length > 0 and spoken / length < settings.min_share_on_speech:
        found.append(f"lies mostly where nobody speaks ({spoken / length:.0%} of it is on speech)")
    rest = sum(part.overlap(Segment(end, duration)) for part in speech)
    if rest > settings.min_uncovered and rest / total > settings.min_uncovered_share:
        found.append(f"ends at {end:.0f} s, but people speak for another {rest:.0f} s after that")
    return found
