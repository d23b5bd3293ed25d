"""Put a speaker on every word and segment of a transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from diarize.annotation import Diarization
from diarize.errors import TranscriptError
from diarize.settings import DEFAULTS, WordSettings
from diarize.timeline import union
from diarize.transcript.anchors import anchors
from diarize.transcript.boundaries import BoundaryError, estimate_boundary_error
from diarize.transcript.emissions import TurnIndex, as_diarization, integer_costs
from diarize.transcript.readers import read_transcript
from diarize.transcript.schema import Transcript, WordTime
from diarize.transcript.segments import renumber, runs_of, split_segment
from diarize.transcript.sentences import ends_sentence, sentences, switch_costs
from diarize.transcript.sounds import sounds
from diarize.transcript.tokenize import tokens
from diarize.transcript.viterbi import cheapest_path
from diarize.transcript.word_times import (
    Energy,
    lay_out,
    segment_times,
    spoken_interval,
    word_times,
)

_MOST_ROUNDS = 10
# Other tools' names (vibe's times are hundredths of a second), and Whisper's for the same.
_SEGMENT_NAMES = {"stop": "end", "body": "text"}
_WORD_NAMES = {"text": "word"}


@dataclass(frozen=True)
class _Words:
    """All words of a transcript in order, with the range of each segment."""

    texts: list[str]
    times: list[WordTime]
    spoken: list[tuple[float, float]]
    stds: list[float]
    sounds: list[bool]
    ranges: list[tuple[int, int]]


def label_transcript(
    transcript: Mapping[str, Any] | Sequence[Any] | Transcript,
    diarization: Any,
    *,
    options: WordSettings = DEFAULTS.words,
    energy: Energy | None = None,
) -> dict[str, Any]:
    """Return a copy of a transcript in which every word and segment says its ``speaker``.

    Parameters
    ----------
    transcript : mapping, Transcript, or what another recogniser returned
        In openai-whisper's shape: ``segments`` with ``start``, ``end``, ``text`` and possibly
        ``words``. All other keys stay. It is not changed. Other shapes are brought into this one,
        as :func:`diarize.read_transcript` does.
    diarization : Diarization, pyannote Annotation, DataFrame or iterable of turns
        Who spoke when; see :func:`diarize.transcript.emissions.as_diarization`.
    options : WordSettings
    energy : Energy, optional
        The recording's energy envelope, which locates the sound in a stretched word.

    Returns
    -------
    dict
        ``speaker`` is the speaker's name where one is known, else the label. Words where nobody was
        heard near get the likeliest speaker and ``"unsure": true``, or None if words are not to be
        trusted; ``[MUSIC]`` and the like have None. Segments are split where the speaker changes;
        the pieces of a segment share its other keys (``tokens``, ``avg_logprob``, …), and where
        there are more segments than before, numeric ``id`` keys are given out anew. Words that came
        without a time get an interpolated one, marked ``"estimated": true``. For segments without
        words the times of words are estimated to find the split; the result then says
        ``"word_times": "estimated"``.

    Raises
    ------
    TranscriptError
        If the transcript or the diarization is of no shape known here.

    Notes
    -----
    No word is lost, added or moved, and labelling the result again gives the result again.

    Examples
    --------
    >>> from diarize.annotation import Diarization, Turn
    >>> talk = Diarization([Turn(0, 2, "A"), Turn(2, 4, "B")], duration=4)
    >>> text = {"segments": [{"start": 0, "end": 4, "text": " Is it late? Yes, very late."}]}
    >>> for part in label_transcript(text, talk)["segments"]:
    ...     print(part["speaker"], part["text"])
    A  Is it late?
    B  Yes, very late.
    """
    labelled, segments = _copy(transcript)
    count = len(segments)
    who = as_diarization(diarization)
    pieces = _label(segments, who, options, energy)
    # a text without word times is looked at again once it is cut: its pieces' times tell more
    for _ in range(_MOST_ROUNDS):
        if len(pieces) == len(segments) or all(piece.get("words") for piece in pieces):
            break
        segments = pieces
        pieces = _label(segments, who, options, energy)
    if len(pieces) > count:
        renumber(pieces)
    labelled["segments"] = pieces
    if any(not segment.get("words") and str(segment.get("text", "")).strip() for segment in pieces):
        labelled["word_times"] = "estimated"
    _label_flat_lists(labelled, pieces)
    return labelled


def _label(
    segments: list[dict[str, Any]],
    diarization: Diarization,
    options: WordSettings,
    energy: Energy | None,
) -> list[dict[str, Any]]:
    """Label segments, which are changed, and return them split where the speaker changes."""
    words = _collect(segments, diarization, options, energy)
    # where segments end must not matter here: labelling the result again has to find the same
    costs = switch_costs(words.texts, words.spoken, frozenset(), options)
    error = _boundary_error(words, costs, diarization, options)
    index = TurnIndex(diarization, options, error)
    anchored_words = anchors(index.turns, words.spoken, words.stds, costs, error, options)
    evidence = [
        None if sound else index.costs(index.weights(start, end, std), anchored)
        for (start, end), std, anchored, sound in zip(
            words.spoken, words.stds, anchored_words, words.sounds, strict=True
        )
    ]
    path = _path(words, evidence, options)
    near = _near_speech(words, evidence, options)
    names = [
        index.names[speaker]
        if (known or options.trust_words) and index.names and not sound
        else None
        for speaker, known, sound in zip(path, near, words.sounds, strict=True)
    ]
    pieces: list[dict[str, Any]] = []
    for segment, (start, stop) in zip(segments, words.ranges, strict=True):
        if start == stop:
            segment["speaker"] = _speaker_of_span(segment, index)
            pieces.append(segment)
        else:
            pieces += _label_segment(segment, start, stop, words, path, names, near)
    return pieces


def _copy(transcript: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return copies of the transcript and of its segments with their words."""
    if isinstance(transcript, str | bytes | Path) or hasattr(transcript, "read"):
        raise TranscriptError(
            f"a {type(transcript).__name__} is no transcript (a mapping with a list of segments): "
            "read the file with diarize.read_transcript first"
        )
    data = transcript if _has_whispers_shape(transcript) else read_transcript(transcript).data
    segments = []
    for segment in data.get("segments", ()):
        copied = dict(segment)
        if copied.get("words"):
            copied["words"] = [dict(word) for word in copied["words"]]
        segments.append(copied)
    return dict(data), segments


def _has_whispers_shape(source: Any) -> bool:
    """Say whether a mapping has segments, if anything, and calls nothing by another tool's name."""
    if not isinstance(source, Mapping):
        return False
    segments = source.get("segments", None if source else ())
    return _named_as_whispers(segments, _SEGMENT_NAMES) and all(
        _named_as_whispers(segment.get("words") or (), _WORD_NAMES) for segment in segments
    )


def _named_as_whispers(items: Any, names: Mapping[str, str]) -> bool:
    """Say whether these are mappings in a row, none with another's name and without our own."""
    return isinstance(items, Sequence) and all(
        isinstance(item, Mapping)
        and not any(other in item and own not in item for other, own in names.items())
        for item in items
    )


def _collect(
    segments: Sequence[dict[str, Any]],
    diarization: Diarization,
    options: WordSettings,
    energy: Energy | None,
) -> _Words:
    """Lay all words in one row; words without a time are given one in place."""
    words = _Words([], [], [], [], [], [])
    speech = union((turn.segment for turn in diarization.turns), gap=0.0)
    for segment, (start, end) in zip(segments, segment_times(segments, options), strict=True):
        segment.update(start=start, end=end)
        first = len(words.texts)
        if segment.get("words"):
            texts = [str(word.get("word", "")) for word in segment["words"]]
            times = word_times(segment["words"], start, end, options)
            for place, (word, time) in enumerate(zip(segment["words"], times, strict=True)):
                if time.estimated:
                    word.update(start=time.start, end=time.end, estimated=True)
                times[place] = replace(time, estimated=bool(word.get("estimated")))
            rooms = [time.end - time.start for time in times]
        else:
            texts = tokens(str(segment.get("text", "")))
            times = lay_out(texts, start, end, speech)
            rooms = [end - start] * len(texts)
        for text, time, room in zip(texts, times, rooms, strict=True):
            after_sentence = not words.texts or ends_sentence(words.texts[-1])
            words.spoken.append(
                spoken_interval(
                    text, time, after_sentence=after_sentence, energy=energy, options=options
                )
            )
            words.texts.append(text)
            words.times.append(time)
            std = min(options.estimated_std, options.estimated_share * room)
            words.stds.append(std if time.estimated else 0.0)
        words.sounds.extend(sounds(texts))
        words.ranges.append((first, len(words.texts)))
    return words


def _boundary_error(
    words: _Words, costs: Sequence[float], diarization: Diarization, options: WordSettings
) -> BoundaryError:
    """Estimate how exact the turns' edges are; without realignment they are taken as exact."""
    if not options.realign:
        return BoundaryError(0.0, 0.0)
    timed = [index for index, time in enumerate(words.times) if not time.estimated]
    starts = [(words.spoken[index][0], costs[index - 1] if index else 0.0) for index in timed]
    ends = [(words.spoken[index][1], costs[index]) for index in timed]
    return estimate_boundary_error(diarization.turns, starts, ends, options)


def _path(
    words: _Words, evidence: Sequence[Sequence[int] | None], options: WordSettings
) -> list[int]:
    """Return the index of each word's speaker."""
    if options.realign:
        ends = frozenset(stop - 1 for start, stop in words.ranges if stop > start)
        costs = switch_costs(words.texts, words.spoken, ends, options)
        return cheapest_path(evidence, integer_costs(costs))
    return [0 if costs is None else costs.index(min(costs)) for costs in evidence]


def _near_speech(
    words: _Words, evidence: Sequence[Sequence[int] | None], options: WordSettings
) -> list[bool]:
    """Say for each word whether a voice was found near it, or near its sentence."""
    if not options.realign:
        return [costs is not None for costs in evidence]
    near: list[bool] = []
    for start, stop in sentences(words.texts, words.times, options):
        near += [any(costs is not None for costs in evidence[start:stop])] * (stop - start)
    return near


def _label_segment(
    segment: dict[str, Any],
    start: int,
    stop: int,
    words: _Words,
    path: Sequence[int],
    names: Sequence[str | None],
    near: Sequence[bool],
) -> list[dict[str, Any]]:
    """Split one segment at its changes of speaker, and label the parts and their words."""
    runs = runs_of(path[start:stop])
    bounds = [(time.start, time.end) for time in words.times[start:stop]]
    pieces = split_segment(segment, words.texts[start:stop], bounds, runs)
    for piece, run in zip(pieces, runs, strict=True):
        inside = names[start + run.start : start + run.stop]
        sure_words = near[start + run.start : start + run.stop]
        piece["speaker"] = next((name for name in inside if name is not None), None)
        _mark(piece, sure=any(sure_words) or piece["speaker"] is None)
        for word, name, sure in zip(piece.get("words") or (), inside, sure_words, strict=False):
            word["speaker"] = name
            _mark(word, sure=sure or name is None)
    return pieces


def _mark(item: dict[str, Any], *, sure: bool) -> None:
    """Mark a segment or word where no speech of its speaker was found."""
    item.pop("unsure", None)
    if not sure:
        item["unsure"] = True


def _speaker_of_span(segment: Mapping[str, Any], index: TurnIndex) -> str | None:
    """Return who speaks most in a segment that holds no words."""
    weights = index.weights(segment["start"], segment["end"])
    if not weights:
        return None
    return index.names[max(weights, key=lambda speaker: (weights[speaker], -speaker))]


def _label_flat_lists(labelled: dict[str, Any], segments: Sequence[Mapping[str, Any]]) -> None:
    """Label the flat lists of words that some producers keep beside the segments."""
    speakers = [word["speaker"] for segment in segments for word in segment.get("words") or ()]
    for key in ("word_segments", "words"):
        flat = labelled.get(key)
        if isinstance(flat, list) and len(flat) == len(speakers):
            labelled[key] = [
                {**word, "speaker": speaker} if isinstance(word, Mapping) else word
                for word, speaker in zip(flat, speakers, strict=True)
            ]
