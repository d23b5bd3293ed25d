"""Uploads as sound."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from diarize.arrays import Progress
from diarize.audio.loading import load
from diarize.audio.waveform import Waveform
from diarize.errors import AudioError
from diarize.text import clock

MOST_SECONDS = 24 * 3600.0  # silence packs well: a short file may last for months


def decoded(
    path: Path, name: str, on_progress: Progress | None = None, *, most: float = MOST_SECONDS
) -> Waveform:
    """Decode an upload; messages call it by its name.

    It is read through a file object: a playlist cannot lead to other files then. The sound is said
    to come from nowhere, so that nothing is looked for beside it.

    Parameters
    ----------
    most : float
        Seconds that it may last.

    Raises
    ------
    AudioError
    """

    def watched(stage: str, done: float, total: float | None) -> None:
        if max(done, total or 0.0) > most:
            raise AudioError(f"{name}: lasts longer than {clock(most)}, which is not taken here")
        if on_progress is not None:
            on_progress(stage, done, total)

    if not path.stat().st_size:
        raise AudioError(f"{name}: is empty, no byte of it was uploaded. Check the file")
    with io.FileIO(path) as file:
        file.name = name
        waveform = load(io.BufferedReader(file), on_progress=watched)
    return replace(waveform, path="-")
