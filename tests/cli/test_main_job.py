"""The main job: what users type, and what comes out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from diarize.annotation import Diarization
from diarize.cli.console import Console
from diarize.timeline import Turn
from tests.command import run, run_process
from tests.conftest import ROOT

RATE = 16000


def one_line(done) -> str:
    """Return what went to stderr, which must be one line and no traceback."""
    text = done.stderr.decode().strip()
    assert "Traceback" not in text
    assert len(text.splitlines()) == 1, text
    return text


def write_wav(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    """Write (n,) or (n, channels) float samples as 16-bit PCM."""
    samples = samples if samples.ndim == 2 else samples[:, None]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture
def example(tmp_path, example_dir) -> Path:
    """The example meeting with its transcript, in a folder that may be written to."""
    for name in ("meeting.mp3", "meeting.json"):
        shutil.copy(example_dir / name, tmp_path / name)
    return tmp_path / "meeting.mp3"


@pytest.fixture
def meeting(tmp_path, example_dir, speech) -> Path:
    """The first 20 seconds of it, likewise."""
    data = json.loads((example_dir / "meeting.json").read_text(encoding="utf-8"))
    data["segments"] = [one for one in data["segments"] if one["end"] <= 20.0]
    (tmp_path / "meeting.json").write_text(json.dumps(data), encoding="utf-8")
    return write_wav(tmp_path / "meeting.wav", speech)


@pytest.fixture(scope="session")
def speech(example_dir) -> np.ndarray:
    """The first 20 seconds of the example, (n,) float32 at 16 kHz."""
    from diarize.audio.loading import load

    return load(example_dir / "meeting.mp3").block(0, 20 * RATE)


def words_of(segments) -> list[tuple[str, str]]:
    return [(w["word"].strip(), w["speaker"]) for s in segments for w in s["words"]]


def truth_of(rttm: Path) -> list[tuple[float, float, str]]:
    rows = (line.split() for line in rttm.read_text().splitlines())
    return [(float(r[3]), float(r[3]) + float(r[4]), r[7]) for r in rows]


def true_speaker(word, truth) -> str:
    return max(truth, key=lambda t: min(t[1], word["end"]) - max(t[0], word["start"]))[2]


@pytest.mark.slow
def test_example_gets_its_speakers_right_without_a_hint(example, example_dir):
    done = run_process(example, "--srt", "--json", "--rttm", "-q")
    assert done.returncode == 0, done.stderr
    out = json.loads((example.parent / "meeting.diarized.json").read_text(encoding="utf-8"))
    truth = truth_of(example_dir / "meeting.rttm")
    words = [word for segment in out["segments"] for word in segment["words"]]
    plain = json.loads((example_dir / "meeting.json").read_text(encoding="utf-8"))
    assert [w["word"] for w in words] == [w["word"] for s in plain["segments"] for w in s["words"]]
    right = sum(word["speaker"] == true_speaker(word, truth) for word in words)
    assert right >= 0.97 * len(words), f"{right} of {len(words)} words"
    assert len(out["diarization"]["speakers"]) == len({speaker for _, _, speaker in truth}) == 4


@pytest.mark.usefixtures("anew")
def test_second_run_writes_the_same_bytes(meeting):
    outputs = []
    for _ in range(2):
        assert run(meeting, "-f", "all", "-q").returncode == 0
        folder = meeting.parent
        outputs.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) >= 12


def test_inputs_are_never_overwritten(meeting):
    transcript = meeting.with_suffix(".json")
    before = transcript.read_bytes()
    assert run(meeting, "--json", "-q").returncode == 0
    assert transcript.read_bytes() == before
    assert meeting.with_name("meeting.diarized.json").is_file()


def test_data_goes_to_stdout_and_talk_to_stderr(meeting):
    done = run(meeting, "-o", "-")
    data = json.loads(done.stdout)
    assert data["segments"][0]["speaker"] == "SPEAKER_00"
    assert b"SPEAKER_00" in done.stderr
    assert b"real-time factor" in done.stderr
    assert {path.name for path in meeting.parent.iterdir()} == {"meeting.wav", "meeting.json"}


def test_quiet_says_nothing(meeting, capfd):
    done = run(meeting, "--srt", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert capfd.readouterr() == ("", "")  # of libraries that write past Python


@pytest.mark.slow
def test_recording_and_result_may_be_piped(meeting):
    transcript = meeting.with_suffix(".json")
    data = meeting.read_bytes()
    done = run_process("-", "--transcript", transcript, "--rttm", "-o", "-", "-q", stdin=data)
    assert done.stdout.startswith(b"SPEAKER stdin 1 ")
    piped = done.stdout.decode().replace("SPEAKER stdin ", "SPEAKER meeting ")
    named = run(meeting, "--rttm", "-o", "-", "-q").stdout.decode()
    assert done.returncode == 0, done.stderr
    assert piped == named != ""


def test_without_a_transcript_the_diarization_alone_is_written(tmp_path, speech):
    path = write_wav(tmp_path / "talk.wav", speech)
    done = run(path, "--no-transcript", "-q")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "talk.rttm").read_text().startswith("SPEAKER talk 1 ")
    data = json.loads((tmp_path / "talk.json").read_text())
    assert data["diarization"]["turns"]


def test_number_of_speakers_is_obeyed(example):
    for wanted in (1, 4):
        done = run(example, "--num_speakers", wanted, "--rttm", "-o", "-", "-q")
        speakers = {line.split()[7] for line in done.stdout.decode().splitlines()}
        assert len(speakers) == wanted
    # More people than can be there are not invented, and that is said.
    done = run(example, "--num_speakers", 25, "--rttm", "-o", "-")
    assert 3 <= len({line.split()[7] for line in done.stdout.decode().splitlines()}) < 25
    assert "25 speakers were asked for" in done.stderr.decode()
    done = run(example, "--max-speakers", 2, "--rttm", "-o", "-", "-q")
    assert len({line.split()[7] for line in done.stdout.decode().splitlines()}) == 2


@pytest.mark.slow
def test_main_job_and_import_load_no_torch(meeting):
    code = (
        "import sys, diarize\n"
        "from diarize.cli import main\n"
        f"assert main([{str(meeting)!r}, '-f', 'all', '-q']) == 0\n"
        "training = {'torch', 'onnx', 'librosa'} & set(sys.modules)\n"
        "assert not training, training\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_help_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from diarize.cli import COMMANDS, main\n"
        "assert main(['--help']) == 0\n"
        "for name in COMMANDS: assert main([name, '--help']) == 0, name\n"
        "heavy = {'numpy', 'scipy', 'onnxruntime', 'av', 'rich', 'torch', 'pysrt'}\n"
        "loaded = heavy & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--min-speakers" in done.stdout
    assert "--min_speakers" not in done.stdout


def test_version():
    from diarize import __version__

    assert run("--version").stdout.decode().split() == ["diarize", __version__]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["a.wav", "--num-speakers", "0"], "at least 1"),
        (["a.wav", "--min-speakers", "3", "--max-speakers", "2"], "more than"),
        (["a.wav", "--num-speakers", "3", "--max-speakers", "4"], "exact"),
        (["a.wav", "-f", "odt"], "'odt' is not known"),
        (["a.wav", "b.wav", "--transcript", "t.json"], "one recording"),
        (["a.wav", "--srt", "--vtt", "-o", "-"], "one format"),
        (["a.wav", "--identify-segments"], "--speakers"),
        ([], "required"),
        (["a.wav", "--frobnicate"], "--frobnicate"),
    ],
)
def test_requests_that_are_off_exit_with_2(words, complaint):
    done = run(*words)
    assert done.returncode == 2
    assert complaint in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def make_bad(kind: str, folder: Path, speech: np.ndarray) -> Path:
    path = folder / f"{kind}.wav"
    if kind == "text":
        path.write_text("This is not a recording.\n" * 50)
    elif kind == "empty":
        path.touch()
    elif kind == "directory":
        path.mkdir()
    return path


@pytest.mark.parametrize("kind", ["text", "empty", "directory", "missing"])
def test_what_cannot_be_read_fails_with_one_line(kind, tmp_path, speech):
    path = make_bad(kind, tmp_path, speech)
    done = run(path, "--rttm")
    assert done.returncode == 1
    assert str(path) in one_line(done)
    assert not path.with_suffix(".rttm").exists()


def test_one_bad_recording_does_not_stop_the_others(meeting, tmp_path):
    done = run(tmp_path / "missing.wav", meeting, "--srt", "-q")
    assert done.returncode == 1
    assert "missing.wav" in one_line(done)
    assert meeting.with_suffix(".srt").is_file()


QUIET_SOUNDS = {
    "silence": lambda rng: np.zeros(10 * RATE),
    "blip": lambda rng: 0.1 * rng.standard_normal(RATE // 5),
    "noise": lambda rng: 0.1 * rng.standard_normal(10 * RATE),
    "nothing": lambda rng: np.zeros(0),
    "tones": lambda rng: sum(
        0.1 * np.sin(2 * np.pi * f * np.arange(10 * RATE) / RATE) for f in (262, 330, 392)
    ),
}


@pytest.mark.parametrize("name", QUIET_SOUNDS)
def test_no_speech_gives_empty_results_and_exit_0(name, tmp_path):
    sound = QUIET_SOUNDS[name](np.random.default_rng(0))
    path = write_wav(tmp_path / f"{name}.wav", sound)
    done = run(path, "--no-transcript", "--json", "--rttm", "-q")
    if name == "nothing":  # a file without a single sample is not a recording
        assert done.returncode == 1
        assert str(path) in one_line(done)
        return
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"{name}.rttm").read_text() == ""
    assert json.loads((tmp_path / f"{name}.json").read_text())["diarization"]["turns"] == []


def encoded(path: Path, samples: np.ndarray, codec: str, rate: int, layout: str) -> Path:
    """Encode (n,) samples with PyAV, resampled by its own resampler."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = layout
        if path.suffix == ".mp4":
            video = container.add_stream("mpeg4", rate=5)
            video.width = video.height = 64
            video.pix_fmt = "yuv420p"
            for _ in range(int(5 * samples.size / RATE)):
                picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
                container.mux(video.encode(picture))
            container.mux(video.encode(None))
        pcm = (samples * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(stream.format, layout, rate)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("phone.wav", "pcm_mulaw", 8000, "mono"),
        ("stereo.flac", "flac", 44100, "stereo"),
        ("studio.wav", "pcm_s24le", 96000, "stereo"),
        ("film.mp4", "aac", 48000, "stereo"),
        ("note.ogg", "libopus", 48000, "mono"),
    ],
)
def test_any_container_codec_rate_and_channels(name, codec, rate, layout, tmp_path, speech):
    path = encoded(tmp_path / name, speech, codec, rate, layout)
    done = run(path, "--no-transcript", "--rttm", "-o", "-", "-q")
    assert done.returncode == 0, done.stderr
    reference = write_wav(tmp_path / "reference.wav", speech)
    expected = run(reference, "--no-transcript", "--rttm", "-o", "-", "-q")

    def spoken(output: bytes) -> float:
        return sum(float(line.split()[4]) for line in output.decode().splitlines())

    assert spoken(done.stdout) == pytest.approx(spoken(expected.stdout), rel=0.15)


def test_truncated_file_is_used_as_far_as_it_goes(example, tmp_path):
    cut = tmp_path / "cut.mp3"
    data = example.read_bytes()
    cut.write_bytes(data[: len(data) // 2] + b"\0" * 20)
    done = run(cut, "--no-transcript", "--rttm", "-o", "-", "-q")
    assert done.returncode == 0, done.stderr
    ends = [float(r.split()[3]) + float(r.split()[4]) for r in done.stdout.decode().splitlines()]
    assert 55 < max(ends) < 80


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_folder_that_may_not_be_written_to(meeting, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    done = run(meeting, "--srt", "-o", locked, "-q")
    assert done.returncode == 1
    assert str(locked) in one_line(done)


def test_folder_that_is_a_file(meeting, tmp_path):
    target = tmp_path / "file"
    target.write_text("here first")
    done = run(meeting, "--srt", "-o", target, "-q")
    assert done.returncode == 1
    assert str(target) in one_line(done)
    assert target.read_text() == "here first"


def test_transcript_that_is_none(meeting, tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text('{"hello": "world"}')
    done = run(meeting, "--transcript", bad, "--srt", "-q")
    assert done.returncode == 1
    assert str(bad) in one_line(done)


def test_transcript_of_another_recording_is_warned_of(tmp_path, speech, example_dir):
    path = write_wav(tmp_path / "short.wav", speech)
    done = run(path, "--transcript", example_dir / "meeting.json", "--json", "-q")
    assert done.returncode == 0
    assert "meeting.json" in one_line(done)


def test_transcript_without_words_or_segments(meeting, tmp_path):
    empty = tmp_path / "empty.json"
    empty.write_text('{"text": "", "segments": [], "language": "en"}')
    done = run(meeting, "--transcript", empty, "-f", "srt,json", "-q")
    assert done.returncode == 0, done.stderr
    assert meeting.with_suffix(".srt").read_text() == ""


def test_words_without_times_get_a_speaker(meeting, tmp_path):
    data = json.loads(meeting.with_suffix(".json").read_text())
    for segment in data["segments"]:
        for word in segment["words"][::3]:
            del word["start"], word["end"]
    patchy = tmp_path / "patchy.json"
    patchy.write_text(json.dumps(data))
    done = run(meeting, "--transcript", patchy, "-o", "-", "-q")
    assert done.returncode == 0, done.stderr
    words = words_of(json.loads(done.stdout)["segments"])
    assert len(words) == sum(len(segment["words"]) for segment in data["segments"])
    assert all(speaker.startswith("SPEAKER_") for _, speaker in words)


def test_debug_shows_where(tmp_path):
    done = run(tmp_path / "missing.wav", "--rttm", "--debug")
    assert done.returncode == 1
    assert b"Traceback" in done.stderr


def test_doubt_of_the_number_of_speakers_stands_below_the_table(capfd):
    talk = Diarization([Turn(0, 2, "a"), Turn(2, 3, "b")], 3, speaker_counts={1: 0.6, 2: 0.4})
    Console().summary(talk, 1.0, [])
    assert "2 speakers (1 likely): if you know the number, add --num-speakers N" in (
        capfd.readouterr().err
    )
