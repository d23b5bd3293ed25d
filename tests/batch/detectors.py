"""Voice activity detectors that do harm, for the workers to survive."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from diarize.audio.waveform import Waveform
from diarize.timeline import Segment


def harmful(waveform: Waveform) -> list[Segment]:
    """Hear speech throughout; die, hang or fail over recordings that are named so."""
    name = Path(waveform.path or "").stem
    if name == "crash":
        os.kill(os.getpid(), getattr(signal, "SIGSEGV", signal.SIGTERM))
    if name == "hang":
        time.sleep(600)
    if name == "fault":
        raise RuntimeError("a fault of the detector's")
    return [Segment(0.0, waveform.duration)]
