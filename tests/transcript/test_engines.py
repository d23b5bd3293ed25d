"""Which recogniser runs, and faster-whisper itself with a real checkpoint."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from diarize.audio.waveform import Waveform
from diarize.errors import MissingExtraError, ModelError, UsageError
from diarize.transcript.engines import ENGINES, get_engine, names, options_of
from diarize.transcript.faster_whisper import FasterWhisperTranscriber
from diarize.transcript.readers import read_transcript
from diarize.transcript.whisper import WhisperOptions, WhisperTranscriber
from tests.cli.test_whisper import diarize, excerpt
from tests.command import run

needs_faster_whisper = pytest.mark.skipif(
    not FasterWhisperTranscriber.is_installed() or not WhisperTranscriber.is_installed(),
    reason="pip install faster-whisper openai-whisper",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.checkpoints import faster_whisper_checkpoint

    return faster_whisper_checkpoint(tmp_path_factory.mktemp("models") / "hello-ct2")


def noise(seconds: float) -> Waveform:
    generator = np.random.default_rng(0)
    return Waveform((generator.standard_normal(round(seconds * 16000)) * 300).astype(np.int16))


@needs_faster_whisper
def test_faster_whisper_gives_words_with_times_twice_the_same(folder: Path) -> None:
    reports: list[tuple[str, int, int | None]] = []
    recogniser = FasterWhisperTranscriber(options=WhisperOptions(model=str(folder), language="en"))
    transcript = recogniser(noise(6.0), lambda *report: reports.append(report))
    assert [s["text"] for s in transcript.segments] == [" Hello there.", " Who is it?"]
    assert [w["word"] for w in transcript.words()] == [" Hello", " there.", " Who", " is", " it?"]
    assert all(0 <= w["start"] <= w["end"] <= 6.5 for w in transcript.words())
    assert reports[-1][0] == "transcribe"
    assert recogniser(noise(6.0)).data == transcript.data
    assert recogniser.name == "faster-whisper hello-ct2"


@needs_faster_whisper
def test_a_language_that_faster_whisper_does_not_know(folder: Path) -> None:
    options = WhisperOptions(model=str(folder), language="Klingon")
    with pytest.raises(UsageError, match="--language Klingon"):
        FasterWhisperTranscriber(options=options)(noise(1.0))


@needs_faster_whisper
def test_models_that_cannot_be_had(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(model: object) -> None:
        FasterWhisperTranscriber(options=WhisperOptions(model=str(model))).check()

    check(folder)
    check("base")
    check("Systran/faster-whisper-base")
    with pytest.raises(ModelError, match=r"lacks model\.bin and tokenizer\.json"):
        check(tmp_path)
    with pytest.raises(ModelError, match="no such folder"):
        check(tmp_path / "none")
    (tmp_path / "x.pt").write_text("")
    with pytest.raises(ModelError, match="--engine openai-whisper"):
        check(tmp_path / "x.pt")
    with pytest.raises(ModelError, match="there are tiny"):
        FasterWhisperTranscriber(options=WhisperOptions(model="giant"))(noise(1.0))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    for _ in range(2):
        with pytest.raises(ModelError, match="'tiny' is not on this machine"):
            FasterWhisperTranscriber(options=WhisperOptions(model="tiny"))(noise(1.0))
        monkeypatch.setenv("DIARIZE_OFFLINE", "1")
    (tmp_path / "model.bin").write_bytes(b"nothing")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot load it"):
        FasterWhisperTranscriber(options=WhisperOptions(model=str(tmp_path)))(noise(1.0))


def installed(monkeypatch: pytest.MonkeyPatch, *there: str) -> None:
    for name, engine in ENGINES.items():
        answer = name in there
        monkeypatch.setattr(engine, "is_installed", staticmethod(lambda answer=answer: answer))


def engine_of(model: str | None = None, name: str = "auto") -> str:
    return get_engine(name, WhisperOptions(model=model)).name.split()[0]


def test_the_engine_goes_by_what_is_installed_and_by_the_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "ct2").mkdir()
    both = ("faster-whisper", "openai-whisper")
    for there, expected in (
        (both, "faster-whisper"),
        (both[:1], "faster-whisper"),
        (both[1:], "openai-whisper"),
        ((), "faster-whisper"),
    ):
        installed(monkeypatch, *there)
        assert engine_of("base") == expected
        assert engine_of(str(tmp_path / "ct2")) == "faster-whisper"
        assert engine_of("mine.pt") == "openai-whisper"
        assert engine_of("base", "openai-whisper") == "openai-whisper"
    installed(monkeypatch, *both)
    (tmp_path / "whisper").mkdir()
    (tmp_path / "whisper" / "large-v3-turbo.pt").write_text("")
    assert engine_of("turbo") == "openai-whisper"
    assert WhisperTranscriber.models_here() == ["large-v3-turbo"]
    snapshot = tmp_path / "hub" / "models--Systran--faster-whisper-small" / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    (snapshot / "model.bin").write_text("")
    assert engine_of("small") == "faster-whisper"
    assert FasterWhisperTranscriber.models_here() == ["small"]


def test_engines_by_name() -> None:
    assert names()[:2] == ("faster-whisper", "openai-whisper")
    options = options_of(get_engine("openai-whisper"))
    assert options is not None
    assert options.engine == "openai-whisper"
    with pytest.raises(UsageError, match="choose from auto, faster-whisper, openai-whisper"):
        get_engine("parakeet")


def test_an_engine_that_is_not_installed_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "faster_whisper", None)
    assert not FasterWhisperTranscriber.is_installed()
    with pytest.raises(MissingExtraError, match=r"\[faster-whisper\]"):
        FasterWhisperTranscriber(options=WhisperOptions(model="base"))(noise(1.0))


@pytest.mark.slow
@needs_faster_whisper
def test_the_command_line_runs_faster_whisper(
    folder: Path, tmp_path: Path, example_dir: Path
) -> None:
    audio = excerpt(example_dir / "meeting.mp3", tmp_path / "talk.wav")
    model = ("--whisper-model", str(folder))
    done = diarize(str(audio), "--srt", *model, cwd=tmp_path, blocked="torch whisper")
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "talk.whisper.json").read_text())
    assert kept["transcriber"]["name"] == "faster-whisper hello-ct2"
    assert "Hello there." in (tmp_path / "talk.srt").read_text()
    assert read_transcript(tmp_path / "talk.whisper.json").has_words
    again = diarize(str(audio), "--srt", *model, cwd=tmp_path, blocked="torch whisper ctranslate2")
    assert again.returncode == 0, again.stderr


def test_the_command_line_says_what_to_install(tmp_path: Path, example_dir: Path) -> None:
    audio = excerpt(example_dir / "meeting.mp3", tmp_path / "talk.wav")
    with mock.patch.dict(sys.modules, dict.fromkeys(("whisper", "faster_whisper"))):
        done = run(audio, "--srt", cwd=tmp_path)
        assert done.returncode == 1
        assert b'pip install "autospeech-diarize[faster-whisper]"' in done.stderr
        for engine, extra in (("faster-whisper", "faster-whisper"), ("openai-whisper", "whisper")):
            done = run(audio, "--srt", "--engine", engine, cwd=tmp_path)
            assert done.returncode == 1
            assert f'pip install "autospeech-diarize[{extra}]"' in done.stderr.decode()
    done = run(audio, "--engine", "parakeet", cwd=tmp_path)
    assert done.returncode == 2
    assert b"choose from auto, faster-whisper, openai-whisper" in done.stderr
