"""The filter bank equals Kaldi's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diarize.audio.fbank import BLOCK, fbank, mel_filters

knf = pytest.importorskip("kaldi_native_fbank", reason="pip install kaldi-native-fbank")


def kaldi(samples: np.ndarray, bins: int = 80) -> np.ndarray:
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = True
    options.frame_opts.window_type = "povey"
    options.mel_opts.num_bins = bins
    computer = knf.OnlineFbank(options)
    computer.accept_waveform(16000, samples.tolist())
    computer.input_finished()
    frames = [computer.get_frame(index) for index in range(computer.num_frames_ready)]
    return np.array(frames, dtype=np.float32).reshape(-1, bins)


@pytest.mark.parametrize("scale", [32768.0, 1.0])
@pytest.mark.parametrize("bins", [80, 40])
def test_equals_kaldi_native_fbank_on_noise_and_tones(scale: float, bins: int) -> None:
    rng = np.random.default_rng(1)
    time = np.arange(32000) / 16000
    chirp = 0.3 * np.sin(2 * np.pi * (100 + 1900 * time) * time)
    samples = ((chirp + 0.02 * rng.normal(size=time.size) + 0.05) * scale).astype(np.float32)
    ours = fbank(samples, num_mel_bins=bins)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, kaldi(samples, bins), atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(length=st.integers(0, 3000), seed=st.integers(0, 2**31), level=st.floats(1, 32768))
def test_equals_kaldi_native_fbank_at_any_length(length: int, seed: int, level: float) -> None:
    samples = np.random.default_rng(seed).uniform(-level, level, length).astype(np.float32)
    ours = fbank(samples)
    assert ours.shape == (max(0, 1 + (length - 400) // 160), 80)
    np.testing.assert_allclose(ours, kaldi(samples), atol=1e-3)


def test_silence_is_the_floor_and_finite() -> None:
    assert np.allclose(fbank(np.zeros(1600, np.float32)), np.log(np.finfo(np.float32).eps))


def test_blocks_join_without_a_seam() -> None:
    rng = np.random.default_rng(2)
    samples = rng.normal(size=160 * (BLOCK + 50) + 400).astype(np.float32)
    whole = fbank(samples)
    around = samples[160 * (BLOCK - 5) :]
    np.testing.assert_allclose(whole[BLOCK - 5 :], fbank(around), atol=1e-4)


def test_every_filter_has_weight_and_none_reaches_nyquist() -> None:
    filters = mel_filters(80)
    assert filters.shape == (257, 80)
    assert (filters.sum(axis=0) > 0).all()
    assert (filters[-1] == 0).all()
