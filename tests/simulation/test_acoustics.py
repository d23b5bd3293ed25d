"""Rooms, noise, channels and codecs: shapes, levels and alignment."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.errors import DiarizeError
from models.simulation import acoustics

RATE = acoustics.SAMPLE_RATE


def voice_like(seconds: float = 1.0, seed: int = 0) -> acoustics.Samples:
    """Harmonics of a wandering pitch that come and go: enough like speech for a codec."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    time = np.arange(n) / RATE
    phase = 2 * np.pi * np.cumsum(120 + 40 * np.sin(2 * np.pi * 1.3 * time)) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 30))
    envelope = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * time)
    return (0.05 * tone * envelope + 0.001 * rng.normal(size=n)).astype(np.float32)


@given(st.floats(-60.0, -3.0))
def test_set_level_reaches_the_level(dbfs):
    assert acoustics.level(acoustics.set_level(voice_like(0.1), dbfs)) == pytest.approx(
        dbfs, abs=0.01
    )


def test_silence_and_nothing_stay_what_they_are():
    silence, nothing = np.zeros(100, dtype=np.float32), np.zeros(0, dtype=np.float32)
    rng = np.random.default_rng(0)
    assert not acoustics.set_level(silence, -20).any()
    assert not acoustics.add_noise(silence, acoustics.coloured_noise(rng, 100), 5).any()
    for out in (
        acoustics.telephone(nothing),
        acoustics.equalise(rng, nothing),
        acoustics.codec(nothing),
        acoustics.apply_rir(nothing, np.ones(3, dtype=np.float32)),
        acoustics.coloured_noise(rng, 0),
        acoustics.clip(nothing, 0.5),
    ):
        assert (out.size, out.dtype) == (0, np.float32)
    assert acoustics.level(nothing) == -120.0


@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_noise_is_added_at_the_ratio(snr):
    clean = voice_like()
    noise = acoustics.coloured_noise(np.random.default_rng(1), clean.size, 1.0)
    added = acoustics.add_noise(clean, noise, snr) - clean
    assert acoustics.level(clean) - acoustics.level(added) == pytest.approx(snr, abs=0.01)


@pytest.mark.parametrize("name", sorted(acoustics.CODECS))
def test_codecs_keep_length_and_alignment(name):
    clean = voice_like()
    coded = acoustics.codec(clean, name)
    assert (coded.shape, coded.dtype) == (clean.shape, np.float32)
    lags = np.correlate(coded[2000:12000], clean[2500:11500], "valid")
    assert abs(int(np.argmax(lags)) - 500) <= 4
    assert not np.array_equal(coded, clean)


def test_unknown_codec_is_named():
    with pytest.raises(DiarizeError, match="'wax'"):
        acoustics.codec(voice_like(), "wax")


def test_telephone_removes_what_a_line_removes():
    time = np.arange(RATE) / RATE
    for hertz, loss in ((60, 20), (1000, -1), (7000, 20)):
        tone = np.sin(2 * np.pi * hertz * time).astype(np.float32)
        lost = acoustics.level(tone) - acoustics.level(acoustics.telephone(tone))
        assert (lost > loss) if loss > 0 else (lost < 1)


def test_mu_law_error_is_small_and_relative():
    clean = voice_like()
    error = acoustics.level(clean) - acoustics.level(acoustics.mu_law(clean) - clean)
    assert 30 < error < 60


def test_equaliser_keeps_the_level_and_is_seeded():
    clean = voice_like()
    first = acoustics.equalise(np.random.default_rng(3), clean)
    again = acoustics.equalise(np.random.default_rng(3), clean)
    assert np.array_equal(first, again)
    assert acoustics.level(first) == pytest.approx(acoustics.level(clean), abs=0.01)
    assert np.corrcoef(first, clean)[0, 1] < 0.999


def test_clip_bounds_the_fraction():
    clean = voice_like()
    out = acoustics.clip(clean, 0.1)
    assert np.mean(np.abs(out) >= np.abs(out).max() - 1e-6) == pytest.approx(0.1, abs=0.01)


def test_rooms_are_seeded_and_longer_when_livelier():
    pytest.importorskip("pyroomacoustics", reason="pip install pyroomacoustics")
    one = acoustics.room(np.random.default_rng(5), rt60=(0.2, 0.2))
    same = acoustics.room(np.random.default_rng(5), rt60=(0.2, 0.2))
    lively = acoustics.room(np.random.default_rng(5), rt60=(0.9, 0.9))
    assert np.array_equal(one, same)
    assert np.isfinite(lively).all()
    assert lively.size > one.size

    def centre(rir):
        energy = np.square(rir[acoustics.direct_path(rir) :], dtype=np.float64)
        return float((energy * np.arange(energy.size)).sum() / energy.sum())

    assert centre(lively) > 2 * centre(one)


def test_shared_room_is_near_and_far():
    pytest.importorskip("pyroomacoustics", reason="pip install pyroomacoustics")
    responses = acoustics.shared_room(np.random.default_rng(2), 4, rt60=(0.15, 0.2))
    assert len(responses) == 4
    starts = np.array([acoustics.direct_path(r) for r in responses])
    peaks = np.array([np.abs(r).max() for r in responses])
    assert peaks[np.argmin(starts)] > peaks[np.argmax(starts)]
    clean = voice_like()
    kept = acoustics.apply_rir(clean, responses[0])
    assert kept.shape == clean.shape
    assert acoustics.level(kept) == pytest.approx(acoustics.level(clean), abs=0.01)


def test_who_is_turned_away_is_quieter():
    pytest.importorskip("pyroomacoustics", reason="pip install pyroomacoustics")
    around = np.arange(0.0, 360.0, 2.0)
    for seed in range(5):
        facing = acoustics._facing(np.random.default_rng(seed))
        gains = np.abs(facing.get_response(around, np.full(around.size, 90.0), degrees=True))
        assert 4.0 < 20 * np.log10(gains.max() / gains.min()) < 14.1
    alike, turned = (
        acoustics.shared_room(np.random.default_rng(3), 4, rt60=(0.15, 0.2), turned=turned)
        for turned in (0.0, 1.0)
    )
    # The first talker stands at the same place; what differs is where that one faces.
    assert acoustics.direct_path(alike[0]) == acoustics.direct_path(turned[0])
    assert np.abs(turned[0]).max() < np.abs(alike[0]).max()


def test_noise_folder_is_decoded(tmp_path, speech_dir):
    noises = acoustics.load_noises(speech_dir / "noise")
    assert len(noises) > 5
    assert all(n.dtype == np.float32 for n in noises.values())
    piece = acoustics.noise_like(np.random.default_rng(0), noises, 200_000)
    assert piece.shape == (200_000,)
    with pytest.raises(DiarizeError, match="no sound file"):
        acoustics.load_noises(tmp_path)
