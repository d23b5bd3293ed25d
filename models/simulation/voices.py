"""One-voice recordings as the raw material of simulated conversations.

A folder of them is either described by a ``clips.csv`` (``speaker,part,corpus,session,start,end``
and optionally ``text``, the words of a clip; the files are ``PART/SPEAKER.*``, or beside the table
where it has no column ``part``), or plain: one sound file, or one sub-folder of them, a speaker.
"""

from __future__ import annotations

import csv
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from diarize.arrays import SAMPLE_RATE
from diarize.errors import DiarizeError
from models.simulation.acoustics import decode, set_level

Samples: TypeAlias = NDArray[np.float32]

SOUND_SUFFIXES = frozenset({".opus", ".ogg", ".flac", ".wav", ".mp3", ".m4a"})
# A longer pause ends a piece of speech in the reference; shorter ones are part of talking.
LONGEST_INNER_PAUSE = 0.3
# Speech is what is less than this below a clip's loud parts: chosen by listening to the corpora's
# quiet ends of words; clips with a noise floor nearer than that use the floor instead.
SPEECH_BELOW_PEAK_DB = 35.0
SPEECH_ABOVE_FLOOR_DB = 6.0
_FRAME = SAMPLE_RATE // 100
_CLIP_LEVEL = -26.0


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of one person's file, in seconds, and what is said in it where that is known."""

    file: Path
    start: float
    end: float
    session: str = ""
    text: str | None = None

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Voice:
    """One person: name, corpus, and clips in the order of the recordings."""

    name: str
    corpus: str
    clips: tuple[Clip, ...]

    @property
    def seconds(self) -> float:
        """Length of all clips together."""
        return sum(clip.duration for clip in self.clips)


class VoiceBank:
    """The voices of a folder, decoded when needed; the last used ones stay in memory.

    Parameters
    ----------
    folder : str or Path
    part : str
        ``dev``, ``train``, …: the value of the column ``part``, or the name of a sub-folder; ""
        takes every speaker of a folder without parts.
    keep : int
        Decoded files to keep in memory (about 2 MB a minute).

    Raises
    ------
    DiarizeError
        When the folder holds no speaker of that part.
    """

    def __init__(self, folder: str | Path, part: str = "dev", *, keep: int = 64) -> None:
        self.folder = Path(folder)
        self.part = part
        index = self.folder / "clips.csv"
        voices = _from_index(index, part) if index.is_file() else _from_files(self.folder, part)
        if not voices:
            raise DiarizeError(
                f"{self.folder}: no speaker of part {part!r} found; give a folder with clips.csv, "
                "or with one sound file (or sub-folder of them) a speaker"
            )
        self.voices = {voice.name: voice for voice in voices}
        self._keep = keep
        self._decoded: OrderedDict[Path, NDArray[np.int16]] = OrderedDict()

    def samples(self, clip: Clip) -> Samples:
        """Return a clip's samples, float32 at 16 kHz with full scale at ±1."""
        whole = self._decoded.pop(clip.file, None)
        if whole is None:
            sound = decode(clip.file.read_bytes())
            whole = np.clip(np.round(sound * 32767.0), -32768, 32767).astype(np.int16)
        self._decoded[clip.file] = whole
        while len(self._decoded) > self._keep:
            self._decoded.popitem(last=False)
        piece = whole[round(clip.start * SAMPLE_RATE) : round(clip.end * SAMPLE_RATE)]
        scaled: Samples = piece.astype(np.float32) / np.float32(32768.0)
        return scaled


def speech_runs(samples: Samples, pause: float = LONGEST_INNER_PAUSE) -> list[tuple[int, int]]:
    """Find where a clean clip of one voice really has speech, by its energy.

    Parameters
    ----------
    samples : ndarray (n,), float32
        One voice at 16 kHz, nothing louder than it.
    pause : float
        Seconds; shorter pauses do not split a run.

    Returns
    -------
    list of (int, int)
        First sample and the one after the last of each run; none for silence.

    Examples
    --------
    >>> tone = np.sin(np.arange(16000) * 0.1).astype(np.float32)
    >>> speech_runs(np.concatenate([tone, np.zeros(8000, dtype=np.float32), tone]))
    [(0, 16000), (24000, 40000)]
    """
    energy = frame_energy(samples)
    if energy.size == 0:
        return []
    loud, floor = float(np.percentile(energy, 95)), float(np.percentile(energy, 10))
    if loud < -90.0:
        return []
    threshold = max(
        loud - SPEECH_BELOW_PEAK_DB, min(floor + SPEECH_ABOVE_FLOOR_DB, loud - 15.0), -90.0
    )
    voiced = np.flatnonzero(energy > threshold)
    if voiced.size == 0:
        return []
    breaks = np.flatnonzero(np.diff(voiced) > round(pause * 100))
    firsts = voiced[np.concatenate([[0], breaks + 1])]
    lasts = voiced[np.concatenate([breaks, [voiced.size - 1]])]
    runs = [
        (int(first) * _FRAME, min((int(last) + 1) * _FRAME, samples.size))
        for first, last in zip(firsts, lasts, strict=True)
    ]
    return [(start, end) for start, end in runs if end - start >= 8 * _FRAME]  # else a click


def frame_energy(samples: Samples) -> NDArray[np.float64]:
    """Return the mean power in dB of each 10 ms, (n // 160,)."""
    frames = samples[: samples.size // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    power = np.mean(np.square(frames), axis=1)
    decibels: NDArray[np.float64] = 10.0 * np.log10(np.maximum(power, 1e-12))
    return decibels


def quiet_cut(samples: Samples, wanted: int, slack: int) -> int:
    """Return the sample near ``wanted`` (± ``slack``) at which a cut hurts speech the least."""
    low, high = max(wanted - slack, 1), min(wanted + slack, samples.size)
    energy = frame_energy(samples[low:high])
    if energy.size < 3:
        return min(wanted, samples.size)
    smooth = np.convolve(energy, np.ones(3) / 3.0, mode="valid")
    return low + (int(np.argmin(smooth)) + 1) * _FRAME + _FRAME // 2


class Talker:
    """One person in one conversation: hands out clips without repeating any before all were used.

    Parameters
    ----------
    bank : VoiceBank
    name : str
    rng : numpy.random.Generator
        Source of the order of the clips. The clips of one session (one telephone, one day) stay
        together, so that the person's channel changes as seldom as the material allows.
    """

    def __init__(self, bank: VoiceBank, name: str, rng: np.random.Generator) -> None:
        self.name = name
        self.voice = bank.voices[name]
        self._bank = bank
        self._rng = rng
        self._queue: list[tuple[Clip, Samples]] = []
        self._order: list[Clip] = []
        self.given = 0.0  # seconds handed out, to tell how much had to be repeated
        median = float(np.median([clip.duration for clip in self.voice.clips]))
        # Single words are strung together as in a phrase; sentences with a breath between.
        self._joint = (0.06, 0.25) if median < 1.2 else (0.15, 0.5)

    @property
    def repeated(self) -> float:
        """Seconds that were heard before."""
        return max(0.0, self.given - self.voice.seconds)

    def utterance(self, seconds: float) -> tuple[Samples, list[tuple[int, int, str | None]]]:
        """Return about ``seconds`` of speech, and its clips: first sample, last + 1, text."""
        wanted = round(seconds * SAMPLE_RATE)
        pieces: list[Samples] = []
        marks: list[tuple[int, int, str | None]] = []
        length = 0
        while length < 0.75 * wanted or not pieces:
            if pieces:
                gap = round(float(self._rng.uniform(*self._joint)) * SAMPLE_RATE)
                pieces.append(np.zeros(gap, dtype=np.float32))
                length += gap
            piece, text = self._next(max(wanted - length, SAMPLE_RATE // 3))
            marks.append((length, length + piece.size, text))
            pieces.append(piece)
            length += piece.size
        self.given += length / SAMPLE_RATE
        return np.concatenate(pieces), marks

    def word(self, seconds: float) -> tuple[Samples, list[tuple[int, int, str | None]]]:
        """Return one short piece of speech, as a listener's "mhm"."""
        wanted = round(seconds * SAMPLE_RATE)
        clips = self.voice.clips
        clip = clips[int(self._rng.integers(len(clips)))]
        samples = self._bank.samples(clip)
        runs = speech_runs(samples, pause=0.1)
        if not runs:
            return np.zeros(0, dtype=np.float32), []
        start, end = min(runs, key=lambda run: abs(run[1] - run[0] - wanted))
        if end - start > 1.4 * wanted:
            cut = quiet_cut(samples[start:end], wanted, wanted // 3)
            return faded(samples[start : start + cut]), [(0, cut, None)]
        whole = clip.text if len(runs) == 1 else None
        return faded(samples[start:end]), [(0, end - start, whole)]

    def _next(self, wanted: int) -> tuple[Samples, str | None]:
        """Return the next piece: a whole clip, or its beginning where it is much too long."""
        clip, samples = self._queue.pop(0) if self._queue else self._draw()
        if samples.size <= 1.35 * wanted or clip.text is not None:
            return faded(samples), clip.text
        cut = self._pause_before(samples, wanted)
        rest = samples[cut:]
        later = speech_runs(rest)
        if later:
            self._queue.insert(0, (clip, rest[later[0][0] : later[-1][1]]))
        return faded(samples[:cut]), None

    @staticmethod
    def _pause_before(samples: Samples, wanted: int) -> int:
        """Return where to cut: at the pause nearest to ``wanted``, else at a quiet spot."""
        ends = [end for _, end in speech_runs(samples, pause=0.15)[:-1]]
        near = min(ends, key=lambda end: abs(end - wanted), default=None)
        if near is not None and abs(near - wanted) < wanted // 2:
            return near
        return quiet_cut(samples, wanted, min(wanted // 2, SAMPLE_RATE // 2))

    def _draw(self) -> tuple[Clip, Samples]:
        """Return the next clip trimmed to its speech; start over when all were used."""
        for _ in range(len(self.voice.clips) + 1):
            if not self._order:
                self._order = self._shuffled()
            clip = self._order.pop(0)
            samples = self._bank.samples(clip)
            runs = speech_runs(samples)
            if runs:
                # One person's clips differ in level by the take; a person talks evenly.
                return clip, set_level(samples[runs[0][0] : runs[-1][1]], _CLIP_LEVEL)
        raise DiarizeError(f"{self.voice.clips[0].file}: no speech in any clip of {self.name}")

    def _shuffled(self) -> list[Clip]:
        """Return all clips, the sessions in random order, and random order inside a session."""
        sessions: dict[str, list[Clip]] = {}
        for clip in self.voice.clips:
            sessions.setdefault(clip.session, []).append(clip)
        ordered: list[Clip] = []
        for index in self._rng.permutation(len(sessions)):
            clips = list(sessions.values())[int(index)]
            ordered += [clips[int(i)] for i in self._rng.permutation(len(clips))]
        return ordered


def faded(samples: Samples, seconds: float = 0.005) -> Samples:
    """Return a copy that begins and ends softly, so that joints do not click."""
    out: Samples = samples.copy()
    n = min(round(seconds * SAMPLE_RATE), out.size // 2)
    if n:
        ramp = np.linspace(0.0, 1.0, n, dtype=np.float32)
        out[:n] *= ramp
        out[-n:] *= ramp[::-1]
    return out


def _from_index(index: Path, part: str) -> list[Voice]:
    """Read the voices of a part from ``clips.csv``."""
    rows: dict[str, list[dict[str, str]]] = {}
    with index.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        needed = {"speaker", "start", "end"} | ({"part"} if part else set())
        missing = needed - set(reader.fieldnames or ())
        if missing:
            raise DiarizeError(f"{index}: column {sorted(missing)[0]!r} is missing")
        for row in reader:
            if row.get("part", "") == part:
                rows.setdefault(row["speaker"], []).append(row)
    folder = index.parent / part
    stems = {file.stem: file for file in _sounds(folder)} if folder.is_dir() else {}
    return [
        Voice(name, own[0].get("corpus") or "", tuple(_clip(row, stems[name]) for row in own))
        for name, own in sorted(rows.items())
        if name in stems
    ]


def _clip(row: dict[str, str], file: Path) -> Clip:
    start, end = float(row["start"]), float(row["end"])
    return Clip(file, start, end, row.get("session") or "", row.get("text") or None)


def _from_files(folder: Path, part: str) -> list[Voice]:
    """Find voices in a plain folder; the clips are what lies between pauses."""
    root = folder / part if part and (folder / part).is_dir() else folder
    if not root.is_dir():
        return []
    people: dict[str, Sequence[Path]] = {file.stem: [file] for file in _sounds(root)}
    for child in sorted(root.iterdir()):
        if child.is_dir() and (files := _sounds(child)):
            people[child.name] = files
    voices = []
    for name in sorted(people):
        clips: list[Clip] = []
        for file in people[name]:
            runs = speech_runs(decode(file.read_bytes()), pause=0.6)
            clips += [
                Clip(file, start / SAMPLE_RATE, end / SAMPLE_RATE, file.stem) for start, end in runs
            ]
        if clips:
            voices.append(Voice(name, root.name, tuple(clips)))
    return voices


def _sounds(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SOUND_SUFFIXES)
