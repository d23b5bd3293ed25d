"""What the tests of the server share."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi", reason='pip install "autospeech-diarize[serve]"')
pytest.importorskip("httpx")

from tests.serve.running import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that names people of a book, which is empty at first."""
    book = tmp_path_factory.mktemp("book") / "people.db"
    with Server(tmp_path_factory.mktemp("serve"), "--speakers", str(book)) as running:
        yield running


@pytest.fixture(scope="module")
def beep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording in which nobody speaks, soon worked on."""
    path = tmp_path_factory.mktemp("beep") / "beep.wav"
    samples = 3000 * np.sin(np.arange(16_000) * 0.2)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return path
