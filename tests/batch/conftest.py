"""Short recordings, in folders of which several have the same names."""

from __future__ import annotations

from pathlib import Path

import pytest

from diarize.audio.loading import load
from tests.cli.test_main_job import RATE, write_wav

NAMES = ("ann/one", "ann/two", "bo/one", "bo/two", "three")


@pytest.fixture(scope="session")
def talks(example_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of five recordings of eight seconds."""
    folder = tmp_path_factory.mktemp("talks")
    samples = load(example_dir / "meeting.mp3")
    for number, name in enumerate(NAMES):
        path = folder / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        write_wav(path, samples.block(number * 7 * RATE, (number * 7 + 8) * RATE))
    return folder
