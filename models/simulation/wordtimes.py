"""When the words of recorded speech are spoken, for tests that need to know.

Where nobody wrote down what is said, pocketsphinx listens. Its spelling is often wrong, its word
boundaries are good enough: who says a word does not depend on how the word is spelled.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diarize.arrays import SAMPLE_RATE
from diarize.audio.loading import load
from diarize.errors import DiarizeError, MissingExtraError

# Corpora whose clips are one word each: the clip's sound is the word.
ONE_WORD = frozenset(
    {"dspspeech20", "fsdd", "arabic_speech_commands", "speech_commands_v1_sample",
     "speech_commands_v2_test"}
)  # fmt: skip
_FRAME = 0.01
# Fast decoding: a first pass only, every second frame's scores. About 0.13 of real time a core.
_FAST = {
    "fwdflat": False, "bestpath": False, "maxhmmpf": 3000, "maxwpf": 5, "topn": 2, "ds": 2,
    "pl_window": 10, "loglevel": "FATAL",
}  # fmt: skip
_SOUND_BELOW_PEAK_DB = 30.0


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """One word within a clip, times in seconds from the clip's beginning."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class SpokenClip:
    """A clip of one person with its words."""

    speaker: str
    corpus: str
    samples: NDArray[np.int16]
    words: tuple[SpokenWord, ...]


def spoken_clips(
    speech_dir: str | Path,
    part: str,
    *,
    corpora: Iterable[str] | None = None,
    cache: str | Path | None = None,
    max_seconds: float = 60.0,
) -> list[SpokenClip]:
    """Return the clips of a folder of one-voice recordings with the times of their words.

    Parameters
    ----------
    speech_dir : str or Path
        Folder with ``clips.csv`` and ``PART/SPEAKER.opus``.
    part : str
    corpora : iterable of str, optional
        Which ones; all where not given.
    cache : str or Path, optional
        JSON file that keeps what pocketsphinx found, since listening takes minutes.
    max_seconds : float
        How much of each person to take.

    Raises
    ------
    DiarizeError
        If there is no such folder.
    MissingExtraError
        If pocketsphinx is needed and not installed.
    """
    index = Path(speech_dir) / "clips.csv"
    if not index.is_file():
        raise DiarizeError(f"{index} is not there: give the folder of the one-voice recordings")
    with index.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == part]
    wanted = None if corpora is None else set(corpora)
    known = _read_cache(cache)
    size = len(known)
    listener = _Listener()
    clips: list[SpokenClip] = []
    for speaker in dict.fromkeys(row["speaker"] for row in rows):
        own = [row for row in rows if row["speaker"] == speaker]
        if wanted is not None and own[0]["corpus"] not in wanted:
            continue
        samples = load(Path(speech_dir) / part / f"{speaker}.opus").samples
        clips += _clips_of(samples, own, known, listener, max_seconds)
        if cache is not None and len(known) > size:
            Path(cache).write_text(json.dumps(known), encoding="utf-8")
            size = len(known)
    return clips


def _clips_of(
    samples: NDArray[np.int16],
    rows: Sequence[Mapping[str, str]],
    known: dict[str, list[Any]],
    listener: _Listener,
    max_seconds: float,
) -> list[SpokenClip]:
    """Return one person's clips; what is heard in them goes into ``known``."""
    clips = []
    taken = 0.0
    for row in rows:
        start, end = float(row["start"]), float(row["end"])
        if taken + end - start > max_seconds:
            break
        taken += end - start
        piece = samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
        key = f"{row['speaker']}@{start:.2f}-{end:.2f}"
        if row["corpus"] in ONE_WORD:
            words = _one_word(piece)
        else:
            if key not in known:
                known[key] = listener(piece)
            words = known[key]
        if words:
            spoken = tuple(SpokenWord(*word) for word in words)
            clips.append(SpokenClip(row["speaker"], row["corpus"], piece, spoken))
    return clips


def _read_cache(cache: str | Path | None) -> dict[str, list[Any]]:
    if cache is None or not Path(cache).is_file():
        return {}
    found = json.loads(Path(cache).read_text(encoding="utf-8"))
    return dict(found) if isinstance(found, Mapping) else {}


class _Listener:
    """Recognises words with pocketsphinx, loaded at first use."""

    def __init__(self) -> None:
        self._decoder: Any = None

    def __call__(self, samples: NDArray[np.int16]) -> list[Any]:
        """Return ``[text, start, end]`` of each word, seconds."""
        if self._decoder is None:
            self._decoder = _decoder()
        self._decoder.start_utt()
        self._decoder.process_raw(samples.tobytes(), full_utt=True)
        self._decoder.end_utt()
        words = []
        for part in self._decoder.seg():
            text = part.word.partition("(")[0]
            if text and text[0] not in "<[+":
                start, end = part.start_frame * _FRAME, (part.end_frame + 1) * _FRAME
                words.append([text, round(start, 2), round(end, 2)])
        return words


def _decoder() -> Any:
    try:
        from pocketsphinx import Decoder, get_model_path
    except ImportError:
        raise MissingExtraError(
            "pocketsphinx", "eval", "finding the words in speech without a text"
        ) from None
    return Decoder(lm=get_model_path("en-us/en-us.lm.bin"), samprate=SAMPLE_RATE, **_FAST)


def _one_word(samples: NDArray[np.int16]) -> list[Any]:
    """Return the sounding part of a one-word clip as its only word."""
    frame = round(_FRAME * SAMPLE_RATE)
    whole = samples[: len(samples) // frame * frame].astype(np.float64).reshape(-1, frame)
    if not len(whole):
        return []
    power = (whole**2).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (-_SOUND_BELOW_PEAK_DB / 10))
    if not len(loud):
        return []
    return [["word", float(loud[0]) * _FRAME, float(loud[-1] + 1) * _FRAME]]
