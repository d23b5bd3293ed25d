"""When each word is spoken: repair, interpolation, and the part of a stretched word that counts."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diarize.arrays import SAMPLE_RATE, Float32
from diarize.settings import WordSettings
from diarize.timeline import Segment, divided
from diarize.transcript.readers.common import number
from diarize.transcript.schema import WordTime
from diarize.transcript.sentences import ends_sentence

if TYPE_CHECKING:
    from diarize.audio.waveform import Waveform

_CLOSE = 1e-6  # seconds; nearer than this is the same instant


@dataclass(frozen=True)
class Energy:
    """A recording's loudness over time.

    ``power`` is a (T,) float32 array: the mean square of the samples, full scale = 1, one value
    each ``step`` seconds.
    """

    power: Float32
    step: float = 0.01

    def between(self, start: float, end: float) -> Float32:
        """Return the values of the steps from ``start`` to ``end`` (seconds)."""
        first = max(0, math.floor(start / self.step + 1e-6))
        return self.power[first : max(first, math.ceil(end / self.step - 1e-6))]


def energy_of(waveform: Waveform, step: float = 0.01) -> Energy:
    """Measure a recording's energy envelope (a few megabytes an hour), block by block."""
    import numpy as np

    size = round(step * SAMPLE_RATE)
    parts = []
    for start in range(0, len(waveform) - size + 1, size * 6000):
        block = waveform.block(start, start + size * 6000)
        block = block[: len(block) // size * size].reshape(-1, size)
        parts.append((block**2).mean(axis=1))
    power = np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
    return Energy(power.astype(np.float32), step)


def seconds(value: object) -> float | None:
    """Return a time as a float, or None where it is missing, negative or not a number."""
    found = number(value)
    return found if found is not None and found >= 0 else None


def plausible_length(word: str, options: WordSettings) -> float:
    """Return the longest time, in seconds, that saying ``word`` can take."""
    letters = sum(character.isalnum() for character in word)
    return options.word_seconds + options.word_seconds_per_character * letters


def segment_times(
    segments: Sequence[Mapping[str, Any]], options: WordSettings
) -> list[tuple[float, float]]:
    """Return each segment's start and end; what is missing is taken from what lies beside it."""
    known = [(seconds(part.get("start")), seconds(part.get("end"))) for part in segments]
    times: list[tuple[float, float]] = []
    for place, (segment, (start, end)) in enumerate(zip(segments, known, strict=True)):
        inside = [
            value
            for word in segment.get("words") or ()
            for value in (seconds(word.get("start")), seconds(word.get("end")))
            if value is not None
        ]
        if start is None:
            start = min(inside, default=times[-1][1] if times else 0.0)
        if end is None:
            text = str(segment.get("text", ""))
            longest = sum(plausible_length(word, options) for word in text.split())
            following = known[place + 1][0] if place + 1 < len(known) else None
            end = start + longest if following is None else min(start + longest, following)
            end = max(inside, default=end)
        times.append((start, max(start, end)))
    return times


def word_times(
    words: Sequence[Mapping[str, Any]],
    start: float,
    end: float,
    options: WordSettings,
) -> list[WordTime]:
    """Return a time for each word of one segment, which lasts from ``start`` to ``end``, in order.

    Known times stay as they are unless they run backwards or lie far outside the segment; words
    without a time share the room between their neighbours by their lengths.
    """
    texts = [str(word.get("word", "")) for word in words]
    known = [_known_time(word, start, end, options.far_outside) for word in words]
    _close_half_open(known, texts, end, options)
    known_pairs = _forward(known)
    times: list[WordTime] = []
    index = 0
    while index < len(words):
        pair = known_pairs[index]
        if pair is not None:
            given = (seconds(words[index].get("start")), seconds(words[index].get("end")))
            times.append(WordTime(*pair, estimated=pair != given))
            index += 1
            continue
        stop = index
        while stop < len(words) and known_pairs[stop] is None:
            stop += 1
        left = times[-1].end if times else start
        following = known_pairs[stop] if stop < len(words) else None
        if following is None:
            times += _share(texts[index:stop], left, max(left, end))
        else:  # known words may overlap; the start of the next one is firm
            times += _share(texts[index:stop], min(left, following[0]), following[0])
        index = stop
    return times


def _known_time(
    word: Mapping[str, Any], start: float, end: float, far_outside: float
) -> list[float | None]:
    """Return [start, end] of a word as given, each None where missing or absurd."""
    pair = [seconds(word.get("start")), seconds(word.get("end"))]
    for place, value in enumerate(pair):
        if value is None:
            continue
        too_early = value < start - far_outside
        too_late = end > start and value > end + far_outside
        if too_early or too_late:
            pair[place] = None
    return pair


def _close_half_open(
    known: list[list[float | None]],
    texts: Sequence[str],
    end: float,
    options: WordSettings,
) -> None:
    """Give words that know only one of their edges the other one."""
    for index, (first, last) in enumerate(known):
        length = plausible_length(texts[index], options)
        if first is not None and last is None:
            following = known[index + 1][0] if index + 1 < len(known) else None
            last = min(first + length, end if following is None else following)
            known[index][1] = round(max(first, last), 3)
        elif first is None and last is not None:
            previous = known[index - 1][1] if index else None
            first = max(0.0, last - length if previous is None else max(last - length, previous))
            known[index][0] = round(min(first, last), 3)


def _forward(known: Sequence[Sequence[float | None]]) -> list[tuple[float, float] | None]:
    """Return the known times with none before its predecessor."""
    latest = 0.0
    pairs: list[tuple[float, float] | None] = []
    for first, last in known:
        if first is None or last is None:
            pairs.append(None)
            continue
        latest = max(latest, first)
        pairs.append((latest, max(latest, last)))
    return pairs


def _share(texts: Sequence[str], left: float, right: float) -> list[WordTime]:
    """Lay words without times between two instants, by their lengths."""

    def inside(instant: float) -> float:
        return min(max(round(instant, 3), left), right)

    parts = divided(left, right, [max(1, len(text.strip())) for text in texts])
    return [WordTime(inside(part.start), inside(part.end), estimated=True) for part in parts]


def lay_out(
    texts: Sequence[str], start: float, end: float, speech: Sequence[Segment]
) -> list[WordTime]:
    """Estimate when each word of a segment is spoken: by its length, while anybody speaks.

    The segment's time is in seconds; ``speech`` is disjoint and in order.
    """
    end = max(start, end)
    first = bisect_right(speech, start, key=lambda part: part.end)
    stop = bisect_left(speech, end, key=lambda part: part.start)
    parts = [
        Segment(max(part.start, start), min(part.end, end)) for part in speech[first:stop]
    ] or [Segment(start, end)]
    times = []
    for share in divided(
        0.0, sum(part.duration for part in parts), [len(text.strip()) + 1 for text in texts]
    ):
        begin = _instant(parts, share.start, after=True)
        finish = _instant(parts, share.end, after=False)
        times.append(WordTime(begin, max(begin, finish), estimated=True))
    return times


def _instant(speech: Sequence[Segment], spoken: float, *, after: bool) -> float:
    """Return when ``spoken`` seconds of speech have passed, before or after a silence there."""
    for part in speech:
        if spoken < part.duration - _CLOSE or (not after and spoken < part.duration + _CLOSE):
            return round(part.start + min(spoken, part.duration), 3)
        spoken -= part.duration
    return round(speech[-1].end, 3)


def spoken_interval(
    word: str,
    time: WordTime,
    *,
    after_sentence: bool,
    energy: Energy | None,
    options: WordSettings,
) -> tuple[float, float]:
    """Return the part of a word's time, in seconds, in which it is really spoken.

    A plausible length is taken as it is. A stretched word is cut to one: to the sound inside it, if
    the energy tells; else to its end when it opens a sentence, and to its beginning otherwise
    (Whisper gives the silence after a sentence to its last word).
    """
    limit = plausible_length(word, options)
    if time.end - time.start <= limit:
        return time.start, time.end
    closes = ends_sentence(word)
    if energy is not None:
        bursts = _sound_intervals(energy, time.start, time.end, options)
        if bursts:
            return _pick_interval(bursts, limit, after_sentence, closes)
    if after_sentence and not closes:
        return time.end - limit, time.end
    return time.start, time.start + limit


def _pick_interval(
    bursts: Sequence[tuple[float, float]], limit: float, opens: bool, closes: bool
) -> tuple[float, float]:
    """Choose the stretch of sound that a stretched word belongs to.

    The last word of a sentence is the first sound in it, the first word of one the last.
    """
    if opens and not closes:
        start, end = bursts[-1]
        return max(start, end - limit), end
    longest = max(bursts, key=lambda burst: burst[1] - burst[0])
    start, end = bursts[0] if closes and not opens else longest
    return start, min(end, start + limit)


def _sound_intervals(
    energy: Energy, start: float, end: float, options: WordSettings
) -> list[tuple[float, float]]:
    """Return the stretches of sound between two instants, in seconds."""
    import numpy as np

    power = energy.between(start, end)
    if len(power) < 3:
        return []
    floor, peak = float(np.percentile(power, 5)), float(power.max())
    loud = np.flatnonzero(power > floor + options.sound_level * (peak - floor))
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) * energy.step > options.sound_join)
    firsts = loud[np.concatenate(([0], breaks + 1))]
    lasts = loud[np.concatenate((breaks, [len(loud) - 1]))]
    origin = math.floor(start / energy.step + 1e-6) * energy.step
    sounds = [
        (origin + float(first) * energy.step, origin + float(last + 1) * energy.step)
        for first, last in zip(firsts, lasts, strict=True)
        if last > first
    ]
    # What is shorter than a syllable belongs to the word beside.
    return [sound for sound in sounds if sound[1] - sound[0] >= options.min_syllable] or sounds
