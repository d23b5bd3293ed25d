"""Dialogues whose words and speakers are known, and transcripts of them with errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diarize.arrays import SAMPLE_RATE
from diarize.timeline import Segment, Turn, union
from models.simulation.wordtimes import SpokenClip

_PHRASE_PAUSE = 0.12  # seconds of silence at which recorded speech may be cut
_TURN_PAUSE = 0.3  # seconds; a longer pause ends a turn in the reference
_LEVEL = 2000.0  # root mean square of speech, 16 bit
_FADE = round(0.004 * SAMPLE_RATE)


@dataclass(frozen=True)
class DialogueWord:
    """One word as it was said; ``text`` holds its punctuation, times are seconds."""

    text: str
    start: float
    end: float
    speaker: str


@dataclass(frozen=True)
class Dialogue:
    """A made-up recording and the truth about it."""

    samples: NDArray[np.int16] = field(repr=False)
    words: tuple[DialogueWord, ...]
    turns: tuple[Turn, ...]

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class TimingErrors:
    """Errors as Whisper's word times have them.

    Parameters
    ----------
    jitter : float
        Each edge moves by up to this many seconds.
    stretch_end, stretch_start : float
        How often the word before (after) a pause takes the whole pause.
    missing : float
        How often a word has no time at all.
    """

    jitter: float = 0.2
    stretch_end: float = 0.5
    stretch_start: float = 0.2
    missing: float = 0.05


@dataclass(frozen=True, slots=True)
class TurnErrors:
    """Errors as diarizers make them: edges off, short turns missed, short islands invented."""

    edge: float = 0.12
    edge_limit: float = 0.35
    missed: float = 0.3
    short: float = 0.5
    islands: float = 0.04
    island_seconds: tuple[float, float] = (0.3, 0.6)


@dataclass(frozen=True)
class _Phrase:
    """A stretch of one clip between two pauses."""

    samples: NDArray[np.float32] = field(repr=False)
    words: tuple[tuple[str, float, float], ...]

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


def make_dialogue(
    clips: Sequence[SpokenClip], rng: np.random.Generator, *, seconds: float = 90.0
) -> Dialogue:
    """Let two to four people of one corpus talk to each other.

    Turns hold one to three sentences; every fifth one is a remark of a word or two, after which
    the former speaker goes on. The pauses between turns have the human mean of 0.2 s, and some are
    negative.
    """
    speakers = sorted({clip.speaker for clip in clips})
    count = min(len(speakers), int(rng.integers(2, 5)))
    chosen = [speakers[index] for index in rng.permutation(len(speakers))[:count]]
    said = {name: _phrases([c for c in clips if c.speaker == name], rng) for name in chosen}
    placed: list[tuple[float, NDArray[np.float32]]] = []
    words: list[DialogueWord] = []
    clock, current, previous = 0.5, chosen[0], chosen[1]
    while clock < seconds:
        short = bool(rng.random() < 0.2)
        for _ in range(1 if short else int(rng.integers(1, 4))):
            for phrase, spoken in _sentence(said[current], rng, short):
                placed.append((clock, phrase.samples))
                words += [
                    DialogueWord(text, clock + start, clock + end, current)
                    for text, start, end in spoken
                ]
                clock += phrase.seconds + float(rng.uniform(0.05, 0.25))
            clock += float(rng.uniform(0.0, 0.4))
        others = [name for name in chosen if name != current]
        following = previous if short else others[int(rng.integers(len(others)))]
        if following == current:
            following = others[0]
        previous, current = current, following
        clock += float(np.clip(rng.normal(0.0, 0.3), -0.5, 1.2))
    return Dialogue(_mixed(placed, rng), tuple(words), tuple(_turns(words)))


def _phrases(clips: Sequence[SpokenClip], rng: np.random.Generator) -> list[_Phrase]:
    """Cut one person's clips at pauses and shuffle the clips."""
    phrases: list[_Phrase] = []
    for index in rng.permutation(len(clips)):
        clip = clips[int(index)]
        starts = [0] + [
            place
            for place in range(1, len(clip.words))
            if clip.words[place].start - clip.words[place - 1].end >= _PHRASE_PAUSE
        ]
        for first, stop in zip(starts, [*starts[1:], len(clip.words)], strict=True):
            part = clip.words[first:stop]
            begin = max(0.0, part[0].start - 0.03)
            finish = part[-1].end + 0.03
            piece = clip.samples[round(begin * SAMPLE_RATE) : round(finish * SAMPLE_RATE)]
            words = tuple((word.text, word.start - begin, word.end - begin) for word in part)
            phrases.append(_Phrase(_levelled(piece), words))
    return phrases


def _levelled(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Bring a piece to one loudness and fade its ends."""
    sound = samples.astype(np.float32)
    level = float(np.sqrt((sound**2).mean())) if len(sound) else 0.0
    sound *= _LEVEL / max(level, 1.0)
    fade = min(_FADE, len(sound) // 2)
    if fade:
        ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
        sound[:fade] *= ramp
        sound[-fade:] *= ramp[::-1]
    return sound


def _sentence(
    phrases: list[_Phrase], rng: np.random.Generator, short: bool
) -> list[tuple[_Phrase, list[tuple[str, float, float]]]]:
    """Take phrases from the front of a person's store and punctuate their words."""
    wanted = int(rng.integers(1, 3)) if short else int(rng.integers(3, 15))
    if short:
        fit = [p for p in phrases if len(p.words) <= 2 and p.seconds < 1.2]
        taken = [fit[int(rng.integers(len(fit)))]] if fit else [phrases[0]]
    else:
        taken = []
        while sum(len(phrase.words) for phrase in taken) < wanted:
            taken.append(phrases.pop(0))
            phrases.append(taken[-1])
    result = []
    for place, phrase in enumerate(taken):
        texts = [word[0] for word in phrase.words]
        if place == 0:
            texts[0] = texts[0].capitalize()
        if place + 1 == len(taken):
            texts[-1] += str(rng.choice([".", ".", ".", "?", "!"]))
        elif rng.random() < 0.5:
            texts[-1] += ","
        words = [
            (f" {text}", start, end)
            for text, (_, start, end) in zip(texts, phrase.words, strict=True)
        ]
        result.append((phrase, words))
    return result


def _mixed(
    placed: Sequence[tuple[float, NDArray[np.float32]]], rng: np.random.Generator
) -> NDArray[np.int16]:
    """Add all pieces at their times over a little noise."""
    end = max(start + len(piece) / SAMPLE_RATE for start, piece in placed) + 0.5
    mixed = rng.normal(0.0, _LEVEL * 10 ** (-30 / 20), round(end * SAMPLE_RATE))
    for start, piece in placed:
        first = round(start * SAMPLE_RATE)
        mixed[first : first + len(piece)] += piece
    return np.clip(np.round(mixed), -32768, 32767).astype(np.int16)


def _turns(words: Sequence[DialogueWord]) -> list[Turn]:
    speakers = dict.fromkeys(word.speaker for word in words)
    return sorted(
        Turn(part.start, part.end, name)
        for name in speakers
        for part in union(
            (Segment(word.start, word.end) for word in words if word.speaker == name), _TURN_PAUSE
        )
    )


def transcribe(
    dialogue: Dialogue, rng: np.random.Generator, errors: TimingErrors | None
) -> dict[str, Any]:
    """Return a transcript in Whisper's shape, with timing errors if asked for.

    Segments end mostly at sentence ends, without regard to speakers; one sentence end in ten lost
    its punctuation or has a comma, and one word in fifty has a full stop too many.
    """
    words = [_misheard(word, rng) for word in dialogue.words]
    times = [(word.start, word.end) for word in words]
    if errors is not None:
        times = _stretched(_jittered(times, errors, rng), errors, rng)
    spoken: list[dict[str, Any]] = []
    for word, (start, end) in zip(words, times, strict=True):
        item: dict[str, Any] = {"word": word.text, "start": round(start, 2), "end": round(end, 2)}
        spoken.append(item)
    segments = _segments(spoken, rng)
    if errors is not None:
        for item in spoken:
            if rng.random() < errors.missing:
                del item["start"], item["end"]
    return {"text": "".join(word.text for word in words), "segments": segments, "language": "en"}


def _misheard(word: DialogueWord, rng: np.random.Generator) -> DialogueWord:
    text = word.text
    if text[-1] in ".?!":
        if rng.random() < 0.1:
            text = text[:-1] + ("," if rng.random() < 0.5 else "")
    elif text[-1] != "," and rng.random() < 0.02:
        text += "."
    return replace(word, text=text)


def _jittered(
    times: Sequence[tuple[float, float]], errors: TimingErrors, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Move every edge; words stay in order and keep some length."""
    moved: list[tuple[float, float]] = []
    for start, end in times:
        first, last = (edge + float(rng.uniform(-1, 1)) * errors.jitter for edge in (start, end))
        first = max(first, moved[-1][0] if moved else 0.0)
        moved.append((first, max(last, first + 0.02)))
    return moved


def _stretched(
    times: Sequence[tuple[float, float]], errors: TimingErrors, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Give pauses to the word before or after them."""
    stretched = list(times)
    for place in range(len(stretched) - 1):
        (start, end), (following, last) = stretched[place], stretched[place + 1]
        if following - end < _TURN_PAUSE:
            continue
        draw = rng.random()
        if draw < errors.stretch_end:
            stretched[place] = (start, following)
        elif draw < errors.stretch_end + errors.stretch_start:
            stretched[place + 1] = (end, last)
    return stretched


def _segments(words: Sequence[dict[str, Any]], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Cut a stream of words into segments of some seconds."""
    segments: list[dict[str, Any]] = []
    first = 0
    target, limit = float(rng.uniform(1.5, 7.0)), float(rng.uniform(8.0, 12.0))
    for place, word in enumerate(words):
        length = word["end"] - words[first]["start"]
        sentence = word["word"][-1] in ".?!" and length >= target
        if sentence or length >= limit or place + 1 == len(words):
            part = list(words[first : place + 1])
            segments.append(
                {"id": len(segments), "start": part[0]["start"], "end": part[-1]["end"],
                 "text": "".join(item["word"] for item in part), "words": part}
            )  # fmt: skip
            first = place + 1
            target, limit = float(rng.uniform(1.5, 7.0)), float(rng.uniform(8.0, 12.0))
    return segments


def disturbed(
    turns: Sequence[Turn], rng: np.random.Generator, errors: TurnErrors | None = None
) -> list[Turn]:
    """Return turns with a diarizer's errors."""
    errors = errors or TurnErrors()
    names = list(dict.fromkeys(turn.speaker for turn in turns))
    found: list[Turn] = []
    for turn in turns:
        if turn.duration < errors.short and rng.random() < errors.missed:
            continue
        moves = np.clip(rng.normal(0.0, errors.edge, 2), -errors.edge_limit, errors.edge_limit)
        start, end = turn.start + float(moves[0]), turn.end + float(moves[1])
        if end - start < 0.1:
            continue
        found.append(Turn(max(0.0, start), end, turn.speaker))
        if turn.duration > 2.0 and rng.random() < errors.islands * turn.duration:
            length = float(rng.uniform(*errors.island_seconds))
            begin = float(rng.uniform(turn.start + 0.5, turn.end - 0.5 - length))
            wrong = str(rng.choice([name for name in names if name != turn.speaker]))
            found[-1:] = [
                Turn(found[-1].start, begin, turn.speaker),
                Turn(begin, begin + length, wrong),
                Turn(begin + length, end, turn.speaker),
            ]
    return sorted(found)
