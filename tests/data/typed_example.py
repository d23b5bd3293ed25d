"""The public API as a typed program uses it; checked by mypy --strict and pyright, never run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_type

from diarize import (
    Candidate,
    Diarization,
    DiarizeError,
    Diarizer,
    Segment,
    Speaker,
    Turn,
    diarize,
    label_transcript,
    read_transcript,
)
from diarize.audio.loading import load
from diarize.audio.waveform import Waveform
from diarize.batch import Job, Summary, run_batch
from diarize.embedding.base import Embedder
from diarize.embedding.embedder import OnnxEmbedder
from diarize.result import Result
from diarize.segmentation.activity import SpeechActivity
from diarize.settings import Settings
from diarize.speakers import SpeakerBook


def loud(waveform: Waveform) -> list[Segment]:
    return [Segment(0.0, waveform.duration)]


def overlapping(waveform: Waveform) -> SpeechActivity:
    return SpeechActivity.of(loud(waveform))


def progress(stage: str, done: float, total: float | None) -> None:
    print(stage, done, total)


talk = diarize("podcast.mp3", min_speakers=2, on_progress=progress)
assert_type(talk, Diarization)
assert_type(talk.to_rttm(), str)
assert_type(talk.talk_time("SPEAKER_00"), float)
for turn in talk:
    assert_type(turn, Turn)
    assert_type(turn.confidence, float | None)
for speaker in talk.speakers:
    assert_type(speaker, Speaker)
    assert_type(speaker.name, str | None)
    for candidate in speaker.candidates:
        assert_type(candidate, Candidate)

embedder: Embedder = OnnxEmbedder(threads=1)
diarizer = Diarizer(vad=loud, embedder=embedder, speakers="default", settings=Settings())
Diarizer(vad=overlapping, speakers=Path("team.db"))
samples: npt.NDArray[np.int16] = np.zeros(16_000, np.int16)
assert_type(diarizer(samples, sample_rate=16_000, num_speakers=1), Diarization)
assert_type(diarizer.analyse(load("a.wav")).diarization, Diarization)
with Path("a.wav").open("rb") as stream:
    diarizer(stream)

transcript = read_transcript("podcast.json")
labelled = label_transcript(transcript, talk)
assert_type(labelled, dict[str, Any])
assert_type(Result(talk, labelled).utterances[0].text, str)
assert_type(run_batch(["a.wav"], Job("out", {"vad": "webrtc"}), jobs=1), Summary)
with SpeakerBook() as book:
    assert_type(book.names(), list[str])

try:
    diarize(Path("missing.wav"))
except DiarizeError as error:
    assert_type(error.exit_code, int)

turns: Sequence[Turn] = talk.turns
