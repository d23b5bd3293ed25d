"""A result as a picture: its kinds, the map of voices, and what is said where that cannot be."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from diarize.annotation import Diarization, Speaker
from diarize.audio.loading import load
from diarize.embedding.embedder import OnnxEmbedder
from diarize.plot import KINDS, EmbeddingMap, drawn, embedding_map, projected
from diarize.result import Result
from diarize.timeline import Turn
from tests import command, talk

pytest.importorskip("matplotlib")
HOSTILE = ("$x^2", "a_b$", "<b>&", "مريم", "李雷", "")


@pytest.fixture
def call(tmp_path: Path) -> Path:
    """A call beside a result of its true turns."""
    shutil.copy(talk.recording("call"), tmp_path / "call.opus")
    turns = talk.true_turns("call")
    found = Diarization(turns, load(tmp_path / "call.opus").duration, "call")
    Result(found, None, str(tmp_path / "call.opus")).write("json", folder=tmp_path)
    return tmp_path


def test_a_picture_of_each_kind(call: Path) -> None:
    for kind in KINDS:
        done = command.run("plot", "call.json", "-o", f"figure.{kind}", "--no-map", cwd=call)
        assert done.returncode == 0, done.stderr
    assert (call / "figure.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert (call / "figure.pdf").read_bytes()[:5] == b"%PDF-"
    texts = [
        one.text for one in ET.parse(call / "figure.svg").iter("{http://www.w3.org/2000/svg}text")
    ]
    assert set(talk.true_turns("call")[0].speaker.split()) <= set(texts)


def test_the_map_parts_the_voices(call: Path) -> None:
    done = command.run("plot", "call.json", "-o", "figure.png", cwd=call)
    assert done.returncode == 0, done.stderr
    wave = load(call / "call.opus")
    talk_ = Diarization(talk.true_turns("call"), wave.duration)
    found = embedding_map(talk_, wave, OnnxEmbedder())
    assert len(found.labels) == len(found.points) > 6
    rows = np.array(found.labels)
    means = {label: found.points[rows == label].mean(axis=0) for label in talk_.labels}
    nearest = [
        min(means, key=lambda label: float(np.linalg.norm(point - means[label])))
        for point in found.points
    ]
    assert np.mean(np.array(nearest) == rows) > 0.8
    assert 0.2 < found.share <= 1


def test_the_same_bytes_again(call: Path) -> None:
    words = ("plot", "call.json", "-o", "figure.png", "--no-map", "-q")
    assert command.run(*words, cwd=call).returncode == 0
    before = (call / "figure.png").read_bytes()
    assert command.run(*words, cwd=call).returncode == 0
    assert (call / "figure.png").read_bytes() == before
    (call / "figure.png").write_bytes(b"mine")
    refused = command.run(*words, cwd=call)
    assert refused.returncode == 1 and b"is not replaced" in refused.stderr
    assert (call / "figure.png").read_bytes() == b"mine"


def test_without_the_recording(call: Path) -> None:
    (call / "call.opus").unlink()
    done = command.run("plot", "call.json", "-o", "figure.png", cwd=call)
    assert done.returncode == 1
    assert b"--audio PATH" in done.stderr and b"--no-map" in done.stderr
    wrong = command.run("plot", "call.json", "-o", "figure.bmp", "--no-map", cwd=call)
    assert wrong.returncode == 2 and b".png" in wrong.stderr


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("count", [0, 1, 20])
def test_any_names_and_any_number_of_speakers(count: int) -> None:
    labels = [f"SPEAKER_{number:02d}" for number in range(count)]
    people = [
        Speaker(label, HOSTILE[number % len(HOSTILE)] or None)
        for number, label in enumerate(labels)
    ]
    turns = [Turn(number, number + 2.0, label, 0.3) for number, label in enumerate(labels)]
    points = np.random.default_rng(1).normal(size=(count, 2)).astype(np.float32)
    found = EmbeddingMap(points, tuple(labels), 0.5)
    assert drawn(Diarization(turns, 30, "a $ b", people), found).startswith(b"\x89PNG")


def test_points_of_one_window_and_of_none() -> None:
    assert projected(np.ones((1, 8), np.float32))[0].tolist() == [[0.0, 0.0]]
