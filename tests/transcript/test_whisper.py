"""Running Whisper: the real package with a real checkpoint, made here."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

from diarize.audio.waveform import Waveform
from diarize.errors import MissingExtraError, ModelError, UsageError
from diarize.transcript.faster_whisper import FasterWhisperTranscriber
from diarize.transcript.readers import read_transcript
from diarize.transcript.whisper import (
    WhisperOptions,
    WhisperTranscriber,
    load_model,
)

whisper = pytest.importorskip("whisper", reason='pip install "autospeech-diarize[whisper]"')


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.checkpoints import whisper_checkpoint

    return whisper_checkpoint(tmp_path_factory.mktemp("whisper") / "hello.pt")


@pytest.fixture(scope="module")
def transcriber(checkpoint: Path) -> WhisperTranscriber:
    return WhisperTranscriber(WhisperOptions(model=str(checkpoint)))


def noise(seconds: float) -> Waveform:
    generator = np.random.default_rng(1)
    return Waveform((generator.normal(0, 2000, int(seconds * 16000))).astype(np.int16))


def test_real_whisper_gives_words_with_times(transcriber: WhisperTranscriber) -> None:
    result = transcriber(noise(6.0))
    assert result["text"] == " Hello there. Who is it?"
    assert result["language"] == "en"
    transcript = read_transcript(result)
    assert transcript.producer == "openai-whisper"
    assert [s["text"] for s in transcript.segments] == [" Hello there.", " Who is it?"]
    words = list(transcript.words())
    assert [w["word"] for w in words] == [" Hello", " there.", " Who", " is", " it?"]
    times = [time for word in words for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= 6.0


def test_progress_and_the_same_words_again(transcriber: WhisperTranscriber) -> None:
    import torch

    reports: list[tuple[str, float, float | None]] = []
    before = sys.modules["whisper.transcribe"].tqdm
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first = transcriber(noise(35.0), lambda *report: reports.append(report))
    assert torch.equal(torch.rand(1), expected), "the caller's random numbers were disturbed"
    assert sys.modules["whisper.transcribe"].tqdm is before
    assert len(first["segments"]) >= 4
    assert {stage for stage, _, _ in reports} == {"transcribe"}
    done = [count for _, count, _ in reports]
    assert done == sorted(done)
    assert reports[-1][2] == 35.0
    assert transcriber(noise(35.0)) == first


def test_a_prompt_and_a_language_are_passed_on(checkpoint: Path) -> None:
    options = WhisperOptions(model=str(checkpoint), language="de", initial_prompt="Ann, Bob.")
    result = WhisperTranscriber(options)(noise(6.0))
    assert result["language"] == "de"


def test_a_loaded_model_can_be_brought_along(checkpoint: Path) -> None:
    model = whisper.load_model(str(checkpoint), device="cpu")
    options = WhisperOptions(extra={"word_timestamps": False})
    result = WhisperTranscriber(options, model)(noise(6.0))
    assert result["text"] == " Hello there. Who is it?"
    assert "words" not in result["segments"][0]


def test_no_samples_need_no_model() -> None:
    empty = Waveform(np.zeros(0, dtype=np.int16))
    transcriber = WhisperTranscriber(WhisperOptions(model="/nowhere/x.pt"))
    assert read_transcript(transcriber(empty)).segments == []


def test_names_say_the_model(checkpoint: Path, transcriber: WhisperTranscriber) -> None:
    assert transcriber.name == "openai-whisper hello.pt"
    assert WhisperTranscriber().name in ("openai-whisper base", "openai-whisper turbo")


def test_a_file_that_is_not_there_is_told_before_any_work(checkpoint: Path) -> None:
    for model in (str(checkpoint), "base", None):
        WhisperTranscriber(WhisperOptions(model=model)).check()
    with pytest.raises(ModelError, match="no such file"):
        WhisperTranscriber(WhisperOptions(model="none.pt")).check()


def test_unknown_language(checkpoint: Path) -> None:
    options = WhisperOptions(model=str(checkpoint), language="klingon")
    with pytest.raises(UsageError, match="klingon"):
        WhisperTranscriber(options)(noise(1.0))


# --- when the model cannot be had -----------------------------------------------------------------


def test_models_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        load_model(str(tmp_path / "none.pt"))
    with pytest.raises(ModelError, match=r"no such model or file.* tiny, "):
        load_model("huge")
    with pytest.raises(ModelError, match="is a folder"):
        load_model(str(tmp_path))
    (tmp_path / "bad.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(ModelError, match="not a checkpoint"):
        load_model(str(tmp_path / "bad.pt"))


@pytest.mark.parametrize("damaged", [False, True])
def test_weights_that_cannot_be_downloaded(
    damaged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(url: str) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    if damaged:
        (tmp_path / "whisper").mkdir()
        (tmp_path / "whisper" / "base.pt").write_bytes(b"half a file")
    with pytest.raises(ModelError) as caught, pytest.warns() if damaged else _nothing():
        load_model("base")
    message = str(caught.value)
    for part in ("'base'", str(tmp_path / "whisper" / "base.pt"), "Name or service not known"):
        assert part in message
    for part in ("https://", "--whisper-model", "--transcript"):
        assert part in message
    assert "\n" not in message


@pytest.mark.parametrize("damaged", [False, True])
def test_offline_downloads_nothing(
    damaged: bool, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(url: str) -> None:
        pytest.fail(f"{url} was opened")

    content = checkpoint.read_bytes()
    checksum = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(whisper._MODELS, "base", f"https://example.org/{checksum}/base.pt")
    monkeypatch.setitem(whisper._ALIGNMENT_HEADS, "base", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("DIARIZE_OFFLINE", "1")
    monkeypatch.setattr("urllib.request.urlopen", forbidden)
    (tmp_path / "whisper").mkdir()
    if damaged:
        (tmp_path / "whisper" / "base.pt").write_bytes(b"half a file")
    with pytest.raises(ModelError, match="DIARIZE_OFFLINE forbids downloads"):
        load_model("base", "cpu")
    (tmp_path / "whisper" / "base.pt").write_bytes(content)
    assert load_model("base", "cpu").dims.n_audio_layer == 1


def _nothing() -> Any:
    import contextlib

    return contextlib.nullcontext()


def test_a_download_reports_its_progress(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = checkpoint.read_bytes()
    checksum = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(whisper._MODELS, "base", f"https://example.org/{checksum}/base.pt")
    monkeypatch.setitem(whisper._ALIGNMENT_HEADS, "base", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", lambda url: _Response(content))
    reports: list[tuple[str, float, float | None]] = []
    model = load_model("base", "cpu", lambda *report: reports.append(report))
    assert model.dims.n_audio_layer == 1
    assert reports[-1] == ("download", len(content), len(content))


class _Response:
    """What ``urlopen`` returns."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __enter__(self) -> _Response:
        return self

    def __exit__(self, *details: object) -> None:
        return None

    def info(self) -> dict[str, str]:
        return {"Content-Length": str(len(self.content))}

    def read(self, size: int) -> bytes:
        part, self.content = self.content[: size * 512], self.content[size * 512 :]
        return part


def test_without_whisper(monkeypatch: pytest.MonkeyPatch) -> None:
    assert WhisperTranscriber.is_installed()
    monkeypatch.setitem(sys.modules, "whisper", None)
    assert not WhisperTranscriber.is_installed()
    with pytest.raises(MissingExtraError, match=r"autospeech-diarize\[whisper\]"):
        WhisperTranscriber(WhisperOptions(model="base"))(noise(1.0))


def test_another_package_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "whisper", SimpleNamespace(__file__="/x/whisper.py"))
    with pytest.raises(ModelError, match="another of that name"):
        load_model("base")


# --- faster-whisper -------------------------------------------------------------------------------


class _FasterModel:
    """Has the ``transcribe`` of faster-whisper's models, a generator and an info."""

    def transcribe(self, audio: Any, **options: Any) -> tuple[Iterator[Any], Any]:
        self.options = options
        assert audio.dtype == np.float32

        def segments() -> Iterator[Any]:
            for index in range(2):
                words = [SimpleNamespace(start=index, end=index + 1, word=" Hi.", probability=0.5)]
                yield SimpleNamespace(
                    id=index, start=index, end=index + 1, text=" Hi.", words=words
                )

        return segments(), SimpleNamespace(language="en", language_probability=0.9, duration=2.0)


def test_a_faster_whisper_model_is_a_transcriber() -> None:
    model = _FasterModel()
    reports: list[tuple[str, float, float | None]] = []
    transcript = FasterWhisperTranscriber(model, beam_size=1)(
        noise(2.0), lambda *report: reports.append(report)
    )
    assert model.options == {"word_timestamps": True, "beam_size": 1}
    assert transcript.language == "en"
    assert [word["word"] for word in transcript.words()] == [" Hi.", " Hi."]
    assert reports == [("transcribe", 1, 2), ("transcribe", 2, 2)]
