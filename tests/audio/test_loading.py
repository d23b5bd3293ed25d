"""Decoding: real files of every usual kind, written with real encoders, read back and measured."""

from __future__ import annotations

import gzip
import io
import os
import struct
import subprocess
import sys
import tempfile
import tracemalloc
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diarize.arrays import SAMPLE_RATE
from diarize.audio.loading import load
from diarize.audio.waveform import Waveform
from diarize.errors import AudioError, UsageError
from diarize.text import clock

SECONDS = 3.0


def tone(rate: int, hertz: float = 440.0, seconds: float = SECONDS) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return (0.25 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def encode(path: Path, channels: np.ndarray, rate: int, codec: str, *, video: bool = False) -> Path:
    """Write ``(channels, n)`` float samples with one of FFmpeg's encoders."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(channels)]
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=10) if video else None
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
            for _ in range(int(SECONDS * 10)):
                still = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
                container.mux(picture.encode(still))
            container.mux(picture.encode(None))
        resampler = av.AudioResampler(stream.codec_context.format, layout, rate)
        fifo = av.AudioFifo()
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels), "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for part in resampler.resample(frame):
            fifo.write(part)
        size = stream.codec_context.frame_size or 1024
        while (part := fifo.read(size, partial=True)) is not None:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def pitch(samples: np.ndarray) -> float:
    """Strongest frequency in Hz, away from the edges."""
    middle = samples[4000:-4000].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(middle.size)))
    return float(spectrum.argmax()) * SAMPLE_RATE / middle.size


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples / 32768.0))))


FORMATS = [
    ("a.wav", "pcm_s16le", 16000, 1),
    ("a.wav", "pcm_s24le", 48000, 2),
    ("a.wav", "pcm_u8", 11025, 1),
    ("a.wav", "pcm_f32le", 96000, 2),
    ("a.wav", "pcm_s64le", 16000, 2),
    ("a.wav", "pcm_mulaw", 8000, 1),
    ("a.mp3", "libmp3lame", 44100, 2),
    ("a.mp3", "libmp3lame", 16000, 1),
    ("a.m4a", "aac", 48000, 2),
    ("a.flac", "flac", 44100, 1),
    ("a.opus", "libopus", 48000, 1),
    ("a.ogg", "libopus", 48000, 2),
    ("a.webm", "libopus", 48000, 2),
    ("a.aiff", "pcm_s16be", 22050, 1),
    ("a.mka", "flac", 48000, 6),
]


@pytest.mark.parametrize(("name", "codec", "rate", "count"), FORMATS)
def test_every_format_keeps_length_pitch_and_level(
    tmp_path: Path, name: str, codec: str, rate: int, count: int
) -> None:
    sound = np.tile(tone(rate), (count, 1))
    waveform = load(encode(tmp_path / name, sound, rate, codec))
    assert waveform.samples.dtype == np.int16
    assert waveform.duration == pytest.approx(SECONDS, abs=0.06)
    assert pitch(waveform.samples) == pytest.approx(440, abs=2)
    assert rms(waveform.samples[4000:-4000]) == pytest.approx(0.25 / np.sqrt(2), rel=0.05)
    assert waveform.path == str(tmp_path / name)
    assert waveform.warnings == ()


def test_sound_of_a_video(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", np.tile(tone(44100), (2, 1)), 44100, "aac", video=True)
    with av.open(str(path)) as container:
        assert container.streams.video
    assert pitch(load(path).samples) == pytest.approx(440, abs=2)


def test_sixteen_bit_mono_at_16_khz_is_kept_bit_for_bit(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-32768, 32768, 50_001).astype(np.int16)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    assert np.array_equal(load(tmp_path / "a.wav").samples, samples)


def test_resampling_keeps_aliases_out() -> None:
    # 9 kHz does not fit into 16 kHz; folded it would sound at 7 kHz.
    rate = 44100
    loud = tone(rate, 1000) + tone(rate, 9000)
    samples = load(loud, sample_rate=rate).samples[4000:-4000] / 32768
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    frequency = np.fft.rfftfreq(samples.size, 1 / SAMPLE_RATE)
    folded = spectrum[np.abs(frequency - 7000) < 50].max()
    assert folded < spectrum.max() * 1e-4  # -80 dB; 16-bit rounding lies below that
    assert frequency[spectrum.argmax()] == pytest.approx(1000, abs=1)


def test_resampling_is_flat_up_to_7_khz() -> None:
    for hertz in (100, 3000, 7000):
        samples = load(tone(48000, hertz), sample_rate=48000).samples[4000:-4000]
        assert rms(samples) == pytest.approx(0.25 / np.sqrt(2), rel=0.01)


@settings(max_examples=25, deadline=None)
@given(rate=st.integers(4000, 200_000), length=st.integers(200, 30_000))
def test_any_rate_gives_the_length_it_should(rate: int, length: int) -> None:
    waveform = load(np.zeros(length, np.float32), sample_rate=rate)
    assert waveform.duration == pytest.approx(length / rate, abs=2 / SAMPLE_RATE)


def test_standard_input(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", tone(44100)[None], 44100, "aac")
    code = "from diarize.audio.loading import load; w = load('-'); print(w.path, w.samples.size)"
    with path.open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-c", code], stdin=file, capture_output=True, text=True, check=True
        )
    assert done.stdout.split() == ["-", str(load(path).samples.size)]


def test_nothing_on_standard_input() -> None:
    code = (
        "from diarize.audio.loading import load\nfrom diarize.errors import AudioError\n"
        "try: load('-')\nexcept AudioError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], input="", capture_output=True, text=True)
    assert "no bytes arrived" in done.stdout


def test_file_objects(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.flac", tone(16000)[None], 16000, "flac")
    expected = load(path).samples
    with path.open("rb") as file:
        assert np.array_equal(load(file).samples, expected)
    assert np.array_equal(load(io.BytesIO(path.read_bytes())).samples, expected)


def test_file_objects_of_other_kinds(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.flac", tone(16000)[None], 16000, "flac")
    expected = load(path).samples
    with gzip.open(tmp_path / "a.flac.gz", "wb") as packed:
        packed.write(path.read_bytes())
    with gzip.open(tmp_path / "a.flac.gz") as unpacked:
        named = load(unpacked)
    with tempfile.SpooledTemporaryFile() as upload:  # its name is None, its mode that of writing
        upload.write(path.read_bytes())
        spooled = load(upload)
    with tempfile.TemporaryFile() as numbered:
        numbered.write(path.read_bytes())
        unnamed = load(numbered)
    for waveform in (named, spooled, unnamed):
        assert np.array_equal(waveform.samples, expected)
    assert named.path.endswith("a.flac.gz")
    assert (spooled.path, unnamed.path) == ("stream", "stream")


def test_without_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = encode(tmp_path / "a.flac", tone(16000)[None], 16000, "flac")
    monkeypatch.setattr("sys.stdin", None)  # closed, as below some servers and window systems
    with pytest.raises(AudioError, match="standard input: nothing is piped in"):
        load("-")
    assert load(io.BytesIO(path.read_bytes())).duration == pytest.approx(SECONDS, abs=0.01)


def latin_mp3(path: Path) -> Path:
    """Write an MP3 with a title in Latin-1, as old programs did."""
    encode(path, tone(16000)[None], 16000, "libmp3lame")
    content = path.read_bytes()
    size = sum(byte << 7 * (3 - place) for place, byte in enumerate(content[6:10]))
    tag = b"TAG" + "Sitzung März".encode("latin-1").ljust(124, b"\0") + b"\x0c"
    path.write_bytes(content[10 + size :] + tag)
    return path


def latin_wav(path: Path) -> Path:
    """Write a WAV with a title in Latin-1."""
    encode(path, tone(16000)[None], 16000, "pcm_s16le")
    title = "Gespräch mit Jürgen\0".encode("latin-1")
    info = b"INFOINAM" + struct.pack("<I", len(title)) + title
    content = path.read_bytes() + b"LIST" + struct.pack("<I", len(info)) + info
    path.write_bytes(content[:4] + struct.pack("<I", len(content) - 8) + content[8:])
    return path


@pytest.mark.parametrize("write", [latin_mp3, latin_wav])
def test_tags_in_an_old_encoding(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    path = write(tmp_path / f"a.{write.__name__[-3:]}")
    with pytest.raises(UnicodeDecodeError), av.open(str(path)):
        pass
    for source in (path, io.BytesIO(path.read_bytes())):
        assert load(source).duration == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.avi", "aac", 48000),
        ("a.wav", "g722", 16000),
        ("a.wav", "flac", 48000),
    ],
)
def test_codecs_that_have_a_number_for_a_tag(
    tmp_path: Path, name: str, codec: str, rate: int
) -> None:
    path = encode(tmp_path / name, tone(rate)[None], rate, codec)
    assert pitch(load(path).samples) == pytest.approx(440, abs=2)


def test_names_that_look_like_protocols(tmp_path: Path) -> None:
    path = encode(tmp_path / "12:30 ünï.wav", tone(16000)[None], 16000, "pcm_s16le")
    assert load(path).duration == pytest.approx(SECONDS, abs=0.01)


# --- channels -----------------------------------------------------------------------------------


def test_channels_are_mixed_by_their_mean() -> None:
    left, right = tone(16000, 300), tone(16000, 800)
    mixed = load(np.stack([left, right]), sample_rate=16000)
    assert np.allclose(mixed.samples / 32768, (left + right) / 2, atol=1e-4)
    assert mixed.warnings == ()


def test_opposite_polarity_does_not_vanish() -> None:
    sound = tone(16000)
    waveform = load(np.stack([0.5 * sound, -0.5 * sound, sound * 0]), sample_rate=16000)
    assert rms(waveform.samples) == pytest.approx(rms(sound * 32768) / 2, rel=0.01)
    assert "cancel each other out" in waveform.warnings[0]


def test_opposite_polarity_in_a_file_is_decoded_again(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.flac", np.stack([tone(44100), -tone(44100)]), 44100, "flac")
    waveform = load(path)
    assert rms(waveform.samples[4000:-4000]) == pytest.approx(0.25 / np.sqrt(2), rel=0.01)
    assert str(path) in waveform.warnings[0]


def test_one_live_channel_of_two_is_no_reason_to_warn() -> None:
    waveform = load(np.stack([tone(16000), 0 * tone(16000)]), sample_rate=16000)
    assert waveform.warnings == ()


def test_one_channel_by_number(tmp_path: Path) -> None:
    both = np.stack([tone(16000, 300), tone(16000, 800)])
    path = encode(tmp_path / "a.wav", both, 16000, "pcm_s16le")
    assert pitch(load(path, channels=1).samples) == pytest.approx(800, abs=1)
    with pytest.raises(UsageError, match="has 2 channels"):
        load(path, channels=2)
    assert np.array_equal(load(path, channels=np.int64(1)).samples, load(path, channels=1).samples)
    for wrong in ("left", None, True, 0.0, np.array([0, 1])):
        with pytest.raises(UsageError, match="'split'"):
            load(path, channels=wrong)
    for wrong in ("0", True, 0.0):
        with pytest.raises(UsageError, match="audio_track="):
            load(path, audio_track=wrong)


@pytest.mark.parametrize("name", ["a.flac", "a.mp3", "a.aac", "a.ac3"])
@pytest.mark.parametrize("counts", [(2, 1), (1, 2)])
def test_joined_files_of_mono_and_stereo(
    tmp_path: Path, name: str, counts: tuple[int, int]
) -> None:
    codec = {"a.mp3": "libmp3lame"}.get(name, name[2:])
    joined, levels = b"", []
    for count, level in zip(counts, (1.0, 0.5), strict=True):
        sound = np.zeros((count, round(48000 * SECONDS)), np.float32)
        sound[-1] = level * tone(48000)  # of two channels, the right one alone
        joined += encode(tmp_path / name, sound, 48000, codec).read_bytes()
        levels.append(level / count * 0.25 / np.sqrt(2))
    path = tmp_path / name
    path.write_bytes(joined)
    waveform = load(path)
    assert waveform.duration == pytest.approx(2 * SECONDS, abs=0.2)
    first, second = waveform.samples[8000:40_000], waveform.samples[56_000:88_000]
    assert [rms(first), rms(second)] == pytest.approx(levels, rel=0.05)
    assert (pitch(first), pitch(second)) == pytest.approx((440, 440), abs=2)


@pytest.mark.parametrize("length", [50, 800, 1599])
def test_two_channels_of_a_moment(length: int) -> None:
    waveform = load(np.full((2, length), 0.5, np.float32), sample_rate=16000)
    assert len(waveform) == length
    assert waveform.warnings == ()


def test_each_channel_by_itself(tmp_path: Path) -> None:
    both = np.stack([tone(44100, 300), tone(44100, 800)])
    path = encode(tmp_path / "a.flac", both, 44100, "flac")
    whole = load(path, channels="split")
    assert np.array_equal(whole.samples, load(path).samples)
    left, right = whole.channels
    assert pitch(left.samples) == pytest.approx(300, abs=1)
    assert pitch(right.samples) == pytest.approx(800, abs=1)
    assert len(left) == len(right)


# --- arrays, levels, odd samples ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.int32, np.uint8])
def test_array_types(dtype: type) -> None:
    sound = tone(16000)
    if np.issubdtype(dtype, np.integer):
        top = 2.0 ** (8 * np.dtype(dtype).itemsize - 1)
        array = np.rint(sound * top + (top if dtype is np.uint8 else 0)).astype(dtype)
    else:
        array = sound.astype(dtype)
    waveform = load(array, sample_rate=16000)
    assert waveform.path == "array"
    assert np.allclose(waveform.samples / 32768, sound, atol=0.005)


def test_array_layouts_agree() -> None:
    both = np.stack([tone(16000, 300), tone(16000, 800)])
    assert np.array_equal(
        load(both, sample_rate=16000).samples, load(both.T, sample_rate=16000).samples
    )


def test_arrays_need_a_rate_and_files_have_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sample_rate"):
        load(tone(16000))
    path = encode(tmp_path / "a.wav", tone(16000)[None], 16000, "pcm_s16le")
    with pytest.raises(UsageError, match="arrays only"):
        load(path, sample_rate=16000)
    with pytest.raises(UsageError, match="axes"):
        load(np.zeros((2, 2, 2)), sample_rate=16000)
    with pytest.raises(UsageError, match="float or integer"):
        load(np.zeros(5, dtype=complex), sample_rate=16000)


def test_the_users_array_is_not_touched() -> None:
    array = tone(16000) * 100
    before = array.copy()
    load(array, sample_rate=16000)
    assert np.array_equal(array, before)


def test_samples_that_are_not_numbers_become_silence(tmp_path: Path) -> None:
    sound = tone(48000)
    sound[1000], sound[2000], sound[3000] = np.nan, np.inf, -1e30
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + sound.nbytes, b"WAVE", b"fmt ", 16, 3, 1,
        48000, 192000, 4, 32, b"data", sound.nbytes,
    )  # fmt: skip
    path = tmp_path / "a.wav"
    path.write_bytes(header + sound.tobytes())
    waveform = load(path)
    assert "3 samples were not numbers" in waveform.warnings[0]
    assert rms(waveform.samples[8000:]) == pytest.approx(0.25 / np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("garbage", [1e10, -1e15, 1e25])
def test_one_sample_beyond_all_scales_silences_no_other(garbage: float) -> None:
    sound = tone(16000)
    sound[1000] = garbage
    waveform = load(sound, sample_rate=16000)
    assert waveform.warnings == ("array: 1 samples were not numbers and became silence.",)
    assert rms(waveform.samples[2000:]) == pytest.approx(0.25 / np.sqrt(2), rel=0.01)


def test_float_samples_in_integer_scale_are_scaled_down() -> None:
    waveform = load(tone(16000) * 32768, sample_rate=16000)
    assert "times full scale" in waveform.warnings[0]
    assert pitch(waveform.samples) == pytest.approx(440, abs=1)
    assert rms(waveform.samples) == pytest.approx(1 / np.sqrt(2), rel=0.01)


def test_a_little_over_full_scale_is_clipped_without_a_word() -> None:
    waveform = load(tone(16000) * 5, sample_rate=16000)
    assert waveform.samples.max() == 32767
    assert waveform.samples.min() == -32768
    assert waveform.warnings == ()


# --- what cannot be read ------------------------------------------------------------------------


def test_messages_name_the_file_and_say_what_to_do(tmp_path: Path) -> None:
    text, empty = tmp_path / "text.wav", tmp_path / "empty.wav"
    text.write_text("these are no samples\n" * 100)
    empty.write_bytes(b"")
    cases = {
        text: "not a recording that can be decoded",
        empty: "empty (0 bytes)",
        tmp_path: "is a folder",
        tmp_path / "missing.mp3": "no such file",
    }
    for path, expected in cases.items():
        with pytest.raises(AudioError) as raised:
            load(path)
        message = str(raised.value)
        assert message.startswith(f"{path}: ")
        assert expected in message
        assert "\n" not in message


def test_addresses_are_not_fetched() -> None:
    with pytest.raises(AudioError, match="Download the file"):
        load("https://example.org/talk.mp3")


def test_playlists_reach_nothing(tmp_path: Path) -> None:
    playlist = tmp_path / "a.m3u8"
    playlist.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(AudioError):
        load(playlist)


def test_a_stream_names_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode(tmp_path / "secret.flac", tone(16000)[None], 16000, "flac")
    script = b"ffconcat version 1.0\nfile secret.flac\n"
    (tmp_path / "list.txt").write_bytes(script)
    monkeypatch.chdir(tmp_path)
    assert load("list.txt").duration > 0.5  # a script of the user's own
    with pytest.raises(AudioError):
        load(io.BytesIO(script))


def test_video_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "mute.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        still = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
        container.mux(stream.encode(still))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match=r"no audio stream \(only video\)"):
        load(path)


def test_header_without_samples(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
    with pytest.raises(AudioError, match="holds no audio samples"):
        load(path)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything"
)
def test_no_permission(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", tone(16000)[None], 16000, "pcm_s16le")
    path.chmod(0)
    with pytest.raises(AudioError, match="may not be read"):
        load(path)


@pytest.mark.parametrize(
    ("name", "codec", "kept"),
    [("a.mp3", "libmp3lame", 0.5), ("a.wav", "pcm_s16le", 0.5), ("a.flac", "flac", 0.5)],
)
def test_truncated_files_give_what_there_is(
    tmp_path: Path, name: str, codec: str, kept: float
) -> None:
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (1, 16000 * 12)).astype(np.float32)
    path = encode(tmp_path / name, noise, 16000, codec)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    waveform = load(path)
    assert waveform.duration == pytest.approx(12 * kept, abs=1)
    assert f"{path}: truncated or damaged: 0:0" in waveform.warnings[0]
    assert "of 0:12" in waveform.warnings[0]


def test_mp4_cut_before_its_index(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", tone(44100)[None], 44100, "aac")
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(AudioError, match="index is missing"):
        load(path)


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.webm", "libopus")])
def test_damage_in_the_middle_is_skipped(tmp_path: Path, name: str, codec: str) -> None:
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (1, 48000 * 12)).astype(np.float32)
    path = encode(tmp_path / name, noise, 48000, codec)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 8_000] = b"\xff" * 8_000
    path.write_bytes(data)
    waveform = load(path)
    assert 5 < waveform.duration < 12
    assert "damaged" in waveform.warnings[0]


def test_mp3_of_guessed_length_is_not_called_truncated(tmp_path: Path) -> None:
    # Without a Xing header FFmpeg guesses the length from the first frames' bit rate.
    path = encode(tmp_path / "a.mp3", tone(16000)[None], 16000, "libmp3lame")
    data = path.read_bytes()
    start = data.find(b"Xing") if b"Xing" in data else data.find(b"Info")
    assert start > 0
    next_frame = data.find(data[data.find(b"\xff\xf3") :][:2], start)
    path.write_bytes(data[next_frame:])
    assert load(path).warnings == ()


# --- Waveform, progress, memory -----------------------------------------------------------------


def test_blocks_cover_everything_once() -> None:
    samples = np.random.default_rng(0).integers(-32768, 32768, 50_001).astype(np.int16)
    waveform = Waveform(samples)
    blocks = list(waveform.blocks(1.0))
    assert [block.size for block in blocks] == [16000, 16000, 16000, 2001]
    assert np.array_equal(np.concatenate(blocks), samples.astype(np.float32) / 32768)
    assert waveform.block(-10, 5).size == 5
    assert waveform.block(50_000, 60_000).size == 1
    assert waveform.block(5, 3).size == 0


def test_progress_ends_at_the_length(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.flac", np.zeros((1, 44100 * 20), np.float32), 44100, "flac")
    steps: list[tuple[str, int, int | None]] = []
    load(path, on_progress=lambda *step: steps.append(step))
    assert steps[-1] == ("audio", 20, 20)
    assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps)


def test_memory_is_the_16_bit_samples_and_little_more(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 32000, 0, "NONE", ""))
        for _ in range(10):
            file.writeframes(bytes(32000 * 2 * 60))
    load(np.zeros(100, np.float32), sample_rate=32000)  # imports are no part of it
    tracemalloc.start()
    samples = load(path).samples
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert samples.size == 10 * 60 * SAMPLE_RATE
    assert peak < samples.nbytes + 30e6


def test_clock() -> None:
    assert [clock(t) for t in (0, 59.4, 59.9, 3600)] == ["0:00", "0:59", "1:00", "1:00:00"]
