"""The whole command that makes the embedding, on six voices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from diarize.embedding.embedder import OnnxEmbedder
from models.autospeech import export, train
from models.autospeech.network import AutoSpeech, NetworkConfig

RECIPE = """
[network]
channels = 8
bands = 40
dimension = 16
[start]
file = "{start}"
sha256 = "{sha256}"
[teachers]
windows = 1
[batches]
size = 6
frames = 48
ramp = 4
rooms = 3
[optimization]
steps = {steps}
warm_up = 1
anneal = 2
[export]
version = "test"
start_share = 0.25
half = true
[calibration]
seconds = 1.2
conversations = {conversations}
"""


@pytest.fixture
def command(speech, listener, tmp_path):
    """Runs the command on the corpus with changes to the recipe; gives what it said."""
    torch.manual_seed(0)
    start = tmp_path / "start.npz"
    export.write_weights(AutoSpeech(NetworkConfig(8, 8, 40, 16)), start)
    (tmp_path / "teacher.pt").write_bytes(b"weights")

    hashes = {start.name: train.fingerprint(start)}

    def run(steps: int = 4, conversations: int = 0, start: str = "start.npz") -> Path:
        sha256 = hashes.get(start) or train.fingerprint(tmp_path / start)
        text = RECIPE.format(start=start, sha256=sha256, steps=steps, conversations=conversations)
        (tmp_path / "recipe.toml").write_text(text)
        work = tmp_path / "work"
        options = ["--speech", speech, "--teacher", tmp_path / "teacher.pt", "--work", work]
        train.main([*map(str, options), "--recipe", str(tmp_path / "recipe.toml")])
        return work

    return run


def done(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The stages that ran."""
    lines = capsys.readouterr().out.splitlines()
    return [line.split(":")[0] for line in lines if line.endswith(": ...")]


def test_main_goes_from_speech_to_a_calibrated_file(command, speech, tmp_path, capsys) -> None:
    work = command(conversations=1)
    stages = done(capsys)
    assert stages == [
        "decode", "decode-dev", "rooms", "teachers", "start", "train", "export", "evaluate",
        "calibrate", "finish",
    ]  # fmt: skip
    metadata = export.read_metadata(work / "autospeech.onnx")
    assert metadata["diarize.version"] == "test"
    for name in ("verification", "margin", "clustering"):
        assert 0.0 <= float(metadata[f"diarize.threshold.{name}"]) <= 1.01
    for name in ("recipe", "corpus", "teacher"):
        assert len(metadata[f"diarize.{name}"]) == 64
    assert metadata["diarize.commit"]
    assert set(json.loads(metadata["diarize.eer"])) == {"1.6", "3.0"}
    assert OnnxEmbedder(str(work / "autospeech.onnx")).dimension == 16
    trained = export.read_weights(work / "run" / "checkpoint.pt")
    start = export.read_weights(tmp_path / "start.npz")
    mean = export.read_weights(work / "autospeech.npz")
    first, second, middle = (net.head.weight for net in (trained, start, mean))
    assert not torch.allclose(first, second, atol=1e-5)
    assert torch.allclose(middle, 0.75 * first + 0.25 * second, atol=1e-6)
    # Once more: nothing is left to do, and nothing changes.
    before = (work / "autospeech.onnx").read_bytes()
    command(conversations=1)
    assert done(capsys) == []
    assert (work / "autospeech.onnx").read_bytes() == before


def test_main_repeats_only_what_a_change_concerns(command, capsys) -> None:
    work = command()
    done(capsys)
    (work / "scores.json").unlink()
    command()
    assert done(capsys) == ["evaluate"]
    # A longer run goes on from the end of the shorter one's plateau.
    command(steps=6)
    lines = capsys.readouterr().out
    assert "train: going on from step 2" in lines
    assert "decode: done before" in lines and "teachers: done before" in lines
    stored = torch.load(work / "run" / "checkpoint.pt", weights_only=True)
    assert stored["step"] == 6


def test_main_goes_on_from_a_finished_file(command, tmp_path, capsys) -> None:
    work = command()
    (tmp_path / "before.onnx").write_bytes((work / "exported.onnx").read_bytes())
    done(capsys)
    command(start="before.onnx")
    assert done(capsys) == ["start", "train", "export", "evaluate", "calibrate", "finish"]
    assert export.check(export.read_weights(work / "start.npz"), tmp_path / "before.onnx") < 1e-4


def test_main_refuses_other_weights_to_begin_from(command, tmp_path) -> None:
    (tmp_path / "start.npz").write_bytes(b"other")
    with pytest.raises(SystemExit, match="not the weights that the recipe begins from"):
        command()
    (tmp_path / "start.npz").unlink()
    with pytest.raises(SystemExit, match="missing; the recipe begins from it"):
        command()
