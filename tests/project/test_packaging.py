"""The package as users get it: the wheel, in an environment of its own, from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

BUNDLED = {
    "diarize/assets/autospeech.onnx": ROOT / "models" / "autospeech" / "autospeech.onnx",
    "diarize/assets/segmentation.onnx": ROOT / "models" / "segmentation" / "segmentation.onnx",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    pytest.importorskip("build", reason='pip install "autospeech-diarize[dev]"')
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_holds_the_models_and_nothing_beside_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for name, path in BUNDLED.items():
            assert archive.read(name) == path.read_bytes()
    assert "diarize/py.typed" in names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"diarize"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_wheel_is_small(wheel):
    assert wheel.stat().st_size <= 9e6


def test_wheel_works_in_an_environment_of_its_own(wheel, tmp_path, example_dir):
    venv.create(tmp_path / "venv", with_pip=True)
    bin_ = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    install = [bin_ / "python", "-m", "pip", "install", "--quiet", str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("no package index in reach")
    assert done.returncode == 0, done.stderr
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [bin_ / "diarize", example_dir / "meeting.mp3", "--srt", "--json", "-o", elsewhere]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "SPEAKER_00: Good morning" in (elsewhere / "meeting.srt").read_text(encoding="utf-8")
    frozen = subprocess.run(
        [bin_ / "python", "-m", "pip", "freeze"], capture_output=True, text=True, check=True
    ).stdout.lower()
    assert "torch" not in frozen
