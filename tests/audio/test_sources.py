"""What people hand over as a recording: the same sound comes of it, or one error that says more."""

from __future__ import annotations

import codecs
import io
import os
import subprocess
import sys
import tempfile
import threading
import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize import DiarizeError
from diarize.arrays import SAMPLE_RATE
from diarize.audio.loading import load
from diarize.errors import AudioError, UsageError
from tests.audio.test_loading import encode, pitch, tone
from tests.conftest import ROOT

SOUND = tone(SAMPLE_RATE)


class Tensor:
    """As much of a torch tensor on another device as numpy cannot read by itself."""

    def __init__(self, array: np.ndarray, device: str = "cuda", grad: bool = True) -> None:
        self.array, self.device, self.grad = array, device, grad

    def detach(self) -> Tensor:
        return Tensor(self.array, self.device, False)

    def cpu(self) -> Tensor:
        return Tensor(self.array, "cpu", self.grad)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if self.device != "cpu" or self.grad:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        return self.array


def flac() -> bytes:
    target = io.BytesIO()
    with av.open(target, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.rint(SOUND * 32767).astype(np.int16)[None], "s16", "mono"
        )
        frame.sample_rate = SAMPLE_RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return target.getvalue()


GIVEN: dict[str, Any] = {
    "(array, rate)": (SOUND, SAMPLE_RATE),
    "(rate, array), as SciPy": (SAMPLE_RATE, np.rint(SOUND * 32767).astype(np.int16)),
    "pyannote's mapping": {"waveform": Tensor(SOUND[None]), "sample_rate": SAMPLE_RATE},
    "a datasets row": {"audio": {"path": None, "array": SOUND, "sampling_rate": SAMPLE_RATE}},
    "a numpy rate": {"array": SOUND, "sampling_rate": np.int64(SAMPLE_RATE)},
    "bytes": flac(),
    "bytearray": bytearray(flac()),
    "memoryview": memoryview(flac()),
    "a mapping with bytes": {"bytes": flac(), "path": None},
}


@pytest.mark.parametrize("kind", GIVEN)
def test_recordings_that_bring_all_they_need(kind: str) -> None:
    samples = load(GIVEN[kind]).samples
    assert np.allclose(samples / 32768, SOUND, atol=1e-3)


BARE: dict[str, Any] = {
    "a list": SOUND.tolist(),
    "a tensor": Tensor(SOUND),
    "half precision": SOUND.astype(np.float16),
    "a batch of one": SOUND[None, None],
    "a column": SOUND[:, None],
    "a view": np.stack([SOUND, SOUND])[:, ::1][0],
    "big-endian": SOUND.astype(">f4"),
    "unsigned 16 bits": np.rint(SOUND * 32767 + 32768).astype(np.uint16),
    "unsigned 32 bits": np.rint(SOUND * 2.0**31 + 2.0**31).astype(np.uint32),
}


@pytest.mark.parametrize("kind", BARE)
def test_arrays_of_many_kinds(kind: str) -> None:
    samples = load(BARE[kind], sample_rate=SAMPLE_RATE).samples
    assert np.allclose(samples / 32768, SOUND, atol=2e-3)


@pytest.mark.slow
def test_real_tensors() -> None:
    torch = pytest.importorskip("torch")
    for tensor in (
        torch.tensor(SOUND),
        torch.tensor(SOUND, requires_grad=True),
        torch.tensor(SOUND)[None],
        torch.tensor(SOUND).to(torch.bfloat16),
        torch.tensor(np.rint(SOUND * 32767)).to(torch.int64),
    ):
        samples = load(tensor, sample_rate=SAMPLE_RATE).samples
        assert np.allclose(samples / 32768, SOUND, atol=5e-3)


@given(
    bits=st.sampled_from([16, 24, 32]),
    dtype=st.sampled_from([np.int32, np.int64]),
    peak=st.floats(0.01, 1.0),
)
def test_the_scale_of_wide_integers_is_found(bits: int, dtype: type, peak: float) -> None:
    sound = SOUND.astype(np.float64) / np.abs(SOUND).max() * peak
    whole = np.rint(sound * (2.0 ** (bits - 1) - 1)).astype(dtype)
    assert np.allclose(load(whole, sample_rate=SAMPLE_RATE).samples / 32768, sound, atol=2e-3)


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        (SOUND, {}, "sample_rate"),
        (SOUND, {"sample_rate": "16000"}, "number of Hz"),
        (SOUND, {"sample_rate": 0}, "number of Hz"),
        (SOUND, {"sample_rate": -16000}, "number of Hz"),
        (SOUND, {"sample_rate": float("nan")}, "number of Hz"),
        (SOUND, {"sample_rate": True}, "number of Hz"),
        (SOUND, {"sample_rate": 1}, "number of Hz"),
        (SOUND, {"sample_rate": 44.1}, "sample_rate is 44.1: pass a number of Hz (not kHz)"),
        ({"waveform": SOUND}, {}, "sample_rate"),
        ({"waveform": SOUND, "sample_rate": 8000}, {"sample_rate": 16000}, "leave one out"),
        ({"sound": SOUND}, {}, "'sound'"),
        ({}, {}, "nothing"),
        (None, {}, "NoneType"),
        (12, {}, "int"),
        (object(), {}, "object"),
        (SOUND.astype(complex), {"sample_rate": 16000}, "complex"),
        (SOUND > 0, {"sample_rate": 16000}, "bool"),
        (np.array(["a", "b"]), {"sample_rate": 16000}, "not <U1"),
        (np.zeros((80, 3000), np.float32), {"sample_rate": 16000}, "spectrogram"),
        (np.zeros((2, 2, 8000), np.float32), {"sample_rate": 16000}, "axes"),
        (np.float32(0.5), {"sample_rate": 16000}, "axes"),
        ([[0.5, 0.2], [0.1]], {"sample_rate": 16000}, "no samples"),
        (np.zeros(0, np.float32), {"sample_rate": 16000}, "no audio samples"),
        (io.StringIO("text"), {}, "'rb'"),
        (b"", {}, "no bytes"),
        (b"not a recording at all", {}, "decoded"),
        ("meeting.wav", {"sample_rate": 16000}, "arrays only"),
    ],
)
def test_one_error_says_what_to_pass(source: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(DiarizeError) as caught:
        load(source, **options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_whose_header_says_1_hz(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 1, 0, "NONE", ""))
        file.writeframes(bytes(400_000))
    with pytest.raises(AudioError, match=r"a\.wav: says that it has 1 samples a second"):
        load(path)


def test_files_that_are_open_for_text(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.flac", SOUND[None], SAMPLE_RATE, "flac")
    with tempfile.NamedTemporaryFile("w+") as file, pytest.raises(UsageError, match="'rb'"):
        load(file)  # type: ignore[arg-type]
    with codecs.open(str(path), encoding="latin-1") as file, pytest.raises(UsageError):
        load(file)  # type: ignore[arg-type]


@pytest.mark.slow
def test_tensors_without_samples() -> None:
    torch = pytest.importorskip("torch")
    for tensor in (torch.tensor(SOUND).to_sparse(), torch.tensor(SOUND).to("meta")):
        with pytest.raises(UsageError, match="a Tensor holds no samples"):
            load(tensor, sample_rate=SAMPLE_RATE)


def test_a_closed_file(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.flac", SOUND[None], SAMPLE_RATE, "flac")
    with path.open("rb") as file:
        pass
    with pytest.raises(DiarizeError, match="Open it again"):
        load(file)


# --- pipes --------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_opened_once(tmp_path: Path) -> None:
    content = encode(tmp_path / "a.m4a", SOUND[None], SAMPLE_RATE, "aac").read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    failures: list[OSError] = []

    def feed() -> None:
        try:
            with pipe.open("wb") as file:
                file.write(content)
        except OSError as error:
            failures.append(error)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    waveform = load(pipe)
    feeder.join(10)
    assert not failures and not feeder.is_alive()
    assert pitch(waveform.samples) == pytest.approx(440, abs=2)
    assert waveform.path == str(pipe)


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX kind")
def test_process_substitution(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", SOUND[None], SAMPLE_RATE, "aac")
    code = (
        "import sys; from diarize.audio.loading import load; print(load(sys.argv[1]).samples.size)"
    )
    done = subprocess.run(
        ["bash", "-c", f'exec "$0" -c "$1" <(cat {path})', sys.executable, code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(load(path).samples.size)], done.stderr


# --- tracks and pictures ------------------------------------------------------------------------


def film(
    path: Path,
    tracks: list[tuple[float, int, bool]],
    picture: float = 0.0,
    seconds: float = 3.0,
    tags: bool = True,
) -> Path:
    """Write a Matroska or MP4 file: tracks of (Hz, channels, default), and a picture if wanted."""
    options = {} if tags else {"fflags": "+bitexact"}
    with av.open(str(path), "w", options=options) as container:
        sounds = []
        video = container.add_stream("mpeg4", rate=10) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for number, (hertz, count, default) in enumerate(tracks):
            layout = {1: "mono", 2: "stereo"}[count]
            stream = container.add_stream("flac", rate=16000, layout=layout)
            stream.disposition = av.stream.Disposition.default.value if default else 0
            stream.metadata["language"] = ["eng", "deu", "fra"][number]
            sounds.append((stream, np.tile(tone(16000, hertz, seconds), (count, 1)), layout))
        for stream, planes, layout in sounds:
            packed = np.rint(planes.T.reshape(1, -1) * 32767).astype(np.int16)
            for start in range(0, planes.shape[1], 4096):
                part = packed[:, start * len(planes) : (start + 4096) * len(planes)]
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), "s16", layout)
                frame.sample_rate, frame.pts = 16000, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        if video is not None:
            for _ in range(round(picture * 10)):
                still = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
                container.mux(video.encode(still))
            container.mux(video.encode(None))
    return path


@pytest.mark.parametrize(
    ("tracks", "chosen"),
    [
        ([(300, 1, True), (800, 2, True)], 1),  # both default: the most channels
        ([(300, 1, True), (800, 2, False)], 0),  # a default track comes first
        ([(300, 2, False), (800, 1, True)], 1),
        ([(300, 1, False), (800, 1, False)], 0),  # else the first
        ([(300, 2, True), (800, 2, True), (500, 2, True)], 0),
    ],
)
def test_the_track_that_ffmpeg_takes(
    tmp_path: Path, tracks: list[tuple[float, int, bool]], chosen: int
) -> None:
    path = film(tmp_path / "a.mkv", tracks)
    waveform = load(path)
    assert pitch(waveform.samples) == pytest.approx(tracks[chosen][0], abs=1)
    (line,) = waveform.warnings
    assert f"has {len(tracks)} audio tracks: 0 (" in line
    assert f"Track {chosen} is used" in line
    assert "eng" in line and "deu" in line and "--audio-track" in line
    for number, (hertz, _, _) in enumerate(tracks):
        other = load(path, audio_track=number)
        assert pitch(other.samples) == pytest.approx(hertz, abs=1)
        assert other.warnings == ()
    with pytest.raises(DiarizeError, match=f"no audio track {len(tracks)}"):
        load(path, audio_track=len(tracks))


def test_a_single_track_needs_no_line(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", [(300, 2, False)], picture=3)
    assert load(path, audio_track=0).warnings == load(path).warnings == ()


def test_a_track_of_an_unknown_codec_is_passed_over(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", [(300, 2, True), (800, 1, True)])
    path.write_bytes(path.read_bytes().replace(b"A_FLAC", b"A_NONE", 1))
    waveform = load(path)
    assert pitch(waveform.samples) == pytest.approx(800, abs=1)
    (line,) = waveform.warnings
    assert "0 (unknown codec, eng), 1 (mono, flac, deu). Track 1 is used" in line
    assert pitch(load(path, audio_track=1).samples) == pytest.approx(800, abs=1)
    with pytest.raises(AudioError, match="codec is not supported"):
        load(path, audio_track=0)


def test_a_single_track_of_an_unknown_codec(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", [(300, 2, True)])
    path.write_bytes(path.read_bytes().replace(b"A_FLAC", b"A_NONE"))
    with pytest.raises(AudioError, match="codec is not supported"):
        load(path)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
@pytest.mark.parametrize("tags", [True, False])
def test_sound_that_ends_before_the_picture_is_whole(tmp_path: Path, name: str, tags: bool) -> None:
    path = film(tmp_path / name, [(300, 1, True)], picture=8, tags=tags)
    waveform = load(path)
    assert waveform.duration == pytest.approx(3, abs=0.01)
    assert waveform.warnings == ()


@pytest.mark.parametrize("tags", [True, False])
def test_a_film_that_is_cut_off_is_told(tmp_path: Path, tags: bool) -> None:
    path = film(tmp_path / "a.mkv", [(300, 1, True)], picture=8, seconds=8, tags=tags)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
    (line,) = load(path).warnings
    assert "truncated or damaged" in line or "damaged" in line
