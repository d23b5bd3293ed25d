"""The textbook baseline: cepstra as librosa computes them, changes and speakers by BIC."""

from __future__ import annotations

import numpy as np
import pytest

from diarize.audio.loading import load
from diarize.evaluation.metrics import diarization_error
from diarize.timeline import Segment, Turn
from models.benchmark import baselines
from models.benchmark.baselines import BicOptions, diarize_by_bic, mfcc

RATE = 16_000


def voice(rng: np.random.Generator, seconds: float, poles: tuple[float, float]) -> np.ndarray:
    """Noise through two resonances: a steady "speaker"."""
    from scipy import signal

    noise = rng.normal(size=round(seconds * RATE))
    for pole in poles:
        angle = 2 * np.pi * pole / RATE
        noise = signal.lfilter([1.0], [1.0, -1.9 * np.cos(angle), 0.9025], noise)
    return (0.1 * noise / noise.std()).astype(np.float32)


def test_mfcc_against_librosa() -> None:
    librosa = pytest.importorskip("librosa", reason="pip install librosa")
    samples = voice(np.random.default_rng(0), 2.0, (700.0, 1800.0))
    ours = mfcc(samples)
    emphasised = np.append(samples[0], samples[1:] - 0.97 * samples[:-1])
    # librosa centres the window of 400 in frames of 512.
    emphasised = np.concatenate([np.zeros(56), emphasised, np.zeros(56)])
    mel = librosa.feature.melspectrogram(
        y=emphasised, sr=RATE, n_fft=512, win_length=400, hop_length=160, window="hamming",
        center=False, n_mels=26, htk=True, norm=None, power=2.0,
    )  # fmt: skip
    theirs = librosa.feature.mfcc(S=np.log(mel), n_mfcc=20)[1:].T
    assert ours.shape == theirs.shape
    # Its Hamming window is the periodic one.
    assert np.abs(ours - theirs).max() < 0.05 * np.abs(theirs).max()
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9999


def test_short_input_has_no_frames() -> None:
    assert mfcc(np.zeros(100, dtype=np.float32)).shape == (0, 19)


def test_two_steady_voices_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    low, high = (500.0, 1500.0), (900.0, 2400.0)
    sound = np.concatenate([voice(rng, s, v) for s, v in ((6, low), (5, high), (4, low))])
    waveform = load(sound, sample_rate=RATE)
    turns = diarize_by_bic(waveform, lambda _: [Segment(0.0, 15.0)])
    truth = [Turn(0, 6, "a"), Turn(6, 11, "b"), Turn(11, 15, "a")]
    assert len({turn.speaker for turn in turns}) == 2
    assert diarization_error(truth, turns).rate < 0.05


def test_number_of_speakers_can_be_given() -> None:
    rng = np.random.default_rng(1)
    poles = ((500.0, 1500.0), (900.0, 2400.0), (350.0, 3000.0))
    sound = np.concatenate([voice(rng, 4, pair) for pair in poles])
    waveform = load(sound, sample_rate=RATE)
    for count in (1, 2, 3):
        turns = diarize_by_bic(waveform, lambda _: [Segment(0, 12.0)], num_speakers=count)
        assert len({turn.speaker for turn in turns}) == count


def test_no_speech_and_a_blink_of_speech() -> None:
    waveform = load(np.zeros(RATE, dtype=np.float32), sample_rate=RATE)
    assert diarize_by_bic(waveform, lambda _: []) == []
    assert len(diarize_by_bic(waveform, lambda _: [Segment(0.1, 0.25)])) <= 1


def test_criterion_prefers_one_gaussian_for_one_voice() -> None:
    features = np.random.default_rng(2).normal(size=(1000, 19))
    stats = baselines._Statistics(features)
    assert baselines._changes(stats, 0, 100, BicOptions()) == [(0, 100)]
    features[500:] += 2.0
    pieces = baselines._changes(baselines._Statistics(features), 0, 100, BicOptions())
    assert len(pieces) == 2 and abs(pieces[0][1] - 50) <= 1
