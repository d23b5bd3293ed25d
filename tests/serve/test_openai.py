"""OpenAI's own client, pointed at this machine; and its errors."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import webvtt

from diarize.audio.loading import load
from diarize.rttm import read_rttm
from tests import talk
from tests.serve.running import Server

openai = pytest.importorskip("openai")
RATE = 16_000


def clip(name: str, start: float, end: float, path: Path) -> Path:
    """Write a part of a conversation as WAV."""
    samples = load(talk.recording(name)).samples[round(start * RATE) : round(end * RATE)]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return path


def data_url(path: Path) -> str:
    return "data:audio/wav;base64," + base64.b64encode(path.read_bytes()).decode()


def client_of(server: Server) -> Any:
    return openai.OpenAI(base_url=f"{server.url}v1", api_key="none", max_retries=0, timeout=300)


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose recogniser is a tiny checkpoint, which hears the same in everything."""
    pytest.importorskip("whisper", reason='pip install "autospeech-diarize[whisper]"')
    from tests.checkpoints import whisper_checkpoint

    model = whisper_checkpoint(tmp_path_factory.mktemp("models") / "hello.pt")
    words = ("--whisper-model", str(model), "--language", "en")
    with Server(tmp_path_factory.mktemp("talking"), *words) as running:
        yield running


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip("meeting", 0, 8, tmp_path_factory.mktemp("short") / "short.wav")


def test_transcriptions_in_every_format(talking: Server, short: Path) -> None:
    client = client_of(talking)

    def made(form: str, **more: Any) -> Any:
        with short.open("rb") as file:
            return client.audio.transcriptions.create(
                model="whisper-1", file=file, response_format=form, **more
            )

    diarized = made("diarized_json", extra_body={"chunking_strategy": "auto"})
    assert type(diarized).__name__ == "TranscriptionDiarized"
    assert diarized.duration == pytest.approx(8, abs=0.1)
    assert [one.text for one in diarized.segments] == ["Hello there.", "Who is it?"]
    assert all(one.speaker.startswith("SPEAKER_") for one in diarized.segments)
    assert made("json").text == "Hello there. Who is it?"
    assert made("text").strip() == "Hello there. Who is it?"
    verbose = made("verbose_json", timestamp_granularities=["word", "segment"])
    assert type(verbose).__name__ == "TranscriptionVerbose"
    assert (verbose.language, len(verbose.segments)) == ("en", 2)
    assert [one.word for one in verbose.words] == ["Hello", "there.", "Who", "is", "it?"]
    assert "-->" in made("srt") and "Hello there." in made("srt")
    (first, _) = webvtt.from_string(made("vtt"))
    assert first.text.endswith("Hello there.")
    assert list((talking.folder / "uploads").iterdir()) == []
    assert list((talking.folder / "results").iterdir()) == []
    assert talking.jobs() == []


def test_a_transcription_as_a_stream(talking: Server, short: Path) -> None:
    with short.open("rb") as file:
        events = list(
            client_of(talking).audio.transcriptions.create(
                model="diarize", file=file, response_format="diarized_json", stream=True
            )
        )
    kinds = [event.type for event in events]
    assert kinds.count("transcript.text.segment") == 2
    assert kinds[-1] == "transcript.text.done"
    assert events[-1].text == "Hello there. Who is it?"


def test_a_language_that_there_is_not(talking: Server, short: Path) -> None:
    with short.open("rb") as file, pytest.raises(openai.BadRequestError, match="no such language"):
        client_of(talking).audio.transcriptions.create(
            model="whisper-1", file=file, language="klingon"
        )


def test_known_people_are_named_and_strangers_are_not(server: Server, tmp_path: Path) -> None:
    # who the known person is, and that nobody else gets the name, the true turns tell
    turns = talk.true_turns("interview")
    seconds = {one.speaker: 0.0 for one in turns}
    for one in turns:
        seconds[one.speaker] += one.duration
    person = max(seconds, key=lambda speaker: seconds[speaker])
    longest = max((one for one in turns if one.speaker == person), key=lambda one: one.duration)
    end = min(longest.end, longest.start + 8)
    known = clip("interview", longest.start, end, tmp_path / "known.wav")
    stranger = tmp_path / "stranger.wav"
    samples = load(talk.recording("libris_000-1")).samples[: 8 * RATE]
    with wave.open(str(stranger), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    with talk.recording("interview").open("rb") as file:
        answer = client_of(server).post(
            "/audio/diarization",
            cast_to=object,
            files=[("file", ("interview.opus", file.read()))],
            body={
                "model": "diarize",
                "known_speaker_names": ["Ann", "Somebody Else"],
                "known_speaker_references": [data_url(known), data_url(stranger)],
            },
            options={"headers": {"Content-Type": "multipart/form-data"}},
        )
    named = [one for one in answer["segments"] if one["speaker"] == "Ann"]
    others = {one["speaker"] for one in answer["segments"]} - {"Ann"}
    assert named, answer
    assert "Somebody Else" not in others and others
    assert all(one.startswith("SPEAKER_") for one in others)
    right = sum(
        max(0.0, min(one["end"], turn.end) - max(one["start"], turn.start))
        for one in named
        for turn in turns
        if turn.speaker == person
    )
    assert right > 0.7 * sum(one["end"] - one["start"] for one in named)


def test_turns_as_rttm(server: Server, short: Path, tmp_path: Path) -> None:
    with short.open("rb") as file:
        answer = server.http.post(
            "v1/audio/diarization", files={"file": file}, data={"response_format": "rttm"}
        )
    (tmp_path / "short.rttm").write_text(answer.text)
    assert read_rttm(tmp_path / "short.rttm")["short"]


@pytest.mark.parametrize(
    ("names", "voices", "words"),
    [
        (["Ann"], [], "give one for each name"),
        (["Ann"], ["http://example.org/ann.wav"], "data URL"),
        (["Ann"], ["file:///etc/passwd"], "data URL"),
        (["Ann"], ["data:audio/wav;base64,!!!"], "not base64"),
        (["Ann"], ["data:audio/wav;base64,AAAA"], r"known_speaker_references\[0\]"),
        (["SPEAKER_00"], ["data:,x"], "label"),
        ([""], ["data:,x"], "no name"),
    ],
)
def test_voices_that_cannot_be_used(
    server: Server, short: Path, names: list[str], voices: list[str], words: str
) -> None:
    with short.open("rb") as file:
        answer = server.http.post(
            "v1/audio/diarization",
            files={"file": file},
            data={"known_speaker_names[]": names, "known_speaker_references[]": voices},
        )
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert re.search(words, error["message"]), error
    assert set(error) == {"message", "type", "param", "code"}
    assert list((server.folder / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("route", "form", "words"),
    [
        ("transcriptions", "rttm", "response_format"),
        ("diarization", "srt", "response_format"),
    ],
)
def test_formats_that_there_are_not(
    server: Server, short: Path, route: str, form: str, words: str
) -> None:
    with short.open("rb") as file:
        answer = server.http.post(
            f"v1/audio/{route}", files={"file": file}, data={"response_format": form}
        )
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


def test_what_is_no_recording(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF nonsense")
    client = client_of(server)
    with (tmp_path / "a.wav").open("rb") as file, pytest.raises(openai.BadRequestError) as caught:
        client.post(
            "/audio/diarization",
            cast_to=object,
            files=[("file", ("my talk.wav", file.read()))],
            options={"headers": {"Content-Type": "multipart/form-data"}},
        )
    assert caught.value.message.count("my talk.wav") >= 1
    assert str(server.folder) not in caught.value.message
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-9")
    assert "diarize" in [one.id for one in client.models.list()]


WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(["whisper", "faster_whisper"]))
from diarize.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_without_a_recogniser(tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.Popen

    def popen(command: list[str], **more: Any) -> Any:
        assert command[1:3] == ["-m", "diarize"]
        return real([sys.executable, "-c", WITHOUT, *command[3:]], **more)

    monkeypatch.setattr(subprocess, "Popen", popen)
    with Server(tmp_path / "serve") as server:
        with short.open("rb") as file, pytest.raises(openai.BadRequestError) as caught:
            client_of(server).audio.transcriptions.create(model="whisper-1", file=file)
        assert "pip install" in caught.value.message
        assert server.over(server.upload(short)["id"])["summary"]["words"] is False


def test_its_own_description_holds(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis")
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis as main; main()"),
            *("run", f"{server.url}openapi.json"),
            *("--exclude-path", "/api/jobs/events", "--max-examples", "4", "--seed", "1"),
            *("--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing"),
            *("--no-color", "--request-timeout", "60"),
        ],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        cwd=tmp_path,  # it keeps what it found
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "Server error" not in done.stdout
