"""Segments in, unit vectors out: checked on networks whose answers can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from diarize.arrays import unit
from diarize.audio.spectrogram import magnitude
from diarize.audio.waveform import Waveform
from diarize.embedding.embedder import OnnxEmbedder
from diarize.errors import ModelError
from diarize.timeline import Segment
from tests.networks import OURS, write_mean_network

RATE = 16000


def sound(seconds: float, seed: int = 0) -> Waveform:
    """Noise whose colour drifts, so that no two windows look alike."""
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal(round(seconds * RATE))
    drift = np.cumsum(rng.standard_normal(len(samples))) / 300
    return Waveform((1000 * (samples + drift)).astype(np.int16))


def floats(waveform: Waveform) -> np.ndarray:
    return waveform.block(0, len(waveform.samples))


@pytest.fixture
def ours(tmp_path: Path) -> OnnxEmbedder:
    return OnnxEmbedder(write_mean_network(tmp_path / "tiny.onnx"), threads=1)


def test_reads_the_models_metadata(ours: OnnxEmbedder) -> None:
    assert (ours.window, ours.hop, ours.dimension) == (1.6, 0.8, 257)
    assert ours.thresholds.clustering == 0.3
    assert ours.thresholds.verification == 0.5
    assert ours.name == "tiny-7"
    assert len(ours.checksum) == 64


def test_a_window_is_a_slice_of_the_whole_spectrogram(ours: OnnxEmbedder) -> None:
    waveform = sound(10)
    frames = magnitude(floats(waveform))
    vectors = ours.embed(waveform, [Segment(2.0, 3.6), Segment(8.4, 10.0)])
    assert vectors.dtype == np.float32
    assert np.allclose(vectors[0], unit(frames[200:360].mean(axis=0)), atol=1e-5)
    # The recording's last frames look past its end and do not exist: what is there is repeated.
    tail = frames[840:]
    expected = unit(np.vstack([tail, tail])[:160].mean(axis=0))
    assert np.allclose(vectors[1], expected, atol=1e-5)


def test_a_long_segment_goes_through_in_one_piece(ours: OnnxEmbedder) -> None:
    waveform = sound(10)
    frames = magnitude(floats(waveform))
    segments = [Segment(1.0, 4.2), Segment(2.0, 3.6), Segment(1.0, 5.8), Segment(3.0, 6.2)]
    expected = [unit(frames[a:b].mean(axis=0)) for a, b in ((100, 420), (200, 360), (100, 580))]
    vectors = ours.embed(waveform, segments)
    assert np.allclose(vectors[:3], expected, atol=1e-5)
    assert np.allclose(vectors[3], unit(frames[300:620].mean(axis=0)), atol=1e-5)


def test_lengths_are_rounded_so_that_pieces_share_batches(ours: OnnxEmbedder) -> None:
    waveform = sound(10)
    frames = magnitude(floats(waveform))
    vector = ours.embed(waveform, [Segment(1.0, 3.95)])[0]
    assert np.allclose(vector, unit(frames[103:391].mean(axis=0)), atol=1e-5)


def test_a_very_long_segment_is_the_mean_of_equal_pieces(ours: OnnxEmbedder) -> None:
    waveform = sound(10)
    frames = magnitude(floats(waveform))
    partials = [unit(frames[a : a + 320].mean(axis=0)) for a in (100, 420)]
    vector = ours.embed(waveform, [Segment(1.0, 7.4)])[0]
    assert np.allclose(vector, unit(np.mean(partials, axis=0)), atol=1e-5)


def test_a_network_of_fixed_windows_gets_the_mean_of_its_partials(tmp_path: Path) -> None:
    embedder = OnnxEmbedder(write_mean_network(tmp_path / "fixed.onnx", ("n", 160, 257)))
    waveform = sound(10)
    frames = magnitude(floats(waveform))
    partials = [unit(frames[a : a + 160].mean(axis=0)) for a in (100, 180, 240)]
    vector = embedder.embed(waveform, [Segment(1.0, 4.0)])[0]
    assert np.allclose(vector, unit(np.mean(partials, axis=0)), atol=1e-5)


def test_a_short_segment_is_repeated(ours: OnnxEmbedder) -> None:
    waveform = sound(4)
    frames = magnitude(floats(waveform))[100:150]
    expected = unit(np.tile(frames, (4, 1))[:160].mean(axis=0))
    assert np.allclose(ours.embed(waveform, [Segment(1.0, 1.5)])[0], expected, atol=1e-5)


def test_no_answer_depends_on_its_company(tmp_path: Path) -> None:
    model = write_mean_network(tmp_path / "tiny.onnx")
    waveform = sound(80)
    rng = np.random.default_rng(1)
    segments = [
        Segment(float(start), float(start + length))
        for start, length in zip(rng.uniform(0, 75, 40), rng.uniform(0, 5, 40), strict=True)
    ]
    together = OnnxEmbedder(model, threads=1).embed(waveform, segments)
    small = OnnxEmbedder(model, threads=1, batch_size=3)
    alone = np.vstack([small.embed(waveform, [segment]) for segment in segments])
    assert np.allclose(together, alone, atol=1e-5)
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("segment", [Segment(0.0, 0.0), Segment(0.5, 0.5), Segment(3.0, 9.0)])
def test_segments_of_no_length_or_outside_are_survived(
    ours: OnnxEmbedder, segment: Segment
) -> None:
    vector = ours.embed(sound(1), [segment])
    assert vector.shape == (1, 257)
    assert np.isfinite(vector).all()


def test_recordings_shorter_than_a_frame(ours: OnnxEmbedder) -> None:
    vector = ours.embed(sound(0.02), [Segment(0.0, 0.02)])
    assert np.linalg.norm(vector[0]) == pytest.approx(1.0, abs=1e-5)
    silent = ours.embed(Waveform(np.zeros(8000, np.int16)), [Segment(0.0, 0.5)])
    assert not silent.any()


def test_no_segments(ours: OnnxEmbedder) -> None:
    assert ours.embed(sound(1), []).shape == (0, 257)


def test_progress_ends_at_the_total(ours: OnnxEmbedder) -> None:
    seen: list[tuple[int, int]] = []
    segments = [Segment(float(i), i + 1.6) for i in range(30)]
    ours.embed(sound(40), segments, lambda _, done, total: seen.append((done, total)))
    assert seen[-1] == (30, 30)
    assert seen == sorted(seen)


def port(folder: Path, mean: np.ndarray, std: np.ndarray) -> OnnxEmbedder:
    np.save(folder / "mean.npy", mean)
    np.save(folder / "std.npy", std)
    return OnnxEmbedder(write_mean_network(folder / "port.onnx", ("n", 300, 257), {}), threads=1)


def test_public_port_raises_the_level_and_scales_the_bins(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    mean = rng.uniform(0, 0.2, 257).astype(np.float32)
    std = rng.uniform(0.5, 2.0, 257).astype(np.float32)
    embedder = port(tmp_path, mean, std)
    assert embedder.thresholds.verification == 0.26
    quiet = Waveform((sound(7.7).samples / 30).astype(np.int16))
    audio = floats(quiet)
    level = 10 * np.log10(np.mean(np.square(audio, dtype=np.float64)))
    assert level < -40
    frames = magnitude(audio * 10 ** ((-30 - level) / 20))
    partials = [((frames[a : a + 300] - mean) / std).mean(axis=0) for a in (0, 150, 300, 450)]
    vector = embedder.embed(quiet, [Segment(0.0, quiet.duration)])[0]
    # The port averages raw answers: the length comes off at the very end.
    assert np.allclose(vector, unit(np.mean(partials, axis=0)), atol=1e-4)


def test_public_port_doubles_frames_of_short_speech(tmp_path: Path) -> None:
    embedder = port(tmp_path, np.zeros(257, np.float32), np.ones(257, np.float32))
    loud = sound(1.2)
    frames = np.repeat(np.repeat(magnitude(floats(loud)), 2, axis=0), 2, axis=0)
    partials = [frames[a : a + 300].mean(axis=0) for a in range(0, len(frames) - 299, 150)]
    vector = embedder.embed(loud, [Segment(0.0, 1.2)])[0]
    assert np.allclose(vector, unit(np.mean(partials, axis=0)), atol=1e-5)


def test_public_port_says_which_file_is_missing(tmp_path: Path) -> None:
    model = write_mean_network(tmp_path / "port.onnx", ("n", 300, 257), {})
    with pytest.raises(ModelError, match=r"needs mean\.npy beside it"):
        OnnxEmbedder(model)
    np.save(tmp_path / "mean.npy", np.zeros(257))
    np.save(tmp_path / "std.npy", np.zeros(10))
    with pytest.raises(ModelError, match=r"std\.npy: 257 finite numbers"):
        OnnxEmbedder(model)


def test_damaged_and_foreign_files_give_one_line(tmp_path: Path) -> None:
    text = tmp_path / "text.onnx"
    text.write_text("not a model")
    cut = tmp_path / "cut.onnx"
    whole = write_mean_network(tmp_path / "whole.onnx").read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    strange = write_mean_network(tmp_path / "strange.onnx", ("n", "t", 13), {})
    incomplete = write_mean_network(
        tmp_path / "incomplete.onnx",
        metadata={key: OURS[key] for key in ("diarize.kind", "diarize.window")},
    )
    for path in (tmp_path / "none.onnx", text, cut, strange, incomplete):
        with pytest.raises(ModelError) as caught:
            OnnxEmbedder(path, threads=1)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_fixed_batch_of_one(tmp_path: Path) -> None:
    model = write_mean_network(tmp_path / "one.onnx", (1, 160, 257))
    waveform = sound(6)
    segments = [Segment(0.0, 1.6), Segment(2.0, 3.6)]
    free = OnnxEmbedder(write_mean_network(tmp_path / "free.onnx"), threads=1)
    fixed = OnnxEmbedder(model, threads=1)
    assert np.allclose(fixed.embed(waveform, segments), free.embed(waveform, segments), atol=1e-6)


def test_bundled_model_tells_its_windows_apart() -> None:
    embedder = OnnxEmbedder(threads=1)
    vectors = embedder.embed(sound(4), [Segment(0.0, 1.6), Segment(2.0, 3.6)])
    assert vectors.shape == (2, embedder.dimension)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert 0 < embedder.thresholds.clustering < 2
