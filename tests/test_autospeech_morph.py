"""Voices mixed of two, on synthetic vowels."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install torch")
pytest.importorskip("soxr", reason="pip install soxr")

from models.autospeech import bank, data, morph, pool  # noqa: E402

RATE = 16_000
# Formants of three vowels in hertz.
VOWELS = {"a": (750, 1200, 2500), "i": (300, 2200, 2900), "u": (320, 800, 2300)}


def say(vowels: str, pitch: float, size: float = 1.0) -> np.ndarray:
    """Vowels of 0.3 s each by a voice whose formants are `size` times higher, as int16."""
    time = np.arange(int(0.3 * RATE)) / RATE
    parts = []
    for vowel in vowels:
        total = np.zeros_like(time)
        for k in range(1, int(7500 / pitch)):
            near = [np.exp(-(((pitch * k - size * f) / 120.0) ** 2)) for f in VOWELS[vowel]]
            total += (0.01 + max(near)) * np.sin(2 * np.pi * pitch * k * time) / np.sqrt(k)
        parts.append(total * np.hanning(len(time)) ** 0.2)
    whole = np.concatenate(parts)
    return (8000 * whole / np.abs(whole).max()).astype(np.int16)


def first_peaks(samples: np.ndarray, low: float, high: float) -> float:
    """Where the envelope of the whole has its highest point between two frequencies, in hertz."""
    envelope = bank.spectral_envelope(torch.from_numpy(samples.astype(np.float32)))[1]
    mean = envelope.mean(dim=1).numpy()
    hertz = np.arange(len(mean)) * RATE / 2 / (len(mean) - 1)
    inside = (hertz >= low) & (hertz <= high)
    return float(hertz[inside][mean[inside].argmax()])


def test_pitch_is_the_median_of_voiced_moments():
    assert morph.pitch(say("aiu", 110)) == pytest.approx(110, rel=0.02)
    assert morph.pitch(say("aiu", 220)) == pytest.approx(220, rel=0.02)
    noise = (300 * np.random.default_rng(0).normal(size=RATE)).astype(np.int16)
    assert morph.pitch(noise) is None
    assert morph.pitch(noise[:500]) is None


def test_the_way_to_the_other_pitch_has_bounds():
    low, high = say("aiu", 100), say("aiu", 130)
    assert morph.step(low, high, 1.0) == pytest.approx(1.3, rel=0.02)
    assert morph.step(low, high, 0.5) == pytest.approx(1.3**0.5, rel=0.02)
    assert morph.step(low, low, 1.0) == pytest.approx(1.0, rel=0.01)
    assert morph.step(low, say("aiu", 300), 1.0) == morph.FARTHEST
    assert morph.step(low, np.zeros(RATE, dtype=np.int16), 1.0) == 1.0


def test_vowels_are_recognised_across_voices():
    one = bank.spectral_envelope(torch.from_numpy(say("aiuaiu", 110) / np.float32(32768)))[1]
    two = bank.spectral_envelope(torch.from_numpy(say("uaiuai", 170, 1.15) / np.float32(32768)))[1]
    nearest = torch.cdist(morph.phonetic(one), morph.phonetic(two)).argmin(dim=1).numpy()
    moments = 0.3 * RATE / 256

    def vowel(frame, text):
        return text[min(int(frame / moments), len(text) - 1)]

    middle = [f for f in range(one.shape[1]) if 0.25 < f / moments % 1 < 0.75]
    right = [vowel(f, "aiuaiu") == vowel(nearest[f], "uaiuai") for f in middle]
    assert np.mean(right) > 0.9


def test_words_get_the_pitch_and_the_formants_of_the_voice():
    words, voice = say("aiuaiu", 110), say("uiauia", 140, 1.15)
    rng = np.random.default_rng(0)
    out = morph.morph(rng, words, voice, 1.0)
    assert len(out) == pytest.approx(len(words) * 110 / 140, rel=0.02)
    found = (32767 * out / np.abs(out).max()).astype(np.int16)
    assert morph.pitch(found) == pytest.approx(140, rel=0.03)
    # The third formants lie close together in all three vowels: 15 % higher with this voice.
    before, after = first_peaks(words, 2000, 3400), first_peaks(found, 2000, 3800)
    assert after == pytest.approx(first_peaks(voice, 2000, 3800), abs=120)
    assert after - before > 100
    same = morph.morph(rng, words, voice, 0.0)
    assert np.allclose(same, words / np.float32(32768), atol=1e-4)


def test_the_pool_draws_morphs_inside_a_corpus():
    voices, parts, start = [], [], 0
    for name, pitch, size in (("north_0", 100, 1.0), ("north_1", 150, 1.15), ("south_0", 220, 1.2)):
        samples = say("aiu" * 6, pitch, size)
        clips = ((0, samples.size, "s"),)
        voices.append(data.Voice(name, name.split("_")[0], 1.0, start, samples.size, clips))
        parts.append(samples)
        start += samples.size
    speech = data.Speech(np.concatenate(parts), tuple(voices))
    weight = np.array([1.0, 0.0, 0.0])
    inventor = pool.Inventor(speech, weight, morphs=1.0)
    # Nobody else of the corpus may be drawn: the voice is changed alone.
    samples, corpus = inventor(np.random.default_rng(0))
    assert (samples.shape, corpus) == ((pool.LENGTH,), "north")
    inventor = pool.Inventor(speech, np.array([1.0, 1.0, 0.0]), morphs=1.0)
    for seed in range(6):
        samples, corpus = inventor(np.random.default_rng(seed))
        assert (samples.shape, corpus) == ((pool.LENGTH,), "north")
        assert np.abs(samples).max() < 1.0
        again, _ = inventor(np.random.default_rng(seed))
        assert np.array_equal(samples, again)
