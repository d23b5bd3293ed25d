"""Shared by the tests of training, which need the extra ``train``."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NEEDED = ("torch", "onnx", "soundfile", "pyroomacoustics")
if not all(importlib.util.find_spec(name) for name in NEEDED):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny corpus."""
    from tests.training.corpus import write_corpus

    return write_corpus(tmp_path_factory.mktemp("speech"))


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], Any]:
    """Opens teachers that are small networks instead of CAM++ and Resemblyzer."""
    from models.autospeech import teachers
    from tests.training.corpus import FirstEar, SecondEar

    monkeypatch.setattr(teachers, "campplus", lambda path: FirstEar().eval())
    monkeypatch.setattr(teachers, "Resemblyzer", SecondEar)
    found = importlib.util.find_spec
    monkeypatch.setattr(
        teachers.importlib.util,
        "find_spec",
        lambda name, *more: None if name == "openvino" else found(name, *more),
    )
    return lambda: teachers.Teachers(tmp_path / "weights.pt")
