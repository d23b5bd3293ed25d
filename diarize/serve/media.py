"""Uploads as sound."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from diarize.audio.loading import load

if TYPE_CHECKING:
    from diarize.arrays import Progress
    from diarize.audio.waveform import Waveform


def decoded(path: Path, name: str, on_progress: Progress | None = None) -> Waveform:
    """Decode an upload; messages call it by its name.

    It is read through a file object: a playlist cannot lead to other files then. The sound is said
    to come from nowhere, so that nothing is looked for beside it.

    Raises
    ------
    AudioError
    """
    with io.FileIO(path) as file:
        file.name = name
        waveform = load(io.BufferedReader(file), on_progress=on_progress)
    return replace(waveform, path="-")
