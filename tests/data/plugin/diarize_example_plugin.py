"""One of everything that a package can add to diarize."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from diarize.arrays import Progress
from diarize.audio.waveform import Waveform
from diarize.embedding.base import Thresholds
from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.timeline import Segment


class EverythingIsSpeech:
    """A voice activity detector that never misses anything."""

    def __call__(self, waveform: Waveform) -> list[Segment]:
        return [Segment(0.0, waveform.duration)]


class LoudnessEmbedder:
    """Tells speakers apart by how loud they are: loud ones point one way, quiet ones another."""

    name = "loudness"
    dimension = 2
    window = 1.0
    hop = 0.5
    thresholds = Thresholds(clustering=0.5, verification=0.5, margin=0.1)
    checksum = hashlib.sha256(b"loudness").hexdigest()

    def embed(
        self,
        waveform: Waveform,
        segments: Sequence[Segment],
        on_progress: Progress | None = None,
    ) -> npt.NDArray[np.float32]:
        """Return a unit vector for each segment."""
        vectors = np.zeros((len(segments), 2), dtype=np.float32)
        for row, part in zip(vectors, segments, strict=True):
            samples = waveform.block(int(part.start * 16000), int(part.end * 16000))
            loud = samples.size > 0 and float(np.abs(samples).max()) > 0.25
            row[0 if loud else 1] = 1.0
        return vectors


class Parrot:
    """A transcriber that hears the same in every second."""

    name = "parrot"

    def __call__(self, waveform: Waveform, on_progress: Any = None) -> dict[str, Any]:
        seconds = range(int(waveform.duration))
        return {"segments": [{"start": s, "end": s + 1, "text": " Polly."} for s in seconds]}


class ShoutWriter:
    """Writes what was said in capital letters."""

    extension = "shout"

    def render(self, result: Result, options: WriterOptions) -> str:
        """Return the whole file as text."""
        parts = result.paragraphs()
        return "".join(f"{part.speaker}: {part.text.upper()}!\n" for part in parts)
