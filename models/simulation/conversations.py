"""Conversations made from one-voice recordings, with an exact reference.

Turn-taking comes from :mod:`models.simulation.turntaking`, voices from
:mod:`models.simulation.voices`, rooms, telephones and codecs from
:mod:`models.simulation.acoustics`. The same seed and options give the same samples.
"""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diarize.annotation import Diarization
from diarize.arrays import SAMPLE_RATE, Float32
from diarize.errors import DiarizeError
from diarize.timeline import Turn, union
from models.simulation.acoustics import add_noise
from models.simulation.scenes import (
    SCENES,
    Scene,
    SimulationOptions,
    background,
    channels,
    even,
    recorded,
    recorded_noises,
)
from models.simulation.turntaking import PlannedTurn, schedule
from models.simulation.voices import LONGEST_INNER_PAUSE, Talker, VoiceBank, speech_runs


@dataclass(frozen=True)
class SimulatedConversation:
    """A made-up recording with its reference.

    Parameters
    ----------
    uri : str
        Name, such as ``dev-meeting-0007``.
    samples : ndarray (n,), int16
        Mono at 16 kHz.
    turns : tuple of Turn
        Where each speaker really has speech: pauses over 0.3 s inside a turn are not part of it.
    words : tuple of dict or None
        ``{word, start, end, speaker}`` where the clips came with their text.
    info : mapping
        Seed, scene, corpora, shares of overlap and silence, what was repeated.
    """

    uri: str
    samples: NDArray[np.int16]
    turns: tuple[Turn, ...]
    words: tuple[dict[str, Any], ...] | None
    info: Mapping[str, Any]

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.samples.size / SAMPLE_RATE

    @property
    def speakers(self) -> tuple[str, ...]:
        """The people's names, by first appearance."""
        return tuple(dict.fromkeys(turn.speaker for turn in self.turns))


def simulate(
    speech_dir: str | Path,
    part: str = "dev",
    seed: int = 0,
    options: SimulationOptions | None = None,
    *,
    bank: VoiceBank | None = None,
) -> SimulatedConversation:
    """Make one conversation.

    Parameters
    ----------
    speech_dir : str or Path
        Folder of one-voice recordings (see :mod:`models.simulation.voices`); recordings of noise
        in its sub-folder ``noise`` are used where there are any.
    part : str
        ``dev``, ``train``, …
    seed : int
        Everything drawn follows from it.
    options : SimulationOptions, optional
    bank : VoiceBank, optional
        The same folder's voices, already opened: saves decoding them again.

    Raises
    ------
    DiarizeError
        When the folder has too few speakers, or pyroomacoustics is missing.
    """
    options = options or SimulationOptions()
    bank = bank or VoiceBank(speech_dir, part)
    rng = np.random.default_rng([seed, 0x5EECC])
    name = options.scenes[int(rng.integers(len(options.scenes)))]
    scene = SCENES[name]
    duration = 60.0 * float(rng.uniform(*options.minutes))
    count = int(rng.integers(options.speakers[0], options.speakers[1] + 1))
    chosen = _choose(rng, bank, count, duration, options)
    talkers = [Talker(bank, voice, rng) for voice in chosen]
    said = _Said(talkers)
    plan = schedule(rng, count, duration, scene.turns, length=said.length)
    n = round(duration * SAMPLE_RATE)
    mixed, turns, words = _mix(rng, scene, plan, said, n)
    noise = background(rng, scene, n, recorded_noises(speech_dir))
    finished = recorded(rng, add_noise(mixed, noise, even(rng, scene.snr)), scene)
    info = {
        "seed": seed, "part": part, "scene": name, "duration": round(duration, 3),
        "speakers": chosen, "corpora": sorted({bank.voices[voice].corpus for voice in chosen}),
        "repeated": round(sum(talker.repeated for talker in talkers), 1),
        **_shares(turns, duration),
    }  # fmt: skip
    uri = f"{part}-{name}-{seed:04d}"
    return SimulatedConversation(uri, finished, tuple(sorted(turns)), words, info)


def simulate_many(
    speech_dir: str | Path,
    part: str,
    seeds: Sequence[int],
    options: SimulationOptions | None = None,
    *,
    speakers: Sequence[int] | None = None,
) -> Iterator[SimulatedConversation]:
    """Make several conversations, one a seed, decoding each voice once.

    Parameters
    ----------
    speakers : sequence of int, optional
        Numbers of people to go through in turn, such as ``range(2, 9)``, instead of drawing them.
    """
    options = options or SimulationOptions()
    bank = VoiceBank(speech_dir, part)
    for index, seed in enumerate(seeds):
        own = options
        if speakers:
            count = speakers[index % len(speakers)]
            own = replace(options, speakers=(count, count))
        yield simulate(speech_dir, part, seed, own, bank=bank)


def write(conversation: SimulatedConversation, folder: str | Path) -> list[Path]:
    """Write ``URI.wav``, ``URI.rttm``, ``URI.json`` (how it was made) and the transcript if any.

    Returns
    -------
    list of Path
        The files written. The transcript, ``URI.words.json``, is in openai-whisper's shape with a
        ``speaker`` on every segment and word.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sound = folder / f"{conversation.uri}.wav"
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(conversation.samples.astype("<i2").tobytes())
    rttm = sound.with_suffix(".rttm")
    rttm.write_text(
        Diarization(conversation.turns, conversation.duration, uri=conversation.uri).to_rttm(),
        encoding="utf-8",
    )
    info = sound.with_suffix(".json")
    info.write_text(json.dumps(dict(conversation.info), indent=1) + "\n", encoding="utf-8")
    written = [sound, rttm, info]
    if conversation.words is not None:
        transcript = sound.with_suffix(".words.json")
        text = json.dumps(_transcript(conversation.words), indent=1, ensure_ascii=False)
        transcript.write_text(text + "\n", encoding="utf-8")
        written.append(transcript)
    return written


def _choose(
    rng: np.random.Generator,
    bank: VoiceBank,
    count: int,
    duration: float,
    options: SimulationOptions,
) -> list[str]:
    """Draw the people: mostly of one corpus, only those with enough clips."""
    needed = options.speech_factor * 0.9 * duration / count
    fit = [voice for voice in bank.voices.values() if voice.seconds >= needed]
    corpora: dict[str, list[str]] = {}
    for voice in fit:
        corpora.setdefault(voice.corpus, []).append(voice.name)
    large = {corpus: names for corpus, names in corpora.items() if len(names) >= count}
    if large and rng.random() < options.within_corpus:
        sizes = np.sqrt([len(names) for names in large.values()])
        names = list(large.values())[int(rng.choice(len(large), p=sizes / sizes.sum()))]
    else:
        names = [voice.name for voice in fit]
    if len(names) < count:
        raise DiarizeError(
            f"{bank.folder}: {len(names)} speakers of part {bank.part!r} have {needed:.0f} s of "
            f"speech each, {count} are needed; ask for fewer speakers or shorter conversations"
        )
    return [names[int(index)] for index in rng.choice(len(names), size=count, replace=False)]


class _Said:
    """Takes clips as the turn-taking asks for them, and remembers what was said."""

    def __init__(self, talkers: Sequence[Talker]) -> None:
        self.talkers = talkers
        self.drawn: list[tuple[Float32, list[tuple[int, int, str | None]]]] = []

    def length(self, speaker: int, seconds: float, short: bool) -> float:
        """Draw what a speaker says for about ``seconds``; return how long it is."""
        talker = self.talkers[speaker]
        self.drawn.append(talker.word(seconds) if short else talker.utterance(seconds))
        return self.drawn[-1][0].size / SAMPLE_RATE


def _mix(
    rng: np.random.Generator, scene: Scene, plan: Sequence[PlannedTurn], said: _Said, n: int
) -> tuple[Float32, list[Turn], tuple[dict[str, Any], ...] | None]:
    """Lay everybody's speech into one track; return it with the true turns and the words."""
    ways = channels(rng, scene, len(said.talkers))
    mixed = np.zeros(n, dtype=np.float32)
    turns: list[Turn] = []
    words: list[dict[str, Any]] = []
    complete = True
    for planned in plan:
        name = said.talkers[planned.speaker].name
        samples, marks = said.drawn[planned.draw]
        samples = samples[: round((planned.end - planned.start) * SAMPLE_RATE)]
        first = round(planned.start * SAMPLE_RATE)
        turns += [
            Turn((first + start) / SAMPLE_RATE, (first + end) / SAMPLE_RATE, name)
            for piece, stop, _ in marks
            for start, end in _offset(speech_runs(samples[piece:stop]), piece)
        ]
        for start, end, text in marks:
            complete = complete and (text is not None or planned.is_backchannel)
            if text is not None and end <= samples.size:
                words += _timed(text, first + start, first + end, name)
        sounding = ways[planned.speaker](samples, float(rng.normal(0.0, 1.0)))
        last = min(first + sounding.size, n)
        mixed[first:last] += sounding[: max(0, last - first)]
    joined = [
        Turn(part.start, min(part.end, n / SAMPLE_RATE), name)
        for name in dict.fromkeys(turn.speaker for turn in turns)
        for part in union(
            (turn.segment for turn in turns if turn.speaker == name), LONGEST_INNER_PAUSE
        )
    ]
    words.sort(key=lambda word: (word["start"], word["speaker"]))
    return mixed, joined, tuple(words) if words and complete else None


def _offset(runs: Sequence[tuple[int, int]], by: int) -> list[tuple[int, int]]:
    return [(start + by, end + by) for start, end in runs]


def _timed(text: str, start: int, end: int, speaker: str) -> list[dict[str, Any]]:
    """Spread a clip's words over its time, by their number of letters."""
    words = text.split()
    edges = np.cumsum([0, *(len(word) for word in words)]) / max(1, sum(map(len, words)))
    times = (start + edges * (end - start)) / SAMPLE_RATE
    return [
        {"word": word, "start": round(float(a), 3), "end": round(float(b), 3), "speaker": speaker}
        for word, a, b in zip(words, times[:-1], times[1:], strict=True)
    ]


def _transcript(words: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return words in openai-whisper's shape, a segment for a stretch of one speaker."""
    segments: list[dict[str, Any]] = []
    for word in words:
        spoken = {**word, "word": f" {word['word']}", "probability": 1.0}
        last = segments[-1] if segments else None
        if last and last["speaker"] == word["speaker"] and word["start"] - last["end"] < 1.0:
            last["words"].append(spoken)
            last["end"] = word["end"]
            last["text"] += spoken["word"]
        else:
            segments.append(
                {"id": len(segments), "start": word["start"], "end": word["end"],
                 "text": spoken["word"], "speaker": word["speaker"], "words": [spoken]}
            )  # fmt: skip
    return {"text": "".join(segment["text"] for segment in segments), "segments": segments,
            "language": None}  # fmt: skip


def _shares(turns: Sequence[Turn], duration: float) -> dict[str, float]:
    """Return the share of time with speech, and of speech with more than one voice."""
    speech = sum(part.duration for part in union(turn.segment for turn in turns))
    edges = sorted([(turn.start, 1) for turn in turns] + [(turn.end, -1) for turn in turns])
    running, last, shared = 0, 0.0, 0.0
    for when, change in edges:
        shared += when - last if running > 1 else 0.0
        running, last = running + change, when
    return {"speech": round(speech / duration, 3), "overlap": round(shared / max(speech, 1e-9), 3)}
