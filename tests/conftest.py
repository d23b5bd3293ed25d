"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No deadline: a busy machine is not a failure. On a build server the same examples every time.
settings.register_profile(
    "project",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("project")

ROOT = Path(__file__).resolve().parent.parent

# Markers of folders: what a checkout has beside the package can be left out, -m "not training".
MARKERS = {
    "tests/training": "training",
    "tests/benchmark": "benchmark",
    "tests/simulation": "benchmark",
    "models/training": "training",
    "models/autospeech": "training",
    "models/segmentation": "training",
    "models/benchmark": "benchmark",
    "models/simulation": "benchmark",
}

collect_ignore = ["data"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of a folder with the folder's marker."""
    for item in items:
        folder = item.path.parent.relative_to(ROOT).as_posix()
        if folder in MARKERS:
            item.add_marker(MARKERS[folder])


@pytest.fixture(scope="session")
def speech_dir() -> Path:
    """Folder of the speech corpora (``clips.csv``, ``train/``, ``dev/``, ``noise/``, ``real/``)."""
    folder = Path(os.environ.get("DIARIZE_SPEECH_DIR") or "speech")
    if (folder / "clips.csv").is_file():
        return folder
    pytest.skip("speech corpora not found: set DIARIZE_SPEECH_DIR to their folder")


@pytest.fixture(scope="session")
def bundled_model() -> Path:
    """The bundled AutoSpeech model of this checkout."""
    return ROOT / "models" / "autospeech" / "autospeech.onnx"


@pytest.fixture(scope="session")
def example_dir() -> Path:
    """Folder of the example meeting."""
    return ROOT / "examples"
