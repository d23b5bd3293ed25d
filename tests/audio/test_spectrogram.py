"""The front end against an independent implementation, and block by block."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.audio import spectrogram


def noise(samples: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(samples)
    return (0.1 * values).astype(np.float32)


def test_equals_librosa() -> None:
    librosa = pytest.importorskip("librosa", reason="pip install librosa")
    for samples in (512, 16000, 90_001):
        audio = noise(samples)
        expected = np.abs(
            librosa.stft(audio, n_fft=512, hop_length=160, win_length=400, center=False)
        ).T
        ours = spectrogram.magnitude(audio)
        assert ours.shape == expected.shape
        assert ours.dtype == np.float32
        assert np.abs(ours - expected).max() < 1e-4


def test_pure_tone_falls_into_its_bin() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    frames = spectrogram.magnitude(tone)
    assert set(frames.argmax(axis=1)) == {32}
    # A Hann window sums to half its length; a real tone puts half its amplitude on each side.
    assert frames[:, 32] == pytest.approx(100.0, rel=1e-3)


@pytest.mark.parametrize("samples", [0, 1, 511])
def test_too_short_gives_no_frame(samples: int) -> None:
    assert spectrogram.magnitude(noise(samples)).shape == (0, 257)


@given(first=st.integers(0, 800), frames=st.integers(1, 600))
def test_any_slice_equals_the_whole(first: int, frames: int) -> None:
    audio = noise(160 * 1500)
    whole = spectrogram.magnitude(audio)
    start = first * spectrogram.HOP
    part = spectrogram.magnitude(audio[start : start + (frames - 1) * 160 + 512])
    assert part.shape == (frames, 257)
    assert np.allclose(part, whole[first : first + frames], atol=1e-5)


@given(st.floats(-90.0, 0.0), st.floats(-60.0, -10.0))
def test_level_is_only_raised(decibels: float, target: float) -> None:
    factor = spectrogram.raise_level(decibels, target)
    assert factor >= 1.0
    raised = decibels + 20 * np.log10(factor)
    assert raised == pytest.approx(max(decibels, target))
