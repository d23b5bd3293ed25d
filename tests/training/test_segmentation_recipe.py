"""The whole command that makes the segmentation, on six voices."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import onnx
import pytest

from diarize.segmentation.segmenters import NeuralSegmenter, load_segmentation
from models.segmentation import noises, talks, train
from tests.conftest import ROOT

RECIPE = """
[network]
fine = 8
channels = 8
hidden = 4
dilations = [1]
layers = 1
[teachers]
windows = 1
[material]
rooms = 2
conversations = 2
[batches]
size = 2
fresh = 1
pool = 2
seconds = 4.0
[optimization]
steps = {steps}
warm_up = 1
anneal = 1
[export]
version = "test"
[calibration]
conversations = 1
minutes = 0.5
people = 2
"""


@pytest.fixture
def command(speech, listener, tmp_path, monkeypatch):
    """Runs the command on the corpus for so many steps."""
    monkeypatch.setattr(noises, "BANK_SECONDS", 1.0)
    monkeypatch.setattr(talks, "SECONDS", 12)
    (tmp_path / "teacher.pt").write_bytes(b"weights")

    def run(steps: int, *more: str) -> Path:
        (tmp_path / "recipe.toml").write_text(RECIPE.format(steps=steps))
        work = tmp_path / "work"
        options = ["--speech", speech, "--teacher", tmp_path / "teacher.pt", "--work", work]
        train.main([*map(str, options), "--recipe", str(tmp_path / "recipe.toml"), *more])
        return work

    return run


def test_main_goes_from_speech_to_a_calibrated_file(command, capsys) -> None:
    work = command(steps=3)
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said if line.endswith(": ...")] == [
        "decode", "teachers", "material", "conversations", "train", "export", "calibrate", "finish",
    ]  # fmt: skip
    model = work / "segmentation.onnx"
    segmenter = load_segmentation(model, threads=1)
    assert isinstance(segmenter, NeuralSegmenter)
    metadata = {entry.key: entry.value for entry in onnx.load(str(model)).metadata_props}
    assert metadata["diarize.version"] == "test"
    for name in ("recipe", "corpus", "teacher"):
        assert len(metadata[f"diarize.{name}"]) == 64
    assert metadata["diarize.commit"]
    scores = json.loads(metadata["diarize.scores"])
    assert set(scores) == {"speech_error", "overlap_precision", "overlap_f1"}
    assert scores["speech_error"] > 0.0
    found = json.loads((work / "options.json").read_text())["options"]
    assert found["onset"] == segmenter.settings.onset
    # A longer run begins where the plateau ended, and what it does not concern stays.
    command(steps=5)
    said = capsys.readouterr().out
    assert "train: going on from step 2" in said
    for name in ("decode", "teachers", "material", "conversations"):
        assert f"{name}: done before" in said
    # From an exported file on: the teachers' part is new, and the file is named.
    start = work / "start.onnx"
    start.write_bytes(model.read_bytes())
    command(5, "--start", str(start))
    said = capsys.readouterr().out
    assert "train: going on" not in said
    metadata = {entry.key: entry.value for entry in onnx.load(str(model)).metadata_props}
    with pytest.raises(SystemExit, match="not of the recipe's shape"):
        command(5, "--start", str(ROOT / "models" / "segmentation" / "segmentation.onnx"))
    assert metadata["diarize.start"] == hashlib.sha256(start.read_bytes()).hexdigest()
