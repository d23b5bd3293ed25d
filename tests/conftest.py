"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.answers import anew, answers  # noqa: F401

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

# What is slow by its nature: all of the above, and what starts processes, servers and browsers.
# Single tests are marked where they stand. `-m "not slow"` does not even import these files.
SLOW = (
    *MARKERS,
    "tests/batch/test_cluster.py",
    "tests/batch/test_run.py",
    "tests/cli/test_whisper.py",
    "tests/project/test_packaging.py",
    "tests/project/test_privacy.py",
    "tests/project/test_typing.py",
    "tests/serve",
    "tests/test_plugins.py",
    "tests/transcript/test_whisper.py",
    "tests/writers/test_page.py",
    "tests/writers/test_page_firefox.py",
)
QUICK = "not slow"

collect_ignore = ["data"]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave slow places out where none of their tests would run: some import torch."""
    return True if config.getoption("markexpr") == QUICK and _is_slow(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of a folder with the folder's marker, and what is slow."""
    for item in items:
        folder = item.path.parent.relative_to(ROOT).as_posix()
        if folder in MARKERS:
            item.add_marker(MARKERS[folder])
        if _is_slow(item.path):
            item.add_marker("slow")


def _is_slow(path: Path) -> bool:
    return any(path.is_relative_to(ROOT / place) for place in SLOW)


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
