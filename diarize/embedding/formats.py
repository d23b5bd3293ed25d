"""Formats of embedding networks: front end, windows and thresholds, by metadata and shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diarize.audio import spectrogram
from diarize.embedding.base import Thresholds
from diarize.embedding.frontends import (
    PORT_FRAMES,
    PORT_SHIFT,
    AutoSpeechPortMagnitude,
    Frontend,
    KaldiFbank,
)
from diarize.errors import ModelError
from diarize.onnx.registry import REGISTRY
from diarize.onnx.session import Session
from diarize.settings import EmbeddingSettings

PORT_THRESHOLDS = Thresholds(
    clustering=0.6,
    verification=0.26,
    margin=0.05,
    note="verification: the public port's; clustering: not calibrated, "
    "a little stricter than its verification line",
)


@dataclass(frozen=True)
class ModelFormat:
    """How to feed an embedding network, and the thresholds that belong to it.

    Attributes
    ----------
    name : str
        What the model is called in results and speaker books.
    frontend : Frontend
        Samples to the network's input.
    frames, shift : int
        Frames of 10 ms in a window, and from window to window of a segment too long for one.
    window, hop : float
        Seconds of the windows for diarization, and from one to the next.
    max_frames : int
        Frames up to which a longer segment goes through the network in one piece; 0 where the
        network takes windows only.
    drop_last_partial : bool
        Whether the last, incomplete window of a segment is left out.
    unit_partials : bool
        Whether the vectors of a segment's windows are scaled to unit length before averaging.
    """

    name: str
    frontend: Frontend
    frames: int
    shift: int
    window: float
    hop: float
    thresholds: Thresholds
    max_frames: int = 0
    drop_last_partial: bool = False
    unit_partials: bool = True


def recognize(session: Session, settings: EmbeddingSettings) -> ModelFormat:
    """Return the format of the embedding network in a session, by its metadata and input shape.

    Raises
    ------
    ModelError
        Where it is none that can be run.
    """
    path, metadata, inputs = session.path, session.metadata, session.inputs
    shape = inputs[0].shape
    if len(inputs) == 1 and len(shape) == 3 and inputs[0].type == "tensor(float)":
        if metadata.get("diarize.kind") == "autospeech":
            return _our_format(session, settings)
        if shape[2] == spectrogram.BINS:
            return _port_format(path, shape, settings)
        if shape[2] == 80:
            return _kaldi_format(path, shape, settings)
    found = ", ".join(f"{item.name} {item.shape}" for item in inputs)
    raise ModelError(
        f"{path}: not an embedding model of a known kind: one float input of shape (n, t, 257) "
        f"or (n, t, 80) is expected, this one has {found}"
    )


def _our_format(session: Session, settings: EmbeddingSettings) -> ModelFormat:
    """Read the metadata that our own export writes."""
    number, metadata, stem = session.number, session.metadata, session.path.stem
    length = session.inputs[0].shape[1]
    window, hop = number("window"), number("hop")
    frames = _fixed(length, round(window * spectrogram.FRAME_RATE))
    version = metadata.get("diarize.version", "")
    return ModelFormat(
        name=f"{stem}-{version}" if version else stem,
        frontend=Frontend(),
        frames=frames,
        shift=max(1, round(hop * spectrogram.FRAME_RATE)),
        window=window,
        hop=hop,
        thresholds=Thresholds(
            clustering=number("threshold.clustering"),
            verification=number("threshold.verification"),
            margin=number("threshold.margin"),
            note=metadata.get("diarize.threshold.note", ""),
        ),
        max_frames=_max_frames(length, settings),
    )


def _port_format(path: Path, shape: Sequence[Any], settings: EmbeddingSettings) -> ModelFormat:
    """Describe the public AutoSpeech port, which has no metadata."""
    return ModelFormat(
        name=path.stem,
        frontend=AutoSpeechPortMagnitude.beside(path),
        frames=_fixed(shape[1], PORT_FRAMES),
        shift=PORT_SHIFT,
        window=settings.window,
        hop=settings.hop,
        thresholds=PORT_THRESHOLDS,
        drop_last_partial=True,
        unit_partials=False,
    )


def _kaldi_format(path: Path, shape: Sequence[Any], settings: EmbeddingSettings) -> ModelFormat:
    """Describe a kaldi-style network; its thresholds are looked up in the registry of models."""
    return ModelFormat(
        name=path.stem,
        frontend=KaldiFbank(),
        frames=_fixed(shape[1], round(settings.window * spectrogram.FRAME_RATE)),
        shift=round(settings.hop * spectrogram.FRAME_RATE),
        window=settings.window,
        hop=settings.hop,
        thresholds=thresholds_of(path),
        max_frames=_max_frames(shape[1], settings),
    )


def thresholds_of(path: Path) -> Thresholds:
    """Return the thresholds to begin with for a kaldi-style network, by its file's name."""
    known = next((model for model in REGISTRY.values() if model.filename == path.name), None)
    name = known.source if known else "this model"
    return Thresholds(
        clustering=0.5,
        verification=0.5,
        margin=0.05,
        note=f"starting points, not calibrated for {name}: 0.5 is what sherpa-onnx clusters and "
        "WeSpeaker's runtime verifies by; diarize calibrate fits them to your recordings",
    )


def _max_frames(axis: Any, settings: EmbeddingSettings) -> int:
    """Return the frames of the longest piece: none but windows where the graph pins the axis."""
    return 0 if _fixed(axis, 0) else round(settings.max_segment * spectrogram.FRAME_RATE)


def _fixed(axis: Any, otherwise: int) -> int:
    """Return the size of an axis that the graph pins, else the given one."""
    return axis if isinstance(axis, int) and axis > 0 else otherwise
