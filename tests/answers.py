"""Bundled networks are loaded once a process, and asked once for the same input.

Most tests that diarize do so with the same few recordings, and the networks' answers are most of
the work. A test that must see them answer again uses the fixture ``anew``.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from diarize.onnx import session

MODELS = Path(__file__).resolve().parent.parent / "models"


class Remembering:
    """A session of onnxruntime that keeps its answers."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        self._answers: dict[Any, list[Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime, name)

    def run(self, outputs: None, feed: dict[str, Any]) -> list[Any]:
        """Return the answers, which the caller may change."""
        key = tuple(
            (name, value.shape, value.dtype.str, hashlib.blake2b(value.tobytes()).digest())
            for name, value in feed.items()
        )
        if key not in self._answers:
            self._answers[key] = self._runtime.run(outputs, feed)
        return [answer.copy() for answer in self._answers[key]]


@pytest.fixture(scope="session", autouse=True)
def answers() -> Iterator[None]:
    load = session._open
    once = functools.cache(lambda path, threads: Remembering(load(path, threads)))

    def bundled_once(path: Path, threads: int) -> Any:
        return (once if path.is_relative_to(MODELS) else load)(path, threads)

    with mock.patch.object(session, "_open", bundled_once):
        yield


@pytest.fixture
def anew() -> Iterator[None]:
    """Let the networks answer each time they are asked."""
    with mock.patch.object(Remembering, "run", lambda self, *asked: self._runtime.run(*asked)):
        yield
