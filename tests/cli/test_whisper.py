"""``diarize AUDIO --srt --whisper-model PATH``: the real Whisper, through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import pytest

from tests import talk
from tests.command import run
from tests.conftest import ROOT

# Not imported here: torch comes with it.
pytestmark = pytest.mark.skipif(
    find_spec("whisper") is None, reason='pip install "autospeech-diarize[whisper]"'
)
pysrt = pytest.importorskip("pysrt", reason="pip install pysrt")

SECONDS = 8
# scipy takes an entry of torch in sys.modules for the package, whatever it is.
WITHOUT = """
import sys
class NoTorch:
    def find_spec(self, name, *_):
        if name == "torch":
            raise ModuleNotFoundError(name)
blocked = {!r}
if "torch" in blocked:
    blocked.remove("torch")
    sys.meta_path.insert(0, NoTorch())
sys.modules.update(dict.fromkeys(blocked))
from diarize.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.checkpoints import whisper_checkpoint

    return whisper_checkpoint(tmp_path_factory.mktemp("models") / "hello.pt")


def excerpt(source: Path, path: Path) -> Path:
    """Write the first seconds of a recording as WAV."""
    from diarize.audio.loading import load

    samples = load(source).samples[: SECONDS * 16_000]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return path


def diarize(*words: str, cwd: Path, blocked: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own; ``blocked`` packages cannot be imported."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(blocked.split()), *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_whisper_runs_once_and_is_labelled(checkpoint: Path, tmp_path: Path) -> None:
    audio = excerpt(talk.recording("meeting"), tmp_path / "talk.wav")
    first = diarize(str(audio), "--srt", "--whisper-model", str(checkpoint), cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    cues = pysrt.open(str(tmp_path / "talk.srt"))
    assert " ".join(cue.text for cue in cues).count("SPEAKER_0") == len(cues) >= 1
    kept = json.loads((tmp_path / "talk.whisper.json").read_text())
    assert kept["text"].startswith(" Hello there. Who is it?")
    assert kept["transcriber"]["name"] == "openai-whisper hello.pt"
    before = (tmp_path / "talk.srt").read_bytes()
    stamp = (tmp_path / "talk.whisper.json").stat().st_mtime_ns
    for options in ([], ["--whisper-model", str(checkpoint)]):
        again = diarize(str(audio), "--srt", *options, cwd=tmp_path, blocked="torch whisper")
        assert again.returncode == 0, again.stderr
        assert (tmp_path / "talk.srt").read_bytes() == before
        assert (tmp_path / "talk.whisper.json").stat().st_mtime_ns == stamp


def test_as_a_filter_nothing_but_data_comes_out(
    checkpoint: Path, tmp_path: Path, example_dir: Path
) -> None:
    audio = excerpt(example_dir / "meeting.mp3", tmp_path / "talk.wav")
    done = run(
        *(audio, "--json", "-o", "-", "--whisper-model", checkpoint, "--language", "en", "--quiet"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["language"] == "en"
    words = [word for segment in result["segments"] for word in segment["words"]]
    assert words
    assert all("speaker" in item for item in (*result["segments"], *words))
    assert [path.name for path in tmp_path.iterdir()] == ["talk.wav"]


def test_a_model_that_cannot_be_had_is_one_line(tmp_path: Path, example_dir: Path) -> None:
    audio = excerpt(example_dir / "meeting.mp3", tmp_path / "talk.wav")
    done = run(audio, "--srt", "--whisper-model", "none.pt", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"none.pt: no such file" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    missing = dict.fromkeys(("whisper", "faster_whisper"))
    with mock.patch.dict(sys.modules, missing):
        done = run(audio, "--srt", "--whisper-model", "tiny", cwd=tmp_path)
    assert done.returncode == 1
    assert b"[faster-whisper]" in done.stderr
    assert not (tmp_path / "talk.srt").exists()


def test_a_json_file_of_the_users_is_never_overwritten(tmp_path: Path, example_dir: Path) -> None:
    audio = excerpt(example_dir / "meeting.mp3", tmp_path / "talk.wav")
    (tmp_path / "talk.json").write_text('{"precious": true}')
    done = run(audio, "--json", "--no-transcript", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "talk.json").read_text() == '{"precious": true}'
    assert "diarization" in json.loads((tmp_path / "talk.diarized.json").read_text())
