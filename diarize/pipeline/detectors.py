"""What finds speech: the bundled model, WebRTC, a model's file, a plug-in, or the user's own."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from diarize import plugins
from diarize.audio.waveform import Waveform
from diarize.errors import ModelError, UsageError
from diarize.segmentation.activity import SpeechActivity
from diarize.settings import Settings
from diarize.timeline import Segment

Detector = Callable[["Waveform"], SpeechActivity | Sequence[Segment]]


def open_detector(
    vad: str | Path | Detector, threads: int | None, settings: Settings
) -> tuple[Detector, str]:
    """Return what finds speech, and its name."""
    if callable(vad):
        return vad, getattr(vad, "__name__", type(vad).__name__)
    # The model measures better on the benchmark's two hours: examples/benchmark/RESULTS.md.
    if vad == "webrtc":
        from diarize.segmentation.webrtc import WebRtcVad

        return WebRtcVad(settings.webrtc), "webrtc"
    from diarize.segmentation.segmenters import load_segmentation

    if isinstance(vad, str) and vad in ("auto", "neural"):
        return load_segmentation(None, threads, settings), "neural"
    if not isinstance(vad, str | os.PathLike):
        raise _unknown(vad)
    if str(vad) in plugins.names("vads"):
        return plugins.load("vads", str(vad)), str(vad)
    if not Path(vad).is_file():
        if Path(vad).name != str(vad) or Path(vad).suffix == ".onnx":
            raise ModelError(f"{vad}: no such model file")
        raise _unknown(str(vad))
    return load_segmentation(Path(vad), threads, settings), Path(vad).name


def _unknown(vad: object) -> UsageError:
    return UsageError(
        f"vad is {vad!r}: auto, webrtc, neural, the path of an ONNX model, or the name of "
        "an installed plug-in is expected"
    )


def as_activity(speech: Iterable[Segment], name: str = "vad") -> SpeechActivity:
    """Wrap the segments of a plain detector, which may bring numbers of its own kinds.

    Raises
    ------
    UsageError
        Where ``speech``, which the detector ``name`` returned, is no segments.
    """
    try:
        parts = [Segment(float(part.start), float(part.end)) for part in speech]
    except (AttributeError, TypeError, ValueError):
        parts = None
    if parts is None or any(math.isnan(part.start + part.end) for part in parts):
        raise UsageError(
            f"the detector {name!r} returned {speech!r:.60}: it must return a list of "
            "diarize.Segment(start, end), in seconds"
        )
    return SpeechActivity.of(parts)
